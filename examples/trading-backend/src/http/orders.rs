//! Orders and positions over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Problem;
use crate::idempotency::Key;
use crate::orders::{Order, PlaceOrder};
use crate::positions::Position;
use crate::service::Backend;

/// `POST /orders`, with an `Idempotency-Key`.
pub(super) async fn place(
    State(backend): State<Arc<Backend>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let key = one_key(&headers)?;
    let body = body.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    if !is_json(&headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "expected `Content-Type: application/json`",
        ));
    }
    let order: PlaceOrder = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body: {error}")))?;
    let answer = crate::orders::place(&backend, &key, &order).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    Ok((status, [(header::CONTENT_TYPE, kind)], answer.body).into_response())
}

/// Exactly one key: with two, which one counts would be a guess.
fn one_key(headers: &HeaderMap) -> Result<Key, Problem> {
    let bad = |why: &str| Problem::new(StatusCode::BAD_REQUEST, why);
    let mut values = headers.get_all("idempotency-key").iter();
    let value = values.next().ok_or_else(|| bad("an order needs an `Idempotency-Key`"))?;
    if values.next().is_some() {
        return Err(bad("an order has one `Idempotency-Key`, not several"));
    }
    let text = value.to_str().map_err(|_| bad("`Idempotency-Key` is no ASCII"))?;
    Key::parse(text).map_err(|why| bad(&why))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// `GET /orders/{id}`
pub(super) async fn show(
    State(backend): State<Arc<Backend>>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Order>, Problem> {
    let Path(id) = id.map_err(|_| no_order())?;
    Ok(Json(crate::orders::find(&backend, id).await?))
}

/// `DELETE /orders/{id}`: cancels what is left of it.
pub(super) async fn cancel(
    State(backend): State<Arc<Backend>>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Order>, Problem> {
    let Path(id) = id.map_err(|_| no_order())?;
    Ok(Json(crate::orders::cancel(&backend, id).await?))
}

fn no_order() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such order")
}

#[derive(Deserialize)]
pub(super) struct Whose {
    account: String,
}

/// `GET /positions?account=A`
pub(super) async fn positions(
    State(backend): State<Arc<Backend>>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Vec<Position>>, Problem> {
    let bad = |why: String| Problem::new(StatusCode::BAD_REQUEST, why);
    let Query(whose) = whose.map_err(|rejection| bad(rejection.body_text()))?;
    crate::orders::check_account(&whose.account).map_err(|error| bad(error.to_string()))?;
    Ok(Json(crate::positions::open(&backend, &whose.account).await?))
}
