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

mod backtest;
mod band;
mod cause;
mod event;
mod feed;
mod instants;
mod lanes;
mod look_back;
mod picture;
mod recording;
mod story;
mod watch;

use std::sync::Arc;

use spark_core::{Change, Decision, Engine, Policy, Sample, State, Timestamp, TriggerId};

pub use backtest::{Backtest, DecisionChange, Seen, TargetStory, Tried, VariantStory, backtest};
pub use band::{Axis, BUCKETS_MAX, Band, Rank};
pub use event::{DecisionEvent, Event, Events, Summary, TriggerEvent};
pub use instants::{EVALUATIONS_MAX, Instants, ReplayError};
pub use lanes::replay_lines;
pub use look_back::look_back;
pub use picture::{Cell, Picture, Pictures, Spot};
pub use recording::{Recorder, Recording};
pub use story::{
    Close, DecisionStory, ExpectationStory, LevelStory, Progress, SPELLS_MAX, Spell, TriggerStory,
    UnknownTime,
};
pub use watch::{Story, Watched};

use feed::Feed;

/// A replay on its way: engines that are given each record in time, once, and asked at each instant.
#[derive(Debug)]
pub struct Replay<'a> {
    feed: Feed<'a>,
    engine: Engine,
    /// The engines of variants of the policy.
    others: Vec<Engine>,
    next: Option<Timestamp>,
    instants: Instants,
    /// Whether the next decision follows a history that nobody was told of.
    untold: bool,
}

impl<'a> Replay<'a> {
    /// A replay at its start. Plans are ignored: the decision is made over all triggers and expectations.
    pub fn new(policy: &Arc<Policy>, recording: &'a Recording, instants: Instants) -> Self {
        Self::beside(policy, &[], recording, None, instants)
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
        Self::beside(policy, &[], recording, Some(from), instants)
    }

    /// A replay of a policy and of others beside it, in one pass over the recording; with a history where there is one,
    /// as by [`Replay::after_history`].
    ///
    /// The others are variants of the policy: the same signals in the same order, and other conditions.
    pub fn beside(
        policy: &Arc<Policy>,
        others: &[Arc<Policy>],
        recording: &'a Recording,
        history: Option<Timestamp>,
        instants: Instants,
    ) -> Self {
        let mut replay = Self {
            feed: Feed::new(policy, recording),
            engine: Engine::new(Arc::clone(policy)),
            others: others.iter().map(|policy| Engine::new(Arc::clone(policy))).collect(),
            next: Some(instants.from()),
            instants,
            untold: false,
        };
        if let Some((first, from)) = recording.first_reading().zip(history) {
            replay.live_through(first.max(from).next_multiple(instants.every()));
        }
        replay
    }

    fn live_through(&mut self, mut at: Timestamp) {
        while at < self.instants.from() {
            let _unheard = self.decide(at, &mut |_| {});
            self.untold = true;
            let after = at.plus(self.instants.every());
            // the end of time
            if after == at {
                break;
            }
            at = after;
        }
    }

    /// Decides at the next instant; none is left after the last.
    ///
    /// After a history, the first decision's changes are the states of all triggers but those at unknown, as if
    /// they had started there.
    pub fn step(&mut self) -> Option<Decision> {
        self.step_all(&mut |_| {}).map(|(decision, _)| decision)
    }

    /// As [`Replay::step`], of the policy and of all others beside it, in their order. Every sample that is taken in on
    /// the way is shown to `see`.
    pub fn step_all(&mut self, see: &mut dyn FnMut(&Sample)) -> Option<(Decision, Vec<Decision>)> {
        let at = self.next?;
        let after = at.plus(self.instants.every());
        self.next = (after > at && after <= self.instants.to()).then_some(after);
        let (mut decision, others) = self.decide(at, see);
        if std::mem::take(&mut self.untold) {
            decision.changes = states(&self.engine);
        }
        Some((decision, others))
    }

    fn decide(&mut self, at: Timestamp, see: &mut dyn FnMut(&Sample)) -> (Decision, Vec<Decision>) {
        let Self { feed, engine, others, .. } = self;
        feed.until(at, &mut |sample| {
            see(sample);
            for engine in std::iter::once(&mut *engine).chain(others.iter_mut()) {
                let _ = engine.observe(sample);
            }
        });
        (engine.evaluate(at), others.iter_mut().map(|engine| engine.evaluate(at)).collect())
    }

    /// The policy's engine as of the last instant, for its reports.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engines of the others beside it.
    pub fn others(&self) -> &[Engine] {
        &self.others
    }
}

/// The state of every trigger that is not unknown, as a change, by name.
fn states(engine: &Engine) -> Vec<Change> {
    let reports = (0u32..).map(TriggerId).zip(engine.trigger_reports());
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
        progress(done, instants.count());
        last = Some(decision);
    }
    if let Some(decision) = &last {
        each(&Event::Summary(recording.summary(instants, done, decision.verdict)))?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use spark_core::{Reading, SignalId, TimeSpan, Track, Verdict};

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
