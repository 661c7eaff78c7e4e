//! Thresholds beyond the buckets of the histograms that are read: told once, beside the result.

use std::collections::BTreeSet;
use std::sync::Arc;

use spark_core::SourceSpan;
use spark_core::metrics::Ceiling;
use spark_rules::beyond_buckets;

use crate::console::{Console, say};
use crate::rules::Rules;

/// Most comparisons that are told of: whoever has more has one histogram to mend.
const TOLD_MAX: usize = 5;

/// Tells on standard error which comparisons can never hold, or always do, with these buckets.
pub(crate) fn tell(console: &Console, rules: &Rules, ceilings: &[Ceiling]) {
    teller(rules, console.quiet())(ceilings);
}

/// The same for a source that learns of buckets by and by: each comparison is told of once.
pub(crate) fn teller(rules: &Rules, quiet: bool) -> impl FnMut(&[Ceiling]) + Send + use<> {
    let (policy, files) = (Arc::clone(&rules.policy), rules.files.clone());
    let mut told: BTreeSet<SourceSpan> = BTreeSet::new();
    move |ceilings| {
        let mut found = beyond_buckets(&policy, ceilings);
        found.retain(|beyond| !quiet && told.insert(beyond.span));
        for beyond in found.iter().take(TOLD_MAX) {
            say(&format!("warning: {}", beyond.words(&files)));
        }
        let more = found.len().saturating_sub(TOLD_MAX);
        if more > 0 {
            say(&format!("warning: {more} more comparisons are beyond the buckets of their histograms"));
        }
    }
}
