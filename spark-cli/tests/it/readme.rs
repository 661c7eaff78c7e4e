//! The README's commands print what it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The fenced blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    page.split(&format!("```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// Every command of the README that shows its output prints it, line for line; `…` stands for the rest.
#[test]
fn shown_output_is_real() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = blocks(&page, "console");
    assert!(!shown.is_empty());
    for block in shown {
        let (command, expected) = block.split_once('\n').unwrap();
        let arguments = command.strip_prefix("$ cargo run --release -- ").unwrap().split_whitespace();
        let output =
            Command::new(env!("CARGO_BIN_EXE_spark")).current_dir(root()).args(arguments).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let (begin, whole) = match expected.strip_suffix("…\n") {
            Some(begin) => (begin, false),
            None => (expected, true),
        };
        assert!(printed.starts_with(begin) && (!whole || printed == begin), "{command} prints:\n{printed}");
    }
}

/// The README's rule is part of the file that its command replays.
#[test]
fn shown_rule_is_real() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let rules = fs::read_to_string(root().join("examples/first/latency.rules")).unwrap();
    let shown = blocks(&page, "rules");
    let parts: Vec<&str> = shown.iter().flat_map(|block| block.split("\n\n")).collect();
    assert!(!parts.is_empty());
    for part in parts {
        assert!(rules.contains(part.trim_end()), "examples/first/latency.rules does not have:\n{part}");
    }
}

/// The pack as a folder checks without a warning.
#[test]
fn pack_is_clean() {
    let output = Command::new(env!("CARGO_BIN_EXE_spark"))
        .current_dir(root())
        .args(["check", "--deny-warnings", "rules", "examples"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}
