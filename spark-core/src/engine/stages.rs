//! What is remembered of stages: the mean of each left side that a later stage is compared with.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The part of a stage's evaluations at which a value must have been known for its mean to count: 80 %, as for windows.
const KNOWN_MIN_PERCENT: u64 = 80;

/// One left side over one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Mean {
    #[serde(with = "rust_decimal::serde::str")]
    sum: Decimal,
    known: u64,
    evaluations: u64,
    overflown: bool,
}

impl Mean {
    fn add(&mut self, value: Option<Decimal>) {
        self.evaluations = self.evaluations.saturating_add(1);
        let Some(value) = value else { return };
        self.known = self.known.saturating_add(1);
        match self.sum.checked_add(value) {
            Some(sum) => self.sum = sum,
            None => self.overflown = true,
        }
    }

    fn value(&self) -> Option<Decimal> {
        let enough = self.known.saturating_mul(100) >= self.evaluations.saturating_mul(KNOWN_MIN_PERCENT);
        if self.overflown || !enough {
            return None;
        }
        self.sum.checked_div(Decimal::from(self.known))
    }
}

/// The stage, and means by the place of their comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct StageMemory {
    stage: Option<u32>,
    present: BTreeMap<usize, Mean>,
    before: BTreeMap<usize, Mean>,
}

impl StageMemory {
    pub(super) fn enter(&mut self, stage: u32) {
        self.stage = Some(stage);
        self.before = std::mem::take(&mut self.present);
    }

    /// Whether there is no stage before the present one: what reads it is left out.
    pub(super) const fn is_first(&self) -> bool {
        matches!(self.stage, None | Some(0))
    }

    pub(super) const fn in_stage(&self) -> bool {
        self.stage.is_some()
    }

    pub(super) fn add(&mut self, place: usize, value: Option<Decimal>) {
        self.present.entry(place).or_default().add(value);
    }

    pub(super) fn previous(&self, place: usize) -> Option<Decimal> {
        self.before.get(&place)?.value()
    }
}
