//! How late the runtime is: a task that wants to be woken at an instant, and sees when it was.

use std::time::Duration;

use tokio::time::Instant;

use super::Metrics;

/// Time between two measurements: twenty a second are enough for a 95th percentile over a minute.
const EVERY: Duration = Duration::from_millis(50);

/// Measures for good.
pub async fn measure_lag(metrics: Metrics) {
    loop {
        let from = Instant::now();
        tokio::time::sleep(EVERY).await;
        let late = from.elapsed().saturating_sub(EVERY);
        // tokio's timer rounds up to the next millisecond: that much is no lag
        metrics.lag.observe(late.saturating_sub(Duration::from_millis(1)).as_secs_f64());
    }
}
