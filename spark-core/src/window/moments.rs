//! The sums that a regression line follows from, in integers, over a window that slides.

use rust_decimal::Decimal;

use super::estimate::Estimate;
use super::regression::quotient;
use super::total::{EXACT_BITS, in_units, product};
use crate::time::Timestamp;

/// Sums of times, values, their products and the squares of the times.
///
/// The slope's fraction is the same whatever times and values are counted from, so they are counted from the sample that
/// was the first when the sums were made. As in [`Total`](super::Total), there is no slope here where plain decimals would
/// have been rounded on the way.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    origin: Timestamp,
    /// The power of ten of nanoseconds that times are counted in: 9, 6, 3 or 0.
    unit: u32,
    places: u32,
    level: Decimal,
    len: usize,
    x: i128,
    y: i128,
    xy: i128,
    xx: i128,
    /// The sum of the values' absolute distances from the level.
    distances: i128,
    unfit: usize,
}

/// A sample in the units of the sums.
struct Part {
    x: i128,
    y: i128,
    xy: i128,
    xx: i128,
}

impl Moments {
    /// The sums of samples in the order of time.
    pub fn of(points: impl Iterator<Item = (Timestamp, Decimal)> + Clone) -> Self {
        let Some((origin, level)) = points.clone().next() else { return Self::default() };
        let mut moments = Self { origin, level, unit: COARSEST, ..Self::default() };
        for (at, value) in points.clone() {
            moments.unit = moments.unit.min(unit_of(origin, at));
            moments.places = moments.places.max(value.scale());
        }
        points.for_each(|(at, value)| moments.put(at, value));
        moments
    }

    /// Takes a sample in. False, and nothing is taken in, where it is finer than any before, in time or value: the sums have
    /// to be made [of](Self::of) all samples anew.
    #[must_use]
    pub fn push(&mut self, at: Timestamp, value: Decimal) -> bool {
        if self.len == 0 {
            *self =
                Self { origin: at, level: value, unit: COARSEST, places: value.scale(), ..Self::default() };
        }
        if value.scale() > self.places || unit_of(self.origin, at) < self.unit {
            return false;
        }
        self.put(at, value);
        true
    }

    fn put(&mut self, at: Timestamp, value: Decimal) {
        self.add(at, value, i128::saturating_add);
        self.len = self.len.saturating_add(1);
    }

    /// Takes a sample off that was taken in.
    pub fn pop(&mut self, at: Timestamp, value: Decimal) {
        self.add(at, value, i128::saturating_sub);
        self.len = self.len.saturating_sub(1);
    }

    /// How many samples they are of.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether they are of none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn count(&self) -> i128 {
        i128::try_from(self.len).unwrap_or(i128::MAX)
    }

    /// Whether making them anew could help: there is no slope to the digit, and the sample that is counted from has left.
    pub fn is_stale(&self, first: (Timestamp, Decimal), last: Timestamp) -> bool {
        self.origin < first.0 && self.fraction(first, last).is_none()
    }

    fn add(&mut self, at: Timestamp, value: Decimal, add: fn(i128, i128) -> i128) {
        let Some(part) = self.part(at, value) else {
            let unfit = add(i128::try_from(self.unfit).unwrap_or(i128::MAX), 1);
            self.unfit = usize::try_from(unfit).unwrap_or(0);
            return;
        };
        self.x = add(self.x, part.x);
        self.y = add(self.y, part.y);
        self.xy = add(self.xy, part.xy);
        self.xx = add(self.xx, part.xx);
        self.distances = add(self.distances, part.y.saturating_abs());
    }

    /// A sample in the units of the sums, where these cannot overflow: 2^20 of them are the most of a series.
    fn part(&self, at: Timestamp, value: Decimal) -> Option<Part> {
        const BITS: u32 = 106;
        let x = self.steps(self.origin, at)?;
        let y = in_units(value, self.places)?.checked_sub(in_units(self.level, self.places)?)?;
        let x = i128::from(x);
        let part = Part { x, y, xy: product(x, y)?, xx: product(x, x)? };
        let fits = |value: i128| value.unsigned_abs() >> BITS == 0;
        (fits(part.y) && fits(part.xy) && fits(part.xx)).then_some(part)
    }

    /// From one time to another, in units of the sums.
    fn steps(&self, from: Timestamp, to: Timestamp) -> Option<i64> {
        let nanos = to.nanos().checked_sub(from.nanos())?;
        // by a constant, a division is a multiplication
        match self.unit {
            COARSEST => nanos.checked_div(1_000_000_000),
            6 => nanos.checked_div(1_000_000),
            3 => nanos.checked_div(1_000),
            _ => Some(nanos),
        }
    }

    /// The slope per second of the line that fits the samples best, of which these are the first and the last; none where
    /// plain decimals might be rounded before the last step, or where there is none.
    pub fn slope(&self, first: (Timestamp, Decimal), last: Timestamp) -> Option<Decimal> {
        let (above, below) = self.fraction(first, last)?;
        quotient(decimal(above.0, above.1)?, decimal(below.0, below.1)?)
    }

    /// About the same.
    pub fn slope_about(&self, first: (Timestamp, Decimal), last: Timestamp) -> Option<Estimate> {
        let (above, below) = self.fraction(first, last)?;
        let about = Estimate::quotient(above, below)?;
        // one that would become none is left to floats
        (above.0 == 0 || !about.is_tiny()).then_some(about)
    }

    /// The slope's fraction, both in units of 10^-places.
    fn fraction(&self, first: (Timestamp, Decimal), last: Timestamp) -> Option<((i128, u32), (i128, u32))> {
        let span = self.steps(first.0, last)?;
        if self.unfit > 0 || self.len < 2 || span <= 0 || !self.is_exact(first.1, span.into())? {
            return None;
        }
        let above = product(self.count(), self.xy)?.checked_sub(product(self.x, self.y)?)?;
        let below = product(self.count(), self.xx)?.checked_sub(product(self.x, self.x)?)?;
        // to seconds: x has 9 - unit places, so above has one power more than below has
        let time_places = COARSEST.checked_sub(self.unit)?;
        Some(((above, self.places.checked_add(time_places)?), (below, time_places.checked_mul(2)?)))
    }

    /// Whether plain decimals, which count from the first sample, hold every sum and product to the digit.
    fn is_exact(&self, first: Decimal, span: i128) -> Option<bool> {
        let from_level =
            in_units(first, self.places)?.checked_sub(in_units(self.level, self.places)?)?.checked_abs()?;
        let distances = self.distances.checked_add(product(self.count(), from_level)?)?;
        let times = product(self.count(), span)?;
        let fits = |value: i128| value.unsigned_abs() >> EXACT_BITS.saturating_sub(1) == 0;
        let squares = product(times, times)?;
        let products = product(times, distances)?;
        let time_places = COARSEST.checked_sub(self.unit)?;
        let places = self.places.checked_add(time_places)?.max(time_places.checked_mul(2)?);
        Some(fits(squares) && fits(products) && places <= Decimal::MAX_SCALE)
    }
}

/// Seconds, as a power of ten of nanoseconds.
const COARSEST: u32 = 9;

/// The coarsest of seconds, milliseconds, microseconds and nanoseconds that a distance is a whole number of.
fn unit_of(origin: Timestamp, at: Timestamp) -> u32 {
    let Some(nanos) = at.nanos().checked_sub(origin.nanos()) else { return 0 };
    // by a constant, a division is a multiplication
    match nanos {
        _ if nanos.checked_rem(1_000_000_000) == Some(0) => COARSEST,
        _ if nanos.checked_rem(1_000_000) == Some(0) => 6,
        _ if nanos.checked_rem(1_000) == Some(0) => 3,
        _ => 0,
    }
}

fn decimal(units: i128, places: u32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(units, places).ok()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;
    use crate::window::slope;
    use proptest::prelude::*;

    /// Ordinary values at whole seconds; and such that the sums are as long as a decimal, or longer.
    fn points() -> impl Strategy<Value = Vec<(Timestamp, Decimal)>> {
        let units = prop_oneof![Just(1_000_000_000_i64), Just(1_000_000), Just(1)];
        let value = prop_oneof![
            (-5_000..5_000_i64, 0..4_u32).prop_map(|(value, places)| Decimal::new(value, places)).boxed(),
            (any::<i64>(), 8..16_u32).prop_map(|(value, places)| Decimal::new(value, places)).boxed(),
            (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0..29_u32)
                .prop_map(|(low, mid, high, negative, places)| Decimal::from_parts(
                    low, mid, high, negative, places
                ))
                .boxed(),
        ];
        let value =
            prop_oneof![Just(value.clone().boxed()), Just(Just(Decimal::ONE).boxed())].prop_flat_map(|it| it);
        (units, proptest::collection::vec((1..90_i64, 1..1_000_i64, value), 2..40)).prop_map(
            |(unit, steps)| {
                let mut nanos = 1_767_226_500_000_000_000_i64;
                let mut point = |(seconds, part, value): (i64, i64, Decimal)| {
                    nanos += if unit == 1_000_000_000 {
                        seconds * unit
                    } else {
                        seconds * 1_000_000_000 + part * unit
                    };
                    (Timestamp::from_nanos(nanos), value)
                };
                steps.into_iter().map(&mut point).collect()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

        /// Where the sums give a slope, it is that of the samples, to the last digit; and ordinary samples always have one.
        #[test]
        fn slopes_are_those_of_all_samples(points in points(), width in 2..12_usize) {
            let mut moments = Moments::default();
            for (place, (at, value)) in points.iter().enumerate() {
                let window = &points[(place + 1).saturating_sub(width)..=place];
                if let Some(gone) = place.checked_sub(width) {
                    moments.pop(points[gone].0, points[gone].1);
                }
                if !moments.push(*at, *value) || moments.is_stale(window[0], *at) {
                    moments = Moments::of(window.iter().copied());
                }
                let (slid, plain) = (moments.slope(window[0], *at), slope(window));
                if slid.is_some() {
                    prop_assert_eq!(slid.map(|it| it.to_string()), plain.map(|it| it.to_string()));
                }
                let ordinary = window.iter().all(|(at, value)| {
                    at.nanos() % 1_000_000_000 == 0 && value.scale() < 4 && value.mantissa().abs() < 5_000
                });
                prop_assert!(slid.is_some() || !ordinary || window.len() < 2);
            }
        }
    }
}
