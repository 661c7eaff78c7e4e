//! The manual's table of checks that were seen to pass and to fail on real parts.

use std::fs;
use std::path::Path;

use spark_core::check::Check;

/// Where checks are judged on real parts.
const TESTS: [&str; 2] = ["spark-runtime/tests/it/probes", "examples/trading-backend/tests/it"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn pack() -> Vec<Check> {
    let read =
        |path: &str| fs::read_to_string(root().join("rules").join(path)).map_err(|error| error.to_string());
    let text = read("checks.rules").unwrap();
    spark_rules::load("checks.rules", &text, &mut |path| read(path)).unwrap().policy.checks().to_vec()
}

/// The functions, as `module::function`, that hold `word("CHECK"`, each once.
fn functions(word: &str, check: &str) -> Vec<String> {
    let mut found = Vec::new();
    for folder in TESTS {
        let mut files: Vec<_> =
            fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
            let (module, mut function) =
                (file.file_stem().unwrap().to_string_lossy().into_owned(), String::new());
            for line in fs::read_to_string(file).unwrap().lines() {
                if let Some((before, rest)) = line.split_once("fn ")
                    && matches!(before, "" | "async ")
                {
                    function = rest.split(['(', '<']).next().unwrap().to_owned();
                }
                let name = format!("`{module}::{function}`");
                if line.contains(&format!("{word}(\"{check}\"")) && !found.contains(&name) {
                    found.push(name);
                }
            }
        }
    }
    found
}

/// Each check of the shipped rules passes in a test and fails in one, and the manual's table names those tests and no other.
#[test]
fn is_shown() {
    let manual = fs::read_to_string(root().join("docs/checks.md")).unwrap();
    let head = "| check | passes in | fails in | on |\n| --- | --- | --- | --- |\n";
    let (_, behind) =
        manual.split_once(head).unwrap_or_else(|| panic!("docs/checks.md has no table\n{head}"));
    let rows: Vec<&str> = behind.lines().take_while(|line| line.starts_with('|')).collect();
    let checks = pack();
    let expected: Vec<String> = checks
        .iter()
        .map(|check| {
            let [passes, fails] = ["passes", "fails"].map(|word| {
                let functions = functions(word, &check.name);
                assert!(!functions.is_empty(), "no test says {word}(\"{}\", …)", check.name);
                functions.join(", ")
            });
            format!("| {} | {passes} | {fails} | ", check.title.as_deref().unwrap_or(&check.name))
        })
        .collect();
    let is_row =
        |(row, start): (&&str, &String)| row.strip_prefix(start.as_str()).is_some_and(|on| on.len() > 4);
    assert!(
        rows.len() == expected.len() && rows.iter().zip(&expected).all(is_row),
        "docs/checks.md: the table is to be\n{head}{}",
        expected.join("…\n")
    );
}
