//! The trades of the last minute, for charts: the one store of this process that grows with the market, and is swept.
//!
//! A sweep drops what is old and moves the rest together, so that the process does not end up full of holes. While it lasts
//! nobody reads or writes the store: it is this service's collector, and its time is what `gc_pause_seconds` reports.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::market::now_ms;
use crate::money::Amount;
use crate::telemetry::Metrics;

/// How long a trade is kept.
const KEEP: Duration = Duration::from_secs(60);

/// Time between two sweeps.
const EVERY: Duration = Duration::from_secs(1);

/// Most trades kept: a hundred a second on each of nine instruments, ten times over. The oldest go first.
const TRADES_MAX: usize = 540_000;

/// A trade.
#[derive(Debug, Clone)]
pub struct Trade {
    /// The instrument.
    pub symbol: String,
    /// Its price.
    pub price: Amount,
    /// How much.
    pub quantity: Amount,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// The store. Boxed one by one, as a map of structures would be.
#[derive(Debug, Default)]
pub struct Trades(Mutex<VecDeque<Box<Trade>>>);

impl Trades {
    /// Takes a trade.
    pub fn push(&self, trade: Trade) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= TRADES_MAX {
            held.pop_front();
        }
        held.push_back(Box::new(trade));
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops what is older than a minute and moves the rest. How long the store was held.
    pub fn sweep(&self, now_ms: u64) -> Duration {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = Instant::now();
        let keep_ms = u64::try_from(KEEP.as_millis()).unwrap_or(u64::MAX);
        held.retain(|trade| trade.at_ms.saturating_add(keep_ms) > now_ms);
        let moved: VecDeque<Box<Trade>> = held.iter().cloned().collect();
        *held = moved;
        from.elapsed()
    }
}

/// Sweeps for good, on a thread where blocking is allowed.
pub async fn sweep(trades: Arc<Trades>, metrics: Metrics) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let swept = Arc::clone(&trades);
        if let Ok(pause) = tokio::task::spawn_blocking(move || swept.sweep(now_ms())).await {
            metrics.pause_sum.inc_by(pause.as_secs_f64());
            metrics.pause_count.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep keeps the last minute, and nothing older.
    #[test]
    fn a_sweep_keeps_the_last_minute() {
        let trades = Trades::default();
        for at_ms in [1_000, 2_000, 50_000] {
            trades.push(Trade {
                symbol: "GARAN".to_owned(),
                price: Amount::ZERO,
                quantity: Amount::ZERO,
                at_ms,
            });
        }
        trades.sweep(62_000);
        assert_eq!(trades.len(), 1);
    }
}
