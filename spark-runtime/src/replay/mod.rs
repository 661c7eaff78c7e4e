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
use spark_core::{Decision, Engine, Policy, SignalId, TimeSpan, Timestamp, Track};

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
        }
    }

    /// Decides at the next instant; none is left after the last.
    pub fn step(&mut self) -> Option<Decision> {
        let at = self.next?;
        let after = at.plus(self.instants.every);
        self.next = (after > at && after <= self.instants.to).then_some(after);
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
        Some(self.engine.evaluate(at))
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
