//! The fault table of the manual: every test that it names is there.

use std::fs;
use std::path::{Path, PathBuf};

/// How many faults the table has; one that is found is a row more.
const FAULTS_MIN: usize = 41;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below a folder, each with its module's name.
fn modules(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            modules(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = match stem(&path) {
                name if name == "mod" || name == "tests" => stem(path.parent().unwrap()),
                name => name,
            };
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Whether a file holds a test of this name.
fn holds(text: &str, test: &str) -> bool {
    // those of the museum are written by a macro
    let by_macro = text.contains("museum! {") && text.lines().any(|line| line.trim() == test);
    by_macro || text.contains(&format!("fn {test}("))
}

/// Every row of the fault table names its number in turn and tests that exist, or says that it is open.
#[test]
fn every_named_test_exists() {
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        for part in ["src", "tests"] {
            let folder = entry.as_ref().unwrap().path().join(part);
            if folder.is_dir() && folder.parent().unwrap().join("Cargo.toml").is_file() {
                modules(&folder, &mut found);
            }
        }
    }
    let manual = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let (_, table) = manual.split_once("| # | fault |").unwrap();
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= FAULTS_MIN, "{} rows", rows.len());
    for (place, row) in rows.iter().enumerate() {
        let [_, number, _, _, shown, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("not four cells: {row}")
        };
        assert_eq!(number, (place + 1).to_string(), "{row}");
        if shown == "open" {
            continue;
        }
        for name in shown.split(", ") {
            let name = name.trim_matches('`');
            let (module, test) = name.split_once("::").unwrap_or_else(|| panic!("`{name}` in {row}"));
            let there = found.iter().any(|(stem, text)| stem == module && holds(text, test));
            assert!(there, "docs/reliability.md, row {number}: there is no test `{name}`");
        }
    }
}
