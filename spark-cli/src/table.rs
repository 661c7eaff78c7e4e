//! Reports for people: the verdict with its reasons first, then every trigger and expectation.

use rust_decimal::Decimal;
use spark_core::quantity::ByteUnits;
use spark_core::{Decision, Quantity, Report, Timestamp};

use crate::console::{Console, faint, some, state, strong, verdict};
use crate::rules::Rules;

/// Width of the widest state.
const STATE_WIDTH: usize = 8;
/// What stands where there is no value.
const NONE: &str = "-";

/// A quantity for people, bytes in the units that they write.
pub(crate) fn people(quantity: Quantity, bytes: Option<ByteUnits>) -> String {
    bytes.and_then(|units| quantity.in_bytes(units)).unwrap_or_else(|| short(&quantity.to_string()))
}

/// A written quantity for people: of each number in it six significant digits, and no digit before the point lost.
/// Programs get all of them.
pub(crate) fn short(text: &str) -> String {
    shortened(text, 6)
}

/// A written quantity with so many significant digits of each number in it, and no digit before the point lost.
pub(crate) fn shortened(text: &str, digits: u32) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, tail) = rest.split_at(start);
        let end = tail.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(end);
        out.push_str(before);
        out.push_str(&short_number(number, digits));
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn short_number(number: &str, digits: u32) -> String {
    let (Some((whole, _)), Ok(value)) = (number.split_once('.'), number.parse::<Decimal>()) else {
        return number.to_owned();
    };
    let whole = u32::try_from(whole.len()).unwrap_or(digits);
    let rounded = match value.trunc().is_zero() {
        true => value.round_sf(digits).unwrap_or(value),
        false => value.round_dp(digits.saturating_sub(whole)),
    };
    rounded.normalize().to_string()
}

/// A decision in one line.
pub(crate) fn headline(decision: &Decision) -> String {
    let because = match decision.because.as_slice() {
        [] => String::new(),
        names => format!(" because {}", names.join(", ")),
    };
    format!("{} at {}{because}", verdict(decision.verdict), decision.at)
}

/// Prints what every trigger and expectation shows, those that decide first.
pub(crate) fn print(
    console: &mut Console,
    rules: &Rules,
    decision: &Decision,
    triggers: &[Report],
    expectations: &[Report],
) {
    let names = triggers.iter().chain(expectations).map(|report| report.name.chars().count());
    let width = names.max().unwrap_or(0).max("expected".len());
    for (heading, reports) in [("trigger", triggers), ("expected", expectations)] {
        if reports.is_empty() {
            continue;
        }
        let mut ordered: Vec<&Report> = reports.iter().collect();
        ordered.sort_by_key(|report| !decision.because.contains(&report.name));
        console.line("");
        console.line(faint(&format!(
            "{heading:width$}  {:STATE_WIDTH$}  {:20}  {:>12}  {:>12}  limit",
            "state", "since", "value", "margin"
        )));
        for report in ordered {
            let decides = decision.because.contains(&report.name);
            row(console, report, width, decides, bytes(rules, report));
            details(console, rules, report, decides);
        }
    }
}

/// The units that the rules write a trigger's or a signal's bytes in.
fn bytes(rules: &Rules, report: &Report) -> Option<ByteUnits> {
    let policy = &rules.policy;
    match policy.trigger(&report.name) {
        Some(trigger) => policy.byte_units_of(trigger),
        None => policy.byte_units(&[policy.signal_id(&report.name)?]),
    }
}

fn row(console: &mut Console, report: &Report, width: usize, decides: bool, bytes: Option<ByteUnits>) {
    let name = format!("{:width$}", report.name);
    let text = |value: Option<Quantity>| value.map_or(NONE.to_owned(), |v| people(v, bytes));
    let margin = match report.margin_percent {
        Some(percent) => format!("{} ({}%)", text(report.margin), percent.round_dp(1).normalize()),
        None => text(report.margin),
    };
    let (value, threshold) = shown(report, &text);
    console.line(format!(
        "{}  {}  {:20}  {:>12}  {:>12}  {}",
        if decides { strong(&name) } else { name },
        state(report.state, STATE_WIDTH),
        report.since.to_string(),
        value,
        margin,
        threshold,
    ));
}

/// A value and its limit for people, to the last digit where they would read the same and are not: nobody believes
/// `75` above `75`.
fn shown(report: &Report, text: &impl Fn(Option<Quantity>) -> String) -> (String, String) {
    let (value, threshold) = (text(report.value), text(report.threshold));
    match (report.value, report.threshold) {
        (Some(exact), Some(limit)) if value == threshold && exact != limit => {
            (exact.to_string(), limit.to_string())
        }
        _ => (value, threshold),
    }
}

/// The lines below a row: why it is unknown, what would change it, and of those that decide what they rest on.
fn details(console: &mut Console, rules: &Rules, report: &Report, decides: bool) {
    if let Some(cause) = &report.cause {
        console.line(format!("    unknown: {cause}"));
    }
    if let Some(change) = &report.would_change {
        console.line(format!("    next: {change}"));
    }
    if !decides && !console.verbose() {
        return;
    }
    console.line(format!("    rule: {}", rules.quote(report.span)));
    let evidence = &report.evidence;
    let time = |at: Option<Timestamp>| at.map_or(NONE.to_owned(), |at| at.to_string());
    let gap = evidence.largest_gap.map_or(NONE.to_owned(), |gap| gap.to_string());
    console.line(format!(
        "    evidence: {} from {} to {}, largest gap {gap}",
        some(evidence.samples, "sample"),
        time(evidence.oldest),
        time(evidence.newest)
    ));
    let trigger = rules.policy.trigger(&report.name);
    if let Some(runbook) = trigger.and_then(|trigger| trigger.runbook.as_ref()) {
        console.line(format!("    runbook: {runbook}"));
    }
    if let Some(owner) = trigger.and_then(|trigger| trigger.owner.as_ref()) {
        console.line(format!("    owner: {owner}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People get six digits, and whole numbers as they are.
    #[test]
    fn short_quantities() {
        for (text, expected) in [
            ("597.636363636364ms", "597.636ms"),
            ("400ms", "400ms"),
            ("1234567", "1234567"),
            ("1234567.25", "1234567"),
            ("1d2h3m4.123456789s", "1d2h3m4.12346s"),
            ("12.3456789%", "12.3457%"),
            ("-0.000123456789", "-0.000123457"),
            ("1234.56789 USDT", "1234.57 USDT"),
            ("10MiB/min", "10MiB/min"),
        ] {
            assert_eq!(short(text), expected, "{text}");
        }
    }
}
