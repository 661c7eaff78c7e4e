//! The pages of the codes: a title, what and why, rules that are wrong, rules that are right.
//!
//! A block of rules may hold several files: a line `# file: shared.rules` begins a further one, which a `use` of the
//! first names. Where a mistake cannot be shown as rules (a thousand mistakes, bytes that are no text), the block is
//! marked `text` and is not run; `NOT_SHOWN` says which pages may do so.

use std::collections::{BTreeMap, BTreeSet};

use spark_rules::codes::{self, Code};

/// Codes whose mistake is too large to show, or is no text.
const NOT_SHOWN: [&str; 5] = ["A0390", "E0110", "E0111", "E0117", "W0310"];

/// The files of a block: the first is `page.rules`.
pub(crate) fn parted(block: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut name = "page.rules".to_owned();
    for line in block.split_inclusive('\n') {
        if let Some(other) = line.strip_prefix("# file: ") {
            name = other.trim().to_owned();
        }
        files.entry(name.clone()).or_insert_with(String::new).push_str(line);
    }
    files
}

/// What a block of a page tells: the codes of mistakes and warnings, and of advice.
fn told(block: &str) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let files = parted(block);
    let mut read = |path: &str| files.get(path).cloned().ok_or_else(|| "there is no such file".to_owned());
    let ids = |told: Vec<spark_rules::Diagnostic>| told.iter().map(|told| told.code.id).collect();
    match spark_rules::load("page.rules", &files["page.rules"], &mut read) {
        Ok(loaded) => (ids(loaded.warnings), ids(loaded.advice)),
        Err(failed) => (ids(failed.diagnostics), BTreeSet::new()),
    }
}

/// The blocks below a heading of a page, each with the mark of its fence.
pub(crate) fn blocks<'a>(page: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    let Some((_, section)) = page.split_once(&format!("\n## {heading}\n")) else { return Vec::new() };
    let section = section.split("\n## ").next().unwrap();
    section.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect()
}

/// What a page does not hold of what it promises.
fn wrong_with(code: Code) -> Vec<String> {
    let id = code.id;
    let mut found = Vec::new();
    let Some((title, rest)) = code.page.split_once("\n\n") else { return vec![format!("{id} has no title")] };
    if title != format!("# {id}: {}", code.title) {
        found.push(format!("{id} has another title: {title}"));
    }
    if rest.len() < 100 || rest.starts_with('#') {
        found.push(format!("{id} does not say what and why before it shows anything"));
    }
    let (wrong, right) = (blocks(code.page, "Wrong"), blocks(code.page, "Right"));
    if wrong.is_empty() || right.is_empty() {
        found.push(format!("{id} does not show what is wrong, and what is right"));
    }
    for (mark, block) in wrong {
        if mark == "text" && NOT_SHOWN.contains(&id) {
            continue;
        }
        let (told, advice) = told(block);
        let own = advice.iter().filter(|_| id.starts_with('A'));
        let told: Vec<&str> = told.iter().chain(own).copied().collect();
        if mark != "rules" || told != [id] {
            found.push(format!("{id}: wrong tells {told:?}\n{block}"));
        }
    }
    for (mark, block) in right {
        let (told, advice) = told(block);
        if mark != "rules" || !told.is_empty() || advice.contains(id) {
            found.push(format!("{id}: right tells {told:?} {advice:?}\n{block}"));
        }
    }
    found
}

/// What a page shows as wrong tells exactly its code, and what it shows as right tells nothing (advice pages: not
/// that advice, for complete rules would be longer than a page).
#[test]
fn pages_are_true() {
    let wrong: Vec<String> = codes::all().iter().flat_map(|code| wrong_with(*code)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
