//! What stands in the files: alerting rules, recording rules and unit tests.

use spark_core::TimeSpan;

use super::yaml::{Kind, Node, documents};
use super::{FILE_BYTES_MAX, ImportError, length};

/// Keys of a group and of a rule that say something which Spark does not have.
const IGNORED: [&str; 8] = [
    "limit",
    "query_offset",
    "keep_firing_for",
    "partial_response_strategy",
    "source_tenants",
    "evaluation_delay",
    "align_evaluation_time_on_interval",
    "type",
];

/// An alerting rule.
#[derive(Debug, Clone)]
pub(super) struct AlertRule {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) held: Option<TimeSpan>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(String, String)>,
    /// What was there and is not taken over.
    pub(super) ignored: Vec<String>,
}

impl AlertRule {
    /// The first of these labels or annotations that is there.
    pub(super) fn said(&self, keys: &[&str]) -> Option<&str> {
        let all = || self.annotations.iter().chain(&self.labels);
        keys.iter().find_map(|key| all().find(|(name, _)| name == key).map(|(_, value)| value.as_str()))
    }
}

/// A recording rule.
#[derive(Debug, Clone)]
pub(super) struct RecordRule {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) expr: String,
}

/// A unit test of promtool.
#[derive(Debug, Clone)]
pub(super) struct UnitTest {
    pub(super) file: String,
    pub(super) node: Node,
    /// The file's `evaluation_interval`.
    pub(super) every: Option<TimeSpan>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) alerts: Vec<AlertRule>,
    pub(super) records: Vec<RecordRule>,
    pub(super) tests: Vec<UnitTest>,
    /// The shortest `interval` of a group.
    pub(super) every: Option<TimeSpan>,
    /// What is no rule, with its place and reason.
    pub(super) odd: Vec<String>,
    /// How many alerting rules are among what is odd.
    pub(super) odd_rules: usize,
    pub(super) files: Vec<String>,
}

impl Found {
    pub(super) fn read(&mut self, file: &str, text: &str) -> Result<(), ImportError> {
        let error = |line: usize, words: String| ImportError { file: file.to_owned(), line, words };
        if text.len() > FILE_BYTES_MAX {
            return Err(error(1, format!("it is longer than {FILE_BYTES_MAX} bytes")));
        }
        self.files.push(file.to_owned());
        let documents =
            documents(text.trim_start_matches('\u{feff}')).map_err(|found| error(found.line, found.words))?;
        for document in &documents {
            self.document(file, document, 0);
        }
        Ok(())
    }

    /// A rule file, a `PrometheusRule` of the operator, a list of such, or a test file.
    fn document(&mut self, file: &str, node: &Node, depth: usize) {
        let spec = node.get("spec").filter(|spec| spec.get("groups").is_some());
        if let Some(groups) = node.get("groups").or_else(|| spec.and_then(|spec| spec.get("groups"))) {
            for group in groups.items() {
                self.group(file, group);
            }
        } else if let Some(tests) = node.get("tests") {
            let every = node.get("evaluation_interval").and_then(Node::text).and_then(length);
            let tests = tests.items().iter().cloned();
            self.tests.extend(tests.map(|node| UnitTest { file: file.to_owned(), node, every }));
        } else if let Some(items) = node.get("items").filter(|_| depth == 0) {
            for item in items.items() {
                self.document(file, item, 1);
            }
        } else if !matches!(&node.kind, Kind::Text(text, _) if text.is_empty() || text == "~") {
            let line = node.line;
            self.odd.push(format!("{file}:{line}: it has neither `groups` nor `tests`"));
        }
    }

    fn group(&mut self, file: &str, group: &Node) {
        let every = group.get("interval").and_then(Node::text);
        if let Some(every) = every.and_then(length).filter(|every| !every.is_zero()) {
            self.every = Some(self.every.map_or(every, |known| known.min(every)));
        }
        let ignored = ignored(group);
        let shared = group.get("labels").map(texts).unwrap_or_default();
        for rule in group.get("rules").map(Node::items).unwrap_or_default() {
            self.rule(file, rule, &shared, &ignored);
        }
    }

    fn rule(&mut self, file: &str, rule: &Node, shared: &[(String, String)], of_group: &[String]) {
        let line = rule.line;
        let expr = rule.get("expr").and_then(Node::text).map(str::to_owned);
        if let Some(name) = rule.get("record").and_then(Node::text) {
            let expr = expr.unwrap_or_default();
            self.records.push(RecordRule { file: file.to_owned(), line, name: name.to_owned(), expr });
            return;
        }
        let alert = rule.get("alert").and_then(Node::text);
        let (Some(name), Some(expr)) = (alert, expr) else {
            let what = alert.map_or_else(|| "a rule".to_owned(), |name| format!("`{name}`"));
            self.odd.push(format!("{file}:{line}: {what} has no name or no `expr`"));
            self.odd_rules = self.odd_rules.saturating_add(1);
            return;
        };
        let held = rule.get("for").and_then(Node::text);
        let mut ignored: Vec<_> = of_group.iter().cloned().chain(self::ignored(rule)).collect();
        if let Some(text) = held.filter(|text| length(text).is_none()) {
            ignored.push(format!("for: {text}"));
        }
        let mut labels = rule.get("labels").map(texts).unwrap_or_default();
        labels.extend(shared.to_vec());
        self.alerts.push(AlertRule {
            file: file.to_owned(),
            line,
            name: name.to_owned(),
            expr,
            held: held.and_then(length).filter(|held| !held.is_zero()),
            labels,
            annotations: rule.get("annotations").map(texts).unwrap_or_default(),
            ignored,
        });
    }
}

fn ignored(node: &Node) -> Vec<String> {
    let pairs = node.pairs().iter().filter(|(key, _)| IGNORED.contains(&key.as_str()));
    pairs.map(|(key, value)| format!("{key}: {}", value.text().unwrap_or("…"))).collect()
}

fn texts(node: &Node) -> Vec<(String, String)> {
    let pairs = node.pairs().iter();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.text()?.to_owned()))).collect()
}
