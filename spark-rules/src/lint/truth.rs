//! Conditions that are never true, or never false, whatever is measured.

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Condition, Expression, Plan, Quantity, Severity, Signal, SourceSpan as Span, Test, Trigger,
    WindowFunction,
};

use super::Linter;
use super::shares::is_above_whole;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::interval::{CanBe, Form, Reading, Space, Want, truth_of};

/// Most parts of one `and` or `or` of which each two are held against each other: beyond, the whole of it is shown.
const PAIRS_OF_MAX: usize = 32;

/// What a condition is for, and so what follows where it is always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Level(Severity),
    Clear,
    Given,
    Expectation,
    Proceed,
    Pass,
    /// A part of a condition that is not always the same as a whole.
    Part,
}

impl Role {
    fn never(self) -> String {
        match self {
            Self::Level(severity) => format!("`{}` would never fire", severity.as_str()),
            Self::Clear => "the trigger would never clear".to_owned(),
            Self::Given => "there would never be enough evidence".to_owned(),
            Self::Expectation => "it would never be met, and hold every release".to_owned(),
            Self::Proceed => "no stage would ever be left".to_owned(),
            Self::Pass => "the check would never pass".to_owned(),
            Self::Part => "it adds nothing".to_owned(),
        }
    }

    /// None where it may well be meant: what is always true where it is known still asks for evidence.
    fn always(self) -> Option<String> {
        Some(match self {
            Self::Level(severity) => format!("`{}` would fire at every evaluation", severity.as_str()),
            Self::Clear => "the trigger would clear and come back at every evaluation".to_owned(),
            Self::Expectation => "it would always be met".to_owned(),
            Self::Pass => "the check would pass whatever is measured".to_owned(),
            Self::Proceed | Self::Part => "it adds nothing".to_owned(),
            Self::Given => return None,
        })
    }
}

impl Linter<'_> {
    pub(super) fn truth_of_expectation(&mut self, signal: &Signal) {
        if let Some(condition) = &signal.expectation {
            self.judge(condition, Role::Expectation);
        }
    }

    pub(super) fn truth_of_trigger(&mut self, trigger: &Trigger) {
        for level in &trigger.levels {
            self.judge(&level.condition, Role::Level(level.severity));
        }
        trigger.clear.iter().for_each(|clear| self.judge(clear, Role::Clear));
        trigger.given.iter().for_each(|given| self.judge(given, Role::Given));
    }

    pub(super) fn truth_of_plan(&mut self, plan: &Plan) {
        plan.proceed.iter().for_each(|proceed| self.judge(proceed, Role::Proceed));
    }

    pub(super) fn truth_of_check(&mut self, condition: &Condition) {
        self.judge(condition, Role::Pass);
    }

    fn judge(&mut self, condition: &Condition, role: Role) {
        condition.visit(&mut |part| {
            if let Condition::Compare(comparison) = part
                && is_above_whole(comparison)
            {
                let can = truth_of(part, &self.facts.ranges);
                self.tell_share(comparison, can);
            }
        });
        condition.comparisons(&mut |comparison| self.above_the_buckets(comparison));
        let facts = self.facts;
        let mut judge = Judge { linter: self, space: Space::new(&facts.ranges) };
        judge.look(condition, role);
    }

    fn tell_share(&mut self, comparison: &Comparison, can: CanBe) {
        let text = self.written(comparison.span);
        let consequence = match (can.yes, can.no) {
            (false, true) => ": it can never be true",
            (true, false) => ": it is always true",
            _ => "",
        };
        let message = format!("`{text}` compares a share with more than 100%{consequence}");
        self.tell(Diagnostic::warning(codes::W0302, comparison.span, message).help("a share is 0% to 100%"));
    }
}

impl Linter<'_> {
    /// A quantile is never above the highest finite bucket of its histogram, where it can be known.
    fn above_the_buckets(&mut self, comparison: &Comparison) {
        let (signal, thresholds) = match (&comparison.left, &comparison.test) {
            (Expression::Signal(signal), Test::Is(_, right)) => (signal, vec![right]),
            (Expression::Signal(signal), Test::Between(low, high)) => (signal, vec![low, high]),
            (left, Test::Is(_, Expression::Signal(signal))) => (signal, vec![left]),
            _ => return,
        };
        let Some(top) = self.facts.ranges.top_bucket(*signal) else { return };
        if thresholds.iter().any(|side| matches!(side, Expression::Literal(value) if *value >= top)) {
            let text = self.written(comparison.span);
            let top = Quantity::new(top, comparison.unit).shown_per(comparison.per);
            let message =
                format!("`{text}` asks beyond the highest bucket, {top}: no quantile is above that");
            self.tell(
                Diagnostic::warning(codes::W0320, comparison.span, message)
                    .help("compare with less than the highest bucket, or give the histogram a higher one"),
            );
        }
    }
}

struct Judge<'l, 'p, 'c> {
    linter: &'l mut Linter<'p>,
    space: Space<'c>,
}

impl<'c> Judge<'_, '_, 'c> {
    fn form(&mut self, condition: &'c Condition) -> Form {
        self.space.form(condition, Reading::Bare)
    }

    fn can(&mut self, condition: &'c Condition) -> CanBe {
        let form = self.form(condition);
        CanBe::of(&self.space, &form)
    }

    fn look(&mut self, condition: &'c Condition, role: Role) {
        let can = self.can(condition);
        self.look_at(condition, can, role);
    }

    fn look_at(&mut self, condition: &'c Condition, can: CanBe, role: Role) {
        match can {
            CanBe { yes: false, no: true } => self.never(condition, role),
            CanBe { yes: true, no: false } => self.always(condition, role),
            CanBe { yes: false, no: false } => {}
            CanBe { yes: true, no: true } => match condition {
                Condition::All(parts) | Condition::Any(parts) => {
                    let part = if role == Role::Given { Role::Given } else { Role::Part };
                    parts.iter().for_each(|condition| self.look_at_part(condition, part));
                }
                Condition::Held { condition: inner, .. } => self.look(inner, role),
                Condition::Not(inner) => self.look_at_part(inner, Role::Part),
                Condition::Sequence { first, then, .. } => {
                    let never_first = !truth_of(first, &self.linter.facts.ranges).yes;
                    self.look(first, if never_first { role } else { Role::Part });
                    self.look_at_part(then, Role::Part);
                }
                Condition::Compare(_) | Condition::EveryExpectation => {}
            },
        }
    }

    /// A part of a `given` that can never be true is one of several ways to enough evidence.
    fn look_at_part(&mut self, condition: &'c Condition, role: Role) {
        match self.can(condition) {
            CanBe { yes: false, no: true } => self.never(condition, Role::Part),
            can => self.look_at(condition, can, role),
        }
    }

    /// Tells the smallest part for which it is never true.
    fn never(&mut self, condition: &'c Condition, role: Role) {
        match condition {
            Condition::Compare(comparison) => self.tell(comparison, Some(role.never()), false),
            Condition::Held { condition: inner, .. } => self.never(inner, role),
            Condition::Sequence { then, .. } => self.never(then, role),
            Condition::Any(parts) => parts.iter().for_each(|part| self.never(part, role)),
            Condition::All(parts) => {
                let alone = parts.iter().find(|part| !self.can(part).yes);
                match alone {
                    Some(alone) => self.never(alone, role),
                    None => self.tell_together(condition, parts, Want::True, &role.never()),
                }
            }
            Condition::Not(inner) => match (&**inner, span_of(inner)) {
                (Condition::Compare(comparison), _) => self.tell(comparison, Some(role.never()), true),
                (_, Some(span)) => {
                    let message = format!("this is always true, and `not` of it never: {}", role.never());
                    self.linter.tell(Diagnostic::warning(codes::W0311, span, message));
                }
                (_, None) => {}
            },
            Condition::EveryExpectation => {}
        }
    }

    /// Tells the smallest part for which it is always true.
    fn always(&mut self, condition: &'c Condition, role: Role) {
        let Some(consequence) = role.always() else { return };
        match condition {
            Condition::Compare(comparison) => self.tell(comparison, Some(consequence), true),
            Condition::Held { condition: inner, .. } => self.always(inner, role),
            Condition::All(parts) => parts.iter().for_each(|part| self.always(part, role)),
            Condition::Any(parts) => {
                let alone = parts.iter().find(|part| !self.can(part).no);
                match alone {
                    Some(alone) => self.always(alone, role),
                    None => self.tell_together(condition, parts, Want::False, &consequence),
                }
            }
            Condition::Not(inner) => match (&**inner, span_of(inner)) {
                (Condition::Compare(comparison), _) => self.tell(comparison, Some(consequence), false),
                (_, Some(span)) => {
                    let message = format!("this is never true, and `not` of it always: {consequence}");
                    self.linter.tell(Diagnostic::warning(codes::W0312, span, message));
                }
                (_, None) => {}
            },
            Condition::Sequence { .. } | Condition::EveryExpectation => {}
        }
    }

    /// A comparison that is always the same. One with more than a whole has been told of.
    fn tell(&mut self, comparison: &Comparison, consequence: Option<String>, always: bool) {
        let Some(consequence) = consequence.filter(|_| !is_above_whole(comparison)) else { return };
        let (text, span) = (self.linter.written(comparison.span), comparison.span);
        let code = if always { codes::W0312 } else { codes::W0311 };
        let what = if always { "is always true" } else { "can never be true" };
        let diagnostic = Diagnostic::warning(code, span, format!("`{text}` {what}: {consequence}"));
        self.linter.tell(match self.why(comparison) {
            Some(why) => diagnostic.help(why),
            None => diagnostic,
        });
    }

    /// Parts that contradict each other (or leave nothing out): the first two that do, else all of them.
    fn tell_together(&mut self, whole: &Condition, parts: &'c [Condition], want: Want, consequence: &str) {
        let contradiction = want == Want::True;
        let code = if contradiction { codes::W0311 } else { codes::W0312 };
        let forms: Vec<Form> =
            parts.iter().take(PAIRS_OF_MAX).map(|part| self.space.form(part, Reading::Bare)).collect();
        let pair = forms.iter().enumerate().find_map(|(second, form)| {
            let first = forms
                .iter()
                .take(second)
                .position(|other| !self.space.can(&[(other, want), (form, want)]))?;
            Some((span_of(parts.get(first)?)?, span_of(parts.get(second)?)?))
        });
        let diagnostic = match pair {
            Some((first, second)) => {
                let (a, b) = (self.linter.written(first), self.linter.written(second));
                let (message, label) = match contradiction {
                    true => {
                        (format!("`{b}` and `{a}` are never true together: {consequence}"), "not with this")
                    }
                    false => {
                        (format!("`{a}` or `{b}` is always true: {consequence}"), "what this leaves out")
                    }
                };
                Diagnostic::warning(code, second, message).also(first, label)
            }
            None => {
                let Some(span) = span_of(whole) else { return };
                let what = if contradiction { "this can never be true" } else { "this is always true" };
                Diagnostic::warning(code, span, format!("{what}: {consequence}"))
            }
        };
        self.linter.tell(diagnostic);
    }

    /// Between which values the left side lies.
    fn why(&self, comparison: &Comparison) -> Option<String> {
        let subject = match (&comparison.left, &comparison.test) {
            (Expression::Literal(_), Test::Is(_, right)) => right,
            (left, _) => left,
        };
        if let Expression::Window { function: WindowFunction::Count, signal, over } = subject {
            let fewest = self.linter.facts.ranges.fewest(*signal, *over);
            return Some(format!(
                "with fewer than {fewest} samples in {over} the window is unknown, not a smaller count"
            ));
        }
        let range = self.linter.facts.ranges.of_expression(subject);
        let shown =
            |value: Decimal| Quantity::new(value, comparison.unit).shown_per(comparison.per).to_string();
        match (range.low, range.high) {
            (Some(low), Some(high)) => Some(format!("it lies between {} and {}", shown(low), shown(high))),
            (Some(low), None) => Some(format!("it is never below {}", shown(low))),
            (None, Some(high)) => Some(format!("it is never above {}", shown(high))),
            (None, None) => None,
        }
    }
}

/// From the first comparison of a condition to its last.
pub(super) fn span_of(condition: &Condition) -> Option<Span> {
    let mut whole: Option<Span> = None;
    condition.comparisons(&mut |comparison| {
        whole = Some(whole.map_or(comparison.span, |span| Span {
            start: span.start.min(comparison.span.start),
            end: span.end.max(comparison.span.end),
            ..span
        }));
    });
    whole
}
