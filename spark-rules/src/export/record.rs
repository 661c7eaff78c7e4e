//! The rule file while it is built, and how it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use spark_core::{SignalId, SourceSpan, TriggerId};

use super::signals::SignalSeries;
use super::triggers::TriggerSeries;
use super::yaml::{quoted, scalar};
use super::{EVERY_MAX, ExportOptions, Exported, Refusal, Taken};
use crate::Loaded;
use crate::quote::comment;

/// Longest piece of rule text in a comment or an annotation.
const QUOTE_CHARS: usize = 300;

/// Longest expression on one line, in characters.
const EXPR_CHARS: usize = 100;

/// One rule of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    Record {
        name: String,
        expr: String,
    },
    Alert {
        name: String,
        expr: String,
        held: Option<spark_core::TimeSpan>,
        labels: Vec<(&'static str, String)>,
        annotations: Vec<(&'static str, String)>,
    },
}

/// Rules that belong together, under a comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Block {
    pub(super) comment: String,
    pub(super) rules: Vec<Rule>,
}

/// The file while it is built.
pub(super) struct Builder<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) options: &'a ExportOptions,
    pub(super) blocks: Vec<Block>,
    pub(super) refused: BTreeSet<Refusal>,
    pub(super) notes: BTreeSet<&'static str>,
    /// By signal, once it was asked for.
    pub(super) signals: BTreeMap<(SignalId, spark_core::Track), Result<SignalSeries, String>>,
    pub(super) windowed: BTreeSet<&'a str>,
    /// By name: whether a window's series is recorded.
    pub(super) windows: BTreeMap<String, Result<(), String>>,
    pub(super) triggers: BTreeMap<TriggerId, TriggerSeries>,
    /// The signals whose expectation is recorded.
    pub(super) expectations: BTreeSet<SignalId>,
    /// The series of a signal and of a trigger, by their names.
    pub(super) names: BTreeMap<String, String>,
    pub(super) alerts: Taken,
    /// The triggers that are exported as plain alerts.
    pub(super) plain: BTreeSet<String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(loaded: &'a Loaded, options: &'a ExportOptions) -> Self {
        let mut taken = Taken::default();
        let policy = &loaded.policy;
        let all = policy.signals().iter().map(|s| &s.name).chain(policy.triggers().iter().map(|t| &t.name));
        let names = all
            .map(|name| {
                let letters: String =
                    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                (name.clone(), taken.name(&format!("{}:{letters}", options.prefix)))
            })
            .collect();
        Self {
            loaded,
            options,
            blocks: Vec::new(),
            refused: BTreeSet::new(),
            notes: BTreeSet::new(),
            signals: BTreeMap::new(),
            windowed: super::signals::windowed(policy),
            windows: BTreeMap::new(),
            triggers: BTreeMap::new(),
            expectations: BTreeSet::new(),
            names,
            alerts: Taken::default(),
            plain: BTreeSet::new(),
        }
    }

    /// Builds the whole file.
    pub(super) fn everything(&mut self) {
        let policy = &self.loaded.policy;
        if policy.every() > EVERY_MAX {
            let reason = "`evaluate every` is longer than 4m: what a rule recorded at the evaluation before is not seen any more after 5m";
            let span = SourceSpan::default();
            self.refuse("all of it".to_owned(), span, reason.to_owned());
            return;
        }
        for (id, signal) in (0u32..).map(SignalId).zip(policy.signals()) {
            self.expectation(id, signal);
        }
        for id in self.order() {
            self.trigger(id);
        }
        self.decision();
    }

    /// The series that a signal's or a trigger's names begin with.
    pub(super) fn series(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| format!("{}:{name}", self.options.prefix))
    }

    /// The last block's rules.
    pub(super) fn record(&mut self, name: impl Into<String>, expr: impl Into<String>) {
        let rule = Rule::Record { name: name.into(), expr: expr.into() };
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.rules.push(rule);
        }
    }

    pub(super) fn alert(&mut self, rule: Rule) {
        if let Some(block) = self.blocks.last_mut() {
            block.rules.push(rule);
        }
    }

    pub(super) fn block(&mut self, comment: impl Into<String>) {
        self.blocks.push(Block { comment: comment.into(), rules: Vec::new() });
    }

    pub(super) fn refuse(&mut self, subject: String, span: SourceSpan, reason: String) {
        let files = &self.loaded.files;
        let (file, line) = (files.name(span.file).to_owned(), files.position(span).line);
        self.refused.insert(Refusal { subject, file, line, reason });
    }

    /// A piece of the rules in one line.
    pub(super) fn quote(&self, span: SourceSpan) -> String {
        let text = comment(self.loaded.files.text(span));
        match text.char_indices().nth(QUOTE_CHARS) {
            Some((end, _)) => format!("{} …", text.get(..end).unwrap_or("").trim_end()),
            None => text,
        }
    }

    /// A piece of the rules with its place.
    pub(super) fn cited(&self, span: SourceSpan) -> String {
        let line = self.loaded.files.position(span).line;
        format!("{}:{line} {}", self.file(span.file), self.quote(span))
    }

    /// A file's name without its folder: what is written is the same wherever the rules lie.
    pub(super) fn file(&self, number: u32) -> String {
        let name = self.loaded.files.name(number);
        comment(name.rsplit(['/', '\\']).next().unwrap_or(name))
    }

    pub(super) fn exported(self) -> Exported {
        let alerts = self.blocks.iter().flat_map(|block| &block.rules);
        let alerts = alerts.filter(|rule| matches!(rule, Rule::Alert { .. })).count();
        let subjects =
            self.triggers.len().saturating_add(self.expectations.len()).saturating_add(self.plain.len());
        let rules = self.write();
        let refused = self.refused.into_iter().collect();
        let notes = self.notes.into_iter().map(str::to_owned).collect();
        Exported { rules, alerts, subjects, refused, notes }
    }

    fn write(&self) -> String {
        let source = self.file(0);
        let mut out = format!(
            "# Written by `spark export prometheus` from {source}; for Prometheus 2.42 and later. Change the rules, not this file.\n"
        );
        if self.plain.is_empty() {
            out.push_str("#\n\
             # Conditions are recorded as series: 1 true, 0 false, absent unknown. `:held` is the evidence of a `for` in seconds, `:lost` since\n\
             # when it is unknown, `:level` 1 warn, 2 hold, 3 rollback, `:state` -1 unknown, 0 ok, 1 pending, 2 warn, 3 hold, 4 rollback,\n\
             # `:asks` 1 hold, 2 rollback. The rules stand in the order in which they read each other.\n");
        }
        if !self.notes.is_empty() {
            out.push_str("#\n# To know:\n");
            for note in &self.notes {
                let _ = writeln!(out, "# - {note}");
            }
        }
        if !self.refused.is_empty() {
            out.push_str("#\n# Not in this file:\n");
            for refusal in &self.refused {
                let _ = writeln!(out, "# - {}", comment(&refusal.to_string()));
            }
        }
        let every = super::text::duration(self.loaded.policy.every());
        let _ = writeln!(
            out,
            "groups:\n  - name: {}\n    interval: {every}\n    rules:",
            scalar(&format!("{}/{source}", self.options.prefix))
        );
        let mut empty = true;
        for block in self.blocks.iter().filter(|block| !block.rules.is_empty()) {
            if !block.comment.is_empty() {
                let _ = writeln!(out, "\n      # {}", comment(&block.comment));
            }
            empty = false;
            for rule in &block.rules {
                write_rule(&mut out, rule);
            }
        }
        if empty {
            out = out.trim_end().to_owned();
            out.push_str(" []\n");
        }
        out
    }
}

fn write_rule(out: &mut String, rule: &Rule) {
    match rule {
        Rule::Record { name, expr } => {
            let _ = writeln!(out, "      - record: {}\n        expr: {}", scalar(name), expression(expr));
        }
        Rule::Alert { name, expr, held, labels, annotations } => {
            let _ = writeln!(out, "      - alert: {}\n        expr: {}", scalar(name), expression(expr));
            if let Some(held) = held {
                let _ = writeln!(out, "        for: {}", super::text::duration(*held));
            }
            for (title, pairs) in [("labels", labels), ("annotations", annotations)] {
                if pairs.is_empty() {
                    continue;
                }
                let _ = writeln!(out, "        {title}:");
                for (key, value) in pairs {
                    let _ = writeln!(out, "          {key}: {}", scalar(value));
                }
            }
        }
    }
}

/// An expression: a long one stands on several lines, broken before the `or`s of its top.
fn expression(expr: &str) -> String {
    let plain = !expr.contains(|c: char| c.is_control()) && !expr.starts_with(' ');
    if expr.chars().count() <= EXPR_CHARS || !plain {
        return quoted(expr);
    }
    let mut lines = vec![String::new()];
    let (mut depth, mut quote) = (0_i32, None);
    for (at, c) in expr.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '{' | '[') => depth = depth.saturating_add(1),
            (None, ')' | '}' | ']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        let breaks =
            depth == 0 && quote.is_none() && expr.get(at..).is_some_and(|rest| rest.starts_with(" or "));
        match lines.last_mut() {
            Some(line) if !breaks => line.push(c),
            _ => lines.push(String::new()),
        }
    }
    if lines.len() == 1 {
        return quoted(expr);
    }
    let lines: Vec<_> = lines.iter().map(|line| format!("          {line}")).collect();
    format!("|-\n{}", lines.join("\n"))
}
