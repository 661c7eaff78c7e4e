//! Lengths of time that were surely meant in milliseconds: `400s` for a signal that is otherwise compared with `300ms`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use spark_core::{Dimension, Quantity, Signal, SourceSpan as Span, Unit, WindowFunction};

use super::{Blocks, Linter};
use crate::ast::{self, Compare, Expression, ExpressionKind, SignalClause, TriggerClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Seconds that no response takes and many a background job does: only thresholds above are asked about.
const LONG: Decimal = Decimal::from_parts(300, 0, 0, false, 0);

/// How far two thresholds of one signal may lie apart to be taken as of one scale.
const FACTOR: Decimal = Decimal::TEN;

/// A duration that a signal is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold {
    seconds: Decimal,
    span: Span,
}

/// What each signal is compared with, by its name.
pub(super) fn thresholds(blocks: &Blocks<'_>) -> BTreeMap<String, Vec<Threshold>> {
    let mut found: BTreeMap<String, Vec<Threshold>> = BTreeMap::new();
    let mut add = |signal: &str, threshold: Threshold| match found.get_mut(signal) {
        // the short ones are what a long one is held against
        Some(known) if threshold.seconds < Decimal::ONE => known.push(threshold),
        Some(_) => {}
        None => {
            let known = if threshold.seconds < Decimal::ONE { vec![threshold] } else { Vec::new() };
            found.insert(signal.to_owned(), known);
        }
    };
    for (tree, _) in &blocks.signals {
        of_signal(tree, &mut add);
    }
    for (tree, _) in &blocks.triggers {
        of_trigger(tree, &mut add);
    }
    found
}

impl Linter<'_> {
    pub(super) fn expectation_scale(&mut self, tree: &ast::Signal, _signal: &Signal) {
        of_signal(tree, &mut |signal, threshold| self.of_another_scale(signal, threshold));
    }

    pub(super) fn trigger_scale(&mut self, tree: &ast::Trigger) {
        of_trigger(tree, &mut |signal, threshold| self.of_another_scale(signal, threshold));
    }

    fn of_another_scale(&mut self, signal: &str, long: Threshold) {
        if long.seconds <= LONG {
            return;
        }
        let written = self.written(long.span);
        let number = written.strip_suffix('s').or_else(|| written.strip_suffix('m'));
        let Some(number) = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit() || b == b'_'))
        else {
            return;
        };
        let meant = format!("{number}ms");
        let Ok(short) = Quantity::parse(&meant) else { return };
        let near = |other: &&Threshold| {
            let times = |a: Decimal, b: Decimal| a.checked_mul(FACTOR).is_some_and(|a| a >= b);
            times(other.seconds, short.value) && times(short.value, other.seconds)
        };
        let Some(other) = self.facts.thresholds.get(signal).and_then(|all| all.iter().find(near)) else {
            return;
        };
        let length = Quantity::new(long.seconds, Unit::of(Dimension::Duration));
        let elsewhere = self.written(other.span);
        let message =
            format!("`{written}` is {length}, while `{signal}` is compared with `{elsewhere}` elsewhere");
        self.tell(
            Diagnostic::warning(codes::W0308, long.span, message)
                .also(other.span, "of another scale")
                .help(format!("did you mean `{meant}`?"))
                .maybe(vec![Edit::replace(long.span, meant)]),
        );
    }
}

fn of_signal(tree: &ast::Signal, add: &mut impl FnMut(&str, Threshold)) {
    for clause in &tree.clauses {
        if let SignalClause::Expect(compare) = &clause.kind {
            gather(Some(&tree.name.text), compare, add);
        }
    }
}

fn of_trigger(tree: &ast::Trigger, add: &mut impl FnMut(&str, Threshold)) {
    for clause in &tree.clauses {
        if let TriggerClause::Level(_, condition) | TriggerClause::Clear(condition) = &clause.kind {
            condition.comparisons(&mut |compare| gather(None, compare, add));
        }
    }
}

fn gather(subject: Option<&str>, compare: &Compare, add: &mut impl FnMut(&str, Threshold)) {
    let Some(signal) = compare.left.as_ref().map_or(subject, signal_of) else { return };
    for limit in compare.limits() {
        let ExpressionKind::Literal(value) = &limit.kind else { continue };
        if value.unit == Unit::of(Dimension::Duration) {
            add(signal, Threshold { seconds: value.value, span: limit.span });
        }
    }
}

/// The signal that an expression is a value of.
fn signal_of(expression: &Expression) -> Option<&str> {
    match &expression.kind {
        ExpressionKind::Name(name) => Some(name),
        ExpressionKind::Group(inner) => signal_of(inner),
        ExpressionKind::Call(call) => {
            let keeps = matches!(
                WindowFunction::parse(&call.function.text),
                Some(
                    WindowFunction::Avg
                        | WindowFunction::Min
                        | WindowFunction::Max
                        | WindowFunction::Quantile(_)
                )
            );
            call.of.first().filter(|_| keeps).map(|name| name.text.as_str())
        }
        _ => None,
    }
}
