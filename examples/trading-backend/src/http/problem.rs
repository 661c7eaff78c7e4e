//! Errors as clients get them: `application/problem+json` (RFC 9457), with what was wrong and never with what is inside.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::orders::OrderError;

/// An error for a client.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry: bool,
}

impl Problem {
    /// With a status and a sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry: false }
    }

    /// One that may be gone when the client asks again.
    pub fn passing(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { retry: true, ..Self::new(status, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "title": self.status.canonical_reason().unwrap_or("error"), "status": self.status.as_u16(), "detail": self.detail,
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if self.retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Invalid(_) | OrderError::Overflow => {
                Self::new(StatusCode::BAD_REQUEST, error.to_string())
            }
            OrderError::KeyConflict | OrderError::Ended(_) => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            OrderError::NotFound => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            OrderError::NotReady => Self::passing(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            OrderError::LimitsFailed => Self::passing(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            OrderError::Database(inner) => inner.into(),
            OrderError::Json(_) => internal(&error),
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if crate::database::is_passing(&error) {
            Self::passing(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer")
        } else {
            internal(&error)
        }
    }
}

/// What is inside goes to the log, not to the client.
fn internal(error: &dyn std::error::Error) -> Problem {
    crate::log(&format!("a request failed: {error}"));
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed")
}
