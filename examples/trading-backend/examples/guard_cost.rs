//! What the embedded guard costs: processor time for each order that it observes, its decisions included.
//!
//! `cargo run --release -p trading-backend --example guard_cost -- 1000 10` observes a thousand orders a second for ten seconds, on
//! one thread that does nothing else, and reads that thread's clock. Compare with what a whole order costs:
//! `process_cpu_seconds_total` by `http_requests_total` of an instance under `load --clients 16`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use trading_backend::config::GuardMode;
use trading_backend::guard::Guard;
use trading_backend::market::Market;
use trading_backend::telemetry::Metrics;

/// Orders come in this often, so many at once.
const TICK: Duration = Duration::from_millis(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let rate: u32 = words.next().map_or(Ok(1_000), |word| word.parse())?;
    let seconds: u32 = words.next().map_or(Ok(10), |word| word.parse())?;
    let idle = run(rate, seconds, GuardMode::Off).await?;
    let watched = run(rate, seconds, GuardMode::Watch).await?;
    let orders = f64::from(rate) * f64::from(seconds);
    let each = watched.saturating_sub(idle).as_secs_f64() * 1e6 / orders;
    println!(
        "{rate} orders a second for {seconds} s: {each:.2} us of processor time an order, decisions included"
    );
    Ok(())
}

/// The thread's processor time of that many orders.
async fn run(rate: u32, seconds: u32, mode: GuardMode) -> Result<Duration, Box<dyn Error>> {
    let guard = Guard::new(mode, Metrics::new()?)?;
    let watching = tokio::spawn(guard.clone().watch(Arc::new(Market::default())));
    let mut ticks = tokio::time::interval(TICK);
    let from = spent();
    for _ in 0..seconds.saturating_mul(100) {
        ticks.tick().await;
        for n in 0..rate / 100 {
            guard.observe(Duration::from_micros(u64::from(n.saturating_add(900))), false);
        }
    }
    watching.abort();
    Ok(spent().saturating_sub(from))
}

fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
