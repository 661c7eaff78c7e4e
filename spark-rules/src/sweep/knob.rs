//! The values in rules that can be tried otherwise, found in the tree and named by paths.

use spark_core::quantity::parse_duration;
use spark_core::{Policy, Quantity, SourceSpan as Span, TriggerId};

use super::Target;
use crate::ast::{
    Compare, Condition, ConditionKind, Expression, ExpressionKind, Item, SignalClause, TriggerClause,
};
use crate::files::Files;
use crate::parser;

/// A threshold or a `for` of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knob {
    /// Its path: `api_latency.rollback.threshold`, with `[2]` where there are several.
    pub path: String,
    /// Whose it is.
    pub target: Target,
    /// Where its literal stands.
    pub span: Span,
    /// The literal, as written.
    pub present: String,
    /// Its paths: with its number, with the name of a signal that only its comparison reads, and bare where it is alone.
    pub(super) paths: Vec<String>,
    /// The path without what tells it from others.
    pub(super) stem: String,
    /// Whether it is a length of time after `for`.
    pub(super) is_for: bool,
    /// Whether it is the factor of `3x baseline`.
    pub(super) is_factor: bool,
}

impl Knob {
    /// The trigger's or the signal's name.
    pub fn owner(&self) -> &str {
        self.path.split('.').next().unwrap_or(&self.path)
    }

    /// The literal as people know it: of `3x baseline`, `3x`.
    pub fn shown(&self) -> String {
        format!("{}{}", self.present, if self.is_factor { "x" } else { "" })
    }

    /// Whether it is the length of a `for`; else it is a threshold.
    pub const fn is_for(&self) -> bool {
        self.is_for
    }

    /// Whether a value is the present one, however it is written.
    pub(super) fn is_present(&self, value: &str) -> bool {
        self.same(value, &self.present)
    }

    fn same(&self, a: &str, b: &str) -> bool {
        match self.is_for {
            true => parse_duration(a).is_some_and(|a| parse_duration(b) == Some(a)),
            false => match (Quantity::parse(a), Quantity::parse(b)) {
                (Ok(a), Ok(b)) => a.value == b.value && a.unit == b.unit,
                _ => a == b,
            },
        }
    }

    /// The values without those that were there before.
    pub(super) fn distinct(&self, values: Vec<String>) -> Vec<String> {
        let mut kept: Vec<String> = Vec::with_capacity(values.len());
        for value in values {
            if !kept.iter().any(|other| self.same(other, &value)) {
                kept.push(value);
            }
        }
        kept
    }
}

/// A literal on its way to be a knob.
struct Found {
    span: Span,
    is_for: bool,
    /// The signals that its comparison, or the condition before its `for`, reads.
    reads: Vec<String>,
}

/// Every threshold and every `for` of triggers and expectations, in the order of the text. Plans are left out: a replay
/// does not follow them.
pub fn knobs(policy: &Policy, files: &Files) -> Vec<Knob> {
    let mut knobs = Vec::new();
    for file in (0u32..).take(files.len()) {
        let (tree, _, _) = parser::parse(file, files.source(file));
        for item in &tree.items {
            match item {
                Item::Trigger(trigger) => {
                    let place = policy.triggers().iter().position(|known| known.span == trigger.span);
                    let Some((place, known)) = place.and_then(|at| Some((at, policy.triggers().get(at)?)))
                    else {
                        continue;
                    };
                    let id = TriggerId(u32::try_from(place).unwrap_or(u32::MAX));
                    for clause in &trigger.clauses {
                        let (word, target, condition) = match &clause.kind {
                            TriggerClause::Level(severity, condition) => {
                                (severity.as_str(), Target::Level(id, *severity), condition)
                            }
                            TriggerClause::Clear(condition) => ("clear", Target::Trigger(id), condition),
                            TriggerClause::Given(condition) => ("given", Target::Trigger(id), condition),
                            _ => continue,
                        };
                        let mut found = Vec::new();
                        of_condition(condition, &mut found);
                        knobs.extend(numbered(files, &format!("{}.{word}", known.name), target, found));
                    }
                }
                Item::Signal(signal) => {
                    let name = &signal.name.text;
                    let Some(id) = policy.signal_id(name) else { continue };
                    for clause in &signal.clauses {
                        let SignalClause::Expect(compare) = &clause.kind else { continue };
                        let mut found = Vec::new();
                        of_comparison(compare, &mut found);
                        let target = Target::Expectation(id);
                        knobs.extend(numbered(files, &format!("{name}.expect"), target, found));
                    }
                }
                _ => {}
            }
        }
    }
    knobs
}

/// The literals of one clause, told apart.
fn numbered(files: &Files, clause: &str, target: Target, found: Vec<Found>) -> Vec<Knob> {
    let mut knobs = Vec::with_capacity(found.len());
    for is_for in [false, true] {
        let kind: Vec<&Found> = found.iter().filter(|found| found.is_for == is_for).collect();
        let stem = format!("{clause}.{}", if is_for { "for" } else { "threshold" });
        for (place, one) in kind.iter().enumerate() {
            let number = format!("{stem}[{}]", place.saturating_add(1));
            let only =
                |signal: &&String| kind.iter().filter(|other| other.reads.contains(signal)).count() == 1;
            let mut paths: Vec<String> =
                one.reads.iter().filter(only).map(|signal| format!("{stem}({signal})")).collect();
            let path = if kind.len() == 1 { stem.clone() } else { number.clone() };
            paths.extend([number, path.clone()]);
            // of `3x baseline` the factor alone is tried otherwise
            let written = files.text(one.span);
            let present = written.trim_end_matches(['x', '×']).trim_end().to_owned();
            let is_factor = written.ends_with(['x', '×']);
            let length = u32::try_from(present.len()).unwrap_or(u32::MAX);
            let span = Span { end: one.span.start.saturating_add(length), ..one.span };
            knobs.push(Knob { path, target, span, present, paths, stem: stem.clone(), is_for, is_factor });
        }
    }
    knobs
}

fn of_condition(condition: &Condition, found: &mut Vec<Found>) {
    if let ConditionKind::Compare(compare) = &condition.kind {
        of_comparison(compare, found);
    }
    condition.parts().for_each(|part| of_condition(part, found));
    if let ConditionKind::Held(inner, length) = &condition.kind {
        let mut reads = Vec::new();
        inner.comparisons(&mut |compare| read_by(compare, &mut reads));
        found.push(Found { span: length.span, is_for: true, reads });
    }
}

/// The literals that the measured side is compared with: those of the right side, of the left where the right has none.
fn of_comparison(compare: &Compare, found: &mut Vec<Found>) {
    let mut reads = Vec::new();
    read_by(compare, &mut reads);
    let mut spans = Vec::new();
    compare.limits().for_each(|limit| literals(limit, &mut spans));
    if let (true, Some(left)) = (spans.is_empty(), &compare.left) {
        literals(left, &mut spans);
    }
    found.extend(spans.into_iter().map(|span| Found { span, is_for: false, reads: reads.clone() }));
}

fn literals(expression: &Expression, spans: &mut Vec<Span>) {
    match &expression.kind {
        ExpressionKind::Literal(_) => spans.push(expression.span),
        // `-5` is one value
        ExpressionKind::Negate(inner) if matches!(inner.kind, ExpressionKind::Literal(_)) => {
            spans.push(expression.span);
        }
        ExpressionKind::Times(times) => {
            spans.push(times.0.span);
            literals(&times.1, spans);
        }
        _ => expression.parts().for_each(|part| literals(part, spans)),
    }
}

/// Adds the signals that a comparison reads, each once.
fn read_by(compare: &Compare, names: &mut Vec<String>) {
    let mut add = |name: &str, _: Span| {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    compare.sides().for_each(|side| side.signals(&mut add));
}
