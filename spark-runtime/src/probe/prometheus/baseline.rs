//! The values of the stable version, as they are before the release.

use serde_json::{Value as Json, json};
use spark_core::decimal::parse_float_text;

use super::super::web::Web;
use super::super::{Measured, Probe, ProbeError, Value};
use super::{DOCUMENT_BYTES_MAX, ask};
use crate::http::form_text;

/// P9: queries whose values are written down, so that later ones have something to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The Prometheus.
    pub url: String,
    /// The queries by their names.
    pub queries: Vec<(String, String)>,
    /// How it is asked.
    pub web: Web,
}

impl Probe for Baseline {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(DOCUMENT_BYTES_MAX)?;
        let (mut captured, mut told) = (0_usize, Vec::new());
        for (name, query) in &self.queries {
            let path = format!("query?{}", form_text(&[("query", query)]));
            let found = ask(&client, &self.url, &path).await.and_then(|data| values(&data));
            captured = captured.saturating_add(usize::from(found.is_ok()));
            told.push(match found {
                Ok(values) => json!({ "name": name, "query": query, "values": values }),
                Err(error) => json!({ "name": name, "query": query, "missing": error.to_string() }),
            });
        }
        Ok(Measured::new(json!({ "queries": told }))
            .with("queries", Value::len(self.queries.len()))
            .with("captured", Value::len(captured))
            .with("missing", Value::len(self.queries.len().saturating_sub(captured))))
    }
}

/// The values of an answer; an empty one, and one with a value that is no number, is none.
fn values(data: &Json) -> Result<Json, ProbeError> {
    let result = data.get("result");
    let pairs: Vec<&Json> = match data.get("resultType").and_then(Json::as_str) {
        Some("vector") => {
            let series = result.and_then(Json::as_array).into_iter().flatten();
            series.filter_map(|one| one.get("value")).collect()
        }
        Some("scalar") => result.into_iter().collect(),
        _ => return Err(ProbeError::Answer("the query gives neither a vector nor a scalar".to_owned())),
    };
    if pairs.is_empty() {
        return Err(ProbeError::Answer("no series matches".to_owned()));
    }
    for pair in &pairs {
        let text = pair.get(1).and_then(Json::as_str).unwrap_or_default();
        if parse_float_text(text).is_none() {
            return Err(ProbeError::Answer(format!("a value is `{text}`, which is no number")));
        }
    }
    Ok(result.cloned().unwrap_or_default())
}
