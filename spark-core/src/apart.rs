//! A policy in parts that share nothing: neither a signal nor a word of `unless`.
//!
//! What one part decides, no sample of another changes. The policy's decision is the highest of theirs, and its reasons are
//! those of the parts that decide so.

use std::collections::BTreeMap;

use crate::condition::Condition;
use crate::policy::{Policy, PolicyError, PolicyParts};
use crate::signal::SignalId;
use crate::trigger::{Level, Trigger, TriggerId};

/// A part of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPart {
    /// Its signals, rising.
    pub signals: Vec<SignalId>,
    /// Its triggers, rising.
    pub triggers: Vec<TriggerId>,
    /// Whether its conditions hold newest samples against literals alone, so that between samples nothing changes but
    /// clocks. All that do not are in one part.
    pub is_plain: bool,
}

impl Policy {
    /// The parts of this policy, in the order of their first signal. Plans and checks are in none; nor are signals
    /// that no trigger and no expectation reads.
    pub fn apart(&self) -> Vec<PolicyPart> {
        let (signals, triggers) = (self.signals(), self.triggers());
        // by signal, then by trigger, then what is not plain: the group that each is in
        let timed = signals.len().saturating_add(triggers.len());
        let mut groups = Groups::new(timed.saturating_add(1));
        for (n, signal) in signals.iter().enumerate() {
            let conditions = signal.expectation.iter();
            groups.join_all(n, conditions, timed);
        }
        for (n, trigger) in triggers.iter().enumerate() {
            let n = signals.len().saturating_add(n);
            groups.join_all(n, conditions(trigger), timed);
            trigger.unless.iter().for_each(|id| groups.join(n, signals.len().saturating_add(id.index())));
        }
        let mut members: BTreeMap<usize, (Vec<SignalId>, Vec<TriggerId>)> = BTreeMap::new();
        for (n, id) in (0..signals.len()).zip((0..).map(SignalId)) {
            members.entry(groups.of(n)).or_default().0.push(id);
        }
        for (n, id) in (signals.len()..timed).zip((0..).map(TriggerId)) {
            members.entry(groups.of(n)).or_default().1.push(id);
        }
        let timed = groups.of(timed);
        let decides = |id: &SignalId| self.signal(*id).is_some_and(|signal| signal.expectation.is_some());
        let mut parts: Vec<PolicyPart> = members
            .into_iter()
            .filter(|(_, (signals, triggers))| !triggers.is_empty() || signals.iter().any(decides))
            .map(|(group, (signals, triggers))| PolicyPart { signals, triggers, is_plain: group != timed })
            .collect();
        parts.sort_by_key(|part| part.signals.first().copied());
        parts
    }

    /// A part as a policy of its own, without plans and checks: its signals and its triggers have their places in the
    /// part as handles.
    ///
    /// # Errors
    /// None of a part that [`Policy::apart`] gives: it breaks no invariant that the whole keeps.
    pub fn part(&self, part: &PolicyPart) -> Result<Policy, PolicyError> {
        fn place<T: Ord>(among: &[T], id: &T) -> u32 {
            let place = among.binary_search(id).ok().and_then(|place| u32::try_from(place).ok());
            // no member refers to what is not one
            place.unwrap_or(u32::MAX)
        }
        let signal = |id: SignalId| SignalId(place(&part.signals, &id));
        let trigger = |id: &TriggerId| TriggerId(place(&part.triggers, id));
        let own = |condition: &Condition| condition.mapped(&|comparison| comparison.renamed(&signal));
        Policy::new(PolicyParts {
            every: self.every(),
            signals: part
                .signals
                .iter()
                .filter_map(|id| self.signal(*id))
                .map(|signal| {
                    let mut signal = signal.clone();
                    signal.expectation = signal.expectation.as_ref().map(own);
                    signal
                })
                .collect(),
            triggers: part
                .triggers
                .iter()
                .filter_map(|id| self.triggers().get(id.index()))
                .map(|whole| Trigger {
                    levels: whole
                        .levels
                        .iter()
                        .map(|level| Level { condition: own(&level.condition), ..level.clone() })
                        .collect(),
                    clear: whole.clear.as_ref().map(own),
                    given: whole.given.as_ref().map(own),
                    unless: whole.unless.iter().map(trigger).collect(),
                    ..whole.clone()
                })
                .collect(),
            plans: Vec::new(),
            checks: Vec::new(),
        })
    }
}

fn conditions(trigger: &Trigger) -> impl Iterator<Item = &Condition> {
    trigger.levels.iter().map(|level| &level.condition).chain(&trigger.clear).chain(&trigger.given)
}

/// Whether a condition changes with its newest samples and its clocks alone.
fn is_plain(condition: &Condition) -> bool {
    let mut plain = true;
    condition.comparisons(&mut |comparison| plain &= comparison.is_plain());
    condition.visit(&mut |part| {
        plain &= !matches!(part, Condition::Sequence { .. } | Condition::EveryExpectation)
    });
    plain
}

/// Groups of things that share something.
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn of(&mut self, mut n: usize) -> usize {
        while let Some(above) = self.0.get(n).copied().filter(|above| *above != n) {
            // halving the way keeps it short
            let next = self.0.get(above).copied().unwrap_or(above);
            if let Some(slot) = self.0.get_mut(n) {
                *slot = next;
            }
            n = next;
        }
        n
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        if let Some(slot) = self.0.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }

    fn join_all<'a>(&mut self, n: usize, conditions: impl Iterator<Item = &'a Condition>, timed: usize) {
        for condition in conditions {
            condition.comparisons(&mut |comparison| comparison.signals(&mut |id| self.join(n, id.index())));
            if !is_plain(condition) {
                self.join(n, timed);
            }
        }
    }
}
