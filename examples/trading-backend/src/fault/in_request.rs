//! Faults in the way of a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use sqlx::PgConnection;

use super::{Fault, Faults, falls_into};
use crate::money::Amount;
use crate::service::Backend;

/// What the limits' service does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// It answers.
    Right,
    /// It says that there is no room, for anybody.
    Collapsed,
    /// It fails.
    Failed,
}

/// How many requests compute at once.
static BURNERS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);

/// How many requests block a thread at once.
static BLOCKER: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);

/// Of how many requests one blocks: more than the twentieth that a 95th percentile does not see.
const BLOCKS_EVERY: u64 = 8;

/// Counts requests for the faults that take a share of them.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// What the tide of T16 has taken so far, in thousandths of a request.
static TAKEN: AtomicU64 = AtomicU64::new(0);

impl Faults {
    /// T2: whether this request is answered 500.
    pub fn fails_request(&self) -> bool {
        self.level(Fault::ServerErrors).is_some_and(|percent| falls_into(count(), percent))
    }

    /// T15: computes for a while, on a thread where blocking is allowed, and keeps the request waiting. Every second request does,
    /// so many at once at most: the instance is to be busy, not the machine.
    pub async fn burn(&self) {
        if let Some(ms) = self.level(Fault::CpuBurn)
            && count().is_multiple_of(2)
            && let Ok(_slot) = BURNERS.acquire().await
        {
            let burning = tokio::task::spawn_blocking(move || {
                // processor time, not time: a busy machine must not make it cheaper
                let spent = || {
                    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                    Duration::new(
                        u64::try_from(now.tv_sec).unwrap_or(0),
                        u32::try_from(now.tv_nsec).unwrap_or(0),
                    )
                };
                let until = spent().saturating_add(Duration::from_millis(u64::from(ms)));
                let mut sum = 0_u64;
                while spent() < until {
                    for n in 0..10_000_u64 {
                        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n));
                    }
                }
            });
            // it has no result, and cannot fail but with the process
            let _ = burning.await;
        }
    }

    /// T17: some requests block the thread that they run on, as a call that should have been awaited does; one at a time, so that a busy
    /// instance is late and does not stop.
    pub fn block(&self) {
        if let Some(ms) = self.level(Fault::RuntimeBlocked)
            && count().is_multiple_of(BLOCKS_EVERY)
            && let Ok(_slot) = BLOCKER.try_acquire()
        {
            std::thread::sleep(Duration::from_millis(u64::from(ms)));
        }
    }

    /// T7, T16: how the limits' service does.
    pub fn limits(&self, unix_ms: u64) -> Limits {
        let n = count();
        let troubled = if self.level(Fault::RiskAndErrors).is_some_and(|percent| falls_into(n / 2, percent)) {
            Some(n)
        } else {
            let height =
                self.level(Fault::ErrorRiskWaves).map(|period| tide(self.on_for_ms(unix_ms), period));
            height.and_then(|height| next_taken(&TAKEN, height))
        };
        match troubled {
            None => Limits::Right,
            Some(n) if n.is_multiple_of(2) => Limits::Collapsed,
            Some(_) => Limits::Failed,
        }
    }

    /// T14: what a price and a quantity come to in binary floats.
    pub fn float_notional(&self, price: Amount, quantity: Amount) -> Option<Amount> {
        self.level(Fault::FloatMoney)?;
        let product = price.value().to_f64()? * quantity.value().to_f64()?;
        Decimal::from_f64_retain(product).map(Amount::new)
    }
}

/// Whether this request is taken, and the how-manieth it is, when a share that changes all the time takes so many of a thousand: evenly, so
/// that two of them count alike in a window that holds a few.
fn next_taken(taken: &AtomicU64, permille: u32) -> Option<u64> {
    let before = taken.fetch_add(u64::from(permille), Ordering::Relaxed);
    let whole = before.saturating_add(u64::from(permille)) / 1_000;
    (whole > before / 1_000).then_some(whole)
}

/// How high a tide of this period (seconds) stands so long after low water, per thousand: up to [`HIGH_WATER`] and back in straight lines.
fn tide(since_ms: u64, period: u32) -> u32 {
    let half_ms = u64::from(period).saturating_mul(500).max(1);
    let whole_ms = half_ms.saturating_mul(2);
    let at = since_ms.checked_rem(whole_ms).unwrap_or(0);
    let way = at.min(whole_ms.saturating_sub(at));
    let height = way.saturating_mul(u64::from(HIGH_WATER)).checked_div(half_ms).unwrap_or(0);
    u32::try_from(height).unwrap_or(HIGH_WATER)
}

/// High water, in orders per thousand: half of them are errors, which stay about the limit beyond which errors speak for themselves.
const HIGH_WATER: u32 = 60;

fn count() -> u64 {
    REQUESTS.fetch_add(1, Ordering::Relaxed)
}

/// T1: a query that takes its time, in a transaction of its own.
///
/// # Errors
/// Those of the database.
pub async fn query_slowly(backend: &Backend) -> Result<(), sqlx::Error> {
    if let Some(ms) = backend.faults.level(Fault::SlowQueries) {
        let mut tx = backend.pool.begin().await?;
        sleep(&mut tx, ms).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// T8: while somebody takes one lock again and again, and holds it while he does nothing, every order of this instance waits for it first.
///
/// # Errors
/// Those of the database.
pub async fn join_convoy(tx: &mut PgConnection, backend: &Backend) -> Result<(), sqlx::Error> {
    if backend.faults.level(Fault::LockConvoy).is_some() {
        // shared, as a table's readers are: they wait for the holder and not for each other
        sqlx::query("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))")
            .bind(backend.origin())
            .persistent(false)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn sleep(tx: &mut PgConnection, ms: u32) -> Result<(), sqlx::Error> {
    let seconds = f64::from(ms) / 1_000.0;
    sqlx::query("SELECT pg_sleep($1)").bind(seconds).persistent(false).execute(tx).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tide rises from nothing to high water and falls again, in straight lines.
    #[test]
    fn the_tide_rises_and_falls() {
        for (at_ms, height) in
            [(0, 0), (150_000, 30), (300_000, 60), (450_000, 30), (600_000, 0), (750_000, 30)]
        {
            assert_eq!(tide(at_ms, 600), height, "{at_ms}");
        }
    }

    /// Any hundred requests after each other lose what a rising tide asks of them, and one more or less at most.
    #[test]
    fn a_share_that_changes_is_taken_evenly() {
        let taken = AtomicU64::new(0);
        let height = |n: u32| n / 100;
        let lost: Vec<bool> = (0..6_000).map(|n| next_taken(&taken, height(n)).is_some()).collect();
        for (place, window) in lost.windows(100).enumerate() {
            let asked: u32 = (place..place + 100).map(|n| height(u32::try_from(n).unwrap())).sum();
            let found = u32::try_from(window.iter().filter(|lost| **lost).count()).unwrap();
            assert!(found.abs_diff(asked / 1_000) <= 1, "{place}: {found} of {asked} thousandths");
        }
        let numbers: Vec<u64> = (0..50).filter_map(|_| next_taken(&AtomicU64::new(950), 50)).collect();
        assert_eq!(numbers, vec![1; 50]);
    }
}
