//! The demo's rules: text that is shipped inside the binary, checked like anybody's.

use std::sync::Arc;

use spark_core::rollout::RuleText;
use spark_core::{Policy, Severity};

use super::Failure;

/// The name under which the rules are shown.
pub(crate) const NAME: &str = "demo.rules";

/// The rules' text.
pub(crate) const TEXT: &str = include_str!("demo.rules");

/// The plan that the demo walks.
pub(crate) const PLAN: &str = "canary";

/// The rules, checked.
///
/// # Errors
/// They have errors, which a test rules out.
pub(crate) fn policy() -> Result<Arc<Policy>, Failure> {
    let mut no_files = |name: &str| Err(format!("the demo's rules stand alone, without `{name}`"));
    match spark_rules::load(NAME, TEXT, &mut no_files) {
        Ok(loaded) => Ok(Arc::new(loaded.policy)),
        Err(failed) => {
            let messages: Vec<_> = failed.diagnostics.iter().map(|found| found.message.clone()).collect();
            Err(Failure(format!("the demo's own rules have errors: {}", messages.join("; "))))
        }
    }
}

/// The text of the rule that brings a trigger to rollback; none for what is no trigger, or has no such rule.
pub(crate) fn rollback_rule(policy: &Policy, name: &str) -> Option<&'static str> {
    let trigger = policy.trigger(name)?;
    let level = trigger.levels.iter().find(|level| level.severity == Severity::Rollback)?;
    let (start, end) = (usize::try_from(level.span.start).ok()?, usize::try_from(level.span.end).ok()?);
    TEXT.get(start..end).map(str::trim).filter(|text| !text.is_empty())
}

/// The rules as evidence keeps them.
pub(crate) fn as_evidence() -> Vec<RuleText> {
    vec![RuleText { name: NAME.to_owned(), text: TEXT.to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The demo's rules have no error; eight signals have an expectation, and the plan has five stages.
    #[test]
    fn checked() {
        let policy = policy().unwrap();
        assert_eq!(policy.signals().iter().filter(|s| s.expectation.is_some()).count(), 8);
        assert_eq!(policy.triggers().len(), 6);
        assert_eq!(rollback_rule(&policy, "api_latency"), Some("rollback when p95 > 400ms for 4s"));
        let shares: Vec<_> = policy.plan(PLAN).unwrap().stages.iter().map(|s| s.share_bp).collect();
        assert_eq!(shares, [100, 500, 2_500, 5_000, 10_000]);
    }
}
