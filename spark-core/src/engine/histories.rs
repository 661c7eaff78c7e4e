//! The histories of all series.

use serde::{Deserialize, Serialize};

use super::history::{History, Needed};
use crate::signal::{SignalId, Track};
use crate::time::Timestamp;

/// By signal: the canary's history, and the baseline's once a sample of it came. Many signals have no baseline, and the
/// canary's stand side by side, in the order in which samples mostly come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Histories {
    canary: Vec<History>,
    baseline: Vec<Option<Box<History>>>,
}

impl Histories {
    pub(super) fn new(signals: usize) -> Self {
        Self { canary: vec![History::NONE; signals], baseline: vec![None; signals] }
    }

    /// How many signals there are; none where both parts are of different ones.
    pub(super) fn signals(&self) -> Option<usize> {
        Some(self.canary.len()).filter(|signals| *signals == self.baseline.len())
    }

    /// The history of a series; none of a signal that there is not.
    pub(super) fn get(&self, signal: SignalId, track: Track) -> Option<&History> {
        static NONE: History = History::NONE;
        match track {
            Track::Canary => self.canary.get(signal.index()),
            Track::Baseline => Some(self.baseline.get(signal.index())?.as_deref().unwrap_or(&NONE)),
        }
    }

    /// The same, to be added to.
    pub(super) fn get_mut(&mut self, signal: SignalId, track: Track) -> Option<&mut History> {
        match track {
            Track::Canary => self.canary.get_mut(signal.index()),
            Track::Baseline => {
                self.baseline.get_mut(signal.index()).map(|slot| &mut **slot.get_or_insert_default())
            }
        }
    }

    /// Forgets what evaluations at an instant and later do not need; `needed` is by signal.
    pub(super) fn forget_before(&mut self, at: Timestamp, needed: &[Needed]) {
        for (history, needed) in self.canary.iter_mut().zip(needed) {
            history.forget_before(at, needed);
        }
        for (slot, needed) in self.baseline.iter_mut().zip(needed) {
            slot.iter_mut().for_each(|history| history.forget_before(at, needed));
        }
    }
}
