//! The bounds of histograms' buckets, as a Prometheus knows them: the values of their label `le`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use spark_core::metrics::Ceilings;
use spark_core::{Policy, SignalId, Timestamp};

use super::{PrometheusSource, Server};
use crate::http::form_text;

/// Longest time for all of it. An index answers in milliseconds; what takes longer is not worth a decision's waiting.
const WITHIN: Duration = Duration::from_secs(2);

/// What Prometheus says to a question for a label's values.
#[derive(Deserialize)]
struct Values {
    data: Vec<String>,
    /// Its words on why there may be more of them.
    #[serde(default)]
    warnings: Vec<String>,
    /// Said by servers that shard series.
    #[serde(rename = "isPartial", default)]
    is_partial: bool,
}

impl PrometheusSource {
    /// How high quantiles of `from metrics` signals can read, by the buckets that the canary's histograms have between
    /// two instants, and perhaps around them: a server looks them up in its index, by whole blocks.
    ///
    /// It is a word of advice: what is not answered within 2 s, or the configured timeout, is not known, and no error.
    pub async fn ceilings(&self, policy: &Policy, from: Timestamp, to: Timestamp) -> Ceilings {
        let mut ceilings = Ceilings::new(policy);
        let mut asked: BTreeMap<String, Vec<SignalId>> = BTreeMap::new();
        for (signal, selector) in ceilings.selectors(&self.server.config.canary) {
            asked.entry(selector).or_default().push(signal);
        }
        // one after the other, beside the permits: no signal's query waits for advice
        let _ = tokio::time::timeout(self.server.config.timeout.min(WITHIN), async {
            for (selector, signals) in asked {
                let bounds = self.server.bounds(&selector, from, to).await;
                for signal in signals {
                    bounds.iter().for_each(|le| ceilings.see_bound(signal, le));
                }
            }
        })
        .await;
        ceilings
    }
}

impl Server {
    async fn bounds(&self, selector: &str, from: Timestamp, to: Timestamp) -> Vec<String> {
        let base = self.config.url.trim_end_matches('/');
        let (start, end) = (from.unix_seconds().to_string(), to.unix_seconds().to_string());
        let query = form_text(&[("match[]", selector), ("start", &start), ("end", &end)]);
        let url = format!("{base}/api/v1/label/le/values?{query}");
        let body =
            self.client.get(&url, "application/json").await.map(|answer| answer.body).unwrap_or_default();
        match serde_json::from_slice::<Values>(&body) {
            // half of the buckets would make a ceiling that is none
            Ok(values) if values.warnings.is_empty() && !values.is_partial => values.data,
            _ => Vec::new(),
        }
    }
}
