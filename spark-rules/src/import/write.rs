//! The imported rules as text: signals, triggers and tests, each with where it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use spark_core::{Relation, Severity, TimeSpan};

use super::condition::{Condition, read};
use super::infer::{Inferred, Measure, Recorded, infer};
use super::promql::parse;
use super::read::{AlertRule, Found};
use super::{ImportOptions, Imported, Summary};
use crate::quote::comment;

/// Longest title and longest name, in characters: what does not fit on a line is not read.
const TITLE_CHARS: usize = 150;
const NAME_CHARS: usize = 60;

/// How often what the checker refuses is taken out; each round takes at least one trigger.
const ROUNDS_MAX: usize = 20;

/// A signal while rules are read.
#[derive(Debug, Clone)]
pub(super) struct Signal {
    pub(super) name: String,
    pub(super) query: String,
    pub(super) measure: Measure,
    why: String,
    stale: Option<TimeSpan>,
}

/// The signals, each query once.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) all: Vec<Signal>,
    names: BTreeSet<String>,
}

impl Signals {
    /// The place of the signal with this query, which is added where it is new.
    pub(super) fn add(
        &mut self,
        name: &str,
        query: String,
        measure: Measure,
        why: String,
        stale: Option<TimeSpan>,
    ) -> usize {
        let known = self.all.iter().position(|signal| signal.query == query && signal.stale == stale);
        known.unwrap_or_else(|| {
            let name = unique(name, "value", &mut self.names);
            self.all.push(Signal { name, query, measure, why, stale });
            self.all.len().saturating_sub(1)
        })
    }

    pub(super) fn measure(&self, place: usize) -> Option<Measure> {
        self.all.get(place).map(|signal| signal.measure)
    }

    pub(super) fn mark(&self) -> usize {
        self.all.len()
    }

    /// Takes back what was added since.
    pub(super) fn forget(&mut self, mark: usize) {
        for signal in self.all.drain(mark.min(self.all.len())..) {
            self.names.remove(&signal.name);
        }
    }
}

/// A level that an alert became.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) rule: usize,
    pub(super) severity: Severity,
    condition: Condition,
    held: Option<TimeSpan>,
    opaque: bool,
}

/// A trigger.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) levels: Vec<Level>,
    /// Why it is only a comment, where it is.
    refused: Option<String>,
}

/// The imported rules while they are put together.
pub(super) struct Sheet<'o> {
    pub(super) found: Found,
    options: &'o ImportOptions,
    pub(super) signals: Signals,
    pub(super) triggers: Vec<Trigger>,
    /// By rule: why it is a comment alone.
    refused: BTreeMap<usize, String>,
}

impl<'o> Sheet<'o> {
    pub(super) fn new(found: Found, options: &'o ImportOptions) -> Self {
        let mut sheet = Self {
            found,
            options,
            signals: Signals::default(),
            triggers: Vec::new(),
            refused: BTreeMap::new(),
        };
        sheet.convert();
        sheet
    }

    fn recorded(&self) -> Recorded {
        let mut recorded = Recorded::new();
        // one may read another that stands before it
        for rule in &self.found.records {
            if let Ok(expr) = parse(&rule.expr) {
                let inferred: Inferred = infer(&expr, &recorded, rust_decimal::Decimal::ONE);
                recorded.insert(rule.name.clone(), inferred);
            }
        }
        recorded
    }

    fn convert(&mut self) {
        let recorded = self.recorded();
        let mut names = BTreeSet::new();
        let alerts = std::mem::take(&mut self.found.alerts);
        for (place, rule) in alerts.iter().enumerate() {
            let read = parse(&rule.expr)
                .and_then(|expr| read(&expr, &rule.expr, &snake(&rule.name), &recorded, &mut self.signals));
            let (condition, opaque) = match read {
                Ok(read) => read,
                Err(reason) => {
                    self.refused.insert(place, reason);
                    continue;
                }
            };
            let severity = self.severity(rule);
            let level = Level { rule: place, severity, condition, held: rule.held, opaque };
            match self.partner(&alerts, &level) {
                Some(partner) => {
                    if let Some(trigger) = self.triggers.get_mut(partner) {
                        trigger.levels.push(level);
                        trigger.levels.sort_by_key(|level| level.severity);
                        // several levels have one name that says none of them
                        let shared = without_severity(&trigger.name);
                        let told = rule.said(&["trigger"]).is_some();
                        if !told && !shared.is_empty() && !names.contains(&shared) {
                            trigger.name = unique(&shared, "alert", &mut names);
                        }
                    }
                }
                None => {
                    let said =
                        rule.said(&["trigger"]).filter(|name| !name.contains("{{")).unwrap_or(&rule.name);
                    let name = unique(&snake(said), "alert", &mut names);
                    self.triggers.push(Trigger { name, levels: vec![level], refused: None });
                }
            }
        }
        self.found.alerts = alerts;
        // a signal and a trigger never share a name
        for signal in &mut self.signals.all {
            if names.contains(&signal.name) {
                signal.name = unique(&format!("{}_value", signal.name), "value", &mut names);
            } else {
                names.insert(signal.name.clone());
            }
        }
    }

    /// The trigger that a level belongs to: one over the same signal in the same direction, whose alert has the same name
    /// but for its severity.
    fn partner(&self, alerts: &[AlertRule], level: &Level) -> Option<usize> {
        let Condition::Compare { signal, relation, .. } = &level.condition else { return None };
        let rises = |relation: &Relation| matches!(relation, Relation::Above | Relation::AtLeast);
        let name = |rule: usize| {
            let rule = alerts.get(rule)?;
            Some(without_severity(&snake(rule.said(&["trigger"]).unwrap_or(&rule.name))))
        };
        self.triggers.iter().position(|trigger| {
            let free = trigger.levels.iter().all(|known| known.severity != level.severity);
            let same = trigger.levels.iter().all(|known| {
                matches!(&known.condition, Condition::Compare { signal: other, relation: side, .. }
                    if other == signal && rises(side) == rises(relation))
                    && name(known.rule) == name(level.rule)
            });
            free && same && !level.opaque
        })
    }

    fn severity(&self, rule: &AlertRule) -> Severity {
        let Some(word) = rule.said(&["severity", "priority", "level", "page"]) else { return Severity::Hold };
        if let Some(level) = self.options.levels.get(word) {
            return *level;
        }
        match word.to_ascii_lowercase().as_str() {
            // as this project's own export says it; elsewhere it is a warning
            "warn" if rule.said(&["trigger"]).is_some() => Severity::Warn,
            "critical" | "crit" | "page" | "emergency" | "emerg" | "fatal" | "disaster" | "error"
            | "high" | "rollback" | "p0" | "p1" | "sev0" | "sev1" | "true" => Severity::Rollback,
            "info" | "informational" | "notice" | "low" | "debug" | "none" | "p3" | "p4" | "p5" | "sev3"
            | "sev4" => Severity::Warn,
            _ => Severity::Hold,
        }
    }

    pub(super) fn imported(mut self) -> Imported {
        let mut tests = super::unit_tests::written(&self);
        let mut text = String::new();
        for _ in 0..ROUNDS_MAX {
            let (written, places) = self.text(&tests.texts);
            text = written;
            let failed = match crate::load("imported.rules", &text, &mut |name| Err(format!("no `{name}`"))) {
                Ok(loaded) => {
                    if super::unit_tests::keep_what_holds(&loaded, &mut tests) {
                        break;
                    }
                    continue;
                }
                Err(failed) => failed,
            };
            self.refuse(&failed, &places, &mut tests.texts);
        }
        if let Ok(formatted) = crate::format::format("imported.rules", &text) {
            text = formatted.text;
        }
        let summary = self.summary([self.found.tests.len(), tests.texts.len()]);
        let mut not_imported: Vec<_> =
            self.refusals().into_iter().map(|(rule, reason)| format!("{}: {reason}", place(rule))).collect();
        not_imported.extend(self.found.odd.iter().cloned());
        not_imported.extend(tests.skipped);
        Imported { text, summary, not_imported }
    }

    /// Takes out what the checker found mistakes in.
    fn refuse(
        &mut self,
        failed: &crate::Failed,
        places: &[(usize, std::ops::Range<usize>)],
        tests: &mut Vec<String>,
    ) {
        let mut any = false;
        for diagnostic in failed.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
            let at = diagnostic.span.start as usize;
            for (trigger, _) in places.iter().filter(|(_, range)| range.contains(&at)) {
                if let Some(trigger) = self.triggers.get_mut(*trigger) {
                    trigger.refused.get_or_insert_with(|| diagnostic.message.clone());
                    any = true;
                }
            }
        }
        if any {
            return;
        }
        // a mistake of no trigger: tests are the rest that may have one
        if !tests.is_empty() {
            tests.clear();
            return;
        }
        for trigger in &mut self.triggers {
            trigger.refused.get_or_insert_with(|| "the rules around it have mistakes".to_owned());
        }
    }

    /// The rules that are comments alone, with the reason.
    fn refusals(&self) -> Vec<(&AlertRule, String)> {
        let mut refused = self.refused.clone();
        for trigger in &self.triggers {
            if let Some(reason) = &trigger.refused {
                refused.extend(trigger.levels.iter().map(|level| (level.rule, reason.clone())));
            }
        }
        let rules = refused.into_iter();
        rules.filter_map(|(rule, reason)| Some((self.found.alerts.get(rule)?, reason))).collect()
    }

    fn summary(&self, tests: [usize; 2]) -> Summary {
        let kept = || self.triggers.iter().filter(|trigger| trigger.refused.is_none());
        let levels = || kept().flat_map(|trigger| &trigger.levels);
        let opaque = levels().filter(|level| level.opaque).count();
        let odd = self.found.odd_rules;
        Summary {
            rules: self.found.alerts.len().saturating_add(odd),
            levels: levels().count().saturating_sub(opaque),
            opaque,
            not_imported: self.refusals().len().saturating_add(odd),
            triggers: kept().count(),
            recording: self.found.records.len(),
            tests,
        }
    }

    /// The text, and where in it each trigger and what it reads stands.
    fn text(&self, tests: &[String]) -> (String, Vec<(usize, std::ops::Range<usize>)>) {
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
            if trigger.refused.is_some() {
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
        let title = rules.iter().find_map(|rule| rule.said(&["summary", "title", "message", "description"]));
        let title = title.map(titled).filter(|title| !title.is_empty());
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

impl Trigger {
    /// Whether it stands in the text.
    pub(super) const fn is_written(&self) -> bool {
        self.refused.is_none()
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

fn place(rule: &AlertRule) -> String {
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

/// An annotation as a title: what a template would fill in is left open.
fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        out.push('…');
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let out = comment(&out);
    match out.char_indices().nth(TITLE_CHARS) {
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or("").trim_end()),
        None => out,
    }
}

/// A name as rules have them: `HTTPErrorRate5xx` is `http_error_rate5xx`.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (place, c) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| letters.get(place));
        let after = letters.get(place.saturating_add(1));
        if !c.is_ascii_alphanumeric() {
            out.push('_');
            continue;
        }
        let starts = c.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if starts {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    let parts: Vec<&str> = out.split('_').filter(|part| !part.is_empty()).collect();
    let name: String = parts.join("_").chars().take(NAME_CHARS).collect();
    name.trim_end_matches('_').to_owned()
}

/// A name without the words that say how bad it is.
fn without_severity(name: &str) -> String {
    let words =
        ["critical", "warning", "warn", "page", "ticket", "info", "rollback", "hold", "high", "very", "too"];
    let parts: Vec<&str> = name.split('_').filter(|part| !words.contains(part)).collect();
    parts.join("_")
}

/// A name that nobody has and that is no word of the language.
fn unique(wished: &str, otherwise: &str, taken: &mut BTreeSet<String>) -> String {
    let mut stem = snake(wished);
    if stem.is_empty() || stem.starts_with(|c: char| c.is_ascii_digit()) {
        stem = format!("{otherwise}_{stem}").trim_end_matches('_').to_owned();
    }
    if crate::parser::RESERVED.contains(&stem.as_str()) {
        stem = format!("{stem}_{otherwise}");
    }
    let mut name = stem.clone();
    let mut number = 2_u32;
    while !taken.insert(name.clone()) {
        name = format!("{stem}_{number}");
        number = number.saturating_add(1);
    }
    name
}
