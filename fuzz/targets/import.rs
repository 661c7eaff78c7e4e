//! Any text as a rule file of Prometheus, and as an expression in one: what is imported passes the checker.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spark_rules::import::{ImportOptions, prometheus};

fn check(text: &str) {
    let Ok(imported) = prometheus(&[("fuzz.yml", text)], &ImportOptions::default()) else { return };
    let summary = imported.summary;
    assert_eq!(
        summary.rules,
        summary.levels.saturating_add(summary.opaque).saturating_add(summary.not_imported)
    );
    let loaded = spark_rules::load("fuzz.rules", &imported.text, &mut |_| Err("none".to_owned()));
    assert!(loaded.is_ok(), "{}", imported.text);
}

fuzz_target!(|text: &str| {
    check(text);
    // an expression alone, in quotes of YAML
    let expr = text.replace('\'', "''").replace(['\n', '\r'], " ");
    check(&format!("groups: [{{name: a, rules: [{{alert: A, expr: '{expr}', for: 5m}}]}}]"));
});
