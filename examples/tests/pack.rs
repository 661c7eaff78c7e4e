//! The pack decides what its tests say, in the engine that services embed.

#![expect(
    clippy::unwrap_used,
    reason = "what fails here fails the test; clippy knows only the tests themselves"
)]

use std::path::Path;

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string());
    let loaded = spark_rules::load(name, &read(name).unwrap(), &mut |path| read(path)).unwrap();
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
}

/// Eight of eight go on, seven do not; and all tests of the pack hold for the pack as a whole.
#[test]
fn plan() {
    check("canary.rules");
}
