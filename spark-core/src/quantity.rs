//! Values with units: what a signal measures, and how a person writes and reads it.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decimal::{parse_exact, settled, without_a_sixtieths_rest};
use crate::time::TimeSpan;

/// Longest currency code, in bytes: `USDT`, `BTCTRY` and test codes fit, prose does not.
const CURRENCY_BYTES_MAX: usize = 10;

/// A currency or asset code, as in `0.10 USDT`: two to ten capitals or digits, a capital first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    // INVARIANT: the first `len` bytes are ASCII capitals or digits; 2 <= len <= CURRENCY_BYTES_MAX
    bytes: [u8; CURRENCY_BYTES_MAX],
    len: u8,
}

impl Currency {
    /// A currency from its code; `None` unless it is two to ten capitals or digits, a capital first.
    pub fn new(code: &str) -> Option<Self> {
        let fits = (2..=CURRENCY_BYTES_MAX).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && code.starts_with(|c: char| c.is_ascii_uppercase());
        if !fits {
            return None;
        }
        let mut bytes = [0; CURRENCY_BYTES_MAX];
        bytes.iter_mut().zip(code.bytes()).for_each(|(slot, byte)| *slot = byte);
        Some(Self { bytes, len: u8::try_from(code.len()).ok()? })
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|code| std::str::from_utf8(code).ok()).unwrap_or("")
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::new(&code)
            .ok_or_else(|| format!("`{code}` is no currency: expected two to ten capitals, as in USDT"))
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// What is measured, time aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Dimensionless: a correlation, a score.
    Number,
    /// How many.
    Count,
    /// A share, 0 to 1, written as a percentage.
    Ratio,
    /// A length of time, in seconds.
    Duration,
    /// An amount of memory or traffic, in bytes.
    Bytes,
    /// An exact amount of money; currencies do not mix.
    Money(Currency),
}

/// The unit that values of a signal or an expression are in: a dimension, or a dimension per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// What is measured.
    pub dimension: Dimension,
    /// Whether it is measured per time; the base is per second.
    pub per_time: bool,
}

impl Unit {
    /// The dimension itself.
    pub const fn of(dimension: Dimension) -> Self {
        Self { dimension, per_time: false }
    }

    /// The dimension per time.
    pub const fn per_time(dimension: Dimension) -> Self {
        Self { dimension, per_time: true }
    }
}

/// The time that a rate is shown per. It changes the text alone: values stay per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerTime {
    /// `/s`
    #[default]
    Second,
    /// `/min`
    Minute,
    /// `/h`
    Hour,
    /// `/d`
    Day,
}

impl PerTime {
    /// How many seconds it is.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The word after the slash.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "d",
        }
    }

    /// Reads the word after the slash: `s`, `m` or `min`, `h`, `d`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "s" => Some(Self::Second),
            "m" | "min" => Some(Self::Minute),
            "h" => Some(Self::Hour),
            "d" => Some(Self::Day),
            _ => None,
        }
    }
}

/// A value in a unit, exact: seconds, 0 to 1, bytes, per second.
///
/// It reads what rules write, and writes what rules read.
///
/// ```
/// use spark_core::Quantity;
/// for text in ["450ms", "1h30m", "3%", "50/min", "10MiB/min", "0.1 USDT", "1000", "-50ms"] {
///     assert_eq!(Quantity::parse(text).unwrap().to_string(), text);
/// }
/// assert_eq!(Quantity::parse("400s").unwrap().to_string(), "6m40s");
/// assert!(Quantity::parse("5 apples").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// The value in the base unit.
    #[serde(with = "rust_decimal::serde::str")]
    pub value: Decimal,
    /// The unit.
    pub unit: Unit,
    /// The time that a rate is shown per.
    #[serde(default)]
    pub per: PerTime,
}

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// It does not start with a number.
    #[error("`{0}` is no value: expected a number with a unit, such as 450ms, 3%, 50/min or 10MiB")]
    NotANumber(String),
    /// The number is longer than can be held exactly.
    #[error("`{0}` cannot be held exactly: at most 28 digits")]
    Inexact(String),
    /// The unit is not one that rules know.
    #[error(
        "`{unit}` is no unit: expected us, ms, s, m, h, d, %, KiB, MiB, GiB, KB, MB, GB, B, /s, /min, /h or a currency"
    )]
    UnknownUnit {
        /// What was found after the number.
        unit: String,
    },
}

impl Quantity {
    /// A value in a unit.
    pub const fn new(value: Decimal, unit: Unit) -> Self {
        Self { value, unit, per: PerTime::Second }
    }

    /// Reads a literal of the rule language: `450ms`, `1h30m`, `3%`, `1_000`, `10k`, `50/min`, `10MiB/min`,
    /// `0.10 USDT`, with a sign where one stands.
    ///
    /// # Errors
    /// The text is no number, is longer than 28 digits, or its unit is unknown.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let text = text.trim();
        let (negative, body) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (amount, per) = match body.split_once('/') {
            Some((amount, word)) => {
                let per = PerTime::parse(word.trim())
                    .ok_or_else(|| QuantityError::UnknownUnit { unit: format!("/{}", word.trim()) })?;
                (amount.trim_end(), Some(per))
            }
            None => (body, None),
        };
        let (value, dimension) = parse_amount(amount)?;
        let inexact = || QuantityError::Inexact(text.to_owned());
        let value = if negative { Decimal::ZERO.checked_sub(value).ok_or_else(inexact)? } else { value };
        match per {
            None => Ok(Self::new(value, Unit::of(dimension))),
            Some(per) => {
                let value = value.checked_div(Decimal::from(per.seconds())).ok_or_else(inexact)?.normalize();
                let dimension = if dimension == Dimension::Number { Dimension::Count } else { dimension };
                Ok(Self { value, unit: Unit::per_time(dimension), per })
            }
        }
    }

    /// Of bytes, the text for people in the units that they write: at most four places behind the point. Nothing of
    /// another dimension.
    ///
    /// ```
    /// use spark_core::{quantity::ByteUnits, Quantity};
    /// let quantity = Quantity::parse("50123456B").unwrap();
    /// assert_eq!(quantity.in_bytes(ByteUnits::Binary).unwrap(), "47.8015MiB");
    /// assert_eq!(quantity.in_bytes(ByteUnits::Decimal).unwrap(), "50.1235MB");
    /// ```
    pub fn in_bytes(&self, units: ByteUnits) -> Option<String> {
        /// A hundred bytes of a megabyte: finer than any chart, and as short as a number of seconds.
        const PLACES: u32 = 4;
        let text = units.text(self.per_shown(), Some(PLACES));
        match (self.unit.dimension, self.unit.per_time) {
            (Dimension::Bytes, true) => Some(format!("{text}/{}", self.per.as_str())),
            (Dimension::Bytes, false) => Some(text),
            _ => None,
        }
    }

    /// The value as it is shown: a rate per its own time.
    fn per_shown(&self) -> Decimal {
        match self.unit.per_time {
            true => match self.value.checked_mul(Decimal::from(self.per.seconds())) {
                Some(value) if self.per.seconds() > 1 => without_a_sixtieths_rest(value),
                Some(value) => value,
                None => self.value,
            },
            false => self.value,
        }
    }

    /// The same value, shown per another time where it is a rate.
    #[must_use]
    pub const fn shown_per(mut self, per: PerTime) -> Self {
        self.per = per;
        self
    }
}

/// The longest run of the characters of a number at the start of `text`.
fn number_prefix(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn parse_amount(text: &str) -> Result<(Decimal, Dimension), QuantityError> {
    let (number, rest) = number_prefix(text);
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(QuantityError::NotANumber(text.to_owned()));
    }
    // an exponent is data's way of writing, not a rule author's: only the number alone may have one
    let exponent = rest.strip_prefix(['e', 'E']);
    if exponent.is_some_and(|power| power.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')))
    {
        return match parse_exact(text) {
            Some(value) => Ok((value, Dimension::Number)),
            None => Err(QuantityError::NotANumber(text.to_owned())),
        };
    }
    let value = parse_exact(number).ok_or_else(|| QuantityError::Inexact(number.to_owned()))?;
    let word = rest.trim_start();
    if let Some((scale, dimension)) = scale_of(word) {
        let value = value.checked_mul(scale).ok_or_else(|| QuantityError::Inexact(text.to_owned()))?;
        return Ok((value.normalize(), dimension));
    }
    if let Some(seconds) = parse_duration_parts(text) {
        return Ok((seconds, Dimension::Duration));
    }
    match Currency::new(word) {
        Some(currency) => Ok((value, Dimension::Money(currency))),
        None => Err(QuantityError::UnknownUnit { unit: word.to_owned() }),
    }
}

/// The factor to the base unit and the dimension of a unit's word, as in literals and after `in`.
///
/// ```
/// use spark_core::quantity::{scale_of, Dimension};
/// let (factor, dimension) = scale_of("ms").unwrap();
/// assert_eq!((factor.to_string().as_str(), dimension), ("0.001", Dimension::Duration));
/// ```
pub fn scale_of(word: &str) -> Option<(Decimal, Dimension)> {
    let whole = |n: u64, dimension| Some((Decimal::from(n), dimension));
    let part = |places: u32, dimension| Some((Decimal::from_i128_with_scale(1, places), dimension));
    match word {
        "" => whole(1, Dimension::Number),
        "k" => whole(1_000, Dimension::Number),
        "%" => part(2, Dimension::Ratio),
        "ns" => part(9, Dimension::Duration),
        "us" | "µs" => part(6, Dimension::Duration),
        "ms" => part(3, Dimension::Duration),
        "s" => whole(1, Dimension::Duration),
        "m" | "min" => whole(60, Dimension::Duration),
        "h" => whole(3_600, Dimension::Duration),
        "d" => whole(86_400, Dimension::Duration),
        "B" => whole(1, Dimension::Bytes),
        "KB" | "kB" => whole(1_000, Dimension::Bytes),
        "MB" => whole(1_000_000, Dimension::Bytes),
        "GB" => whole(1_000_000_000, Dimension::Bytes),
        "TB" => whole(1_000_000_000_000, Dimension::Bytes),
        "KiB" => whole(1 << 10, Dimension::Bytes),
        "MiB" => whole(1 << 20, Dimension::Bytes),
        "GiB" => whole(1 << 30, Dimension::Bytes),
        "TiB" => whole(1 << 40, Dimension::Bytes),
        _ => None,
    }
}

/// Reads a length of time, `5m` or `1h30m`; `None` for other text, and for lengths out of range.
pub fn parse_duration(text: &str) -> Option<TimeSpan> {
    TimeSpan::from_decimal_seconds(parse_duration_parts(text)?)
}

/// Seconds of one or more parts such as `1h30m`, each unit smaller than the one before it.
fn parse_duration_parts(text: &str) -> Option<Decimal> {
    let mut rest = text;
    let mut total = Decimal::ZERO;
    let mut before: Option<Decimal> = None;
    while !rest.is_empty() {
        let (number, tail) = number_prefix(rest);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (word, tail) = tail.split_at_checked(end)?;
        let (scale, dimension) = scale_of(word)?;
        if dimension != Dimension::Duration || before.is_some_and(|larger| scale >= larger) {
            return None;
        }
        total = total.checked_add(parse_exact(number)?.checked_mul(scale)?)?;
        before = Some(scale);
        rest = tail;
    }
    before.map(|_| total.normalize())
}

/// A number of seconds as rules write it: `250us`, `450ms`, `30.5s`, `1m30s`, `1d`.
pub(crate) fn duration_text(seconds: Decimal) -> String {
    let (sign, mut rest) =
        if seconds.is_sign_negative() && !seconds.is_zero() { ("-", seconds.abs()) } else { ("", seconds) };
    if rest.is_zero() {
        return "0s".to_owned();
    }
    let scaled = |value: Decimal, factor: u64| value.checked_mul(Decimal::from(factor)).unwrap_or(value);
    if rest < Decimal::new(1, 3) {
        return format!("{sign}{}us", shown_number(scaled(rest, 1_000_000)));
    }
    if rest < Decimal::ONE {
        return format!("{sign}{}ms", shown_number(scaled(rest, 1_000)));
    }
    let mut text = sign.to_owned();
    for (factor, word) in [(86_400u64, "d"), (3_600, "h"), (60, "m")] {
        let factor = Decimal::from(factor);
        let whole = rest.checked_div(factor).map_or(Decimal::ZERO, |n| n.trunc());
        if whole > Decimal::ZERO {
            text.push_str(&format!("{}{word}", whole.normalize()));
            rest = whole.checked_mul(factor).and_then(|used| rest.checked_sub(used)).unwrap_or(Decimal::ZERO);
        }
    }
    if !rest.is_zero() {
        text.push_str(&format!("{}s", shown_number(rest)));
    }
    text
}

/// A number without trailing zeros, and where it was cut, without what was left behind.
pub(crate) fn shown_number(value: Decimal) -> String {
    settled(value).to_string()
}

/// Units that bytes are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ByteUnits {
    /// `KiB`, `MiB`, `GiB`: powers of 1,024.
    Binary,
    /// `KB`, `MB`, `GB`: powers of 1,000.
    Decimal,
}

impl ByteUnits {
    /// The units that a number of bytes is shorter in, as whoever wrote it would; nothing where it is as short in both.
    ///
    /// ```
    /// use spark_core::{quantity::ByteUnits, Quantity};
    /// let of = |text: &str| ByteUnits::of(Quantity::parse(text).unwrap().value);
    /// assert_eq!((of("1.5GB"), of("10MiB"), of("300B")), (Some(ByteUnits::Decimal), Some(ByteUnits::Binary), None));
    /// ```
    pub fn of(bytes: Decimal) -> Option<Self> {
        let length = |units: Self| units.text(bytes, None).len();
        match length(Self::Binary).cmp(&length(Self::Decimal)) {
            std::cmp::Ordering::Less => Some(Self::Binary),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Self::Decimal),
        }
    }

    /// Bytes in the largest of these units that gives at least one, with at most so many places behind the point.
    fn text(self, bytes: Decimal, places: Option<u32>) -> String {
        const BINARY: [(u64, &str); 4] =
            [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        const DECIMAL: [(u64, &str); 4] =
            [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
        let units = match self {
            Self::Binary => BINARY,
            Self::Decimal => DECIMAL,
        };
        let shown = |value: Decimal| shown_number(places.map_or(value, |places| value.round_dp(places)));
        for (factor, word) in units {
            let factor = Decimal::from(factor);
            if bytes.abs() >= factor {
                return format!("{}{word}", shown(bytes.checked_div(factor).unwrap_or(bytes)));
            }
        }
        format!("{}B", shown(bytes))
    }
}

/// The shorter of both ways: what was written in one of them is exact there, and endless digits in the other.
fn bytes_text(value: Decimal) -> String {
    ByteUnits::of(value).unwrap_or(ByteUnits::Binary).text(value, None)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.per_shown();
        let text = match self.unit.dimension {
            Dimension::Number | Dimension::Count => shown_number(value),
            Dimension::Ratio => {
                format!("{}%", shown_number(value.checked_mul(Decimal::ONE_HUNDRED).unwrap_or(value)))
            }
            Dimension::Duration => duration_text(value),
            Dimension::Bytes => bytes_text(value),
            Dimension::Money(currency) => format!("{} {}", shown_number(value), currency.as_str()),
        };
        match self.unit.per_time {
            true => write!(f, "{text}/{}", self.per.as_str()),
            false => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Quantity::parse(text).map_or_else(|error| format!("error: {error}"), |quantity| quantity.to_string())
    }

    /// Every literal of the language is read in its unit and shown in the one way that the formatter has.
    #[test]
    fn literals() {
        for (text, expected) in [
            ("250us", "250us"),
            ("0.25ms", "250us"),
            ("1500ms", "1.5s"),
            ("90s", "1m30s"),
            ("5min", "5m"),
            ("1d2h", "1d2h"),
            ("0s", "0s"),
            ("-50ms", "-50ms"),
            ("0.5%", "0.5%"),
            ("10k", "10000"),
            ("1_000", "1000"),
            ("1e3", "1000"),
            ("50/min", "50/min"),
            ("3/s", "3/s"),
            ("10MiB/min", "10MiB/min"),
            ("1GB", "1GB"),
            ("1.5GB", "1.5GB"),
            ("1.5GiB", "1.5GiB"),
            ("500MB/min", "500MB/min"),
            ("1000B", "1KB"),
            ("1024B", "1KiB"),
            ("1234567B", "1.234567MB"),
            ("512KiB", "512KiB"),
            ("0.10 USDT", "0.1 USDT"),
            ("5EUR", "5 EUR"),
            ("12345678901234.56 USDT", "12345678901234.56 USDT"),
            ("0.9999999999999999s", "999.9999999999999ms"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    /// What is no quantity is refused with what was found.
    #[test]
    fn refused() {
        for text in ["", "ms", "5 apples", "30m1h", "5M", "1/year", "--5", "1.2.3s", "NaN", "5%%"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }
}
