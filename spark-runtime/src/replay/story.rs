//! What a backtest tells: when each trigger was at which level, how far it was from there, and what was decided.

use std::collections::BTreeMap;

use spark_core::quantity::ByteUnits;
use spark_core::{Measured, Severity, SignalId, State, TimeSpan, Timestamp, TriggerId, Verdict};

use super::{Axis, Band};

/// Most times at a level that are kept one by one: a page of them says no more than their count.
pub const SPELLS_MAX: usize = 1_000;

/// A comparison at an instant: where a level was farthest beyond its threshold, or nearest to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// When.
    pub at: Timestamp,
    /// How near, or how far beyond.
    pub measured: Measured,
    /// The units that the rules write its bytes in.
    pub bytes: Option<ByteUnits>,
}

/// How long a condition was true without firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// When it was longest.
    pub at: Timestamp,
    /// The evidence that was added up.
    pub held: TimeSpan,
    /// The `for` that it would have needed.
    pub needed: TimeSpan,
    /// The farthest point of that run of truth.
    pub peak: Option<Close>,
}

/// A time at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// The first instant at the level.
    pub from: Timestamp,
    /// The first instant no longer at it; none where it lasted to the end.
    pub to: Option<Timestamp>,
    /// Since when its condition had been true.
    pub since: Timestamp,
    /// How long: up to the instant at which it was left, or the last one.
    pub lasted: TimeSpan,
    /// Where it was farthest beyond the threshold, in the run of truth that led there.
    pub peak: Option<Close>,
    /// Where it was least beyond, or farthest back from it before it cleared.
    pub least: Option<Close>,
}

/// A level of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelStory {
    /// Which.
    pub severity: Severity,
    /// How often it was reached.
    pub fires: u64,
    /// The time at it, all together.
    pub time: TimeSpan,
    /// The first [`SPELLS_MAX`] times at it.
    pub spells: Vec<Spell>,
    /// The nearest miss: where its condition was false and nearest to true.
    pub nearest: Option<Close>,
    /// The longest miss: where its condition was true, and not for long enough.
    pub longest: Option<Progress>,
    /// The run of truth that did not lead there yet: its farthest point.
    pub(super) rising: Option<Close>,
    /// The units that the rules write its bytes in.
    pub(super) bytes: Option<ByteUnits>,
}

impl LevelStory {
    pub(super) const fn new(severity: Severity, bytes: Option<ByteUnits>) -> Self {
        Self {
            severity,
            bytes,
            fires: 0,
            time: TimeSpan::ZERO,
            spells: Vec::new(),
            nearest: None,
            longest: None,
            rising: None,
        }
    }

    /// Where it was farthest beyond its threshold while it was at the level.
    pub fn beyond(&self) -> Option<Close> {
        let peaks = self.spells.iter().filter_map(|spell| spell.peak);
        peaks.reduce(
            |best, next| if next.measured.margin.value < best.measured.margin.value { next } else { best },
        )
    }

    /// The first instant at the level.
    pub fn first(&self) -> Option<Timestamp> {
        self.spells.first().map(|spell| spell.from)
    }
}

/// The times at which a trigger asked for rollback because it was unknown for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// How long is too long.
    pub after: TimeSpan,
    /// How often it asked.
    pub fires: u64,
    /// The time of it, all together.
    pub time: TimeSpan,
    /// The first [`SPELLS_MAX`] times of it.
    pub spells: Vec<Spell>,
}

impl GivenUp {
    pub(super) const fn new(after: TimeSpan) -> Self {
        Self { after, fires: 0, time: TimeSpan::ZERO, spells: Vec::new() }
    }
}

/// A time that was unknown for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTime {
    /// Why, in words.
    pub cause: String,
    /// How long, all together.
    pub time: TimeSpan,
    /// At how many instants.
    pub instants: u64,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerStory {
    /// Which.
    pub id: TriggerId,
    /// Its name.
    pub name: String,
    /// Its levels, the lowest first.
    pub levels: Vec<LevelStory>,
    /// The time in each state that it showed.
    pub times: BTreeMap<&'static str, TimeSpan>,
    /// Why it was unknown, and for how long; the longest first.
    pub unknown: Vec<UnknownTime>,
    /// When that alone asked for rollback; none where it never does.
    pub given_up: Option<GivenUp>,
    /// What it showed.
    pub band: Band<State>,
}

/// What a signal is expected to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectationStory {
    /// Of which signal.
    pub signal: SignalId,
    /// Its name.
    pub name: String,
    /// How often it came to be unmet.
    pub unmet: u64,
    /// The first instant at which it was unmet.
    pub first: Option<Timestamp>,
    /// The time unmet, all together.
    pub time: TimeSpan,
    /// The time unknown, all together.
    pub unknown: TimeSpan,
    /// Where it was farthest from being met, or nearest to not being.
    pub worst: Option<Close>,
    /// The units that the rules write its bytes in.
    pub(super) bytes: Option<ByteUnits>,
    /// `ok` where it was met, `hold` where it was not, and `unknown`.
    pub band: Band<State>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionStory {
    /// The time at proceed, hold and rollback.
    pub times: [TimeSpan; 3],
    /// The instants at proceed, hold and rollback.
    pub instants: [u64; 3],
    /// How often it changed.
    pub changes: u64,
    /// The first instant at rollback.
    pub first_rollback: Option<Timestamp>,
    /// The last decision.
    pub last: Option<Verdict>,
    /// What was decided over time.
    pub band: Band<Verdict>,
}

impl DecisionStory {
    pub(super) fn new(axis: Axis) -> Self {
        Self {
            times: [TimeSpan::ZERO; 3],
            instants: [0; 3],
            changes: 0,
            first_rollback: None,
            last: None,
            band: Band::new(axis),
        }
    }

    /// The time at a verdict.
    pub const fn time(&self, verdict: Verdict) -> TimeSpan {
        let [proceed, hold, rollback] = self.times;
        match verdict {
            Verdict::Proceed => proceed,
            Verdict::Hold => hold,
            Verdict::Rollback => rollback,
        }
    }

    /// The share of the time at a verdict in hundredths of a percent; of the instants where there was no time.
    pub fn share(&self, verdict: Verdict) -> u64 {
        let place = place(verdict);
        let time = |span: &TimeSpan| u128::from(span.nanos().unsigned_abs());
        let (part, whole) = match self.times.iter().all(|span| span.is_zero()) {
            true => (
                self.instants.get(place).map_or(0, |n| u128::from(*n)),
                self.instants.iter().map(|n| u128::from(*n)).sum(),
            ),
            false => (self.times.get(place).map_or(0, time), self.times.iter().map(time).sum::<u128>()),
        };
        part.saturating_mul(10_000)
            .checked_div(whole)
            .and_then(|share| u64::try_from(share).ok())
            .unwrap_or(0)
    }
}

/// Where a verdict stands among the three.
pub(super) const fn place(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Proceed => 0,
        Verdict::Hold => 1,
        Verdict::Rollback => 2,
    }
}
