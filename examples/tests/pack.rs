//! The pack decides what its tests say, in the engine that services embed.

#![expect(
    clippy::unwrap_used,
    reason = "what fails here fails the test; clippy knows only the tests themselves"
)]

use std::path::Path;

use spark_rules::Loaded;

fn load(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string());
    spark_rules::load(name, &read(name).unwrap(), &mut |path| read(path)).unwrap()
}

fn check(name: &str) {
    let loaded = load(name);
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    assert!(!loaded.tests.is_empty(), "{name} has no tests");
    let failures = loaded.tests.iter().filter_map(|case| {
        let outcome = spark_rules::test::run(&loaded.policy, case);
        (!outcome.passed()).then(|| spark_rules::test::failure_text(&loaded, case, &outcome))
    });
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Each golden signal goes on at its limit, waits beyond it, and waits without evidence.
#[test]
fn signals() {
    check("signals.rules");
}

/// Each trigger fires at its instant, stays quiet at its threshold, and says unknown without evidence.
#[test]
fn triggers() {
    check("triggers.rules");
    check("enhanced.rules");
    check("guards.rules");
}

/// Eight of eight go on, seven do not; and all tests of the pack hold for the pack as a whole.
#[test]
fn plan() {
    check("canary.rules");
}

/// Each check passes at its limits, is a no-go beyond each of them whatever else is unknown, and unknown without an answer.
#[test]
fn checks() {
    for name in ["preflight.rules", "redteam.rules", "blast.rules", "checks.rules"] {
        check(name);
        let loaded = load(name);
        assert!(loaded.advice.is_empty(), "{name}: {:?}", loaded.advice);
        for one in loaded.policy.checks() {
            assert!(one.owner.is_some() && one.runbook.is_some(), "nobody answers for `{}`", one.name);
        }
    }
}

/// Every comparison, clause, level and stage of the pack is seen by its tests, and no small change of a rule escapes them.
#[test]
fn tested_throughout() {
    tested("canary.rules", 200, 300);
}

/// So it is for the checks, each file by itself.
#[test]
fn checks_tested_throughout() {
    tested("preflight.rules", 100, 80);
    tested("redteam.rules", 150, 150);
    tested("blast.rules", 5, 5);
}

fn tested(name: &str, points: usize, changes: usize) {
    let loaded = load(name);
    let mut watch = spark_rules::test::coverage::Watch::default();
    for case in &loaded.tests {
        watch.run(&loaded, case);
    }
    let coverage = watch.coverage(&loaded);
    assert!(coverage.points.len() > points, "{name}: {} points", coverage.points.len());
    let missing: Vec<&str> = coverage.missing().map(|point| point.what.as_str()).collect();
    assert!(missing.is_empty(), "{name}: never {missing:#?}");
    let mutants = spark_rules::mutate::mutants(&loaded);
    assert!(mutants.len() > changes, "{name}: {} changes", mutants.len());
    let judged = spark_rules::mutate::judge(&loaded, &mutants, 2, &|| ());
    let survivors = judged.iter().filter(|judged| judged.survived());
    let survivors: Vec<String> =
        survivors.map(|judged| spark_rules::mutate::hunk(&loaded.files, &judged.mutant)).collect();
    assert!(survivors.is_empty(), "no test of {name} notices\n{}", survivors.join("\n"));
}

/// The manual's page lists every check as the rules have it. With `UPDATE=1` it is written.
#[test]
fn the_page_lists_every_check() {
    const OPEN: &str = "run it with UPDATE=1 -->\n";
    const CLOSE: &str = "<!-- end of checks -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pack.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(OPEN).unwrap();
    let (shown, after) = rest.split_once(CLOSE).unwrap();
    let table = table(&load("checks.rules"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{OPEN}{table}{CLOSE}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, table, "run `UPDATE=1 cargo test -p spark-examples --test pack`");
}

/// A row for each check: what it is for, its name, who looks, when it passes and what it says else.
fn table(loaded: &Loaded) -> String {
    let mut table =
        "| id | check | probe | passes when | else |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for check in loaded.policy.checks() {
        let title = check.title.as_deref().unwrap();
        let has_id = title.starts_with(['P', 'R']);
        let id = if has_id { title.split(' ').next().unwrap() } else { "" };
        let text = loaded.files.text(check.span);
        let (_, condition) = text.split_once("pass     when ").unwrap();
        let (condition, _) = condition.split_once("\n  else").unwrap();
        let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
        let (name, probe, severity) = (&check.name, &check.probe, check.severity);
        table.push_str(&format!("| {id} | `{name}` | `{probe}` | `{condition}` | {severity} |\n"));
    }
    table
}
