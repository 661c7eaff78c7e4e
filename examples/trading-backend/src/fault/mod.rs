//! Faults on demand: one switch for each rollback trigger T1 to T20, off at the start, each in this instance alone.
//!
//! A switch breaks the service where a real defect would: in its queries, its pool, its locks, its memory. Nothing in the
//! metrics is made up. What happens in the way of a request asks [`Faults::level`]; what goes on beside it is in `background`.

mod background;
pub mod in_request;
mod memory;
mod switches;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::background::spawn;
pub use self::switches::{Fault, Switch};

/// The switches of an instance. Copies share them.
#[derive(Clone)]
pub struct Faults {
    senders: Arc<Vec<(Fault, watch::Sender<Option<u32>>)>>,
    /// When the waves of T16 were switched on, in milliseconds since the Unix epoch: they begin at low water.
    waves_since_ms: Arc<AtomicU64>,
}

/// What is asked of a switch.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// On or off.
    pub on: bool,
    /// How much of it, in the switch's unit; its default where it is not said.
    pub level: Option<u32>,
}

/// A switch as it stands.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Its name.
    pub name: &'static str,
    /// The trigger that it is for.
    pub trigger: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What its level counts.
    pub unit: &'static str,
    /// The level that it has when none is asked for.
    pub default: u32,
    /// The highest level.
    pub max: u32,
    /// Whether it is on.
    pub on: bool,
    /// Its level while it is on.
    pub level: Option<u32>,
}

impl Default for Faults {
    fn default() -> Self {
        let senders = Fault::ALL.into_iter().map(|fault| (fault, watch::Sender::new(None))).collect();
        Self { senders: Arc::new(senders), waves_since_ms: Arc::default() }
    }
}

impl Faults {
    /// The level of a fault that is on.
    pub fn level(&self, fault: Fault) -> Option<u32> {
        self.sender(fault).and_then(|sender| *sender.borrow())
    }

    /// Follows a switch.
    pub fn follow(&self, fault: Fault) -> watch::Receiver<Option<u32>> {
        // every fault has a sender; a switch that cannot be reached is one that is off
        self.sender(fault).map_or_else(|| watch::Sender::new(None).subscribe(), watch::Sender::subscribe)
    }

    /// Turns a switch.
    ///
    /// # Errors
    /// A level out of the switch's range.
    pub fn turn(&self, fault: Fault, wanted: Wanted) -> Result<Shown, String> {
        let switch = fault.switch();
        let level = wanted.level.unwrap_or(switch.default);
        if level == 0 || level > switch.max {
            return Err(format!(
                "`level` {level} is out of range: expected 1 to {} {}",
                switch.max, switch.unit
            ));
        }
        if fault == Fault::ErrorRiskWaves {
            self.waves_since_ms.store(crate::market::now_ms(), Ordering::Relaxed);
        }
        if let Some(sender) = self.sender(fault) {
            sender.send_replace(wanted.on.then_some(level));
        }
        Ok(self.shown(fault))
    }

    /// Turns all of them off.
    pub fn all_off(&self) {
        for (_, sender) in self.senders.iter() {
            sender.send_replace(None);
        }
    }

    /// A switch as it stands.
    pub fn shown(&self, fault: Fault) -> Shown {
        let Switch { name, trigger, does, unit, default, max } = fault.switch();
        let level = self.level(fault);
        Shown { name, trigger, does, unit, default, max, on: level.is_some(), level }
    }

    /// How long the waves have been on at an instant.
    fn on_for_ms(&self, unix_ms: u64) -> u64 {
        unix_ms.saturating_sub(self.waves_since_ms.load(Ordering::Relaxed))
    }

    fn sender(&self, fault: Fault) -> Option<&watch::Sender<Option<u32>>> {
        self.senders.iter().find(|(found, _)| *found == fault).map(|(_, sender)| sender)
    }
}

/// Whether the `n`-th of many falls into the given percent of them, spread evenly: no dice, so that a test sees its share.
pub fn falls_into(n: u64, percent: u32) -> bool {
    // 617 and 1,000 have no common factor: the residues come in an even order
    n.wrapping_mul(617) % 1_000 < u64::from(percent).saturating_mul(10)
}
