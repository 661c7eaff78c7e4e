//! promtool's unit tests as `test` blocks, where their series can be said.
//!
//! A signal that reads one metric as it is, or its largest, smallest, sum or mean, takes a test's only series of that metric.
//! A signal that Prometheus computes over time has no series in a test.

use std::fmt::Write as _;

use spark_core::{State, TimeSpan};

use super::promql::{Expr, Kind, parse};
use super::read::UnitTest;
use super::series::{Value, values};
use super::sheet::{Sheet, Signal};
use super::write::{quoted, span_text};
use super::yaml::Node;
use super::{infer::Measure, length};
use crate::Loaded;
use crate::quote::comment;

/// The tests as text, and what was left out.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub(super) texts: Vec<String>,
    pub(super) skipped: Vec<String>,
}

/// Writes the unit tests.
pub(super) fn written(sheet: &Sheet<'_>) -> Tests {
    let mut tests = Tests::default();
    for (number, unit) in sheet.found.tests.iter().enumerate() {
        match test(sheet, unit, number.saturating_add(1)) {
            Ok(text) => tests.texts.push(text),
            Err(reason) => {
                tests.skipped.push(format!("{}:{}: a test: {reason}", unit.file, unit.node.line));
            }
        }
    }
    tests
}

/// Takes out the tests that do not hold here; whether all did.
pub(super) fn keep_what_holds(loaded: &Loaded, tests: &mut Tests) -> bool {
    let mut kept = Vec::new();
    let before = tests.texts.len();
    for (case, text) in loaded.tests.iter().zip(std::mem::take(&mut tests.texts)) {
        let outcome = crate::test::run(&loaded.policy, case);
        if outcome.passed() {
            kept.push(text);
            continue;
        }
        let wrong = outcome.checks.iter().find(|check| !check.holds);
        let shown = wrong.map(|check| format!(" at {}", span_text(check.at))).unwrap_or_default();
        tests.skipped.push(format!(
            "test {}: Spark shows another state{shown}, as where one sample is no evidence for a `for`",
            quoted(&case.title)
        ));
    }
    tests.texts = kept;
    tests.texts.len() == before
}

fn test(sheet: &Sheet<'_>, unit: &UnitTest, number: usize) -> Result<String, String> {
    let node = &unit.node;
    let every = sheet.found.every.unwrap_or(TimeSpan::from_seconds(60));
    let evaluated = unit.every.unwrap_or(TimeSpan::from_seconds(60));
    let step = node.get("interval").and_then(Node::text).and_then(length).unwrap_or(evaluated);
    if step.is_zero() {
        return Err("its interval is zero".to_owned());
    }
    let title = node.get("name").and_then(Node::text).map(str::to_owned);
    let title = title.unwrap_or_else(|| format!("{}, test {number}", unit.file));
    let mut out = format!("# {}:{}\ntest {} {{\n", comment(&unit.file), node.line, quoted(&title));
    let mut given = 0_usize;
    for series in node.get("input_series").map(Node::items).unwrap_or_default() {
        given = given.saturating_add(self::given(sheet, node, series, step, &mut out)?);
    }
    if given == 0 {
        return Err(
            "none of its series is a signal as it is: Prometheus computes what the rules read".to_owned()
        );
    }
    let mut expected = 0_usize;
    for check in node.get("alert_rule_test").map(Node::items).unwrap_or_default() {
        let at = check.get("eval_time").and_then(Node::text).and_then(length).unwrap_or_default();
        let name = check.get("alertname").and_then(Node::text).unwrap_or("");
        let fires = check.get("exp_alerts").is_some_and(|alerts| !alerts.items().is_empty());
        let level = sheet
            .triggers
            .iter()
            .filter(|trigger| trigger.is_written())
            .flat_map(|trigger| trigger.levels.iter().map(move |level| (trigger, level)))
            .find(|(_, level)| sheet.found.alerts.get(level.rule).is_some_and(|rule| rule.name == name));
        let Some((trigger, level)) = level else { continue };
        // what is no alert may be ok, pending or unknown: nothing to expect
        if fires && at.nanos().checked_rem(every.nanos()) == Some(0) {
            let state = State::from(level.severity);
            let _ = writeln!(out, "  expect {} {} at {}", trigger.name, state.as_str(), span_text(at));
            expected = expected.saturating_add(1);
        }
    }
    if expected == 0 {
        return Err("it expects no alert of what was imported".to_owned());
    }
    out.push_str("}\n");
    Ok(out)
}

/// Writes one series for each signal that it is; gives how many.
fn given(
    sheet: &Sheet<'_>,
    test: &Node,
    series: &Node,
    step: TimeSpan,
    out: &mut String,
) -> Result<usize, String> {
    let name = series.get("series").and_then(Node::text).unwrap_or("");
    let (metric, labels) = name.split_once('{').unwrap_or((name, ""));
    let metric = metric.trim();
    let all = test.get("input_series").map(Node::items).unwrap_or_default();
    let same = all.iter().filter_map(|other| other.get("series").and_then(Node::text));
    let same = same.filter(|other| other.split('{').next().map(str::trim) == Some(metric)).count();
    let mut count = 0_usize;
    for signal in &sheet.signals.all {
        let Some((read, matchers)) = passes_on(signal) else { continue };
        if read != metric {
            continue;
        }
        if same > 1 || !matchers.iter().all(|matcher| labels.contains(matcher.as_str())) {
            return Err(format!("`{metric}` has several series"));
        }
        let text = series.get("values").and_then(Node::text).unwrap_or("");
        let values = values(text).ok_or_else(|| format!("the series of `{metric}` cannot be said"))?;
        let steps = steps(&values, signal.measure, step)
            .ok_or_else(|| format!("a value of `{metric}` cannot be written"))?;
        let _ = writeln!(out, "  given {} {steps}", signal.name);
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// The metric that a signal reads as it is, and its matchers.
fn passes_on(signal: &Signal) -> Option<(String, Vec<String>)> {
    let expr = parse(&signal.query).ok()?;
    let inner: &Expr = match &expr.kind {
        Kind::Aggregate { function, arguments, labels: None, .. }
            if matches!(function.as_str(), "max" | "min" | "sum" | "avg") =>
        {
            arguments.first()?
        }
        _ => &expr,
    };
    let Kind::Selector { metric: Some(metric), range: false, moved: false } = &inner.kind else {
        return None;
    };
    let text = signal.query.get(inner.span.clone())?;
    let inside = text.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
    let matchers: Vec<String> =
        inside.split(',').map(str::trim).filter(|matcher| !matcher.is_empty()).map(str::to_owned).collect();
    let equal = matchers.iter().all(|matcher| matcher.contains("=\"") && !matcher.contains("!="));
    equal.then(|| (metric.clone(), matchers))
}

/// Values as the pieces of a `given`.
fn steps(values: &[Value], measure: Measure, step: TimeSpan) -> Option<String> {
    let mut pieces: Vec<(String, u32)> = Vec::new();
    for value in values {
        let text = match value {
            Value::Number(number) => measure.literal(*number)?,
            Value::NotANumber => "NaN".to_owned(),
            Value::Infinite => "Inf".to_owned(),
            Value::NegativeInfinite => "-Inf".to_owned(),
            Value::Nothing => "nothing".to_owned(),
            // the series ends at once, where rules only know that no sample comes
            Value::Stale => return None,
        };
        match pieces.last_mut() {
            Some((last, times)) if *last == text => *times = times.saturating_add(1),
            _ => pieces.push((text, 1)),
        }
    }
    // what comes after the last sample is nothing, for as long as the test lasts
    while pieces.last().is_some_and(|(text, _)| text == "nothing") {
        pieces.pop();
    }
    let texts: Vec<String> = pieces
        .into_iter()
        .map(|(text, times)| match text == "nothing" {
            true => format!("nothing for {}", span_text(step.times(times))),
            false => format!("{text} every {} for {}", span_text(step), span_text(step.times(times))),
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join(", then "))
}
