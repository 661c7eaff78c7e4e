//! A column of numbers alone, as the integers that it keeps.

use rust_decimal::Decimal;

use super::block::Sought;
use super::{Column, ceiling, floor};
use crate::time::{TimeSpan, Timestamp};

/// The samples of a column that are all numbers: each a whole number of steps of 10^-[`scale`](Self::scale).
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a>(&'a Column);

impl Column {
    /// Its samples as numbers; `None` where one is not.
    pub fn numbers(&self) -> Option<Numbers<'_>> {
        self.others.is_empty().then_some(Numbers(self))
    }
}

impl Numbers<'_> {
    /// How many places after the point the numbers have.
    pub const fn scale(self) -> u32 {
        self.0.scale
    }

    /// The number at a place.
    pub fn at(self, place: usize) -> Option<i64> {
        self.0.number(place)
    }

    /// The least number of steps that is above a value, or is the value where `inclusive`.
    pub fn least_above(self, value: Decimal, inclusive: bool) -> i64 {
        match inclusive {
            true => ceiling(value, self.0.scale),
            false => floor(value, self.0.scale).saturating_add(1),
        }
    }

    /// The first place from `from` on whose number is below `least` or above `most`.
    pub fn first_outside(self, from: usize, least: i64, most: i64) -> Option<usize> {
        self.0.first_number(Sought::outside(least, most), from, self.0.len())
    }

    /// The time of the first sample and the time between two, where all are as far apart.
    pub fn even_times(self) -> Option<(Timestamp, TimeSpan)> {
        self.0.times.even()
    }
}
