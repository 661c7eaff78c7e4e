//! Every file of `tests/cases/tighten` holds rules and changes to them; what a running release makes of each change is
//! kept beside it as a snapshot.
//!
//! A file is rules, then cases: `=== what changes`, lines `- text` that are replaced in the rules by the lines `+ text`
//! below them.

use std::path::Path;

use spark_core::tighten;

/// Old rules with one case's changes.
fn changed(rules: &str, changes: &str) -> String {
    let mut text = rules.to_owned();
    let mut lines = changes.lines().peekable();
    while let Some(line) = lines.next() {
        let old = line.strip_prefix("- ").unwrap_or_else(|| panic!("`{line}` replaces nothing"));
        let mut new = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('+')) {
            new.push(line.trim_start_matches('+').trim());
        }
        assert_eq!(text.matches(old).count(), 1, "`{old}` stands once in the rules");
        text = text.replacen(old, &new.join("\n"), 1);
    }
    text
}

fn policy(rules: &str) -> spark_core::Policy {
    let mut none = |path: &str| Err::<Vec<u8>, _>(format!("{path} is not there"));
    match spark_rules::load_bytes("case.rules", rules.as_bytes(), &mut none) {
        Ok(loaded) => loaded.policy,
        Err(failed) => {
            let told: Vec<_> = failed.diagnostics.iter().map(|told| failed.files.render(told)).collect();
            panic!("{rules}\n{}", told.join("\n"))
        }
    }
}

fn told(old: &str, new: &str) -> String {
    let lines = |lines: Vec<String>| lines.iter().map(|line| format!("  {line}\n")).collect::<String>();
    match tighten::compare(&policy(old), &policy(new), "canary") {
        Ok(tightened) if tightened.changes.is_empty() => "the same\n".to_owned(),
        Ok(tightened) => format!("tighter\n{}", lines(tightened.changes)),
        Err(refused) => {
            let place = |span: Option<spark_core::SourceSpan>| {
                let span = span?;
                let text = new.get(span.start as usize..span.end as usize)?;
                Some(format!(" [{}]", text.lines().next().unwrap_or_default()))
            };
            let words = |loosening: &tighten::Loosening| {
                format!("{loosening}{}", place(loosening.span).unwrap_or_default())
            };
            format!("refused\n{}", lines(refused.iter().map(words).collect()))
        }
    }
}

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tighten");
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let (rules, cases) = text.split_once("\n=== ").unwrap();
    let said = cases.split("\n=== ").map(|case| {
        let (title, changes) = case.split_once('\n').unwrap();
        format!("=== {title}\n{}", told(rules, &changed(rules, changes.trim_end())))
    });
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder.clone());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, said.collect::<String>()));
}

/// Levels, clears and new triggers may tighten; what may loosen is refused, and the words say how to have it.
#[test]
fn levels() {
    check("levels");
}

/// What is measured, expected and walked may be more, never less.
#[test]
fn releases() {
    check("release");
}
