//! Exported rules beside the real promtool (Debian's `prometheus`, 2.42): at every instant, whatever is missing, the recorded
//! state of each trigger is the engine's, and its alerts fire where the engine shows their level.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use rust_decimal::Decimal;
use spark_core::{Engine, Reading, Sample, SignalId, State, TimeSpan, Timestamp, Track};
use spark_rules::Loaded;
use spark_rules::export::{ExportOptions, prometheus};

use crate::chance::Chance;
use crate::promtool::passes;

/// Random rule sets in an ordinary run: some seconds. `SPARK_EXPORT_SEEDS=1000` asks for a thousand.
const SEEDS: u64 = 40;
const INSTANTS: u32 = 56;
const EVERY_SECONDS: u32 = 15;
const SIGNALS: [&str; 3] = ["a", "b", "c"];
/// Binary floats hold these exactly, and so do their means.
const VALUES: [&str; 6] = ["0.5", "1", "1.5", "2", "2.5", "3"];

fn comparison(chance: &mut Chance) -> String {
    let signal = chance.one_of(&SIGNALS);
    let relation = chance.one_of(&[">", ">", ">=", "<", "<=", "==", "!="]);
    let value = chance.one_of(&VALUES);
    match chance.below(12) {
        0 => format!("{signal} between 1 and {}", chance.one_of(&["1.5", "2", "3"])),
        1 => format!("{signal} {relation} {}", chance.one_of(&SIGNALS)),
        2 => {
            let function = chance.one_of(&["avg", "min", "max", "sum", "count", "p50"]);
            let value = if function == "count" { "4" } else { value };
            format!("{function}({signal} over {}) {relation} {value}", chance.one_of(&["1m", "75s", "2m"]))
        }
        3 => format!("{signal} {relation} 2x baseline"),
        4 => format!("{signal} / {} {relation} {value}", chance.one_of(&SIGNALS)),
        _ => format!("{signal} {relation} {value}"),
    }
}

fn condition(chance: &mut Chance, depth: u32, holds: bool) -> String {
    if depth == 0 || chance.below(3) == 0 {
        return comparison(chance);
    }
    let next = depth - 1;
    match chance.below(8) {
        0 => format!("not ({})", condition(chance, next, false)),
        1 | 2 => format!("({}) and ({})", condition(chance, next, holds), condition(chance, next, holds)),
        3 | 4 => format!("({}) or ({})", condition(chance, next, holds), condition(chance, next, holds)),
        5 if holds => {
            let within = chance.one_of(&["0s", "15s", "30s", "1m", "100s"]);
            let (a, b) = (condition(chance, next, holds), condition(chance, next, holds));
            format!("(({a}) then ({b}) within {within})")
        }
        _ if holds => {
            let hold = chance.one_of(&["15s", "30s", "37s", "1m", "75s"]);
            format!("(({}) for {hold})", condition(chance, next, holds))
        }
        _ => comparison(chance),
    }
}

/// Rules with two or three triggers, each with levels, hysteresis, `given`, `unless` and what unknown leads to, by chance.
fn rules(chance: &mut Chance, seed: u64) -> String {
    let mut rules = String::from("edition 2026\nevaluate every 15s\n");
    for signal in SIGNALS {
        let stale = chance.one_of(&["", "stale after 30s", "stale after 1m"]);
        let expect = if chance.below(3) == 0 {
            format!("expect <= {}", chance.one_of(&VALUES))
        } else {
            String::new()
        };
        writeln!(
            rules,
            "signal {signal} {{ is number  from prometheus \"{signal}_{seed}\"  {stale}  {expect} }}"
        )
        .unwrap();
    }
    for place in 0..=chance.below(2) {
        writeln!(rules, "trigger t{place} {{").unwrap();
        let levels = [("warn", 4), ("hold", 2), ("rollback", 1)];
        for (word, often) in levels {
            if chance.below(often) == 0 {
                let hold = chance.one_of(&["15s", "30s", "37s", "1m", "75s", "2m"]);
                let text = match chance.below(3) {
                    0 => condition(chance, 2, true),
                    _ => format!("({}) for {hold}", condition(chance, 1, true)),
                };
                writeln!(rules, "  {word} when {text}").unwrap();
            }
        }
        if chance.below(2) == 0 {
            writeln!(rules, "  clear when {}", condition(chance, 1, true)).unwrap();
        }
        if chance.below(3) == 0 {
            writeln!(rules, "  given {}", condition(chance, 1, true)).unwrap();
        }
        if chance.below(2) == 0 {
            writeln!(rules, "  unknown hold, then rollback after {}", chance.one_of(&["15s", "1m", "2m"]))
                .unwrap();
        }
        if place > 0 && chance.below(2) == 0 {
            rules.push_str("  unless t0\n");
        }
        rules.push_str("}\n");
    }
    rules
}

/// A series with runs of values, gaps shorter and longer than any `stale after`, single samples, and now and then NaN or infinity.
fn series(chance: &mut Chance) -> Vec<Option<&'static str>> {
    let mut points: Vec<Option<&'static str>> = Vec::new();
    let gappy = chance.below(4) > 0;
    while points.len() < INSTANTS as usize {
        let value = chance.one_of(&VALUES);
        let times = 1 + chance.below(6);
        points.extend((0..times).map(|_| Some(value)));
        match chance.below(10) {
            0 | 1 if gappy => points.extend((0..=chance.below(2)).map(|_| None)),
            2 if gappy => points.extend((0..4 + chance.below(8)).map(|_| None)),
            3 if gappy => points.push(Some(chance.one_of(&["NaN", "Inf", "-Inf"]))),
            _ => {}
        }
    }
    points.truncate(INSTANTS as usize);
    points
}

/// The given series, by signal: the canary's and the baseline's.
type AllSeries = Vec<[Vec<Option<&'static str>>; 2]>;

struct Shown {
    states: Vec<Vec<State>>,
    decisions: Vec<u8>,
}

/// What the engine shows at each instant.
fn spark(loaded: &Loaded, series: &AllSeries) -> Shown {
    let mut engine = Engine::new(Arc::new(loaded.policy.clone()));
    let mut shown = Shown { states: Vec::new(), decisions: Vec::new() };
    for place in 0..INSTANTS {
        let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(place * EVERY_SECONDS));
        for (signal, tracks) in (0u32..).zip(series) {
            for (track, points) in Track::ALL.into_iter().zip(tracks) {
                let Some(text) = points[place as usize] else { continue };
                let reading = match text {
                    "NaN" => Reading::NotANumber,
                    "Inf" => Reading::Infinite { negative: false },
                    "-Inf" => Reading::Infinite { negative: true },
                    number => Reading::Value(number.parse::<Decimal>().unwrap()),
                };
                engine.observe(&Sample { signal: SignalId(signal), track, at, reading });
            }
        }
        let decision = engine.evaluate(at);
        shown.decisions.push(decision.verdict as u8);
        shown.states.push(engine.trigger_reports().iter().map(|report| report.state).collect());
    }
    shown
}

const fn number(state: State) -> i8 {
    match state {
        State::Unknown => -1,
        State::Ok => 0,
        State::Pending => 1,
        State::Warn => 2,
        State::Hold => 3,
        State::Rollback => 4,
    }
}

/// A promtool test that expects at each instant what the engine showed.
fn promtool_test(seed: u64, loaded: &Loaded, series: &AllSeries, shown: &Shown) -> String {
    let mut test = format!(
        "rule_files: [rules_{seed}.yml]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  input_series:\n"
    );
    for (signal, tracks) in SIGNALS.iter().zip(series) {
        for (label, points) in ["", "{track=\"baseline\"}"].iter().zip(tracks) {
            let points: Vec<_> = points.iter().map(|point| point.unwrap_or("_")).collect();
            writeln!(test, "  - series: '{signal}_{seed}{label}'\n    values: '{}'", points.join(" "))
                .unwrap();
        }
    }
    let mut expressions = String::from("  promql_expr_test:\n");
    test.push_str("  alert_rule_test:\n");
    for place in 0..INSTANTS {
        let second = place * EVERY_SECONDS;
        let mut expect = |name: &str, value: i8| {
            writeln!(
                expressions,
                "  - {{expr: '{name} + 0', eval_time: {second}s, exp_samples: [{{labels: '{{}}', value: {value}}}]}}"
            )
            .unwrap();
        };
        for (trigger, state) in loaded.policy.triggers().iter().zip(&shown.states[place as usize]) {
            expect(&format!("s{seed}:{}:state", trigger.name), number(*state));
            let name = trigger.name.to_uppercase();
            for level in &trigger.levels {
                let word = level.severity.as_str();
                let fires = *state == State::from(level.severity);
                let alert = format!("{name}{}{}", word[..1].to_uppercase(), &word[1..]);
                let text = loaded.files.text(level.span).split_whitespace().collect::<Vec<_>>().join(" ");
                let expected = if fires {
                    format!(
                        "[{{exp_labels: {{severity: {word}, trigger: {}}}, exp_annotations: {{summary: {}, description: '{text}'}}}}]",
                        trigger.name, trigger.name
                    )
                } else {
                    "[]".to_owned()
                };
                writeln!(test, "  - {{eval_time: {second}s, alertname: {alert}, exp_alerts: {expected}}}")
                    .unwrap();
            }
        }
        expect(&format!("s{seed}:decision"), i8::try_from(shown.decisions[place as usize]).unwrap());
    }
    test + &expressions
}

/// On random rules with hysteresis, freshness, `for`, sequences, `given`, `unless`, windows and baselines, and on random
/// samples with gaps, single samples and NaN, the state of each trigger, the alerts that fire and the decision are those of the
/// engine at every instant.
#[test]
fn exported_rules_show_what_the_engine_shows() {
    let seeds = std::env::var("SPARK_EXPORT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let first = std::env::var("SPARK_EXPORT_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let started = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut seen = [0_usize; 6];
    let mut files = Vec::new();
    for seed in first..first + seeds {
        let mut chance = Chance(seed);
        let text = rules(&mut chance, seed);
        let loaded = spark_rules::load("case.rules", &text, &mut |name| Err(format!("no `{name}`")))
            .unwrap_or_else(|failed| panic!("{text}\n{failed}"));
        let options = ExportOptions { prefix: format!("s{seed}"), ..ExportOptions::default() };
        let exported = prometheus(&loaded, &options);
        assert!(exported.refused.is_empty(), "{text}\n{:?}", exported.refused);
        let given: AllSeries = SIGNALS.iter().map(|_| [series(&mut chance), series(&mut chance)]).collect();
        let shown = spark(&loaded, &given);
        shown.states.iter().flatten().for_each(|state| {
            seen[usize::try_from(number(*state) + 1).unwrap()] += 1;
        });
        let file = |name: String, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        file(format!("case_{seed}.rules"), &text);
        file(format!("rules_{seed}.yml"), &exported.rules);
        file(format!("test_{seed}.yml"), &promtool_test(seed, &loaded, &given, &shown));
        files.push(format!("test_{seed}.yml"));
    }
    // the comparison means something: every state is met often
    assert!(seen.iter().all(|count| *count > usize::try_from(seeds).unwrap() / 2), "{seen:?}");
    if std::env::var("SPARK_EXPORT_KEEP").is_ok() {
        println!("{}", folder.keep().display());
        return;
    }
    for some in files.chunks(50) {
        passes(folder.path(), some);
    }
    println!("{seeds} rule sets in {:.1?}; states {seen:?}", started.elapsed());
}
