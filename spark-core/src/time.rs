//! Instants and lengths of time as data: the core never reads a clock.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant: nanoseconds since the Unix epoch (years 1677 to 2262).
///
/// It is written as RFC 3339 in UTC.
///
/// ```
/// use spark_core::Timestamp;
/// let at = Timestamp::parse("2026-01-01T00:15:00Z").unwrap();
/// assert_eq!(at, Timestamp::parse("1767226500").unwrap());
/// assert_eq!(at.to_string(), "2026-01-01T00:15:00Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// The instant that many nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The instant that many milliseconds after the Unix epoch; the ends of the range where it does not fit.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// An instant from Unix seconds with a fraction; `None` outside of the range. Below a nanosecond it is cut.
    pub fn from_unix_seconds(seconds: Decimal) -> Option<Self> {
        use rust_decimal::prelude::ToPrimitive;
        seconds.checked_mul(Decimal::from(NANOS_PER_SECOND))?.trunc().to_i64().map(Self)
    }

    /// Reads RFC 3339 or Unix seconds with an optional fraction.
    ///
    /// Returns `None` for any other text and for instants outside of the range.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return at.timestamp_nanos_opt().map(Self);
        }
        Self::from_unix_seconds(crate::decimal::parse_exact(text)?)
    }

    /// Seconds since the Unix epoch, exactly.
    pub fn unix_seconds(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.0), 9).normalize()
    }

    /// The instant `span` later, at most the end of the range.
    #[must_use]
    pub const fn plus(self, span: TimeSpan) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The instant `span` earlier, at least the start of the range.
    #[must_use]
    pub const fn minus(self, span: TimeSpan) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> TimeSpan {
        let nanos = self.0.saturating_sub(earlier.0);
        TimeSpan(if nanos < 0 { 0 } else { nanos })
    }

    /// The first multiple of `every` since the epoch that is not before this instant; itself for a zero `every`.
    #[must_use]
    pub const fn next_multiple(self, every: TimeSpan) -> Self {
        match self.0.checked_rem_euclid(every.0) {
            None | Some(0) => self,
            Some(past) => Self(self.0.saturating_add(every.0.saturating_sub(past))),
        }
    }

    /// The last multiple of `every` since the epoch that is not after this instant; itself for a zero `every`.
    #[must_use]
    pub const fn last_multiple(self, every: TimeSpan) -> Self {
        match self.0.checked_rem_euclid(every.0) {
            None => self,
            Some(past) => Self(self.0.saturating_sub(past)),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: DateTime<Utc> = DateTime::from_timestamp_nanos(self.0);
        f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is no time: expected RFC 3339, as in 2026-01-01T00:15:00Z"
            ))
        })
    }
}

/// A length of time, never negative: nanoseconds.
///
/// It is written as in rules: `250us`, `15s`, `1h30m`.
///
/// ```
/// use spark_core::TimeSpan;
/// assert_eq!(TimeSpan::from_seconds(5400).to_string(), "1h30m");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeSpan(i64);

impl TimeSpan {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest length that can be written.
    pub const MAX: Self = Self(i64::MAX);

    /// A length in nanoseconds; negative ones are zero.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(if nanos < 0 { 0 } else { nanos })
    }

    /// A length in seconds; the longest where it does not fit.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self((seconds as i64).saturating_mul(NANOS_PER_SECOND))
    }

    /// A length from decimal seconds; `None` when negative or out of range. Below a nanosecond it is cut.
    pub fn from_decimal_seconds(seconds: Decimal) -> Option<Self> {
        Timestamp::from_unix_seconds(seconds).filter(|at| at.0 >= 0).map(|at| Self(at.0))
    }

    /// The length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The length in seconds, exactly.
    pub fn seconds(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.0), 9).normalize()
    }

    /// Whether the length is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Both lengths together, at most the longest.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left after `other`; zero when `other` is longer.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self::from_nanos(self.0.saturating_sub(other.0))
    }

    /// This length `factor` times, at most the longest.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self(self.0.saturating_mul(factor as i64))
    }

    /// The length as the standard library's type, for timers.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.unsigned_abs())
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::quantity::duration_text(self.seconds()))
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::quantity::parse_duration(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no duration: expected one such as 5m"))
        })
    }
}
