//! How much of each fault a row is measured with.

use serde_json::{Value, json};
use spark_core::TimeSpan;

use super::pack::{LONG_PLAN, PLAN};
use crate::fault::{Fault, Switch};

/// A fault at the level that a row is measured with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) fault: Fault,
    pub(super) level: u32,
}

impl Case {
    /// The default level, but where a limit counts what happens within a window, which is shorter at a speed.
    pub(super) fn new(fault: Fault, speed: u32) -> Self {
        let default = fault.switch().default;
        let level = match fault {
            // what leaks does so as many times as fast: more than four connections within five minutes, and more than a pool breathes
            Fault::ConnectionLeak => default.saturating_mul(speed),
            // half of that: the server's connections have to last until it is decided, and one order in thirty takes one for good
            Fault::ConnectionCreep => default.saturating_mul(speed.div_ceil(2)),
            // the wave is as many windows long
            Fault::ErrorRiskWaves => default.checked_div(speed).unwrap_or(default).max(1),
            _ => default,
        };
        Self { fault, level: level.min(fault.switch().max) }
    }

    /// How many times as many orders a second its rollout behind HAProxy gets.
    pub(super) const fn times_the_orders(fault: Fault) -> u32 {
        match fault {
            // one error more within a window that a speed has made short is not to be a rise of half a per cent, which T7 speaks for
            Fault::ErrorRiskWaves => 3,
            _ => 1,
        }
    }

    /// How many orders a second a canary of its own gets: few, so that two processors carry twenty of them.
    pub(super) const fn orders_beside(fault: Option<Fault>) -> u32 {
        match fault {
            // each second of them computes for 0.3 s
            Some(Fault::CpuBurn) => 3,
            // a per cent of errors within a minute has to be more than a handful
            Some(Fault::ErrorRiskWaves) => 16,
            _ => 6,
        }
    }

    /// How long the second stage lasts before the fault is switched on, at speed 1.
    pub(super) const fn settles(self) -> TimeSpan {
        match self.fault {
            // connections that grow as the traffic did are none to T10: it looks five minutes back, at rates over one
            Fault::ConnectionLeak => TimeSpan::from_seconds(360),
            _ => TimeSpan::ZERO,
        }
    }

    /// The plan of its rollout.
    pub(super) const fn plan(self) -> &'static str {
        match self.fault {
            // it is compared with the stage before, four fifths of which have to be measured
            Fault::ConnectionCreep => LONG_PLAN,
            _ => PLAN,
        }
    }

    /// What the admin address is sent.
    pub(super) fn on(self) -> Value {
        json!({ "on": true, "level": self.level })
    }

    /// The switch with its level, as the table shows it.
    pub(super) fn words(self) -> String {
        let Switch { name, unit, .. } = self.fault.switch();
        if unit == "on" { format!("`{name}`") } else { format!("`{name}`, {} {unit}", self.level) }
    }
}
