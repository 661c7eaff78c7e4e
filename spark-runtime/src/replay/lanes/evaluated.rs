//! A part of the policy in an engine of its own, evaluated at the instants at which something can change.

use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::column::Column;
use spark_core::{Change, Engine, Policy, PolicyPart, Sample, SignalId, TimeSpan, Timestamp, Track, Verdict};

use crate::replay::{Instants, Recording};

/// A part of the policy on its way.
pub(super) struct Evaluated<'a> {
    engine: Engine,
    is_plain: bool,
    instants: Instants,
    series: Vec<Series<'a>>,
    next: Option<Timestamp>,
    verdict: Option<Verdict>,
    because: Vec<String>,
    /// What happened since it was last told.
    pub(super) turns: Vec<Turn>,
}

/// What a lane's evaluation changed.
pub(super) struct Turn {
    pub(super) at: Timestamp,
    pub(super) changes: Vec<Change>,
    pub(super) decided: Option<(Verdict, Vec<String>)>,
}

impl Turn {
    /// How much it is to keep, in changes.
    fn weight(&self) -> usize {
        self.changes.len().saturating_add(usize::from(self.decided.is_some()))
    }
}

impl<'a> Evaluated<'a> {
    /// `policy` is the part's own.
    pub(super) fn new(
        policy: Policy,
        part: &PolicyPart,
        recording: &'a Recording,
        instants: Instants,
    ) -> Self {
        let mut series = Vec::new();
        for (own, whole) in (0..).map(SignalId).zip(&part.signals) {
            let stale_after = policy.signal(own).map(|signal| signal.stale_after).unwrap_or_default();
            for track in Track::ALL {
                if let Some(column) = recording.samples_of(*whole, track) {
                    series.push(Series {
                        signal: own,
                        track,
                        column,
                        stale_after,
                        given: 0,
                        quiet: None,
                        gap: None,
                    });
                }
            }
        }
        Self {
            engine: Engine::new(Arc::new(policy)),
            is_plain: part.is_plain,
            instants,
            series,
            next: Some(instants.from()),
            verdict: None,
            because: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// The instant that is evaluated next.
    pub(super) const fn next(&self) -> Option<Timestamp> {
        self.next
    }

    /// Evaluates at every instant up to `until` at which something can change, or until so much waits to be told.
    pub(super) fn run(&mut self, until: Timestamp, most: usize) {
        let mut waiting = self.turns.iter().fold(0usize, |sum, turn| sum.saturating_add(turn.weight()));
        while let Some(at) = self.next.filter(|next| *next <= until && waiting < most) {
            let every = self.instants.every();
            self.engine.pass_over(at.minus(every));
            for series in &mut self.series {
                series.give(at, self.is_plain, &mut self.engine);
            }
            let ruling = self.engine.decide(at);
            let reasons = self.because.iter().map(String::as_str);
            let decides = self.verdict != Some(ruling.verdict()) || !ruling.because().eq(reasons);
            if decides || ruling.changes().len() > 0 {
                let decision = ruling.to_decision();
                let decided = decides.then(|| {
                    self.verdict = Some(decision.verdict);
                    self.because.clone_from(&decision.because);
                    (decision.verdict, decision.because)
                });
                let turn = Turn { at, changes: decision.changes, decided };
                waiting = waiting.saturating_add(turn.weight());
                self.turns.push(turn);
            }
            self.next = self.after(at);
        }
    }

    /// The next instant at which something can change.
    fn after(&mut self, at: Timestamp) -> Option<Timestamp> {
        let every = self.instants.every();
        let follows = at.plus(every);
        let next = match self.engine.quiet_until(every).filter(|_| self.is_plain) {
            None => follows,
            Some(due) => {
                let engine = &self.engine;
                let turns = self.series.iter_mut().filter_map(|series| series.turns(at, engine));
                turns.fold(due, Timestamp::min).next_multiple(every).max(follows)
            }
        };
        (next > at && next <= self.instants.to()).then_some(next)
    }
}

/// A series that a lane reads.
struct Series<'a> {
    signal: SignalId,
    track: Track,
    column: &'a Column,
    stale_after: TimeSpan,
    /// How many of its samples were given, or passed over.
    given: usize,
    /// Between which values its samples were searched, and the first that is not there.
    quiet: Option<(Option<Decimal>, Option<Decimal>, usize)>,
    /// The first sample after a gap that is longer than samples are believed; its length where there is none.
    gap: Option<usize>,
}

impl Series<'_> {
    /// Gives the engine what is new at an instant: to a plain part the newest alone, which is all that it reads.
    fn give(&mut self, at: Timestamp, newest_alone: bool, engine: &mut Engine) {
        let seen = self.column.seen(at);
        let first = if newest_alone { self.given.max(seen.saturating_sub(1)) } else { self.given };
        for place in first..seen {
            if let Some((at, reading)) = self.column.at(place).zip(self.column.reading(place)) {
                let _ = engine.observe(&Sample { signal: self.signal, track: self.track, at, reading });
            }
        }
        self.given = seen.max(self.given);
    }

    /// When its samples, or the lack of one, can change something after `at`.
    fn turns(&mut self, at: Timestamp, engine: &Engine) -> Option<Timestamp> {
        let Some(newest) = self.given.checked_sub(1) else { return self.column.at(0) };
        let outside = match engine.quiet_between(self.signal, self.track) {
            None => self.given,
            Some((low, high)) => match self.quiet {
                Some((known_low, known_high, found))
                    if (known_low, known_high) == (low, high) && found >= self.given =>
                {
                    found
                }
                _ => {
                    let found = self.column.first_outside(self.given, low, high);
                    let found = found.unwrap_or_else(|| self.column.len());
                    self.quiet = Some((low, high, found));
                    found
                }
            },
        };
        let gap = match self.gap {
            Some(gap) if gap >= self.given => gap,
            _ => {
                let found = self.column.first_after_gap(self.given, self.stale_after);
                *self.gap.insert(found.unwrap_or_else(|| self.column.len()))
            }
        };
        // the sample before the gap, or the last of all, is no longer believed
        let last = gap.saturating_sub(1).max(newest);
        let stale = self.column.at(last)?.plus(self.stale_after).plus(TimeSpan::from_nanos(1));
        let stale = if stale > at { Some(stale) } else { self.column.at(gap) };
        [self.column.at(outside), stale].into_iter().flatten().min()
    }
}
