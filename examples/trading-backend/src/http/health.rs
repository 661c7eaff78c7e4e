//! Health and metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Problem;
use crate::instrument::Venue;
use crate::service::Backend;

/// How long the database may take to be called ready.
const WITHIN: Duration = Duration::from_secs(1);

/// `GET /health/live`: the process answers. It says nothing of what it stands on, or a database that is away would have every
/// instance restarted.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /health/started`: it knows what can be traded, and at what prices. Once that is so, it stays so: a proxy that sends
/// requests by this answer keeps them coming when the database is away, and clients are told by us.
pub(super) async fn started(State(backend): State<Arc<Backend>>) -> Response {
    let unquoted = backend.unquoted();
    let started = unquoted.as_ref().is_some_and(Vec::is_empty);
    let status = if started { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "started": started, "unquoted": unquoted }))).into_response()
}

/// `GET /health/ready`: it can take an order. 503 where it cannot, with what is missing.
pub(super) async fn ready(State(backend): State<Arc<Backend>>) -> Response {
    let database = tokio::time::timeout(WITHIN, backend.ping()).await.is_ok_and(|answer| answer.is_ok());
    let started = backend.unquoted().is_some_and(|unquoted| unquoted.is_empty());
    let silent: Vec<&str> = Venue::ALL
        .into_iter()
        .filter(|venue| backend.market.staleness(*venue) > Duration::from_secs(30))
        .map(Venue::name)
        .collect();
    let ready = database && started;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready, "origin": backend.origin(), "database": database, "started": started,
        "silent_venues": silent, "guard": backend.guard.standing(),
    });
    (status, Json(body)).into_response()
}

/// `GET /metrics`, in the text format 0.0.4.
pub(super) async fn metrics(State(backend): State<Arc<Backend>>) -> Result<Response, Problem> {
    backend.refresh_metrics();
    let text = backend
        .metrics
        .text()
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
