//! Comparisons of a policy as rule text. The core keeps literals in base units: which unit one was written in follows from
//! where it stands.

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Dimension, Expression, Operator, PerTime, Policy, Quantity, SignalId, Test, Unit,
};

use super::Value;
use crate::check::units::{Type, calculated, of, per_time, windowed};

/// One comparison of a policy.
pub(super) struct Comparing<'a> {
    policy: &'a Policy,
    comparison: &'a Comparison,
    /// The type of its left side, which references have.
    left: Type,
}

impl<'a> Comparing<'a> {
    pub(super) fn new(policy: &'a Policy, comparison: &'a Comparison) -> Self {
        let mut comparing = Self { policy, comparison, left: Type::Of(comparison.unit) };
        comparing.left = match comparing.kind(&comparison.left) {
            Type::Plain | Type::Wrong => Type::Of(comparison.unit),
            known => known,
        };
        comparing
    }

    pub(super) fn left(&self) -> String {
        self.value(&self.comparison.left, self.comparison.unit).text
    }

    /// `> 400ms`, `between 1ms and 5s`
    pub(super) fn test(&self) -> String {
        let unit = self.comparison.unit;
        match &self.comparison.test {
            Test::Is(relation, right) => format!("{} {}", relation.as_str(), self.value(right, unit).text),
            Test::Between(low, high) => {
                format!("between {} and {}", self.value(low, unit).text, self.value(high, unit).text)
            }
        }
    }

    fn name(&self, id: SignalId) -> &str {
        self.policy.signal(id).map_or("", |signal| &signal.name)
    }

    /// The type of an expression; a literal says nothing of its own.
    fn kind(&self, expression: &Expression) -> Type {
        let signal = |id: SignalId| self.policy.signal(id).map(|signal| signal.unit);
        match expression {
            Expression::Signal(id) => signal(*id).map_or(Type::Wrong, Type::Of),
            Expression::Literal(_) => Type::Plain,
            Expression::Window { function, signal: id, .. } => {
                signal(*id).and_then(|unit| windowed(*function, unit).ok()).unwrap_or(Type::Wrong)
            }
            Expression::Correlation { .. } => of(Dimension::Number),
            Expression::Baseline | Expression::PreviousStage => self.left,
            Expression::Arithmetic { operator, left, right } => {
                let (left, right) = (self.kind(left), self.kind(right));
                match operator {
                    Operator::Add | Operator::Subtract if left == Type::Plain => right,
                    Operator::Add | Operator::Subtract => left,
                    _ => calculated(*operator, left, right).unwrap_or(Type::Wrong),
                }
            }
        }
    }

    /// The text of a value that is wanted in a unit.
    fn value(&self, expression: &Expression, wanted: Unit) -> Value {
        match expression {
            Expression::Signal(id) => Value::single(self.name(*id)),
            Expression::Literal(value) => Value::literal(literal(*value, wanted, self.comparison.per)),
            Expression::Window { function, signal, over } => {
                Value::single(format!("{function}({} over {over})", self.name(*signal)))
            }
            Expression::Correlation { a, b, over } => {
                Value::single(format!("correlation({}, {} over {over})", self.name(*a), self.name(*b)))
            }
            Expression::Baseline => Value::reference("baseline"),
            Expression::PreviousStage => Value::reference("previous stage"),
            Expression::Arithmetic { operator: Operator::Subtract, left, right }
                if **left == Expression::Literal(Decimal::ZERO) =>
            {
                Value::negate(self.value(right, wanted))
            }
            Expression::Arithmetic { operator, left, right } => {
                let (a, b) = self.operands(*operator, left, right, wanted);
                Value::binary(operator.as_str(), self.value(left, a), self.value(right, b))
            }
        }
    }

    /// The units that the operands are wanted in.
    fn operands(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        wanted: Unit,
    ) -> (Unit, Unit) {
        if matches!(operator, Operator::Add | Operator::Subtract) {
            return (wanted, wanted);
        }
        let (a, b) = (self.kind(left), self.kind(right));
        let other = |kind: Type, open: bool| {
            // the other operand's unit says the literal's
            let fits = |unit: &Unit| {
                let own = Type::of_literal(&Quantity::new(Decimal::ONE, *unit));
                let made =
                    if open { calculated(operator, own, kind) } else { calculated(operator, kind, own) };
                made.is_some_and(|made| made == Type::Of(wanted) || made == Type::Quotient && scales(wanted))
            };
            candidates(wanted, kind).into_iter().find(fits).unwrap_or(Unit::of(Dimension::Number))
        };
        match (a, b) {
            (Type::Plain, Type::Plain) => (wanted, Unit::of(Dimension::Number)),
            (Type::Plain, b) => (other(b, true), b.unit()),
            (a, Type::Plain) => (a.unit(), other(a, false)),
            (a, b) => (a.unit(), b.unit()),
        }
    }
}

/// Whether values of the unit scale others.
fn scales(unit: Unit) -> bool {
    !unit.per_time && matches!(unit.dimension, Dimension::Number | Dimension::Ratio)
}

/// Units that a literal beside a value of that type may have, the likelier first.
fn candidates(wanted: Unit, kind: Type) -> Vec<Unit> {
    let mut units = vec![Unit::of(Dimension::Number), Unit::of(Dimension::Duration), wanted];
    units.extend([wanted, kind.unit()].into_iter().flat_map(|unit| match per_time(unit.dimension) {
        Type::Of(rate) => vec![Unit::of(unit.dimension), rate],
        _ => Vec::new(),
    }));
    units
}

/// A literal that reads back as the value: in its usual form, else in one that keeps every digit.
fn literal(value: Decimal, unit: Unit, per: PerTime) -> String {
    let same = |text: &String| Quantity::parse(text).is_ok_and(|read| read.value == value);
    let times = [per, PerTime::Second, PerTime::Minute, PerTime::Hour, PerTime::Day];
    let usual = times.map(|per| Quantity::new(value, unit).shown_per(per).to_string());
    let exact = || {
        let number = value.normalize();
        match unit.dimension {
            _ if unit.per_time => number.to_string(),
            Dimension::Duration => format!("{number}s"),
            Dimension::Bytes => format!("{number}B"),
            Dimension::Ratio => {
                format!("{}%", value.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(value).normalize())
            }
            Dimension::Money(currency) => format!("{number} {}", currency.as_str()),
            Dimension::Number | Dimension::Count => number.to_string(),
        }
    };
    usual.iter().find(|text| same(text)).cloned().unwrap_or_else(exact)
}
