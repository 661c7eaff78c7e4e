//! The sums that a regression line and a deviation follow from, in integers, over a window that slides.

use rust_decimal::Decimal;

use super::estimate::{Estimate, SHORTENED, STEP, float_ten_to, near};
use super::regression::quotient;
use super::total::{EXACT_BITS, in_units, product, small};
use crate::time::Timestamp;

/// Below this a time is added, in steps, and a value, in units: 2^20 of their products and squares, as many as a series
/// keeps, fit into 127 bits, also where both are counted from a sample that is as far away again.
const TIME_BITS: u32 = 46;
const VALUE_BITS: u32 = 52;
const SAMPLES_BITS: u32 = 20;
const _: () =
    assert!(2 * (TIME_BITS + 1) + SAMPLES_BITS <= 127 && 2 * (VALUE_BITS + 1) + SAMPLES_BITS <= 127);

/// Seconds, as a power of ten of nanoseconds.
const COARSEST: u32 = 9;

/// What four roundings of floats can take from a value.
pub(super) const ROUNDED: f64 = 4.0 * f64::EPSILON;

/// More than what one rounding of a decimal can take: a part of it, or that much of one.
pub(super) const CUT: f64 = 1e-27;

/// Well within a decimal's range: what stays below it does not overflow.
pub(super) const LARGEST: f64 = 1e26;

/// Sums of times, values, their products and their squares.
///
/// What is asked of them is the same whatever times and values are counted from, so they are counted from a sample that is or
/// was in the window not long ago: once as many came as are in it, the sums are moved to the newest, by integers, so that
/// nothing is lost. Where plain decimals would have been rounded on the way there is no slope here; an estimate mostly is.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    origin: Timestamp,
    /// The power of ten of nanoseconds that times are counted in: 9, 6, 3 or 0.
    unit: u32,
    places: u32,
    /// In units of 10^-places.
    level: i64,
    len: usize,
    /// How many need all of these places.
    finest: usize,
    /// How many came since the origin was moved.
    since: usize,
    sums: Sums,
    /// Samples too far from the others: so many of the oldest have to go before there are sums again.
    unfit: Option<usize>,
}

/// Sums of pairs, of their products and their squares.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) x: i128,
    pub(super) y: i128,
    pub(super) xy: i128,
    pub(super) xx: i128,
    pub(super) yy: i128,
}

impl Sums {
    // INVARIANT: what is in them fits; what is moved does again, so that nothing is lost where a step in between wraps
    #[inline]
    pub(super) fn put(&mut self, (x, y): (i64, i64)) {
        let (x, y) = (i128::from(x), i128::from(y));
        self.x = self.x.wrapping_add(x);
        self.y = self.y.wrapping_add(y);
        self.xy = self.xy.wrapping_add(x.wrapping_mul(y));
        self.xx = self.xx.wrapping_add(x.wrapping_mul(x));
        self.yy = self.yy.wrapping_add(y.wrapping_mul(y));
    }

    #[inline]
    pub(super) fn take(&mut self, (x, y): (i64, i64)) {
        let (x, y) = (i128::from(x), i128::from(y));
        self.x = self.x.wrapping_sub(x);
        self.y = self.y.wrapping_sub(y);
        self.xy = self.xy.wrapping_sub(x.wrapping_mul(y));
        self.xx = self.xx.wrapping_sub(x.wrapping_mul(x));
        self.yy = self.yy.wrapping_sub(y.wrapping_mul(y));
    }

    /// Counts all from another point, which is so far away.
    pub(super) fn move_by(&mut self, count: usize, (x, y): (i64, i64)) {
        let count = i128::try_from(count).unwrap_or(0);
        let (x, y) = (i128::from(x), i128::from(y));
        let moved = |sum: i128, a: (i128, i128), b: (i128, i128)| {
            // the sum of (p - a)(q - b), of which the sum of pq, and those of q and p are known
            let both = count.wrapping_mul(a.0).wrapping_mul(b.0);
            sum.wrapping_sub(a.0.wrapping_mul(b.1)).wrapping_sub(b.0.wrapping_mul(a.1)).wrapping_add(both)
        };
        let (by_x, by_y) = ((x, self.x), (y, self.y));
        self.xy = moved(self.xy, by_x, by_y);
        self.xx = moved(self.xx, by_x, by_x);
        self.yy = moved(self.yy, by_y, by_y);
        self.x = self.x.wrapping_sub(count.wrapping_mul(x));
        self.y = self.y.wrapping_sub(count.wrapping_mul(y));
    }
}

impl Moments {
    /// The sums of samples in the order of time.
    pub fn of(points: impl Iterator<Item = (Timestamp, Decimal)> + Clone) -> Self {
        let Some((origin, level)) = points.clone().next() else { return Self::default() };
        let mut moments = Self { origin, unit: COARSEST, ..Self::default() };
        for (at, value) in points.clone() {
            moments.unit = moments.unit.min(unit_of(origin, at));
            moments.places = moments.places.max(value.scale());
        }
        moments.level = moments.units(level).unwrap_or(0);
        for (at, value) in points {
            moments.count_in(value);
            match moments.part(at, value).filter(fits) {
                Some(part) => moments.sums.put(part),
                None => moments.unfit = Some(moments.len),
            }
        }
        moments
    }

    /// Takes a sample in. False, and nothing is taken in, where it is finer than any before, in time or value: the sums have
    /// to be made [of](Self::of) all samples anew.
    #[inline]
    #[must_use]
    pub fn push(&mut self, at: Timestamp, value: Decimal) -> bool {
        if self.len == 0 {
            *self = Self { origin: at, unit: COARSEST, places: value.scale(), ..Self::default() };
            self.level = self.units(value).unwrap_or(0);
        }
        if self.unfit.is_some() {
            self.count_in(value);
            return true;
        }
        if value.scale() > self.places {
            return false;
        }
        let Some(x) = self.steps(at) else { return false };
        self.count_in(value);
        match self.height(value).map(|y| (x, y)).filter(fits) {
            Some(part) => {
                self.sums.put(part);
                self.since = self.since.saturating_add(1);
                if self.since > self.len {
                    self.sums.move_by(self.len, part);
                    self.origin = at;
                    self.level = self.level.saturating_add(part.1);
                    self.since = 0;
                }
            }
            None => self.unfit = Some(self.len),
        }
        true
    }

    fn count_in(&mut self, value: Decimal) {
        self.len = self.len.saturating_add(1);
        self.finest = self.finest.saturating_add(usize::from(value.scale() == self.places));
    }

    /// Takes the oldest sample off, which this is.
    #[inline]
    pub fn pop(&mut self, at: Timestamp, value: Decimal) {
        self.len = self.len.saturating_sub(1);
        self.finest = self.finest.saturating_sub(usize::from(value.scale() == self.places));
        if let Some(unfit) = &mut self.unfit {
            *unfit = unfit.saturating_sub(1);
            return;
        }
        match self.part(at, value) {
            Some(part) => self.sums.take(part),
            None => self.unfit = Some(self.len),
        }
    }

    /// How many samples they are of.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether they are of none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether they have to be made anew: the samples that were too far from the others have gone, or those that made the
    /// units too small for them.
    pub fn is_stale(&self) -> bool {
        self.unfit.is_some_and(|unfit| unfit == 0 || self.finest == 0)
    }

    fn count(&self) -> i128 {
        i128::try_from(self.len).unwrap_or(i128::MAX)
    }

    /// A sample in the units of the sums.
    #[inline]
    fn part(&self, at: Timestamp, value: Decimal) -> Option<(i64, i64)> {
        Some((self.steps(at)?, self.height(value)?))
    }

    /// A value in units of the places.
    #[inline]
    fn units(&self, value: Decimal) -> Option<i64> {
        if value.scale() == self.places {
            small(value)
        } else {
            i64::try_from(in_units(value, self.places)?).ok()
        }
    }

    #[inline]
    fn height(&self, value: Decimal) -> Option<i64> {
        self.units(value)?.checked_sub(self.level)
    }

    /// A time in units of the sums; none where it is no whole number of them.
    #[inline]
    fn steps(&self, at: Timestamp) -> Option<i64> {
        let nanos = at.nanos().checked_sub(self.origin.nanos())?;
        // by a constant, a division is a multiplication
        match self.unit {
            COARSEST if nanos.checked_rem(1_000_000_000)? == 0 => nanos.checked_div(1_000_000_000),
            6 if nanos.checked_rem(1_000_000)? == 0 => nanos.checked_div(1_000_000),
            3 if nanos.checked_rem(1_000)? == 0 => nanos.checked_div(1_000),
            0 => Some(nanos),
            _ => None,
        }
    }

    /// As many times the span from the first sample to the last as there are samples, in steps.
    fn times(&self, first: Timestamp, last: Timestamp) -> Option<f64> {
        let nanos = last.nanos().checked_sub(first.nanos())?;
        let second = float_ten_to(COARSEST.checked_sub(self.unit)?)?;
        let is_some = self.unfit.is_none() && self.len >= 2 && nanos > 0;
        is_some.then(|| near(self.count()) * near(nanos.into()) * (second * 1e-9))
    }

    /// The slope per second of the line that fits the samples best, of which these are the first and the last; none where
    /// plain decimals might be rounded before the last step, or where there is none.
    pub fn slope(&self, first: (Timestamp, Decimal), last: Timestamp) -> Option<Decimal> {
        let times = self.times(first.0, last)?;
        let Sums { x, y, xy, xx, yy } = self.sums;
        // to seconds: x has 9 - unit places, so above has one power more than below has
        let time_places = COARSEST.checked_sub(self.unit)?;
        let places = self.places.checked_add(time_places)?;
        // more than all distances of values from the first: a sum of sizes is at most the root of as many times that of squares
        let (count, from_level) = (near(self.count()), near(self.height(first.1)?.into()));
        let distances = upper_root(2.0 * count * (near(yy) + count * from_level * from_level));
        // below half of what a decimal holds, whatever floats round
        let fits = |size: f64| size < float_two_to(EXACT_BITS.saturating_sub(2));
        let short = places.max(time_places.checked_mul(2)?) <= Decimal::MAX_SCALE;
        if !(fits(times * times) && fits(times * distances) && short) {
            return None;
        }
        let above = product(self.count(), xy)?.checked_sub(product(x, y)?)?;
        let below = product(self.count(), xx)?.checked_sub(product(x, x)?)?;
        quotient(decimal(above, places)?, decimal(below, time_places.checked_mul(2)?)?)
    }

    /// About the same slope, also where plain decimals are rounded on the way.
    pub fn slope_about(&self, first: Timestamp, last: Timestamp) -> Option<Estimate> {
        let times = self.times(first, last)?;
        if self.sums.yy == 0 {
            // all at one level
            return Some(Estimate::ZERO);
        }
        let count = near(self.count());
        let (x, y, xy, xx) = (near(self.sums.x), near(self.sums.y), near(self.sums.xy), near(self.sums.xx));
        let time_places = COARSEST.checked_sub(self.unit)?;
        let (second, one) = (float_ten_to(time_places)?, float_ten_to(self.places)?);
        // more than all distances of values from the first, of which none is farther from the level than the root
        let distances = 2.0 * count * upper_root(near(self.sums.yy));
        let (products, squares) = (times * distances, times * times);
        if products >= LARGEST * second * one || squares >= LARGEST * second * second {
            return None;
        }
        // so many roundings of decimals on each side, none of more than these
        let cuts = CUT * count;
        let off_above =
            ROUNDED * (count * xy.abs() + (x * y).abs()) + cuts * (products + (count * second + times) * one);
        let off_below = ROUNDED * (count * xx + x * x) + cuts * (squares + (count * second + times) * second);
        let (above, below) = (count * xy - x * y, count * xx - x * x);
        if below <= 2.0 * off_below {
            return None;
        }
        let scale = second / one * (1.0 / below);
        let about = above * scale;
        // as `below` is more than twice what it is off by
        let off = 2.0 * (off_above + above.abs() * (off_below / below)) * scale + SHORTENED * about.abs();
        // one that decimals may round to none is left to floats, which see how far all values are from zero
        Estimate::within(about, off + STEP).filter(Estimate::is_some)
    }

    /// About the population standard deviation.
    pub fn deviation_about(&self) -> Option<Estimate> {
        if self.unfit.is_some() || self.len == 0 {
            return None;
        }
        if self.sums.yy == 0 {
            return Some(Estimate::ZERO);
        }
        let (count, y, yy) = (near(self.count()), near(self.sums.y), near(self.sums.yy));
        let one = float_ten_to(self.places)?;
        // in units: the variance, and what floats round
        let per = 1.0 / (count * count);
        let (variance, off) = ((count * yy - y * y) * per, ROUNDED * (count * yy + y * y) * per);
        if variance <= off {
            return None;
        }
        let largest = near(self.level.into()).abs() + yy.sqrt();
        if 4.0 * count * largest * largest >= LARGEST * one * one {
            return None;
        }
        // what decimals cut from the mean, from each square and from their sum
        let (deviation, cut) = (variance.sqrt(), CUT * (count * largest + one));
        let cuts = 2.0 * cut * deviation + cut * cut + CUT * (one * one + count * variance);
        let scale = 1.0 / one;
        let about = deviation * scale;
        Estimate::within(about, (off + cuts) / deviation * scale + SHORTENED * about + STEP)
    }
}

#[inline]
fn fits((x, y): &(i64, i64)) -> bool {
    x.unsigned_abs() >> TIME_BITS == 0 && y.unsigned_abs() >> VALUE_BITS == 0
}

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

/// The root of a float that is not negative, or up to a sixteenth more: half of its exponent and half of what follows.
fn upper_root(square: f64) -> f64 {
    const HALF_BIAS: u64 = 1_023 << 51;
    f64::from_bits((square.to_bits() >> 1).wrapping_add(HALF_BIAS))
}

fn float_two_to(power: u32) -> f64 {
    f64::from(power).exp2()
}

fn decimal(units: i128, places: u32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(units, places).ok()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;
    use crate::window::{slope, standard_deviation};
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

    /// Sums of thousands of samples as far from each other as sums take are not beyond their bits: what they give is so.
    #[test]
    fn far_and_many() {
        for (bits, places) in (40..62).flat_map(|bits| [(bits, 18), (bits, 3)]) {
            let far = Decimal::new((1 << bits) - 1, places);
            // half of them at one value and half at another, in turn and in two halves
            for place in 1..14 {
                let value = |n: u64| if n >> (13 - place) & 1 == 0 { Decimal::ZERO } else { far };
                let points = (0_u32..).zip(0..1 << 13).map(|(second, n)| {
                    (Timestamp::EPOCH.plus(crate::time::TimeSpan::from_seconds(second)), value(n))
                });
                let about = Moments::of(points).deviation_about();
                assert!(
                    about.is_none_or(|about| about.may_be(far / Decimal::TWO)),
                    "{bits} {places} {about:?}"
                );
                assert!(about.is_some() || bits > VALUE_BITS || places == 3, "{bits} {places}");
            }
        }
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
                if !moments.push(*at, *value) || moments.is_stale() {
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
                let about = moments.slope_about(window[0].0, *at);
                let is_flat = plain.is_none_or(|plain| plain.is_zero());
                prop_assert!(about.is_some() || !ordinary || is_flat);
                prop_assert!(about.is_none_or(|about| plain.is_some_and(|plain| about.may_be(plain))), "{:?} {:?}", about, plain);
                let values: Vec<_> = window.iter().map(|(_, value)| *value).collect();
                let (about, plain) = (moments.deviation_about(), standard_deviation(&values));
                prop_assert!(about.is_some() || !ordinary || plain.is_none_or(|plain| plain.is_zero()));
                prop_assert!(about.is_none_or(|about| plain.is_some_and(|plain| about.may_be(plain))), "{:?} {:?}", about, plain);
            }
        }
    }
}
