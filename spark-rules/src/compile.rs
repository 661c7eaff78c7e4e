//! Checked parts → the policy.

use spark_core::{Policy, PolicyError, PolicyParts, SourceSpan as Span};

use crate::codes;
use crate::diagnostic::Diagnostic;

/// The policy. The checker holds to all that the core asks for; should the core refuse all the same, it is told at
/// the block that it names.
pub(crate) fn compile(parts: PolicyParts) -> Result<Policy, Box<Diagnostic>> {
    let places: Vec<(String, Span)> = parts
        .signals
        .iter()
        .map(|signal| (signal.name.clone(), signal.span))
        .chain(parts.triggers.iter().map(|trigger| (trigger.name.clone(), trigger.span)))
        .chain(parts.plans.iter().map(|plan| (plan.name.clone(), plan.span)))
        .chain(parts.checks.iter().map(|check| (check.name.clone(), check.span)))
        .collect();
    Policy::new(parts).map_err(|error| {
        let words = error.to_string();
        let owner = words.split('`').nth(1).unwrap_or("");
        let place = places.iter().find(|(name, _)| name == owner);
        let code = match error {
            PolicyError::TooDeep(_) => codes::E0109,
            _ => codes::E0101,
        };
        Diagnostic::error(code, place.map_or(Span::default(), |(_, span)| *span), words)
    })
}
