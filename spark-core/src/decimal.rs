//! Numbers from text and from binary floats, without a rounding error that could flip a comparison.
//!
//! What a person wrote is kept exactly or refused. What a program computed in binary floating point
//! carries about 15 significant digits: beyond them stands an artefact (`0.30000000000000004`), so it is
//! rounded there before it is compared.

use rust_decimal::Decimal;

/// Significant decimal digits that every `f64` keeps (`f64::DIGITS`).
const FLOAT_DIGITS: u32 = f64::DIGITS;

/// Reads a decimal number exactly: sign, digits, fraction, exponent; `_` between digits is skipped.
///
/// `None` for other text, and for numbers that a 96-bit decimal with at most 28 places cannot hold exactly.
///
/// ```
/// use spark_core::decimal::parse_exact;
/// assert_eq!(parse_exact("1_000.50").unwrap().to_string(), "1000.5");
/// assert_eq!(parse_exact("1.2e-05").unwrap().to_string(), "0.000012");
/// assert_eq!(parse_exact("0x10"), None);
/// ```
pub fn parse_exact(text: &str) -> Option<Decimal> {
    /// Digits that always fit 64 bits.
    const PLAIN_MAX: usize = 18;
    // what most numbers are
    if (1..=PLAIN_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<u64>().ok().map(Decimal::from);
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(place) => (text.get(..place)?, text.get(place.checked_add(1)?..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, mantissa.get(1..)?),
        b'+' => (false, mantissa.get(1..)?),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !well_formed(whole, fraction) {
        return None;
    }
    let mut number: String = whole.chars().chain(fraction.chars()).filter(|c| *c != '_').collect();
    let places = i32::try_from(fraction.chars().filter(|c| *c != '_').count()).ok()?;
    let mut scale = places.checked_sub(exponent)?;
    while scale > 0 && number.len() > 1 && number.ends_with('0') {
        number.pop();
        scale = scale.checked_sub(1)?;
    }
    let stripped = number.trim_start_matches('0');
    if stripped.is_empty() {
        return Some(Decimal::ZERO);
    }
    let mut mantissa: i128 = if stripped.len() > 29 { return None } else { stripped.parse().ok()? };
    while scale < 0 {
        mantissa = mantissa.checked_mul(10).filter(|m| *m < 1i128 << 96)?;
        scale = scale.checked_add(1)?;
    }
    let mantissa = if negative { mantissa.checked_neg()? } else { mantissa };
    Decimal::try_from_i128_with_scale(mantissa, u32::try_from(scale).ok()?).ok().map(|d| d.normalize())
}

fn well_formed(whole: &str, fraction: &str) -> bool {
    let digit_groups = |part: &str| {
        part.is_empty()
            || (part.bytes().all(|b| b.is_ascii_digit() || b == b'_')
                && !part.starts_with('_')
                && !part.ends_with('_'))
    };
    digit_groups(whole) && digit_groups(fraction) && !(whole.is_empty() && fraction.is_empty())
}

/// A decimal from a binary float, rounded to the 15 significant digits that the float surely holds.
///
/// Whole numbers below 2^53 are kept as they are. `None` for NaN, infinities, and values beyond ±7.9e28.
/// A value other than zero never becomes zero: its sign stays, at the smallest step (1e-28).
///
/// ```
/// use spark_core::decimal::from_float;
/// assert_eq!(from_float(0.1 + 0.2).unwrap().to_string(), "0.3");
/// ```
pub fn from_float(value: f64) -> Option<Decimal> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some(Decimal::ZERO);
    }
    if value.trunc() == value && value.abs() < 9_007_199_254_740_992.0 {
        return parse_exact(&format!("{value:.0}"));
    }
    let places = FLOAT_DIGITS.saturating_sub(1) as usize;
    let text = format!("{value:.places$e}");
    parse_exact(&text).or_else(|| tiny(value))
}

/// Numbers too small for 15 digits within 28 places: rounded there, but never to zero.
fn tiny(value: f64) -> Option<Decimal> {
    if value.abs() >= 1.0 {
        return None;
    }
    let rounded = parse_exact(&format!("{value:.28}"))?;
    let step = Decimal::from_i128_with_scale(if value > 0.0 { 1 } else { -1 }, 28);
    Some(if rounded.is_zero() { step } else { rounded })
}

/// A binary float's text, as Prometheus and exposition formats print it, as a decimal.
///
/// Up to 15 significant digits are kept exactly; longer fractions are rounded as by [`from_float`], as are
/// whole numbers beyond what a decimal holds. `None` for NaN, infinities, out of range, and other text.
///
/// ```
/// use spark_core::decimal::parse_float_text;
/// assert_eq!(parse_float_text("0.30000000000000004").unwrap().to_string(), "0.3");
/// assert_eq!(parse_float_text("1767226500.123").unwrap().to_string(), "1767226500.123");
/// ```
pub fn parse_float_text(text: &str) -> Option<Decimal> {
    if let Some(exact) = parse_exact(text).filter(|_| !text.contains('_'))
        && (exact.scale() == 0 || significant_digits(exact) <= FLOAT_DIGITS)
    {
        return Some(exact);
    }
    from_float(text.parse::<f64>().ok()?)
}

fn significant_digits(value: Decimal) -> u32 {
    value.mantissa().unsigned_abs().checked_ilog10().map_or(1, |log| log.saturating_add(1))
}

/// Digits beyond which a number was cut because it does not end, such as a sixtieth: a decimal holds 28.
const ENDLESS_DIGITS: u32 = 26;

/// Whether a factor or a quotient fills all of a decimal's digits: it was cut.
pub(crate) fn is_endless(value: Decimal) -> bool {
    // twenty digits, of which zeros at the end may go: not so many
    if value.scale() <= ENDLESS_DIGITS && u64::try_from(value.mantissa().unsigned_abs()).is_ok() {
        return false;
    }
    let value = value.normalize();
    value.scale() > ENDLESS_DIGITS || significant_digits(value) > ENDLESS_DIGITS
}

/// A computed value without what a cut quotient left behind: 50 × (1/60) and 50/60 must not differ in a comparison.
///
/// Where it is endless, it is rounded to the digits that are surely the same however it was computed: as many as of a
/// binary float. Other values are exact and stay. What a person wrote is never settled.
pub(crate) fn settled(value: Decimal) -> Decimal {
    if is_endless(value) { rounded(value) } else { value.normalize() }
}

/// A value that was computed with an endless factor, whatever is left of its digits.
pub(crate) fn rounded(value: Decimal) -> Decimal {
    value.round_sf(FLOAT_DIGITS).unwrap_or(value).normalize()
}

/// A multiple of 60 of a number that was rounded, for people: 60 × 0.000166666667 is a hundredth, and not 0.01000000002.
///
/// The last two digits, which are the rounding's, go where at least four others go with them; what is exact has no such run.
pub(crate) fn without_a_sixtieths_rest(value: Decimal) -> Decimal {
    const RUN: u32 = 4;
    let value = value.normalize();
    let digits = significant_digits(value);
    let shorter = |drop: u32| {
        let short = value.round_sf(digits.checked_sub(drop)?.max(1))?.normalize();
        (significant_digits(short).saturating_add(drop).saturating_add(RUN) <= digits).then_some(short)
    };
    shorter(1).or_else(|| shorter(2)).unwrap_or(value)
}

/// The nearest binary float.
pub fn to_float(value: Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    value.to_f64().unwrap_or(f64::NAN)
}

/// The powers of ten up to the most places of a decimal.
const TENS: [i128; 29] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
    10_000_000_000_000_000,
    100_000_000_000_000_000,
    1_000_000_000_000_000_000,
    10_000_000_000_000_000_000,
    100_000_000_000_000_000_000,
    1_000_000_000_000_000_000_000,
    10_000_000_000_000_000_000_000,
    100_000_000_000_000_000_000_000,
    1_000_000_000_000_000_000_000_000,
    10_000_000_000_000_000_000_000_000,
    100_000_000_000_000_000_000_000_000,
    1_000_000_000_000_000_000_000_000_000,
    10_000_000_000_000_000_000_000_000_000,
];

/// A power of ten, from a table: numbers in units of it are on the way of every sample. `None` beyond the places of a decimal, 28.
///
/// ```
/// use spark_core::decimal::ten_to;
/// assert_eq!((ten_to(3), ten_to(29)), (Some(1_000), None));
/// ```
pub fn ten_to(power: u32) -> Option<i128> {
    TENS.get(power as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is kept exactly, or refused; never rounded.
    #[test]
    fn exact_text() {
        for (text, expected) in [
            ("0", "0"),
            ("00", "0"),
            ("007", "7"),
            ("1000", "1000"),
            ("999999999999999999", "999999999999999999"),
            ("-0.0", "0"),
            ("1e3", "1000"),
            ("1.2e-05", "0.000012"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("10.100", "10.1"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
        ] {
            assert_eq!(parse_exact(text).unwrap().to_string(), expected, "{text}");
        }
        for text in [
            "",
            ".",
            "1e",
            "e3",
            "_1",
            "1_",
            "NaN",
            "Inf",
            "1 ",
            "--1",
            "1e-29",
            "79228162514264337593543950336",
            "1.00000000000000000000000000000000000001",
        ] {
            assert_eq!(parse_exact(text), None, "{text}");
        }
    }

    /// A float's artefact beyond its 15 digits does not reach a comparison, and a sign is never lost.
    #[test]
    fn floats() {
        assert_eq!(from_float(0.1 + 0.2), parse_exact("0.3"));
        assert_eq!(from_float(1e300), None);
        assert_eq!(from_float(9_007_199_254_740_991.0), parse_exact("9007199254740991"));
        assert!(from_float(5e-324).unwrap() > Decimal::ZERO);
        assert!(from_float(-5e-324).unwrap() < Decimal::ZERO);
        assert_eq!(parse_float_text("0.30000000000000004"), parse_exact("0.3"));
        assert_eq!(parse_float_text("NaN"), None);
    }

    /// A rounded sixtieth times sixty shows no rest; what is exact keeps all its digits.
    #[test]
    fn sixtieths() {
        for (value, expected) in [
            ("0.01000000002", "0.01"),
            ("0.4999999998", "0.5"),
            ("-0.1000000002", "-0.1"),
            ("0.000499999999999998", "0.0005"),
            ("1234567890", "1234567890"),
            ("30", "30"),
            ("0.33333333", "0.33333333"),
            ("1000001", "1000001"),
            ("0", "0"),
        ] {
            let value = parse_exact(value).unwrap();
            assert_eq!(without_a_sixtieths_rest(value).to_string(), expected, "{value}");
        }
    }
}
