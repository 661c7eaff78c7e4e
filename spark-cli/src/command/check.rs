//! `spark check`: parses and checks rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use spark_rules::{Diagnostic, Files};
use spark_runtime::runner::{Clock, SystemClock};

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{paths, rules};

/// Most findings that are shown in full in text: nobody reads more at once, and often one slip is behind most of them.
/// JSON and SARIF have all.
const SHOWN_MAX: usize = 20;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  spark check release.rules
  spark check rules/ --deny-warnings --format json
  spark check rules/ --fix --advice")]
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
    /// Whether no rule stands in them.
    empty: bool,
}

pub(crate) fn run(console: &mut Console, args: &CheckArgs) -> Result<Exit, Failure> {
    let paths = paths::gather(&args.paths)?;
    let mut findings = Vec::new();
    let mut unread = Vec::new();
    for path in paths {
        let fixed = if args.fix { fix(console, &path, args.advice) } else { Ok(()) };
        match fixed.and_then(|()| check(path, args.advice)) {
            Ok(finding) => findings.push(finding),
            // the others are not held up by it
            Err(failure) => unread.push(failure.words),
        }
    }
    let failed = || Failure::could_not_run(unread.join("\nerror: "));
    if findings.is_empty() && !unread.is_empty() {
        return Err(failed());
    }
    let count = findings.len();
    drop_parts(&mut findings, &args.paths);
    drop_repeated(&mut findings);
    for Finding { path, .. } in findings.iter().filter(|finding| finding.empty) {
        let path = path.display();
        console
            .note(format!("note: there are no rules in `{path}`: no signal, trigger, plan, check or test"));
    }
    match args.format {
        Format::Text => text(console, &findings, count),
        Format::Json => {
            let parts = findings.iter().map(|finding| (&finding.files, finding.diagnostics.as_slice()));
            console.line(spark_rules::diagnostics_json(parts));
        }
        Format::Sarif => {
            let parts = findings.iter().map(|finding| (&finding.files, finding.diagnostics.as_slice()));
            console.line(spark_rules::diagnostics_sarif(env!("CARGO_PKG_VERSION"), parts));
        }
    }
    let mut all = findings.iter().flat_map(|finding| &finding.diagnostics);
    let bad = all.any(|diagnostic| diagnostic.is_error() || (args.deny_warnings && !diagnostic.is_advice()));
    if !unread.is_empty() {
        return Err(failed());
    }
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
            let policy = &loaded.policy;
            let empty = policy.signals().is_empty()
                && policy.triggers().is_empty()
                && policy.plans().is_empty()
                && policy.checks().is_empty()
                && loaded.tests.is_empty();
            Finding { path, files: loaded.files, diagnostics, untold, empty }
        }
        Err(failed) => {
            Finding { path, files: failed.files, diagnostics: failed.diagnostics, untold: 0, empty: false }
        }
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
    let all =
        || findings.iter().flat_map(|finding| finding.diagnostics.iter().map(move |told| (finding, told)));
    for (finding, diagnostic) in all().take(SHOWN_MAX) {
        console.line(rules::render(&finding.files, diagnostic).trim_end());
        console.line("");
    }
    let more: Vec<Diagnostic> = all().skip(SHOWN_MAX).map(|(_, told)| told.clone()).collect();
    if !more.is_empty() {
        let words = rules::count(&more);
        let count: usize = more.iter().map(Diagnostic::stands_for).sum();
        console.line(format!("and {count} more: {}", words.trim_start_matches("has ")));
        console.line("");
    }
    if console.quiet() {
        return;
    }
    let files = match count {
        1 => "1 file".to_owned(),
        many => format!("{many} files"),
    };
    let told: Vec<Diagnostic> = all().map(|(_, told)| told.clone()).collect();
    console.line(match told.is_empty() {
        true if findings.iter().all(|finding| finding.empty) => format!("{files} checked: no rules"),
        true => format!("{files} checked: all is well"),
        false => format!("{files} checked: {}", rules::count(&told).trim_start_matches("has ")),
    });
    match findings.iter().map(|finding| finding.untold).sum() {
        0 => {}
        1usize => console.line("1 piece of advice: `--advice` shows it"),
        many => console.line(format!("{many} pieces of advice: `--advice` shows them")),
    }
    if let Some(first) = told.first() {
        console.line(format!("`spark explain {}` says more of a code", first.code.id));
    }
}

/// Applies the sure fixes of a file and of those that it uses, and says what was fixed.
fn fix(console: &Console, path: &Path, advice: bool) -> Result<(), Failure> {
    let bytes = rules::read(path).map_err(|words| Failure::could_not_run(format!("cannot read {words}")))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut parts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut included = |name: &str| {
        let bytes = rules::include(folder, name)?;
        parts.entry(name.to_owned()).or_insert_with(|| bytes.clone());
        Ok(bytes)
    };
    let now = SystemClock::start().now();
    let all = spark_rules::mend(&path.display().to_string(), &bytes, &mut included, advice, Some(now));
    for mended in all {
        let (place, before) = match &mended.path {
            None => (path.to_owned(), &bytes),
            Some(name) => (folder.join(name), parts.get(name).unwrap_or(&bytes)),
        };
        super::fmt::replace(&place, before, mended.text.as_bytes()).map_err(|error| {
            Failure::could_not_run(format!("cannot write `{}`: {error}", place.display()))
        })?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for code in &mended.fixed {
            let count = counts.entry(code).or_default();
            *count = count.saturating_add(1);
        }
        let words: Vec<String> = counts
            .iter()
            .map(|(code, count)| match count {
                1 => (*code).to_owned(),
                many => format!("{many} × {code}"),
            })
            .collect();
        console.note(format!("{}: {} fixed ({})", place.display(), mended.fixed.len(), words.join(", ")));
    }
    Ok(())
}
