//! PromQL as text: numbers, lengths of time, and what needs parentheses.

use rust_decimal::Decimal;
use spark_core::TimeSpan;

/// Digits after the point from which a number is written with an exponent.
const PLACES_MAX: u32 = 9;

/// The longest that Prometheus carries an instant selector's sample on, unless its operator changed that.
pub(super) const LOOK_BACK: TimeSpan = TimeSpan::from_seconds(300);

/// How tightly a text binds, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binding {
    Or,
    And,
    Relation,
    Sum,
    Product,
    Atom,
}

/// A PromQL expression and how tightly it binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promql {
    text: String,
    binding: Binding,
}

impl Promql {
    pub(super) fn new(text: impl Into<String>, binding: Binding) -> Self {
        Self { text: text.into(), binding }
    }

    pub(super) fn atom(text: impl Into<String>) -> Self {
        Self::new(text, Binding::Atom)
    }

    /// The text, in parentheses where it binds more loosely than `at_least`.
    pub(super) fn within(&self, at_least: Binding) -> String {
        if self.binding < at_least { format!("({})", self.text) } else { self.text.clone() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// All of them hold: what is left is the first's value.
    pub(super) fn all(parts: &[Self]) -> Self {
        Self::joined(parts, " and ", Binding::And)
    }

    /// Any of them holds.
    pub(super) fn any(parts: &[Self]) -> Self {
        Self::joined(parts, " or ", Binding::Or)
    }

    fn joined(parts: &[Self], word: &str, binding: Binding) -> Self {
        match parts {
            [only] => only.clone(),
            // of chains of one kind no parentheses are needed, and `or` binds more loosely than `and`
            _ => {
                let parts: Vec<_> = parts.iter().map(|part| part.within(binding)).collect();
                Self::new(parts.join(word), binding)
            }
        }
    }
}

/// A number as PromQL reads it; one that is negative is in parentheses.
pub(super) fn number(value: Decimal) -> String {
    let value = value.normalize();
    let text = if value.scale() > PLACES_MAX && value.abs() < Decimal::ONE {
        let digits = value.mantissa().unsigned_abs().to_string();
        let shift = u32::try_from(digits.len()).unwrap_or(0).saturating_sub(1);
        let power = value.scale().saturating_sub(shift);
        let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        let point = if rest.is_empty() { "" } else { "." };
        format!("{first}{point}{rest}e-{power}")
    } else {
        value.abs().to_string()
    };
    if value.is_sign_negative() && !value.is_zero() { format!("(-{text})") } else { text }
}

/// A length of time in seconds, as PromQL's numbers are.
pub(super) fn seconds(span: TimeSpan) -> String {
    number(span.seconds())
}

/// A length of time as PromQL's durations are, rounded to its milliseconds and at least one.
pub(super) fn duration(span: TimeSpan) -> String {
    let mut rest = span.nanos().checked_div(1_000_000).unwrap_or_default().max(1);
    let mut text = String::new();
    for (millis, word) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")] {
        let whole = rest.checked_div(millis).unwrap_or_default();
        rest = rest.checked_rem(millis).unwrap_or_default();
        if whole > 0 {
            text.push_str(&format!("{whole}{word}"));
        }
    }
    text
}

/// A millisecond: the shortest time that Prometheus knows.
pub(super) const MILLISECOND: TimeSpan = TimeSpan::from_nanos(1_000_000);

/// Whether a length of time is one of whole milliseconds.
pub(super) const fn in_milliseconds(span: TimeSpan) -> bool {
    span.nanos() % 1_000_000 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers and lengths of time are written as PromQL reads them, and as short as people would.
    #[test]
    fn written() {
        for (value, expected) in [
            ("0.4", "0.4"),
            ("0", "0"),
            ("-5", "(-5)"),
            ("0.00000000000003", "3e-14"),
            ("1000000", "1000000"),
        ] {
            assert_eq!(number(value.parse().unwrap()), expected);
        }
        assert_eq!(number("-0.000000000000125".parse().unwrap()), "(-1.25e-13)");
        let millis = |millis: i64| TimeSpan::from_nanos(millis * 1_000_000);
        for (span, expected) in
            [(299_999, "4m59s999ms"), (300_000, "5m"), (1, "1ms"), (0, "1ms"), (90_061_000, "1d1h1m1s")]
        {
            assert_eq!(duration(millis(span)), expected);
        }
    }

    /// Parentheses stand where PromQL would read something else without them.
    #[test]
    fn parentheses() {
        let (a, b, c) = (Promql::atom("a"), Promql::atom("b"), Promql::atom("c"));
        let either = Promql::any(&[a.clone(), b.clone()]);
        assert_eq!(Promql::all(&[either, c.clone()]).text(), "(a or b) and c");
        assert_eq!(Promql::any(&[Promql::all(&[a, b]), c.clone()]).text(), "a and b or c");
    }
}
