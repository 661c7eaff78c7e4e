//! promtool's series: `1 2 _ 4x3 0+5x10 NaN stale`, as values.

use rust_decimal::Decimal;
use spark_core::decimal::parse_exact;

/// Most values of one series: a test of a day at 15 s has six thousand.
const VALUES_MAX: usize = 20_000;

/// One place of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(Decimal),
    NotANumber,
    Infinite,
    NegativeInfinite,
    Nothing,
    Stale,
}

/// Reads a series' values; none where it has what is not known, such as histograms.
pub(super) fn values(text: &str) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        let (start, step, times) = parts(word)?;
        // a blank says how many there are, a number how many come after it
        let count = match (start.as_ref(), times) {
            (_, None) => 1,
            (None, Some(times)) => times,
            (Some(_), Some(times)) => times.checked_add(1)?,
        };
        if all.len().saturating_add(count) > VALUES_MAX {
            return None;
        }
        let mut value = start;
        for _ in 0..count {
            all.push(value.clone().unwrap_or(Value::Nothing));
            if let Some(Value::Number(number)) = &mut value {
                *number = number.checked_add(step)?;
            }
        }
    }
    Some(all)
}

/// A word's first value, what is added each time, and how often it is repeated.
fn parts(word: &str) -> Option<(Option<Value>, Decimal, Option<usize>)> {
    let (head, times) = match word.rsplit_once('x') {
        Some((head, times)) => (head, Some(times.parse().ok()?)),
        None => (word, None),
    };
    let special = match head {
        "_" => Some(None),
        "NaN" => Some(Some(Value::NotANumber)),
        "Inf" | "+Inf" => Some(Some(Value::Infinite)),
        "-Inf" => Some(Some(Value::NegativeInfinite)),
        "stale" => Some(Some(Value::Stale)),
        _ => None,
    };
    if let Some(value) = special {
        return Some((value, Decimal::ZERO, times));
    }
    if let Some(value) = parse_exact(head) {
        return Some((Some(Value::Number(value)), Decimal::ZERO, times));
    }
    // a sign that is neither the first nor an exponent's
    let bytes = head.as_bytes();
    let sign = (1..bytes.len()).find(|place| {
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        matches!(bytes.get(*place), Some(b'+' | b'-')) && !matches!(before, Some(b'e' | b'E'))
    })?;
    let (start, step) = head.split_at_checked(sign)?;
    Some((Some(Value::Number(parse_exact(start)?)), parse_exact(step)?, times))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The notation is promtool's: a repeated number has one more, a repeated blank has not.
    #[test]
    fn notation() {
        let number = |value: i64| Value::Number(Decimal::from(value));
        let check = |text: &str, expected: &[Value]| assert_eq!(values(text).unwrap(), expected, "{text}");
        check("1 2x2", &[number(1), number(2), number(2), number(2)]);
        check("_x2 5", &[Value::Nothing, Value::Nothing, number(5)]);
        check("0+10x2", &[number(0), number(10), number(20)]);
        check("5-5x2", &[number(5), number(0), number(-5)]);
        check("-2-1x1 1e1", &[number(-2), number(-3), number(10)]);
        check("NaN stale", &[Value::NotANumber, Value::Stale]);
        assert_eq!(values("{{schema:0}}"), None);
        assert_eq!(values("1x99999999"), None);
    }
}
