//! Growth over a window, extrapolated to its ends as Prometheus 3 does (`extrapolatedRate`).

use rust_decimal::Decimal;

use super::daba::order;
use super::estimate::{Estimate, SHORTENED, STEP, float_ten_to, near};
use super::total::{EXACT_BITS, Total, in_units, product, small};
use crate::decimal;
use crate::time::Timestamp;

/// What is asked of the samples in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A counter's growth per second.
    Rate,
    /// A counter's growth.
    Increase,
    /// Last minus first of a gauge.
    Delta,
}

impl Kind {
    const fn is_counter(self) -> bool {
        matches!(self, Self::Rate | Self::Increase)
    }
}

/// Growth between `start` and `end`, from the samples with `start < time <= end` in time order.
///
/// `None` with fewer than two samples, no time between them, or a result that a decimal cannot hold.
///
/// The samples' own growth is stretched to each end of the window: all the way where the end is nearer than 1.1
/// times the mean distance of samples, else by half of that distance. A counter is not stretched below zero.
pub fn extrapolated(
    points: &[(Timestamp, Decimal)],
    start: Timestamp,
    end: Timestamp,
    kind: Kind,
) -> Option<Decimal> {
    let ((first_at, first), (last_at, _)) = (*points.first()?, *points.last()?);
    let stretch = Stretch::of(points.len(), first_at, last_at, start, end)?;
    let growth = growth(points, kind).map(|growth| growth.normalize());
    growth.and_then(|growth| exact(growth, first, &stretch, kind)).or_else(|| {
        let values: Vec<f64> = points.iter().map(|(_, value)| decimal::to_float(*value)).collect();
        decimal::from_float(stretch.apply_float(&values, kind)?)
    })
}

/// What is known of a window's samples without going through them.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub first: (Timestamp, Decimal),
    /// The time of the last.
    pub last: Timestamp,
    /// Last minus first, and of a counter what was there before each reset; exact, and in its shortest form.
    pub growth: Decimal,
}

/// Whether a counter was reset between two samples: what it showed before is lost, and added to its growth.
///
/// ```
/// use rust_decimal::Decimal;
/// use spark_core::window::is_reset;
/// assert!(is_reset(Decimal::from(7), Decimal::ONE));
/// assert!(!is_reset(Decimal::ONE, Decimal::ONE));
/// ```
#[inline]
pub fn is_reset(before: Decimal, after: Decimal) -> bool {
    let places_are_same = before.scale() == after.scale();
    match (small(before), small(after)) {
        (Some(before), Some(after)) if places_are_same => after < before,
        _ => order(&after, &before).is_lt(),
    }
}

/// Last minus first, and what a counter showed before its resets; in its shortest form, and `None` where decimals that are
/// added up one after the other might have been rounded.
pub fn growth_of(first: Decimal, last: Decimal, resets: Option<&Total>) -> Option<Decimal> {
    let Some(resets) = resets.filter(|resets| !resets.is_empty()) else {
        return last.checked_sub(first).map(|growth| growth.normalize());
    };
    let places = resets.places().max(first.scale()).max(last.scale());
    let (first, last) = (in_units(first, places)?, in_units(last, places)?);
    let (lost, all_lost) = resets.raw(places)?;
    let largest = first.checked_abs()?.checked_add(last.checked_abs()?)?.checked_add(all_lost)?;
    let growth = last.checked_sub(first)?.checked_add(lost)?;
    let growth = Decimal::try_from_i128_with_scale(growth, places).ok()?;
    (largest.unsigned_abs() >> EXACT_BITS == 0).then(|| growth.normalize())
}

/// The same growth from what is known of the samples. `None` also where only all of them could tell.
pub fn extrapolated_ends(ends: &Ends, start: Timestamp, end: Timestamp, kind: Kind) -> Option<Decimal> {
    let stretch = Stretch::of(ends.count, ends.first.0, ends.last, start, end)?;
    exact(ends.growth, ends.first.1, &stretch, kind)
}

/// About the same growth as [`extrapolated`] gives, whichever way that goes; `None` where decimals may overflow. Of a counter it
/// has to be known what it showed before its resets.
pub fn extrapolated_about(
    count: usize,
    (first_at, first): (Timestamp, Decimal),
    (last_at, last): (Timestamp, Decimal),
    resets: Option<&Total>,
    (start, end): (Timestamp, Timestamp),
    kind: Kind,
) -> Option<Estimate> {
    let stretch = Stretched::of(count, first_at, last_at, start, end)?;
    let resets = resets.filter(|resets| !resets.is_empty());
    let growth = Growth::of(first, last, resets)?;
    if growth.is_none {
        return Some(Estimate::ZERO);
    }
    if first.is_sign_negative() && first.is_zero() {
        // the limit of a counter that shows minus zero is not that of floats
        return None;
    }
    let Stretched { sampled, to_start, to_end } = stretch;
    let mut from_start = growth.about * to_start;
    if kind.is_counter() && !first.is_sign_negative() {
        // as it has no limit in a growth that is none or less, where this is the smaller
        from_start = from_start.min(growth.first * sampled);
    }
    let (times, over) = match kind {
        Kind::Rate => (1e9, nanos_between(start, end)?),
        Kind::Increase | Kind::Delta => (1.0, 1.0),
    };
    let scale = times / (sampled * over * growth.unit);
    let about = (growth.about * (sampled + to_end) + from_start) * scale;
    let off = (growth.off + SHORTENED * growth.about.abs()) * (sampled + to_start + to_end) * scale;
    Estimate::within(about, off + STEP)
}

/// A positive distance in nanoseconds.
fn nanos_between(from: Timestamp, to: Timestamp) -> Option<f64> {
    to.nanos().checked_sub(from.nanos()).filter(|nanos| *nanos > 0).map(|nanos| near(nanos.into()))
}

/// [`Stretch`] in floats.
struct Stretched {
    sampled: f64,
    to_start: f64,
    to_end: f64,
}

impl Stretched {
    /// None also where it is too near to the boundary whether an end is far.
    fn of(count: usize, first: Timestamp, last: Timestamp, start: Timestamp, end: Timestamp) -> Option<Self> {
        /// Many times more than what is rounded here, and than what the boundary's own floats round.
        const UNSURE: f64 = 1e-11;
        let intervals = near(i128::try_from(count).ok()?) - 1.0;
        if intervals < 1.0 || end <= start {
            return None;
        }
        let sampled = nanos_between(first, last)?;
        let boundary = 1.1 * sampled;
        let towards = |from: Timestamp, to: Timestamp| {
            let distance = near(to.nanos().checked_sub(from.nanos())?.into()) * intervals;
            let beyond = distance - boundary;
            if beyond.abs() <= UNSURE * boundary {
                return None;
            }
            // in units of twice the intervals, as half of a mean distance is the sampled time then
            Some(if beyond > 0.0 { sampled } else { 2.0 * distance })
        };
        let (to_start, to_end) = (towards(start, first)?, towards(last, end)?);
        Some(Self { sampled: 2.0 * intervals * sampled, to_start, to_end })
    }
}

/// Last minus first and what was there before resets, in parts of a unit.
struct Growth {
    /// The last value is the first, to the digit and its places, and there was no reset.
    is_none: bool,
    about: f64,
    /// How far a sum of floats, or of decimals, can be from it.
    off: f64,
    first: f64,
    unit: f64,
}

impl Growth {
    fn of(first: Decimal, last: Decimal, resets: Option<&Total>) -> Option<Self> {
        let places = resets.map_or(0, Total::places).max(first.scale()).max(last.scale());
        let is_none = resets.is_none() && first.scale() == last.scale();
        let (lost, all_lost, times) = match resets {
            Some(resets) => {
                let (lost, all_lost) = resets.raw(places)?;
                (lost, all_lost, resets.len())
            }
            None => (0, 0, 0),
        };
        let (first, last) = (in_units(first, places)?, in_units(last, places)?);
        let is_none = is_none && first == last;
        let about = match (i64::try_from(first), i64::try_from(last), i64::try_from(lost)) {
            // as it mostly is; three of 63 bits have less than 127
            (Ok(first), Ok(last), Ok(lost)) => {
                near(i128::from(last).wrapping_sub(first.into()).wrapping_add(lost.into()))
            }
            _ => near(last.checked_sub(first)?.checked_add(lost)?),
        };
        let (first, last) = (near(first), near(last));
        // each addition rounds once, and each value was rounded a few times on its way to a float
        let roundings = (near(i128::try_from(times).ok()?) + 32.0) * f64::EPSILON;
        let off = roundings * (first.abs() + last.abs() + near(all_lost));
        Some(Self { is_none, about, off, first, unit: float_ten_to(places)? })
    }
}

/// The same in binary floating point, for samples that are not finite or beyond a decimal.
///
/// `None` with fewer than two samples or no time between them; the result may be NaN or infinite.
pub(crate) fn extrapolated_float(
    points: &[(Timestamp, f64)],
    start: Timestamp,
    end: Timestamp,
    kind: Kind,
) -> Option<f64> {
    let stretch = Stretch::of(points.len(), points.first()?.0, points.last()?.0, start, end)?;
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    stretch.apply_float(&values, kind)
}

/// How far the sampled interval is stretched; times are nanoseconds, multiplied by twice the number of intervals
/// between samples so that half of their mean distance is a whole number.
struct Stretch {
    /// From the first sample to the last.
    sampled: i128,
    to_start: i128,
    to_end: i128,
    /// The window's length in nanoseconds.
    range: i128,
}

impl Stretch {
    fn of(count: usize, first: Timestamp, last: Timestamp, start: Timestamp, end: Timestamp) -> Option<Self> {
        let intervals = i128::try_from(count).ok()?.checked_sub(1)?;
        let between =
            |from: Timestamp, to: Timestamp| i128::from(to.nanos()).checked_sub(from.nanos().into());
        let sampled = between(first, last)?;
        let range = between(start, end)?;
        if intervals < 1 || sampled <= 0 || range <= 0 {
            return None;
        }
        let parts = intervals.checked_mul(2)?;
        let towards = |distance: i128| match is_far(distance, sampled, intervals)? {
            true => Some(sampled),
            false => product(distance, parts),
        };
        Some(Self {
            sampled: product(sampled, parts)?,
            to_start: towards(between(start, first)?)?,
            to_end: towards(between(last, end)?)?,
            range,
        })
    }

    fn apply_float(&self, values: &[f64], kind: Kind) -> Option<f64> {
        let (first, last) = (*values.first()?, *values.last()?);
        let mut growth = last - first;
        if kind.is_counter() {
            let resets = values.iter().zip(values.iter().skip(1)).filter(|(before, after)| after < before);
            growth += resets.map(|(before, _)| *before).sum::<f64>();
        }
        let sampled = float(self.sampled);
        let mut to_start = float(self.to_start);
        if kind.is_counter() && growth > 0.0 && first >= 0.0 {
            to_start = to_start.min(sampled * (first / growth));
        }
        let mut factor = (sampled + to_start + float(self.to_end)) / sampled;
        if kind == Kind::Rate {
            factor /= float(self.range) / 1e9;
        }
        Some(growth * factor)
    }
}

/// Whether a window's end is so far from the nearest sample that the series is taken to begin or end in between: 1.1 times
/// the mean distance of samples.
///
/// On the boundary it is decided in binary floating point seconds, exactly as Prometheus does: the integers would decide
/// otherwise for some distances.
fn is_far(distance: i128, sampled: i128, intervals: i128) -> Option<bool> {
    let (tenths, boundary) = (product(distance, product(intervals, 10)?)?, product(sampled, 11)?);
    let beyond = tenths.checked_sub(boundary)?;
    // all roundings below together are less than one part in 2^49
    if beyond.unsigned_abs() > boundary.unsigned_abs() >> 40 {
        return Some(beyond > 0);
    }
    let mean = float(sampled) / 1e9 / float(intervals);
    Some(float(distance) / 1e9 >= mean * 1.1)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "the nearest float is what is asked for"
)]
const fn float(value: i128) -> f64 {
    value as f64
}

/// The growth in decimals: one division at the end, so that a result that a decimal can hold is exact.
fn exact(growth: Decimal, first: Decimal, stretch: &Stretch, kind: Kind) -> Option<Decimal> {
    let mut numerator = stretch.sampled.checked_add(stretch.to_end)?;
    let mut from_zero = Decimal::ZERO;
    if starts_at_zero(first, growth, stretch, kind) {
        // growth * (sampled * first / growth) / sampled
        from_zero = first;
    } else {
        numerator = numerator.checked_add(stretch.to_start)?;
    }
    let (numerator, denominator) = reduced(numerator, stretch.sampled)?;
    let total =
        growth.checked_mul(whole(numerator)?)?.checked_add(from_zero.checked_mul(whole(denominator)?)?)?;
    let mut divisor = whole(denominator)?;
    if kind == Kind::Rate {
        divisor =
            divisor.checked_mul(Decimal::try_from_i128_with_scale(stretch.range, 9).ok()?.normalize())?;
    }
    let result = total.checked_div(divisor)?.normalize();
    // a growth too small for a decimal is left to the floats, which keep its sign
    (result.is_zero() == total.is_zero()).then_some(result)
}

fn growth(points: &[(Timestamp, Decimal)], kind: Kind) -> Option<Decimal> {
    let mut growth = points.last()?.1.checked_sub(points.first()?.1)?;
    if kind.is_counter() {
        for ((_, before), (_, after)) in points.iter().zip(points.iter().skip(1)) {
            if after < before {
                growth = growth.checked_add(*before)?;
            }
        }
    }
    Some(growth)
}

/// Whether a counter reaches zero before the place to which it would be stretched.
fn starts_at_zero(first: Decimal, growth: Decimal, stretch: &Stretch, kind: Kind) -> bool {
    if !kind.is_counter() || growth <= Decimal::ZERO || first.is_sign_negative() {
        return false;
    }
    let limit = || {
        let (to_start, sampled) = reduced(stretch.to_start, stretch.sampled)?;
        whole(to_start)?.checked_div(whole(sampled)?)
    };
    match (first.checked_div(growth), limit()) {
        (Some(to_zero), Some(to_start)) => to_zero < to_start,
        // a first value beyond all growth is far above zero
        _ => false,
    }
}

fn reduced(numerator: i128, denominator: i128) -> Option<(i128, i128)> {
    if let (Ok(n), Ok(d)) = (u64::try_from(numerator), u64::try_from(denominator)) {
        // as it mostly is, and several times as fast
        let (mut a, mut b) = (n, d);
        while b != 0 {
            (a, b) = (b, a.checked_rem(b)?);
        }
        return Some((n.checked_div(a)?.into(), d.checked_div(a)?.into()));
    }
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a.checked_rem(b)?);
    }
    Some((numerator.checked_div(a)?, denominator.checked_div(a)?))
}

fn whole(value: i128) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(value, 0).ok()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests may")]
mod tests {
    use super::*;

    fn at(seconds: &str) -> Timestamp {
        Timestamp::parse(seconds).unwrap()
    }

    fn check(samples: &[(&str, &str)], from: &str, to: &str, kind: Kind, expected: Option<&str>) {
        let points: Vec<_> = samples.iter().map(|(t, v)| (at(t), decimal::parse_exact(v).unwrap())).collect();
        let got = extrapolated(&points, at(from), at(to), kind);
        assert_eq!(got.map(|v| v.to_string()).as_deref(), expected, "{samples:?} ({from}, {to}] {kind:?}");
        let floats: Vec<_> = points.iter().map(|(t, v)| (*t, decimal::to_float(*v))).collect();
        let float = extrapolated_float(&floats, at(from), at(to), kind).and_then(decimal::from_float);
        let rounded = got.and_then(|v| decimal::from_float(decimal::to_float(v)));
        assert_eq!(float, rounded, "the floats agree: {samples:?} {kind:?}");
    }

    /// Growth is extrapolated to the window's ends by Prometheus' rules: the threshold first, then the zero limit.
    #[test]
    fn growth_as_prometheus_computes_it() {
        use Kind::{Delta, Increase, Rate};
        let steady = [("15", "1000"), ("30", "1010"), ("45", "1020"), ("60", "1030")];
        check(&steady, "0", "60", Increase, Some("40"));
        check(&steady, "0", "60", Rate, Some("0.6666666666666666666666666667"));
        check(&steady, "0", "60", Delta, Some("40"));
        // the start is 1.1 distances away or more: half a distance
        check(&steady, "-1.5", "60", Increase, Some("35"));
        check(&steady, "-1.4", "60", Increase, Some("40.933333333333333333333333333"));
        // the end likewise
        check(&steady, "0", "77", Increase, Some("45"));
        // a reset adds what was there before it
        check(&[("15", "100"), ("30", "110"), ("45", "5"), ("60", "8")], "0", "60", Increase, Some("24"));
        check(
            &[("15", "100"), ("30", "110"), ("45", "5"), ("60", "8")],
            "0",
            "60",
            Delta,
            Some("-122.66666666666666666666666667"),
        );
        // a counter that began at zero is not stretched below it
        check(&[("15", "2"), ("30", "12"), ("45", "22"), ("60", "32")], "0", "60", Increase, Some("32"));
        check(&[("15", "0"), ("30", "10"), ("45", "20"), ("60", "30")], "0", "60", Increase, Some("30"));
        // threshold first, then zero limit (Prometheus 2.51 and later): half a distance is 7.5 s, zero is 3 s away
        check(&[("45", "2"), ("60", "12")], "0", "60", Increase, Some("12"));
        check(&[("45", "0.3"), ("60", "0.6")], "0", "60", Increase, Some("0.45"));
        // nothing to extrapolate from
        check(&[("45", "2")], "0", "60", Increase, None);
        check(&[], "0", "60", Increase, None);
        check(&[("15", "7"), ("30", "7")], "0", "30", Rate, Some("0"));
    }

    proptest::proptest! {
        /// What is far is far as Prometheus' floats have it, also within their roundings of the boundary.
        #[test]
        fn far_is_what_floats_find_far(mean in 1..100_000_000_000_i128, intervals in 1..2_000_i128, off in -3..4_i128) {
            let sampled = mean.saturating_mul(intervals);
            for distance in [mean, mean * 11 / 10 + off, mean * 11 / 10 + off * mean / 1_000, mean * 2] {
                let floats = float(distance) / 1e9 >= float(sampled) / 1e9 / float(intervals) * 1.1;
                proptest::prop_assert_eq!(is_far(distance, sampled, intervals), Some(floats), "{}", distance);
            }
        }
    }

    /// The largest and the smallest decimals overflow into the floats or into nothing, and never panic.
    #[test]
    fn extremes() {
        let points = [(at("0"), Decimal::MIN), (at("1"), Decimal::MAX), (at("2"), Decimal::MIN)];
        for kind in [Kind::Rate, Kind::Increase, Kind::Delta] {
            let _ = extrapolated(&points, at("-1"), at("2"), kind);
            assert_eq!(extrapolated(&points, at("2"), at("-1"), kind), None);
        }
        let step = Decimal::from_i128_with_scale(1, 28);
        let tiny = [(at("1"), Decimal::ZERO), (at("3600"), step)];
        let rate = extrapolated(&tiny, at("0"), at("3600"), Kind::Rate);
        assert!(rate.unwrap() > Decimal::ZERO, "a growth never becomes none");
        let ends = [
            (Timestamp::from_nanos(i64::MIN), Decimal::ONE),
            (Timestamp::from_nanos(i64::MAX), Decimal::TWO),
        ];
        let all = extrapolated(
            &ends,
            Timestamp::from_nanos(i64::MIN),
            Timestamp::from_nanos(i64::MAX),
            Kind::Delta,
        );
        assert_eq!(all, Some(Decimal::ONE));
    }
}
