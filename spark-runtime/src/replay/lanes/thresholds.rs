//! Triggers that hold one signal against thresholds, over samples that are all numbers and believed at every instant: what
//! they do follows from the column.
//!
//! The thresholds are sorted. While samples stay between the two around the newest, nothing changes but clocks; the first
//! beyond them is searched by the column, which passes over blocks. A sample that crosses some turns their triggers alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use rust_decimal::Decimal;
use spark_core::column::{Column, Numbers};
use spark_core::{
    Comparison, Condition, Expression, Policy, PolicyPart, Relation, Severity, Test, TimeSpan, Timestamp,
    Track, Trigger,
};

use super::text::Line;
use super::together::{Turned, What};
use crate::replay::{Instants, Recording};

/// The triggers of one signal on their way.
pub(super) struct Thresholds<'a> {
    column: &'a Column,
    numbers: Numbers<'a>,
    instants: Instants,
    /// Where samples are as far apart as instants: the place of the newest sample at the first instant, which may lie
    /// before the first sample.
    even: Option<i64>,
    /// By their edges, rising.
    rules: Vec<Rule>,
    /// How many edges are not above the newest sample.
    below: Option<usize>,
    /// When a `for` is over, if its condition stays true.
    due: BinaryHeap<Reverse<(u32, usize)>>,
    /// The number of the next instant at which something can change.
    next: Option<u32>,
    /// What happened since it was last told.
    pub(super) turned: Vec<Turned>,
}

/// A trigger: its condition turns between its edge and the number before that.
struct Rule {
    edge: i64,
    /// Whether it holds from the edge on, rather than below it.
    from_edge: bool,
    /// How many instants after the first true one it is at its level.
    hold: u32,
    /// The place of its name among all.
    rank: u32,
    /// The first instant of the run of truth.
    start: Option<u32>,
}

impl<'a> Thresholds<'a> {
    /// A part's lane, and the lines of its triggers, by rank; `None` where it is not of this kind.
    pub(super) fn new(
        policy: &Policy,
        part: &PolicyPart,
        ranks: &[u32],
        recording: &'a Recording,
        instants: Instants,
        lines: &mut [Option<Line>],
    ) -> Option<Self> {
        let [signal] = part.signals.as_slice() else { return None };
        let (id, signal) = (*signal, policy.signal(*signal)?);
        let column = recording.samples_of(id, Track::Canary)?;
        let numbers = column.numbers().filter(|_| part.is_plain && signal.expectation.is_none())?;
        // from the first sample on there is one that is believed, and each instant is evidence for a `for`
        let newest = column.newest()?;
        let believed = column.first_after_gap(1, signal.stale_after).is_none()
            && newest.plus(signal.stale_after) >= instants.to()
            && instants.every() <= signal.stale_after;
        let first = column.at(0).filter(|first| believed && *first <= instants.to())?;
        let next = Some(number_of(instants, first)?);
        let mut rules = Vec::with_capacity(part.triggers.len());
        let mut made = Vec::with_capacity(part.triggers.len());
        for trigger in &part.triggers {
            let rank = *ranks.get(trigger.index())?;
            let trigger = policy.triggers().get(trigger.index())?;
            let Asked { comparison, relation, threshold, held, severity } = asked(trigger)?;
            let (inclusive, from_edge) = match relation {
                Relation::Above => (false, true),
                Relation::AtLeast => (true, true),
                Relation::Below => (true, false),
                Relation::AtMost => (false, false),
                Relation::Equal | Relation::NotEqual => return None,
            };
            let edge = numbers.least_above(threshold, inclusive);
            let hold = held.nanos().unsigned_abs().div_ceil(instants.every().nanos().unsigned_abs());
            let hold = u32::try_from(hold).unwrap_or(u32::MAX);
            rules.push(Rule { edge, from_edge, hold, rank, start: None });
            let unit = (comparison.unit, comparison.per);
            let line = Line::new(&trigger.name, unit, (threshold, from_edge), numbers.scale(), severity);
            made.push((rank, line));
        }
        for (rank, line) in made {
            *lines.get_mut(usize::try_from(rank).ok()?)? = Some(line);
        }
        rules.sort_unstable_by_key(|rule| rule.edge);
        Some(Self {
            column,
            numbers,
            instants,
            even: even(numbers, instants),
            rules,
            below: None,
            due: BinaryHeap::new(),
            next,
            turned: Vec::new(),
        })
    }

    /// Looks at every instant up to that number at which something can change, or until so much waits to be told.
    pub(super) fn run(&mut self, last: u32, most: usize) {
        while let Some(n) = self.next.filter(|next| *next <= last && self.turned.len() < most) {
            self.next = self.look(n);
        }
    }

    /// The number of the instant that it looks at next.
    pub(super) const fn next(&self) -> Option<u32> {
        self.next
    }

    /// Turns what turns at an instant; gives the next at which something can.
    fn look(&mut self, n: u32) -> Option<u32> {
        let seen = self.seen(n);
        let number = self.numbers.at(seen.checked_sub(1)?)?;
        let below = self.rules.partition_point(|rule| rule.edge <= number);
        let crossed = match self.below.replace(below) {
            Some(before) => before.min(below)..before.max(below),
            None => 0..self.rules.len(),
        };
        self.turn(crossed, below, n, number);
        while let Some(Reverse((due, place))) = self.due.peek().copied().filter(|Reverse((due, _))| *due <= n)
        {
            self.due.pop();
            // one that ended, or began anew, is not over
            if let Some(rule) = self.rules.get(place)
                && let Some(start) = rule.start.filter(|start| start.saturating_add(rule.hold) == due)
            {
                self.turned.push(Turned::new(n, rule.rank, What::Level, start, number));
            }
        }
        let edge = |place: usize| self.rules.get(place).map(|rule| rule.edge);
        let least = below.checked_sub(1).and_then(edge).unwrap_or(i64::MIN);
        let most = edge(below).map_or(i64::MAX, |edge| edge.saturating_sub(1));
        let outside =
            self.numbers.first_outside(seen, least, most).and_then(|place| self.instant_of_place(place));
        let due = self.due.peek().map(|Reverse((due, _))| *due);
        let next = outside.into_iter().chain(due).min()?;
        // two samples between two instants: the second is seen
        Some(next.max(n.saturating_add(1)))
    }

    /// Turns the triggers whose edges the newest sample crossed: those before `below` are not above it.
    fn turn(&mut self, crossed: Range<usize>, below: usize, n: u32, number: i64) {
        for place in crossed {
            let Some(rule) = self.rules.get_mut(place) else { return };
            let holds = (place < below) == rule.from_edge;
            rule.start = holds.then_some(n);
            let what = match (holds, rule.hold) {
                (false, _) => What::Ok,
                (true, 0) => What::Level,
                (true, hold) => {
                    self.due.push(Reverse((n.saturating_add(hold), place)));
                    What::Pending
                }
            };
            self.turned.push(Turned::new(n, rule.rank, what, n, number));
        }
    }

    /// How many samples are seen at an instant.
    fn seen(&self, n: u32) -> usize {
        match self.even {
            Some(first) => {
                let seen = first.saturating_add(i64::from(n)).saturating_add(1);
                usize::try_from(seen).unwrap_or(0).min(self.column.len())
            }
            None => self.column.seen(self.instants.at(n)),
        }
    }

    /// The first instant that sees the sample at a place.
    fn instant_of_place(&self, place: usize) -> Option<u32> {
        match self.even {
            Some(first) => u32::try_from(i64::try_from(place).ok()?.saturating_sub(first).max(0)).ok(),
            None => number_of(self.instants, self.column.at(place)?),
        }
    }
}

/// The number of the first instant that is not before a time.
pub(super) fn number_of(instants: Instants, at: Timestamp) -> Option<u32> {
    let every = instants.every().nanos().unsigned_abs();
    u32::try_from(at.since(instants.from()).nanos().unsigned_abs().div_ceil(every)).ok()
}

/// Where samples are as far apart as instants: the place of the newest sample at the first instant.
fn even(numbers: Numbers<'_>, instants: Instants) -> Option<i64> {
    let (first, step) = numbers.even_times().filter(|(_, step)| *step == instants.every())?;
    let before = instants.from().nanos().checked_sub(first.nanos())?;
    before.checked_div_euclid(step.nanos())
}

/// What a trigger asks of one signal, where that is all that it asks.
struct Asked<'a> {
    comparison: &'a Comparison,
    relation: Relation,
    threshold: Decimal,
    held: TimeSpan,
    severity: Severity,
}

fn asked(trigger: &Trigger) -> Option<Asked<'_>> {
    let [level] = trigger.levels.as_slice() else { return None };
    let conditioned = trigger.clear.is_some() || trigger.given.is_some() || !trigger.unless.is_empty();
    if conditioned || trigger.unknown_rollback_after.is_some() {
        return None;
    }
    let (condition, held) = match &level.condition {
        Condition::Held { condition, duration } => (condition.as_ref(), *duration),
        condition => (condition, TimeSpan::ZERO),
    };
    let Condition::Compare(comparison) = condition else { return None };
    // a rate's threshold may be a quotient that does not end
    if comparison.unit.per_time {
        return None;
    }
    let (relation, threshold) = match (&comparison.left, &comparison.test) {
        (Expression::Signal(_), Test::Is(relation, Expression::Literal(threshold))) => {
            (*relation, *threshold)
        }
        (Expression::Literal(threshold), Test::Is(relation, Expression::Signal(_))) => {
            (relation.turned(), *threshold)
        }
        _ => return None,
    };
    Some(Asked { comparison, relation, threshold, held, severity: level.severity })
}
