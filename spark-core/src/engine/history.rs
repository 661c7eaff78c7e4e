//! The samples of one series that the engine still needs.
//!
//! Of a series whose newest sample alone is read, that is the newest that was seen, and what came since: both stand in the head of
//! the history, which fills one line of a cache, so that a sample that comes after a decision goes nowhere else. Of one
//! that windows look at, the older ones stand behind it, in 16 bytes each. What evidence tells, of all of them, is runs of times.

mod asked;

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::runs::{self, Present, Run};
use super::word::Word;
use crate::decision::Observed;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};

/// Samples kept of one series, at the most. At one a second it is 12 days, beyond any window that a stage
/// of a rollout can fill; 16 bytes each make 16 MiB. The oldest go first, and a window that would need them is
/// unknown, never wrong.
const POINTS_MAX: usize = 1 << 20;

/// Failures kept of one source, at the most: those since its last sample matter, and of these the latest. One stands for
/// each evaluation that was observed ahead.
const FAILURES_MAX: usize = 1 << 10;

/// One sample of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) reading: Reading,
}

/// One sample as it is kept.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    at: Timestamp,
    word: Word,
}

/// What a series says at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Newest {
    /// Nothing was ever seen.
    Nothing,
    /// The source's last word is that it failed.
    Failed,
    /// The newest sample.
    Point(Point),
}

/// How far back the samples of a series are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Needed {
    /// The samples themselves, by windows; nothing where the newest is enough.
    pub(super) samples: TimeSpan,
    /// Their times, by what is told of evidence.
    pub(super) times: TimeSpan,
}

/// One series: its samples in order of time, and the source's last failure.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub(super) struct History {
    // INVARIANT: strictly rising in time: the older ones, the one before, the newest
    newest: Kept,
    before: Kept,
    /// The run of times that ends with the newest.
    run: Present,
    /// How many of both are there.
    here: u8,
    /// Whether there are older ones.
    has_older: bool,
    rest: Option<Box<Rest>>,
}

/// What most series do not have.
#[derive(Debug, Clone, Default)]
struct Rest {
    older: VecDeque<Kept>,
    /// The values that fit in no word, in the order of their samples.
    wide: VecDeque<Decimal>,
    /// How many of these are gone.
    wide_gone: u64,
    /// A failure is no sample: it leaves the samples before it for windows, and ends with a newer one.
    // INVARIANT: strictly rising in time
    failures: VecDeque<(Timestamp, String)>,
    /// The newest sample that had to go while a window might still reach it.
    evicted: Option<Timestamp>,
    /// How many samples are gone, so that the others keep their numbers. It is no part of what is saved.
    gone: u64,
    /// The runs of times before the present one.
    runs: VecDeque<Run>,
}

/// A history as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    points: Vec<Point>,
    times: Vec<Run>,
    failures: VecDeque<(Timestamp, String)>,
    evicted: Option<Timestamp>,
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.points(0..self.len()).eq(other.points(0..other.len()))
            && self.all_times().eq(other.all_times())
            && self.failures().eq(other.failures())
            && self.evicted() == other.evicted()
    }
}

impl Eq for History {}

impl From<History> for Saved {
    fn from(history: History) -> Self {
        Self {
            points: history.points(0..history.len()).collect(),
            times: runs::told_again(history.all_times()),
            evicted: history.evicted(),
            failures: history.rest.map(|rest| rest.failures).unwrap_or_default(),
        }
    }
}

impl From<Saved> for History {
    fn from(saved: Saved) -> Self {
        let Saved { points, mut times, failures, evicted } = saved;
        let mut history = Self::default();
        points.iter().for_each(|point| history.push(point.at, &point.reading));
        history.run = times.pop().map(|run| Present::of(&run)).unwrap_or_default();
        if !times.is_empty() || !failures.is_empty() || evicted.is_some() {
            let rest = history.rest_mut();
            (rest.runs, rest.failures, rest.evicted) = (times.into(), failures, evicted);
        }
        history
    }
}

impl History {
    /// A history without samples.
    pub(super) const NONE: Self = Self {
        newest: Kept { at: Timestamp::EPOCH, word: Word::elsewhere(0) },
        before: Kept { at: Timestamp::EPOCH, word: Word::elsewhere(0) },
        run: Present::NONE,
        here: 0,
        has_older: false,
        rest: None,
    };

    fn rest(&self) -> Option<&Rest> {
        self.rest.as_deref()
    }

    fn rest_mut(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Takes in a sample after the evaluation at `last`, and lets go what is not needed any more. `word` is its reading in a
    /// word, where it fits in one.
    #[inline]
    pub(super) fn take_in(
        &mut self,
        at: Timestamp,
        reading: &Reading,
        word: Option<Word>,
        last: Option<Timestamp>,
        needed: &Needed,
    ) -> Observed {
        // the newest was seen, so nobody asks for the one before it
        if let (Some(word), 2, false) = (word, self.here, self.has_older)
            && needed.samples.is_zero()
            && at > self.newest.at
            && last.is_some_and(|last| self.newest.at <= last)
            && !self.before.word.is_elsewhere()
        {
            self.note(at, last, needed);
            self.before = std::mem::replace(&mut self.newest, Kept { at, word });
            return Observed::Kept;
        }
        self.take_in_beside_others(at, reading, word, last, needed)
    }

    /// The same where older ones are kept too, or are still to be.
    #[inline(never)]
    fn take_in_beside_others(
        &mut self,
        at: Timestamp,
        reading: &Reading,
        word: Option<Word>,
        last: Option<Timestamp>,
        needed: &Needed,
    ) -> Observed {
        if let Some(last) = last {
            self.forget_some(last, needed);
        }
        match word {
            Some(word) if self.here > 1 && at > self.newest.at && !self.is_full() => {
                self.note(at, last, needed);
                self.put(Kept { at, word });
                Observed::Kept
            }
            _ => self.observe(at, reading, last, needed),
        }
    }

    #[inline(never)]
    pub(super) fn observe(
        &mut self,
        at: Timestamp,
        reading: &Reading,
        last: Option<Timestamp>,
        needed: &Needed,
    ) -> Observed {
        if let Reading::Failed(words) = reading {
            return self.fail(at, words);
        }
        if let Some(newest) = self.newest_kept() {
            if at < newest.at {
                return Observed::Late;
            }
            if at == newest.at {
                let same = *reading == self.point_of(newest).reading;
                return if same { Observed::Repeated } else { Observed::Conflict };
            }
        }
        if self.is_full() {
            self.evict();
        }
        self.note(at, last, needed);
        self.push(at, reading);
        Observed::Kept
    }

    /// Notes the time of a sample that is going to be the newest.
    #[inline]
    fn note(&mut self, at: Timestamp, last: Option<Timestamp>, needed: &Needed) {
        let newest = self.newest_kept().map(|newest| newest.at);
        if newest.is_some_and(|newest| self.run.goes_on(at.since(newest))) {
            return;
        }
        self.begin_run(at, newest, last, needed);
    }

    #[inline(never)]
    fn begin_run(
        &mut self,
        at: Timestamp,
        newest: Option<Timestamp>,
        last: Option<Timestamp>,
        needed: &Needed,
    ) {
        if let Some(ended) = self.run.begin(at, newest) {
            let keep_after = last.map(|last| last.minus(needed.times));
            runs::put(&mut self.rest_mut().runs, ended, keep_after);
        }
    }

    /// Puts a sample behind the others.
    fn push(&mut self, at: Timestamp, reading: &Reading) {
        let word = Word::of(reading).unwrap_or_else(|| {
            let rest = self.rest_mut();
            let number = rest.wide_gone.saturating_add(u64::try_from(rest.wide.len()).unwrap_or(u64::MAX));
            rest.wide.push_back(reading.value().unwrap_or_default());
            Word::elsewhere(number)
        });
        self.put(Kept { at, word });
    }

    fn put(&mut self, next: Kept) {
        match self.here {
            0 | 1 => self.here = self.here.saturating_add(1),
            _ => {
                let before = self.before;
                self.rest_mut().older.push_back(before);
                self.has_older = true;
            }
        }
        self.before = std::mem::replace(&mut self.newest, next);
    }

    /// Whether a new sample makes the oldest go.
    pub(super) fn is_full(&self) -> bool {
        self.has_older && self.len() >= POINTS_MAX
    }

    /// How many samples are kept.
    fn len(&self) -> usize {
        self.older_len().saturating_add(self.here.into())
    }

    fn older_len(&self) -> usize {
        if self.has_older { self.rest().map_or(0, |rest| rest.older.len()) } else { 0 }
    }

    fn newest_kept(&self) -> Option<Kept> {
        (self.here > 0).then_some(self.newest)
    }

    /// The sample at a place, the oldest being the first.
    fn get(&self, place: usize) -> Option<Kept> {
        let older = self.older_len();
        match place.checked_sub(older) {
            None => self.rest()?.older.get(place).copied(),
            Some(0) if self.here > 1 => Some(self.before),
            Some(place) => (place.saturating_add(1) == usize::from(self.here)).then_some(self.newest),
        }
    }

    /// Lets the oldest sample go.
    fn pop(&mut self) -> Option<Timestamp> {
        let oldest = self.get(0)?;
        let (here, has_older) = (self.here, self.has_older);
        let rest = self.rest_mut();
        if has_older {
            rest.older.pop_front();
        }
        if oldest.word.is_elsewhere() {
            rest.wide.pop_front();
            rest.wide_gone = rest.wide_gone.saturating_add(1);
        }
        rest.gone = rest.gone.saturating_add(1);
        (self.has_older, self.here) = match has_older {
            true => (!rest.older.is_empty(), here),
            false => (false, here.saturating_sub(1)),
        };
        Some(oldest.at)
    }

    /// Lets the oldest sample go although a window may need it.
    pub(super) fn evict(&mut self) {
        let evicted = self.pop();
        self.rest_mut().evicted = evicted;
    }

    fn fail(&mut self, at: Timestamp, words: &str) -> Observed {
        let newest = self.last();
        if newest.is_some_and(|newest| at < newest) {
            return Observed::Late;
        }
        let failures = &mut self.rest_mut().failures;
        if failures.back().is_some_and(|(failed, _)| *failed == at) {
            return Observed::Repeated;
        }
        if failures.len() >= FAILURES_MAX {
            failures.pop_front();
        }
        failures.push_back((at, words.to_owned()));
        Observed::Kept
    }

    /// Forgets what no window that ends at `at` or later can reach, but the newest before it (it bounds coverage).
    pub(super) fn forget_before(&mut self, at: Timestamp, needed: &Needed) {
        self.forget(at, needed.samples, usize::MAX);
        let (keep_after, newest) = (at.minus(needed.times), self.newest_kept());
        if let Some(rest) = self.rest.as_deref_mut() {
            runs::forget(&mut rest.runs, keep_after);
        }
        if let Some(newest) = newest.filter(|_| self.rest().is_none_or(|rest| rest.runs.is_empty())) {
            self.run = self.run.after(keep_after, newest.at);
        }
    }

    /// The same bit by bit, before a sample: more goes than comes, so that nothing piles up, and so little at once that no
    /// sample is slow.
    fn forget_some(&mut self, at: Timestamp, needed: &Needed) {
        const EVERY: usize = 8;
        const AT_ONCE: usize = 16;
        let Some(rest) = self.rest() else { return };
        let count = if self.is_full() { usize::MAX } else { AT_ONCE };
        if rest.older.len().is_multiple_of(EVERY) || !rest.failures.is_empty() {
            self.forget(at, needed.samples, count);
        }
    }

    fn forget(&mut self, at: Timestamp, samples: TimeSpan, at_once: usize) {
        let keep_after = at.minus(samples);
        let mut left = at_once;
        while left > 0 && self.get(1).is_some_and(|second| second.at <= keep_after) {
            self.pop();
            left = left.saturating_sub(1);
        }
        let failures = self.rest.as_deref_mut().map(|rest| &mut rest.failures);
        let Some(failures) = failures else { return };
        while failures.get(1).is_some_and(|(second, _)| *second <= at) {
            failures.pop_front();
        }
    }
}

/// The values of samples, or the first that is none.
pub(super) fn values(points: impl Iterator<Item = Point>) -> Result<Vec<(Timestamp, Decimal)>, Reading> {
    points.map(|point| point.reading.value().map(|value| (point.at, value)).ok_or(point.reading)).collect()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests;
