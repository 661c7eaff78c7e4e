//! The walls that no lint holds: what the tree may look like, and what the core may depend on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a source file without its tests: beyond that it does two jobs.
const FILE_LINES_MAX: usize = 600;
/// Crates in the core's tree, its own and build-time ones aside: it is embedded by others.
const CORE_CRATES_MAX: usize = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn tracked(ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", &format!("*{ending}")])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: Vec<_> = listed.lines().map(|line| root().join(line)).filter(|path| path.is_file()).collect();
    assert!(!files.is_empty(), "git lists no {ending} file: these checks need a checkout");
    files
}

/// Every source file says what it is for, and does one job.
#[test]
fn files_have_a_purpose_and_a_size() {
    for path in tracked(".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with what it is for (`//!`)", path.display());
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().count();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        assert!(
            is_test || lines <= FILE_LINES_MAX,
            "{} has {lines} lines, at most {FILE_LINES_MAX}",
            path.display()
        );
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for vague in ["util", "helper", "manager", "common", "misc"] {
            assert!(!name.contains(vague), "{}: the name says nothing", path.display());
        }
    }
}

/// Nothing is hidden: no ignored test, no stub, no blanket exception.
#[test]
fn nothing_is_left_undone() {
    let forbidden = [
        concat!("#[", "ignore"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#![", "allow"),
    ];
    for path in tracked(".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in forbidden {
            assert!(!text.contains(word), "{} contains `{word}`", path.display());
        }
    }
}

/// The core stays small enough to be embedded anywhere, and cannot reach a network, a runtime or a parser.
#[test]
fn the_core_depends_on_little() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "spark-core",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(crates.contains("serde"), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(crates.len() < CORE_CRATES_MAX, "{} crates: {crates:?}", crates.len());
    for far in ["tokio", "reqwest", "hyper", "sqlx", "pest", "clap", "spark-rules", "spark-runtime"] {
        assert!(!crates.contains(far), "spark-core must not depend on {far}");
    }
}
