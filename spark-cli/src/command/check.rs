//! `spark check`: parses and checks rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use spark_rules::{Applicability, Diagnostic, Edit, Files};

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{paths, rules};

/// Most rounds of fixing: a mended mistake may uncover another, and most take one.
const FIX_ROUNDS_MAX: usize = 10;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark check release.rules
  spark check rules/ --deny-warnings --format json")]
pub(crate) struct CheckArgs {
    /// Rule files; a directory means every .rules below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Treat warnings as errors
    #[arg(long)]
    deny_warnings: bool,
    /// Tell also what would make the rules more complete
    #[arg(long)]
    advice: bool,
    /// Apply the fixes that surely say what was meant
    #[arg(long)]
    fix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code-scanning services
    Sarif,
}

/// What was found in one file and those that it uses.
struct Finding {
    path: PathBuf,
    files: Files,
    /// By file and place.
    diagnostics: Vec<Diagnostic>,
    /// How much advice is not among them.
    untold: usize,
}

pub(crate) fn run(console: &mut Console, args: &CheckArgs) -> Result<Exit, Failure> {
    let paths = paths::gather(&args.paths)?;
    let count = paths.len();
    let mut findings = Vec::new();
    for path in paths {
        if args.fix {
            fix(console, &path)?;
        }
        findings.push(check(path, args.advice)?);
    }
    drop_parts(&mut findings, &args.paths);
    drop_repeated(&mut findings);
    match args.format {
        Format::Text => text(console, &findings, count),
        Format::Json => {
            let parts = findings.iter().map(|finding| (&finding.files, finding.diagnostics.as_slice()));
            console.line(spark_rules::diagnostics_json(parts));
        }
        Format::Sarif => console.line(sarif(&findings)),
    }
    let mut all = findings.iter().flat_map(|finding| &finding.diagnostics);
    let bad = all.any(|diagnostic| diagnostic.is_error() || (args.deny_warnings && !diagnostic.is_advice()));
    Ok(if bad { Exit::BadRules } else { Exit::Done })
}

fn check(path: PathBuf, with_advice: bool) -> Result<Finding, Failure> {
    Ok(match rules::load(&path)? {
        Ok(loaded) => {
            let (mut diagnostics, mut untold) = (loaded.warnings, loaded.advice.len());
            if with_advice {
                diagnostics.extend(loaded.advice);
                diagnostics.sort_by_key(|told| (told.span.file, told.span.start, told.span.end, told.code));
                untold = 0;
            }
            Finding { path, files: loaded.files, diagnostics, untold }
        }
        Err(failed) => Finding { path, files: failed.files, diagnostics: failed.diagnostics, untold: 0 },
    })
}

/// Leaves out what is a part of another file.
fn drop_parts(findings: &mut Vec<Finding>, named: &[PathBuf]) {
    let read: Vec<(&Path, &Files)> =
        findings.iter().map(|finding| (finding.path.as_path(), &finding.files)).collect();
    let mut stays = paths::stand_alone(&read, named).into_iter();
    findings.retain(|_| stays.next().unwrap_or(true));
}

/// A file that several others use is checked with each of them; what is found in it is said once.
fn drop_repeated(findings: &mut [Finding]) {
    let mut seen = BTreeSet::new();
    for Finding { path, files, diagnostics, .. } in findings {
        diagnostics.retain(|diagnostic| {
            let span = diagnostic.span;
            // the name of an included file has the root's folder before it
            let file = if span.file == 0 { path.clone() } else { PathBuf::from(files.name(span.file)) };
            let file = file.canonicalize().unwrap_or(file);
            seen.insert((file, span.start, span.end, diagnostic.code.id, diagnostic.message.clone()))
        });
    }
}

fn text(console: &mut Console, findings: &[Finding], count: usize) {
    for finding in findings {
        for diagnostic in &finding.diagnostics {
            console.line(rules::render(&finding.files, diagnostic).trim_end());
            console.line("");
        }
    }
    if console.quiet() {
        return;
    }
    let files = match count {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    let all: Vec<Diagnostic> = findings.iter().flat_map(|finding| finding.diagnostics.clone()).collect();
    console.line(match all.is_empty() {
        true => format!("{files} checked: all is well"),
        false => format!("{files} checked: {}", rules::count(&all).trim_start_matches("has ")),
    });
    match findings.iter().map(|finding| finding.untold).sum() {
        0 => {}
        1usize => console.line("1 piece of advice: `--advice` shows it"),
        many => console.line(format!("{many} pieces of advice: `--advice` shows them")),
    }
}

/// Applies the sure fixes of one file until there are no more.
fn fix(console: &Console, path: &Path) -> Result<(), Failure> {
    let mut applied: usize = 0;
    for _ in 0..FIX_ROUNDS_MAX {
        let finding = check(path.to_owned(), false)?;
        let mut edits: Vec<&Edit> = Vec::new();
        for diagnostic in finding.diagnostics.iter().filter(|diagnostic| diagnostic.span.file == 0) {
            let sure = diagnostic.fix.iter().filter(|fix| fix.applicability == Applicability::Machine);
            for fix in sure {
                // all of a fix or nothing of it, and none that touches another's text
                let free =
                    |edit: &Edit| edits.iter().all(|other| edit.start > other.end || edit.end < other.start);
                if fix.edits.iter().all(free) {
                    edits.extend(&fix.edits);
                    applied = applied.saturating_add(1);
                }
            }
        }
        if edits.is_empty() {
            break;
        }
        edits.sort_by_key(|edit| edit.start);
        let text = edited(finding.files.source(0), &edits);
        fs::write(path, text)
            .map_err(|error| Failure::could_not_run(format!("cannot write `{}`: {error}", path.display())))?;
    }
    if applied > 0 {
        console.note(format!("{}: {applied} fixed", path.display()));
    }
    Ok(())
}

fn edited(source: &str, edits: &[&Edit]) -> String {
    let mut text = String::with_capacity(source.len());
    let mut from = 0usize;
    for edit in edits {
        text.push_str(source.get(from..edit.start as usize).unwrap_or(""));
        text.push_str(&edit.text);
        from = edit.end as usize;
    }
    text.push_str(source.get(from..).unwrap_or(""));
    text
}

/// The findings in SARIF 2.1.0.
fn sarif(findings: &[Finding]) -> String {
    let results: Vec<serde_json::Value> = findings
        .iter()
        .flat_map(|finding| finding.diagnostics.iter().map(|diagnostic| (&finding.files, diagnostic)))
        .map(|(files, diagnostic)| {
            let (start, end) = (files.position(diagnostic.span), files.end_position(diagnostic.span));
            json!({
                "ruleId": diagnostic.code.id,
                "level": if diagnostic.is_advice() { "note" } else { diagnostic.severity.as_str() },
                "message": { "text": diagnostic.message },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": files.name(diagnostic.span.file) },
                    "region": {
                        "startLine": start.line, "startColumn": start.column,
                        "endLine": end.line, "endColumn": end.column,
                    },
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "spark", "version": env!("CARGO_PKG_VERSION") } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
    .to_string()
}
