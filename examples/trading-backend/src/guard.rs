//! The embedded guard: Spark's engine inside the service. It observes each order and freezes trading within a second, by rules
//! that others own (`guard.rules`), without a network and without asking anybody.
//!
//! Observing is one push under a lock; deciding is done by a task of its own, four times a second. Frozen is frozen: it
//! does not thaw by itself, since a service that refuses all orders sees none that succeed. An operator thaws it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rust_decimal::Decimal;
use serde::Serialize;
use spark_core::{Engine, Policy, Reading, Sample, SignalId, Timestamp, Track, Verdict};

use crate::config::GuardMode;
use crate::market::{Market, now_ms};
use crate::telemetry::Metrics;

/// The rules, compiled in: a guard without its rules is none.
const RULES: &str = include_str!("../guard.rules");

/// The guard. Copies share it.
#[derive(Clone)]
pub struct Guard(Option<Arc<Inner>>);

struct Inner {
    mode: GuardMode,
    policy: Arc<Policy>,
    signals: Signals,
    engine: Mutex<Engine>,
    frozen: AtomicBool,
    because: Mutex<Vec<String>>,
    metrics: Metrics,
}

#[derive(Clone, Copy)]
struct Signals {
    latency: SignalId,
    failed: SignalId,
    staleness: SignalId,
}

/// How the guard stands.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// Whether trading is frozen.
    pub frozen: bool,
    /// By which rules.
    pub because: Vec<String>,
}

impl Guard {
    /// A guard by the rules that the program was built with.
    ///
    /// # Errors
    /// Rules that cannot be read, or that lack a signal that is observed here.
    pub fn new(mode: GuardMode, metrics: Metrics) -> Result<Self, String> {
        if mode == GuardMode::Off {
            return Ok(Self(None));
        }
        let loaded =
            spark_rules::load("guard.rules", RULES, &mut |path| Err(format!("there is no `{path}`")))
                .map_err(|errors| errors.to_string())?;
        let policy = Arc::new(loaded.policy);
        let signal = |name: &str| policy.signal_id(name).ok_or(format!("`guard.rules` declares no `{name}`"));
        let signals = Signals {
            latency: signal("latency")?,
            failed: signal("failed")?,
            staleness: signal("staleness")?,
        };
        let engine = Mutex::new(Engine::new(Arc::clone(&policy)));
        let frozen = AtomicBool::new(false);
        Ok(Self(Some(Arc::new(Inner {
            mode,
            policy,
            signals,
            engine,
            frozen,
            because: Mutex::default(),
            metrics,
        }))))
    }

    /// Tells it of an order that was answered.
    pub fn observe(&self, took: Duration, failed: bool) {
        if let Some(inner) = &self.0 {
            let nanos = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
            inner.push(inner.signals.latency, Decimal::from_i128_with_scale(i128::from(nanos), 9));
            inner.push(inner.signals.failed, if failed { Decimal::ONE } else { Decimal::ZERO });
        }
    }

    /// Whether orders are to be refused.
    pub fn is_frozen(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.frozen.load(Ordering::Relaxed))
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let because = self.0.as_ref().map_or_else(Vec::new, |inner| {
            inner.because.lock().unwrap_or_else(PoisonError::into_inner).clone()
        });
        Standing { frozen: self.is_frozen(), because }
    }

    /// Lets trading go on, on an operator's word. What was observed before is forgotten.
    pub fn thaw(&self) {
        if let Some(inner) = &self.0 {
            *inner.engine.lock().unwrap_or_else(PoisonError::into_inner) =
                Engine::new(Arc::clone(&inner.policy));
            inner.because.lock().unwrap_or_else(PoisonError::into_inner).clear();
            inner.frozen.store(false, Ordering::Relaxed);
            inner.metrics.guard_frozen.set(0);
        }
    }

    /// Decides, as often as the rules say, for good.
    pub async fn watch(self, market: Arc<Market>) {
        let Some(inner) = self.0 else { return };
        let every = Duration::from_nanos(u64::try_from(inner.policy.every().nanos()).unwrap_or(250_000_000));
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let started = now_ms();
        loop {
            ticks.tick().await;
            // silence since the start counts from the start, not from 1970
            let uptime = Duration::from_millis(now_ms().saturating_sub(started));
            let silence = market.worst_staleness().min(uptime).as_millis();
            let silence = i128::try_from(silence).unwrap_or(i128::MAX);
            inner.push(inner.signals.staleness, Decimal::from_i128_with_scale(silence, 3));
            inner.decide();
        }
    }
}

impl Inner {
    fn push(&self, signal: SignalId, value: Decimal) {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        // the instant is taken under the lock, so that samples arrive in order; one that is late is dropped, and counted there
        let _ = engine.observe(&Sample {
            signal,
            track: Track::Canary,
            at: now(),
            reading: Reading::Value(value),
        });
    }

    fn decide(&self) {
        let decision = self.engine.lock().unwrap_or_else(PoisonError::into_inner).evaluate(now());
        if decision.verdict != Verdict::Rollback || self.frozen.load(Ordering::Relaxed) {
            return;
        }
        let because: Vec<String> = decision.because.iter().map(ToString::to_string).collect();
        crate::log(&format!("the guard says to freeze trading, because of {}", because.join(", ")));
        *self.because.lock().unwrap_or_else(PoisonError::into_inner) = because;
        self.metrics.guard_freezes.inc();
        if self.mode == GuardMode::Freeze {
            self.frozen.store(true, Ordering::Relaxed);
            self.metrics.guard_frozen.set(1);
        }
    }
}

/// The wall clock's instant, in nanoseconds.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules decide what their own tests say.
    #[test]
    fn the_rules_hold_their_tests() {
        let loaded = spark_rules::load("guard.rules", RULES, &mut |path| Err(path.to_owned())).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(loaded.tests.len(), 5);
        for case in &loaded.tests {
            let outcome = spark_rules::test::run(&loaded.policy, case);
            assert!(outcome.passed(), "{}", spark_rules::test::failure_text(&loaded, case, &outcome));
        }
    }

    /// Ten slow orders freeze trading at the next decision; ten quick ones do not; a thaw forgets them.
    #[tokio::test]
    async fn slow_orders_freeze_trading() {
        let guard = Guard::new(GuardMode::Freeze, Metrics::new().unwrap()).unwrap();
        tokio::spawn(guard.clone().watch(Arc::default()));
        let trade = async |took: Duration| {
            for _ in 0..25 {
                guard.observe(took, false);
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
        };
        trade(Duration::from_millis(5)).await;
        assert!(!guard.is_frozen());
        trade(Duration::from_secs(4)).await;
        assert!(guard.is_frozen());
        assert_eq!(guard.standing().because, ["slow"]);
        guard.thaw();
        assert!(!guard.is_frozen());
    }
}
