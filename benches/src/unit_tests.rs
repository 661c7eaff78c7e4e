//! Unit tests of rules, whole processes: `spark test` beside `promtool test rules` on the same tests of the same twenty
//! rules, each a series of 39 samples with two expectations. `--tests 1000` says how many.
//!
//! Equality first: both pass, and with ten expectations turned round both fail in exactly those ten tests.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of a measurement; an overflow would end it"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::options;
use crate::process::{Cost, Scratch, expect_code, ratio, row, run as run_once, spark, spread};
use crate::promtool::series::{Size, prometheus_rules, story};

/// Samples of a test: nine and a half minutes, so that `for 5m` can fire and clear.
const SAMPLES: u64 = 39;
/// Expectations that are turned round.
const TURNED: u64 = 10;
const STEP: u64 = 15;

/// One test: a value for so many samples, another for so many, the first again; and two expectations.
struct Case {
    value: u64,
    before: u64,
    high: u64,
    /// Rule, sample, state.
    expected: [(u64, u64, &'static str); 2],
}

impl Case {
    fn new(size: Size, number: u64) -> Self {
        let value = 300 + number * 37 % 600;
        let (before, high) = (2 + number % 7, 12 + number * 5 % 17);
        let rest = SAMPLES - before - high;
        let parts = [(200, before), (value, high), (200, rest)];
        let values: Vec<u64> =
            parts.into_iter().flat_map(|(value, times)| (0..times).map(move |_| value)).collect();
        let expected = [before + high - 1, SAMPLES - 1].map(|sample| {
            let rule = (number * 7 + sample) % size.rules;
            let story = story(size, &values, size.threshold(rule));
            let state =
                story.changes.iter().rev().find(|(at, _)| *at <= sample).map_or("ok", |(_, state)| state);
            (rule, sample, state)
        });
        Self { value, before, high, expected }
    }

    fn promtool(&self, number: u64, turned: bool) -> String {
        let (low, high) = (self.before - 1, self.high - 1);
        let mut text = format!(
            "- name: t{number}\n  interval: {STEP}s\n  input_series:\n  - series: sig{{s=\"a\"}}\n    \
             values: '200+0x{low} {}+0x{high} 200+0x{}'\n  alert_rule_test:\n",
            self.value,
            SAMPLES - self.before - self.high - 1,
        );
        for (place, (rule, sample, state)) in self.expected.iter().enumerate() {
            let fires = (*state == "rollback") != (turned && place == 0);
            let alerts = if fires { "[{exp_labels: {s: a}}]" } else { "[]" };
            // writing to a string cannot fail
            let _ = writeln!(
                text,
                "  - {{eval_time: {}s, alertname: r{rule}, exp_alerts: {alerts}}}",
                sample * STEP
            );
        }
        text
    }

    fn spark(&self, number: u64, turned: bool) -> String {
        let mut text = format!(
            "test \"t{number}\" {{\n  given s 200 for {}s, then {} for {}s, then 200 for {}s\n",
            self.before * STEP,
            self.value,
            self.high * STEP,
            (SAMPLES - self.before - self.high) * STEP,
        );
        for (place, (rule, sample, state)) in self.expected.iter().enumerate() {
            let state = match (*state, turned && place == 0) {
                (state, false) => state,
                ("rollback", true) => "ok",
                (_, true) => "rollback",
            };
            let _ = writeln!(text, "  expect r{rule} {state} at {}s", sample * STEP);
        }
        text + "}\n"
    }
}

/// Writes both sides' tests; of some, the first expectation is turned round.
fn write(folder: &Scratch, size: Size, tests: u64, turned: &BTreeSet<u64>, name: &str) -> Result<(), String> {
    let mut yaml = format!("rule_files: [rules.yml]\nevaluation_interval: {STEP}s\ntests:\n");
    let mut rules = format!("edition 2026\nevaluate every {STEP}s\n\nsignal s {{ is number  from push }}\n");
    for rule in 0..size.rules {
        let threshold = size.threshold(rule);
        let _ = writeln!(rules, "trigger r{rule} {{ rollback when s > {threshold} for 5m }}");
    }
    for number in 0..tests {
        let case = Case::new(size, number);
        yaml.push_str(&case.promtool(number, turned.contains(&number)));
        rules.push_str(&case.spark(number, turned.contains(&number)));
    }
    folder.write(&format!("{name}.yml"), &yaml)?;
    folder.write(&format!("{name}.rules"), &rules)?;
    Ok(())
}

/// The tests that `spark test --format json` says failed.
fn spark_failed(said: &Path) -> Result<BTreeSet<u64>, String> {
    let text = std::fs::read_to_string(said).map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| format!("spark test: {error}"))?;
    let tests = answer.get("tests").and_then(Value::as_array).ok_or("spark test: no tests")?;
    let failed = tests.iter().filter(|test| test.get("passed").and_then(Value::as_bool) != Some(true));
    failed.map(|test| number(test.get("title").and_then(Value::as_str).unwrap_or_default())).collect()
}

/// The tests that promtool says failed: `name: t17,` before what each found.
fn promtool_failed(said: &Path) -> Result<BTreeSet<u64>, String> {
    let text = std::fs::read_to_string(said).map_err(|error| error.to_string())?;
    text.split("name: ")
        .skip(1)
        .filter(|rest| rest.starts_with('t'))
        .map(|rest| number(rest.split([',', '\n']).next().unwrap_or_default()))
        .collect()
}

fn number(title: &str) -> Result<u64, String> {
    title.strip_prefix('t').and_then(|digits| digits.parse().ok()).ok_or_else(|| format!("no test `{title}`"))
}

/// Measures both, interleaved.
pub(crate) fn run() -> Result<String, String> {
    let tests = options::number("tests", 100)?.max(TURNED);
    let pairs = options::number("pairs", 5)?;
    let size = Size { series: 1, hours: 1, step: STEP, rules: 20, pairs };
    let folder = Scratch::new()?;
    folder.write("rules.yml", &prometheus_rules(size))?;
    let turned: BTreeSet<u64> =
        (0..TURNED).map(|n| n * (tests / TURNED) + n % 3 % (tests / TURNED)).collect();
    write(&folder, size, tests, &BTreeSet::new(), "right")?;
    write(&folder, size, tests, &turned, "turned")?;

    let binary = spark()?;
    let (ours_said, theirs_said) = (folder.path("spark.said"), folder.path("promtool.said"));
    let ours = |name: &str| {
        let mut command = Command::new(&binary);
        command.args(["test", "--format", "json"]).arg(folder.path(&format!("{name}.rules")));
        command
    };
    let theirs = |name: &str| {
        let mut command = Command::new("promtool");
        command.args(["test", "rules"]).arg(folder.path(&format!("{name}.yml")));
        command
    };
    // spark's 14: a test failed
    expect_code(14, &mut ours("turned"), &ours_said)?;
    expect_code(1, &mut theirs("turned"), &theirs_said)?;
    for (who, failed) in [("spark", spark_failed(&ours_said)?), ("promtool", promtool_failed(&theirs_said)?)]
    {
        if failed != turned {
            return Err(format!("{who} says that {failed:?} fail, expected {turned:?}"));
        }
    }
    let (mut our_costs, mut their_costs): (Vec<Cost>, Vec<Cost>) = Default::default();
    for _ in 0..pairs {
        our_costs.push(expect_code(0, &mut ours("right"), &ours_said)?);
        if !spark_failed(&ours_said)?.is_empty() {
            return Err("spark test: failed tests, and exit 0".to_owned());
        }
        their_costs.push(expect_code(0, &mut theirs("right"), &theirs_said)?);
    }
    // what a process costs that tests nothing
    let bare = run_once(Command::new(&binary).arg("--version"), &ours_said)?;
    let cpu = |costs: &[Cost]| costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>();
    let (ours, theirs) = (cpu(&our_costs), cpu(&their_costs));
    Ok(format!(
        "{tests} unit tests of 20 rules, 39 samples and 2 expectations each, whole processes (medians of {pairs} interleaved pairs)\n\
         equal: all pass; with {TURNED} expectations turned round, exactly those {TURNED} tests fail on both sides\n\
         {}   {} a test (`spark --version`: {:.1?})\n{}   {} a test\nratio of CPU {:.0}",
        row("spark test, CPU", &ours),
        each(&ours, tests),
        bare.cpu,
        row("promtool test rules, CPU", &theirs),
        each(&theirs, tests),
        ratio(&theirs, &ours),
    ))
}

fn each(times: &[Duration], tests: u64) -> String {
    format!("{:.1} us", spread(times).0.as_secs_f64() * 1e6 / tests as f64)
}
