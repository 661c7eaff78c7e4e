//! What tests say of checks: what a probe finds, and how the check stands.

use spark_core::check::{CheckSeverity, Finding};
use spark_core::{Currency, Dimension, PerTime, Quantity, SourceSpan as Span, Unit};

use super::units::{Type, meant_as, unify};
use super::{Checker, MEASURE_TYPES};
use crate::ast::{self, CheckClause, Literal, Name, SourceUnit};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::test::{CheckState, Found};

/// What a measure is, as far as its check says it.
struct Measure<'t> {
    kind: &'t str,
    unit: Option<&'t SourceUnit>,
    declared: Span,
}

impl Checker<'_> {
    /// What a test gives for a measure.
    pub(super) fn found(
        &mut self,
        before: &[Found],
        (check, measure): (&Name, &Name),
        found: &ast::Found,
        span: Span,
        checks: &[&ast::Check],
    ) -> Option<Found> {
        let tree = checks.get(self.check_named(check, checks)?)?;
        let declared = self.measure_named(tree, measure)?;
        if let Some(first) = before.iter().find(|one| one.check == check.text && one.measure == measure.text)
        {
            let message = format!("`{}.{}` is given twice", check.text, measure.text);
            let problem =
                Diagnostic::error(codes::E0118, measure.span, message).also(first.span, "first here");
            self.problems.tell(problem.help("a check looks once: keep one of them"));
            return None;
        }
        let finding = match found {
            ast::Found::Nothing(words) => {
                Finding::Missing(words.as_ref().map_or("the probe failed", |words| &words.value).to_owned())
            }
            ast::Found::Flag(flag, at) => self.found_flag(*flag, *at, measure, &declared)?,
            ast::Found::Value(literal) => self.found_value(*literal, measure, &declared)?,
        };
        Some(Found { check: check.text.clone(), measure: measure.text.clone(), finding, span })
    }

    fn measure_named<'c>(&mut self, tree: &'c ast::Check, name: &Name) -> Option<Measure<'c>> {
        let measures = tree.clauses.iter().filter_map(|clause| match &clause.kind {
            CheckClause::Measure { name, kind, unit } => Some((name, kind, unit)),
            _ => None,
        });
        if let Some((_, kind, unit)) = measures.clone().find(|(own, ..)| own.text == name.text) {
            return Some(Measure { kind: &kind.text, unit: unit.as_ref(), declared: kind.span });
        }
        if tree.broken {
            return None;
        }
        let names: Vec<&str> = measures.map(|(own, ..)| own.text.as_str()).collect();
        let message = format!("check `{}` has no measure `{}`", tree.name.text, name.text);
        let problem = Diagnostic::error(codes::E0201, name.span, message).also(tree.name.span, "the check");
        let problem = self.problems.suggesting(problem, &name.text, &names, "measures");
        self.problems.tell(problem);
        None
    }

    fn found_flag(&mut self, flag: bool, at: Span, name: &Name, measure: &Measure<'_>) -> Option<Finding> {
        if measure.kind == "flag" {
            return Some(Finding::Flag(flag));
        }
        let wanted = measure_type(measure)?;
        let message = format!("`{}` is {}, and not true or false", name.text, wanted.named());
        let problem = Diagnostic::error(codes::E0203, at, message).also(measure.declared, "declared here");
        self.problems.tell(problem.help(format!("write it as in `{}`", wanted.example())));
        None
    }

    fn found_value(&mut self, literal: Literal, name: &Name, measure: &Measure<'_>) -> Option<Finding> {
        let written = self.written(literal.span).to_owned();
        let found = Type::of_literal(&literal.value);
        if measure.kind == "flag" {
            let message = format!("`{}` is a flag: `{written}` is neither true nor false", name.text);
            let problem = Diagnostic::error(codes::E0203, literal.span, message)
                .also(measure.declared, "declared here");
            let flag = match written.as_str() {
                "1" => Some("true"),
                "0" => Some("false"),
                _ => None,
            };
            self.problems.tell(match flag {
                Some(flag) => {
                    problem.help(format!("write `{flag}`")).machine(vec![Edit::replace(literal.span, flag)])
                }
                None => problem.help("write `true` or `false`"),
            });
            return None;
        }
        let wanted = measure_type(measure)?;
        if unify(wanted, found).is_some() {
            let unit = wanted.unit();
            return Some(Finding::Value(Quantity { unit, ..literal.value }));
        }
        let (code, tail) = match found {
            Type::Plain => (codes::E0204, "has no unit".to_owned()),
            other => (codes::E0203, format!("is {}", other.named())),
        };
        let message = format!("`{}` is {}, `{written}` {tail}", name.text, wanted.named());
        let problem = Diagnostic::error(code, literal.span, message).also(measure.declared, "declared here");
        let meant = (found == Type::Plain).then(|| meant_as(&written, literal.value.value, wanted)).flatten();
        self.problems.tell(match meant {
            Some((text, true)) => {
                problem.help(format!("write `{text}`")).machine(vec![Edit::replace(literal.span, text)])
            }
            Some((text, false)) => {
                problem.help(format!("did you mean `{text}`?")).maybe(vec![Edit::replace(literal.span, text)])
            }
            None => problem.help(format!("write it as in `{}`", wanted.example())),
        });
        None
    }

    /// How a check is expected to stand; nothing where it never does.
    pub(super) fn check_state(
        &mut self,
        name: &Name,
        state: &Name,
        checks: &[&ast::Check],
    ) -> Option<CheckState> {
        let tree = checks.get(self.check_named(name, checks)?)?;
        let expected = CheckState::ALL.into_iter().find(|known| known.as_str() == state.text)?;
        let says = tree.clauses.iter().find_map(|clause| match &clause.kind {
            CheckClause::Else(word) => Some((CheckSeverity::parse(&word.text)?, word.span)),
            _ => None,
        });
        let never = match (says, expected) {
            (Some((CheckSeverity::NoGo, span)), CheckState::Warn) => Some((span, "no-go")),
            (Some((CheckSeverity::Warn, span)), CheckState::NoGo) => Some((span, "warn")),
            _ => None,
        };
        let Some((said, own)) = never else { return Some(expected) };
        let message = format!("check `{}` never stands at `{}`: it says `else {own}`", name.text, state.text);
        self.problems.tell(
            Diagnostic::error(codes::E0511, state.span, message)
                .also(said, "said here")
                .help(format!("write `{own}`"))
                .maybe(vec![Edit::replace(state.span, own)]),
        );
        None
    }
}

/// The type of a measure; none where its check says none that is known.
fn measure_type(measure: &Measure<'_>) -> Option<Type> {
    if !MEASURE_TYPES.contains(&measure.kind) {
        return None;
    }
    let unit = match (measure.kind, measure.unit) {
        ("duration", _) => Unit::of(Dimension::Duration),
        ("ratio", _) => Unit::of(Dimension::Ratio),
        ("bytes", _) => Unit::of(Dimension::Bytes),
        ("number", _) => Unit::of(Dimension::Number),
        ("money", unit) => Unit::of(Dimension::Money(Currency::new(&unit?.unit)?)),
        ("rate", None) => Unit::per_time(Dimension::Count),
        ("rate", Some(unit)) => {
            PerTime::parse(unit.per.as_deref()?)?;
            let dimension = match spark_core::quantity::scale_of(&unit.unit) {
                Some((_, Dimension::Number)) => Dimension::Count,
                Some((_, dimension)) => dimension,
                None => Dimension::Money(Currency::new(&unit.unit)?),
            };
            Unit::per_time(dimension)
        }
        _ => Unit::of(Dimension::Count),
    };
    Some(Type::Of(unit))
}
