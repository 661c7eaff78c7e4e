//! The rule language: text → checked policy. No file access: the caller brings the text.
//!
//! ```
//! let text = r#"
//! edition 2026
//! signal p95 { is duration  from push in ms  expect <= 200ms }
//! trigger api_latency { rollback when p95 > 400ms for 5m }
//! "#;
//! let loaded = spark_rules::load("release.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
//! assert_eq!(loaded.policy.triggers()[0].name, "api_latency");
//!
//! let wrong = text.replace("400ms", "5%");
//! let failed = spark_rules::load("release.rules", &wrong, &mut |_| Err("no other file".to_owned())).unwrap_err();
//! assert_eq!(failed.diagnostics[0].message, "`p95` is a duration, `5%` is a ratio");
//! ```
//!
//! What else can be done with rules:
//!
//! | with a text | with what was [loaded](Loaded) |
//! | --- | --- |
//! | [`format`](format::format()) lays it out | [`test`](mod@test) runs its tests, [`mutate`] tests those tests |
//! | [`mend()`] carries out its sure fixes | [`explain`] says it in English, and reads that back |
//! | [`session`] follows it while it is written | [`sweep`] tries other thresholds |
//! | [`import`] makes it from rules of others | [`export`] says it to others |
//!
//! Every mistake has a [code](codes) with a page, and every limit stands in [`limits`].

pub mod codes;
pub mod explain;
pub mod export;
pub mod format;
pub mod import;
pub mod limits;
pub mod mutate;
pub mod session;
pub mod sweep;
pub mod test;

mod ast;
mod buckets;
mod check;
mod compile;
mod diagnostic;
mod files;
mod include;
mod interval;
mod lint;
mod mend;
mod parser;
mod promql;
mod quote;
mod suggest;

use spark_core::{Policy, Timestamp};

pub use buckets::{BeyondBuckets, beyond_buckets};
use check::Problems;
pub use codes::Code;
pub use diagnostic::{
    Applicability, Diagnostic, DiagnosticSeverity, Edit, Fix, apply, diagnostics_json, diagnostics_sarif,
};
pub use files::{Files, Position};
use include::Inclusion;
pub use mend::{Mended, mend};
pub use suggest::nearest;

/// Rules that can run.
#[derive(Debug)]
pub struct Loaded {
    /// What they say.
    pub policy: Policy,
    /// What can hardly be meant, by file and place.
    pub warnings: Vec<Diagnostic>,
    /// What would make the rules more complete, by file and place.
    pub advice: Vec<Diagnostic>,
    /// The text they were read from.
    pub files: Files,
    /// Their `test` blocks.
    pub tests: Vec<test::TestCase>,
    /// What their comments silence.
    allows: lint::Allows,
}

impl Loaded {
    /// Takes away the warnings and the advice that the rules' own comments allow at an instant, as in
    /// `# allow W0304 until 2027-03-01 because …`, and adds warnings of allows past their end, and of those that silence
    /// nothing. Until it is called, all is told: only the caller knows what day it is.
    ///
    /// ```
    /// let text = "edition 2026
    /// signal errors { is ratio  from push }
    /// ## allow W0302 until 2027-03-01 because the metric is in per mille until the next release
    /// trigger t { hold when errors > 150% }
    /// ";
    /// let load = || spark_rules::load("r.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
    /// let silenced = |day: &str| {
    ///     let mut loaded = load();
    ///     loaded.silence(spark_core::Timestamp::parse(day).unwrap());
    ///     loaded.warnings.iter().map(|warning| warning.code.id).collect::<Vec<_>>()
    /// };
    /// assert_eq!(load().warnings[0].code.id, "W0302");
    /// assert!(silenced("2027-03-01T23:59:59Z").is_empty());
    /// assert_eq!(silenced("2027-03-02T00:00:00Z"), ["W0322", "W0302"]);
    /// ```
    pub fn silence(&mut self, now: Timestamp) {
        let allows = std::mem::take(&mut self.allows);
        let complete = self.warnings.len().max(self.advice.len()) <= limits::DIAGNOSTICS_MAX;
        allows.silence(&mut [&mut self.warnings, &mut self.advice], now, complete);
    }
}

/// Rules with mistakes.
#[derive(Debug)]
pub struct Failed {
    /// The mistakes, at least one, and the warnings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The text they were read from.
    pub files: Files,
    /// How many mistakes there are, those that are not told too.
    errors: usize,
    /// What their comments silence.
    allows: lint::Allows,
}

impl Failed {
    /// Text that could not be looked at for what it allows.
    pub(crate) fn unread(diagnostics: Vec<Diagnostic>, files: Files) -> Self {
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        Self { diagnostics, files, errors, allows: lint::Allows::default() }
    }

    /// How many mistakes there are: also those beyond the [most that are told](limits::DIAGNOSTICS_MAX).
    pub const fn errors(&self) -> usize {
        self.errors
    }

    /// As [`Loaded::silence`]. Allows that silence nothing are not told of: with mistakes, not every lint was run.
    pub fn silence(&mut self, now: Timestamp) {
        std::mem::take(&mut self.allows).silence(&mut [&mut self.diagnostics], now, false);
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let errors = self.errors;
        let first = self.diagnostics.iter().find(|diagnostic| diagnostic.is_error());
        write!(f, "the rules have {errors} mistake{}", if errors == 1 { "" } else { "s" })?;
        first.map_or(Ok(()), |first| write!(f, ": {}", first.message))
    }
}

impl std::error::Error for Failed {}

/// Reads, checks and compiles rules.
///
/// `root` is the name that messages show for `text`. `read` is asked for each file that is included, once, by its path
/// relative to the root's folder (never outside of it); its error is words for the reader.
///
/// # Errors
/// The text has mistakes: all of them are told, in this and in the included files.
pub fn load(
    root: &str,
    text: &str,
    read: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Loaded, Failed> {
    load_bytes(root, text.as_bytes(), &mut |path| read(path).map(String::into_bytes))
}

/// As [`load`], from the bytes of files.
///
/// # Errors
/// As [`load`], and for text that is not UTF-8, in this or an included file, with the line and column of its first wrong
/// byte.
pub fn load_bytes(
    root: &str,
    bytes: &[u8],
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Loaded, Failed> {
    let mut problems = Problems::new();
    let mut read = |path: &str| read(path);
    let (files, trees) = Inclusion::gather(root, bytes, &mut read, &mut problems);
    let checked = check::check(&files, &trees, &mut problems);
    let allows = lint::read_allows(&files, &trees, &mut problems);
    if problems.any_error() {
        let errors = problems.errors();
        return Err(Failed { diagnostics: told(problems).0, files, errors, allows });
    }
    match compile::compile(checked.parts) {
        Ok(policy) => {
            let (warnings, advice) = told(problems);
            Ok(Loaded { policy, warnings, advice, files, tests: checked.tests, allows })
        }
        Err(diagnostic) => {
            problems.tell(diagnostic);
            let errors = problems.errors();
            Err(Failed { diagnostics: told(problems).0, files, errors, allows })
        }
    }
}

/// Mistakes and warnings, and apart from them advice.
fn told(problems: Problems) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    problems.sorted().into_iter().partition(|diagnostic| !diagnostic.is_advice())
}

/// The bytes of a file as text.
fn utf8<'b>(root: &str, bytes: &'b [u8]) -> Result<&'b str, Box<Failed>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let mut files = Files::default();
        let file = files.add(root, &String::from_utf8_lossy(bytes));
        let diagnostic = include::not_utf8(file, bytes, error.valid_up_to());
        Box::new(Failed::unread(vec![*diagnostic], files))
    })
}

/// The bytes of a file as text.
///
/// # Errors
/// The bytes are not UTF-8; the words name the line and the column (in characters) of the first wrong byte.
pub fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or(&[]);
        let text = String::from_utf8_lossy(before);
        let line = text.matches('\n').count().saturating_add(1);
        let column = text.rsplit('\n').next().unwrap_or("").chars().count().saturating_add(1);
        format!("it is not UTF-8 at line {line}, column {column}")
    })
}
