//! The house in order: what a reader follows leads somewhere, and what the pages claim of the tree is so.

#![expect(
    clippy::unwrap_used,
    reason = "what fails here fails the test; clippy knows only the tests themselves"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, in lines: what is longer does more than one thing. Tests at the end of a file count.
const FILE_LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below the workspace with this ending, what is built or generated aside.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let skipped = name.starts_with('.')
                || name.starts_with("target")
                || name == "node_modules"
                || name == "evidence" && folder == root();
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The targets of all links `](…)` of a page that lead into the tree.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// A heading's anchor, as Markdown renderers make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Every link of every page leads to a file or a heading that is there.
#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in files(".md") {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let there = target.exists()
                && (heading.is_empty()
                    || fs::read_to_string(&target)
                        .unwrap_or_default()
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line) == heading));
            if !there {
                broken.push(format!("{}: {link}", shown(&page)));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// Nothing that is not written yet stands in a page, and every page ends its last line.
#[test]
fn pages_are_finished() {
    for page in files(".md") {
        let text = fs::read_to_string(&page).unwrap();
        assert!(!text.contains("TODO") && !text.contains("FIXME"), "{} is not finished", shown(&page));
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{} ends oddly", shown(&page));
    }
}

/// Every crate is held to the workspace's lints.
#[test]
fn every_crate_has_the_walls() {
    for manifest in files("Cargo.toml") {
        let text = fs::read_to_string(&manifest).unwrap();
        let walls = text.contains("[lints]\nworkspace = true") || text.contains("[workspace.lints.clippy]");
        assert!(walls, "{} lacks `[lints] workspace = true`", shown(&manifest));
    }
}

/// No source file grows into one that nobody reads.
#[test]
fn files_stay_short() {
    let long: Vec<String> = files(".rs")
        .iter()
        .map(|path| (shown(path), fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "split these by meaning:\n{}", long.join("\n"));
}

/// The core stays small: whoever embeds the engine has to review what it brings.
#[test]
fn core_has_fewer_than_twenty_crates() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-p", "spark-core", "-e", "normal,build", "--prefix", "none"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(crates.contains("rust_decimal"), "this is no list of crates: {text}");
    assert!(crates.len() < 20, "{} crates: {crates:?}", crates.len());
    for far in ["tokio", "reqwest", "hyper", "sqlx", "pest", "clap", "spark-rules", "spark-runtime"] {
        assert!(!crates.contains(far), "spark-core must not depend on {far}");
    }
}

/// Every source file opens with what it is for, under a name that says something.
#[test]
fn files_have_a_purpose() {
    for path in files(".rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with what it is for (`//!`)", shown(&path));
        // what Prometheus' own part is called says what it is
        let name = path.file_stem().unwrap().to_string_lossy().replace("alertmanager", "");
        for vague in ["util", "helper", "manager", "common", "misc"] {
            assert!(!name.contains(vague), "{}: the name says nothing", shown(&path));
        }
    }
}

/// Nothing is hidden: no test that does not run, no stub, no blanket exception.
#[test]
fn nothing_is_left_undone() {
    let hidden = [
        concat!("#[", "ignore"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#![", "allow"),
    ];
    for path in files(".rs") {
        let text = fs::read_to_string(&path).unwrap();
        for word in hidden {
            assert!(!text.contains(word), "{} contains `{word}`", shown(&path));
        }
    }
}

/// The pack is text alone, and each of its rows begins its title with its id.
#[test]
fn pack_holds_its_rows() {
    let folder = root().join("rules");
    let mut text = String::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().and_then(|e| e.to_str()), Some("rules"), "{}", shown(&path));
        text.push_str(&fs::read_to_string(&path).unwrap());
    }
    let numbered = |letter, last| (1..=last).map(move |n| format!("{letter}{n}"));
    let rows = [("G", 8), ("T", 20), ("S", 1), ("P", 10), ("R", 15)];
    for row in rows.into_iter().flat_map(|(letter, last)| numbered(letter, last)) {
        let titled = |word: &str| {
            text.lines().any(|line| line.starts_with(word) && line.contains(&format!("\"{row} ")))
        };
        let blocks = ["signal ", "trigger ", "plan ", "check "];
        assert!(blocks.into_iter().any(&titled), "{row} is in no title");
        assert!(titled("test "), "{row} has no test");
    }
}
