//! Imported rules: every case passes `check`, and says what it is known to say.

use spark_core::Severity;
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
