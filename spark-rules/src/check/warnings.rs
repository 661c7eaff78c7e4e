//! What can hardly be meant, although it can be run.

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Condition, Dimension, Expression, PolicyParts, Relation, SourceSpan as Span, Test, Unit,
    WindowFunction,
};

use super::{Blocks, Problems};
use crate::ast::{self, ConditionKind, PlanClause, SignalClause, TestClause, TriggerClause};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::files::Files;

/// Warns of everything in the policy.
pub(super) fn warn(files: &Files, parts: &PolicyParts, blocks: &Blocks<'_>, problems: &mut Problems) {
    stale_too_soon(parts, blocks, problems);
    expects_nothing(blocks, problems);
    let conditions = |trigger: &spark_core::Trigger| -> Vec<Condition> {
        trigger
            .levels
            .iter()
            .map(|l| &l.condition)
            .chain(&trigger.clear)
            .chain(&trigger.given)
            .cloned()
            .collect()
    };
    let expectations = parts.signals.iter().filter_map(|signal| signal.expectation.as_ref());
    let proceeds = parts.plans.iter().filter_map(|plan| plan.proceed.as_ref());
    for condition in expectations.chain(proceeds) {
        condition.comparisons(&mut |comparison| above_whole(files, comparison, problems));
    }
    for trigger in &parts.triggers {
        for condition in conditions(trigger) {
            condition.comparisons(&mut |comparison| above_whole(files, comparison, problems));
        }
        clear_overlaps(files, trigger, problems);
    }
    longer_than_stages(files, parts, blocks, problems);
    if !parts.signals.is_empty() && parts.signals.iter().all(|signal| signal.expectation.is_none()) {
        empty_expectations(blocks, problems);
    }
}

fn expects_nothing(blocks: &Blocks<'_>, problems: &mut Problems) {
    for test in blocks.tests.iter().filter(|test| !test.broken) {
        let expects = test.clauses.iter().any(|clause| {
            matches!(clause.kind, TestClause::ExpectState { .. } | TestClause::ExpectDecision { .. })
        });
        if !expects {
            let message = format!("test `{}` expects nothing", test.title.value);
            problems.tell(
                Diagnostic::warning(codes::W0309, test.title.span, message)
                    .help("write what it is for, such as `expect decision hold at 5m`"),
            );
        }
    }
}

fn stale_too_soon(parts: &PolicyParts, blocks: &Blocks<'_>, problems: &mut Problems) {
    for signal in &blocks.signals {
        for clause in &signal.clauses {
            let SignalClause::StaleAfter(length) = &clause.kind else { continue };
            if length.value < parts.every {
                let message = format!(
                    "`{}` is stale after {}, before the next evaluation: `evaluate every` is {}",
                    signal.name.text, length.value, parts.every
                );
                let help = format!("write at least `stale after {}`", parts.every.times(2));
                problems.tell(Diagnostic::warning(codes::W0306, clause.span, message).help(help));
            }
        }
    }
}

/// The thresholds of a comparison that are literals.
fn literals(comparison: &Comparison) -> Vec<Decimal> {
    let right = match &comparison.test {
        Test::Is(_, right) => vec![right],
        Test::Between(low, high) => vec![low, high],
    };
    right
        .into_iter()
        .filter_map(|value| match value {
            Expression::Literal(value) => Some(*value),
            _ => None,
        })
        .collect()
}

fn above_whole(files: &Files, comparison: &Comparison, problems: &mut Problems) {
    let share = comparison.unit == Unit::of(Dimension::Ratio);
    // a sum, a difference or a calculation may well be more than a whole
    let bounded = match &comparison.left {
        Expression::Signal(_) => true,
        Expression::Window { function, .. } => matches!(
            function,
            WindowFunction::Avg | WindowFunction::Min | WindowFunction::Max | WindowFunction::Quantile(_)
        ),
        _ => false,
    };
    if share && bounded && literals(comparison).iter().any(|value| *value > Decimal::ONE) {
        let text = files.text(comparison.span);
        problems.tell(
            Diagnostic::warning(
                codes::W0302,
                comparison.span,
                format!("`{text}` compares a share with more than 100%"),
            )
            .help("a share is 0% to 100%"),
        );
    }
}

/// A half line of values: from where, whether that is part of it, and which way.
struct Half {
    from: Decimal,
    included: bool,
    up: bool,
}

impl Half {
    fn of(condition: &Condition) -> Option<(&Expression, Self)> {
        let comparison = match condition {
            Condition::Compare(comparison) => comparison,
            Condition::Held { condition, .. } => return Self::of(condition),
            _ => return None,
        };
        let Test::Is(relation, Expression::Literal(from)) = &comparison.test else { return None };
        let (up, included) = match relation {
            Relation::Above => (true, false),
            Relation::AtLeast => (true, true),
            Relation::Below => (false, false),
            Relation::AtMost => (false, true),
            Relation::Equal | Relation::NotEqual => return None,
        };
        Some((&comparison.left, Self { from: *from, included, up }))
    }

    fn meets(&self, other: &Self) -> bool {
        if self.up == other.up {
            return true;
        }
        let (rising, falling) = if self.up { (self, other) } else { (other, self) };
        rising.from < falling.from || (rising.from == falling.from && rising.included && falling.included)
    }
}

fn clear_overlaps(files: &Files, trigger: &spark_core::Trigger, problems: &mut Problems) {
    let Some((clear, (subject, half))) =
        trigger.clear.as_ref().and_then(|clear| Some((clear, Half::of(clear)?)))
    else {
        return;
    };
    for level in &trigger.levels {
        let Some((other, reach)) = Half::of(&level.condition) else { continue };
        if other != subject || !half.meets(&reach) {
            continue;
        }
        let span = first_span(clear).unwrap_or(trigger.span);
        let message =
            format!("`{}` can be true together with `{}`", files.text(span), level.severity.as_str());
        problems.tell(
            Diagnostic::warning(codes::W0303, span, message)
                .also(first_span(&level.condition).unwrap_or(level.span), "both can be true at once")
                .help("let the trigger clear on the other side of its level's threshold"),
        );
        return;
    }
}

fn first_span(condition: &Condition) -> Option<Span> {
    let mut span = None;
    condition.comparisons(&mut |comparison| span = span.or(Some(comparison.span)));
    span
}

/// A `for` that no stage is long enough for.
fn longer_than_stages(files: &Files, parts: &PolicyParts, blocks: &Blocks<'_>, problems: &mut Problems) {
    let stages = parts.plans.iter().flat_map(|plan| &plan.stages);
    let Some(shortest) = stages.min_by_key(|stage| stage.duration) else { return };
    let mut warn = |length: ast::Length| {
        if length.value > shortest.duration {
            let message =
                format!("`for {}` is longer than the shortest stage, {}", length.value, shortest.duration);
            problems.tell(
                Diagnostic::warning(codes::W0304, length.span, message)
                    .also(shortest.span, format!("`{}` is over before that", files.text(shortest.span)))
                    .help("make the stage longer, or the `for` shorter"),
            );
        }
    };
    for (_, trigger) in &blocks.triggers {
        for clause in &trigger.clauses {
            if let TriggerClause::Level(_, condition) = &clause.kind {
                holds(condition, &mut warn);
            }
        }
    }
    for plan in &blocks.plans {
        for clause in &plan.clauses {
            if let PlanClause::Proceed(condition) = &clause.kind {
                holds(condition, &mut warn);
            }
        }
    }
}

fn holds(condition: &ast::Condition, visit: &mut impl FnMut(ast::Length)) {
    match &condition.kind {
        ConditionKind::Held(inner, length) => {
            visit(*length);
            holds(inner, visit);
        }
        ConditionKind::All(parts) | ConditionKind::Any(parts) => {
            for part in parts {
                holds(part, visit);
            }
        }
        ConditionKind::Not(inner) | ConditionKind::Group(inner) => holds(inner, visit),
        ConditionKind::Sequence(first, then, _) => {
            holds(first, visit);
            holds(then, visit);
        }
        ConditionKind::Compare(_) | ConditionKind::EveryExpectation | ConditionKind::Bare(_) => {}
    }
}

fn empty_expectations(blocks: &Blocks<'_>, problems: &mut Problems) {
    for plan in &blocks.plans {
        for clause in &plan.clauses {
            let PlanClause::Proceed(condition) = &clause.kind else { continue };
            if let Some(span) = every_expectation(condition) {
                problems.tell(
                    Diagnostic::warning(
                        codes::W0307,
                        span,
                        "no signal has an expectation, so that this is always true",
                    )
                    .help("give signals an `expect`, such as `expect <= 200ms`"),
                );
            }
        }
    }
}

fn every_expectation(condition: &ast::Condition) -> Option<Span> {
    match &condition.kind {
        ConditionKind::EveryExpectation => Some(condition.span),
        ConditionKind::All(parts) | ConditionKind::Any(parts) => parts.iter().find_map(every_expectation),
        ConditionKind::Not(inner) | ConditionKind::Group(inner) | ConditionKind::Held(inner, _) => {
            every_expectation(inner)
        }
        ConditionKind::Sequence(first, then, _) => {
            every_expectation(first).or_else(|| every_expectation(then))
        }
        ConditionKind::Compare(_) | ConditionKind::Bare(_) => None,
    }
}
