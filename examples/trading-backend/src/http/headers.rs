//! Headers of every answer: what browsers may do with it.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// Nothing but ours, and every violation is reported to us. `report-uri` is for browsers that do not know `report-to`.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' wss:; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; report-uri /csp-reports; report-to csp";

/// Names and values. HSTS is without `preload`: that is a promise for all subdomains which takes months to take back, and no
/// release should make it in passing.
const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", POLICY),
    ("reporting-endpoints", "csp=\"/csp-reports\""),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

/// Adds them.
pub(super) async fn add(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // answers are about accounts: nobody on the way keeps them
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
