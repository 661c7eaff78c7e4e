//! Imported rules: every case passes `check`, and says what it is known to say.

use std::sync::Arc;

use rust_decimal::Decimal;
use spark_core::{Engine, Reading, Sample, Severity, SignalId, Source, State, TimeSpan, Timestamp, Track};
use spark_rules::export::{ExportOptions, prometheus_plain};
use spark_rules::import::{ImportOptions, prometheus};

fn read(name: &str) -> String {
    let path = format!("{}/tests/cases/import/{name}.yml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Imports a case, shows that its rules pass the checker and stand as the formatter lays them out, and holds the text.
fn check(name: &str) {
    let (file, text) = (format!("{name}.yml"), read(name));
    let imported = prometheus(&[(&file, &text)], &ImportOptions::default()).unwrap();
    let loaded = spark_rules::load("imported.rules", &imported.text, &mut |_| Err("none".to_owned()));
    let loaded = loaded.unwrap_or_else(|failed| panic!("{failed}\n{}", imported.text));
    assert_eq!(loaded.policy.triggers().len(), imported.summary.triggers);
    let formatted = spark_rules::format::format("imported.rules", &imported.text).unwrap();
    assert_eq!(formatted.text, imported.text);
    for case in &loaded.tests {
        assert!(spark_rules::test::run(&loaded.policy, case).passed(), "{}", case.title);
    }
    // no rule is lost
    let summary = imported.summary;
    assert_eq!(summary.rules, summary.levels + summary.opaque + summary.not_imported);
    assert_eq!(summary.rules, text.matches("alert: ").count(), "{name}");
    let told = imported.not_imported.join("\n");
    insta::assert_snapshot!(format!("import_{name}"), format!("{}\n---\n{summary}\n{told}", imported.text));
}

/// Rules of hosts, as public collections have them.
#[test]
fn hosts() {
    check("hosts");
}

/// Rules of services, with every shape that is known, and those that are not.
#[test]
fn services() {
    check("services");
}

/// Unit tests become tests where their series can be said and Spark shows the same.
#[test]
fn unit_tests() {
    check("tests");
}

fn check_words(expr: &str, summary: &str, signal: &str, title: &str) {
    let text = format!(
        "groups: [{{name: a, rules: [{{alert: QueueLagHigh, expr: '{expr}', annotations: {{summary: '{summary}'}}}}]}}]"
    );
    let imported = prometheus(&[("a", &text)], &ImportOptions::default()).unwrap().text;
    assert!(imported.contains(&format!("signal {signal} {{")), "{imported}");
    assert!(imported.contains(&format!(" \"{title}\" {{")), "{imported}");
}

/// A signal is named by what it is, and a title of which a template would be most gives way to the alert's name.
#[test]
fn names_and_titles() {
    let title = "Queue {{ $labels.queue }} lags behind its producers";
    let kept = "Queue … lags behind its producers";
    check_words("process_resident_memory_bytes / 1024 / 1024 > 500", title, "process_resident_memory", kept);
    check_words(
        "1000 * lag_seconds > 500",
        "Lag on {{ $labels.queue }} is {{ $value }}s",
        "lag",
        "QueueLagHigh",
    );
    check_words("rate(x_sum[5m]) / rate(x_count[5m]) > 5", "{{ $value }}", "x_mean", "QueueLagHigh");
    check_words("used_bytes / limit_bytes * 100 > 90", "no template", "used_share", "no template");
}

/// A label's value is the level that the caller says.
#[test]
fn levels_are_chosen() {
    let text = "groups: [{name: a, rules: [{alert: A, expr: x > 1, labels: {severity: critical}}]}]";
    let mut options = ImportOptions::default();
    assert!(prometheus(&[("a", text)], &options).unwrap().text.contains("rollback when x > 1"));
    options.levels.insert("critical".to_owned(), Severity::Warn);
    assert!(prometheus(&[("a", text)], &options).unwrap().text.contains("warn when x > 1"));
}

/// Text from a rule file cannot leave its quotes or its comment, whatever it holds.
#[test]
fn nothing_is_injected() {
    for odd in [
        "\\\" }\\ntrigger evil { rollback when 1 > 0 }\\n",
        "\\u2028x",
        "\\r\\nsignal y",
        "#",
        "\\\\",
        "{{ x",
        "x }} {{",
    ] {
        let text = format!(
            "groups: [{{name: \"{odd}\", rules: [{{alert: \"{odd}\", expr: 'm > 1', labels: {{severity: \"{odd}\", team: \"{odd}\"}}, \
             annotations: {{summary: \"{odd}\", runbook_url: \"{odd}\"}}, keep_firing_for: \"{odd}\"}}, {{alert: B, expr: \"{odd}\"}}, \
             {{record: \"{odd}\", expr: \"{odd}\"}}]}}]"
        );
        let imported = prometheus(&[("a\nb.yml", &text)], &ImportOptions::default()).unwrap();
        let loaded = spark_rules::load("i.rules", &imported.text, &mut |_| Err("none".to_owned()));
        let loaded = loaded.unwrap_or_else(|failed| panic!("{odd}: {failed}\n{}", imported.text));
        assert_eq!(loaded.policy.triggers().len(), 1, "{odd}: {}", imported.text);
        assert_eq!(loaded.policy.signals().len(), 1, "{odd}");
    }
}

/// What is no rule file is told with its line, and what is too large is not read.
#[test]
fn files_that_are_none() {
    let fails =
        |text: &str| prometheus(&[("a.yml", text)], &ImportOptions::default()).unwrap_err().to_string();
    assert!(fails("groups:\n  - [").starts_with("`a.yml`, line"), "{}", fails("groups:\n  - ["));
    assert!(fails(&" ".repeat(10 * 1024 * 1024 + 1)).contains("longer than"));
    let empty = prometheus(&[("a.yml", "a: 1")], &ImportOptions::default()).unwrap();
    assert_eq!(empty.not_imported, ["a.yml:1: it has neither `groups` nor `tests`"]);
    assert!(prometheus(&[("a.yml", "")], &ImportOptions::default()).unwrap().not_imported.is_empty());
}

/// A simple trigger that is exported as a plain alert and imported again is the same policy: it shows the same states on the
/// same samples, missing ones among them.
#[test]
fn export_and_import_are_the_same() {
    let text = r#"
edition 2026
evaluate every 15s
signal latency { is duration  from prometheus "latency_milliseconds" in ms  stale after 30s }
signal free { is ratio  from prometheus "disk_free_ratio" }
signal jobs { is number  from prometheus "jobs_waiting" }
trigger slow "Slow" {
  warn when latency > 200ms
  hold when latency > 300ms for 45s
  rollback when latency > 400ms for 1m
  runbook "https://runbooks.example/slow"
  owner "edge"
}
trigger full { rollback when free < 5% for 30s }
trigger waiting { hold when jobs >= 1000 for 1m }
"#;
    let original = spark_rules::load("a.rules", text, &mut |_| Err("none".to_owned())).unwrap();
    let options = ExportOptions { canary: Vec::new(), baseline: Vec::new(), ..ExportOptions::default() };
    let exported = prometheus_plain(&original, &options);
    assert!(exported.refused.is_empty(), "{:?}", exported.refused);
    let imported = prometheus(&[("a.yml", &exported.rules)], &ImportOptions::default()).unwrap();
    let again = spark_rules::load("b.rules", &imported.text, &mut |_| Err("none".to_owned())).unwrap();
    let shown = |loaded: &spark_rules::Loaded| {
        let mut engine = Engine::new(Arc::new(loaded.policy.clone()));
        let mut states = Vec::new();
        let ids: Vec<_> = ["latency_milliseconds", "disk_free_ratio", "jobs_waiting"]
            .iter()
            .map(|metric| {
                let reads = |signal: &spark_core::Signal| {
                    matches!(&signal.source, Source::Prometheus { query } if query.contains(metric))
                };
                let place = loaded.policy.signals().iter().position(reads).unwrap();
                (SignalId(u32::try_from(place).unwrap()), loaded.policy.signals()[place].scale)
            })
            .collect();
        for place in 0..400_u32 {
            let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(place * 15));
            for (number, (signal, scale)) in (0_u32..).zip(&ids) {
                // runs of values and gaps of all lengths, the same each time
                let chance = (place / (3 + number)).wrapping_mul(2_654_435_761) >> 16;
                let value = match (chance % 7, number) {
                    (0, _) => continue,
                    (high, 0) => Decimal::from(high * 100),
                    (high, 1) => Decimal::new(i64::from(high) * 2, 2),
                    (high, _) => Decimal::from(high * 250),
                };
                let reading = Reading::Value(value).scaled(*scale);
                engine.observe(&Sample { signal: *signal, track: Track::Canary, at, reading });
            }
            let _ = engine.evaluate(at);
            let mut all: Vec<_> =
                engine.trigger_reports().iter().map(|r| (r.name.clone(), r.state)).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            states.push(all);
        }
        states
    };
    let (before, after) = (shown(&original), shown(&again));
    assert_eq!(before, after, "{}\n{}", exported.rules, imported.text);
    assert!(before.iter().flatten().any(|(_, state)| *state == State::Rollback));
    assert_eq!(again.policy.triggers()[0].runbook, original.policy.triggers()[0].runbook);
}
