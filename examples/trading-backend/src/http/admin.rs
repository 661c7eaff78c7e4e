//! For operators: fault switches and the guard's thaw, behind a token.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::Problem;
use crate::fault::{Fault, Shown, Wanted};
use crate::guard::Standing;
use crate::service::Backend;

/// Lets those in who show the token. Digests are compared, so that the time it takes says nothing about it.
pub(super) async fn authorize(State(backend): State<Arc<Backend>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("");
    if Sha256::digest(token) == Sha256::digest(&backend.settings.admin_token) {
        next.run(request).await
    } else {
        Problem::new(StatusCode::UNAUTHORIZED, "expected `Authorization: Bearer …` with the admin token")
            .into_response()
    }
}

pub(super) async fn faults(State(backend): State<Arc<Backend>>) -> Json<Vec<Shown>> {
    Json(Fault::ALL.into_iter().map(|fault| backend.faults.shown(fault)).collect())
}

pub(super) async fn all_off(State(backend): State<Arc<Backend>>) -> Json<Vec<Shown>> {
    backend.faults.all_off();
    faults(State(backend)).await
}

pub(super) async fn fault(
    State(backend): State<Arc<Backend>>,
    Path(name): Path<String>,
) -> Result<Json<Shown>, Problem> {
    Ok(Json(backend.faults.shown(named(&name)?)))
}

pub(super) async fn turn(
    State(backend): State<Arc<Backend>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Shown>, Problem> {
    let bad = |why: String| Problem::new(StatusCode::BAD_REQUEST, why);
    let fault = named(&name)?;
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|error| bad(format!("the body: {error}")))?;
    let shown = backend.faults.turn(fault, wanted).map_err(bad)?;
    crate::log(&format!("fault `{}` is {}", shown.name, if shown.on { "on" } else { "off" }));
    Ok(Json(shown))
}

fn named(name: &str) -> Result<Fault, Problem> {
    Fault::named(name).ok_or_else(|| {
        let names: Vec<&str> = Fault::ALL.into_iter().map(|fault| fault.switch().name).collect();
        Problem::new(StatusCode::NOT_FOUND, format!("there is no such fault; there are {}", names.join(", ")))
    })
}

pub(super) async fn guard(State(backend): State<Arc<Backend>>) -> Json<Standing> {
    Json(backend.guard.standing())
}

pub(super) async fn thaw(State(backend): State<Arc<Backend>>) -> Json<Standing> {
    backend.guard.thaw();
    crate::log("an operator thawed trading");
    Json(backend.guard.standing())
}
