//! The bounds of histograms' buckets, as a Prometheus knows them: the values of their label `le`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use spark_core::metrics::Ceilings;
use spark_core::{Policy, SignalId, Timestamp};
use tokio::task::JoinSet;

use super::{PrometheusSource, Reach, Server};
use crate::http::form_text;

/// What Prometheus says to a question for a label's values.
#[derive(Deserialize)]
struct Values {
    data: Vec<String>,
    /// Its words on why there may be more of them.
    #[serde(default)]
    warnings: Vec<String>,
}

impl PrometheusSource {
    /// How high quantiles of `from metrics` signals can read, by the buckets that the canary's histograms have between
    /// two instants, and perhaps around them: a server looks them up in its index, by whole blocks.
    ///
    /// It is a word of advice: what is not answered within the configured timeout is not known, and no error.
    pub async fn ceilings(&self, policy: &Policy, from: Timestamp, to: Timestamp) -> Ceilings {
        let mut ceilings = Ceilings::new(policy);
        let mut asked: BTreeMap<String, Vec<SignalId>> = BTreeMap::new();
        for (signal, selector) in ceilings.selectors(&self.server.config.canary) {
            asked.entry(selector).or_default().push(signal);
        }
        let reach = Arc::new(Reach::default());
        let mut jobs = JoinSet::new();
        for (selector, signals) in asked {
            let (server, reach) = (Arc::clone(&self.server), Arc::clone(&reach));
            jobs.spawn(async move { (signals, server.bounds(&selector, from, to, &reach).await) });
        }
        // dropping the rest of the jobs ends their requests
        let _ = tokio::time::timeout(self.server.config.timeout, async {
            while let Some(done) = jobs.join_next().await {
                let Ok((signals, bounds)) = done else { continue };
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
    async fn bounds(&self, selector: &str, from: Timestamp, to: Timestamp, reach: &Reach) -> Vec<String> {
        let _permit = self.permits.acquire().await;
        if reach.is_given_up() {
            return Vec::new();
        }
        let base = self.config.url.trim_end_matches('/');
        let (start, end) = (from.unix_seconds().to_string(), to.unix_seconds().to_string());
        let query = form_text(&[("match[]", selector), ("start", &start), ("end", &end)]);
        let url = format!("{base}/api/v1/label/le/values?{query}");
        let answered = self.client.get(&url, "application/json").await;
        reach.note(&answered);
        let body = answered.map(|answer| answer.body).unwrap_or_default();
        match serde_json::from_slice::<Values>(&body) {
            // half of the buckets would make a ceiling that is none
            Ok(values) if values.warnings.is_empty() => values.data,
            _ => Vec::new(),
        }
    }
}
