//! Samples that no signal reads, and signals without a sample: told once, beside the result. Both are most often a name
//! that is misspelled, and a result made of nothing looks as if all were well.

use spark_core::Track;
use spark_rules::nearest;
use spark_runtime::replay::Recording;

use crate::console::Console;
use crate::rules::Rules;

/// Most names of each kind that are told of: a misspelled one is among few. A file may have hundreds for other rules.
const TOLD_MAX: usize = 5;

/// Tells on standard error what of a recording nothing reads, and what the rules read that it has nothing of.
pub(crate) fn tell(console: &Console, rules: &Rules, recording: &Recording) {
    for words in undeclared(rules, recording).into_iter().chain(missing(rules, recording)) {
        console.note(format!("note: {words}"));
    }
}

/// Names in the samples that no signal has; those that are nearly one first, then those with the most samples.
fn undeclared(rules: &Rules, recording: &Recording) -> Vec<String> {
    let signals = rules.policy.signals();
    let mut found: Vec<(&str, u64, Vec<&str>)> = recording
        .undeclared()
        .iter()
        .map(|(name, count)| {
            (name.as_str(), *count, nearest(name, signals.iter().map(|signal| signal.name.as_str())))
        })
        .collect();
    found.sort_by_key(|(_, count, near)| (near.is_empty(), std::cmp::Reverse(*count)));
    let mut told: Vec<String> = found
        .iter()
        .take(TOLD_MAX)
        .map(|(name, count, near)| {
            let samples = if *count == 1 { "sample" } else { "samples" };
            let are = if *count == 1 { "is" } else { "are" };
            let near = match listed(near) {
                near if near.is_empty() => near,
                near => format!(": did you mean {near}?"),
            };
            format!(
                "{count} {samples} of `{}` {are} left out, the rules have no such signal{near}",
                seen(name)
            )
        })
        .collect();
    if let Some((more, of)) = rest(found.iter().map(|(_, count, _)| *count)) {
        told.push(format!("{of} samples of {more} more names that the rules do not have are left out"));
    }
    told
}

/// Signals that some rule reads and that have no sample at all.
fn missing(rules: &Rules, recording: &Recording) -> Vec<String> {
    let found = recording.missing(&rules.policy);
    let mut told: Vec<String> = found
        .iter()
        .take(TOLD_MAX)
        .map(|(signal, track)| {
            let name = rules.policy.signal(*signal).map_or("?", |signal| signal.name.as_str());
            match track {
                Track::Canary => format!("no sample for `{name}`: it is unknown"),
                Track::Baseline => format!("no sample for the baseline of `{name}`: it is unknown"),
            }
        })
        .collect();
    if let Some((more, _)) = rest(found.iter().map(|_| 0)) {
        told.push(format!("no sample for {more} more signals"));
    }
    told
}

/// How many are not told of, and the sum of their counts.
fn rest(counts: impl Iterator<Item = u64>) -> Option<(usize, u64)> {
    let more: Vec<u64> = counts.skip(TOLD_MAX).collect();
    (!more.is_empty())
        .then(|| (more.len(), more.iter().fold(0, |sum: u64, count| sum.saturating_add(*count))))
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

/// A name of somebody's file: on one line, and not longer than it takes to recognise it.
fn seen(name: &str) -> String {
    const SHOWN: usize = 60;
    let mut text: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}
