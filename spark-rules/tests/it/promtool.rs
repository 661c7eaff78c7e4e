//! Spark beside the real promtool (Debian's `prometheus`, 2.42): where no evidence is missing, a trigger is a
//! Prometheus alerting rule, instant for instant.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{Engine, Reading, Sample, SignalId, State, TimeSpan, Timestamp, Track};

use crate::chance::Chance;

const SEEDS: u64 = 1_000;
/// Rule files that one promtool process checks: it holds all of them in memory.
const SEEDS_A_PROCESS: u64 = 125;
const INSTANTS: usize = 48;
const EVERY_SECONDS: usize = 15;
const SIGNALS: [&str; 3] = ["a", "b", "c"];
/// Thresholds are taken from the values themselves, so that most comparisons meet their boundary.
const VALUES: [&str; 6] = ["0.1", "0.2", "0.3", "1", "1.5", "2"];

/// Holds tests of rules to pass in promtool.
pub(crate) fn passes(folder: &Path, tests: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .args(tests)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("promtool: {error}; install it: apt-get install prometheus"));
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let told = said.lines().filter(|line| !line.contains("SUCCESS")).take(60).collect::<Vec<_>>().join("\n");
    assert!(output.status.success(), "{told}");
}

/// A condition in Spark's words, and as PromQL that is 1 or 0.
struct Both {
    spark: String,
    promql: String,
}

fn comparison(chance: &mut Chance) -> Both {
    let signal = chance.one_of(&SIGNALS);
    let (low, high) = (chance.one_of(&VALUES), chance.one_of(&VALUES));
    match chance.below(8) {
        0 => {
            let (low, high) = if low.parse::<f64>().unwrap() <= high.parse::<f64>().unwrap() {
                (low, high)
            } else {
                (high, low)
            };
            Both {
                spark: format!("{signal} between {low} and {high}"),
                promql: format!("(({signal} >= bool {low}) * ({signal} <= bool {high}))"),
            }
        }
        1 => {
            let (other, relation) = (chance.one_of(&SIGNALS), relation(chance));
            Both {
                spark: format!("{signal} {relation} {other}"),
                promql: format!("({signal} {relation} bool {other})"),
            }
        }
        _ => {
            let relation = relation(chance);
            Both {
                spark: format!("{signal} {relation} {low}"),
                promql: format!("({signal} {relation} bool {low})"),
            }
        }
    }
}

fn relation(chance: &mut Chance) -> &'static str {
    // the order relations more often: equality is rarely held for long
    chance.one_of(&[">", ">", ">=", ">=", "<", "<=", "==", "!="])
}

fn condition(chance: &mut Chance, depth: u32) -> Both {
    if depth == 0 || chance.below(3) == 0 {
        return comparison(chance);
    }
    let a = condition(chance, depth - 1);
    match chance.below(5) {
        0 => Both { spark: format!("not ({})", a.spark), promql: format!("(1 - {})", a.promql) },
        1 | 2 => {
            let b = condition(chance, depth - 1);
            Both {
                spark: format!("({}) and ({})", a.spark, b.spark),
                promql: format!("({} * {})", a.promql, b.promql),
            }
        }
        _ => {
            let b = condition(chance, depth - 1);
            Both {
                spark: format!("({}) or ({})", a.spark, b.spark),
                promql: format!("(({} + {}) > bool 0)", a.promql, b.promql),
            }
        }
    }
}

/// One seed: a trigger of two levels with their `for`s on and off the grid, and three series.
struct Case {
    rules: String,
    alerts: String,
    series: Vec<Vec<&'static str>>,
}

fn case(seed: u64) -> Case {
    let mut chance = Chance(seed);
    let holds = ["0s", "15s", "30s", "37s", "1m", "75s", "100s", "2m"];
    let mut rules = String::from("edition 2026\nevaluate every 15s\n");
    for signal in SIGNALS {
        writeln!(rules, "signal {signal} {{ is number from push }}").unwrap();
    }
    rules.push_str("trigger t {\n");
    let mut alerts = String::from("groups:\n- name: spark\n  rules:\n");
    for level in ["hold", "rollback"] {
        let (condition, hold) = (condition(&mut chance, 3), chance.one_of(&holds));
        writeln!(rules, "  {level} when ({}) for {hold}", condition.spark).unwrap();
        writeln!(alerts, "  - alert: {level}\n    expr: {} == 1\n    for: {hold}", condition.promql).unwrap();
    }
    rules.push_str("}\n");
    let series = SIGNALS.map(|_| {
        let mut value = chance.one_of(&VALUES);
        let mut points = Vec::new();
        for _ in 0..INSTANTS {
            if chance.below(5) == 0 {
                value = chance.one_of(&VALUES);
            }
            points.push(value);
        }
        points
    });
    Case { rules, alerts, series: series.to_vec() }
}

/// What Spark shows at each instant.
fn spark(case: &Case) -> Vec<State> {
    let loaded = spark_rules::load("case.rules", &case.rules, &mut |name| Err(format!("no `{name}`")))
        .unwrap_or_else(|failed| panic!("{}\n{failed:?}", case.rules));
    let mut engine = Engine::new(Arc::new(loaded.policy));
    let mut shown = Vec::new();
    for place in 0..INSTANTS {
        let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(u32::try_from(place * EVERY_SECONDS).unwrap()));
        for (signal, points) in case.series.iter().enumerate() {
            let value: Decimal = points[place].parse().unwrap();
            engine.observe(&Sample {
                signal: SignalId(u32::try_from(signal).unwrap()),
                track: Track::Canary,
                at,
                reading: Reading::Value(value),
            });
        }
        let _ = engine.evaluate(at);
        shown.push(engine.trigger_reports()[0].state);
    }
    shown
}

/// A promtool test that expects exactly what Spark showed.
fn promtool_test(seed: u64, case: &Case, shown: &[State]) -> String {
    let mut test = format!(
        "rule_files: [alerts_{seed}.yml]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n"
    );
    for (signal, points) in SIGNALS.iter().zip(&case.series) {
        writeln!(test, "  - series: {signal}\n    values: '{}'", points.join(" ")).unwrap();
    }
    test.push_str("  alert_rule_test:\n");
    for (place, state) in shown.iter().enumerate() {
        for (alert, fires) in [("rollback", *state == State::Rollback), ("hold", *state == State::Hold)] {
            // at rollback, the hold level may hold as well or not: Spark shows the highest
            if alert == "hold" && *state == State::Rollback {
                continue;
            }
            let expected = if fires { "[{exp_labels: {}}]" } else { "[]" };
            let second = place * EVERY_SECONDS;
            writeln!(test, "  - {{eval_time: {second}s, alertname: {alert}, exp_alerts: {expected}}}")
                .unwrap();
        }
    }
    test
}

/// On 1,000 random rules and series (thresholds on the boundary, `for` on and off the grid, and/or/not), the
/// instants at which Spark is at a level are those at which promtool's alert fires.
#[test]
fn levels_are_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let (mut fired, mut held) = (0, 0);
    for seed in 0..SEEDS {
        let case = case(seed);
        let shown = spark(&case);
        fired += shown.iter().filter(|state| **state == State::Rollback).count();
        held += shown.iter().filter(|state| **state == State::Hold).count();
        let file = |name: String, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        file(format!("alerts_{seed}.yml"), &case.alerts);
        file(format!("test_{seed}.yml"), &promtool_test(seed, &case, &shown));
    }
    // the comparison means something: levels are reached often, and often not
    let instants = usize::try_from(SEEDS).unwrap() * INSTANTS;
    assert!(
        fired > instants / 20 && held > instants / 20 && fired + held < instants * 9 / 10,
        "{fired} {held}"
    );
    for first in (0..SEEDS).step_by(usize::try_from(SEEDS_A_PROCESS).unwrap()) {
        let files = (first..first + SEEDS_A_PROCESS).map(|seed| format!("test_{seed}.yml"));
        passes(folder.path(), files);
    }
}
