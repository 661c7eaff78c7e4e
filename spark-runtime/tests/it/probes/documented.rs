//! The manual says what each probe measures: all that a probe of these tests brings stands there, and the pack reads nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use spark_core::{Dimension, Unit};
use spark_runtime::config::Config;
use spark_runtime::probe::{Measured, Value};

/// The kinds as the library calls them, and as configurations do. What a `program` measures is its own.
const KINDS: [(&str, &str); 25] = [
    ("Clock", "postgres-clock"),
    ("Sequences", "postgres-sequences"),
    ("Bloat", "postgres-bloat"),
    ("Connections", "postgres-connections"),
    ("Index", "postgres-index"),
    ("Migrations", "migrations"),
    ("Decimals", "decimals"),
    ("Outbox", "outbox"),
    ("IdempotencyTable", "idempotency-keys"),
    ("FlagsTable", "flags"),
    ("FlagsFile", "flags"),
    ("Pgbouncer", "pgbouncer"),
    ("Ntp", "ntp"),
    ("Headers", "http-headers"),
    ("Burst", "http-burst"),
    ("Flood", "csp-flood"),
    ("Health", "health"),
    ("HttpCases", "http-cases"),
    ("Targets", "prometheus-targets"),
    ("Baseline", "prometheus-baseline"),
    ("Alert", "prometheus-alert"),
    ("Sbom", "sbom"),
    ("Provenance", "provenance"),
    ("Identity", "identity"),
    ("Restore", "restore"),
];

/// The words that the manual has for what a measure is.
const WORDS: [&str; 4] = ["duration", "ratio", "count", "flag"];

fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(path).unwrap()
}

/// What the manual's row of a kind says: each measure and what it is. `None` for a program.
fn row(kind: &str) -> Option<BTreeMap<String, &'static str>> {
    let (_, name) = KINDS.iter().find(|(own, _)| *own == kind).or_else(|| {
        assert_eq!(kind, "Program", "`KINDS` lacks a kind");
        None
    })?;
    let page = page("docs/checks.md");
    let head = format!("| `{name}` | ");
    let row = page.lines().find_map(|line| line.strip_prefix(head.as_str()));
    let row = row.unwrap_or_else(|| panic!("docs/checks.md has no row `{name}`"));
    let cell = row.split(" | ").next().unwrap();
    let mut found = BTreeMap::new();
    // `a`, `b`: counts; `c`: the fullest, a ratio
    for group in cell.split(';') {
        let (names, what) = group.split_once(':').unwrap_or_else(|| panic!("{name}: {group}"));
        let word = WORDS.into_iter().find(|word| what.contains(word));
        let word = word.unwrap_or_else(|| panic!("{name}: `{what}` is none of {WORDS:?}"));
        for own in names.split('`').skip(1).step_by(2) {
            found.insert(own.to_owned(), word);
        }
    }
    Some(found)
}

fn word(unit: Unit, flag: bool) -> &'static str {
    match unit.dimension {
        _ if flag => "flag",
        Dimension::Duration => "duration",
        Dimension::Ratio => "ratio",
        Dimension::Count => "count",
        other => panic!("the manual has no word for {other:?}"),
    }
}

/// Holds what a probe measured to its row: these names and no others, each in its unit where it is known.
pub(super) fn hold<P>(measured: &Measured) {
    let kind = std::any::type_name::<P>().rsplit("::").next().unwrap();
    let Some(row) = row(kind) else { return };
    let names: Vec<&String> = measured.values.keys().collect();
    assert_eq!(names, row.keys().collect::<Vec<_>>(), "docs/checks.md says otherwise of {kind}");
    for (name, value) in &measured.values {
        let found = match value {
            Value::Known(quantity) => word(quantity.unit, false),
            Value::Flag(_) => "flag",
            Value::Unknown(_) => continue,
        };
        assert_eq!(found, row[name], "docs/checks.md says otherwise of `{name}` of {kind}");
    }
}

/// Every check of the pack asks a probe of the manual's configuration, for what its kind measures, in the unit that it has.
#[test]
fn the_pack_reads_what_there_is() {
    let manual = page("docs/config.md");
    let probes = manual.split("```yaml\n").find(|block| block.contains("\nprobes:\n  identity:")).unwrap();
    let text = probes.split("```").next().unwrap();
    let config = Config::parse(Path::new("spark.yaml"), text.as_bytes(), &|name| Some(name.to_lowercase()));
    let config = config.unwrap_or_else(|errors| panic!("{errors}"));
    let rules = PathBuf::from("rules");
    let read = |path: &str| Ok(page(&rules.join(path).display().to_string()));
    let loaded = spark_rules::load("checks.rules", &page("rules/checks.rules"), &mut |path| read(path));
    let loaded = loaded.unwrap_or_else(|failed| panic!("{failed}"));
    let checks = loaded.policy.checks();
    assert!(checks.len() >= 29, "{}", checks.len());
    for check in checks {
        let kind = config.probes.get(&check.probe);
        let kind = kind.unwrap_or_else(|| panic!("docs/config.md has no probe `{}`", check.probe));
        let kind = format!("{kind:?}");
        let row = row(kind.split('(').next().unwrap()).unwrap();
        for measure in &check.measures {
            let what = word(measure.unit, measure.flag);
            let is = row.get(&measure.name).copied();
            assert_eq!(is, Some(what), "`{}` of check `{}`", measure.name, check.name);
        }
    }
}
