//! What a length of time without its unit was meant in: as the signal's other values are written, as its source counts, or
//! as large numbers mostly are.

use std::collections::HashMap;

use rust_decimal::Decimal;
use spark_core::{Dimension, Quantile, Quantity, SignalId, Unit};

use super::units::{Type, meant_as};
use super::{Checker, Texts};
use crate::ast::{self, Compare, ExpressionKind, SignalClause, Source};

/// How much larger or smaller than what is written elsewhere a value may be to be taken as meant.
const FACTOR: Decimal = Decimal::from_parts(50, 0, 0, false, 0);

/// What a signal's lengths of time are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// About so many seconds: what it is compared with elsewhere.
    Near(Decimal),
    Seconds,
    Milliseconds,
}

/// What was meant by a number without its unit, and how to say so.
pub(super) struct Meant {
    pub(super) text: String,
    /// Surely.
    pub(super) sure: bool,
    pub(super) help: String,
}

impl Scale {
    /// Of a signal, from its expectation, its source's unit, or what its metrics and itself are called.
    pub(super) fn of(signal: &ast::Signal, texts: &dyn Texts) -> Option<Self> {
        let expected = signal.clauses.iter().find_map(|clause| match &clause.kind {
            SignalClause::Expect(compare) => length_in(compare),
            _ => None,
        });
        let counted = signal.clauses.iter().find_map(|clause| match &clause.kind {
            SignalClause::From { unit: Some(unit), .. } => match unit.unit.as_str() {
                "s" => Some(Self::Seconds),
                "ms" => Some(Self::Milliseconds),
                _ => None,
            },
            // a percentile of times that are counted in seconds is mostly milliseconds
            SignalClause::From { source: Source::Metrics(metrics), .. }
                if metrics.ranged.iter().any(|name| Quantile::parse(&name.text).is_some()) =>
            {
                None
            }
            SignalClause::From { source: Source::Metrics(metrics), .. } => named(texts.text(metrics.span)),
            SignalClause::From { source: Source::Prometheus(query), .. } => named(&query.value),
            _ => None,
        });
        expected.map(Self::Near).or(counted).or_else(|| named(&signal.name.text))
    }

    /// The unit that a number is likeliest in, and the other one where it may be meant too.
    fn unit_of(self, value: Decimal) -> (&'static str, Option<&'static str>) {
        let milli = value.checked_div(Decimal::ONE_THOUSAND).unwrap_or(value);
        match self {
            Self::Seconds => ("s", (value >= Decimal::TEN).then_some("ms")),
            Self::Milliseconds => ("ms", Some("s")),
            Self::Near(known) => {
                let (long, short) = (apart(value, known), apart(milli, known));
                let other = |far: Decimal, unit| (far <= FACTOR).then_some(unit);
                match long <= short {
                    true => ("s", other(short, "ms")),
                    false => ("ms", other(long, "s")),
                }
            }
        }
    }
}

/// How many times the one is of the other, the larger of the smaller.
fn apart(a: Decimal, b: Decimal) -> Decimal {
    a.max(b).checked_div(a.min(b)).unwrap_or(Decimal::MAX)
}

/// What names say of the unit: those of Prometheus end in it.
fn named(text: &str) -> Option<Scale> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let units = words.filter_map(|word| match word {
        "seconds" | "secs" => Some(Scale::Seconds),
        "ms" | "msec" | "millis" | "milliseconds" => Some(Scale::Milliseconds),
        _ => None,
    });
    let mut units = units.peekable();
    let first = units.peek().copied();
    first.filter(|first| units.all(|other| other == *first))
}

/// The length of time that a comparison names.
fn length_in(compare: &Compare) -> Option<Decimal> {
    compare.limits().find_map(|limit| match &limit.kind {
        ExpressionKind::Literal(value) if value.unit == Unit::of(Dimension::Duration) => {
            (value.value > Decimal::ZERO).then_some(value.value)
        }
        _ => None,
    })
}

/// The lengths of time that signals are compared with in a trigger, by their names.
pub(super) fn beside(trigger: &ast::Trigger) -> HashMap<String, Decimal> {
    let mut found = HashMap::new();
    for condition in trigger.clauses.iter().filter_map(|clause| clause.kind.condition()) {
        condition.comparisons(&mut |compare| {
            let (Some(left), Some(length)) = (&compare.left, length_in(compare)) else { return };
            left.signals(&mut |name, _| {
                found.entry(name.to_owned()).or_insert(length);
            });
        });
    }
    found
}

impl Checker<'_> {
    /// How a plain number was meant as a value of a type, in a comparison that reads this signal.
    pub(super) fn meant(
        &self,
        written: &str,
        value: Decimal,
        wanted: Type,
        reads: Option<SignalId>,
    ) -> Option<Meant> {
        let (text, sure) = meant_as(written, value, wanted)?;
        let place = reads.map(SignalId::index);
        let name = place.and_then(|place| self.signal_names.get(place)).copied().unwrap_or("");
        let declared = place.and_then(|place| self.signals.get(place)).and_then(|info| info.scale);
        let scale = self.beside.get(name).copied().map(Scale::Near).or(declared);
        let duration = wanted == Type::Of(Unit::of(Dimension::Duration)) && value > Decimal::ZERO;
        let Some(scale) = scale.filter(|_| duration) else {
            let help = match sure {
                true => format!("write `{text}`, which is what `{written}` says"),
                false => super::conditions::either(written, value, &text),
            };
            return Some(Meant { text, sure, help });
        };
        let (unit, other) = scale.unit_of(value);
        let text = format!("{written}{unit}");
        let long = unit == "s" && value >= Decimal::from(60u32);
        let which = match long {
            true => format!(", which is {}", Quantity::new(value, Unit::of(Dimension::Duration))),
            false => String::new(),
        };
        let help = match other {
            Some(other) => {
                let gap = if long { "," } else { "" };
                format!("did you mean `{text}`{which}{gap} or `{written}{other}`?")
            }
            None => format!("did you mean `{text}`{which}?"),
        };
        Some(Meant { text, sure: false, help })
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    /// What is written elsewhere says more than how large a number is.
    #[test]
    fn units() {
        let near = |milliseconds: i64| Scale::Near(Decimal::new(milliseconds, 3));
        let cases = [
            (near(60_000), 120, ("s", None)),
            (near(300), 400, ("ms", None)),
            (near(10_000), 2_000, ("ms", None)),
            (near(20_000), 800, ("ms", Some("s"))),
            (near(20_000), 300, ("s", None)),
            (Scale::Seconds, 120, ("s", Some("ms"))),
            (Scale::Seconds, 5, ("s", None)),
            (Scale::Milliseconds, 5, ("ms", Some("s"))),
        ];
        for (scale, value, wanted) in cases {
            assert_eq!(scale.unit_of(value.into()), wanted, "{scale:?} {value}");
        }
        let names = [
            ("p95(http_seconds)", Some(Scale::Seconds)),
            ("lag_ms", Some(Scale::Milliseconds)),
            ("items", None),
            ("lag_ms / lag_seconds", None),
        ];
        for (text, wanted) in names {
            assert_eq!(named(text), wanted, "{text}");
        }
    }
}
