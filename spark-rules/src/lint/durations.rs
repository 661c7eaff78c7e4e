//! Lengths of time: `for`, stages, `stale after`.

use spark_core::{Plan, Stage, TimeSpan};

use super::Linter;
use super::facts::Stay;
use crate::ast::{self, Condition, ConditionKind, Length, PlanClause, SignalClause, TriggerClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

impl Linter<'_> {
    pub(super) fn stale_too_soon(&mut self, tree: &ast::Signal) {
        for clause in &tree.clauses {
            let SignalClause::StaleAfter(length) = &clause.kind else { continue };
            let every = self.facts.every;
            if length.value < every {
                let message = format!(
                    "`{}` is stale after {}, before the next evaluation: `evaluate every` is {every}",
                    tree.name.text, length.value
                );
                let help = format!("write at least `stale after {}`", every.times(2));
                self.tell(Diagnostic::warning(codes::W0306, clause.span, message).help(help));
            }
        }
    }

    pub(super) fn times_of_trigger(&mut self, tree: &ast::Trigger) {
        for clause in &tree.clauses {
            let (condition, level) = match &clause.kind {
                TriggerClause::Level(_, condition) => (condition, true),
                TriggerClause::Clear(condition) | TriggerClause::Given(condition) => (condition, false),
                _ => continue,
            };
            held(condition, &mut |length| {
                self.few_evaluations(length);
                if level {
                    self.longer_than_a_stage(length, "is over before that");
                }
            });
        }
    }

    pub(super) fn times_of_plan(&mut self, tree: &ast::Plan) {
        for clause in &tree.clauses {
            let PlanClause::Proceed(condition) = &clause.kind else { continue };
            held(condition, &mut |length| {
                self.few_evaluations(length);
                self.longer_than_a_stage(length, "takes longer than it says");
            });
        }
    }

    /// A `for` that one interval between evaluations fulfils, or that ends between two of them.
    fn few_evaluations(&mut self, length: Length) {
        let every = self.facts.every;
        // `for 0s` is none, and says so
        if length.value.is_zero() || every.is_zero() {
            return;
        }
        let written = self.written(length.span);
        let two = every.times(2);
        if length.value < two {
            let takes = match length.value <= every {
                true => "two samples that are true fulfil it".to_owned(),
                false => format!("it takes {two}"),
            };
            let message = format!("`for {written}` is shorter than two evaluations: {takes}");
            self.tell(
                Diagnostic::warning(codes::W0314, length.span, message)
                    .help(format!("`evaluate every` is {every}: write at least `{two}`, or no `for`"))
                    .maybe(vec![Edit::replace(length.span, two.to_string())]),
            );
            return;
        }
        let rest = length.value.nanos().checked_rem(every.nanos()).unwrap_or(0);
        if rest != 0 {
            let next = length.value.plus(every.minus(TimeSpan::from_nanos(rest)));
            let message = format!("`for {written}` ends between two evaluations: it takes {next}");
            self.tell(
                Diagnostic::warning(codes::W0315, length.span, message)
                    .help(format!("`evaluate every` is {every}: write a multiple of it, such as `{next}`"))
                    .maybe(vec![Edit::replace(length.span, next.to_string())]),
            );
        }
    }

    /// A `for` that no stage is long enough for.
    fn longer_than_a_stage(&mut self, length: Length, consequence: &str) {
        let Some(Stay { lasts: shortest, warmed, span }) = self.facts.shortest else { return };
        if length.value > shortest {
            let stage = if warmed { "stage with its warm-up" } else { "stage" };
            let message = format!("`for {}` is longer than the shortest {stage}, {shortest}", length.value);
            let label = format!("`{}` {consequence}", self.written(span));
            self.tell(
                Diagnostic::warning(codes::W0304, length.span, message)
                    .also(span, label)
                    .help("make the stage longer, or the `for` shorter"),
            );
        }
    }

    /// A warm-up that is longer than what it comes before, and a watch in which no decision is made.
    pub(super) fn lengths_of_plan(&mut self, tree: &ast::Plan, plan: &Plan) {
        for clause in &tree.clauses {
            match &clause.kind {
                PlanClause::Warmup(length) => self.long_warmup(*length, plan),
                PlanClause::Watch(length) => self.short_watch(*length),
                PlanClause::Stage { .. } | PlanClause::Proceed(_) => {}
            }
        }
    }

    /// Of such a stage most does not count. As long as it, a warm-up may be meant: half of the stage counts.
    fn long_warmup(&mut self, length: Length, plan: &Plan) {
        let Some(stage) = shortest(plan).filter(|stage| stage.duration < length.value) else { return };
        let written = self.written(length.span);
        let message = format!("`warmup {written}` is longer than the shortest stage, {}", stage.duration);
        let takes = stage.duration.plus(length.value);
        let label = format!("this takes {takes}, and {} of it count", stage.duration);
        self.tell(Diagnostic::warning(codes::W0328, length.span, message).also(stage.span, label).help(
            "a stage lasts its warm-up and then its own time: make the warm-up shorter, or the stage longer",
        ));
    }

    fn short_watch(&mut self, length: Length) {
        let every = self.facts.every;
        if length.value < every {
            let written = self.written(length.span);
            let message = format!("`watch {written}` is over before the next evaluation");
            self.tell(
                Diagnostic::warning(codes::W0329, length.span, message)
                    .help(format!("`evaluate every` is {every}: watch for longer, such as `watch 24h`")),
            );
        }
    }

    /// Stages that are too short for the longest `for`, beside the shortest of all, which is told of at the `for`.
    pub(super) fn short_stages(&mut self, plan: &Plan) {
        let (Some((longest, span)), Some(shortest)) = (self.facts.longest, self.facts.shortest) else {
            return;
        };
        // where every stage is too short, it is the `for` that is too long
        if Stay::of(plan).all(|stay| stay.lasts < longest) {
            return;
        }
        for stage in Stay::of(plan).filter(|stay| stay.lasts < longest && stay.span != shortest.span) {
            let written = self.written(stage.span);
            let with = if stage.warmed { " with its warm-up" } else { "" };
            let message = format!("`{written}`{with} is shorter than the longest `for`, {longest}");
            self.tell(
                Diagnostic::warning(codes::W0318, stage.span, message)
                    .also(span, "this takes longer than the stage")
                    .help("make the stage longer, or the `for` shorter"),
            );
        }
    }
}

/// The shortest stage of a plan.
fn shortest(plan: &Plan) -> Option<&Stage> {
    plan.stages.iter().min_by_key(|stage| stage.duration)
}

/// Shows every `for` in a condition.
pub(super) fn held(condition: &Condition, see: &mut impl FnMut(Length)) {
    condition.visit(&mut |part| {
        if let ConditionKind::Held(_, length) = &part.kind {
            see(*length);
        }
    });
}
