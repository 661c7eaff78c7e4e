//! What is shown at an instant, gathered as plain data: drawing it needs nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use spark_core::{
    Condition, Decision, Engine, Plan, Policy, Quantity, Reading, Report, Sample, State, Test, TimeSpan,
    Timestamp, Track, Verdict,
};

use super::traffic::Experience;
use crate::screen::urgency;

/// Where the demo's rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the stage with this place.
    Stage(u32),
    /// All stages are served.
    Completed,
    /// Sent back while in the stage with this place.
    RolledBack(u32),
}

/// What is shown at an instant.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Time since the demo began.
    pub(crate) elapsed: Duration,
    /// The shares of the plan's stages, as rules write them.
    pub(crate) stages: Vec<String>,
    /// Where the rollout is.
    pub(crate) rollout: Place,
    /// The time served in the stage, and the time that it needs.
    pub(crate) served: (TimeSpan, TimeSpan),
    /// What users meet, whichever version answers them.
    pub(crate) users: Option<Experience>,
    /// The signals that have an expectation.
    pub(crate) signals: Vec<SignalRow>,
    /// The triggers, the nearest to its threshold first.
    pub(crate) triggers: Vec<TriggerRow>,
    /// What the release may do.
    pub(crate) verdict: Verdict,
    /// Why.
    pub(crate) because: Vec<String>,
}

/// A signal and what is expected of it.
#[derive(Debug, Clone)]
pub(crate) struct SignalRow {
    /// What people call it.
    pub(crate) title: String,
    /// Its name in rules.
    pub(crate) name: String,
    /// Met, not met, or not known.
    pub(crate) state: State,
    /// Of the new version.
    pub(crate) value: Option<Quantity>,
    /// Of the stable version.
    pub(crate) baseline: Option<Quantity>,
    /// How it must stand to the limit: `<=`.
    pub(crate) relation: &'static str,
    /// The limit, as computed.
    pub(crate) limit: Option<Quantity>,
    /// How far it is from the limit; negative when it is beyond.
    pub(crate) margin: Option<Quantity>,
}

/// A trigger and how near it is.
#[derive(Debug, Clone)]
pub(crate) struct TriggerRow {
    /// What people call it.
    pub(crate) title: String,
    /// The instant that it is seen at.
    pub(crate) at: Timestamp,
    /// For how long it has been in its state.
    pub(crate) since: TimeSpan,
    /// What the engine says about it.
    pub(crate) report: Report,
}

/// The newest value of each signal on the stable version.
#[derive(Debug, Default)]
pub(crate) struct BaselineValues(BTreeMap<u32, Quantity>);

impl BaselineValues {
    /// Takes a sample in, where it is of the stable version.
    pub(crate) fn observe(&mut self, policy: &Policy, sample: &Sample) {
        if sample.track != Track::Baseline {
            return;
        }
        match (&sample.reading, policy.signal(sample.signal)) {
            (Reading::Value(value), Some(signal)) => {
                let quantity = Quantity::new(*value, signal.unit).shown_per(signal.per);
                self.0.insert(sample.signal.0, quantity);
            }
            _ => {
                self.0.remove(&sample.signal.0);
            }
        }
    }

    fn get(&self, policy: &Policy, name: &str) -> Option<Quantity> {
        self.0.get(&policy.signal_id(name)?.0).copied()
    }
}

/// What stands around the engine: the rollout, the clock, the users.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    /// The plan that is walked.
    pub(crate) plan: &'a Plan,
    /// Where the rollout is.
    pub(crate) rollout: Place,
    /// The time served in the stage.
    pub(crate) served: TimeSpan,
    /// Time since the demo began.
    pub(crate) elapsed: Duration,
    /// What users meet.
    pub(crate) users: Option<Experience>,
}

impl View {
    /// What is shown after a decision.
    pub(crate) fn new(
        engine: &Engine,
        decision: &Decision,
        baseline: &BaselineValues,
        around: &Around<'_>,
    ) -> Self {
        let policy = engine.policy();
        let signals = engine.expectation_reports();
        let mut triggers: Vec<_> = engine
            .trigger_reports()
            .into_iter()
            .map(|report| TriggerRow::new(policy, report, decision.at))
            .collect();
        triggers.sort_by_key(TriggerRow::nearness);
        let place = match around.rollout {
            Place::Stage(place) | Place::RolledBack(place) => place,
            Place::Completed => u32::MAX,
        };
        let stage = usize::try_from(place).ok().and_then(|place| around.plan.stages.get(place));
        Self {
            elapsed: around.elapsed,
            stages: around.plan.stages.iter().map(spark_core::Stage::share_text).collect(),
            rollout: around.rollout,
            served: (around.served, stage.map_or(TimeSpan::ZERO, |stage| stage.duration)),
            users: around.users,
            signals: signals.into_iter().map(|report| SignalRow::new(policy, report, baseline)).collect(),
            triggers,
            verdict: decision.verdict,
            because: decision.because.clone(),
        }
    }

    /// How many signals meet their expectation, of how many.
    pub(crate) fn met(&self) -> (usize, usize) {
        (self.signals.iter().filter(|row| row.state == State::Ok).count(), self.signals.len())
    }
}

impl SignalRow {
    fn new(policy: &Policy, report: Report, baseline: &BaselineValues) -> Self {
        let id = policy.signal_id(&report.name);
        let signal = id.and_then(|id| policy.signal(id));
        let relation = signal.and_then(|s| s.expectation.as_ref()).map_or("", relation_of);
        Self {
            title: signal.and_then(|s| s.title.clone()).unwrap_or_else(|| report.name.clone()),
            state: report.state,
            value: report.value,
            baseline: baseline.get(policy, &report.name),
            relation,
            limit: report.threshold,
            margin: report.margin,
            name: report.name,
        }
    }
}

/// The relation of a condition that is one comparison.
fn relation_of(condition: &Condition) -> &'static str {
    match condition {
        Condition::Compare(comparison) => match &comparison.test {
            Test::Is(relation, _) => relation.as_str(),
            Test::Between(..) => "in",
        },
        _ => "",
    }
}

impl TriggerRow {
    fn new(policy: &Policy, report: Report, at: Timestamp) -> Self {
        let trigger = policy.trigger(&report.name);
        let title = trigger.and_then(|trigger| trigger.title.clone()).unwrap_or_else(|| report.name.clone());
        Self { title, at, since: at.since(report.since), report }
    }

    /// Smaller is nearer: first by state, then by what is left to the threshold, in percent of it.
    fn nearness(&self) -> (u8, rust_decimal::Decimal) {
        (urgency(self.report.state), self.report.margin_percent.unwrap_or(rust_decimal::Decimal::MAX))
    }
}
