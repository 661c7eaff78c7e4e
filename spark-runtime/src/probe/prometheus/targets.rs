//! Whether everything that is measured is reached.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::web::Web;
use super::super::{Measured, Probe, ProbeError, Value};
use super::{DOCUMENT_BYTES_MAX, age, ask};

/// P8: targets that are up, that are down, and jobs that have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    /// The Prometheus.
    pub url: String,
    /// Jobs that have to be there; those that are not scraped are not missed by Prometheus itself.
    pub jobs: Vec<String>,
    /// How it is asked.
    pub web: Web,
}

impl Probe for Targets {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let data = ask(&self.web.client(DOCUMENT_BYTES_MAX)?, &self.url, "targets?state=active").await?;
        let targets = data.get("activeTargets").and_then(Json::as_array);
        let targets = targets.ok_or_else(|| ProbeError::Answer("the answer has no targets".to_owned()))?;
        let text = |target: &Json, name: &str| {
            target.pointer(name).and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let all = |target: &&Json| self.jobs.is_empty() || self.jobs.contains(&text(target, "/labels/job"));
        let targets: Vec<&Json> = targets.iter().filter(all).collect();
        let up: Vec<&&Json> = targets.iter().filter(|target| text(target, "/health") == "up").collect();
        let jobs: BTreeSet<String> = up.iter().map(|target| text(target, "/labels/job")).collect();
        let missing: Vec<&String> = self.jobs.iter().filter(|job| !jobs.contains(*job)).collect();
        // one that was never scraped has an age of centuries, and is no "up"
        let oldest =
            up.iter().map(|target| age(&text(target, "/lastScrape"))).collect::<Option<Vec<Duration>>>();
        let oldest = match oldest {
            Some(ages) => Value::span(ages.into_iter().max().unwrap_or_default()),
            None => Value::unknown("a target that is up tells no time of its last scrape"),
        };
        let shown = |target: &&Json| {
            json!({ "job": text(target, "/labels/job"), "instance": text(target, "/labels/instance"),
                    "health": text(target, "/health"), "error": text(target, "/lastError"),
                    "last_scrape": text(target, "/lastScrape") })
        };
        let details = json!({ "targets": targets.iter().map(shown).collect::<Vec<_>>(), "missing": missing });
        Ok(Measured::new(details)
            .with("targets", Value::len(targets.len()))
            .with("up", Value::len(up.len()))
            .with("down", Value::len(targets.len().saturating_sub(up.len())))
            .with("missing_jobs", Value::len(missing.len()))
            .with("oldest_scrape", oldest))
    }
}
