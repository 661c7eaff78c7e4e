//! Every file of `tests/cases` is loaded; what is told of it is kept beside it as a snapshot.

use std::path::{Path, PathBuf};

use spark_rules::{Applicability, Diagnostic, Files};

/// The diagnostics of a text, and the files that they are in.
pub(crate) fn told(name: &str, bytes: &[u8]) -> (Vec<Diagnostic>, Files) {
    let mut none = |path: &str| Err::<Vec<u8>, _>(format!("{path} is not there"));
    match spark_rules::load_bytes(name, bytes, &mut none) {
        Ok(loaded) => (loaded.warnings, loaded.files),
        Err(failed) => (failed.diagnostics, failed.files),
    }
}

fn rendered(name: &str, bytes: &[u8]) -> String {
    let (diagnostics, files) = told(name, bytes);
    let rendered: Vec<String> = diagnostics.iter().map(|diagnostic| files.render(diagnostic)).collect();
    if rendered.is_empty() { "nothing\n".to_owned() } else { rendered.join("\n") }
}

pub(crate) fn case_files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rules"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} has no case");
    found
}

fn check(folder: &str) {
    for path in case_files(folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(path.parent().unwrap());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let stem = name.trim_end_matches(".rules").to_owned();
        settings.bind(|| insta::assert_snapshot!(stem, rendered(&name, &bytes)));
    }
}

/// What the manual and the contract show as right is told nothing of, not even a warning.
#[test]
fn right_rules_are_silent() {
    for path in case_files("ok") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(rendered(&name, &std::fs::read(&path).unwrap()), "nothing\n", "{name}");
    }
}

/// The commonest mistakes of writing are told with the place, what was expected, and how to write it.
#[test]
fn syntax() {
    check("syntax");
}

/// Names that are unknown, taken, or of another kind are told with the nearest ones.
#[test]
fn names() {
    check("names");
}

/// Units that do not agree are told with both units and what would do.
#[test]
fn units() {
    check("units");
}

/// Conditions that cannot be meant are told.
#[test]
fn conditions() {
    check("conditions");
}

/// Sources that cannot be read from are told.
#[test]
fn sources() {
    check("sources");
}

/// Stages that cannot be walked are told.
#[test]
fn stages() {
    check("stages");
}

/// Checks that cannot be made are told.
#[test]
fn checks() {
    check("checks");
}

/// Tests that cannot be run are told.
#[test]
fn tests() {
    check("tests");
}

/// What can hardly be meant is warned of, and runs.
#[test]
fn warnings() {
    check("warnings");
    for path in case_files("warnings") {
        let (diagnostics, _) = told("w.rules", &std::fs::read(&path).unwrap());
        assert!(!diagnostics.is_empty() && diagnostics.iter().all(|d| !d.is_error()), "{}", path.display());
    }
}

/// A text with all its fixes of one kind applied, the first of those that touch each other.
pub(crate) fn mended(text: &str, diagnostics: &[Diagnostic], wanted: Applicability) -> String {
    let mut edits: Vec<_> = diagnostics
        .iter()
        .filter_map(|diagnostic| diagnostic.fix.as_ref())
        .filter(|fix| fix.applicability == wanted)
        .flat_map(|fix| &fix.edits)
        .collect();
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut result = String::new();
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.start as usize, edit.end as usize);
        if start < at {
            continue;
        }
        result.push_str(&text[at..start]);
        result.push_str(&edit.text);
        at = end;
    }
    result.push_str(&text[at..]);
    result
}

/// A mistake whose fix may be applied unseen is gone once it is applied (in at most five rounds, for a fix may uncover
/// another mistake), and no fix grows the number of mistakes without end.
#[test]
fn machine_fixes_mend() {
    for folder in
        ["syntax", "names", "units", "conditions", "sources", "stages", "checks", "tests", "warnings"]
    {
        for path in case_files(folder) {
            let Ok(mut text) = String::from_utf8(std::fs::read(&path).unwrap()) else { continue };
            for _ in 0..5 {
                text = mended(&text, &told("m.rules", text.as_bytes()).0, Applicability::Machine);
            }
            let (diagnostics, files) = told("m.rules", text.as_bytes());
            let left = diagnostics
                .iter()
                .find(|d| d.fix.as_ref().is_some_and(|fix| fix.applicability == Applicability::Machine));
            assert!(left.is_none(), "{}: {}", path.display(), files.render(left.unwrap()));
        }
    }
}
