//! The shared axis of time: where a time stands, and where its marks are.

use chrono::{DateTime, Utc};
use spark_core::{TimeSpan, Timestamp};

/// Most marks on the axis: as many as fit a phone.
const MARKS_MAX: u32 = 6;

/// Steps that people read, in seconds.
const STEPS: [u32; 21] = [
    1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 1_209_600, 2_592_000,
];

/// Time on the way from left to right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    from: Timestamp,
    /// One interval longer than the instants: what the last one shows has a width.
    length: TimeSpan,
}

impl Time {
    pub(super) fn over(axis: spark_runtime::replay::Axis) -> Self {
        Self { from: axis.from(), length: axis.to().since(axis.from()).plus(axis.every()) }
    }

    /// Where a time stands, in percent.
    pub(super) fn percent(self, at: Timestamp) -> f64 {
        share(at.since(self.from), self.length) * 100.0
    }

    /// The marks: where in percent, and what they say.
    pub(super) fn marks(self) -> Vec<(f64, String)> {
        let day = TimeSpan::from_seconds(86_400);
        let enough = |step: &TimeSpan| step.times(MARKS_MAX) > self.length;
        let longest = STEPS.last().copied().unwrap_or(1);
        let longer = std::iter::successors(Some(TimeSpan::from_seconds(longest)), |step| Some(step.times(2)));
        let steps = STEPS.iter().copied().map(TimeSpan::from_seconds).chain(longer.take(40));
        let step = steps.into_iter().find(enough).unwrap_or(TimeSpan::MAX);
        let pattern = match () {
            () if step < TimeSpan::from_seconds(60) => "%H:%M:%S",
            () if step < day && self.length > day => "%b %-d %H:%M",
            () if step < day => "%H:%M",
            () if step < day.times(60) => "%b %-d",
            () => "%b %Y",
        };
        let mut marks = Vec::new();
        let mut at = self.from.next_multiple(step);
        for _ in 0..=MARKS_MAX {
            if at.since(self.from) >= self.length {
                break;
            }
            marks.push((self.percent(at), clock(at, pattern)));
            at = at.plus(step);
        }
        marks
    }
}

/// Where the words of a mark at so many percent are held, so that none is cut off at an edge.
pub(super) fn anchor(percent: f64) -> &'static str {
    match percent {
        far if far > 96.0 => "end",
        near if near < 2.0 => "start",
        _ => "middle",
    }
}

fn clock(at: Timestamp, pattern: &str) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp_nanos(at.nanos());
    at.format(pattern).to_string()
}

/// A part of a length of time.
#[expect(clippy::cast_precision_loss, reason = "a place on a screen has four digits")]
fn share(part: TimeSpan, whole: TimeSpan) -> f64 {
    if whole.is_zero() { 0.0 } else { part.nanos() as f64 / whole.nanos() as f64 }
}
