//! The health of one instance over a time: the blast radius of what is about to get traffic.

use std::time::Duration;

use serde_json::json;
use spark_core::TimeSpan;
use tokio::time::{Instant, sleep_until};

use super::super::{Measured, Probe, ProbeError, Value};
use super::request::{PAGE_BYTES_MAX, Web, page, quantile};
use rust_decimal::Decimal;

/// Failures that are kept in words.
const TOLD_MAX: usize = 20;

/// The health of one instance, asked all the time for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked.
    pub url: String,
    /// For how long.
    pub lasts: TimeSpan,
    /// How often.
    pub every: TimeSpan,
    /// How it is asked.
    pub web: Web,
}

impl Probe for Health {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let client = self.web.client(PAGE_BYTES_MAX)?;
        let begun = Instant::now();
        let until = begun.checked_add(self.lasts.to_std());
        let until = until.ok_or_else(|| ProbeError::Setting("no clock goes that far".to_owned()))?;
        let (mut took, mut asked, mut failures) = (Vec::new(), 0_u64, Vec::new());
        let (mut well_at, mut outage) = (begun, Duration::ZERO);
        let mut next = begun;
        loop {
            sleep_until(next).await;
            asked = asked.saturating_add(1);
            let at = Instant::now();
            let failure = match page(&client, &self.url).await {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    took.push(answer.took);
                    well_at = Instant::now();
                    None
                }
                Ok(answer) => Some(format!("status {}", answer.status)),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = failure {
                outage = outage.max(Instant::now().saturating_duration_since(well_at));
                failures.push((at.saturating_duration_since(begun), why));
            }
            next = next.checked_add(self.every.to_std()).unwrap_or(until).max(Instant::now());
            if next >= until {
                break;
            }
        }
        took.sort_unstable();
        let told = failures.iter().take(TOLD_MAX);
        let told: Vec<_> =
            told.map(|(after, why)| json!({ "after": Value::span(*after), "why": why })).collect();
        let well = Decimal::from(took.len());
        let span = |percent| {
            quantile(&took, percent).map_or_else(|| Value::unknown("it never answered well"), Value::span)
        };
        Ok(Measured::new(json!({ "url": crate::http::shown(&self.url), "asked": asked, "failures": told }))
            .with("asked", Value::count(asked))
            .with("failed", Value::len(failures.len()))
            .with("availability", Value::ratio(well, Decimal::from(asked)))
            .with("p95", span(95))
            .with("slowest", span(100))
            .with("longest_outage", Value::span(outage)))
    }
}
