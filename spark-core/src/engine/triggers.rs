//! A trigger's way between its levels, and what it asks for.

use serde::{Deserialize, Serialize};

use super::clock::Outcome;
use super::truth;
use crate::decision::{State, Truth, Unknown, Verdict};
use crate::planted::{self, Bug};
use crate::time::Timestamp;
use crate::trigger::{Severity, Trigger};

/// Levels of a trigger, at the most: one for each severity.
pub(super) const LEVELS_MAX: usize = 3;

/// One level's condition at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct LevelTruth {
    /// As written.
    pub(super) full: Outcome,
    /// Its `for`s aside.
    pub(super) bare: Outcome,
    /// Since when the bare condition is true.
    pub(super) run: Option<Timestamp>,
    /// The start of its earliest running clock.
    pub(super) running: Option<Timestamp>,
}

/// A trigger's conditions at an instant; a level that is left out is `None`.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    /// In the trigger's order; none behind its last.
    pub(super) levels: [Option<LevelTruth>; LEVELS_MAX],
    /// `None` where there is no `clear`.
    pub(super) clear: Option<Outcome>,
    /// `None` where there is no `given`, or where it is left out.
    pub(super) given: Option<Outcome>,
}

impl Levels {
    /// `given` is false, not merely unknown.
    fn given_is_false(&self) -> bool {
        self.given.is_some_and(Outcome::is_false)
    }
}

/// The truths of a trigger's clauses at its last evaluation, to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traced {
    /// In the trigger's order: as written, and its `for`s aside.
    pub(super) levels: [Option<(Truth, Truth)>; LEVELS_MAX],
    pub(super) clear: Option<Truth>,
    pub(super) given: Option<Truth>,
}

impl Traced {
    pub(super) fn of(levels: &Levels) -> Self {
        let of = |level: LevelTruth| (truth(level.full), truth(level.bare));
        Self {
            levels: levels.levels.map(|level| level.map(of)),
            clear: levels.clear.map(truth),
            given: levels.given.map(truth),
        }
    }

    /// Those of a trigger that has one level and nothing else.
    pub(super) const fn of_one(full: Outcome, bare: Outcome) -> Self {
        Self { levels: [Some((truth(full), truth(bare))), None, None], clear: None, given: None }
    }
}

/// The condition of a trigger's only level, where it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its `for` aside.
    pub(super) holds: bool,
    /// As written.
    pub(super) full: bool,
    /// Since when it holds.
    pub(super) run: Option<Timestamp>,
    /// Whether it has a `for`, which started then.
    pub(super) counts: bool,
}

/// What a trigger remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TriggerMemory {
    /// The level that it is at underneath, and since when that level's condition has been true.
    level: Option<(Severity, Timestamp)>,
    /// The first instant of the unknown run that counts towards `then rollback after`.
    unknown_since: Option<Timestamp>,
    /// What it shows.
    pub(super) shown: State,
    /// Since when, in the sense of the state.
    pub(super) since: Option<Timestamp>,
    /// What it asks for.
    pub(super) asks: Option<Verdict>,
    /// Why it is unknown.
    pub(super) cause: Option<Unknown>,
    /// Where that is too little evidence: why `given` is not known, and nothing where it is false.
    #[serde(default)]
    pub(super) given: Option<Unknown>,
}

impl Default for TriggerMemory {
    fn default() -> Self {
        Self {
            level: None,
            unknown_since: None,
            shown: State::Unknown,
            since: None,
            asks: None,
            cause: None,
            given: None,
        }
    }
}

/// What a trigger would show and ask for, were it not for its `unless`.
struct Underneath {
    state: State,
    since: Option<Timestamp>,
    asks: Option<Verdict>,
    cause: Option<Unknown>,
}

impl TriggerMemory {
    /// Takes one evaluation in. `speaking` is the highest level that a trigger of its `unless` shows.
    pub(super) fn advance(
        &mut self,
        trigger: &Trigger,
        truth: &Levels,
        speaking: Option<Severity>,
        at: Timestamp,
    ) {
        self.move_between_levels(trigger, truth, at);
        let underneath = self.underneath(trigger, truth, at);
        let quiet = speaking.is_some_and(|speaking| {
            self.level.is_none_or(|(level, _)| level <= speaking)
                && underneath.asks.is_none_or(|asks| rank(asks) <= speaking)
        });
        let (state, since, asks, cause) = match (quiet, underneath) {
            (true, _) => (State::Ok, None, None, None),
            (false, Underneath { state, since, asks, cause }) => (state, since, asks, cause),
        };
        // of ok and unknown: the first instant in that state
        let since = since.or(self.since.filter(|_| self.shown == state)).or(Some(at));
        (self.shown, self.since, self.asks, self.cause) = (state, since, asks, cause);
        let masked = cause == Some(Unknown::TooLittleEvidence);
        self.given = truth.given.filter(|_| masked).and_then(Outcome::cause);
    }

    /// The same of a trigger that has one level and nothing else, where its condition is known.
    pub(super) fn advance_in_short(&mut self, severity: Severity, known: Known, at: Timestamp) {
        let before = self.level.filter(|_| known.holds);
        let reached = || (severity, known.run.unwrap_or(at));
        self.level = before.or_else(|| known.full.then(reached));
        let (state, since) = match self.level {
            Some((severity, since)) => (State::from(severity), since),
            None if known.holds => (State::Pending, known.run.unwrap_or(at)),
            // the first instant in that state
            None => (State::Ok, self.since.filter(|_| self.shown == State::Ok).unwrap_or(at)),
        };
        self.asks = match (self.level, severity) {
            (Some(_), Severity::Rollback) => Some(Verdict::Rollback),
            (Some(_), Severity::Hold) => Some(Verdict::Hold),
            (None, Severity::Hold | Severity::Rollback) if known.holds && known.counts => Some(Verdict::Hold),
            (Some(_), Severity::Warn) | (None, _) => None,
        };
        (self.shown, self.since) = (state, Some(since));
        (self.unknown_since, self.cause, self.given) = (None, None, None);
    }

    /// What one remembers that has one level and nothing else, and whose condition is known; `since` is when it turned.
    pub(super) const fn of_known(severity: Severity, holds: bool, reached: bool, since: Timestamp) -> Self {
        let (shown, asks) = match (reached, severity) {
            (true, Severity::Rollback) => (State::Rollback, Some(Verdict::Rollback)),
            (true, Severity::Hold) => (State::Hold, Some(Verdict::Hold)),
            (true, Severity::Warn) => (State::Warn, None),
            (false, Severity::Warn) if holds => (State::Pending, None),
            (false, _) if holds => (State::Pending, Some(Verdict::Hold)),
            (false, _) => (State::Ok, None),
        };
        let level = if reached { Some((severity, since)) } else { None };
        let (unknown_since, cause, given) = (None, None, None);
        Self { level, unknown_since, shown, since: Some(since), asks, cause, given }
    }

    /// When it asks for rollback because it has been unknown for too long, if it stays so.
    pub(super) fn gives_up_at(&self, trigger: &Trigger) -> Option<Timestamp> {
        Some(self.unknown_since?.plus(trigger.unknown_rollback_after?))
    }

    /// Leaves the level when it clears, then goes up to the highest that holds; both may be the same instant.
    fn move_between_levels(&mut self, trigger: &Trigger, truth: &Levels, at: Timestamp) {
        let of = |severity: Severity| {
            trigger.levels.iter().zip(&truth.levels).find(|(level, _)| level.severity == severity)?.1.as_ref()
        };
        if let Some((severity, _)) = self.level {
            let cleared = match truth.clear {
                Some(clear) => clear.is_true(),
                None => of(severity).is_some_and(|level| level.bare.is_false()),
            };
            if cleared {
                self.level = None;
            }
        }
        for (level, known) in trigger.levels.iter().zip(&truth.levels) {
            let Some(known) = known else { continue };
            let higher = self.level.is_none_or(|(present, _)| level.severity > present);
            if higher && known.full.is_true() {
                self.level = Some((level.severity, known.run.unwrap_or(at)));
            }
        }
    }

    fn underneath(&mut self, trigger: &Trigger, truth: &Levels, at: Timestamp) -> Underneath {
        let present = self.level.map(|(severity, _)| severity);
        let known = || {
            trigger
                .levels
                .iter()
                .zip(&truth.levels)
                .filter_map(|(level, truth)| Some((level, truth.as_ref()?)))
        };
        let unknown = known()
            .filter(|(level, _)| present.is_none_or(|present| level.severity >= present))
            .find_map(|(_, truth)| match truth.full {
                Outcome::Unknown(cause) => Some(cause),
                Outcome::True | Outcome::False => None,
            });
        match unknown {
            Some(_) if !truth.given_is_false() => {
                self.unknown_since.get_or_insert(at);
            }
            _ => self.unknown_since = None,
        }
        let lasted = |after| self.unknown_since.is_some_and(|since| at.since(since) >= after);
        let given_up = trigger.unknown_rollback_after.is_some_and(lasted);
        let counting =
            known().any(|(level, truth)| level.severity >= Severity::Hold && truth.running.is_some());
        let asks = match present {
            Some(Severity::Rollback) => Some(Verdict::Rollback),
            _ if given_up => Some(Verdict::Rollback),
            Some(Severity::Hold) => Some(Verdict::Hold),
            _ if counting || (unknown.is_some() && !planted::is(Bug::UnknownTriggerQuiet)) => {
                Some(Verdict::Hold)
            }
            _ => None,
        };
        let pending = known().any(|(_, truth)| truth.bare.is_true());
        let (state, since) = match (self.level, unknown) {
            (Some((severity, since)), _) => (State::from(severity), Some(since)),
            (None, Some(_)) => (State::Unknown, None),
            (None, None) if pending => {
                let running = known().filter_map(|(_, truth)| truth.running).min();
                (State::Pending, running.or_else(|| known().filter_map(|(_, truth)| truth.run).min()))
            }
            (None, None) => (State::Ok, None),
        };
        Underneath { state, since, asks, cause: unknown }
    }
}

/// A verdict on the scale of levels.
const fn rank(verdict: Verdict) -> Severity {
    match verdict {
        Verdict::Proceed => Severity::Warn,
        Verdict::Hold => Severity::Hold,
        Verdict::Rollback => Severity::Rollback,
    }
}
