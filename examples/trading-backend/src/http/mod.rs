//! What is served: orders and positions, reports of browsers, health, metrics; and, for operators alone, switches.

mod admin;
mod csp;
mod guarded;
mod headers;
mod health;
mod orders;
mod problem;
mod reports;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};

pub use self::csp::FloodControl;
pub use self::problem::Problem;
pub use self::reports::collect_reports;
use crate::service::Backend;

/// Longest body: an order is 200 bytes, a report of a browser two kilobytes.
const BODY_MAX: usize = 16 * 1024;

/// What everybody may ask.
pub fn public(backend: Arc<Backend>) -> Router {
    let measured = Router::new()
        .route("/orders", post(orders::place))
        .route("/orders/{id}", get(orders::show).delete(orders::cancel))
        .route("/positions", get(orders::positions))
        .route("/csp-reports", post(csp::report))
        .route_layer(from_fn_with_state(Arc::clone(&backend), guarded::measure));
    let bare = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/started", get(health::started))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics));
    measured
        .merge(bare)
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not by this method")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(headers::add))
        .with_state(backend)
}

/// What an operator may do, on an address of its own.
pub fn admin(backend: Arc<Backend>) -> Router {
    Router::new()
        .route("/faults", get(admin::faults).delete(admin::all_off))
        .route("/faults/{name}", get(admin::fault).post(admin::turn))
        .route("/guard", get(admin::guard))
        .route("/guard/thaw", post(admin::thaw))
        .route_layer(from_fn_with_state(Arc::clone(&backend), admin::authorize))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here"))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(backend)
}
