//! What surrounds a request: a limit of time, its measurement, and the guard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Problem;
use crate::service::Backend;

/// How long a request may take, its body included: who sends a byte a second has none to spare for us.
const WITHIN: Duration = Duration::from_secs(10);

/// Runs a request within its time, counts it, and tells the guard of orders.
pub(super) async fn measure(State(backend): State<Arc<Backend>>, request: Request, next: Next) -> Response {
    let from = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let is_order = request.method() == Method::POST && route == "/orders";
    let refused = is_order && backend.guard.is_frozen();
    let response = if refused {
        backend.metrics.guard_refused.inc();
        backend.metrics.orders.with_label_values(&["frozen"]).inc();
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "trading frozen").into_response()
    } else {
        answer(&backend, request, next).await
    };
    let took = from.elapsed();
    let status = response.status();
    let metrics = &backend.metrics;
    metrics.request_duration.with_label_values(&[&route]).observe(took.as_secs_f64());
    metrics.requests.with_label_values(&[route.as_str(), status.as_str()]).inc();
    // an order that was refused because of the guard says nothing new to it; one that was refused with 503 did no harm, and is
    // tried again: a database that is away for a moment must not cost an operator's thaw
    if is_order && !refused {
        backend.guard.observe(took, status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE);
    }
    response
}

async fn answer(backend: &Backend, request: Request, next: Next) -> Response {
    let reports = request.uri().path() == "/csp-reports";
    if !reports && backend.faults.fails_request() {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed").into_response();
    }
    backend.faults.burn().await;
    match tokio::time::timeout(WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::passing(StatusCode::SERVICE_UNAVAILABLE, "the request took too long").into_response()
        }
    }
}
