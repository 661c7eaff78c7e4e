//! The policy: everything that rule text says, checked, as data. The engine needs nothing else.

mod bytes;
mod names;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use self::bytes::Written;
use self::names::Names;
use crate::check::{Check, CheckError};
use crate::condition::{Comparison, Condition, Expression};
use crate::signal::{Signal, SignalId};
use crate::time::TimeSpan;
use crate::trigger::{Plan, Trigger, TriggerId};

/// Deepest nesting of a condition or an expression. Rule text is held to 64 levels of parentheses; each may
/// give a `for`, a `not` and an operator. The engine recurses over conditions, and 256 frames fit any stack.
const DEPTH_MAX: usize = 256;

/// A checked policy.
///
/// It is built by `spark-rules` from text, or by a program from parts; [`Policy::new`] holds both to the
/// invariants that the engine relies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PolicyParts", into = "PolicyParts")]
pub struct Policy {
    // INVARIANT: what `Policy::new` checks
    parts: PolicyParts,
    names: Names,
    /// Triggers ordered so that each comes after those that it is quiet for.
    order: Vec<TriggerId>,
    /// What tells policies apart: every engine asks.
    fingerprint: Derived<u64>,
    bytes: Derived<Written>,
}

/// What follows from the parts, once it was asked for: it takes a walk over the whole policy.
#[derive(Debug, Clone)]
struct Derived<T>(OnceLock<T>);

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// The parts are compared.
impl<T> PartialEq for Derived<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Derived<T> {}

/// What a policy is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyParts {
    /// The time between evaluations in `run` and `replay`.
    pub every: TimeSpan,
    /// The signals.
    pub signals: Vec<Signal>,
    /// The triggers.
    pub triggers: Vec<Trigger>,
    /// The plans.
    pub plans: Vec<Plan>,
    /// The checks.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// Why parts are no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// `every` is zero.
    #[error("the time between evaluations is zero")]
    ZeroInterval,
    /// A name stands twice among signals and triggers, among plans, or among checks.
    #[error("the name `{0}` stands twice")]
    DuplicateName(String),
    /// A condition refers to a signal that is not there.
    #[error("`{0}` reads a signal that is not declared")]
    UnknownSignal(String),
    /// An `unless` refers to a trigger that is not there.
    #[error("`{0}` names a trigger that is not declared")]
    UnknownTrigger(String),
    /// Triggers are quiet for each other in a circle.
    #[error("`{0}` is `unless` itself, in a circle")]
    UnlessCircle(String),
    /// A trigger has no level, or one severity twice, or not in order.
    #[error("the levels of `{0}` are not one each of warn, hold, rollback, in order")]
    Levels(String),
    /// A condition or an expression is nested too deeply.
    #[error("a condition of `{0}` is nested more than {DEPTH_MAX} deep")]
    TooDeep(String),
    /// A reference to the baseline or the stage before stands on the left side.
    #[error("a comparison of `{0}` has `baseline` or `previous stage` on its left side")]
    ReferenceOnTheLeft(String),
    /// A `for` stands under `not`.
    #[error("a `for` of `{0}` stands under `not`")]
    HeldUnderNot(String),
    /// `every signal meets its expectation` stands outside of a plan.
    #[error("`{0}` asks for every expectation outside of a plan")]
    EveryExpectationOutsidePlan(String),
    /// A plan has no stage, or a share outside of 1 to 10,000 hundredths of a percent, or shares that do not rise.
    #[error("the stages of plan `{0}` do not rise from above 0 % to at most 100 %")]
    Stages(String),
    /// A check cannot be made.
    #[error("check `{0}` {1}")]
    Check(String, CheckError),
    /// Two checks keep their evidence in one file.
    #[error("check `{0}` keeps its evidence in the file of another check")]
    SharedEvidence(String),
}

impl Policy {
    /// A policy from its parts.
    ///
    /// # Errors
    /// A part breaks an invariant; the error names it.
    pub fn new(parts: PolicyParts) -> Result<Self, PolicyError> {
        if parts.every.is_zero() {
            return Err(PolicyError::ZeroInterval);
        }
        let names = Names::new(&parts)?;
        unique(parts.plans.iter().map(|p| &p.name))?;
        let signals = parts.signals.len();
        for signal in &parts.signals {
            check_condition(signal.expectation.iter(), &signal.name, signals, false)?;
        }
        for trigger in &parts.triggers {
            let severities: Vec<_> = trigger.levels.iter().map(|level| level.severity).collect();
            if severities.is_empty() || !severities.is_sorted_by(|a, b| a < b) {
                return Err(PolicyError::Levels(trigger.name.clone()));
            }
            let conditions =
                trigger.levels.iter().map(|l| &l.condition).chain(&trigger.clear).chain(&trigger.given);
            check_condition(conditions, &trigger.name, signals, false)?;
        }
        for plan in &parts.plans {
            check_condition(plan.proceed.iter(), &plan.name, signals, true)?;
            let shares: Vec<_> = plan.stages.iter().map(|stage| stage.share_bp).collect();
            let inside = shares.iter().all(|share| (1..=10_000).contains(share));
            if shares.is_empty() || !inside || !shares.is_sorted_by(|a, b| a < b) {
                return Err(PolicyError::Stages(plan.name.clone()));
            }
        }
        check_checks(&parts.checks)?;
        let order = unless_order(&parts.triggers)?;
        Ok(Self { parts, names, order, fingerprint: Derived::default(), bytes: Derived::default() })
    }

    /// A number that tells policies apart: FNV-1a over all that it says. It finds a mistake, not an attack.
    pub(crate) fn fingerprint(&self) -> u64 {
        struct Fnv(u64);
        impl std::fmt::Write for Fnv {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                for byte in text.bytes() {
                    self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
                }
                Ok(())
            }
        }
        *self.fingerprint.0.get_or_init(|| {
            let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
            // neither `Debug` of plain data nor this writer fails
            let _ = std::fmt::Write::write_fmt(&mut fnv, format_args!("{:?}", self.parts));
            fnv.0
        })
    }

    /// The time between evaluations in `run` and `replay`.
    pub const fn every(&self) -> TimeSpan {
        self.parts.every
    }

    /// The longest time between two decisions that is evidence of what happened in between: the smallest `stale after`
    /// of the signals, or three evaluations where there is none.
    pub fn reach(&self) -> TimeSpan {
        let smallest = self.parts.signals.iter().map(|signal| signal.stale_after).min();
        smallest.unwrap_or(self.parts.every.times(3))
    }

    /// The signals, in the order of their declaration.
    pub fn signals(&self) -> &[Signal] {
        &self.parts.signals
    }

    /// The triggers, in the order of their declaration.
    pub fn triggers(&self) -> &[Trigger] {
        &self.parts.triggers
    }

    /// The plans, in the order of their declaration.
    pub fn plans(&self) -> &[Plan] {
        &self.parts.plans
    }

    /// The checks, in the order of their declaration.
    pub fn checks(&self) -> &[Check] {
        &self.parts.checks
    }

    /// A check by its name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.parts.checks.iter().find(|check| check.name == name)
    }

    /// Triggers ordered so that each comes after those that it is quiet for.
    pub(crate) fn order(&self) -> &[TriggerId] {
        &self.order
    }

    /// The handle of a signal.
    pub fn signal_id(&self, name: &str) -> Option<SignalId> {
        self.names.signal(&self.parts, name).map(SignalId)
    }

    /// The handle of a trigger.
    pub fn trigger_id(&self, name: &str) -> Option<TriggerId> {
        self.names.trigger(&self.parts, name).map(TriggerId)
    }

    /// A signal by its handle.
    pub fn signal(&self, id: SignalId) -> Option<&Signal> {
        self.parts.signals.get(id.index())
    }

    /// A trigger by its name.
    pub fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.parts.triggers.get(self.trigger_id(name)?.index())
    }

    /// A plan by its name.
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.parts.plans.iter().find(|plan| plan.name == name)
    }

    /// The signals whose baseline is read by some comparison.
    pub fn baseline_signals(&self) -> Vec<SignalId> {
        let mut found = std::collections::BTreeSet::new();
        let mut visit = |comparison: &Comparison| {
            if comparison.reads(&Expression::Baseline) {
                comparison.left.signals(&mut |id| {
                    found.insert(id);
                });
            }
        };
        conditions(&self.parts).for_each(|condition| condition.comparisons(&mut visit));
        found.into_iter().collect()
    }

    /// The signals that some comparison reads.
    pub fn read_signals(&self) -> Vec<SignalId> {
        let mut found = std::collections::BTreeSet::new();
        let mut visit = |comparison: &Comparison| {
            comparison.signals(&mut |id| {
                found.insert(id);
            });
        };
        conditions(&self.parts).for_each(|condition| condition.comparisons(&mut visit));
        found.into_iter().collect()
    }
}

/// All conditions: expectations, levels, clears, givens, plans.
fn conditions(parts: &PolicyParts) -> impl Iterator<Item = &Condition> {
    let expectations = parts.signals.iter().filter_map(|s| s.expectation.as_ref());
    let triggers = parts
        .triggers
        .iter()
        .flat_map(|t| t.levels.iter().map(|l| &l.condition).chain(&t.clear).chain(&t.given));
    let plans = parts.plans.iter().filter_map(|p| p.proceed.as_ref());
    expectations.chain(triggers).chain(plans)
}

impl TryFrom<PolicyParts> for Policy {
    type Error = PolicyError;
    fn try_from(parts: PolicyParts) -> Result<Self, PolicyError> {
        Self::new(parts)
    }
}

impl From<Policy> for PolicyParts {
    fn from(policy: Policy) -> Self {
        policy.parts
    }
}

/// The units that the bytes in an expression were written in.
fn unique<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), PolicyError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(PolicyError::DuplicateName(name.clone()));
        }
    }
    Ok(())
}

fn check_checks(checks: &[Check]) -> Result<(), PolicyError> {
    unique(checks.iter().map(|check| &check.name))?;
    let mut files = std::collections::BTreeSet::new();
    for check in checks {
        if let Some(error) = check.refusal() {
            return Err(PolicyError::Check(check.name.clone(), error));
        }
        if check.condition.deeper_than(DEPTH_MAX) {
            return Err(PolicyError::TooDeep(check.name.clone()));
        }
        // some file systems take both letters for one
        if !files.insert(check.evidence.to_ascii_lowercase()) {
            return Err(PolicyError::SharedEvidence(check.name.clone()));
        }
    }
    Ok(())
}

fn check_condition<'a>(
    conditions: impl Iterator<Item = &'a Condition>,
    owner: &str,
    signals: usize,
    in_plan: bool,
) -> Result<(), PolicyError> {
    let mut known = true;
    let mut left_reference = false;
    for condition in conditions {
        if condition.deeper_than(DEPTH_MAX) {
            return Err(PolicyError::TooDeep(owner.to_owned()));
        }
        if condition.held_under_not(false) {
            return Err(PolicyError::HeldUnderNot(owner.to_owned()));
        }
        if !in_plan && condition.asks_every_expectation() {
            return Err(PolicyError::EveryExpectationOutsidePlan(owner.to_owned()));
        }
        condition.comparisons(&mut |comparison| {
            comparison.signals(&mut |id| known &= id.index() < signals);
            left_reference |= comparison.left.mentions(&Expression::Baseline)
                || comparison.left.mentions(&Expression::PreviousStage);
        });
    }
    match (known, left_reference) {
        (false, _) => Err(PolicyError::UnknownSignal(owner.to_owned())),
        (_, true) => Err(PolicyError::ReferenceOnTheLeft(owner.to_owned())),
        _ => Ok(()),
    }
}

/// Sorts triggers so that each comes after those named in its `unless` (Kahn's algorithm, by place for ties).
fn unless_order(triggers: &[Trigger]) -> Result<Vec<TriggerId>, PolicyError> {
    let mut waiting: Vec<usize> = triggers.iter().map(|t| t.unless.len()).collect();
    let mut followers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, trigger) in triggers.iter().enumerate() {
        for id in &trigger.unless {
            if id.index() >= triggers.len() {
                return Err(PolicyError::UnknownTrigger(trigger.name.clone()));
            }
            followers.entry(id.index()).or_default().push(place);
        }
    }
    let mut ready: std::collections::BTreeSet<usize> =
        waiting.iter().enumerate().filter(|(_, n)| **n == 0).map(|(place, _)| place).collect();
    let mut order = Vec::with_capacity(triggers.len());
    while let Some(place) = ready.pop_first() {
        order.extend(u32::try_from(place).map(TriggerId));
        for follower in followers.get(&place).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(*follower) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.insert(*follower);
                }
            }
        }
    }
    match waiting.iter().position(|left| *left > 0).and_then(|place| triggers.get(place)) {
        Some(trigger) => Err(PolicyError::UnlessCircle(trigger.name.clone())),
        None => Ok(order),
    }
}
