//! Conditions as formulas over few unknowns: what is compared, each with the set of values for which a comparison holds.

use rust_decimal::Decimal;
use spark_core::{Comparison, Condition, Expression, Operator, Relation, Test};

use super::CanBe;
use super::equivalent::in_step;
use super::range::{Range, Ranges, constant, turned};
use super::set::Set;

/// Most different things that one block compares and that are followed: ten times what a person keeps in mind. What is
/// beyond is taken to be anything within its range.
const KEYS_MAX: usize = 64;

/// Most different thresholds of one thing. With more, nothing is proved of it.
const MARKS_MAX: usize = 128;

/// Two thresholds nearer to each other than this part of them may be one to the engine, which takes values within 10⁻¹³
/// for the same where something was rounded: then nothing is proved. A power of ten above that, for rounding on the way.
const NEAR_SCALE: u32 = 12;

/// Something that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key<'c> {
    /// A value, with literals.
    Value(&'c Expression),
    /// A value that is not negative, with multiples of its reference: how many times the reference it is.
    Times(&'c Expression, &'c Expression),
    /// Two values with each other: the sign of their difference.
    Difference(&'c Expression, &'c Expression),
}

#[derive(Debug)]
struct Unknown<'c> {
    key: Key<'c>,
    base: Set,
    /// Thresholds, and the ends of its range.
    marks: Vec<Decimal>,
    /// Two thresholds are too near to each other to be told apart.
    blurred: bool,
}

/// Something that may be true or false by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Free<'c> {
    /// A `for` or a sequence, with all that is in it.
    Whole(&'c Condition),
    /// Whether every expectation is met.
    Expectations,
    /// What is not followed.
    Other,
}

/// A formula.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// Always so.
    Known(bool),
    /// The unknown with that number has a value of the set.
    In(usize, Set),
    /// The free part with that number.
    Free(usize),
    All(Vec<Form>),
    Any(Vec<Form>),
    Not(Box<Form>),
}

impl Form {
    /// The numbers of its free parts, each as often as it stands in it.
    pub(super) fn free_parts(&self, found: &mut Vec<usize>) {
        match self {
            Self::Free(free) => found.push(*free),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.free_parts(found)),
            Self::Not(inner) => inner.free_parts(found),
            Self::Known(_) | Self::In(..) => {}
        }
    }

    /// The numbers of its unknowns, in order, each once.
    pub(crate) fn unknowns(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.gather_unknowns(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether each of its unknowns stands in it once.
    pub(super) fn compares_once(&self) -> bool {
        match self {
            Self::In(..) | Self::Known(_) | Self::Free(_) => true,
            Self::Not(inner) => inner.compares_once(),
            Self::All(_) | Self::Any(_) => {
                let mut found = Vec::new();
                self.gather_unknowns(&mut found);
                found.sort_unstable();
                found.windows(2).all(|pair| pair.first() != pair.last())
            }
        }
    }

    fn gather_unknowns(&self, found: &mut Vec<usize>) {
        match self {
            Self::In(unknown, _) => found.push(*unknown),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.gather_unknowns(found));
            }
            Self::Not(inner) => inner.gather_unknowns(found),
            Self::Known(_) | Self::Free(_) => {}
        }
    }

    /// Whether it offers no choice: then what it can be is known exactly.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::In(..) | Self::Known(_) | Self::Free(_) => true,
            Self::All(parts) => parts.iter().all(Self::is_plain),
            Self::Any(parts) => matches!(parts.as_slice(), [only] if only.is_plain()),
            Self::Not(inner) => matches!(**inner, Self::In(..)),
        }
    }
}

/// How `for` and sequences are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// `for` aside: what must be true for the clock to run.
    Bare,
    /// As written: a clock may be over or not.
    Full,
    /// A `for` and a sequence are one thing each, whatever is in it.
    Whole,
}

/// The unknowns of one or several conditions.
#[derive(Debug)]
pub(crate) struct Space<'c> {
    ranges: &'c Ranges,
    unknowns: Vec<Unknown<'c>>,
    frees: Vec<Free<'c>>,
    /// Something was taken as known that is unknown where evidence is missing.
    shortened: bool,
}

impl<'c> Space<'c> {
    pub(crate) const fn new(ranges: &'c Ranges) -> Self {
        Self { ranges, unknowns: Vec::new(), frees: Vec::new(), shortened: false }
    }

    pub(super) const fn is_shortened(&self) -> bool {
        self.shortened
    }

    /// Of each unknown: the values that it may have.
    pub(super) fn bases(&self) -> Vec<Set> {
        self.unknowns.iter().map(|unknown| unknown.base.clone()).collect()
    }

    /// Whether an unknown may have a value of a set, and one outside of it.
    pub(super) fn can_be_in(&self, unknown: usize, set: &Set) -> CanBe {
        match self.unknowns.get(unknown).filter(|unknown| !unknown.blurred) {
            Some(unknown) => CanBe { yes: unknown.base.meets(set), no: unknown.base.meets(&set.not()) },
            None => CanBe { yes: true, no: true },
        }
    }

    pub(super) fn is_blurred(&self, unknown: usize) -> bool {
        self.unknowns.get(unknown).is_none_or(|unknown| unknown.blurred)
    }

    /// Whether nothing can be proved of one of these unknowns.
    pub(crate) fn is_doubtful(&self, unknowns: &[usize]) -> bool {
        unknowns.iter().any(|unknown| self.is_blurred(*unknown))
    }

    pub(super) fn frees(&self) -> &[Free<'c>] {
        &self.frees
    }

    /// A condition as a formula over the unknowns of this space.
    pub(crate) fn form(&mut self, condition: &'c Condition, reading: Reading) -> Form {
        match condition {
            Condition::Compare(comparison) => self.comparison(comparison),
            Condition::All(parts) => Form::All(parts.iter().map(|part| self.form(part, reading)).collect()),
            Condition::Any(parts) => Form::Any(parts.iter().map(|part| self.form(part, reading)).collect()),
            Condition::Not(inner) => Form::Not(Box::new(self.form(inner, reading))),
            Condition::Held { condition: inner, .. } => match reading {
                Reading::Bare => self.form(inner, reading),
                Reading::Full => {
                    let clock = self.free(Free::Other);
                    Form::All(vec![self.form(inner, reading), clock])
                }
                Reading::Whole => self.free(Free::Whole(condition)),
            },
            // it holds while B does; A held at another instant
            Condition::Sequence { then, .. } => match reading {
                Reading::Whole => self.free(Free::Whole(condition)),
                Reading::Bare | Reading::Full => {
                    let order = self.free(Free::Other);
                    Form::All(vec![self.form(then, reading), order])
                }
            },
            Condition::EveryExpectation => self.free(Free::Expectations),
        }
    }

    fn free(&mut self, free: Free<'c>) -> Form {
        let known = self.frees.iter().position(|other| match (other, free) {
            (Free::Whole(other), Free::Whole(this)) => in_step(other, this, self.ranges),
            (Free::Expectations, Free::Expectations) => true,
            _ => false,
        });
        Form::Free(known.unwrap_or_else(|| {
            self.frees.push(free);
            self.frees.len().saturating_sub(1)
        }))
    }

    fn comparison(&mut self, comparison: &'c Comparison) -> Form {
        match &comparison.test {
            Test::Is(relation, right) => self.relation(&comparison.left, *relation, right),
            Test::Between(low, high) => Form::All(vec![
                self.relation(&comparison.left, Relation::AtLeast, low),
                self.relation(&comparison.left, Relation::AtMost, high),
            ]),
        }
    }

    fn relation(&mut self, left: &'c Expression, relation: Relation, right: &'c Expression) -> Form {
        match (constant(left), constant(right)) {
            (Some(a), Some(b)) => Form::Known(relation.holds(a, b)),
            (None, Some(to)) => self.against(left, relation, to),
            (Some(from), None) => match mentions_reference(right) {
                // of a literal: what it stands for is the literal
                true => self.free(Free::Other),
                false => self.against(right, turned(relation), from),
            },
            (None, None) if left == right => {
                let equal = matches!(relation, Relation::AtLeast | Relation::AtMost | Relation::Equal);
                self.shortened = true;
                Form::Known(equal)
            }
            (None, None) => self.pair(left, relation, right),
        }
    }

    /// A value against a literal; `2 * x > 6` is `x > 3`.
    fn against(&mut self, value: &'c Expression, relation: Relation, to: Decimal) -> Form {
        let (value, relation, to) = unscaled(value, relation, to);
        let range = self.ranges.expression(value, value);
        let base = Set::between(range.low, range.high);
        let marks = range.low.into_iter().chain(range.high).collect();
        self.known(Key::Value(value), base, marks, relation, to)
    }

    fn pair(&mut self, left: &'c Expression, relation: Relation, right: &'c Expression) -> Form {
        let (ours, theirs) = (self.ranges.expression(left, left), self.ranges.expression(right, left));
        if let Some((factor, reference)) = multiple(right).filter(|_| ours.is_positive()) {
            let base = Set::between(Some(Decimal::ZERO), None).with_origin();
            let marks = vec![Decimal::ZERO];
            let form = self.known(Key::Times(left, reference), base, marks, relation, factor);
            return match possible(ours, theirs).and(&Set::of(relation, Decimal::ZERO)).is_empty() {
                true => {
                    self.shortened = true;
                    Form::Known(false)
                }
                false => form,
            };
        }
        let swapped = Key::Difference(right, left);
        if self.unknowns.iter().any(|unknown| unknown.key == swapped) {
            let base = possible(theirs, ours);
            return self.known(swapped, base, Vec::new(), turned(relation), Decimal::ZERO);
        }
        self.known(Key::Difference(left, right), possible(ours, theirs), Vec::new(), relation, Decimal::ZERO)
    }

    /// The unknown's form, and the threshold remembered.
    fn known(
        &mut self,
        key: Key<'c>,
        base: Set,
        marks: Vec<Decimal>,
        relation: Relation,
        to: Decimal,
    ) -> Form {
        let set = Set::of(relation, to);
        let place = self.unknowns.iter().position(|unknown| unknown.key == key);
        let place = match place {
            Some(place) => place,
            None if self.unknowns.len() >= KEYS_MAX => {
                self.shortened = true;
                let near = marks.iter().any(|mark| is_near(*mark, to));
                return match (base.and(&set).is_empty(), base.and(&set.not()).is_empty()) {
                    (true, _) if !near => Form::Known(false),
                    (_, true) if !near => Form::Known(true),
                    _ => self.free(Free::Other),
                };
            }
            None => {
                self.unknowns.push(Unknown { key, base, marks, blurred: false });
                self.unknowns.len().saturating_sub(1)
            }
        };
        if let Some(unknown) = self.unknowns.get_mut(place)
            && !unknown.marks.contains(&to)
        {
            unknown.blurred |=
                unknown.marks.len() >= MARKS_MAX || unknown.marks.iter().any(|mark| is_near(*mark, to));
            if !unknown.blurred {
                unknown.marks.push(to);
            }
        }
        Form::In(place, set)
    }
}

/// Two numbers that are not equal, and may be to the engine.
fn is_near(a: Decimal, b: Decimal) -> bool {
    let reach = a.abs().max(b.abs()).checked_mul(Decimal::new(1, NEAR_SCALE)).unwrap_or(Decimal::MAX);
    a != b && a.checked_sub(b).is_none_or(|distance| distance.abs() <= reach)
}

/// Which signs the difference of two values may have.
fn possible(left: Range, right: Range) -> Set {
    let below =
        |a: Option<Decimal>, b: Option<Decimal>| a.zip(b).is_some_and(|(a, b)| a <= b && !is_near(a, b));
    match (below(left.high, right.low), below(right.high, left.low)) {
        (true, _) => Set::between(None, Some(Decimal::ZERO)),
        (_, true) => Set::between(Some(Decimal::ZERO), None),
        _ => Set::between(None, None),
    }
}

fn mentions_reference(expression: &Expression) -> bool {
    match expression {
        Expression::Baseline | Expression::PreviousStage => true,
        Expression::Arithmetic { left, right, .. } => mentions_reference(left) || mentions_reference(right),
        _ => false,
    }
}

/// A multiple of a reference: `3x baseline`, `baseline + 10%`.
fn multiple(expression: &Expression) -> Option<(Decimal, &Expression)> {
    match expression {
        Expression::Baseline | Expression::PreviousStage => Some((Decimal::ONE, expression)),
        Expression::Arithmetic { operator: Operator::Multiply, left, right } => {
            let (factor, (inner, reference)) = match (constant(left), constant(right)) {
                (Some(factor), None) => (factor, multiple(right)?),
                (None, Some(factor)) => (factor, multiple(left)?),
                _ => return None,
            };
            Some((factor.checked_mul(inner)?, reference))
        }
        _ => None,
    }
}

/// The value without its factor, where the threshold can be divided by it exactly.
fn unscaled(value: &Expression, relation: Relation, to: Decimal) -> (&Expression, Relation, Decimal) {
    let Expression::Arithmetic { operator, left, right } = value else { return (value, relation, to) };
    let (factor, inner) = match (operator, constant(left), constant(right)) {
        (Operator::Multiply, Some(factor), None) => (Some(factor), right),
        (Operator::Multiply, None, Some(factor)) => (Some(factor), left),
        (Operator::Subtract, Some(zero), None) if zero.is_zero() => (Some(Decimal::NEGATIVE_ONE), right),
        (Operator::Divide, None, Some(divisor)) => (Decimal::ONE.checked_div(divisor), left),
        _ => return (value, relation, to),
    };
    let divided = factor.and_then(|factor| {
        let divided = to.checked_div(factor)?.normalize();
        (divided.checked_mul(factor)? == to).then_some((divided, factor < Decimal::ZERO))
    });
    match divided {
        Some((to, true)) => unscaled(inner, turned(relation), to),
        Some((to, false)) => unscaled(inner, relation, to),
        None => (value, relation, to),
    }
}
