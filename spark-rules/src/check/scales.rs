//! Warns of a length of time that was surely meant in milliseconds: `400s` for a signal that is otherwise compared with
//! `300ms`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use spark_core::{Dimension, Quantity, SourceSpan as Span, Unit, WindowFunction};

use super::{Blocks, Problems};
use crate::ast::{
    Against, Compare, Condition, ConditionKind, Expression, ExpressionKind, SignalClause, TriggerClause,
};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::files::Files;

/// Seconds that no response takes and many a background job does: only thresholds above are asked about.
const LONG: Decimal = Decimal::from_parts(300, 0, 0, false, 0);

/// How far two thresholds of one signal may lie apart to be taken as of one scale.
const FACTOR: Decimal = Decimal::TEN;

/// A duration that a signal is compared with.
#[derive(Clone, Copy)]
struct Threshold {
    seconds: Decimal,
    span: Span,
}

/// Warns of every threshold that is off its signal's scale.
pub(super) fn warn(files: &Files, blocks: &Blocks<'_>, problems: &mut Problems) {
    let mut found: BTreeMap<&str, Vec<Threshold>> = BTreeMap::new();
    for signal in &blocks.signals {
        for clause in &signal.clauses {
            if let SignalClause::Expect(compare) = &clause.kind {
                gather(Some(&signal.name.text), compare, &mut found);
            }
        }
    }
    for (_, trigger) in &blocks.triggers {
        for clause in &trigger.clauses {
            if let TriggerClause::Level(_, condition) | TriggerClause::Clear(condition) = &clause.kind {
                walk(condition, &mut found);
            }
        }
    }
    for (signal, thresholds) in &found {
        for long in thresholds.iter().filter(|threshold| threshold.seconds > LONG) {
            tell(files, signal, *long, thresholds, problems);
        }
    }
}

fn tell(files: &Files, signal: &str, long: Threshold, all: &[Threshold], problems: &mut Problems) {
    let written = files.text(long.span);
    let number = written.strip_suffix('s').or_else(|| written.strip_suffix('m'));
    let Some(number) = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit() || b == b'_')) else {
        return;
    };
    let meant = format!("{number}ms");
    let Ok(short) = Quantity::parse(&meant) else { return };
    let near = |other: &&Threshold| {
        let times = |a: Decimal, b: Decimal| a.checked_mul(FACTOR).is_some_and(|a| a >= b);
        other.seconds < Decimal::ONE && times(other.seconds, short.value) && times(short.value, other.seconds)
    };
    let Some(other) = all.iter().find(near) else { return };
    let length = Quantity::new(long.seconds, Unit::of(Dimension::Duration));
    let elsewhere = files.text(other.span);
    let message =
        format!("`{written}` is {length}, while `{signal}` is compared with `{elsewhere}` elsewhere");
    problems.tell(
        Diagnostic::warning(codes::W0308, long.span, message)
            .also(other.span, "of another scale")
            .help(format!("did you mean `{meant}`?"))
            .maybe(vec![Edit::replace(long.span, meant)]),
    );
}

fn walk<'t>(condition: &'t Condition, found: &mut BTreeMap<&'t str, Vec<Threshold>>) {
    match &condition.kind {
        ConditionKind::Compare(compare) => gather(None, compare, found),
        ConditionKind::All(parts) | ConditionKind::Any(parts) => {
            parts.iter().for_each(|part| walk(part, found));
        }
        ConditionKind::Not(inner) | ConditionKind::Group(inner) | ConditionKind::Held(inner, _) => {
            walk(inner, found);
        }
        ConditionKind::Sequence(first, then, _) => {
            walk(first, found);
            walk(then, found);
        }
        ConditionKind::EveryExpectation | ConditionKind::Bare(_) => {}
    }
}

fn gather<'t>(subject: Option<&'t str>, compare: &'t Compare, found: &mut BTreeMap<&'t str, Vec<Threshold>>) {
    let Some(signal) = compare.left.as_ref().map_or(subject, signal_of) else { return };
    let sides = match &compare.test {
        Against::Is(_, right) => vec![right],
        Against::Between(low, high) => vec![low, high],
    };
    for side in sides {
        let ExpressionKind::Literal(value) = &side.kind else { continue };
        if value.unit == Unit::of(Dimension::Duration) {
            found.entry(signal).or_default().push(Threshold { seconds: value.value, span: side.span });
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
