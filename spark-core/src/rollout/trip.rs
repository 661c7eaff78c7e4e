//! A step on its way: intent, attempt, probe, and again where the probe does not see it.

use serde::{Deserialize, Serialize};

use super::fact::{Ended, StepId};
use crate::planted::{self, Bug};
use crate::time::Timestamp;

/// A step that was begun and that no probe has seen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Trip {
    pub(super) id: StepId,
    /// The attempt that is due, or was made last; from 1.
    pub(super) attempt: u32,
    /// When the step was first due.
    pub(super) since: Timestamp,
    pub(super) at: Whereabouts,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whereabouts {
    /// An attempt is to be made from this instant on.
    Due(Timestamp),
    /// Its intent is recorded, its end is not.
    Acting,
    /// It ended; from this instant on the traffic is to be measured.
    Verify(Timestamp, Ended),
}

impl Trip {
    pub(super) const fn begin(id: StepId, at: Timestamp) -> Self {
        Self { id, attempt: 1, since: at, at: Whereabouts::Due(at) }
    }

    /// Whether nothing was done yet.
    pub(super) const fn untried(&self) -> bool {
        self.attempt == 1 && matches!(self.at, Whereabouts::Due(_))
    }

    /// Another runner took over: what was in flight is measured, never repeated blindly. A further attempt at a step that is
    /// `forward` waits for a look too: nobody knows what happened since it was due.
    pub(super) fn resumed(&mut self, at: Timestamp, forward: bool) {
        match self.at {
            Whereabouts::Due(_) if forward => self.at = Whereabouts::Verify(at, Ended::Unknown),
            Whereabouts::Due(_) => {}
            Whereabouts::Acting if planted::is(Bug::BlindRepeat) => self.at = Whereabouts::Due(at),
            Whereabouts::Acting => self.at = Whereabouts::Verify(at, Ended::Unknown),
            Whereabouts::Verify(_, end) => self.at = Whereabouts::Verify(at, end),
        }
    }

    /// One more attempt, from an instant on.
    pub(super) fn again(&mut self, from: Timestamp) {
        if planted::is(Bug::KeyPerAttempt) {
            self.id.number = self.id.number.saturating_add(1);
        }
        self.attempt = self.attempt.saturating_add(1);
        self.at = Whereabouts::Due(from);
    }
}
