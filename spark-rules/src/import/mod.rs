//! Rules of other systems as rules of Spark: Prometheus alerting rules, and promtool's unit tests.
//!
//! A rule that compares one expression with a constant becomes a signal with its unit and a level of a trigger; so do `and`,
//! `or` and `unless` of such, where PromQL's matching of labels does not tie them together. Any other expression stays a query
//! whose matching series are counted. What cannot be read stands as a comment with its reason: no rule is lost.

mod condition;
mod infer;
mod literal;
mod names;
mod promql;
mod read;
mod series;
mod sheet;
mod unit_tests;
mod write;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use spark_core::{Severity, TimeSpan};

/// Longest file: the largest public collection has a hundredth of it.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// How rules are imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportOptions {
    /// By the value of the label `severity`: which level it is, before those that are known.
    pub levels: BTreeMap<String, Severity>,
}

/// Imported rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The rules, laid out; they pass `check`.
    pub text: String,
    /// What became of what was read.
    pub summary: Summary,
    /// What could not be imported, with its place and reason.
    pub not_imported: Vec<String>,
}

/// What became of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Alerting rules that were read.
    pub rules: usize,
    /// Of them, those that became levels with a threshold.
    pub levels: usize,
    /// Of them, those that stayed a query whose series are counted.
    pub opaque: usize,
    /// Of them, those that stand as a comment alone.
    pub not_imported: usize,
    /// Triggers: several levels may make one.
    pub triggers: usize,
    /// Recording rules, which Prometheus goes on to compute.
    pub recording: usize,
    /// Unit tests that were read, and those of them that became tests.
    pub tests: [usize; 2],
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, levels, opaque, not_imported, triggers, recording, tests } = self;
        let s = |count: &usize| if *count == 1 { "" } else { "s" };
        write!(
            f,
            "{rules} rule{}: {levels} with a threshold, {opaque} opaque, {not_imported} not imported; {triggers} trigger{}",
            s(rules),
            s(triggers)
        )?;
        if *recording > 0 {
            write!(f, "; {recording} recording rule{} left to Prometheus", s(recording))?;
        }
        let [read, written] = tests;
        if *read > 0 {
            write!(f, "; {written} of {read} test{}", s(read))?;
        }
        Ok(())
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub words: String,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}: {}", self.file, self.line, self.words)
    }
}

impl std::error::Error for ImportError {}

/// Reads files of alerting rules and of unit tests: a name and a text each.
///
/// ```
/// let text = "groups: [{name: api, rules: [{alert: ApiSlow, expr: 'api_latency_seconds > 0.5', for: 5m, labels: {severity: critical}}]}]";
/// let imported = spark_rules::import::prometheus(&[("alerts.yml", text)], &Default::default()).unwrap();
/// assert!(imported.text.contains("rollback when api_latency > 500ms for 5m"), "{}", imported.text);
/// ```
///
/// # Errors
/// A file is no YAML, or larger than [`FILE_BYTES_MAX`].
pub fn prometheus(files: &[(&str, &str)], options: &ImportOptions) -> Result<Imported, ImportError> {
    let mut found = read::Found::default();
    for (name, text) in files {
        found.read(name, text)?;
    }
    Ok(sheet::Sheet::new(found, options).imported())
}

/// A length of time as Prometheus writes it: `1h30m`, `1d`, `500ms`, `2w`, `1y`.
fn length(text: &str) -> Option<TimeSpan> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    if rest == "0" {
        return Some(TimeSpan::ZERO);
    }
    let mut millis = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        millis = number.parse::<i64>().ok()?.checked_mul(factor)?.checked_add(millis)?;
        rest = tail;
    }
    millis.checked_mul(1_000_000).map(TimeSpan::from_nanos)
}
