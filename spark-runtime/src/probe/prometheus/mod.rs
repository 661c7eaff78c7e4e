//! What is asked of a Prometheus.

mod alert;
mod alertmanager;
mod baseline;
mod rule;
mod targets;
mod write;

use std::time::Duration;

use serde_json::Value as Json;

pub use self::alert::Alert;
pub use self::baseline::Baseline;
pub use self::targets::Targets;
use super::ProbeError;
use crate::http::HttpClient;

/// Most bytes of an answer: a thousand targets with all that was discovered of them are some megabytes, as are a thousand rules.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// How long ago an instant is, as Prometheus and Alertmanager write it.
fn age(text: &str) -> Option<Duration> {
    let then: jiff::Timestamp = text.parse().ok()?;
    jiff::Timestamp::now().duration_since(then).try_into().ok()
}

/// The `data` of an answer; one with warnings may be partial, and is none.
async fn ask(client: &HttpClient, base: &str, path: &str) -> Result<Json, ProbeError> {
    let url = format!("{}/api/v1/{path}", base.trim_end_matches('/'));
    let answer = client.get(&url, "application/json").await?;
    let wrong = |why: &str| ProbeError::Answer(format!("{why}: `{}`", answer.excerpt()));
    let mut json: Json = serde_json::from_slice(&answer.body).map_err(|_| wrong("the answer is no JSON"))?;
    if json.get("status").and_then(Json::as_str) != Some("success") {
        return Err(wrong("the answer is no success"));
    }
    if json.get("warnings").and_then(Json::as_array).is_some_and(|warnings| !warnings.is_empty()) {
        return Err(wrong("the answer has warnings, so it may be partial"));
    }
    Ok(json.get_mut("data").map(Json::take).unwrap_or_default())
}
