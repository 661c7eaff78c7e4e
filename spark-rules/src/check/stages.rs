//! Plans and their stages.

use rust_decimal::Decimal;
use spark_core::{Dimension, Plan, Stage, TimeSpan, Unit};

use super::Checker;
use super::conditions::Place;
use super::units::{Type, meant_as};
use crate::ast::{self, Literal, PlanClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

impl Checker<'_> {
    pub(super) fn plan(&mut self, tree: &ast::Plan) -> Plan {
        self.refuse_twice(&tree.clauses, |kind| match kind {
            PlanClause::Stage { .. } => "",
            PlanClause::Warmup(_) => "warmup",
            PlanClause::Watch(_) => "watch",
            PlanClause::Proceed(_) => "proceed when",
        });
        let mut plan = Plan {
            name: tree.name.text.clone(),
            title: tree.title.as_ref().map(|title| title.value.clone()),
            stages: Vec::new(),
            proceed: None,
            warmup: TimeSpan::ZERO,
            watch: TimeSpan::ZERO,
            span: tree.span,
        };
        let mut any_stage = tree.broken;
        let mut before: Option<(u16, Literal)> = None;
        for clause in &tree.clauses {
            match &clause.kind {
                PlanClause::Stage { share, duration, approval } => {
                    any_stage = true;
                    let Some(share_bp) = self.share(*share) else { continue };
                    self.refuse_falling(before, share_bp, *share);
                    before = Some((share_bp, *share));
                    plan.stages.push(Stage {
                        share_bp,
                        duration: duration.value,
                        approval: approval.is_some(),
                        span: clause.span,
                    });
                }
                PlanClause::Warmup(length) => plan.warmup = length.value,
                PlanClause::Watch(length) => plan.watch = length.value,
                PlanClause::Proceed(condition) => plan.proceed = self.condition(condition, Place::PLAN),
            }
        }
        if !any_stage {
            let message = format!("plan `{}` has no stage", plan.name);
            let problem = Diagnostic::error(codes::E0505, tree.name.span, message);
            self.problems.tell(problem.help("write at least one, such as `stage 5% for 15m`"));
        }
        plan
    }

    fn refuse_falling(&mut self, before: Option<(u16, Literal)>, share_bp: u16, share: Literal) {
        let Some((last, first)) = before.filter(|(last, _)| *last >= share_bp) else { return };
        let (written, earlier) = (self.written(share.span).to_owned(), self.written(first.span).to_owned());
        let verb = if last == share_bp { "as much as" } else { "less than" };
        self.problems.tell(
            Diagnostic::error(
                codes::E0503,
                share.span,
                format!("stage `{written}` sends {verb} the stage before it, `{earlier}`"),
            )
            .also(first.span, "the stage before")
            .help("stages rise, up to 100%"),
        );
    }

    /// A share of traffic in hundredths of a percent.
    pub(super) fn share(&mut self, share: Literal) -> Option<u16> {
        let written = self.written(share.span).to_owned();
        let plain = share.value.unit == Unit::of(Dimension::Number);
        if plain {
            let problem = Diagnostic::error(
                codes::E0204,
                share.span,
                format!("a share is written with `%`, found `{written}`"),
            );
            let ratio = Type::Of(Unit::of(Dimension::Ratio));
            self.problems.tell(match meant_as(&written, share.value.value, ratio) {
                Some((meant, true)) => problem
                    .help(format!("write `{meant}`, which is what `{written}` says"))
                    .machine(vec![Edit::replace(share.span, meant)]),
                _ => problem
                    .help(format!("did you mean `{written}%`?"))
                    .maybe(vec![Edit::replace(share.span, format!("{written}%"))]),
            });
            return None;
        }
        if share.value.unit != Unit::of(Dimension::Ratio) {
            let problem =
                Diagnostic::error(codes::E0203, share.span, format!("`{written}` is no share of traffic"));
            self.problems.tell(problem.help("write it as in `5%`"));
            return None;
        }
        let points = share.value.value.checked_mul(Decimal::from(10_000u32)).map(|points| points.normalize());
        let whole = points.filter(|points| points.scale() == 0 && *points >= Decimal::ONE);
        let share_bp = whole.and_then(|points| u16::try_from(points).ok()).filter(|points| *points <= 10_000);
        if share_bp.is_none() {
            self.problems.tell(
                Diagnostic::error(
                    codes::E0504,
                    share.span,
                    format!("`{written}` of the traffic cannot be sent"),
                )
                .help("a share is above 0% and at most 100%, with at most two decimal places"),
            );
        }
        share_bp
    }
}
