//! A quantile of a window's samples, as Prometheus' `quantile_over_time`.

use rust_decimal::Decimal;

/// The quantile of values in any order, interpolated between the two nearest ranks; `q` is 0 to 1.
///
/// `None` without values, with a `q` outside of 0 to 1, or when the result is beyond a decimal.
pub fn quantile_over(values: &[Decimal], q: Decimal) -> Option<Decimal> {
    use rust_decimal::prelude::ToPrimitive;
    if q < Decimal::ZERO || q > Decimal::ONE {
        return None;
    }
    let mut values = values.to_vec();
    let last = values.len().checked_sub(1)?;
    let rank = q.checked_mul(Decimal::from(last))?;
    let below = rank.floor();
    let place = below.to_usize().filter(|place| *place <= last)?;
    // only the two nearest ranks are put in their places
    let (_, low, above) = values.select_nth_unstable(place);
    let low = *low;
    let high = above.iter().min().copied().unwrap_or(low);
    between(low, high, rank.checked_sub(below)?)
}

/// The value at that part of the way from one to another.
pub(crate) fn between(low: Decimal, high: Decimal, weight: Decimal) -> Option<Decimal> {
    low.checked_add(high.checked_sub(low)?.checked_mul(weight)?).map(|value| value.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::parse_exact;

    fn check(values: &[&str], q: &str, expected: Option<&str>) {
        let values: Vec<_> = values.iter().map(|v| parse_exact(v).unwrap()).collect();
        let got = quantile_over(&values, parse_exact(q).unwrap());
        assert_eq!(got.map(|v| v.to_string()).as_deref(), expected, "{values:?} {q}");
    }

    /// A quantile lies between the two nearest ranks of `q * (n - 1)`, whatever the order of the values.
    #[test]
    fn quantiles() {
        check(&["3", "1", "2"], "0.5", Some("2"));
        check(&["4", "1", "2", "3"], "0.5", Some("2.5"));
        check(&["0", "10"], "0.95", Some("9.5"));
        check(&["0", "10"], "0.999", Some("9.99"));
        check(&["7"], "0.99", Some("7"));
        check(&["1", "2"], "1", Some("2"));
        check(&["1", "2"], "0", Some("1"));
        check(&[], "0.5", None);
        check(&["1"], "1.5", None);
        check(&["-79228162514264337593543950335", "79228162514264337593543950335"], "0.5", None);
    }
}
