//! Whether a server's answers are what the reference says, sample by sample.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Input;
use super::series::{HOLD, START, Story};

/// The numbers of the samples at which a rule fires.
fn firing(input: &Input, story: &Story) -> Vec<u64> {
    let ends = story.changes.iter().skip(1).map(|(at, _)| *at).chain([input.size.samples()]);
    let runs = story.changes.iter().zip(ends).filter(|((_, state), _)| *state == "rollback");
    runs.flat_map(|((at, _), end)| *at..end).collect()
}

/// Compares a rule's firing samples, by series, with the stories.
fn compare(input: &Input, rule: usize, mut found: BTreeMap<String, Vec<u64>>) -> Result<(), String> {
    for (series, stories) in input.stories.iter().enumerate() {
        let expected = stories.get(rule).map(|story| firing(input, story)).unwrap_or_default();
        let found = found.remove(&format!("s{series}")).unwrap_or_default();
        if found != expected {
            return Err(format!(
                "rule {rule}, series {series}: {} firing samples, expected {}",
                found.len(),
                expected.len()
            ));
        }
    }
    Ok(())
}

/// The number of the sample at an instant in seconds.
fn sample(input: &Input, seconds: u64) -> Option<u64> {
    seconds.checked_sub(START)?.checked_div(input.size.step)
}

/// A rule's `query_range`: what holds before the first window is full is left out, a `for` could not have passed.
pub(super) fn range(input: &Input, rule: usize, text: &str) -> Result<(), String> {
    let answer: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let full = HOLD.checked_div(input.size.step).unwrap_or_default();
    let mut found = BTreeMap::new();
    for series in answer.pointer("/data/result").and_then(Value::as_array).into_iter().flatten() {
        let name = series.pointer("/metric/s").and_then(Value::as_str).unwrap_or_default();
        let values = series.pointer("/values").and_then(Value::as_array).into_iter().flatten();
        let samples: Option<Vec<u64>> =
            values.map(|pair| sample(input, pair.get(0)?.as_f64()? as u64)).collect();
        let samples = samples.ok_or("an instant that is none")?;
        found.insert(name.to_owned(), samples.into_iter().filter(|n| *n >= full).collect());
    }
    compare(input, rule, found)
}

/// What vmalert wrote: an exported line for each rule and series.
pub(super) fn export(input: &Input, text: &str) -> Result<(), String> {
    let mut rules: BTreeMap<String, BTreeMap<String, Vec<u64>>> = BTreeMap::new();
    for line in text.lines() {
        let series: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let word = |at: &str| series.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let times = series.pointer("/timestamps").and_then(Value::as_array).into_iter().flatten();
        let samples: Option<Vec<u64>> =
            times.map(|at| sample(input, at.as_u64()?.checked_div(1_000)?)).collect();
        let of_rule = rules.entry(word("/metric/alertname")).or_default();
        of_rule.insert(word("/metric/s"), samples.ok_or("an instant that is none")?);
    }
    for rule in 0..usize::try_from(input.size.rules).unwrap_or_default() {
        compare(input, rule, rules.remove(&format!("r{rule}")).unwrap_or_default())?;
    }
    Ok(())
}
