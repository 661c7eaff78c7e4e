//! Toxiproxy's HTTP interface.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;

use crate::error::Refused;
use crate::limits::BODY_BYTES_MAX;
use crate::proxies::Proxies;

/// An answer, or why there is none.
type Answer = Result<Response, Refused>;

/// Serves the interface for good.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, proxies: Arc<Proxies>) -> std::io::Result<()> {
    let one_proxy = get(show).post(change).patch(change).delete(delete);
    let one_toxic = get(show_toxic).post(change_toxic).patch(change_toxic).delete(delete_toxic);
    let router = Router::new()
        .route("/version", get(version))
        .route("/proxies", get(list).post(create))
        .route("/proxies/{proxy}", one_proxy)
        .route("/proxies/{proxy}/toxics", get(list_toxics).post(add_toxic))
        .route("/proxies/{proxy}/toxics/{toxic}", one_toxic)
        .route("/populate", post(populate))
        .route("/reset", post(reset))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(no_browsers))
        .with_state(proxies);
    axum::serve(listener, router).await
}

/// A page in a browser must not reach ports of the machine that it is shown on.
async fn no_browsers(request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if agent.is_some_and(|agent| agent.starts_with("Mozilla/")) {
        return problem(StatusCode::FORBIDDEN, "browsers are not served here");
    }
    next.run(request).await
}

async fn version() -> Response {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") })).into_response()
}

async fn list(State(proxies): State<Arc<Proxies>>) -> Response {
    Json(proxies.all().await).into_response()
}

async fn create(State(proxies): State<Arc<Proxies>>, body: Bytes) -> Answer {
    let state = proxies.create(read(&body)?).await?;
    Ok((StatusCode::CREATED, Json(state)).into_response())
}

async fn populate(State(proxies): State<Arc<Proxies>>, body: Bytes) -> Answer {
    let states = proxies.populate(read(&body)?).await?;
    Ok((StatusCode::CREATED, Json(json!({ "proxies": states }))).into_response())
}

async fn reset(State(proxies): State<Arc<Proxies>>) -> Answer {
    proxies.reset().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn show(State(proxies): State<Arc<Proxies>>, Path(proxy): Path<String>) -> Answer {
    Ok(Json(proxies.get(&proxy).await?).into_response())
}

async fn change(State(proxies): State<Arc<Proxies>>, Path(proxy): Path<String>, body: Bytes) -> Answer {
    Ok(Json(proxies.change(&proxy, read(&body)?).await?).into_response())
}

async fn delete(State(proxies): State<Arc<Proxies>>, Path(proxy): Path<String>) -> Answer {
    proxies.delete(&proxy).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list_toxics(State(proxies): State<Arc<Proxies>>, Path(proxy): Path<String>) -> Answer {
    Ok(Json(proxies.toxics(&proxy).await?).into_response())
}

async fn add_toxic(State(proxies): State<Arc<Proxies>>, Path(proxy): Path<String>, body: Bytes) -> Answer {
    Ok(Json(proxies.add_toxic(&proxy, read(&body)?).await?).into_response())
}

async fn show_toxic(
    State(proxies): State<Arc<Proxies>>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Answer {
    Ok(Json(proxies.toxic(&proxy, &toxic).await?).into_response())
}

async fn change_toxic(
    State(proxies): State<Arc<Proxies>>,
    Path((proxy, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    Ok(Json(proxies.change_toxic(&proxy, &toxic, read(&body)?).await?).into_response())
}

async fn delete_toxic(
    State(proxies): State<Arc<Proxies>>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Answer {
    proxies.delete_toxic(&proxy, &toxic).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A body of JSON, whatever it is called: not every client says.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::Body(error.to_string()))
}

fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error, "status": status.as_u16() }))).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoProxy(_) | Self::NoToxic(_) => StatusCode::NOT_FOUND,
            Self::ProxyExists(_) | Self::ToxicExists(_) => StatusCode::CONFLICT,
            Self::Listen { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        problem(status, &self.to_string())
    }
}
