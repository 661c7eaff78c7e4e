//! Lines of JSON, written as they are read: the same bytes as an event's own, without what makes an event.

use rust_decimal::Decimal;
use spark_core::{Dimension, PerTime, Quantity, Severity, State, TimeSpan, Timestamp, Unit, Verdict};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Digits of the largest 64-bit number.
const DIGITS_MAX: usize = 20;

/// What is said of a trigger that holds a signal against a threshold.
pub(super) struct Line {
    /// From its name to its state.
    head: String,
    unit: (Unit, PerTime),
    threshold: Decimal,
    /// Whether it is crossed from below.
    from_below: bool,
    /// The scale of its numbers.
    scale: u32,
    /// The scale of its margins, the threshold in that, and what numbers are multiplied by to be; where all fit.
    fixed: Option<(u32, i64, i64)>,
    severity: Severity,
}

impl Line {
    pub(super) fn new(
        name: &str,
        unit: (Unit, PerTime),
        (threshold, from_below): (Decimal, bool),
        scale: u32,
        severity: Severity,
    ) -> Self {
        // a name has nothing that cannot be serialized
        let name = serde_json::to_string(name).unwrap_or_default();
        let head = format!("\",\"trigger\":{name},\"state\":\"");
        let fixed = fixed(threshold, scale);
        Self { head, unit, threshold, from_below, scale, fixed, severity }
    }

    /// The state at its level.
    pub(super) fn level(&self) -> State {
        State::from(self.severity)
    }

    /// What it asks for in a state.
    pub(super) fn asks(&self, state: State) -> Option<Verdict> {
        match state {
            State::Rollback => Some(Verdict::Rollback),
            State::Hold | State::Unknown => Some(Verdict::Hold),
            // its `for` is counting
            State::Pending if self.severity >= Severity::Hold => Some(Verdict::Hold),
            State::Pending | State::Warn | State::Ok => None,
        }
    }

    /// Writes its turn to a state at a number; `at` and `since` are times as text.
    pub(super) fn push(&self, out: &mut String, at: &str, state: State, since: &str, number: i64) {
        out.push_str("{\"type\":\"trigger\",\"at\":\"");
        out.push_str(at);
        out.push_str(&self.head);
        out.push_str(state.as_str());
        out.push_str("\",\"since\":\"");
        out.push_str(since);
        out.push_str("\",\"value\":\"");
        push_quantity(out, number, self.scale, self.unit);
        out.push_str("\",\"margin\":\"");
        match self.fixed_margin(number) {
            Some((margin, scale)) => push_quantity(out, margin, scale, self.unit),
            None => push_slowly(out, self.margin(number), self.unit),
        }
        out.push_str("\",\"cause\":null}\n");
    }

    fn fixed_margin(&self, number: i64) -> Option<(i64, u32)> {
        let (scale, threshold, factor) = self.fixed?;
        let number = number.checked_mul(factor)?;
        let margin =
            if self.from_below { threshold.checked_sub(number) } else { number.checked_sub(threshold) };
        Some((margin?, scale))
    }

    fn margin(&self, number: i64) -> Decimal {
        let value = Decimal::new(number, self.scale);
        let farthest = if self.threshold > value { Decimal::MAX } else { Decimal::MIN };
        let distance = self.threshold.checked_sub(value).unwrap_or(farthest);
        if self.from_below { distance } else { Decimal::ZERO.checked_sub(distance).unwrap_or_default() }
    }
}

/// A threshold and numbers of a scale in one that fits both.
fn fixed(threshold: Decimal, scale: u32) -> Option<(u32, i64, i64)> {
    let threshold = threshold.normalize();
    let common = threshold.scale().max(scale);
    let power = |from: u32| 10i64.checked_pow(common.checked_sub(from)?);
    let mantissa = i64::try_from(threshold.mantissa()).ok()?;
    Some((common, mantissa.checked_mul(power(threshold.scale())?)?, power(scale)?))
}

/// Times as text, of which the day is mostly that of the time before.
#[derive(Default)]
pub(super) struct Times {
    /// The day, and its date up to the `T`.
    day: Option<(i64, String)>,
}

impl Times {
    pub(super) fn push(&mut self, out: &mut String, at: Timestamp) {
        const NANOS_PER_DAY: i64 = SECONDS_PER_DAY.saturating_mul(NANOS_PER_SECOND);
        let (day, within) = (at.nanos().div_euclid(NANOS_PER_DAY), at.nanos().rem_euclid(NANOS_PER_DAY));
        let (second, rest) = (within.div_euclid(NANOS_PER_SECOND), within.rem_euclid(NANOS_PER_SECOND));
        if rest != 0 {
            out.push_str(&at.to_string());
            return;
        }
        if self.day.as_ref().is_none_or(|(known, _)| *known != day) {
            let mut date = at.minus(TimeSpan::from_nanos(within)).to_string();
            date.truncate(date.find('T').map_or(date.len(), |end| end.saturating_add(1)));
            self.day = Some((day, date));
        }
        out.push_str(self.day.as_ref().map_or("", |(_, date)| date));
        push_two(out, second.div_euclid(3_600));
        out.push(':');
        push_two(out, second.div_euclid(60).rem_euclid(60));
        out.push(':');
        push_two(out, second.rem_euclid(60));
        out.push('Z');
    }
}

/// A number below 100 in two digits.
fn push_two(out: &mut String, number: i64) {
    for digit in [number.div_euclid(10), number.rem_euclid(10)] {
        out.push(u32::try_from(digit).ok().and_then(|digit| char::from_digit(digit, 10)).unwrap_or('0'));
    }
}

/// Writes `number` / 10^`scale` as a quantity of that unit is shown.
fn push_quantity(out: &mut String, number: i64, scale: u32, unit: (Unit, PerTime)) {
    // 10^18 is the greatest power that fits
    let places = i32::try_from(scale).unwrap_or(i32::MAX).min(19);
    let one = 10u64.checked_pow(scale);
    match (unit.0.dimension, unit.0.per_time, one) {
        (Dimension::Number | Dimension::Count, false, Some(_)) => push_number(out, number, places),
        (Dimension::Ratio, false, Some(_)) => {
            push_number(out, number, places.saturating_sub(2));
            out.push('%');
        }
        (Dimension::Duration, false, Some(_)) if number == 0 => out.push_str("0s"),
        (Dimension::Duration, false, Some(one)) if number.unsigned_abs() < one.div_ceil(1_000) => {
            push_number(out, number, places.saturating_sub(6));
            out.push_str("us");
        }
        (Dimension::Duration, false, Some(one)) if number.unsigned_abs() < one => {
            push_number(out, number, places.saturating_sub(3));
            out.push_str("ms");
        }
        _ => push_slowly(out, Decimal::new(number, scale), unit),
    }
}

fn push_slowly(out: &mut String, value: Decimal, (unit, per): (Unit, PerTime)) {
    out.push_str(&Quantity::new(value, unit).shown_per(per).to_string());
}

/// Writes `number` / 10^`places` without zeros at its end.
fn push_number(out: &mut String, number: i64, mut places: i32) {
    let mut rest = number.unsigned_abs();
    if number < 0 {
        out.push('-');
    }
    while places > 0 && rest.checked_rem(10) == Some(0) {
        rest = rest.checked_div(10).unwrap_or_default();
        places = if rest == 0 { 0 } else { places.saturating_sub(1) };
    }
    let power = u32::try_from(places).ok().and_then(|places| 10u64.checked_pow(places)).unwrap_or(1);
    let (whole, part) = (rest.checked_div(power).unwrap_or(0), rest.checked_rem(power).unwrap_or(0));
    push_digits(out, whole, 1);
    if places > 0 {
        out.push('.');
        push_digits(out, part, usize::try_from(places).unwrap_or(0));
    }
    // an amount of a unit a hundred times smaller
    if whole > 0 {
        (places..0).for_each(|_| out.push('0'));
    }
}

/// Writes a number in at least so many digits.
fn push_digits(out: &mut String, mut number: u64, at_least: usize) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut first = DIGITS_MAX;
    for digit in digits.iter_mut().rev() {
        *digit |= u8::try_from(number.checked_rem(10).unwrap_or(0)).unwrap_or(0);
        number = number.checked_div(10).unwrap_or(0);
        first = first.saturating_sub(1);
        if number == 0 && DIGITS_MAX.saturating_sub(first) >= at_least {
            break;
        }
    }
    out.push_str(digits.get(first..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or(""));
}

#[cfg(test)]
mod tests {
    use spark_core::Currency;

    use super::*;

    /// Numbers, units and times are written as they are shown everywhere else.
    #[test]
    fn as_shown() {
        let dimensions = [
            Dimension::Number,
            Dimension::Count,
            Dimension::Ratio,
            Dimension::Duration,
            Dimension::Bytes,
            Dimension::Money(Currency::new("EUR").unwrap()),
        ];
        let mut seed = 1u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 3
        };
        let mut times = Times::default();
        for _ in 0..40_000 {
            let number = i64::try_from(next() >> (next() % 61)).unwrap() % (1 << 50);
            let number = number * [1, -1, 10, 1_000][(next() % 4) as usize];
            let (scale, dimension) = ((next() % 19) as u32, dimensions[(next() % 6) as usize]);
            let unit = Unit { dimension, per_time: next() % 8 == 0 };
            let per = [PerTime::Second, PerTime::Minute][(next() % 2) as usize];
            let mut out = String::new();
            push_quantity(&mut out, number, scale, (unit, per));
            let shown = Quantity::new(Decimal::new(number, scale), unit).shown_per(per).to_string();
            assert_eq!(out, shown, "{number} {scale} {dimension:?}");
            let nanos = i64::try_from(next()).unwrap() * [1, -1][(next() % 2) as usize];
            let step = [1, NANOS_PER_SECOND, NANOS_PER_SECOND, 1_000][(next() % 4) as usize];
            let at = Timestamp::from_nanos(nanos / step * step);
            let mut out = String::new();
            times.push(&mut out, at);
            assert_eq!(out, at.to_string());
        }
    }
}
