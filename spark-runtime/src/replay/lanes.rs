//! A replay in lanes: the parts of a policy that share nothing, each evaluated where it can change and nowhere else, on all
//! cores; what they tell is put together again, byte for byte what one engine evaluated at each instant tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::column::Column;
use spark_core::{Change, Engine, Part, Policy, Sample, SignalId, TimeSpan, Timestamp, Track, Verdict};

use super::event::TriggerEvent;
use super::{DecisionEvent, Event, Instants, Recording, Replay, replay_with};

/// Most turns that wait to be put together, of all lanes: some megabytes.
const WAITING_MAX: u64 = 1 << 16;

/// Lanes are spread over cores where they look at so many instants in all: below, a thread costs more than it saves.
const WORTH_A_THREAD: u64 = 1 << 17;

/// Gives every event of a recording's replay, the summary last, and to `progress` how many of how many instants are done:
/// the same events as [`replay_with`], sooner.
///
/// # Errors
/// The first error of `each` ends it.
pub fn replay_events<E>(
    policy: &Arc<Policy>,
    recording: &Recording,
    history: Option<Timestamp>,
    instants: Instants,
    mut each: impl FnMut(&Event) -> Result<(), E>,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), E> {
    // what is computed from points at each instant, or lived through before the first, is seen instant by instant
    let parts = policy.apart().ok().filter(|parts| {
        history.is_none() && !recording.has_points() && parts.iter().any(|part| part.is_plain)
    });
    let Some(parts) = parts else {
        let mut replay = Replay::beside(policy, &[], recording, history, instants);
        return replay_with(&mut replay, recording, each, progress).map(drop);
    };
    let count = u64::try_from(parts.len()).unwrap_or(u64::MAX);
    let stretch = WAITING_MAX.checked_div(count).unwrap_or(WAITING_MAX).max(1);
    let threads = match instants.count().saturating_mul(count) >= WORTH_A_THREAD {
        true => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        false => 1,
    };
    in_lanes(parts, recording, instants, (stretch, threads), &mut each, &mut progress)
}

/// As [`replay_events`], so many instants at a time, on so many threads.
fn in_lanes<E>(
    parts: Vec<Part>,
    recording: &Recording,
    instants: Instants,
    (stretch, threads): (u64, usize),
    each: &mut impl FnMut(&Event) -> Result<(), E>,
    progress: &mut impl FnMut(u64, u64),
) -> Result<(), E> {
    let mut lanes: Vec<Lane<'_>> =
        parts.into_iter().map(|part| Lane::new(part, recording, instants)).collect();
    let mut together = Together::new(lanes.len());
    let mut done = 0u64;
    while done < instants.count() {
        let after = done.saturating_add(stretch).min(instants.count());
        let steps = u32::try_from(after.saturating_sub(1)).unwrap_or(u32::MAX);
        let until = instants.from().plus(instants.every().times(steps));
        run(&mut lanes, until, threads);
        together.tell(&mut lanes, each)?;
        done = after;
        progress(done, instants.count());
    }
    each(&Event::Summary(recording.summary(instants, done, together.verdict.unwrap_or(Verdict::Proceed))))
}

/// Brings all lanes to an instant.
fn run(lanes: &mut [Lane<'_>], until: Timestamp, threads: usize) {
    let share = lanes.len().div_ceil(threads.max(1)).max(1);
    if share >= lanes.len() {
        lanes.iter_mut().for_each(|lane| lane.run(until));
        return;
    }
    std::thread::scope(|scope| {
        for lanes in lanes.chunks_mut(share) {
            scope.spawn(move || lanes.iter_mut().for_each(|lane| lane.run(until)));
        }
    });
}

/// A part of the policy on its way.
struct Lane<'a> {
    engine: Engine,
    is_plain: bool,
    instants: Instants,
    series: Vec<Series<'a>>,
    next: Option<Timestamp>,
    verdict: Option<Verdict>,
    because: Vec<String>,
    /// What happened since it was last told.
    turns: Vec<Turn>,
}

/// What a lane's evaluation changed.
struct Turn {
    at: Timestamp,
    changes: Vec<Change>,
    decided: Option<(Verdict, Vec<String>)>,
}

impl<'a> Lane<'a> {
    fn new(part: Part, recording: &'a Recording, instants: Instants) -> Self {
        let mut series = Vec::new();
        for (own, whole) in (0..).map(SignalId).zip(&part.signals) {
            let stale_after = part.policy.signal(own).map(|signal| signal.stale_after).unwrap_or_default();
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
            engine: Engine::new(Arc::new(part.policy)),
            is_plain: part.is_plain,
            instants,
            series,
            next: Some(instants.from()),
            verdict: None,
            because: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// Evaluates at every instant up to `until` at which something can change.
    fn run(&mut self, until: Timestamp) {
        while let Some(at) = self.next.filter(|next| *next <= until) {
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
                self.turns.push(Turn { at, changes: decision.changes, decided });
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

/// What all lanes tell, put together.
struct Together {
    verdict: Option<Verdict>,
    /// By lane: what it decides, and why.
    decided: Vec<(Verdict, Vec<String>)>,
    /// How many lanes decide what.
    counts: BTreeMap<Verdict, usize>,
}

impl Together {
    fn new(lanes: usize) -> Self {
        let counts = BTreeMap::from([(Verdict::Proceed, lanes)]);
        Self { verdict: None, decided: vec![(Verdict::Proceed, Vec::new()); lanes], counts }
    }

    /// Tells what happened in the lanes since the last time, in the order of time.
    fn tell<E>(
        &mut self,
        lanes: &mut [Lane<'_>],
        each: &mut impl FnMut(&Event) -> Result<(), E>,
    ) -> Result<(), E> {
        let own = |(n, lane): (usize, &mut Lane<'_>)| {
            lane.turns.drain(..).map(move |turn| (n, turn)).collect::<Vec<_>>()
        };
        let mut turns: Vec<(usize, Turn)> = lanes.iter_mut().enumerate().flat_map(own).collect();
        turns.sort_by_key(|(_, turn)| turn.at);
        let mut turns = turns.into_iter().peekable();
        while let Some((lane, turn)) = turns.next() {
            let at = turn.at;
            let mut changes = turn.changes;
            self.decide(lane, turn.decided);
            while let Some((lane, turn)) = turns.next_if(|(_, turn)| turn.at == at) {
                changes.extend(turn.changes);
                self.decide(lane, turn.decided);
            }
            changes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            for change in &changes {
                each(&Event::Trigger(TriggerEvent::of(at, change)))?;
            }
            let verdict = self
                .counts
                .iter()
                .rfind(|(_, lanes)| **lanes > 0)
                .map_or(Verdict::Proceed, |(verdict, _)| *verdict);
            if self.verdict.replace(verdict) != Some(verdict) {
                let because = self.decided.iter().filter(|(decided, _)| *decided == verdict);
                let mut because: Vec<String> =
                    because.flat_map(|(_, because)| because.iter().cloned()).collect();
                because.sort_unstable();
                each(&Event::Decision(DecisionEvent { at, decision: verdict, because }))?;
            }
        }
        Ok(())
    }

    fn decide(&mut self, lane: usize, decided: Option<(Verdict, Vec<String>)>) {
        let (Some(decided), Some(slot)) = (decided, self.decided.get_mut(lane)) else { return };
        if let Some(lanes) = self.counts.get_mut(&slot.0) {
            *lanes = lanes.saturating_sub(1);
        }
        let lanes = self.counts.entry(decided.0).or_default();
        *lanes = lanes.saturating_add(1);
        *slot = decided;
    }
}

#[cfg(test)]
mod tests;
