//! The imported rules as text: signals, triggers and tests, each with where it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use spark_core::TimeSpan;

use super::condition::Condition;
use super::read::AlertRule;
use super::sheet::{Sheet, Trigger};
use crate::quote::comment;

/// Longest title, in characters: what does not fit on a line is not read.
const TITLE_CHARS: usize = 150;

impl Sheet<'_> {
    /// The text, and where in it each trigger and what it reads stands.
    pub(super) fn text(&self, tests: &[String]) -> (String, Vec<(usize, Range<usize>)>) {
        let mut out = format!(
            "# Imported from {} by `spark import prometheus`.\n\
             #\n\
             # Units are inferred: the line above a signal says from what. Several series are read as the most extreme of them. What is\n\
             # missing is unknown here and holds a release; in Prometheus it is no alert.\n\
             \nedition 2026\n\nevaluate every {}\n",
            comment(&self.found.files.join(", ")),
            span_text(self.found.every.unwrap_or(TimeSpan::from_seconds(60)))
        );
        if self.found.every.is_none() {
            out.push_str("# no group has an `interval`: Prometheus evaluates once a minute unless its configuration says otherwise\n");
        }
        let mut places = Vec::new();
        let mut written = BTreeMap::new();
        for (number, trigger) in self.triggers.iter().enumerate() {
            if !trigger.is_written() {
                continue;
            }
            let mut signals = BTreeSet::new();
            trigger.levels.iter().for_each(|level| signals_of(&level.condition, &mut signals));
            for place in signals {
                let range = written.entry(place).or_insert_with(|| {
                    let start = out.len();
                    self.signal(place, &mut out);
                    start..out.len()
                });
                places.push((number, range.clone()));
            }
            let start = out.len();
            self.trigger(trigger, &mut out);
            places.push((number, start..out.len()));
        }
        for (rule, reason) in self.refusals() {
            let _ = write!(out, "\n# not imported: {}: {}\n", comment(&place(rule)), comment(&reason));
            for line in rule.expr.lines().filter(|line| !line.trim().is_empty()) {
                let _ = writeln!(out, "#   {}", comment(line));
            }
        }
        for words in &self.found.odd {
            let _ = write!(out, "\n# not imported: {}\n", comment(words));
        }
        for rule in &self.found.records {
            let _ = write!(
                out,
                "\n# left to Prometheus: {}:{}: record {}\n#   {}\n",
                comment(&rule.file),
                rule.line,
                comment(&rule.name),
                comment(&rule.expr)
            );
        }
        for test in tests {
            out.push('\n');
            out.push_str(test);
        }
        (out, places)
    }

    fn signal(&self, place: usize, out: &mut String) {
        let Some(signal) = self.signals.all.get(place) else { return };
        let (kind, unit) = (signal.measure.word(), signal.measure.unit());
        let _ = write!(
            out,
            "\n# a {kind}: {}\nsignal {} {{\n  is {kind}\n  from prometheus {}{unit}\n",
            comment(&signal.why),
            signal.name,
            quoted(&signal.query)
        );
        if let Some(stale) = signal.stale {
            let _ = writeln!(out, "  stale after {}", span_text(stale));
        }
        out.push_str("}\n");
    }

    fn trigger(&self, trigger: &Trigger, out: &mut String) {
        let rules: Vec<&AlertRule> =
            trigger.levels.iter().filter_map(|level| self.found.alerts.get(level.rule)).collect();
        out.push('\n');
        for rule in &rules {
            let _ = writeln!(out, "# {}", comment(&place(rule)));
            for words in &rule.ignored {
                let _ = writeln!(out, "#   not taken over: {}", comment(words));
            }
        }
        let title = rules.iter().find_map(|rule| {
            let said = |key| rule.said(&[key]).and_then(titled);
            ["summary", "title", "message", "description"].into_iter().find_map(said)
        });
        // a name says more than what a template leaves
        let templated = || rules.iter().find(|rule| rule.said(&["summary"]).is_some());
        let title = title.or_else(|| templated().map(|rule| comment(&rule.name)));
        let title = title.map(|title| format!(" {}", quoted(&title))).unwrap_or_default();
        let _ = writeln!(out, "trigger {}{title} {{", trigger.name);
        for level in &trigger.levels {
            let condition = self.condition(&level.condition);
            let simple = matches!(level.condition, Condition::Compare { .. });
            let text = match level.held {
                Some(held) if simple => format!("{condition} for {}", span_text(held)),
                Some(held) => format!("({condition}) for {}", span_text(held)),
                None => condition,
            };
            let _ = writeln!(out, "  {} when {text}", level.severity.as_str());
        }
        let plain = |text: &&str| !text.contains("{{") && !text.trim().is_empty();
        let said = |keys: &[&str]| rules.iter().find_map(|rule| rule.said(keys).filter(plain));
        if let Some(url) = said(&["runbook_url", "runbook", "runbookURL", "runbook_link"]) {
            let _ = writeln!(out, "  runbook {}", quoted(url.trim()));
        }
        if let Some(owner) = said(&["owner", "team", "squad"]) {
            let _ = writeln!(out, "  owner {}", quoted(owner.trim()));
        }
        out.push_str("}\n");
    }

    fn condition(&self, condition: &Condition) -> String {
        let part = |part: &Condition| match part {
            Condition::Compare { .. } => self.condition(part),
            _ => format!("({})", self.condition(part)),
        };
        match condition {
            Condition::Compare { signal, relation, literal } => {
                let name = self.signals.all.get(*signal).map_or("", |signal| &signal.name);
                format!("{name} {} {literal}", relation.as_str())
            }
            Condition::All(parts) => parts.iter().map(part).collect::<Vec<_>>().join(" and "),
            Condition::Any(parts) => parts.iter().map(part).collect::<Vec<_>>().join(" or "),
            Condition::Not(inner) => format!("not ({})", self.condition(inner)),
        }
    }
}

fn signals_of(condition: &Condition, into: &mut BTreeSet<usize>) {
    match condition {
        Condition::Compare { signal, .. } => {
            into.insert(*signal);
        }
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| signals_of(part, into)),
        Condition::Not(inner) => signals_of(inner, into),
    }
}

/// Where a rule stood, and its name.
pub(super) fn place(rule: &AlertRule) -> String {
    format!("{}:{} {}", rule.file, rule.line, rule.name)
}

/// A length of time as rules write it.
pub(super) fn span_text(span: TimeSpan) -> String {
    let unit = spark_core::Unit::of(spark_core::Dimension::Duration);
    spark_core::Quantity::new(span.seconds(), unit).to_string()
}

/// Text in quotes, what is not seen in it left out.
pub(super) fn quoted(text: &str) -> String {
    let seen = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c };
    crate::quote::quoted(&text.chars().map(seen).collect::<String>())
}

/// An annotation as a title: what a template would fill in is left open. Nothing where that is most of it: "… is …s" says
/// nothing.
fn titled(text: &str) -> Option<String> {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        out.push('…');
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let left = letters(&out);
    if left == 0 || left.saturating_mul(2) < letters(text) {
        return None;
    }
    let out = comment(&out);
    Some(match out.char_indices().nth(TITLE_CHARS) {
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or("").trim_end()),
        None => out,
    })
}
