//! Comparisons of a policy as rule text. The core keeps literals in base units: which unit one was written in follows from
//! where it stands.

use rust_decimal::Decimal;
use spark_core::{
    Comparison, Dimension, Expression, Operator, PerTime, Policy, Quantity, SignalId, Test, Unit,
};

use super::Value;
use crate::check::units::{Type, calculated, of, per_time, unify, windowed};

/// One comparison of a policy.
pub(super) struct Comparing<'a> {
    policy: &'a Policy,
    comparison: &'a Comparison,
}

impl<'a> Comparing<'a> {
    pub(super) const fn new(policy: &'a Policy, comparison: &'a Comparison) -> Self {
        Self { policy, comparison }
    }

    pub(super) fn left(&self) -> String {
        self.value(&self.comparison.left, Type::Of(self.comparison.unit)).text
    }

    /// `> 400ms`, `between 1ms and 5s`
    pub(super) fn test(&self) -> String {
        let side = |side: &Expression| self.value(side, Type::Of(self.comparison.unit)).text;
        match &self.comparison.test {
            Test::Is(relation, right) => format!("{} {}", relation.as_str(), side(right)),
            Test::Between(low, high) => format!("between {} and {}", side(low), side(high)),
        }
    }

    fn name(&self, id: SignalId) -> &str {
        self.policy.signal(id).map_or("", |signal| &signal.name)
    }

    /// The types that an expression may have, the likelier first: a literal may have any.
    fn types(&self, expression: &Expression) -> Vec<Type> {
        let signal = |id: SignalId| self.policy.signal(id).map(|signal| signal.unit);
        match expression {
            Expression::Signal(id) => signal(*id).map(Type::Of).into_iter().collect(),
            Expression::Literal(_) => self.literals(),
            Expression::Window { function, signal: id, .. } => {
                signal(*id).and_then(|unit| windowed(*function, unit).ok()).into_iter().collect()
            }
            Expression::Correlation { .. } => vec![of(Dimension::Number)],
            Expression::Baseline | Expression::PreviousStage => vec![Type::Of(self.comparison.unit)],
            Expression::Arithmetic { operator, left, right } => {
                let mut found = Vec::new();
                for (_, _, made) in self.calculations(*operator, left, right) {
                    if !found.contains(&made) {
                        found.push(made);
                    }
                }
                found
            }
        }
    }

    /// The types that a literal of this comparison may have.
    fn literals(&self) -> Vec<Type> {
        let mut found = vec![Type::Plain, of(Dimension::Duration)];
        let mut add = |unit: Unit| {
            for kind in [Type::Of(unit), of(unit.dimension), per_time(unit.dimension)] {
                if !found.contains(&kind) && kind != of(Dimension::Number) {
                    found.push(kind);
                }
            }
        };
        add(self.comparison.unit);
        self.comparison.signals(&mut |id| {
            if let Some(signal) = self.policy.signal(id) {
                add(signal.unit);
            }
        });
        found
    }

    /// The types that both operands may have, and what is made of them.
    fn calculations(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Vec<(Type, Type, Type)> {
        let rights = self.types(right);
        let mut found = Vec::new();
        for a in self.types(left) {
            for b in &rights {
                found.extend(calculated(operator, a, *b).map(|made| (a, *b, made)));
            }
        }
        found
    }

    /// The text of a value that is wanted as a type.
    fn value(&self, expression: &Expression, wanted: Type) -> Value {
        match expression {
            Expression::Signal(id) => Value::single(self.name(*id)),
            Expression::Literal(value) => {
                let unit = if wanted == Type::Plain { Unit::of(Dimension::Number) } else { wanted.unit() };
                Value::literal(literal(*value, unit, self.comparison.per))
            }
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
                let all = self.calculations(*operator, left, right);
                let exact = all.iter().find(|(_, _, made)| *made == wanted).copied();
                let found =
                    exact.or_else(|| all.into_iter().find(|(_, _, made)| unify(*made, wanted).is_some()));
                let (a, b, _) = found.unwrap_or((wanted, wanted, wanted));
                Value::binary(operator.as_str(), self.value(left, a), self.value(right, b))
            }
        }
    }
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
