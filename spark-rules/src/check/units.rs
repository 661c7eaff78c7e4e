//! Units as types: what may be compared, added and multiplied.

use rust_decimal::Decimal;
use spark_core::{Dimension, Operator, Quantity, Unit, WindowFunction};

/// What a value is, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// Something in it was wrong and has been told: it goes with everything.
    Wrong,
    /// A number without a unit: a count or a number, whichever is asked for.
    Plain,
    /// A value in a unit.
    Of(Unit),
    /// A value divided by another of its unit: a ratio or a number, whichever is asked for.
    Quotient,
}

pub(crate) const fn of(dimension: Dimension) -> Type {
    Type::Of(Unit::of(dimension))
}

/// A dimension per time; a number per time is a count per time, because they are written alike.
pub(crate) fn per_time(dimension: Dimension) -> Type {
    let dimension = if dimension == Dimension::Number { Dimension::Count } else { dimension };
    Type::Of(Unit::per_time(dimension))
}

impl Type {
    /// The type of a literal.
    pub(crate) fn of_literal(value: &Quantity) -> Self {
        match value.unit {
            Unit { dimension: Dimension::Number, per_time: false } => Self::Plain,
            Unit { dimension, per_time: true } => per_time(dimension),
            unit => Self::Of(unit),
        }
    }

    /// Whether it scales other values without changing what they are.
    fn scales(self) -> bool {
        matches!(self, Self::Plain | Self::Quotient)
            || self == of(Dimension::Number)
            || self == of(Dimension::Ratio)
    }

    /// The unit that values of it are shown in.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Of(unit) => unit,
            Self::Plain => Unit::of(Dimension::Count),
            Self::Wrong | Self::Quotient => Unit::of(Dimension::Number),
        }
    }

    /// Its name in messages, with an article.
    pub(super) fn named(self) -> String {
        match self {
            Self::Wrong => "a value".to_owned(),
            Self::Plain => "a plain number".to_owned(),
            Self::Quotient => "a ratio".to_owned(),
            Self::Of(unit) => {
                let name = match unit.dimension {
                    Dimension::Number => "a number".to_owned(),
                    Dimension::Count => "a count".to_owned(),
                    Dimension::Ratio => "a ratio".to_owned(),
                    Dimension::Duration => "a duration".to_owned(),
                    Dimension::Bytes => "bytes".to_owned(),
                    Dimension::Money(currency) => format!("money in {}", currency.as_str()),
                };
                match (unit.per_time, unit.dimension) {
                    (false, _) => name,
                    (true, Dimension::Count) => "a rate".to_owned(),
                    (true, _) => format!("{name} per time"),
                }
            }
        }
    }

    /// A literal of the type, for help.
    pub(super) fn example(self) -> String {
        let Self::Of(unit) = self else {
            return match self {
                Self::Quotient => "5%".to_owned(),
                _ => "10".to_owned(),
            };
        };
        match (unit.dimension, unit.per_time) {
            (Dimension::Number, _) => "0.8".to_owned(),
            (Dimension::Count, false) => "10".to_owned(),
            (Dimension::Count, true) => "10/min".to_owned(),
            (Dimension::Ratio, false) => "5%".to_owned(),
            (Dimension::Ratio, true) => "1%/min".to_owned(),
            (Dimension::Duration, false) => "300ms".to_owned(),
            (Dimension::Duration, true) => "5ms/min".to_owned(),
            (Dimension::Bytes, false) => "10MiB".to_owned(),
            (Dimension::Bytes, true) => "10MiB/min".to_owned(),
            (Dimension::Money(currency), false) => format!("0.10 {}", currency.as_str()),
            (Dimension::Money(currency), true) => format!("0.10 {}/min", currency.as_str()),
        }
    }
}

/// The type that both sides of a comparison or a sum have; none where they cannot meet.
pub(crate) fn unify(a: Type, b: Type) -> Option<Type> {
    let counts = |unit: Unit| unit == Unit::of(Dimension::Count) || unit == Unit::of(Dimension::Number);
    match (a, b) {
        (Type::Wrong, other) | (other, Type::Wrong) => Some(other),
        (a, b) if a == b => Some(a),
        (Type::Plain, Type::Of(unit)) | (Type::Of(unit), Type::Plain) if counts(unit) => Some(Type::Of(unit)),
        (Type::Plain, Type::Quotient) | (Type::Quotient, Type::Plain) => Some(of(Dimension::Number)),
        (Type::Quotient, Type::Of(unit)) | (Type::Of(unit), Type::Quotient)
            if unit == Unit::of(Dimension::Ratio) || unit == Unit::of(Dimension::Number) =>
        {
            Some(Type::Of(unit))
        }
        _ => None,
    }
}

/// The type of a calculation; none where it has no meaning.
pub(crate) fn calculated(operator: Operator, a: Type, b: Type) -> Option<Type> {
    if a == Type::Wrong || b == Type::Wrong {
        return Some(Type::Wrong);
    }
    match operator {
        Operator::Add | Operator::Subtract => unify(a, b),
        Operator::Multiply => product(a, b),
        Operator::Divide => quotient(a, b),
    }
}

fn product(a: Type, b: Type) -> Option<Type> {
    match (a, b) {
        (Type::Plain, other) | (other, Type::Plain) => Some(other),
        (Type::Quotient, other) | (other, Type::Quotient) => Some(other),
        (scale, other) if scale == of(Dimension::Number) => Some(other),
        (other, scale) if scale == of(Dimension::Number) => Some(other),
        (scale, other) | (other, scale) if scale == of(Dimension::Ratio) => Some(other),
        (Type::Of(rate), Type::Of(time)) | (Type::Of(time), Type::Of(rate))
            if rate.per_time && time == Unit::of(Dimension::Duration) =>
        {
            Some(of(rate.dimension))
        }
        _ => None,
    }
}

fn quotient(a: Type, b: Type) -> Option<Type> {
    match (a, b) {
        (Type::Plain, Type::Plain) => Some(Type::Plain),
        (a, b) if a == b => Some(Type::Quotient),
        (a, b) if b.scales() && a != Type::Plain => Some(a),
        (Type::Plain, b) if b == of(Dimension::Number) || b == Type::Quotient => Some(of(Dimension::Number)),
        (Type::Plain, b) if b == of(Dimension::Count) => Some(Type::Quotient),
        (a, Type::Of(time)) if time == Unit::of(Dimension::Duration) => match a {
            Type::Of(unit) if !unit.per_time => Some(per_time(unit.dimension)),
            Type::Plain => Some(per_time(Dimension::Count)),
            _ => None,
        },
        (Type::Of(amount), Type::Of(rate)) if rate.per_time && !amount.per_time => {
            (amount.dimension == rate.dimension).then_some(of(Dimension::Duration))
        }
        _ => None,
    }
}

/// The type of a function of a window; else why it does not fit.
pub(crate) fn windowed(function: WindowFunction, unit: Unit) -> Result<Type, &'static str> {
    let adds_up = !unit.per_time && unit.dimension != Dimension::Ratio;
    match function {
        WindowFunction::Count => Ok(of(Dimension::Count)),
        WindowFunction::Increase | WindowFunction::Rate if unit.per_time => {
            Err("a rate is growth per time already: use `avg`, or `slope` of what it counts")
        }
        WindowFunction::Increase | WindowFunction::Rate if !adds_up => {
            Err("a ratio does not add up: use `avg`, `delta` or `slope`")
        }
        WindowFunction::Slope if unit.per_time => Err("the slope of a rate has no unit here: use `delta`"),
        WindowFunction::Rate | WindowFunction::Slope => Ok(per_time(unit.dimension)),
        WindowFunction::Avg
        | WindowFunction::Min
        | WindowFunction::Max
        | WindowFunction::Sum
        | WindowFunction::Quantile(_)
        | WindowFunction::Stddev
        | WindowFunction::Increase
        | WindowFunction::Delta => Ok(Type::Of(unit)),
    }
}

/// How a plain number was surely or probably meant as a value of the type: `0.05` as a ratio is `5%`.
pub(super) fn meant_as(written: &str, value: Decimal, wanted: Type) -> Option<(String, bool)> {
    let Type::Of(unit) = wanted else {
        return (wanted == Type::Quotient).then(|| (format!("{written}%"), false));
    };
    match (unit.dimension, unit.per_time) {
        (Dimension::Ratio, false) => {
            let hundredfold = value.checked_mul(Decimal::ONE_HUNDRED)?.normalize();
            match value.abs() < Decimal::ONE {
                // a fraction of one is the other way to write a share, and surely that share
                true => Some((format!("{hundredfold}%"), true)),
                false => Some((format!("{written}%"), false)),
            }
        }
        (Dimension::Duration, false) => {
            let unit = if value >= Decimal::TEN { "ms" } else { "s" };
            Some((format!("{written}{unit}"), false))
        }
        (Dimension::Bytes, false) => Some((format!("{written}B"), false)),
        (Dimension::Bytes, true) => Some((format!("{written}B/s"), false)),
        (Dimension::Money(currency), false) => Some((format!("{written} {}", currency.as_str()), false)),
        (Dimension::Count, true) => Some((format!("{written}/s"), false)),
        _ => None,
    }
}
