//! `spark export` and `spark import`, as somebody who has a Prometheus uses them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cases::{printed, run, text};

const RULES: &str = r#"edition 2026

evaluate every 15s

signal p95 "Latency" { is duration  from prometheus "api_latency_milliseconds" in ms  expect <= 200ms }
signal errors { is ratio  from prometheus "sum(rate(errors_total[1m])) / sum(rate(requests_total[1m]))" }
signal pool { is ratio  from push }

trigger slow "Slow {{ api }}" {
  hold     when p95 > 300ms for 30s
  rollback when p95 > 400ms for 1m
  clear    when p95 < 300ms
  unknown  hold, then rollback after 2m
  owner    "edge's"
}
trigger failing { rollback when errors > 3% for 90s  unless slow }

test "rolls back after a minute" {
  given  p95 400ms for 5m, then 401ms for 2m, then 300ms for 2m, then 299ms for 1m, then nothing
  given  errors 0%
  expect slow hold from 30s
  expect slow rollback from 6m
  expect slow rollback at 8m45s
  expect slow ok from 9m
  expect slow unknown from 10m45s
  expect decision rollback from 12m45s because slow
}

test "a failure, a gap and NaN" {
  given  errors 5% for 30s, then nothing for 1m, then 5% for 2m, then NaN
  given  p95 100ms
  expect failing pending from 0s
  expect failing unknown at 1m15s
  expect failing rollback from 2m
}
"#;

fn promtool(dir: &Path, args: &[&str]) {
    let output = Command::new("promtool")
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|error| panic!("promtool: {error}; install it: apt-get install prometheus"));
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// What is exported is taken by promtool, and the exported tests pass there, which have a test's every expectation.
#[test]
fn exported_files_pass_in_promtool() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("release.rules"), RULES).unwrap();
    printed(dir.path(), "spark test release.rules", 0);
    let output = run(dir.path(), "spark export prometheus release.rules --output out/ --tests");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("2 of 2 tests"), "{}", text(&output.stderr));
    let out = dir.path().join("out");
    promtool(&out, &["check", "rules", "release.yml"]);
    promtool(&out, &["test", "rules", "release_test.yml"]);
    // a rule that says something else is found by them
    let rules = fs::read_to_string(out.join("release.yml")).unwrap();
    fs::write(out.join("release.yml"), rules.replace("> bool 0.4", "> bool 0.45")).unwrap();
    let output =
        Command::new("promtool").args(["test", "rules", "release_test.yml"]).current_dir(&out).output();
    assert!(!output.unwrap().status.success());
}

/// The pack's own tests pass in promtool: the signals' always, the triggers' (a minute of promtool) with `SPARK_EXPORT_PACK=1`.
#[test]
fn the_pack_passes_in_promtool() {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&pack).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rules") {
            fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let whole = std::env::var("SPARK_EXPORT_PACK").is_ok();
    for (name, tested) in [("signals", true), ("triggers", whole), ("enhanced", whole)] {
        printed(dir.path(), &format!("spark export prometheus {name}.rules --output out/ --tests"), 0);
        let out = dir.path().join("out");
        let tests = fs::read_to_string(out.join(format!("{name}_test.yml"))).unwrap();
        assert!(!tests.contains("Not in this file"), "{tests}");
        promtool(&out, &["check", "rules", &format!("{name}.yml")]);
        if tested {
            promtool(&out, &["test", "rules", &format!("{name}_test.yml")]);
        }
    }
    // PromQL knows no correlation and no stages
    printed(dir.path(), "spark export prometheus canary.rules --output out/", 1);
    printed(dir.path(), "spark export prometheus canary.rules --output out/ --partial", 0);
    let out = dir.path().join("out");
    let rules = fs::read_to_string(out.join("canary.yml")).unwrap();
    assert!(rules.contains("DecimalPrecisionRollback"), "{rules}");
    assert!(!rules.contains("ErrorRiskCorrelationRollback") && !rules.contains("ConnectionCreepRollback"));
    promtool(&out, &["check", "rules", "canary.yml"]);
}

/// What cannot be said is told by its name and line, and nothing is written unless that was asked for.
#[test]
fn refusals() {
    let dir = tempfile::tempdir().unwrap();
    let rules = format!("{RULES}\ntrigger full {{ rollback when pool > 95% for 1m }}\n");
    fs::write(dir.path().join("release.rules"), rules).unwrap();
    let refused = run(dir.path(), "spark export prometheus release.rules -o out.yml");
    assert_eq!(refused.status.code(), Some(1));
    let words = "trigger `full`, release.rules:37: cannot be said in PromQL: `pool` comes from push, which Prometheus does not see: name what does with `--metric pool=PROMQL`";
    assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    assert!(!dir.path().join("out.yml").exists());
    let partial = printed(dir.path(), "spark export prometheus release.rules --partial", 0);
    assert!(partial.contains(words) && partial.contains("SlowRollback") && !partial.contains("FullRollback"));
    assert!(!partial.contains("record: 'spark:decision'"));
    let mapped = printed(dir.path(), "spark export prometheus release.rules --metric pool=pool_use", 0);
    assert!(mapped.contains("FullRollback") && mapped.contains("record: 'spark:decision'"));
    for (line, code) in [
        ("spark export prometheus release.rules --metric pol=x", 2),
        ("spark export prometheus release.rules --metric pool", 2),
        ("spark export prometheus release.rules --prefix 1x", 2),
        ("spark export prometheus release.rules --tests", 2),
        ("spark export nagios release.rules", 2),
        ("spark export prometheus nothing.rules", 1),
        ("spark export prometheus release.rules --plain", 1),
    ] {
        assert_eq!(run(dir.path(), line).status.code(), Some(code), "{line}");
    }
    fs::write(dir.path().join("bad.rules"), "edition 2026\ntrigger {").unwrap();
    assert_eq!(run(dir.path(), "spark export prometheus bad.rules").status.code(), Some(12));
}

/// A dashboard has a panel of states and one for each signal, with its thresholds.
#[test]
fn dashboards() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("release.rules"), RULES).unwrap();
    let text = printed(dir.path(), "spark export grafana release.rules", 0);
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 3);
    assert_eq!(panels[0]["type"], "state-timeline");
    assert_eq!(panels[1]["title"], "Latency");
    assert_eq!(panels[1]["fieldConfig"]["defaults"]["thresholds"]["steps"][3]["value"], 0.4);
}

/// Alerts come in as rules that pass `check`, with a line that counts them; what is no rule file fails.
#[test]
fn imports() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = "groups: [{name: a, rules: [{alert: Slow, expr: latency_seconds > 0.5, for: 5m, labels: {severity: page}}, \
                  {alert: Odd, expr: 'rate(x['}]}]";
    fs::write(dir.path().join("alerts.yml"), alerts).unwrap();
    let output = run(dir.path(), "spark import prometheus alerts.yml --output alerts.rules");
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(told.contains("2 rules: 1 with a threshold, 0 opaque, 1 not imported; 1 trigger"), "{told}");
    assert!(told.contains("not imported: alerts.yml:1 Odd"), "{told}");
    printed(dir.path(), "spark check alerts.rules", 0);
    let levels = printed(dir.path(), "spark import prometheus alerts.yml --level page=warn", 0);
    assert!(levels.contains("warn when latency > 500ms for 5m"), "{levels}");
    for (line, code) in [
        ("spark import prometheus alerts.yml --output alerts.rules", 1),
        ("spark import prometheus alerts.yml --output alerts.rules --force", 0),
        ("spark import prometheus alerts.yml --level page=maybe", 2),
        ("spark import prometheus missing.yml", 1),
        ("spark import prometheus", 2),
        ("spark import prometheus - < alerts.yml", 0),
    ] {
        assert_eq!(run(dir.path(), line).status.code(), Some(code), "{line}");
    }
    fs::write(dir.path().join("broken.yml"), "groups: [").unwrap();
    let broken = run(dir.path(), "spark import prometheus broken.yml");
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("`broken.yml`, line"), "{}", text(&broken.stderr));
}
