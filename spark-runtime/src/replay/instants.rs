//! The instants of a replay.

use spark_core::{TimeSpan, Timestamp};

/// Most evaluations of one replay: 10 million are almost five years at 15 s. More come from a misread time (a
/// sample of 1970 beside one of today), and would run for hours before anybody sees it.
pub const EVALUATIONS_MAX: u64 = 10_000_000;

/// The instants of a replay: every multiple of `every` since the Unix epoch from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    // INVARIANT: `from` ≤ `to`, both multiples of `every`, which is not zero; at most EVALUATIONS_MAX
    from: Timestamp,
    to: Timestamp,
    every: TimeSpan,
    count: u64,
}

/// Why there is nothing to replay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// No sample at all.
    #[error("there is no sample, so there is nothing to decide from")]
    NoSamples,
    /// No instant lies within the samples.
    #[error("no multiple of {every} lies between {from} and {to}, so there is no instant to decide at")]
    NoInstant {
        /// The first time.
        from: Timestamp,
        /// The last time.
        to: Timestamp,
        /// The time between instants.
        every: TimeSpan,
    },
    /// The samples span too much time.
    #[error(
        "from {from} to {to} there are {count} instants at one every {every}, more than {EVALUATIONS_MAX}: \
         is a time misread? else take fewer with `--every`, or split the samples"
    )]
    TooLong {
        /// The first time.
        from: Timestamp,
        /// The last time.
        to: Timestamp,
        /// The time between instants.
        every: TimeSpan,
        /// How many instants.
        count: u64,
    },
}

impl Instants {
    /// The instants within a span of time.
    ///
    /// # Errors
    /// There is none, or there are too many.
    pub fn within(from: Timestamp, to: Timestamp, every: TimeSpan) -> Result<Self, ReplayError> {
        let (first, last) = (from.next_multiple(every), to.last_multiple(every));
        if every.is_zero() || first > last || first < from || last > to {
            return Err(ReplayError::NoInstant { from, to, every });
        }
        let steps = i128::from(last.nanos())
            .checked_sub(i128::from(first.nanos()))
            .and_then(|nanos| nanos.checked_div(i128::from(every.nanos())))
            .and_then(|steps| steps.checked_add(1));
        let count = steps.and_then(|count| u64::try_from(count).ok()).unwrap_or(u64::MAX);
        if count > EVALUATIONS_MAX {
            return Err(ReplayError::TooLong { from, to, every, count });
        }
        Ok(Self { from: first, to: last, every, count })
    }

    /// These instants, and before them those that lie within `span`.
    ///
    /// # Errors
    /// They are too many.
    pub fn preceded_by(self, span: TimeSpan) -> Result<Self, ReplayError> {
        Self::within(self.from.minus(span), self.to, self.every)
    }

    /// The first.
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The last.
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// The time from one to the next.
    pub const fn every(self) -> TimeSpan {
        self.every
    }

    /// The instant of a number, the first being 0.
    pub(super) const fn at(self, number: u32) -> Timestamp {
        self.from.plus(self.every.times(number))
    }

    /// How many.
    pub const fn count(self) -> u64 {
        self.count
    }
}
