//! What of a policy takes part in a test: what reads one of the given signals.

use std::collections::BTreeSet;
use std::sync::Arc;

use spark_core::{Condition, Engine, Policy, PolicyParts, SignalId, Trigger, TriggerId};

use super::{Subject, TestCase};

/// A policy with only what takes part in a test.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) policy: Arc<Policy>,
    /// An engine of it that was told nothing yet, to begin each test with.
    pub(crate) fresh: Engine,
    /// By the trigger's place in the whole policy: its place here.
    places: Vec<Option<usize>>,
    /// By the trigger's place here: its handle in the whole policy.
    pub(crate) originals: Vec<TriggerId>,
    /// By signal: whether its expectation takes part.
    expectations: Vec<bool>,
}

impl Kept {
    /// Leaves out of a policy what reads none of the signals that a test gives.
    ///
    /// A trigger that is left out reads nothing that is known, so it would never show a level: whoever is quiet for it
    /// speaks as if it were not there.
    pub(crate) fn new(policy: &Policy, given: &BTreeSet<SignalId>) -> Option<Self> {
        let mut places: Vec<Option<usize>> = Vec::with_capacity(policy.triggers().len());
        let mut originals = Vec::new();
        for (place, trigger) in policy.triggers().iter().enumerate() {
            let reads = conditions(trigger).any(|condition| reads_any(condition, given));
            places.push(reads.then_some(originals.len()));
            if reads {
                originals.push(TriggerId(u32::try_from(place).ok()?));
            }
        }
        let mut signals = policy.signals().to_vec();
        for signal in &mut signals {
            signal.expectation = signal.expectation.take().filter(|condition| reads_any(condition, given));
        }
        let expectations = signals.iter().map(|signal| signal.expectation.is_some()).collect();
        let place_of = |id: &TriggerId| {
            let place = places.get(id.index()).copied().flatten()?;
            u32::try_from(place).ok().map(TriggerId)
        };
        let triggers = originals.iter().filter_map(|id| policy.triggers().get(id.index())).map(|trigger| {
            Trigger { unless: trigger.unless.iter().filter_map(place_of).collect(), ..trigger.clone() }
        });
        let parts = PolicyParts {
            every: policy.every(),
            triggers: triggers.collect(),
            signals,
            // a stage is entered by its place, and whether a plan is ready is nothing that a test expects
            plans: Vec::new(),
            checks: Vec::new(),
        };
        let policy = Arc::new(Policy::new(parts).ok()?);
        Some(Self { fresh: Engine::new(policy.clone()), policy, places, originals, expectations })
    }

    /// The place of a trigger among those that take part.
    pub(crate) fn place(&self, trigger: TriggerId) -> Option<usize> {
        self.places.get(trigger.index()).copied().flatten()
    }

    /// Whether a trigger or an expectation takes part.
    pub(crate) fn has(&self, subject: Subject) -> bool {
        match subject {
            Subject::Trigger(id) => self.place(id).is_some(),
            Subject::Expectation(id) => self.expectations.get(id.index()).copied().unwrap_or(false),
        }
    }

    /// The names of what is left out, in the policy's order.
    pub(crate) fn left_out(&self, policy: &Policy) -> Vec<String> {
        let triggers = policy.triggers().iter().zip(&self.places);
        let triggers = triggers.filter(|(_, place)| place.is_none()).map(|(trigger, _)| &trigger.name);
        let signals = policy.signals().iter().zip(&self.expectations);
        let signals = signals.filter(|(signal, kept)| signal.expectation.is_some() && !**kept);
        triggers.chain(signals.map(|(signal, _)| &signal.name)).cloned().collect()
    }
}

/// The signals that a test gives, on any version.
pub(crate) fn given(case: &TestCase) -> BTreeSet<SignalId> {
    case.given.iter().map(|given| given.signal).collect()
}

/// Whether a trigger or an expectation of a policy takes part in a test.
pub(crate) fn takes_part(policy: &Policy, subject: Subject, case: &TestCase) -> bool {
    let given = given(case);
    match subject {
        Subject::Trigger(id) => {
            let trigger = policy.triggers().get(id.index());
            trigger.is_some_and(|trigger| conditions(trigger).any(|condition| reads_any(condition, &given)))
        }
        Subject::Expectation(id) => {
            let expectation = policy.signal(id).and_then(|signal| signal.expectation.as_ref());
            expectation.is_some_and(|condition| reads_any(condition, &given))
        }
    }
}

/// All conditions of a trigger.
fn conditions(trigger: &Trigger) -> impl Iterator<Item = &Condition> {
    trigger.levels.iter().map(|level| &level.condition).chain(&trigger.clear).chain(&trigger.given)
}

fn reads_any(condition: &Condition, given: &BTreeSet<SignalId>) -> bool {
    let mut found = false;
    condition.comparisons(&mut |comparison| comparison.signals(&mut |id| found |= given.contains(&id)));
    found
}
