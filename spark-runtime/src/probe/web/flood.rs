//! A flood of browsers' reports: most are refused, and the service goes on.

use std::time::Duration;

use serde_json::json;

use super::super::{Measured, Probe, ProbeError, Value};
use super::request::{ANSWER_BYTES_MAX, Web, headers, page, quantile};
use crate::http::Method;

/// R14: many reports at once to the endpoint of content security policy, while the service's health is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flood {
    /// Where reports go.
    pub url: String,
    /// What has to go on answering meanwhile.
    pub health: String,
    /// How many reports.
    pub reports: u32,
    /// How many of them at once.
    pub at_once: u32,
    /// How it is asked.
    pub web: Web,
}

/// A report as browsers write it; what it tells of is a host that cannot be.
const REPORT: &str = r#"{"csp-report":{"document-uri":"https://spark-probe.invalid/","violated-directive":"script-src","effective-directive":"script-src","blocked-uri":"https://spark-probe.invalid/x.js","original-policy":"script-src 'self'"}}"#;

impl Probe for Flood {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(ANSWER_BYTES_MAX)?;
        let headers = headers(&[("content-type".to_owned(), "application/csp-report".to_owned())])?;
        let (mut taken, mut refused, mut failed, mut slowest) = (0_u64, 0_u64, 0_u64, Duration::ZERO);
        let (mut health, mut unhealthy) = (Vec::new(), 0_u64);
        let mut left = self.reports;
        while left > 0 {
            let now = left.min(self.at_once.max(1));
            left = left.saturating_sub(now);
            let send =
                || client.exchange(Method::POST, &self.url, headers.clone(), REPORT.as_bytes().to_vec());
            let flood = futures_util::future::join_all((0..now).map(|_| send()));
            let (answers, well) = tokio::join!(flood, page(&client, &self.health));
            for answer in answers {
                let count = match answer {
                    Ok(answer) => {
                        slowest = slowest.max(answer.took);
                        match answer.status {
                            200..300 => &mut taken,
                            429 | 503 | 413 => &mut refused,
                            _ => &mut failed,
                        }
                    }
                    Err(_) => &mut failed,
                };
                *count = count.saturating_add(1);
            }
            match well {
                Ok(answer) if (200..300).contains(&answer.status) => health.push(answer.took),
                _ => unhealthy = unhealthy.saturating_add(1),
            }
        }
        health.sort_unstable();
        let p95 = quantile(&health, 95);
        let details = json!({ "sent": self.reports, "taken": taken, "refused": refused, "failed": failed, "unhealthy": unhealthy });
        Ok(Measured::new(details)
            .with("sent", Value::count(u64::from(self.reports)))
            .with("taken", Value::count(taken))
            .with("refused", Value::count(refused))
            .with("failed", Value::count(failed))
            .with("slowest", Value::span(slowest))
            .with("unhealthy", Value::count(unhealthy))
            .with(
                "health_p95",
                p95.map_or_else(|| Value::unknown("the service's health never answered"), Value::span),
            ))
    }
}
