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

/// Every comparison, clause, level and stage of the pack is seen by its tests, and no small change of a rule escapes them.
#[test]
fn tested_throughout() {
    let loaded = load("canary.rules");
    let mut watch = spark_rules::test::coverage::Watch::default();
    for case in &loaded.tests {
        watch.run(&loaded, case);
    }
    let coverage = watch.coverage(&loaded);
    assert!(coverage.points.len() > 200);
    let missing: Vec<&str> = coverage.missing().map(|point| point.what.as_str()).collect();
    assert!(missing.is_empty(), "never {missing:#?}");
    let mutants = spark_rules::mutate::mutants(&loaded);
    assert!(mutants.len() > 300);
    let judged = spark_rules::mutate::judge(&loaded, &mutants, 2, &|| ());
    let survivors = judged.iter().filter(|judged| judged.survived());
    let survivors: Vec<String> =
        survivors.map(|judged| spark_rules::mutate::hunk(&loaded.files, &judged.mutant)).collect();
    assert!(survivors.is_empty(), "no test notices\n{}", survivors.join("\n"));
}
