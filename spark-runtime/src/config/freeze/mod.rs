//! `freeze`: times in which nothing advances, by a clock on a wall somewhere. A rollback is never held up by one.
//!
//! Where that clock is put forward or back, a window counts in both readings: it begins at the earliest instant that
//! its `from` may mean, and ends at the latest that its `to` may. The hour that comes twice is frozen both times, and
//! a window within the hour that is skipped is not lost with it.

mod read;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use spark_core::Timestamp;
use spark_core::rollout;

pub(super) use self::read::read;

/// Most windows: two for each day of a year of holidays, and some.
pub const WINDOWS_MAX: usize = 1_000;

/// How many windows that follow on each other without a gap are looked through for the end of a freeze. One for every day
/// of a quarter; what is frozen beyond it is told again then.
const CHAIN_MAX: usize = 92;

/// All windows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FreezeCalendar {
    windows: Vec<FreezeWindow>,
}

/// A time in which nothing advances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeWindow {
    /// When.
    pub when: FreezeTime,
    /// The zone of its clock.
    pub zone: TimeZone,
    /// Why.
    pub because: String,
}

/// When a window is, by the clock of its zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreezeTime {
    /// Every week.
    Weekly {
        /// When it begins.
        from: Time,
        /// When it ends: on the same day, or on the next one where it is not later than `from`.
        to: Time,
        /// The days on which it begins.
        days: Days,
    },
    /// One time.
    Once {
        /// When it begins.
        from: DateTime,
        /// When it ends, after it began.
        to: DateTime,
    },
}

/// Days of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days(u8);

impl Days {
    /// Every day.
    pub const ALL: Self = Self(0x7f);

    /// Whether a day is among them.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    /// These and that day.
    #[must_use]
    pub fn and(self, day: Weekday) -> Self {
        Self(self.0 | Self::bit(day))
    }

    fn bit(day: Weekday) -> u8 {
        1_u8.checked_shl(u32::from(day.to_monday_zero_offset().unsigned_abs())).unwrap_or_default()
    }
}

impl FreezeCalendar {
    /// A calendar of these windows.
    pub fn new(windows: Vec<FreezeWindow>) -> Self {
        Self { windows }
    }

    /// The windows.
    pub fn windows(&self) -> &[FreezeWindow] {
        &self.windows
    }

    /// The freeze that an instant lies in: why, and when it ends, windows that follow without a gap included.
    ///
    /// The end belongs to it no longer.
    pub fn frozen_at(&self, at: Timestamp) -> Option<rollout::Freeze> {
        let (mut until, because) = self.longest(at)?;
        for _ in 0..CHAIN_MAX {
            match self.longest(until) {
                Some((later, _)) if later > until => until = later,
                _ => break,
            }
        }
        Some(rollout::Freeze { until, because: because.to_owned() })
    }

    /// Of the windows that an instant lies in, the one that ends last; of two, the one that stands first.
    fn longest(&self, at: Timestamp) -> Option<(Timestamp, &str)> {
        let mut longest: Option<(Timestamp, &str)> = None;
        for window in &self.windows {
            if let Some(until) = window.end_of(at)
                && longest.is_none_or(|(other, _)| until > other)
            {
                longest = Some((until, &window.because));
            }
        }
        longest
    }
}

impl FreezeWindow {
    /// When the window that an instant lies in ends; nothing where it lies in none.
    pub fn end_of(&self, at: Timestamp) -> Option<Timestamp> {
        let inside = |from: DateTime, to: DateTime| {
            let (begin, end) = (self.earliest(from)?, self.latest(to)?);
            (begin <= at && at < end).then_some(end)
        };
        match self.when {
            FreezeTime::Once { from, to } => inside(from, to),
            FreezeTime::Weekly { from, to, days } => {
                let now = jiff::Timestamp::from_nanosecond(i128::from(at.nanos())).ok()?;
                let today = self.zone.to_datetime(now).date();
                // one day back for what goes over midnight, and one each way for a zone that skipped a whole day
                (-2_i64..=1)
                    .filter_map(|away| today.checked_add(Span::new().try_days(away).ok()?).ok())
                    .filter(|date| days.contains(date.weekday()))
                    .filter_map(|date| {
                        inside(date.to_datetime(from), end_date(date, from, to)?.to_datetime(to))
                    })
                    .max()
            }
        }
    }

    /// The earliest instant that a time on the clock may mean.
    fn earliest(&self, time: DateTime) -> Option<Timestamp> {
        instant(self.zone.to_ambiguous_timestamp(time).earlier().ok()?)
    }

    /// The latest instant that a time on the clock may mean.
    fn latest(&self, time: DateTime) -> Option<Timestamp> {
        instant(self.zone.to_ambiguous_timestamp(time).later().ok()?)
    }
}

/// The day on which a window that begins on `date` ends.
fn end_date(date: Date, from: Time, to: Time) -> Option<Date> {
    if to > from { Some(date) } else { date.checked_add(1.day()).ok() }
}

fn instant(at: jiff::Timestamp) -> Option<Timestamp> {
    i64::try_from(at.as_nanosecond()).ok().map(Timestamp::from_nanos)
}
