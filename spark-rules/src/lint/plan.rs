//! Plans that nothing can walk.

use spark_core::{Condition, Expression, PolicyParts, Severity, SourceSpan as Span};

use super::Linter;
use super::truth::span_of;
use crate::ast::{self, ConditionKind, PlanClause};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::interval::{CanBe, Form, Reading, Space, Want};

/// Most conditions that are held together in search of a contradiction: far above what a release looks at.
const DEMANDS_MAX: usize = 256;

/// Something that must be so for a decision to be proceed.
struct Demand {
    form: Form,
    want: Want,
    span: Option<Span>,
    /// What it asks, for a label.
    asks: &'static str,
}

impl Linter<'_> {
    pub(super) fn empty_expectations(&mut self, tree: &ast::Plan) {
        if !self.facts.expects_nothing {
            return;
        }
        for clause in &tree.clauses {
            let PlanClause::Proceed(condition) = &clause.kind else { continue };
            if let Some(span) = every_expectation(condition) {
                self.tell(
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

    /// Plans in which no stage can be left: what they proceed on, what signals must meet and what triggers must not show
    /// contradict each other.
    pub(super) fn out_of_reach(&mut self, parts: &PolicyParts) {
        for plan in &parts.plans {
            let facts = self.facts;
            let met = Condition::EveryExpectation;
            let mut space = Space::new(&facts.ranges);
            let mut demands: Vec<Demand> = Vec::new();
            let mut ask = |condition, want, asks| {
                let form = space.form(condition, Reading::Bare);
                let can = CanBe::of(&space, &form);
                // what is impossible by itself is told of where it stands
                if demands.len() < DEMANDS_MAX && can.yes && can.no {
                    demands.push(Demand { form, want, span: span_of(condition), asks });
                }
            };
            plan.proceed.iter().for_each(|proceed| ask(proceed, Want::True, "what the plan waits for"));
            ask(&met, Want::True, "every expectation must be met");
            demand_of_policy(parts, &mut ask);
            let Some(clash) = clash(&space, &demands) else { continue };
            let message =
                format!("nothing can reach proceed: no stage of plan `{}` would be left", plan.name);
            let span = plan.proceed.as_ref().and_then(span_of).unwrap_or(plan.span);
            let mut diagnostic = Diagnostic::warning(codes::W0319, span, message);
            for demand in clash {
                if let Some(place) = demand.span.filter(|place| *place != span) {
                    diagnostic = diagnostic.also(place, demand.asks);
                }
            }
            self.tell(diagnostic.help("these cannot all be so at once: change one of them"));
        }
    }
}

/// What a decision to proceed asks of signals and triggers. What reads the stage before is left out in the first stage, and a
/// trigger with an `unless` may be quiet.
fn demand_of_policy<'p>(parts: &'p PolicyParts, ask: &mut impl FnMut(&'p Condition, Want, &'static str)) {
    for expectation in parts.signals.iter().filter_map(|signal| signal.expectation.as_ref()) {
        if !reads_previous_stage(expectation) {
            ask(expectation, Want::True, "this must be met");
        }
    }
    for trigger in parts.triggers.iter().filter(|trigger| trigger.unless.is_empty()) {
        if trigger.given.as_ref().is_some_and(reads_previous_stage) {
            continue;
        }
        trigger.given.iter().for_each(|given| ask(given, Want::True, "this much evidence must be there"));
        for level in trigger.levels.iter().filter(|level| level.severity >= Severity::Hold) {
            if !reads_previous_stage(&level.condition) {
                ask(&level.condition, Want::False, "this must not be so");
            }
        }
    }
}

/// The demands that cannot all be met: the first that breaks what is before it, and one that it contradicts alone.
fn clash<'d>(space: &Space<'_>, demands: &'d [Demand]) -> Option<Vec<&'d Demand>> {
    let asked: Vec<(&Form, Want)> = demands.iter().map(|demand| (&demand.form, demand.want)).collect();
    if space.can(&asked) {
        return None;
    }
    let last = (1..=asked.len()).find(|count| !asked.get(..*count).is_some_and(|some| space.can(some)))?;
    let (breaking, before) = demands.get(..last)?.split_last()?;
    let alone =
        before.iter().find(|other| !space.can(&[(&other.form, other.want), (&breaking.form, breaking.want)]));
    Some(alone.into_iter().chain([breaking]).collect())
}

fn reads_previous_stage(condition: &Condition) -> bool {
    let mut found = false;
    condition.comparisons(&mut |comparison| found |= comparison.reads(&Expression::PreviousStage));
    found
}

/// Where it asks that every signal meets its expectation.
fn every_expectation(condition: &ast::Condition) -> Option<Span> {
    let mut found = None;
    condition.visit(&mut |part| {
        if matches!(part.kind, ConditionKind::EveryExpectation) {
            found.get_or_insert(part.span);
        }
    });
    found
}
