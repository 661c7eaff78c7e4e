//! A value and a time as a person or a program writes them into CSV and JSON lines.

use rust_decimal::Decimal;
use spark_core::decimal::parse_exact;
use spark_core::{Dimension, Quantity, Reading, Signal, Timestamp, Unit};

/// Most significant digits that a binary float prints. A longer number was not computed in one, so it is kept
/// exactly or not at all.
const FLOAT_TEXT_DIGITS: usize = 17;

/// Unix seconds from here on are surely milliseconds: as seconds they would be past the year 5000.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Reads RFC 3339 or Unix seconds with a fraction.
pub(super) fn read_time(text: &str) -> Result<Timestamp, String> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let milliseconds = parse_exact(text).is_some_and(|n| n.abs() >= Decimal::from(MILLISECONDS_FROM));
    let hint = if milliseconds { "; these look like milliseconds" } else { "" };
    if text.is_empty() {
        return Err("the time is empty: expected one such as 2026-01-01T00:15:00Z".to_owned());
    }
    Err(format!(
        "`{text}` is no time{hint}: expected RFC 3339, as in 2026-01-01T00:15:00Z, or Unix seconds, as in \
         1767226500.5"
    ))
}

/// Reads a value of `signal`: a number in its base unit, or one with its own unit.
pub(super) fn read_value(text: &str, signal: &Signal) -> Result<Reading, String> {
    if let Some(reading) = read_number(text) {
        return Ok(reading);
    }
    let quantity = match Quantity::parse(text) {
        Ok(quantity) => quantity,
        Err(error) => return Err(not_a_value(text, error, signal.unit)),
    };
    if fits(quantity.unit, signal.unit) {
        return Ok(Reading::Value(quantity.value));
    }
    Err(format!(
        "`{text}` is {}, and `{}` is {}: expected {}, or a value with a unit, as in {}",
        words(quantity.unit),
        signal.name,
        words(signal.unit),
        base(signal.unit),
        example(signal.unit)
    ))
}

/// Reads a value of a signal that nobody declared: a plain number, or in the base unit of its own unit.
pub(super) fn read_any_value(text: &str) -> Result<Reading, String> {
    if let Some(reading) = read_number(text) {
        return Ok(reading);
    }
    Quantity::parse(text)
        .map(|quantity| Reading::Value(quantity.value))
        .map_err(|error| not_a_value(text, error, Unit::of(Dimension::Number)))
}

fn not_a_value(text: &str, error: impl std::fmt::Display, unit: Unit) -> String {
    match text {
        "" => format!("the value is empty: expected a number, as in {}, or NaN", example(unit)),
        // digits without one, or with several points, are no number of any length
        _ if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'+')) => {
            format!("`{text}` is no number: expected one, as in {}, or NaN", example(unit))
        }
        _ => error.to_string(),
    }
}

/// A number without a unit; `None` for other text.
fn read_number(text: &str) -> Option<Reading> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("nan") {
        return Some(Reading::NotANumber);
    }
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Some(Reading::Infinite { negative: text.starts_with('-') });
    }
    if let Some(value) = parse_exact(text) {
        return Some(Reading::Value(value));
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let digits = || mantissa.chars().filter(char::is_ascii_digit);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits().next().is_none()
        || !all_digits(whole)
        || !all_digits(fraction)
        || exponent_digits.is_empty()
        || !all_digits(exponent_digits)
    {
        return None;
    }
    // a number, but not one that a decimal holds exactly
    let significant = digits().skip_while(|c| *c == '0').count();
    match significant <= FLOAT_TEXT_DIGITS {
        true => Reading::from_float_text(text).map(|reading| match reading {
            // a text with digits is no infinity: it is larger than a float
            Reading::Infinite { .. } => Reading::OutOfRange,
            // nor does a number other than zero become zero
            Reading::Value(value) if value.is_zero() && significant > 0 => Reading::OutOfRange,
            other => other,
        }),
        false => Some(Reading::OutOfRange),
    }
}

fn fits(found: Unit, declared: Unit) -> bool {
    // `10k` is how many as well as how much
    let plain = |unit: Unit| matches!(unit.dimension, Dimension::Number | Dimension::Count);
    found == declared || (plain(found) && plain(declared) && found.per_time == declared.per_time)
}

fn words(unit: Unit) -> String {
    let noun = match unit.dimension {
        Dimension::Number => "a number".to_owned(),
        Dimension::Count => "a count".to_owned(),
        Dimension::Ratio => "a ratio".to_owned(),
        Dimension::Duration => "a duration".to_owned(),
        Dimension::Bytes => "an amount of bytes".to_owned(),
        Dimension::Money(currency) => format!("money in {}", currency.as_str()),
    };
    if unit.per_time { format!("{noun} per time") } else { noun }
}

fn base(unit: Unit) -> String {
    let noun = match unit.dimension {
        Dimension::Number | Dimension::Count => "a plain number".to_owned(),
        Dimension::Ratio => "a number from 0 to 1".to_owned(),
        Dimension::Duration => "a number of seconds".to_owned(),
        Dimension::Bytes => "a number of bytes".to_owned(),
        Dimension::Money(currency) => format!("an amount of {}", currency.as_str()),
    };
    if unit.per_time { format!("{noun} per second") } else { noun }
}

fn example(unit: Unit) -> String {
    let amount = match unit.dimension {
        Dimension::Number => "0.8".to_owned(),
        Dimension::Count => "3".to_owned(),
        Dimension::Ratio => "3%".to_owned(),
        Dimension::Duration => "450ms".to_owned(),
        Dimension::Bytes => "10MiB".to_owned(),
        Dimension::Money(currency) => format!("0.10 {}", currency.as_str()),
    };
    if unit.per_time { format!("{amount}/min") } else { amount }
}
