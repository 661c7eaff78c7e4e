//! The values of a sweep: a list, or a range with a step, written in the author's unit.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use spark_core::Quantity;
use spark_core::decimal::parse_exact;
use spark_core::quantity::scale_of;

use super::SweepError;
use super::reference::Reference;

/// What is tried: before it is known to fit, and before a range is counted out.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one stands on the stack at a time")]
pub(super) enum Series {
    List(Vec<Written>),
    Range { from: Written, to: Written, step: Written },
}

/// A value and how it was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    text: String,
    value: Quantity,
    /// Its number and what stands behind it; none of a value of several parts, such as `1m30s`.
    parts: Option<(Decimal, String)>,
}

impl Written {
    fn read(text: &str, reference: &Reference) -> Result<Self, SweepError> {
        let text = &reference.without(text.trim());
        if text.is_empty() {
            return Err(SweepError::new("a value is missing")
                .help("write values with their unit, as in `300ms,400ms`"));
        }
        let value = Quantity::parse(text).map_err(|error| SweepError::new(error.to_string()))?;
        let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+');
        let end = text.find(|c: char| !number(c)).unwrap_or(text.len());
        let (digits, suffix) = text.split_at_checked(end).unwrap_or((text, ""));
        let one_part = !suffix.contains(|c: char| c.is_ascii_digit());
        let parts = parse_exact(digits).filter(|_| one_part).map(|number| (number, suffix.to_owned()));
        Ok(Self { text: text.to_owned(), value, parts })
    }

    fn suffix(&self) -> Option<&str> {
        self.parts.as_ref().map(|(_, suffix)| suffix.as_str())
    }
}

/// A range as numbers in one unit.
struct Scale {
    from: Decimal,
    to: Decimal,
    step: Decimal,
}

impl Series {
    /// Reads what is tried of a value that stands at a reference, or at none.
    pub(super) fn read(text: &str, reference: &Reference) -> Result<Self, SweepError> {
        let written = |text: &str| Written::read(text, reference);
        let Some((from, rest)) = text.split_once("..") else {
            if text.split_whitespace().any(|word| word == "step") {
                return Err(SweepError::new(format!("`{text}` has a step and no range"))
                    .help("a range is written as in `300ms..600ms step 50ms`"));
            }
            return text.split(',').map(written).collect::<Result<_, _>>().map(Self::List);
        };
        let Some((to, step)) = rest.split_once("step") else {
            return Err(SweepError::new(format!("`{text}` does not say its step"))
                .help(format!("write it behind the range, as in `{} step …`", text.trim())));
        };
        let (from, to, step) = (written(from)?, written(to)?, written(step)?);
        if step.value.value <= Decimal::ZERO {
            let message = format!("the step `{}` leads nowhere", step.text);
            return Err(SweepError::new(message).help("a step is above zero"));
        }
        if from.value.unit == to.value.unit && from.value.value > to.value.value {
            return Err(SweepError::new(format!("`{}..{}` runs backwards", from.text, to.text))
                .help(format!("write `{}..{} step {}`", to.text, from.text, step.text)));
        }
        Ok(Self::Range { from, to, step })
    }

    /// Holds the values of the series, a range's step among them, to what `refused` says of each, and to one another.
    pub(super) fn units(&self, refused: &dyn Fn(&str) -> Option<String>) -> Result<(), SweepError> {
        let told = |written: &&Written| refused(&written.text).map(SweepError::new);
        match self {
            // a list is held to it value by value, once it is known not to be too long
            Self::List(_) => Ok(()),
            Self::Range { from, to, step } => {
                if let Some(error) = [from, to, step].iter().find_map(told) {
                    return Err(error);
                }
                let one = from.value.unit == to.value.unit && from.value.unit == step.value.unit;
                let message =
                    || format!("`{}`, `{}` and `{}` are not of one unit", from.text, to.text, step.text);
                if one { Ok(()) } else { Err(SweepError::new(message())) }
            }
        }
    }

    /// How many values there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Range { from, to, step } => {
                let scale = scale(from, to, step);
                let steps = scale.to.checked_sub(scale.from).and_then(|span| span.checked_div(scale.step));
                let steps = steps.and_then(|steps| steps.trunc().to_usize());
                steps.map_or(usize::MAX, |steps| steps.saturating_add(1))
            }
        }
    }

    /// The values, as rules write them.
    ///
    /// # Errors
    /// A value of a range cannot be written exactly.
    pub(super) fn values(&self) -> Result<Vec<String>, SweepError> {
        match self {
            Self::List(list) => Ok(list.iter().map(|written| written.text.clone()).collect()),
            Self::Range { from, to, step } => {
                let scale = scale(from, to, step);
                (0..self.count())
                    .map(|place| {
                        let value = Decimal::from(place)
                            .checked_mul(scale.step)
                            .and_then(|up| up.checked_add(scale.from))
                            .map(|value| value.normalize());
                        value.and_then(|value| written(value, from, to, step)).ok_or_else(|| {
                            let place = place.saturating_add(1);
                            SweepError::new(format!(
                                "value {place} of `{}..{}` cannot be written exactly",
                                from.text, to.text
                            ))
                            .help("write the range and its step in one unit, or list the values")
                        })
                    })
                    .collect()
            }
        }
    }
}

/// The suffix that all three share.
fn shared<'a>(from: &'a Written, to: &Written, step: &Written) -> Option<&'a str> {
    let suffix = from.suffix()?;
    (to.suffix() == Some(suffix) && step.suffix() == Some(suffix)).then_some(suffix)
}

/// The range in the unit that it is written in, where it is one; else in the base unit.
fn scale(from: &Written, to: &Written, step: &Written) -> Scale {
    let written = |written: &Written| written.parts.as_ref().map(|(number, _)| *number);
    if shared(from, to, step).is_some()
        && let (Some(from), Some(to), Some(step)) = (written(from), written(to), written(step))
    {
        return Scale { from, to, step };
    }
    Scale { from: from.value.value, to: to.value.value, step: step.value.value }
}

fn written(value: Decimal, from: &Written, to: &Written, step: &Written) -> Option<String> {
    if let Some(suffix) = shared(from, to, step) {
        return Some(format!("{value}{suffix}"));
    }
    // the step's unit is the finest, and reads on from the author's own
    let fine = step.suffix().and_then(|suffix| Some((suffix, scale_of(suffix.trim())?.0)));
    if let Some((suffix, factor)) = fine
        && let Some(number) = value.checked_div(factor)
    {
        let text = format!("{}{suffix}", number.normalize());
        if Quantity::parse(&text).is_ok_and(|read| read.value == value && read.unit == from.value.unit) {
            return Some(text);
        }
    }
    let text = Quantity { value, ..step.value }.to_string();
    Quantity::parse(&text)
        .is_ok_and(|read| read.value == value && read.unit == from.value.unit)
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let fits = |_: &str| None;
        let read = Series::read(text, &Reference::default()).and_then(|series| {
            series.units(&fits)?;
            series.values()
        });
        let found = read.map_or_else(|error| format!("error: {error}"), |values| values.join(" "));
        assert_eq!(found.lines().next().unwrap(), expected, "{text}");
    }

    /// A range holds both of its ends where the step meets them, and is written in the author's unit.
    #[test]
    fn ranges_and_lists() {
        check("300ms,0.4s, 500ms", "300ms 0.4s 500ms");
        check("300ms..450ms step 50ms", "300ms 350ms 400ms 450ms");
        check("300ms..440ms step 50ms", "300ms 350ms 400ms");
        check("900ms..1.1s step 100ms", "900ms 1000ms 1100ms");
        check("1m..1m30s step 15s", "60s 75s 90s");
        check("1m..3m step 1m", "1m 2m 3m");
        check("30s..1m30s step 1m", "0.5m 1.5m");
        check("1m30s..2m30s step 30s", "90s 120s 150s");
        check("0.5%..1.5% step 0.5%", "0.5% 1% 1.5%");
        check("40/min..60/min step 10/min", "40/min 50/min 60/min");
        check("1GB..3GB step 1GB", "1GB 2GB 3GB");
        check("0.10 USDT..0.30 USDT step 0.1 USDT", "0.1 USDT 0.2 USDT 0.3 USDT");
        check("-2..1 step 1", "-2 -1 0 1");
        check("5..5 step 1", "5");
    }

    /// What is no series is told, and counted before anything is made.
    #[test]
    fn wrong_series() {
        check("", "error: a value is missing");
        check("300ms,,400ms", "error: a value is missing");
        check("300ms..600ms", "error: `300ms..600ms` does not say its step");
        check("300ms step 50ms", "error: `300ms step 50ms` has a step and no range");
        check("300ms..600ms step 0ms", "error: the step `0ms` leads nowhere");
        check("300ms..600ms step -50ms", "error: the step `-50ms` leads nowhere");
        check("600ms..300ms step 50ms", "error: `600ms..300ms` runs backwards");
        check("300ms..600ms step 5%", "error: `300ms`, `600ms` and `5%` are not of one unit");
        check(
            "fast",
            "error: `fast` is no value: expected a number with a unit, such as 450ms, 3%, 50/min or 10MiB",
        );
        check(
            "400ms for 1m",
            "error: `ms for 1m` is no unit: expected us, ms, s, m, h, d, %, KiB, MiB, GiB, KB, MB, GB, B, /s, /min, /h or a currency",
        );
        let count = |text: &str| Series::read(text, &Reference::default()).unwrap().count();
        assert_eq!(count("1ns..1s step 1ns"), 1_000_000_000);
        assert_eq!(count("0..79228162514264337593543950335 step 1"), usize::MAX);
    }
}
