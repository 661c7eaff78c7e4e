//! The same keyed request many times at once: it is done once, and all get the same answer.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::{Measured, Probe, ProbeError, Value};
use super::request::{ANSWER_BYTES_MAX, Web, headers};
use crate::http::{Exchange, HttpError, Method};

/// R11: a burst of one request under one idempotency key, and then another body under the same key.
///
/// It makes what the request makes, once: the settings have to name something that may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst {
    /// Where the request goes.
    pub url: String,
    /// The header of the key.
    pub key_header: String,
    /// Its other headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Another body, which the same key must not be taken for.
    pub other_body: String,
    /// How many at once.
    pub times: u32,
    /// How it is asked.
    pub web: Web,
}

impl Probe for Burst {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(ANSWER_BYTES_MAX)?;
        let mut headers = headers(&self.headers)?;
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| ProbeError::Unanswered(error.to_string()))?;
        let key = format!("spark-{}", super::super::files::hex(&random));
        headers.extend(super::request::headers(&[(self.key_header.clone(), key.clone())])?);
        let send =
            |body: &str| client.exchange(Method::POST, &self.url, headers.clone(), body.as_bytes().to_vec());
        let burst = futures_util::future::join_all((0..self.times).map(|_| send(&self.body))).await;
        let late = send(&self.body).await;
        let other = send(&self.other_body).await;
        let done = |answer: &Exchange| (200..300).contains(&answer.status);
        let good: Vec<&Exchange> =
            burst.iter().chain([&late]).flatten().filter(|answer| done(answer)).collect();
        let answers: BTreeSet<(u16, &[u8])> =
            good.iter().map(|answer| (answer.status, answer.body.as_slice())).collect();
        // one that came while the first was under way may be told to come again
        let busy = |answer: &Exchange| matches!(answer.status, 409 | 425 | 429);
        let told = burst.iter().flatten().filter(|answer| busy(answer)).count();
        let failed = burst.iter().chain([&late]).filter(|answer| match answer {
            Ok(answer) => !done(answer) && !busy(answer),
            Err(_) => true,
        });
        let failed = failed.count();
        let shown = |answer: &Result<Exchange, HttpError>| match answer {
            Ok(answer) => json!({ "status": answer.status, "body": crate::http::excerpt(&answer.body) }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        let details = json!({
            "key": key, "burst": burst.iter().map(shown).collect::<Vec<_>>(), "late": shown(&late),
            "other_body": shown(&other),
        });
        Ok(Measured::new(details)
            .with("sent", Value::count(u64::from(self.times).saturating_add(1)))
            .with("done", Value::len(good.len()))
            .with("told_to_wait", Value::len(told))
            .with("failed", Value::len(failed))
            .with("different_answers", Value::len(answers.len()))
            .with("replayed_late", Value::whether(late.as_ref().is_ok_and(done)))
            .with(
                "other_body_refused",
                match other {
                    Ok(other) => Value::whether(matches!(other.status, 409 | 422)),
                    Err(error) => Value::unknown(error.to_string()),
                },
            ))
    }
}
