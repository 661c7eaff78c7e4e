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

/// `GET /health/ready`: it can take an order. 503 where it cannot, with what is missing.
pub(super) async fn ready(State(backend): State<Arc<Backend>>) -> Response {
    let database = tokio::time::timeout(WITHIN, backend.ping()).await.is_ok_and(|answer| answer.is_ok());
    let instruments = backend.instruments().is_ok();
    let silent: Vec<&str> = Venue::ALL
        .into_iter()
        .filter(|venue| backend.market.staleness(*venue) > Duration::from_secs(30))
        .map(Venue::name)
        .collect();
    let ready = database && instruments;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready, "origin": backend.origin(), "database": database, "instruments": instruments,
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
