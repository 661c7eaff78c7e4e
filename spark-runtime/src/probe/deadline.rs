//! A probe run to its deadline.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use spark_core::Timestamp;

use super::{Measured, Probe, ProbeError, Value};

/// The longest that any probe may take: the ten minutes of a red team.
pub const WITHIN_MAX: Duration = Duration::from_secs(600);

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it measured, or why it did not.
    pub result: Result<Measured, ProbeError>,
}

impl Probed {
    /// A value; unknown with its cause where the probe gave none.
    pub fn value(&self, name: &str) -> Value {
        match &self.result {
            Ok(measured) => measured.value(name),
            Err(error) => Value::unknown(error.to_string()),
        }
    }
}

/// Measures, and gives up at the deadline.
pub async fn probe(probe: &(impl Probe + Sync), within: Duration) -> Probed {
    let within = within.min(WITHIN_MAX);
    let at = Timestamp::from_nanos(now());
    let begun = Instant::now();
    let result = match tokio::time::timeout(within, probe.measure()).await {
        Ok(result) => result,
        Err(_) => Err(ProbeError::TooSlow(within)),
    };
    Probed { at, took: begun.elapsed(), result }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;
    impl Probe for Never {
        async fn measure(&self) -> Result<Measured, ProbeError> {
            std::future::pending().await
        }
    }

    /// A probe that never answers is given up in time, and everything of it is unknown.
    #[tokio::test]
    async fn deadline() {
        let probed = probe(&Never, Duration::from_millis(20)).await;
        assert!(probed.took < Duration::from_secs(5));
        assert_eq!(probed.value("x").to_string(), "unknown: no answer within 20ms");
    }
}
