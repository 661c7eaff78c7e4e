//! What stands in a row of a column, and how stored values become it.

use rust_decimal::Decimal;
use spark_core::Timestamp;

use super::footer::{Leaf, Logical, Physical};

/// What a column says in one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// Nothing.
    Missing,
    /// A time, in nanoseconds since the epoch.
    Time(i64),
    /// A time beyond the range.
    Beyond,
    /// So much / 10^places.
    Number(i64, u32),
    /// A float, which stands for its shortest decimal text.
    Double(f64),
    /// So much / 10^places, where 64 bits do not hold it: as bytes, so that cells stay small.
    Wide([u8; 16], u32),
    /// Text, where it stands in the page, or in the dictionary.
    Text { start: u32, length: u32, in_dictionary: bool },
    /// A name, by its number among the file's.
    Name(u32),
}

/// How a column's stored values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Steps of so many nanoseconds.
    Time(i64),
    /// Nanoseconds of a day and the day, as Impala and Spark wrote times.
    DayTime,
    /// Whole numbers.
    Signed,
    Unsigned,
    /// Whole numbers of 10^-places.
    Decimal(u32),
    Float,
    Double,
    Text,
    Name,
}

/// The Julian day of the epoch.
const JULIAN_EPOCH: i64 = 2_440_588;
const NANOS_PER_DAY: i64 = 86_400_000_000_000;

impl Form {
    /// How the values of the column in `KEYS` at that place are read, or what was expected.
    pub(super) fn of(key: usize, leaf: &Leaf) -> Result<Self, &'static str> {
        use Logical as L;
        use Physical as P;
        let number = match (leaf.physical, leaf.logical) {
            (P::Int32 | P::Int64, L::None | L::Integer { signed: true }) => Some(Self::Signed),
            (P::Int32 | P::Int64, L::Integer { signed: false }) => Some(Self::Unsigned),
            (P::Int32 | P::Int64 | P::Fixed | P::Bytes, L::Decimal { scale }) => Some(Self::Decimal(scale)),
            (P::Double, L::None) => Some(Self::Double),
            (P::Float, L::None) => Some(Self::Float),
            // some leave out that it is text
            (P::Bytes, L::Text | L::None) => Some(Self::Text),
            _ => None,
        };
        match (key, leaf.physical, leaf.logical) {
            (0, P::Int64, L::Time { nanos, utc: true }) => Ok(Self::Time(nanos)),
            (0, P::Int64, L::Time { .. }) => Err(
                "times in UTC: these are of a place that is not said, so give them one, as with `tz=\"UTC\"` or TIMESTAMPTZ",
            ),
            (0, P::Int96, _) => Ok(Self::DayTime),
            (0, ..) => number.ok_or("a timestamp in UTC, Unix seconds, or text as in 2026-01-01T00:15:00Z"),
            (2, ..) => number.ok_or("numbers (DOUBLE, DECIMAL, INT64), or text as in 450ms"),
            (_, P::Bytes, L::Text | L::None) => Ok(Self::Name),
            _ => Err("text"),
        }
    }

    pub(super) fn of_integer(self, number: i64) -> Cell {
        match self {
            Self::Time(nanos) => number.checked_mul(nanos).map_or(Cell::Beyond, Cell::Time),
            Self::Decimal(places) => scaled(i128::from(number), places),
            Self::Unsigned => match i64::try_from(number.cast_unsigned()) {
                Ok(number) => Cell::Number(number, 0),
                Err(_) => Cell::Wide(i128::from(number.cast_unsigned()).to_le_bytes(), 0),
            },
            _ => Cell::Number(number, 0),
        }
    }

    pub(super) fn of_small_integer(self, number: i32) -> Cell {
        match self {
            Self::Unsigned => Cell::Number(i64::from(number.cast_unsigned()), 0),
            form => form.of_integer(i64::from(number)),
        }
    }

    /// A decimal in two's complement, the highest byte first; `None` where it has none, or more than 16.
    pub(super) fn of_bytes(self, bytes: &[u8]) -> Option<Cell> {
        let Self::Decimal(places) = self else { return None };
        let first = *bytes.first().filter(|_| bytes.len() <= 16)?;
        let sign = if first & 0x80 == 0 { 0 } else { -1 };
        let number = bytes.iter().fold(sign, |number: i128, byte| number.wrapping_shl(8) | i128::from(*byte));
        Some(scaled(number, places))
    }

    pub(super) fn of_day_time(bytes: [u8; 12]) -> Cell {
        let [nanos @ .., a, b, c, d] = bytes;
        let day = i64::from(u32::from_le_bytes([a, b, c, d])).checked_sub(JULIAN_EPOCH);
        let nanos = i64::from_le_bytes(nanos);
        let at =
            day.and_then(|day| day.checked_mul(NANOS_PER_DAY)).and_then(|start| start.checked_add(nanos));
        at.map_or(Cell::Beyond, Cell::Time)
    }
}

fn scaled(number: i128, places: u32) -> Cell {
    match i64::try_from(number) {
        Ok(small) if places <= 18 => Cell::Number(small, places),
        _ => Cell::Wide(number.to_le_bytes(), places),
    }
}

const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A float's shortest decimal text as a number, where that has at most 15 digits.
///
/// No two decimals of 15 digits are the same float: one that the float is must be its shortest text. `places` is what the
/// last one had, tried first.
pub(super) fn shortest(value: f64, places: &mut usize) -> Option<(i64, u32)> {
    let with = |tried: usize| {
        let ten = *TENS.get(tried)?;
        let scaled = value * ten;
        // a wrong guess is seen below: it need not be rounded well
        let number = (scaled + 0.5f64.copysign(scaled)) as i64;
        let is_it = number.unsigned_abs() < 1_000_000_000_000_000 && number as f64 / ten == value;
        Some((number, u32::try_from(tried).ok()?)).filter(|_| is_it)
    };
    with(*places).or_else(|| {
        let found = (0..TENS.len()).find_map(|tried| with(tried).map(|found| (tried, found)));
        found.map(|(tried, found)| {
            *places = tried;
            found
        })
    })
}

impl Cell {
    /// As a row of CSV would have it; nothing of what is missing, and of names, which are the caller's.
    pub(super) fn text(self, page: &[u8], dictionary: &[u8]) -> Option<String> {
        Some(match self {
            Self::Missing | Self::Beyond | Self::Name(_) => return None,
            Self::Time(nanos) => Timestamp::from_nanos(nanos).unix_seconds().to_string(),
            Self::Number(number, places) => Decimal::new(number, places).to_string(),
            Self::Wide(number, places) => format!("{}e-{places}", i128::from_le_bytes(number)),
            Self::Double(value) => format!("{value:?}"),
            Self::Text { start, length, in_dictionary } => {
                let bytes = if in_dictionary { dictionary } else { page };
                let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
                let text = bytes.get(start..)?.get(..length)?;
                String::from_utf8_lossy(text).into_owned()
            }
        })
    }
}
