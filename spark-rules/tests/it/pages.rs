//! The pages of the codes: a title, what and why, rules that are wrong, rules that are right.
//!
//! A block of rules may hold several files: a line `# file: shared.rules` begins a further one, which a `use` of the
//! first names. Where a mistake cannot be shown as rules (a thousand mistakes, bytes that are no text), the block is
//! marked `text` and is not run; `NOT_SHOWN` says which pages may do so.

use std::collections::{BTreeMap, BTreeSet};

use spark_rules::codes::{self, Code};
use spark_rules::{Applicability, Diagnostic, Files};

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

/// All that is told of a block of a page: mistakes and warnings, and advice.
fn load(block: &str) -> (Vec<Diagnostic>, Vec<Diagnostic>, Files) {
    let parts = parted(block);
    let mut read = |path: &str| parts.get(path).cloned().ok_or_else(|| "there is no such file".to_owned());
    match spark_rules::load("page.rules", &parts["page.rules"], &mut read) {
        Ok(mut loaded) => {
            loaded.silence(crate::lints::today());
            (loaded.warnings, loaded.advice, loaded.files)
        }
        Err(failed) => (failed.diagnostics, Vec::new(), failed.files),
    }
}

/// What a block of a page tells: the codes of mistakes and warnings, and of advice.
fn told(block: &str) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let ids = |told: &[Diagnostic]| told.iter().map(|told| told.code.id).collect();
    let (told, advice, _) = load(block);
    (ids(&told), ids(&advice))
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

fn golden(id: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/pages"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(id.to_owned(), text));
}

/// Each code is told in an exact text: that of its page, or of what a page cannot show.
#[test]
fn every_code_has_its_text() {
    let mut untold = Vec::new();
    for code in codes::all() {
        let mut text = String::new();
        for (mark, block) in blocks(code.page, "Wrong") {
            if mark != "rules" {
                continue;
            }
            let (told, advice, files) = load(block);
            let own = told.iter().chain(&advice).filter(|told| told.code == *code);
            text.extend(own.map(|told| files.render(told)));
        }
        if NOT_SHOWN.contains(&code.id) {
            text = beyond_a_page(code.id);
        }
        match text.contains(code.id) {
            true => golden(code.id, &text),
            false => untold.push(code.id),
        }
    }
    assert!(untold.is_empty(), "no rules tell {untold:?}");
}

/// The text of a code that no page can show.
fn beyond_a_page(id: &str) -> String {
    let many = |line: &str| format!("edition 2026\n{}", line.repeat(1_100));
    let bytes = match id {
        "E0110" => b"edition 2026\nsignal p95 \"L\xe4nge\" { is duration  from push }".to_vec(),
        "E0111" => " ".repeat(spark_rules::limits::TEXT_BYTES_MAX + 1).into_bytes(),
        "E0117" => many("nonsense { }\n").into_bytes(),
        "W0310" => {
            let line = |n: usize| format!("trigger t{n} {{ hold when errors > 300% }}\n");
            let triggers: String = (0..1_100).map(line).collect();
            format!("edition 2026\nsignal errors {{ is ratio  from push }}\n{triggers}").into_bytes()
        }
        _ => {
            let signals: String =
                (0..1_100).map(|n| format!("signal s{n} {{ is count  from push }}\n")).collect();
            format!("edition 2026\n{signals}").into_bytes()
        }
    };
    let mut none = |_: &str| Err::<Vec<u8>, _>("there is no other file".to_owned());
    let (told, advice, files) = match spark_rules::load_bytes("many.rules", &bytes, &mut none) {
        Ok(loaded) => (loaded.warnings, loaded.advice, loaded.files),
        Err(failed) => (failed.diagnostics, Vec::new(), failed.files),
    };
    told.iter().chain(&advice).filter(|told| told.code.id == id).map(|told| files.render(told)).collect()
}

/// What a page shows as wrong is free of errors once its sure fixes are applied, where every mistake has one.
#[test]
fn machine_fixes_mend_pages() {
    let sure =
        |told: &Diagnostic| told.fix.as_ref().is_some_and(|fix| fix.applicability == Applicability::Machine);
    let mut mended = 0;
    for code in codes::all() {
        for (_, block) in blocks(code.page, "Wrong").into_iter().filter(|(mark, _)| *mark == "rules") {
            let (told, ..) = load(block);
            if block.contains("# file: ") || told.is_empty() || !told.iter().all(sure) {
                continue;
            }
            let mut text = block.to_owned();
            for _ in 0..3 {
                text = crate::cases::mended(&text, &load(&text).0, Applicability::Machine);
            }
            let (left, _, files) = load(&text);
            let left: String = left.iter().map(|told| files.render(told)).collect();
            assert!(left.is_empty(), "{}: {text}\n{left}", code.id);
            mended += 1;
        }
    }
    assert!(mended >= 10, "{mended}");
}
