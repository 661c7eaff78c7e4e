//! Conditions: comparisons of one unit, and what may stand where.

use rust_decimal::Decimal;
use spark_core::{Comparison, Condition as Checked, Dimension, PerTime, Quantity, SignalId, Test, Unit};

use super::Checker;
use super::expressions::{Side, Typed};
use super::units::{Type, of, unify};
use crate::ast::{Against, Compare, Condition, ConditionKind, Expression};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Where a condition stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) in_plan: bool,
    under_not: bool,
}

impl Place {
    pub(super) const PLAN: Self = Self { in_plan: true, under_not: false };
}

impl Checker<'_> {
    /// The condition as data; none where something in it is wrong.
    pub(super) fn condition(&mut self, condition: &Condition, place: Place) -> Option<Checked> {
        match &condition.kind {
            ConditionKind::Compare(compare) => {
                self.comparison(compare, None).map(|comparison| Checked::Compare(Box::new(comparison)))
            }
            ConditionKind::All(parts) => self.parts(parts, place).map(Checked::All),
            ConditionKind::Any(parts) => self.parts(parts, place).map(Checked::Any),
            ConditionKind::Not(inner) => {
                let inner = self.condition(inner, Place { under_not: true, ..place })?;
                Some(Checked::Not(Box::new(inner)))
            }
            ConditionKind::Group(inner) => self.condition(inner, place),
            ConditionKind::Held(inner, length) => {
                if place.under_not {
                    self.problems.tell(
                        Diagnostic::error(codes::E0302, length.span, "a `for` stands under `not`")
                            .help("take the `for` out of the `not`: `(not a) for 5m`"),
                    );
                }
                let inner = self.condition(inner, place);
                if place.under_not {
                    return None;
                }
                Some(Checked::Held { condition: Box::new(inner?), duration: length.value })
            }
            ConditionKind::Sequence(first, then, within) => {
                let first = self.condition(first, place);
                let then = self.condition(then, place);
                Some(Checked::Sequence {
                    first: Box::new(first?),
                    then: Box::new(then?),
                    within: within.value,
                })
            }
            ConditionKind::EveryExpectation => {
                if !place.in_plan {
                    self.problems.tell(
                        Diagnostic::error(codes::E0308, condition.span, "`every signal meets its expectation` stands outside of a plan")
                            .help("expectations count by themselves; only a plan's `proceed when` asks for all of them"),
                    );
                    return None;
                }
                Some(Checked::EveryExpectation)
            }
            ConditionKind::Bare(value) => match self.flag(value) {
                Some(flag) => Some(flag),
                None => {
                    self.bare(value);
                    None
                }
            },
        }
    }

    /// What conditions read here, and how that is written.
    const fn read_here(&self) -> (&'static str, &'static str) {
        match self.outer.is_some() {
            true => ("measure", "saturation < 90%"),
            false => ("signal", "p95 > 300ms"),
        }
    }

    fn parts(&mut self, parts: &[Condition], place: Place) -> Option<Vec<Checked>> {
        // all of them are checked before one that is wrong ends it
        let checked: Vec<_> = parts.iter().map(|part| self.condition(part, place)).collect();
        checked.into_iter().collect()
    }

    /// A value where a condition was meant.
    fn bare(&mut self, value: &Expression) {
        let typed = self.expression(value, Side::Right(Type::Wrong));
        if typed.kind == Type::Wrong && typed.value.is_none() {
            return;
        }
        let text = self.written(value.span).to_owned();
        let literal = typed.literal.is_some();
        let code = if literal || !typed.reads_signal { codes::E0301 } else { codes::E0306 };
        let diagnostic = Diagnostic::error(code, value.span, format!("`{text}` alone is no condition"));
        let help = match literal {
            true => {
                let (what, example) = self.read_here();
                format!("a condition compares a {what}, as in `{example}`")
            }
            false => format!("compare it with something: `{text} > {}`", typed.kind.example()),
        };
        self.problems.tell(diagnostic.help(help));
    }

    /// A comparison; `subject` is the left side of an expectation.
    pub(super) fn comparison(&mut self, compare: &Compare, subject: Option<SignalId>) -> Option<Comparison> {
        if self.refuse_compared_flag(compare) {
            return None;
        }
        let left = match (&compare.left, subject) {
            (Some(left), _) => self.expression(left, Side::Left),
            (None, Some(signal)) => self.signal_value(signal),
            (None, None) => return None,
        };
        let side = Side::Right(left.kind);
        match &compare.test {
            Against::Is(relation, right) => {
                let typed = self.expression(right, side);
                self.need_signal(compare, &left, &[&typed])?;
                let kind = self.same_unit(compare, subject, (&left, &typed), right)?;
                let (unit, per) = shown(kind, &left, &[&typed]);
                let test = Test::Is(*relation, typed.value?);
                Some(Comparison { left: left.value?, test, unit, per, span: compare.span })
            }
            Against::Between(low, high) => {
                let (a, b) = (self.expression(low, side), self.expression(high, side));
                self.need_signal(compare, &left, &[&a, &b])?;
                let first = self.same_unit(compare, subject, (&left, &a), low);
                let second = self.same_unit(compare, subject, (&left, &b), high);
                self.refuse_empty_range(compare, &a, &b, (low, high))?;
                let kind = unify(first?, second?)?;
                let (unit, per) = shown(kind, &left, &[&a, &b]);
                let test = Test::Between(a.value?, b.value?);
                Some(Comparison { left: left.value?, test, unit, per, span: compare.span })
            }
        }
    }

    fn need_signal(&mut self, compare: &Compare, left: &Typed, right: &[&Typed]) -> Option<()> {
        if left.reads_signal || right.iter().any(|side| side.reads_signal) {
            return Some(());
        }
        let text = self.written(compare.span).to_owned();
        let (what, example) = self.read_here();
        self.problems.tell(
            Diagnostic::error(codes::E0301, compare.span, format!("`{text}` reads no {what}"))
                .help(format!("it is always the same: compare a {what}, as in `{example}`")),
        );
        None
    }

    fn refuse_empty_range(
        &mut self,
        compare: &Compare,
        a: &Typed,
        b: &Typed,
        (low, high): (&Expression, &Expression),
    ) -> Option<()> {
        let (Some(from), Some(to)) = (a.literal, b.literal) else { return Some(()) };
        if from.value <= to.value || unify(a.kind, b.kind).is_none() {
            return Some(());
        }
        let (from, to) = (self.written(low.span).to_owned(), self.written(high.span).to_owned());
        self.problems.tell(
            Diagnostic::error(codes::E0305, compare.span, format!("nothing is between `{from}` and `{to}`"))
                .help("the smaller end comes first")
                .machine(vec![Edit::replace(low.span, to), Edit::replace(high.span, from)]),
        );
        None
    }

    /// The type of both sides; where they differ, it is told with what would do.
    fn same_unit(
        &mut self,
        compare: &Compare,
        signal: Option<SignalId>,
        (left, right): (&Typed, &Typed),
        at: &Expression,
    ) -> Option<Type> {
        if let Some(kind) = unify(left.kind, right.kind) {
            return Some(kind);
        }
        let named = signal.and_then(|id| self.signal_names.get(id.index()).copied()).unwrap_or("");
        let subject = compare.left.as_ref().map_or(named, |left| self.written(left.span)).to_owned();
        let written = self.written(at.span).to_owned();
        let reads = match (left.literal, &compare.left) {
            (Some(_), _) => self.first_signal(at),
            (None, Some(left)) => self.first_signal(left),
            (None, None) => signal,
        };
        let diagnostic = match (right.literal, left.literal, &compare.left) {
            (Some(literal), _, _) => self.wrong_literal(&subject, left.kind, &written, (literal, at), reads),
            (None, Some(literal), Some(wrong)) => {
                let subject = self.written(at.span).to_owned();
                let written = self.written(wrong.span).to_owned();
                self.wrong_literal(&subject, right.kind, &written, (literal, wrong), reads)
            }
            _ => {
                let message = format!(
                    "`{subject}` is {}, `{written}` is {}: they cannot be compared",
                    left.kind.named(),
                    right.kind.named()
                );
                let diagnostic = Diagnostic::error(codes::E0203, at.span, message);
                let diagnostic = self.declared_here(diagnostic, self.first_signal(at));
                diagnostic.label(format!("expected {}", left.kind.named())).help(format!(
                    "compare it with {}, such as `{}`",
                    left.kind.named(),
                    left.kind.example()
                ))
            }
        };
        let diagnostic = self.declared_here(diagnostic, reads);
        self.problems.tell(diagnostic);
        None
    }

    pub(super) fn wrong_literal(
        &self,
        subject: &str,
        wanted: Type,
        written: &str,
        (literal, at): (Quantity, &Expression),
        reads: Option<SignalId>,
    ) -> Box<Diagnostic> {
        let kind = Type::of_literal(&literal);
        if let (Some(a), Some(b)) = (currency(wanted), currency(kind))
            && a != b
        {
            let message =
                format!("`{subject}` is money in {a}, `{written}` is in {b}: currencies do not mix");
            return Diagnostic::error(codes::E0205, at.span, message)
                .label(format!("expected {a}"))
                .help(format!("write the threshold in {a}"));
        }
        if kind == Type::Plain {
            let message = format!("`{subject}` is {}, `{written}` has no unit", wanted.named());
            let diagnostic = Diagnostic::error(codes::E0204, at.span, message)
                .label(format!("expected {}", wanted.named()));
            return match self.meant(written, literal.value, wanted, reads) {
                Some(meant) => {
                    let edit = vec![Edit::replace(at.span, meant.text)];
                    let diagnostic = diagnostic.help(meant.help);
                    if meant.sure { diagnostic.machine(edit) } else { diagnostic.maybe(edit) }
                }
                None => diagnostic.help(format!("write it as in `{}`", wanted.example())),
            };
        }
        let message = format!("`{subject}` is {}, `{written}` is {}", wanted.named(), kind.named());
        let diagnostic =
            Diagnostic::error(codes::E0203, at.span, message).label(format!("expected {}", wanted.named()));
        let number = wanted == of(Dimension::Number);
        match number && kind == of(Dimension::Ratio) {
            true => {
                let plain = Quantity::new(literal.value, Unit::of(Dimension::Number)).to_string();
                diagnostic.help(format!("{} is written without `%`: `{plain}`", wanted.named()))
            }
            false => {
                diagnostic.help(format!("compare it with {}, such as `{}`", wanted.named(), wanted.example()))
            }
        }
    }
}

/// "did you mean", with what the number of a duration would be in seconds, where that is another kind of length.
pub(super) fn either(written: &str, value: Decimal, meant: &str) -> String {
    let seconds = Quantity::new(value, Unit::of(Dimension::Duration));
    let long = meant.ends_with("ms") && value >= Decimal::from(60u32);
    if meant.ends_with('%') {
        let whole = Quantity::new(value, Unit::of(Dimension::Ratio));
        return format!("did you mean `{meant}`? (as a share, {written} would be {whole})");
    }
    match long {
        true => format!("did you mean `{meant}`? (`{written}s` is {seconds})"),
        false if meant.ends_with('s') && !meant.ends_with("ms") && value < Decimal::ONE => {
            format!("did you mean `{meant}`, which is {seconds}?")
        }
        false => format!("did you mean `{meant}`?"),
    }
}

fn currency(kind: Type) -> Option<String> {
    match kind {
        Type::Of(Unit { dimension: Dimension::Money(currency), .. }) => Some(currency.as_str().to_owned()),
        _ => None,
    }
}

/// The unit that the comparison is shown in: rates per what its literal says, else per what its signal says.
fn shown(kind: Type, left: &Typed, right: &[&Typed]) -> (Unit, PerTime) {
    let literal = right.iter().find_map(|side| side.literal.is_some().then_some(side.per).flatten());
    let inner = right.iter().find_map(|side| side.per);
    let per = literal.or(inner).or(left.per).unwrap_or_default();
    let unit = kind.unit();
    (unit, if unit.per_time { per } else { PerTime::Second })
}
