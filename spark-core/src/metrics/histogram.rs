//! Quantiles of classic histograms, as Prometheus 3's `histogram_quantile`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::number::Number;
use crate::decimal;
use crate::signal::Reading;

/// Relative difference of neighbouring buckets that is rounding and no observation, as in Prometheus.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// An upper bound, as its `le` label gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    /// A finite bound.
    At(Decimal),
    /// `+Inf`.
    Infinite,
}

impl Bound {
    /// Reads an `le` label; `None` for text that is no bound.
    pub(super) fn parse(le: &str) -> Option<Self> {
        match Reading::from_float_text(le)? {
            Reading::Value(value) => Some(Self::At(value)),
            Reading::Infinite { negative: false } => Some(Self::Infinite),
            _ => None,
        }
    }
}

/// Cumulative counts by upper bound; equal bounds (`1` and `1.0`) are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets {
    counts: BTreeMap<Bound, Number>,
}

impl Buckets {
    /// Adds a count to a bucket.
    pub(super) fn add(&mut self, bound: Bound, count: Number) {
        let slot = self.counts.entry(bound).or_insert(Number::ZERO);
        *slot = slot.plus(count);
    }

    /// The quantile `q`, above 0 and below 1, interpolated within its bucket.
    ///
    /// NaN without observations, without a bucket at `+Inf` or any other, and with a count that is not finite.
    /// Beyond the highest finite bound, that bound: a histogram does not know more.
    pub(super) fn quantile(&self, q: Decimal) -> Number {
        if self.counts.values().any(|count| *count == Number::Lost) {
            return Number::Lost;
        }
        self.interpolated(q).unwrap_or(Number::NAN)
    }

    fn interpolated(&self, q: Decimal) -> Option<Number> {
        let buckets = self.monotonic()?;
        let (last, finite) = buckets.split_last()?;
        let highest = finite.last()?;
        if last.0 != Bound::Infinite || last.1.is_zero() {
            return None;
        }
        let rank = q.checked_mul(last.1)?;
        let Some(place) = finite.iter().position(|(_, count)| *count >= rank) else {
            return finite_bound(highest.0);
        };
        let (bound, count) = finite.get(place)?;
        let Bound::At(end) = *bound else { return None };
        let (start, below) = match place.checked_sub(1).and_then(|before| finite.get(before)) {
            Some((Bound::At(start), below)) => (*start, *below),
            _ if end <= Decimal::ZERO => return Some(Number::Exact(end)),
            _ => (Decimal::ZERO, Decimal::ZERO),
        };
        let part = end.checked_sub(start)?.checked_mul(rank.checked_sub(below)?)?;
        Some(Number::Exact(start.checked_add(part.checked_div(count.checked_sub(below)?)?)?))
    }

    /// The buckets with counts that never fall: scrapes of several instances, and rates, are not one moment's.
    fn monotonic(&self) -> Option<Vec<(Bound, Decimal)>> {
        let mut highest: Option<Decimal> = None;
        let mut buckets = Vec::with_capacity(self.counts.len());
        for (bound, count) in &self.counts {
            let mut count = count.exact()?;
            if let Some(before) = highest.filter(|before| count < *before || nearly_equal(*before, count)) {
                count = before;
            }
            highest = Some(count);
            buckets.push((*bound, count));
        }
        Some(buckets)
    }
}

const fn finite_bound(bound: Bound) -> Option<Number> {
    match bound {
        Bound::At(bound) => Some(Number::Exact(bound)),
        Bound::Infinite => None,
    }
}

fn nearly_equal(a: Decimal, b: Decimal) -> bool {
    let (a, b) = (decimal::to_float(a), decimal::to_float(b));
    (a - b).abs() / (a.abs() + b.abs()).min(f64::MAX) < SMALL_DIFFERENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(buckets: &[(&str, &str)], q: &str, expected: &str) {
        let mut all = Buckets::default();
        for (le, count) in buckets {
            all.add(
                Bound::parse(le).unwrap(),
                Number::from_reading(&Reading::from_float_text(count).unwrap()),
            );
        }
        let got = match all.quantile(decimal::parse_exact(q).unwrap()).into_reading() {
            Reading::Value(value) => value.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expected, "{buckets:?} {q}");
    }

    /// A quantile lies linearly within its bucket; the edges are those of Prometheus.
    #[test]
    fn quantiles() {
        let latency = [("0.1", "50"), ("0.2", "90"), ("0.4", "98"), ("+Inf", "100")];
        check(&latency, "0.5", "0.1");
        check(&latency, "0.25", "0.05");
        check(&latency, "0.95", "0.325");
        check(&latency, "0.99", "0.4"); // beyond the highest finite bound
        check(&[("0.1", "0"), ("0.2", "0"), ("+Inf", "0")], "0.5", "NotANumber");
        check(&[("0.1", "5"), ("0.2", "9")], "0.5", "NotANumber"); // no +Inf
        check(&[("+Inf", "9")], "0.5", "NotANumber");
        check(&[("-1", "5"), ("0", "9"), ("+Inf", "9")], "0.5", "-1");
        check(&[("1", "5"), ("1.0", "5"), ("2", "10"), ("+Inf", "10")], "0.5", "0.5");
        check(&[("1", "6"), ("2", "5"), ("4", "10"), ("+Inf", "9")], "0.75", "2.75");
        check(&[("1", "1"), ("2", "NaN"), ("+Inf", "9")], "0.5", "NotANumber");
        check(&[("1", "1"), ("+Inf", "1e300")], "0.5", "OutOfRange");
        // a difference of rounding is no observation
        check(
            &[("1", "100"), ("2", "100.00000000001"), ("+Inf", "100.00000000001")],
            "0.9999999",
            "0.9999999",
        );
        check(&[], "0.5", "NotANumber");
        assert_eq!(Bound::parse("abc"), None);
        assert_eq!(Bound::parse("NaN"), None);
    }
}
