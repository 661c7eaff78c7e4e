//! All that stands in a tree, in the order of the text: names, values, clauses.

use spark_core::{Quantity, SourceSpan as Span};

use crate::ast::{
    Check, CheckClause, Compare, Condition, ConditionKind, Expression, ExpressionKind, File, Found, Item,
    Name, PlanClause, SignalClause, Step, StepKind, TestClause, Text, TriggerClause,
};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means<'t> {
    Signal,
    Trigger,
    Plan,
    Check,
    /// A measure of the check with that name.
    Measure(&'t str),
    /// A signal or a trigger, which never share a name.
    Either,
}

/// Something that was met.
#[derive(Debug, Clone, Copy)]
pub(super) enum Met<'t> {
    /// A name where it is declared.
    Declared(Means<'t>, &'t Name),
    /// A name where it is used.
    Used(Means<'t>, &'t str, Span),
    /// A value that something is compared with.
    Threshold(Quantity, Span),
    /// Any other value.
    Value(Quantity, Span),
    /// A function of a window.
    Function(&'t Name),
    /// A type, a state, a decision: a word of a set.
    Choice(Span),
    /// The path of another file.
    Path(&'t Text),
    /// A whole block or setting.
    Whole(Span),
    /// A whole clause.
    Clause(Span),
    /// A condition, which may have others in it.
    Condition(Span),
}

/// Shows everything in a tree.
pub(super) fn walk<'t>(tree: &'t File, see: &mut dyn FnMut(Met<'t>)) {
    for item in &tree.items {
        match item {
            Item::Edition { span, .. } | Item::Evaluate { span, .. } => see(Met::Whole(*span)),
            Item::Use { path } => see(Met::Path(path)),
            Item::Signal(signal) => {
                see(Met::Whole(signal.span));
                see(Met::Declared(Means::Signal, &signal.name));
                for clause in &signal.clauses {
                    see(Met::Clause(clause.span));
                    match &clause.kind {
                        SignalClause::Is(name) => see(Met::Choice(name.span)),
                        SignalClause::Expect(compare) => comparison(compare, Means::Signal, see),
                        SignalClause::From { .. } | SignalClause::StaleAfter(_) => {}
                    }
                }
            }
            Item::Trigger(trigger) => {
                see(Met::Whole(trigger.span));
                if let Some(name) = &trigger.name {
                    see(Met::Declared(Means::Trigger, name));
                }
                for clause in &trigger.clauses {
                    see(Met::Clause(clause.span));
                    if let Some(inner) = clause.kind.condition() {
                        condition(inner, Means::Signal, see);
                    }
                    if let TriggerClause::Unless(names) = &clause.kind {
                        names.iter().for_each(|name| used(Means::Trigger, name, see));
                    }
                }
            }
            Item::Plan(plan) => {
                see(Met::Whole(plan.span));
                see(Met::Declared(Means::Plan, &plan.name));
                for clause in &plan.clauses {
                    see(Met::Clause(clause.span));
                    match &clause.kind {
                        PlanClause::Stage { share, .. } => see(Met::Value(share.value, share.span)),
                        PlanClause::Warmup(_) | PlanClause::Watch(_) => {}
                        PlanClause::Proceed(inner) => condition(inner, Means::Signal, see),
                    }
                }
            }
            Item::Check(tree) => check(tree, see),
            Item::Test(test) => {
                see(Met::Whole(test.span));
                for clause in &test.clauses {
                    see(Met::Clause(clause.span));
                    test_clause(&clause.kind, see);
                }
            }
        }
    }
}

fn used<'t>(means: Means<'t>, name: &'t Name, see: &mut dyn FnMut(Met<'t>)) {
    see(Met::Used(means, &name.text, name.span));
}

fn test_clause<'t>(clause: &'t TestClause, see: &mut dyn FnMut(Met<'t>)) {
    match clause {
        TestClause::Given { signal, steps, .. } => {
            used(Means::Signal, signal, see);
            steps.iter().for_each(|step| series(step, see));
        }
        TestClause::GivenMeasure { check, measure, found } => {
            used(Means::Check, check, see);
            used(Means::Measure(&check.text), measure, see);
            match found {
                Found::Value(value) => see(Met::Value(value.value, value.span)),
                Found::Flag(_, span) => see(Met::Choice(*span)),
                Found::Nothing(_) => {}
            }
        }
        TestClause::ExpectCheck { name, state } => {
            used(Means::Check, name, see);
            see(Met::Choice(state.span));
        }
        TestClause::AtStage { share, plan, .. } => {
            see(Met::Value(share.value, share.span));
            if let Some(plan) = plan {
                used(Means::Plan, plan, see);
            }
        }
        TestClause::ExpectState { name, state, .. } => {
            used(Means::Either, name, see);
            see(Met::Choice(state.span));
        }
        TestClause::ExpectDecision { decision, because, .. } => {
            see(Met::Choice(decision.span));
            because.iter().for_each(|name| used(Means::Either, name, see));
        }
    }
}

fn series<'t>(step: &'t Step, see: &mut dyn FnMut(Met<'t>)) {
    match &step.kind {
        StepKind::Value { value, noise } => {
            see(Met::Value(value.value, value.span));
            if let Some(noise) = noise {
                see(Met::Value(noise.value, noise.span));
            }
        }
        StepKind::Ramp { from, to } => {
            see(Met::Value(from.value, from.span));
            see(Met::Value(to.value, to.span));
        }
        StepKind::Rises { by, .. } => see(Met::Value(by.value, by.span)),
        _ => {}
    }
}

/// `reads`: what the names in it stand for.
fn condition<'t>(tree: &'t Condition, reads: Means<'t>, see: &mut dyn FnMut(Met<'t>)) {
    see(Met::Condition(tree.span));
    match &tree.kind {
        ConditionKind::Compare(compare) => comparison(compare, reads, see),
        ConditionKind::Bare(value) => expression(value, false, reads, see),
        _ => tree.parts().for_each(|part| condition(part, reads, see)),
    }
}

fn comparison<'t>(compare: &'t Compare, reads: Means<'t>, see: &mut dyn FnMut(Met<'t>)) {
    compare.sides().for_each(|side| expression(side, true, reads, see));
}

/// `whole`: whether the value is a whole side of a comparison.
fn expression<'t>(tree: &'t Expression, whole: bool, reads: Means<'t>, see: &mut dyn FnMut(Met<'t>)) {
    match &tree.kind {
        ExpressionKind::Name(name) => see(Met::Used(reads, name, tree.span)),
        ExpressionKind::Literal(value) if whole => see(Met::Threshold(*value, tree.span)),
        ExpressionKind::Literal(value) => see(Met::Value(*value, tree.span)),
        ExpressionKind::Call(call) => {
            see(Met::Function(&call.function));
            call.of.iter().for_each(|name| used(reads, name, see));
        }
        ExpressionKind::Times(times) => {
            see(Met::Value(times.0.value, times.0.span));
            expression(&times.1, false, reads, see);
        }
        ExpressionKind::Group(inner) => expression(inner, whole, reads, see),
        _ => tree.parts().for_each(|part| expression(part, false, reads, see)),
    }
}

fn check<'t>(check: &'t Check, see: &mut dyn FnMut(Met<'t>)) {
    see(Met::Whole(check.span));
    see(Met::Declared(Means::Check, &check.name));
    let own = Means::Measure(&check.name.text);
    for clause in &check.clauses {
        see(Met::Clause(clause.span));
        match &clause.kind {
            CheckClause::In(word) | CheckClause::Else(word) => see(Met::Choice(word.span)),
            CheckClause::Measure { name, kind, .. } => {
                see(Met::Declared(own, name));
                see(Met::Choice(kind.span));
            }
            CheckClause::Pass(inner) => condition(inner, own, see),
            CheckClause::Probe(_)
            | CheckClause::Within(_)
            | CheckClause::Evidence(_)
            | CheckClause::Owner(_)
            | CheckClause::Runbook(_) => {}
        }
    }
}
