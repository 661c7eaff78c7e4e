//! Whether a mutant is proved to decide as the rules that it was made from.

use spark_core::{Condition, Policy, PolicyParts, SourceSpan};

/// Why two policies decide alike at every instant; none where they may differ.
pub(super) fn same(before: &Policy, after: &Policy) -> Option<String> {
    (bare(before) == bare(after)).then(|| "it says the same".to_owned())
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
