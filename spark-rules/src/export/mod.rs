//! Rules for other systems: Prometheus rule files, tests for promtool, and dashboards for Grafana.
//!
//! A Prometheus alerting rule knows true and absent; Spark knows true, false and unknown, clocks that add evidence up, and levels
//! that are left by a condition of their own. So an exported file records each condition as a series, 1 where it is true, 0 where
//! it is false and absent where it is unknown, and on top of these the clocks, the level and the state. The alerts read the
//! state. What a recording rule sees of itself is its value at the evaluation before: that is the memory.
//!
//! What PromQL cannot say is [refused](Refusal) by name.
//!
//! ```
//! use spark_rules::export::{ExportOptions, prometheus};
//! let text = "edition 2026\nsignal p95 { is duration  from prometheus \"p95_seconds\" }\n\
//!             trigger slow { rollback when p95 > 400ms for 5m }\n";
//! let loaded = spark_rules::load("r.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
//! let exported = prometheus(&loaded, &ExportOptions::default());
//! assert!(exported.refused.is_empty(), "{:?}", exported.refused);
//! assert!(exported.rules.contains("spark:slow:state"));
//! ```

mod conditions;
mod given;
mod grafana;
mod opaque;
mod plain;
mod promtool;
mod record;
mod sequence;
mod signals;
mod text;
mod triggers;
mod windows;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use spark_core::TimeSpan;
use spark_core::metrics::{LabelMatch, LabelMatcher};

use self::record::Builder;
use crate::Loaded;

/// How rules are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// What the recorded series' names begin with: two files in one Prometheus need two. A metric's name.
    pub prefix: String,
    /// By signal: the PromQL that stands for a source which is not Prometheus, such as `push`. Its numbers are in the
    /// unit of the source.
    pub metrics: BTreeMap<String, String>,
    /// What series of the canary match.
    pub canary: Vec<LabelMatcher>,
    /// What series of the baseline match; none where the Prometheus sees one version alone.
    pub baseline: Vec<LabelMatcher>,
}

impl Default for ExportOptions {
    /// The prefix `spark`, and the label `track="baseline"` for the series of the stable version.
    fn default() -> Self {
        let matcher = |operator| LabelMatcher {
            label: "track".to_owned(),
            operator,
            value: spark_core::Track::Baseline.as_str().to_owned(),
        };
        Self {
            prefix: "spark".to_owned(),
            metrics: BTreeMap::new(),
            canary: vec![matcher(LabelMatch::NotEqual)],
            baseline: vec![matcher(LabelMatch::Equal)],
        }
    }
}

/// What PromQL cannot say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// What is not exported: a signal, a trigger, an expectation, all.
    pub subject: String,
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What cannot be said, and why.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}:{}: cannot be said in PromQL: {}", self.subject, self.file, self.line, self.reason)
    }
}

/// A rule file for Prometheus, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The rule file.
    pub rules: String,
    /// How many alerts are in it.
    pub alerts: usize,
    /// The triggers and expectations that are in it.
    pub subjects: usize,
    /// What is not in it.
    pub refused: Vec<Refusal>,
    /// What a reader of the file has to know: where Prometheus may see it differently.
    pub notes: Vec<String>,
}

/// A test file for promtool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedTests {
    /// The test file, which names the rule file.
    pub tests: String,
    /// How many tests are in it.
    pub count: usize,
    /// The tests and expectations that are not in it, with the reason.
    pub skipped: Vec<String>,
}

/// The longest `evaluate every` that can be exported: Prometheus sees what a rule recorded five minutes back at the most.
pub const EVERY_MAX: TimeSpan = TimeSpan::from_seconds(240);

/// Rules as a Prometheus rule file, for Prometheus 2.42 and later.
pub fn prometheus(loaded: &Loaded, options: &ExportOptions) -> Exported {
    let mut builder = Builder::new(loaded, options);
    builder.everything();
    builder.exported()
}

/// Rules as alerts with an expression and a `for` alone, as people write them by hand, where they can be said so.
///
/// They fire where Spark shows the level as long as no evidence is missing.
pub fn prometheus_plain(loaded: &Loaded, options: &ExportOptions) -> Exported {
    let mut builder = Builder::new(loaded, options);
    builder.everything_plain();
    builder.exported()
}

/// The `test` blocks as a test file of promtool for the rule file `rules_name`, as [`prometheus`] writes it.
pub fn promtool_tests(loaded: &Loaded, options: &ExportOptions, rules_name: &str) -> ExportedTests {
    let mut builder = Builder::new(loaded, options);
    builder.everything();
    promtool::tests(loaded, &builder, rules_name)
}

/// A Grafana dashboard of what [`prometheus`] records: the signals with their thresholds, and the states.
pub fn grafana(loaded: &Loaded, options: &ExportOptions, title: &str) -> String {
    let mut builder = Builder::new(loaded, options);
    builder.everything();
    grafana::dashboard(loaded, &builder, title)
}

/// Whether a text can begin the names of series.
pub fn is_prefix(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    text.bytes().next().is_some_and(first)
        && text.bytes().all(|b| first(b) || b.is_ascii_digit() || b == b':')
}

/// The names of a file's series and alerts that are taken.
#[derive(Debug, Default)]
struct Taken(BTreeSet<String>);

impl Taken {
    /// A name that nobody has: the wished one, or it with a number.
    fn name(&mut self, wished: &str) -> String {
        let mut name = wished.to_owned();
        let mut number = 2_u32;
        while !self.0.insert(name.clone()) {
            name = format!("{wished}_{number}");
            number = number.saturating_add(1);
        }
        name
    }
}
