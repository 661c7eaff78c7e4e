//! Columns: the recorded samples of one series, in a few bytes each, to be searched without being read one by one.
//!
//! A value is kept as a whole number of the column's smallest step (a power of ten), so that it is exactly what was
//! written. Blocks of them know their least and their greatest: a search passes over a block that has nothing for it.
//! What is no such number (a NaN, a failed reading, a number of too many digits) is kept beside, at its place.
//!
//! ```
//! use spark_core::column::Column;
//! use spark_core::{Reading, Relation, TimeSpan, Timestamp};
//!
//! let mut column = Column::default();
//! for (second, milliseconds) in [200, 450, 460, 470, 210, 480].into_iter().enumerate() {
//!     let at = Timestamp::from_millis(i64::try_from(second).unwrap() * 1_000);
//!     column.observe(at, &Reading::Value(rust_decimal::Decimal::new(milliseconds, 3)));
//! }
//! let limit = rust_decimal::Decimal::new(400, 3);
//! // every run of samples above 400 ms, and those of at least three
//! assert_eq!(column.runs(Relation::Above, &[limit], 1), Some(vec![vec![1..4, 5..6]]));
//! assert_eq!(column.runs(Relation::Above, &[limit], 3), Some(vec![vec![1..4]]));
//! ```

mod block;
mod numbers;
mod runs;
mod times;

use rust_decimal::Decimal;

use self::block::{BLOCK, Block, Sought};
pub use self::numbers::Numbers;
use self::times::Times;
use crate::decimal::ten_to;
use crate::decision::Observed;
use crate::signal::Reading;
use crate::time::{TimeSpan, Timestamp};

/// Most places after the point: 18 are what a 64-bit number holds.
const SCALE_MAX: u32 = 18;

/// Greatest number, on both sides of zero: bounds and sums beyond it still fit 64 bits.
const NUMBER_MAX: u64 = 1 << 62;

/// Fewer samples are not worth being looked at together.
pub const EXTENDED_MIN: usize = 8;

/// The samples of one series, in order of time.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// How many places after the point its numbers have.
    scale: u32,
    times: Times,
    // INVARIANT: every block is full; what is not a number has its neighbour's value there
    blocks: Vec<Block>,
    /// The numbers after the last block, fewer than a block.
    open: Vec<i64>,
    /// What is no number of this column, by place.
    // INVARIANT: places rise
    others: Vec<(usize, Reading)>,
}

impl Column {
    /// How many samples.
    pub fn len(&self) -> usize {
        self.blocks.len().saturating_mul(BLOCK).saturating_add(self.open.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.open.is_empty()
    }

    /// Takes a sample in, by the rules of arrival: one that is older than the newest is late; the newest again is
    /// nothing; its time with another value is a conflict, and the first stays.
    pub fn observe(&mut self, at: Timestamp, reading: &Reading) -> Observed {
        let number = match reading {
            Reading::Value(value) => number(*value),
            _ => None,
        };
        match number {
            Some((mantissa, scale)) => self.observe_number(at, mantissa, scale),
            None => self.observe_other(at, reading),
        }
    }

    /// As [`Column::observe`] of the value `mantissa` / 10^`scale`.
    #[inline]
    pub fn observe_number(&mut self, at: Timestamp, mantissa: i64, scale: u32) -> Observed {
        let number = if scale == self.scale { Some(mantissa) } else { self.rescaled(mantissa, scale) };
        let Some(number) = number.filter(|number| number.unsigned_abs() <= NUMBER_MAX) else {
            let value = Decimal::try_from_i128_with_scale(i128::from(mantissa), scale);
            return self.observe_other(at, &value.map_or(Reading::OutOfRange, Reading::Value));
        };
        match self.times.newest() {
            Some(newest) if at < newest => return Observed::Late,
            Some(newest) if at == newest => {
                let last = self.len().saturating_sub(1);
                let same = !self.is_other(last) && self.number(last) == Some(number);
                return if same { Observed::Repeated } else { Observed::Conflict };
            }
            _ => {}
        }
        self.times.push(self.len(), at);
        self.push(number);
        Observed::Kept
    }

    /// Takes in samples that all are new, at least [`EXTENDED_MIN`] of them and as many times as numbers, each `mantissa` /
    /// 10^`scale`: the same as [`Column::observe_number`] of each. `false`, and nothing taken, where they are fewer, one of
    /// them is not after the one before it, or this is not the column's scale.
    ///
    /// ```
    /// use spark_core::{Timestamp, column::Column};
    ///
    /// let mut column = Column::default();
    /// let times: Vec<_> = (0..60).map(|second| Timestamp::from_millis(second * 1_000)).collect();
    /// assert!(column.extend(&times, &[450; 60], 0));
    /// assert!(!column.extend(&times, &[450; 60], 0), "these are old");
    /// assert_eq!(column.len(), 60);
    /// ```
    pub fn extend(&mut self, times: &[Timestamp], mantissas: &[i64], scale: u32) -> bool {
        let is_small = |number: &i64| number.unsigned_abs() <= NUMBER_MAX;
        let is_new = times.len() >= EXTENDED_MIN
            && times.len() == mantissas.len()
            && scale == self.scale
            && self.times.newest() < times.first().copied()
            && times.is_sorted_by(|before, after| before < after)
            && mantissas.iter().fold(true, |all, number| all & is_small(number));
        if !is_new {
            return false;
        }
        self.times.extend(self.len(), times);
        let mut rest = mantissas;
        while let Some((some, others)) =
            rest.split_at_checked(BLOCK.saturating_sub(self.open.len()).min(rest.len()))
            && !some.is_empty()
        {
            if some.len() == BLOCK {
                self.blocks.push(Block::of(some));
            } else {
                self.reserve();
                self.open.extend_from_slice(some);
                self.close_full();
            }
            rest = others;
        }
        true
    }

    fn observe_other(&mut self, at: Timestamp, reading: &Reading) -> Observed {
        let place = self.len();
        match self.times.newest() {
            Some(newest) if at < newest => return Observed::Late,
            Some(newest) if at == newest => {
                let same = self.reading(place.saturating_sub(1)).as_ref() == Some(reading);
                return if same { Observed::Repeated } else { Observed::Conflict };
            }
            _ => {}
        }
        self.times.push(place, at);
        self.others.push((place, reading.clone()));
        // it widens no block
        let neighbour = place.checked_sub(1).and_then(|before| self.number(before)).unwrap_or(0);
        self.push(neighbour);
        Observed::Kept
    }

    fn push(&mut self, number: i64) {
        self.reserve();
        self.open.push(number);
        self.close_full();
    }

    fn reserve(&mut self) {
        if self.open.capacity() == 0 {
            self.open.reserve_exact(BLOCK);
        }
    }

    fn close_full(&mut self) {
        if self.open.len() == BLOCK {
            self.blocks.push(Block::of(&self.open));
            self.open.clear();
        }
    }

    /// A number of another scale as one of this column, whose own scale may rise for it; `None` where it does not fit.
    fn rescaled(&mut self, mut mantissa: i64, mut scale: u32) -> Option<i64> {
        while scale > self.scale && mantissa.checked_rem(10) == Some(0) {
            mantissa = mantissa.checked_div(10)?;
            scale = scale.saturating_sub(1);
        }
        if scale > self.scale {
            self.raise(scale)?;
        }
        mantissa.checked_mul(power(self.scale.saturating_sub(scale))?)
    }

    /// Gives all numbers more places; changes nothing where one of them would not fit.
    fn raise(&mut self, scale: u32) -> Option<()> {
        let factor = Some(scale).filter(|scale| *scale <= SCALE_MAX)?;
        let factor = power(factor.saturating_sub(self.scale))?;
        let raise =
            |number: &i64| number.checked_mul(factor).filter(|raised| raised.unsigned_abs() <= NUMBER_MAX);
        let raised = |numbers: &[i64]| numbers.iter().map(raise).collect::<Option<Vec<_>>>();
        let open = raised(&self.open)?;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            blocks.push(Block::of(&raised(&block.numbers())?));
        }
        (self.scale, self.blocks) = (scale, blocks);
        self.open.clear();
        self.open.extend(open);
        Some(())
    }

    fn number(&self, place: usize) -> Option<i64> {
        let (block, within) = (place.checked_div(BLOCK)?, place.checked_rem(BLOCK)?);
        match self.blocks.get(block) {
            Some(block) => block.number(within),
            None => self.open.get(within).copied(),
        }
    }

    fn is_other(&self, place: usize) -> bool {
        !self.others.is_empty() && self.others.binary_search_by_key(&place, |(other, _)| *other).is_ok()
    }

    /// What was measured at a place.
    pub fn reading(&self, place: usize) -> Option<Reading> {
        if !self.others.is_empty()
            && let Ok(other) = self.others.binary_search_by_key(&place, |(other, _)| *other)
        {
            return self.others.get(other).map(|(_, reading)| reading.clone());
        }
        Some(Reading::Value(Decimal::new(self.number(place)?, self.scale).normalize()))
    }

    /// When the sample at a place was measured.
    pub fn at(&self, place: usize) -> Option<Timestamp> {
        (place < self.len()).then(|| self.times.at(place)).flatten()
    }

    /// The time of the newest sample.
    pub const fn newest(&self) -> Option<Timestamp> {
        self.times.newest()
    }

    /// How many samples are not after an instant.
    pub fn seen(&self, at: Timestamp) -> usize {
        self.times.seen(at, self.len())
    }

    /// The first sample from a place on that is more than `longest` after the one before it.
    pub fn first_after_gap(&self, from: usize, longest: TimeSpan) -> Option<usize> {
        self.times.first_after_gap(from, longest, self.len())
    }

    /// The first sample from a place on that is not between two values, ends included, or is none of the
    /// column's numbers.
    ///
    /// Blocks that lie between them are passed over.
    pub fn first_outside(&self, from: usize, low: Option<Decimal>, high: Option<Decimal>) -> Option<usize> {
        let least = low.map_or(i64::MIN, |low| ceiling(low, self.scale));
        let most = high.map_or(i64::MAX, |high| floor(high, self.scale));
        let other = self.others.partition_point(|(place, _)| *place < from);
        let other = self.others.get(other).map(|(place, _)| *place);
        let number =
            self.first_number(Sought::outside(least, most), from, other.unwrap_or_else(|| self.len()));
        number.or(other)
    }

    /// The first place in `from..to` whose number is what is sought.
    fn first_number(&self, sought: Sought, from: usize, to: usize) -> Option<usize> {
        let mut place = from;
        while place < to {
            let (block, within) = (place.checked_div(BLOCK)?, place.checked_rem(BLOCK)?);
            let found = match self.blocks.get(block) {
                Some(block) => block.first(sought, within),
                None => block::first(&self.open, within, |number| sought.is(number)),
            };
            if let Some(found) = found {
                let found = block.saturating_mul(BLOCK).saturating_add(found);
                return (found < to).then_some(found);
            }
            place = block.saturating_add(1).saturating_mul(BLOCK);
        }
        None
    }

    /// The last place in `from..to` whose number is what is sought.
    fn last_number(&self, sought: Sought, from: usize, to: usize) -> Option<usize> {
        let mut end = to;
        while end > from {
            let block = end.checked_sub(1)?.checked_div(BLOCK)?;
            let start = block.saturating_mul(BLOCK);
            let (within, until) = (from.saturating_sub(start), end.saturating_sub(start));
            let found = match self.blocks.get(block) {
                Some(block) => block.last(sought, within, until),
                None => block::last(&self.open, within, until, |number| sought.is(number)),
            };
            if let Some(found) = found {
                return Some(start.saturating_add(found));
            }
            end = start;
        }
        None
    }
}

/// A value as a number and its places, where both are small enough.
fn number(value: Decimal) -> Option<(i64, u32)> {
    let value = if value.scale() > 0 { value.normalize() } else { value };
    let scale = Some(value.scale()).filter(|scale| *scale <= SCALE_MAX)?;
    Some((i64::try_from(value.mantissa()).ok()?, scale))
}

/// A power of ten as a factor of numbers.
fn power(power: u32) -> Option<i64> {
    i64::try_from(ten_to(power)?).ok()
}

/// The greatest whole number of steps that is not above a value; the ends of the range where it does not fit.
fn floor(value: Decimal, scale: u32) -> i64 {
    let mantissa = value.mantissa();
    let steps = match scale.checked_sub(value.scale()) {
        Some(up) => ten_to(up).and_then(|factor| mantissa.checked_mul(factor)),
        None => ten_to(value.scale().saturating_sub(scale)).and_then(|by| mantissa.checked_div_euclid(by)),
    };
    let beyond = if mantissa < 0 { i64::MIN } else { i64::MAX };
    steps.and_then(|steps| i64::try_from(steps).ok()).unwrap_or(beyond)
}

/// The least whole number of steps that is not below a value.
fn ceiling(value: Decimal, scale: u32) -> i64 {
    let negated = Decimal::ZERO.checked_sub(value).unwrap_or_default();
    floor(negated, scale).saturating_neg()
}

#[cfg(test)]
mod tests;
