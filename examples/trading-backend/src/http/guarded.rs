//! What surrounds a request: a limit of time, its measurement, and the guard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{BODY_MAX, Problem};
use crate::service::Backend;

/// How long a body may take to come in: who sends a byte a second has none to spare for us.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// How long an answer may take, from then on.
const WITHIN: Duration = Duration::from_secs(10);

/// Runs a request within its time, counts it, and tells the guard of orders. The clock starts when the body is there: a client that
/// is slow must not look like a service that is.
pub(super) async fn measure(State(backend): State<Arc<Backend>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let is_order = request.method() == Method::POST && route == "/orders";
    let request = read(request).await;
    let from = Instant::now();
    let refused = is_order && backend.guard.is_frozen();
    let response = if refused {
        backend.metrics.guard_refused.inc();
        backend.metrics.orders.with_label_values(&["frozen"]).inc();
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "trading frozen").into_response()
    } else {
        match request {
            Ok(request) => answer(&backend, request, next).await,
            Err(problem) => problem.into_response(),
        }
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

/// The request with its body read.
async fn read(request: Request) -> Result<Request, Problem> {
    let (head, body) = request.into_parts();
    match tokio::time::timeout(READ_WITHIN, axum::body::to_bytes(body, BODY_MAX)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(head, Body::from(bytes))),
        Ok(Err(_)) => {
            let why = format!("the body did not come in whole, or is longer than {BODY_MAX} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

async fn answer(backend: &Backend, request: Request, next: Next) -> Response {
    let reports = request.uri().path() == "/csp-reports";
    if !reports && backend.faults.fails_request() {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed").into_response();
    }
    let burnt = async {
        backend.faults.burn().await;
        backend.faults.block();
        next.run(request).await
    };
    match tokio::time::timeout(WITHIN, burnt).await {
        Ok(response) => response,
        Err(_) => {
            Problem::passing(StatusCode::SERVICE_UNAVAILABLE, "the request took too long").into_response()
        }
    }
}
