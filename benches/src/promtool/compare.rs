//! Whether `spark replay` said what the reference says, change by change.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::Input;
use super::series::START;

/// Compares the events of a run with the stories; gives how many there are.
pub(super) fn replay(input: &Input, said: &Path) -> Result<usize, String> {
    let text = std::fs::read_to_string(said).map_err(|error| format!("{}: {error}", said.display()))?;
    let mut found: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    let mut summary = None;
    for line in text.lines() {
        let event: Value =
            serde_json::from_str(line).map_err(|error| format!("spark replay: {error}: {line}"))?;
        let word = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        match word("type") {
            "trigger" => {
                let at =
                    sample(word("at"), input.size.step).ok_or_else(|| format!("spark replay: {line}"))?;
                found.entry(word("trigger").to_owned()).or_default().push((at, word("state").to_owned()));
            }
            "summary" => summary = event.get("samples").and_then(Value::as_u64),
            _ => {}
        }
    }
    let samples = input.size.samples().saturating_mul(input.size.series);
    if summary != Some(samples) {
        return Err(format!("spark replay: {summary:?} samples, expected {samples}"));
    }
    let mut events = 0_usize;
    for (series, stories) in input.stories.iter().enumerate() {
        for (rule, story) in stories.iter().enumerate() {
            let name = format!("r{rule}_s{series}");
            let expected: Vec<(u64, String)> =
                story.changes.iter().map(|(at, state)| (*at, (*state).to_owned())).collect();
            let found = found.remove(&name).unwrap_or_default();
            if found != expected {
                return Err(format!("spark replay: {name} went {found:?}, expected {expected:?}"));
            }
            events = events.saturating_add(expected.len());
        }
    }
    match found.first_key_value() {
        None => Ok(events),
        Some((name, _)) => Err(format!("spark replay: told of `{name}`, which is no rule")),
    }
}

/// The number of the sample at an instant such as `2026-01-01T00:00:15Z`.
fn sample(at: &str, step: u64) -> Option<u64> {
    let seconds = spark_core::Timestamp::parse(at)?.nanos().checked_div(1_000_000_000)?;
    u64::try_from(seconds).ok()?.checked_sub(START)?.checked_div(step)
}
