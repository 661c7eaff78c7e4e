//! `spark test`, as an author and a CI server use it.

use std::fs;
use std::path::Path;

use crate::cases::{printed, run, text};

const RULES: &str = r#"edition 2026

evaluate every 15s

signal p95 { is duration  from push }

trigger slow {
  rollback when p95 > 400ms for 1m
  clear    when p95 < 300ms
}

test "rolls back after a minute" {
  given  p95 400ms for 5m, then 401ms for 2m, then 300ms for 2m, then 299ms for 1m, then nothing
  expect slow ok at 4m45s
  expect slow pending from 5m
  expect slow rollback from 6m
  expect slow rollback at 8m45s
  expect slow ok from 9m
  expect slow unknown from 10m45s
}
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Runs a command line; what it printed, on both streams, and how it ended.
fn told(dir: &Path, line: &str) -> String {
    let output = run(dir, line);
    let both = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!both.contains('\u{1b}'), "colour in\n{both}");
    format!("$ {line}\n{both}exit {}\n\n", output.status.code().unwrap())
}

/// A file counts once, however it is spelled; one that is named stands for itself, even where another uses it.
#[test]
fn a_file_counts_once() {
    let top = "edition 2026\nuse \"sub/base.rules\"\n";
    let dir = folder(&[("one.rules", RULES), ("all/top.rules", top), ("all/sub/base.rules", RULES)]);
    std::os::unix::fs::symlink("one.rules", dir.path().join("link.rules")).unwrap();
    for (line, tests) in [
        ("spark test one.rules one.rules ./one.rules all/../one.rules link.rules", "1 test passed"),
        ("spark test . ./one.rules", "2 tests passed"),
        ("spark test all", "1 test passed"),
        ("spark test all ./all/sub/base.rules", "2 tests passed"),
    ] {
        let told = told(dir.path(), line);
        assert!(told.contains(&format!("\n{tests}  (")), "{tests}: {told}");
    }
}

/// What passes is short; what fails says where, what was, and when it came instead; a mutant that lives is a diff.
#[test]
fn results() {
    let late = RULES.replace("rollback from 6m", "rollback from 5m45s").replace("expect slow ok from 9m", "");
    let gap = RULES
        .replace("then 300ms for 2m, then 299ms for 1m", "then 200ms for 3m")
        .replace("slow rollback at 8m45s", "slow ok at 8m45s");
    let gap = gap.replace("  expect slow ok from 9m\n", "");
    let none = "edition 2026\nsignal p95 { is duration  from push }\n";
    let wrong = "edition 2026\nsignal p95 { is duration  from push  expect <= 3% }\n";
    let dir = folder(&[
        ("good.rules", RULES),
        ("late.rules", &late),
        ("gap.rules", &gap),
        ("none.rules", none),
        ("wrong.rules", wrong),
    ]);
    let lines = [
        "spark test good.rules",
        "spark test good.rules none.rules -v",
        "spark test good.rules --coverage --mutants",
        "spark test late.rules",
        "spark test late.rules --mutants --quiet",
        "spark test late.rules --format junit",
        "spark test gap.rules --coverage --fail-under 95 --mutants",
        "spark test good.rules late.rules --filter nothing",
        "spark test none.rules",
        "spark test wrong.rules good.rules",
        "spark test missing.rules",
        "spark test good.rules --fail-under 90",
        "spark test good.rules --coverage --fail-under 101",
        "spark test good.rules --coverage --format junit",
        "spark test good.rules --coverage --filter minute",
    ];
    let all: String = lines.iter().map(|line| told(dir.path(), line)).collect();
    insta::assert_snapshot!(all);
}

/// A file that another one uses is tested with that one, once; named by itself, it is tested by itself.
#[test]
fn parts() {
    let root = "edition 2026\nuse \"part.rules\"\ntest \"of the root\" { given p95 1s  expect slow rollback from 1m }\n";
    let dir = folder(&[("all/root.rules", root), ("all/part.rules", RULES)]);
    let count = |line: &str| {
        let found: serde_json::Value = serde_json::from_str(&printed(dir.path(), line, 0)).unwrap();
        found["passed"].as_u64().unwrap()
    };
    assert_eq!(count("spark test all --format json"), 2);
    assert_eq!(count("spark test all/part.rules --format json"), 1);
    assert_eq!(count("spark test all all/part.rules --format json"), 3);
}

/// Every key that the schema requires is there, in every kind of result.
#[test]
fn keys_of_the_schema() {
    let late = RULES.replace("rollback from 6m", "rollback from 5m45s");
    let dir = folder(&[("good.rules", RULES), ("late.rules", &late)]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/test.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let found = |line: &str, code| -> serde_json::Value {
        serde_json::from_str(&printed(dir.path(), line, code)).unwrap()
    };
    let good = found("spark test good.rules --coverage --mutants --format json", 0);
    let bad = found("spark test late.rules --format json", 14);
    for result in [&good, &bad] {
        holds(&schema, &schema, result);
    }
    assert!(bad["tests"][0]["expectations"][2]["timeline"][4]["differs"].as_bool().unwrap(), "{bad}");
    assert_eq!(bad["tests"][0]["expectations"][2]["reached"][0]["from"], "6m");
    assert!(!good["mutants"]["each"].as_array().unwrap().is_empty());
}

/// As much of JSON Schema as ours use: types, required keys, no others, enumerations, items.
fn holds(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value) {
    if let Some(name) = schema["$ref"].as_str() {
        return holds(root, &root["$defs"][name.trim_start_matches("#/$defs/")], value);
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{value} is none of {allowed:?}");
    }
    let kind = match value {
        serde_json::Value::Null => "null",
        serde_json::Value::Bool(_) => "boolean",
        serde_json::Value::Number(number) if number.is_u64() => "integer",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Object(_) => "object",
    };
    let fits = |wanted: &serde_json::Value| wanted == kind || (wanted == "number" && kind == "integer");
    match &schema["type"] {
        serde_json::Value::Null => {}
        serde_json::Value::Array(kinds) => assert!(kinds.iter().any(fits), "{value} is none of {kinds:?}"),
        wanted => assert!(fits(wanted), "{value} is no {wanted}"),
    }
    for item in value.as_array().into_iter().flatten() {
        holds(root, &schema["items"], item);
    }
    if let Some(object) = value.as_object() {
        for key in schema["required"].as_array().unwrap() {
            assert!(object.contains_key(key.as_str().unwrap()), "{key} is missing from {value}");
        }
        for (key, value) in object {
            assert!(schema["properties"].get(key).is_some(), "{key} is not in the schema");
            holds(root, &schema["properties"][key], value);
        }
    }
}
