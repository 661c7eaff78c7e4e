//! The clock of the database against this machine's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rust_decimal::Decimal;
use serde_json::json;

use super::super::database::Database;
use super::super::value::decimal_seconds;
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// How often the clock is read: the reading with the shortest way there and back counts.
const READINGS: usize = 8;

/// P2: how far the database's clock is from this machine's.
///
/// `drift` has no sign; `uncertainty` is half the way there and back, within which nobody can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Where the address of the database is.
    pub url: SecretSource,
}

impl Probe for Clock {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let mut readings = Vec::with_capacity(READINGS);
        for _ in 0..READINGS {
            let begun = Instant::now();
            let before = SystemTime::now();
            let row = database.row("SELECT extract(epoch FROM clock_timestamp())::text AS now").await?;
            let way = begun.elapsed();
            let theirs = row.decimal("now");
            let theirs = theirs.ok_or_else(|| ProbeError::Answer("the database told no time".to_owned()))?;
            // the wall clock was read once, and the way is measured by a clock that nobody sets
            let before = decimal_seconds(before.duration_since(UNIX_EPOCH).unwrap_or_default());
            let half = decimal_seconds(way.checked_div(2).unwrap_or(Duration::ZERO));
            let middle = before.checked_add(half);
            let drift = middle.and_then(|middle| theirs.checked_sub(middle)).unwrap_or(Decimal::MAX);
            readings.push((way, drift));
        }
        database.close().await;
        readings.sort();
        let (way, drift) = readings.first().copied().unwrap_or((Duration::MAX, Decimal::MAX));
        let uncertainty = Value::span(way.checked_div(2).unwrap_or(way));
        let shown = |(way, drift): &(Duration, Decimal)| json!({ "way": Value::span(*way), "drift": Value::seconds(*drift) });
        Ok(Measured::new(json!({ "readings": readings.iter().map(shown).collect::<Vec<_>>() }))
            .with("drift", Value::seconds(drift.abs()))
            .with("signed_drift", Value::seconds(drift))
            .with("uncertainty", uncertainty))
    }
}
