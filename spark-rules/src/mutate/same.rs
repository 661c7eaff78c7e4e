//! Whether a mutant is proved to decide as the rules that it was made from.

use spark_core::{Condition, Policy, PolicyParts, SourceSpan};

use crate::Loaded;
use crate::interval::{Proof, Ranges, equivalent};

/// Why a changed policy decides as the rules do at every instant; none where it may differ.
pub(super) fn same(loaded: &Loaded, after: &Policy) -> Option<String> {
    let before = &loaded.policy;
    let (old, mut new) = (bare(before), bare(after));
    if old == new {
        return Some("it says the same".to_owned());
    }
    let ranges = Ranges::of(before.signals(), before.triggers(), before.plans(), &loaded.tests);
    let conditions = pairs(&old, &new);
    let tests: Vec<_> = loaded.tests.iter().collect();
    // measures are numbered by the check that has them
    let checks = old.checks.iter().zip(&new.checks).all(|(old, new)| {
        let (a, b) = (&old.condition, &new.condition);
        a == b || equivalent(a, b, &crate::lint::checks::ranges(old, &tests)) == Proof::Proven
    });
    if !checks {
        return None;
    }
    let proven = conditions.into_iter().map(|(a, b)| a == b || equivalent(a, b, &ranges) == Proof::Proven);
    if !proven.collect::<Vec<_>>().into_iter().all(|proven| proven) {
        return None;
    }
    // and nothing else differs: the same with the conditions of before
    take_conditions(&old, &mut new);
    (old == new).then(|| "nothing that its signals can be tells them apart".to_owned())
}

/// The conditions of two policies that stand in the same place, as far as both have one there.
fn pairs<'a>(old: &'a PolicyParts, new: &'a PolicyParts) -> Vec<(&'a Condition, &'a Condition)> {
    let mut found = Vec::new();
    for (old, new) in old.signals.iter().zip(&new.signals) {
        found.extend(old.expectation.iter().zip(&new.expectation));
    }
    for (old, new) in old.triggers.iter().zip(&new.triggers) {
        let levels = old.levels.iter().zip(&new.levels);
        found.extend(levels.map(|(old, new)| (&old.condition, &new.condition)));
        found.extend(old.clear.iter().zip(&new.clear));
        found.extend(old.given.iter().zip(&new.given));
    }
    found
}

/// Replaces each condition by the one that stands in its place in `old`.
fn take_conditions(old: &PolicyParts, new: &mut PolicyParts) {
    for (old, new) in old.signals.iter().zip(&mut new.signals) {
        old.expectation.iter().zip(&mut new.expectation).for_each(|(old, new)| new.clone_from(old));
    }
    for (old, new) in old.triggers.iter().zip(&mut new.triggers) {
        for (old, new) in old.levels.iter().zip(&mut new.levels) {
            new.condition.clone_from(&old.condition);
        }
        old.clear.iter().zip(&mut new.clear).for_each(|(old, new)| new.clone_from(old));
        old.given.iter().zip(&mut new.given).for_each(|(old, new)| new.clone_from(old));
    }
    for (old, new) in old.checks.iter().zip(&mut new.checks) {
        new.condition.clone_from(&old.condition);
    }
}

/// What a policy says, wherever it stands in the text.
fn bare(policy: &Policy) -> PolicyParts {
    let mut parts: PolicyParts = policy.clone().into();
    for signal in &mut parts.signals {
        signal.span = SourceSpan::default();
        signal.expectation.iter_mut().for_each(forget_places);
    }
    for (number, trigger) in parts.triggers.iter_mut().enumerate() {
        // a one-line trigger is named after its line
        trigger.name = number.to_string();
        trigger.span = SourceSpan::default();
        for level in &mut trigger.levels {
            level.span = SourceSpan::default();
            forget_places(&mut level.condition);
        }
        trigger.clear.iter_mut().chain(&mut trigger.given).for_each(forget_places);
    }
    for check in &mut parts.checks {
        check.span = SourceSpan::default();
        forget_places(&mut check.condition);
    }
    parts.plans.clear();
    parts
}

fn forget_places(condition: &mut Condition) {
    match condition {
        Condition::Compare(comparison) => comparison.span = SourceSpan::default(),
        Condition::All(parts) | Condition::Any(parts) => parts.iter_mut().for_each(forget_places),
        Condition::Not(inner) | Condition::Held { condition: inner, .. } => forget_places(inner),
        Condition::Sequence { first, then, .. } => {
            forget_places(first);
            forget_places(then);
        }
        Condition::EveryExpectation => {}
    }
}
