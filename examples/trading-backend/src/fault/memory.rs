//! Faults of memory. Both hold their bytes in vectors beyond 32 MiB, which the allocator maps and unmaps one by one: switched
//! off, the process is as small as before.

use std::sync::Arc;
use std::time::Duration;

use super::background::while_on;
use super::switches::Fault;
use crate::market::now_ms;
use crate::money::Amount;
use crate::service::Backend;
use crate::trades::Trade;

/// One vector of ballast.
const CHUNK: usize = 48 * 1024 * 1024;

/// Most that a leak takes: the machine outlives it.
const LEAK_MAX: usize = 1024 * 1024 * 1024;

/// How often either looks and goes on.
const EVERY: Duration = Duration::from_millis(250);

/// Trades that nobody asked for, in the store: enough that a sweep takes longer than its golden limit of 20 ms.
const GARBAGE: usize = 300_000;

/// Bytes that are written, so that they are resident, and never read.
#[derive(Default)]
struct Ballast(Vec<Vec<u8>>);

impl Ballast {
    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).fold(0, usize::saturating_add)
    }

    fn grow(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            if self.0.last().is_none_or(|chunk| chunk.len() >= CHUNK) {
                self.0.push(Vec::with_capacity(CHUNK));
            }
            let Some(chunk) = self.0.last_mut() else { return };
            let part = left.min(CHUNK.saturating_sub(chunk.len()));
            chunk.resize(chunk.len().saturating_add(part), 1);
            left = left.saturating_sub(part);
        }
    }
}

/// T9: takes so many MiB a minute and keeps them.
pub(super) async fn leak(backend: Arc<Backend>) {
    while_on(backend.faults.follow(Fault::MemoryLeak), |level| async move {
        let mut ballast = Ballast::default();
        // a quarter of a second's share of a minute
        let share = (level as usize).saturating_mul(1024 * 1024) / 240;
        loop {
            if ballast.len() < LEAK_MAX {
                ballast.grow(share);
            }
            tokio::time::sleep(EVERY).await;
        }
    })
    .await;
}

/// T18: fills memory to a share of its limit, and the store of trades with garbage that each sweep has to move.
pub(super) async fn press(backend: Arc<Backend>) {
    while_on(backend.faults.follow(Fault::AllocationPressure), |level| {
        let backend = Arc::clone(&backend);
        async move {
            let limit = (backend.settings.memory_limit_mib as usize).saturating_mul(1024 * 1024);
            let wanted = (limit / 100).saturating_mul(level as usize);
            let mut ballast = Ballast::default();
            loop {
                fill(&backend).await;
                let missing = resident().map_or(0, |bytes| wanted.saturating_sub(bytes));
                // a step at a time: somebody else may be growing too
                ballast.grow(missing.min(CHUNK));
                tokio::time::sleep(EVERY).await;
            }
        }
    })
    .await;
}

/// Brings the store up to its garbage, on a thread where blocking is allowed.
async fn fill(backend: &Backend) {
    let trades = Arc::clone(&backend.trades);
    let filling = tokio::task::spawn_blocking(move || {
        for _ in trades.len()..GARBAGE {
            let symbol = "garbage that is as long as some".to_owned();
            // old enough to be gone within seconds after the switch is off
            let at_ms = now_ms().saturating_sub(55_000);
            trades.push(Trade { symbol, price: Amount::ZERO, quantity: Amount::ZERO, at_ms });
        }
    });
    // a panic in there is the allocator's, and ends the process anyway
    let _ = filling.await;
}

fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib: usize = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    kib.checked_mul(1024)
}
