//! Replay: recorded samples against a policy → what would have been decided, as a stream of events.
//!
//! ```
//! use std::sync::Arc;
//! use spark_runtime::replay::{Event, Recording, replay};
//!
//! fn verdicts(policy: &Arc<spark_core::Policy>, recording: &Recording) -> Vec<String> {
//!     let instants = recording.instants(policy.every()).unwrap();
//!     let mut seen = Vec::new();
//!     replay(policy, recording, instants, |event| seen.push(event.to_json()));
//!     seen
//! }
//! ```

mod event;
mod look_back;
mod recording;

use std::collections::BTreeSet;
use std::sync::Arc;

use spark_core::metrics::MetricsReader;
use spark_core::{Change, Decision, Engine, Policy, SignalId, State, TimeSpan, Timestamp, Track, TriggerId};

pub use event::{DecisionEvent, Event, Events, Summary, TriggerEvent};
pub use look_back::look_back;
pub use recording::Recording;

use crate::source::file::Record;

/// Most evaluations of one replay: 10 million are almost five years at 15 s. More come from a misread time (a
/// sample of 1970 beside one of today), and would run for hours before anybody sees it.
pub const EVALUATIONS_MAX: u64 = 10_000_000;

/// The instants of a replay: every multiple of `every` since the Unix epoch from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    // INVARIANT: `from` ≤ `to`, both multiples of `every`, which is not zero; at most EVALUATIONS_MAX
    from: Timestamp,
    to: Timestamp,
    every: TimeSpan,
    count: u64,
}

/// Why there is nothing to replay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No sample at all.
    #[error("there is no sample, so there is nothing to decide from")]
    NoSamples,
    /// No instant lies within the samples.
    #[error("no multiple of {every} lies between {from} and {to}, so there is no instant to decide at")]
    NoInstant {
        /// The first time.
        from: Timestamp,
        /// The last time.
        to: Timestamp,
        /// The time between instants.
        every: TimeSpan,
    },
    /// The samples span too much time.
    #[error(
        "from {from} to {to} there are {count} instants at one every {every}, more than {EVALUATIONS_MAX}: \
         is a time misread? else take fewer with `--every`, or split the samples"
    )]
    TooLong {
        /// The first time.
        from: Timestamp,
        /// The last time.
        to: Timestamp,
        /// The time between instants.
        every: TimeSpan,
        /// How many instants.
        count: u64,
    },
}

impl Instants {
    /// The instants within a span of time.
    ///
    /// # Errors
    /// There is none, or there are too many.
    pub fn within(from: Timestamp, to: Timestamp, every: TimeSpan) -> Result<Self, ReplayError> {
        let (first, last) = (from.next_multiple(every), to.last_multiple(every));
        if every.is_zero() || first > last || first < from || last > to {
            return Err(ReplayError::NoInstant { from, to, every });
        }
        let steps = i128::from(last.nanos())
            .checked_sub(i128::from(first.nanos()))
            .and_then(|nanos| nanos.checked_div(i128::from(every.nanos())))
            .and_then(|steps| steps.checked_add(1));
        let count = steps.and_then(|count| u64::try_from(count).ok()).unwrap_or(u64::MAX);
        if count > EVALUATIONS_MAX {
            return Err(ReplayError::TooLong { from, to, every, count });
        }
        Ok(Self { from: first, to: last, every, count })
    }

    /// These instants, and before them those that lie within `span`.
    ///
    /// # Errors
    /// They are too many.
    pub fn preceded_by(self, span: TimeSpan) -> Result<Self, ReplayError> {
        Self::within(self.from.minus(span), self.to, self.every)
    }

    /// The first.
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The last.
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// How many.
    pub const fn count(self) -> u64 {
        self.count
    }
}

/// A replay on its way: an engine that is given each record in time, and asked at each instant.
#[derive(Debug)]
pub struct Replay<'a> {
    engine: Engine,
    /// What computes `from metrics` from the recording's points, where it has any.
    reader: Option<MetricsReader>,
    /// What the recording gives as samples: the reader does not speak for it.
    given: &'a BTreeSet<(SignalId, Track)>,
    records: std::iter::Peekable<std::slice::Iter<'a, Record>>,
    next: Option<Timestamp>,
    instants: Instants,
    /// Whether the next decision follows a history that nobody was told of.
    untold: bool,
}

impl<'a> Replay<'a> {
    /// A replay at its start. Plans are ignored: the decision is made over all triggers and expectations.
    pub fn new(policy: &Arc<Policy>, recording: &'a Recording, instants: Instants) -> Self {
        Self {
            engine: Engine::new(Arc::clone(policy)),
            reader: recording.has_points().then(|| MetricsReader::new(Arc::clone(policy))),
            given: recording.given(),
            records: recording.records().iter().peekable(),
            next: Some(instants.from),
            instants,
            untold: false,
        }
    }

    /// A replay whose engine has seen what the recording holds from `from` up to before the first instant, so that
    /// windows, `for`s and levels stand there as they did live. It is evaluated at each instant of that time from
    /// the first that has a reading, and nobody is told: what no source knew of yet was not unknown for a while.
    pub fn after_history(
        policy: &Arc<Policy>,
        recording: &'a Recording,
        from: Timestamp,
        instants: Instants,
    ) -> Self {
        let mut replay = Self::new(policy, recording, instants);
        let Some(first) = recording.first_reading() else { return replay };
        let mut at = first.max(from).next_multiple(instants.every);
        while at < instants.from {
            let _ = replay.decide(at);
            replay.untold = true;
            let after = at.plus(instants.every);
            // the end of time
            if after == at {
                break;
            }
            at = after;
        }
        replay
    }

    /// Decides at the next instant; none is left after the last.
    ///
    /// After a history, the first decision's changes are the states of all triggers but those at unknown, as if
    /// they had started there.
    pub fn step(&mut self) -> Option<Decision> {
        let at = self.next?;
        let after = at.plus(self.instants.every);
        self.next = (after > at && after <= self.instants.to).then_some(after);
        let mut decision = self.decide(at);
        if std::mem::take(&mut self.untold) {
            decision.changes = self.states();
        }
        Some(decision)
    }

    /// The state of every trigger that is not unknown, as a change, by name.
    fn states(&self) -> Vec<Change> {
        let reports = (0u32..).map(TriggerId).zip(self.engine.trigger_reports());
        let known = reports.filter(|(_, report)| report.state != State::Unknown);
        let mut states: Vec<Change> = known
            .map(|(trigger, report)| Change {
                trigger,
                name: report.name,
                state: report.state,
                since: report.since,
                value: report.value,
                margin: report.margin,
                cause: report.cause,
            })
            .collect();
        states.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        states
    }

    fn decide(&mut self, at: Timestamp) -> Decision {
        while let Some(record) = self.records.next_if(|record| record.at() <= at) {
            match record {
                // what is kept was decided by the recording, in the order of its files
                Record::Sample(sample) => {
                    let _ = self.engine.observe(sample);
                }
                Record::Point(track, point) => {
                    if let Some(reader) = &mut self.reader {
                        let _ = reader.observe(*track, point.clone());
                    }
                }
                Record::Undeclared { .. } => {}
            }
        }
        if let Some(reader) = &mut self.reader {
            for sample in reader.samples_at(at) {
                if !self.given.contains(&(sample.signal, sample.track)) {
                    let _ = self.engine.observe(&sample);
                }
            }
        }
        self.engine.evaluate(at)
    }

    /// The engine as of the last instant, for its reports.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// Replays a recording, and gives every event to `each`, the summary last.
pub fn replay(policy: &Arc<Policy>, recording: &Recording, instants: Instants, mut each: impl FnMut(&Event)) {
    let result: Result<Option<Decision>, std::convert::Infallible> = replay_with(
        &mut Replay::new(policy, recording, instants),
        recording,
        |event| {
            each(event);
            Ok(())
        },
        |_, _| {},
    );
    let Ok(_last) = result;
}

/// Goes through a replay: every event to `each`, its summary last, and to `progress` how many of how many
/// instants are done. Gives the last decision.
///
/// # Errors
/// The first error of `each` ends the replay.
pub fn replay_with<E>(
    replay: &mut Replay<'_>,
    recording: &Recording,
    mut each: impl FnMut(&Event) -> Result<(), E>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Option<Decision>, E> {
    let instants = replay.instants;
    let mut events = Events::default();
    let mut done: u64 = 0;
    let mut last = None;
    while let Some(decision) = replay.step() {
        for event in events.of(&decision) {
            each(&event)?;
        }
        done = done.saturating_add(1);
        progress(done, instants.count);
        last = Some(decision);
    }
    if let Some(decision) = &last {
        each(&Event::Summary(Summary {
            from: instants.from,
            to: instants.to,
            evaluations: done,
            samples: recording.samples(),
            dropped: recording.dropped(),
            conflicts: recording.conflicts(),
            decision: decision.verdict,
        }))?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use spark_core::{Reading, Sample, Verdict};

    use super::*;

    const RULES: &str = "edition 2026\nevaluate every 15s\nsignal p95 { is duration  from push }\n\
                         trigger z { hold when avg(p95 over 1m) > 300ms for 1m }\n\
                         trigger a { rollback when p95 > 5s  unknown hold, then rollback after 2m }\n";

    fn seconds(count: u32) -> TimeSpan {
        TimeSpan::from_seconds(count)
    }

    /// 400 ms every 15 s from `first` to `last`.
    fn recording(first: u32, last: u32) -> Recording {
        let times = (first..=last).step_by(15).map(|at| Timestamp::EPOCH.plus(seconds(at)));
        let sample = |at| {
            let reading = Reading::Value(rust_decimal::Decimal::new(4, 1));
            Sample { signal: SignalId(0), track: Track::Canary, at, reading }
        };
        Recording::from_samples(times.map(sample).collect())
    }

    /// The changes at the first instant, and what is decided there, after the history of `recording` from 0 s on.
    fn check(recording: &Recording, from: u32, expected: (&[(&str, State)], Verdict)) {
        let policy = spark_rules::load("r.rules", RULES, &mut |_| Err(String::new())).unwrap().policy;
        let at = Timestamp::EPOCH.plus(seconds(from));
        let instants = Instants::within(at, at.plus(seconds(60)), seconds(15)).unwrap();
        let policy = Arc::new(policy);
        let mut replay = Replay::after_history(&policy, recording, Timestamp::EPOCH, instants);
        let first = replay.step().unwrap();
        let changes: Vec<_> = first.changes.iter().map(|c| (c.name.as_str(), c.state)).collect();
        assert_eq!((first.at, changes.as_slice(), first.verdict), (at, expected.0, expected.1));
    }

    /// After a history, windows and `for` stand at the first instant as they did live, and every state is told there;
    /// without one, the replay begins at its first instant, and nothing was unknown before it.
    #[test]
    fn history() {
        let known = [("a", State::Ok), ("z", State::Hold)];
        check(&recording(0, 600), 300, (&known, Verdict::Hold));
        check(&recording(285, 600), 300, (&[("a", State::Ok)], Verdict::Hold));
        check(&recording(300, 600), 300, (&[("a", State::Ok)], Verdict::Hold));
        check(&recording(600, 900), 300, (&[], Verdict::Hold));
        // what ended 2 min ago has been unknown for that long
        check(&recording(0, 90), 300, (&[], Verdict::Rollback));
    }

    /// The history before the first instant is not counted.
    #[test]
    fn counts() {
        let counted = recording(0, 60).counted_from(Timestamp::EPOCH.plus(seconds(30)));
        assert_eq!(counted.samples(), 3);
    }
}
