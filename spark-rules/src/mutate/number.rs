//! Numbers as they were written, one step up or down, or doubled.

use rust_decimal::Decimal;

/// The number of a literal moved by one step of its last written digit: `400ms` is 1 ms from the next, `0.5%` is 0.1 %.
pub(super) fn stepped(literal: &str, up: bool) -> Option<String> {
    let (start, end) = runs(literal).pop()?;
    let (before, number, after) = (literal.get(..start)?, literal.get(start..end)?, literal.get(end..)?);
    let value = parse(number)?;
    let step = Decimal::try_from_i128_with_scale(1, value.scale()).ok()?;
    let moved = if up { value.checked_add(step) } else { value.checked_sub(step) }?;
    if moved.is_sign_negative() && !moved.is_zero() {
        // below zero: only a number that stands alone may have a sign before it
        return (before.is_empty()).then(|| format!("-{}{after}", moved.abs()));
    }
    Some(format!("{before}{moved}{after}"))
}

/// A literal with all its numbers twice as large; none of zero.
pub(super) fn doubled(literal: &str) -> Option<String> {
    let mut text = literal.to_owned();
    let mut changed = false;
    for (start, end) in runs(literal).into_iter().rev() {
        let value = parse(literal.get(start..end)?)?;
        changed |= !value.is_zero();
        text.replace_range(start..end, &value.checked_mul(Decimal::TWO)?.to_string());
    }
    changed.then_some(text)
}

/// The places of the numbers in a literal: two in `1h30m`.
fn runs(literal: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, letter) in literal.char_indices() {
        if !(letter.is_ascii_digit() || ((letter == '.' || letter == '_') && !found.is_empty())) {
            continue;
        }
        let next = at.saturating_add(1);
        match found.last_mut() {
            Some((_, end)) if *end == at => *end = next,
            _ if letter.is_ascii_digit() => found.push((at, next)),
            _ => {}
        }
    }
    found
}

fn parse(number: &str) -> Option<Decimal> {
    number.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last written digit says how exactly somebody meant a threshold; its step is the smallest mistake.
    #[test]
    fn steps() {
        for (literal, down, up, double) in [
            ("400ms", Some("399ms"), Some("401ms"), Some("800ms")),
            ("0.5%", Some("0.4%"), Some("0.6%"), Some("1.0%")),
            ("0.10 USDT", Some("0.09 USDT"), Some("0.11 USDT"), Some("0.20 USDT")),
            ("1h30m", Some("1h29m"), Some("1h31m"), Some("2h60m")),
            ("1_000", Some("999"), Some("1001"), Some("2000")),
            ("10k", Some("9k"), Some("11k"), Some("20k")),
            ("50/min", Some("49/min"), Some("51/min"), Some("100/min")),
            ("0", Some("-1"), Some("1"), None),
            ("1d0h", None, Some("1d1h"), Some("2d0h")),
        ] {
            assert_eq!(stepped(literal, false).as_deref(), down, "{literal}");
            assert_eq!(stepped(literal, true).as_deref(), up, "{literal}");
            assert_eq!(doubled(literal).as_deref(), double, "{literal}");
        }
    }
}
