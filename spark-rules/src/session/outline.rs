//! The shape of a file: its blocks, what can be folded, and what encloses a place.

use std::ops::Range;

use super::names::one_liners;
use super::walk::{Met, walk};
use super::{Encoding, Session};
use crate::ast::{CheckClause, Item, PlanClause, SignalClause};

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A signal.
    Signal,
    /// A trigger.
    Trigger,
    /// A plan.
    Plan,
    /// A stage of a plan.
    Stage,
    /// The warm-up or the watch of a plan.
    Length,
    /// A check.
    Check,
    /// A measure of a check.
    Measure,
    /// A test.
    Test,
}

/// A block of a file, or a stage, a length of time or a measure in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name or title.
    pub name: String,
    /// What it is, or its title.
    pub detail: String,
    /// Its kind.
    pub kind: SymbolKind,
    /// All of it.
    pub range: Range<usize>,
    /// Its name.
    pub selection: Range<usize>,
    /// What is in it.
    pub children: Vec<Symbol>,
}

/// What can be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The bytes, whole lines to be folded into the first.
    pub range: Range<usize>,
    /// Whether it is a comment.
    pub comment: bool,
}

impl Session {
    /// The blocks of a file, in order.
    pub fn symbols(&self, path: &str) -> Vec<Symbol> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let mut found = Vec::new();
        for part in &document.parts {
            let range = |span| document.range(part, span);
            let text = |span| document.text.get(range(span)).unwrap_or("").to_owned();
            let title =
                |title: &Option<crate::ast::Text>| title.as_ref().map_or("", |text| &text.value).to_owned();
            let leaf = |name: String, detail: String, kind, span, selection| Symbol {
                name,
                detail,
                kind,
                range: range(span),
                selection: range(selection),
                children: Vec::new(),
            };
            for item in &part.tree.items {
                match item {
                    Item::Signal(signal) => {
                        let is = signal.clauses.iter().find_map(|clause| match &clause.kind {
                            SignalClause::Is(name) => Some(name.text.clone()),
                            _ => None,
                        });
                        let name = &signal.name;
                        found.push(leaf(
                            name.text.clone(),
                            is.unwrap_or_default(),
                            SymbolKind::Signal,
                            signal.span,
                            name.span,
                        ));
                    }
                    Item::Trigger(trigger) => {
                        let selection = trigger.name.as_ref().map_or(trigger.span, |name| name.span);
                        let line = document.position(range(trigger.span).start, Encoding::Utf8).line;
                        let name = trigger.name.as_ref().map_or_else(
                            || self.line_name(path, line.saturating_add(1)),
                            |name| name.text.clone(),
                        );
                        let detail = title(&trigger.title);
                        found.push(leaf(name, detail, SymbolKind::Trigger, trigger.span, selection));
                    }
                    Item::Plan(plan) => {
                        let children = plan.clauses.iter().filter_map(|clause| match &clause.kind {
                            PlanClause::Stage { share, duration, approval } => {
                                let asked = if approval.is_some() { ", needs approval" } else { "" };
                                let detail = format!("{}{asked}", text(duration.span));
                                let share = share.span;
                                Some(leaf(text(share), detail, SymbolKind::Stage, clause.span, share))
                            }
                            PlanClause::Warmup(length) | PlanClause::Watch(length) => {
                                let (word, detail) = (clause.word, text(length.span));
                                Some(leaf(text(word), detail, SymbolKind::Length, clause.span, word))
                            }
                            PlanClause::Proceed(_) => None,
                        });
                        let children = children.collect();
                        let (name, detail) = (&plan.name, title(&plan.title));
                        let own = leaf(name.text.clone(), detail, SymbolKind::Plan, plan.span, name.span);
                        found.push(Symbol { children, ..own });
                    }
                    Item::Check(check) => {
                        let children = check.clauses.iter().filter_map(|clause| match &clause.kind {
                            CheckClause::Measure { name, kind, unit } => {
                                let unit = unit.as_ref().map(|unit| format!(" in {}", text(unit.span)));
                                let detail = format!("{}{}", kind.text, unit.unwrap_or_default());
                                let own = name.text.clone();
                                Some(leaf(own, detail, SymbolKind::Measure, clause.span, name.span))
                            }
                            _ => None,
                        });
                        let children = children.collect();
                        let (name, detail) = (&check.name, title(&check.title));
                        let own = leaf(name.text.clone(), detail, SymbolKind::Check, check.span, name.span);
                        found.push(Symbol { children, ..own });
                    }
                    Item::Test(test) => {
                        let name = test.title.value.clone();
                        found.push(leaf(name, String::new(), SymbolKind::Test, test.span, test.title.span));
                    }
                    Item::Edition { .. } | Item::Evaluate { .. } | Item::Use { .. } => {}
                }
            }
        }
        found
    }

    /// What a one-line trigger on a line (from 1) is called.
    fn line_name(&self, path: &str, line: u32) -> String {
        let root = self.root_of(path);
        crate::check::line_name((root != path).then_some(path), line)
    }

    /// What can be folded: blocks and comments of more than one line.
    pub fn folds(&self, path: &str) -> Vec<Fold> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let mut found = Vec::new();
        let line = |byte| document.position(byte, Encoding::Utf8).line;
        for part in &document.parts {
            for item in &part.tree.items {
                let span = match item {
                    Item::Signal(signal) => signal.span,
                    Item::Trigger(trigger) => trigger.span,
                    Item::Plan(plan) => plan.span,
                    Item::Check(check) => check.span,
                    Item::Test(test) => test.span,
                    Item::Edition { .. } | Item::Evaluate { .. } | Item::Use { .. } => continue,
                };
                found.push(Fold { range: document.range(part, span), comment: false });
            }
            // comments of lines that follow each other are one
            let mut run: Option<Range<usize>> = None;
            for comment in &part.tree.comments {
                let range = document.range(part, *comment);
                let alone = document.text.get(..range.start).unwrap_or("").trim_end_matches([' ', '\t']);
                let follows =
                    run.as_ref().is_some_and(|run| line(range.start) == line(run.end).saturating_add(1));
                match run.as_mut() {
                    Some(run) if follows && alone.ends_with('\n') => run.end = range.end,
                    _ => found.extend(run.replace(range).map(|range| Fold { range, comment: true })),
                }
            }
            found.extend(run.map(|range| Fold { range, comment: true }));
        }
        found.retain(|fold| line(fold.range.start) < line(fold.range.end));
        found.sort_by_key(|fold| fold.range.start);
        found
    }

    /// What encloses a byte, from the smallest to the whole file.
    pub fn enclosing(&self, path: &str, byte: usize) -> Vec<Range<usize>> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let whole = 0..document.text.len();
        let mut found = Vec::from([whole]);
        if let Some(part) = document.part_at(byte) {
            walk(&part.tree, &mut |met| {
                let span = match met {
                    Met::Declared(_, name) | Met::Function(name) => name.span,
                    Met::Path(text) => text.span,
                    Met::Used(_, _, span)
                    | Met::Threshold(_, span)
                    | Met::Value(_, span)
                    | Met::Choice(span)
                    | Met::Whole(span)
                    | Met::Clause(span)
                    | Met::Condition(span) => span,
                };
                let range = document.range(part, span);
                if range.start <= byte && byte <= range.end {
                    found.push(range);
                }
            });
        }
        found.sort_by_key(|range| range.len());
        found.dedup();
        // each must lie within the next
        let mut nested: Vec<Range<usize>> = Vec::new();
        for range in found {
            if nested.last().is_none_or(|inner| range.start <= inner.start && inner.end <= range.end) {
                nested.push(range);
            }
        }
        nested
    }

    /// The tests of a file: their titles, and where they stand.
    pub fn tests(&self, path: &str) -> Vec<(String, Range<usize>)> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let tests = document.parts.iter().flat_map(|part| {
            part.tree.items.iter().filter_map(move |item| match item {
                Item::Test(test) => Some((test.title.value.clone(), document.range(part, test.title.span))),
                _ => None,
            })
        });
        tests.collect()
    }

    /// The one-line triggers of a file: what they are called, and where they stand.
    pub fn one_line_triggers(&self, path: &str) -> Vec<(String, Range<usize>)> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        one_liners(document).map(|(line, range)| (self.line_name(path, line), range)).collect()
    }
}
