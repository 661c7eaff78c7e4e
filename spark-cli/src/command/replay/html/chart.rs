//! A signal's chart: its samples, what it is compared with, and when nothing could be believed.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use spark_core::quantity::ByteUnits;
use spark_core::{Dimension, Quantity, Signal, Unit};
use spark_runtime::replay::{Picture, Spot};

use super::axis::{Time, anchor};
use super::escape;
use super::limits::{Limit, limits};
use crate::rules::Rules;
use crate::table::people;

/// Height of a chart, of what stands above its plot, and of the plot.
const HEIGHT: f64 = 176.0;
const TOP: f64 = 14.0;
const PLOT: f64 = 136.0;
/// A limit farther off than this many times the samples' largest value is named at the edge, not drawn: it would press
/// all that was measured into a line.
const LIMIT_REACH: f64 = 8.0;
/// Least distance between the values of two limits.
const NAMES_APART: f64 = 12.0;

/// The scale of a chart.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn y(&self, value: f64) -> f64 {
        let height = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        TOP + (1.0 - height) * PLOT
    }
}

fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

/// A value of a signal, for people.
pub(super) fn value_text(signal: &Signal, bytes: Option<ByteUnits>, value: Decimal) -> String {
    people(Quantity::new(value, signal.unit).shown_per(signal.per), bytes)
}

/// The units that the rules write a signal's bytes in.
pub(super) fn units(rules: &Rules, signal: &Signal) -> Option<ByteUnits> {
    rules.policy.byte_units(&[rules.policy.signal_id(&signal.name)?])
}

/// A signal's row: its name, and its chart.
pub(super) fn row(rules: &Rules, signal: &Signal, pictures: &[&Picture], time: Time) -> String {
    let values = || pictures.iter().flat_map(|picture| picture.cells.iter().flatten());
    let low = values().map(|cell| cell.low.value).min();
    let high = values().map(|cell| cell.high.value).max();
    let title = signal.title.as_deref().unwrap_or("");
    let bytes = units(rules, signal);
    let extent = match (low, high) {
        (Some(low), Some(high)) if low == high => value_text(signal, bytes, low),
        (Some(low), Some(high)) => {
            format!("{} to {}", value_text(signal, bytes, low), value_text(signal, bytes, high))
        }
        _ => "no sample".to_owned(),
    };
    let limits = limits(rules, signal);
    let (chart, off) = chart((signal, bytes), pictures, &limits, (low, high), time);
    let on = |limit: &&Limit| !off.iter().any(|other| std::ptr::eq(*other, *limit));
    let mut legend: String = limits
        .iter()
        .filter(on)
        .map(|limit| entry(&format!("limit {}", limit.class), &limit.words))
        .collect();
    // where there are two lines, each says which it is
    if pictures.len() > 1 {
        legend.insert_str(0, &format!("{}{}", entry("canary", "canary"), entry("baseline", "baseline")));
    }
    let name = format!(
        "<div class=\"name\">{}<small>{}</small><small>{}</small><ul>{legend}</ul></div>",
        escape::text(&signal.name),
        escape::text(title),
        escape::text(&extent)
    );
    let off = match off.is_empty() {
        true => String::new(),
        false => {
            let names: Vec<String> = off.iter().map(|limit| escape::text(&limit.words)).collect();
            format!("<p class=\"plain\">off the chart: {}</p>", names.join("; "))
        }
    };
    format!("<div class=\"row chart\">{name}<div>{chart}{off}</div></div>\n")
}

/// What stands beside a chart: a line of it, and what it is.
fn entry(class: &str, words: &str) -> String {
    format!(
        "<li><svg width=\"18\" height=\"8\" aria-hidden=\"true\"><line class=\"{class}\" x1=\"0\" x2=\"18\" y1=\"4\" y2=\"4\"/></svg><span>{}</span></li>",
        escape::text(words)
    )
}

fn chart<'l>(
    (signal, bytes): (&Signal, Option<ByteUnits>),
    pictures: &[&Picture],
    limits: &'l [Limit],
    (low, high): (Option<Decimal>, Option<Decimal>),
    time: Time,
) -> (String, Vec<&'l Limit>) {
    let (low, high) = (low.map_or(0.0, float), high.map_or(1.0, float));
    let reach = low.abs().max(high.abs()) * LIMIT_REACH;
    let (drawn, off): (Vec<&Limit>, Vec<&Limit>) =
        limits.iter().partition(|limit| reach <= 0.0 || float(limit.value).abs() <= reach);
    let bounds = drawn.iter().map(|limit| float(limit.value)).chain([low, high]);
    let (mut least, mut most) =
        bounds.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
    // what starts near zero starts at zero
    if least > 0.0 && least < most * 0.6 {
        least = 0.0;
    }
    if most <= least {
        (least, most) = (least - least.abs() * 0.1 - 1e-9, most + most.abs() * 0.1 + 1e-9);
    }
    let scale = Scale { low: least, high: most + (most - least) * 0.06 };
    let label = format!("{} over time", escape::text(&signal.name));
    let mut svg = format!("<svg class=\"plot\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
    grid(&mut svg, time);
    let (lines, words) = values(signal, bytes, &scale);
    svg.push_str(&lines);
    for picture in pictures.iter().take(1) {
        for (from, to) in &picture.gaps {
            let (x, end) = (time.percent(*from), time.percent(*to));
            svg.push_str(&format!(
                "<rect class=\"gap\" x=\"{x:.3}%\" y=\"{TOP}\" width=\"{:.3}%\" height=\"{PLOT}\"><title>nothing known from {from} to {to}</title></rect>",
                end - x
            ));
        }
    }
    svg.push_str(&format!(
        "<svg x=\"0\" y=\"0\" width=\"100%\" height=\"{HEIGHT}\" viewBox=\"0 0 1000 {HEIGHT}\" preserveAspectRatio=\"none\">"
    ));
    for picture in pictures.iter().rev() {
        let (line, dots) = paths(picture, &scale, time);
        let track = picture.track.as_str();
        svg.push_str(&format!("<path class=\"{track}\" d=\"{line}\"/>"));
        if !dots.is_empty() {
            svg.push_str(&format!("<path class=\"dot of-{track}\" d=\"{dots}\"/>"));
        }
    }
    svg.push_str("</svg>");
    svg.push_str(&words);
    names(&mut svg, (signal, bytes), &drawn, &scale);
    svg.push_str(&format!(
        "<line class=\"cross\" x1=\"0\" x2=\"0\" y1=\"{TOP}\" y2=\"{}\"/></svg>",
        TOP + PLOT
    ));
    (svg, off)
}

/// The lines of times.
fn grid(svg: &mut String, time: Time) {
    let base = TOP + PLOT;
    for (x, words) in time.marks() {
        let anchor = anchor(x);
        svg.push_str(&format!(
            "<line class=\"gridline\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{TOP}\" y2=\"{base}\"/><text x=\"{x:.3}%\" y=\"{}\" text-anchor=\"{anchor}\">{words}</text>",
            base + 17.0
        ));
    }
}

/// The lines of round values, and what they are; above the samples, so that these do not cover the words.
fn values(signal: &Signal, bytes: Option<ByteUnits>, scale: &Scale) -> (String, String) {
    // round is what reads round: per minute, where the rules say so
    let per = if signal.unit.per_time { f64::from(signal.per.seconds()) } else { 1.0 };
    let (mut lines, mut words) = (String::new(), String::new());
    for shown in ticks(signal.unit, bytes, scale.low * per, scale.high * per) {
        let value = shown / per;
        let y = scale.y(value);
        lines.push_str(&format!(
            "<line class=\"gridline\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        ));
        let text = spark_core::decimal::from_float(value).map(|value| value_text(signal, bytes, value));
        words.push_str(&format!(
            "<text class=\"value\" x=\"2\" y=\"{:.1}\">{}</text>",
            y - 3.0,
            escape::text(&text.unwrap_or_default())
        ));
    }
    (lines, words)
}

/// Round values between two, about three of them.
fn ticks(unit: Unit, bytes: Option<ByteUnits>, low: f64, high: f64) -> Vec<f64> {
    let wanted = (high - low) / 3.0;
    if wanted <= 0.0 || !wanted.is_finite() {
        return Vec::new();
    }
    let times: &[f64] = &[60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 43_200.0, 86_400.0];
    let (base, parts): (f64, &[f64]) = match unit.dimension {
        Dimension::Bytes if bytes != Some(ByteUnits::Decimal) => {
            (1_024.0, &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0])
        }
        _ => (10.0, &[1.0, 2.0, 5.0]),
    };
    let long = unit.dimension == Dimension::Duration && !unit.per_time && wanted > 30.0;
    let step = match times.iter().find(|step| **step >= wanted).filter(|_| long) {
        Some(step) => *step,
        None => {
            // no logarithm: its last digit differs between platforms
            let mut size = 1.0;
            while size * base <= wanted {
                size *= base;
            }
            while size > wanted {
                size /= base;
            }
            parts.iter().map(|part| part * size).find(|step| *step >= wanted).unwrap_or(size * base)
        }
    };
    let first = (low / step).ceil();
    std::iter::successors(Some(first), |place| Some(place + 1.0))
        .map(|place| place * step)
        .take_while(|value| *value <= high)
        .take(12)
        .collect()
}

/// The samples as a line, which ends where nothing is known, and as dots where one stands alone.
fn paths(picture: &Picture, scale: &Scale, time: Time) -> (String, String) {
    let (mut line, mut dots) = (String::new(), String::new());
    let mut before: Option<Spot> = None;
    let mut alone = None;
    for spot in picture.cells.iter().flatten().flat_map(spark_runtime::replay::Cell::spots) {
        let (x, y) = (time.percent(spot.at) * 10.0, scale.y(float(spot.value)));
        match before {
            Some(before) if !picture.is_broken(before.at, spot.at) => {
                alone = None;
                line.push_str(&format!("L{x:.1} {y:.1}"));
            }
            _ => {
                dots.extend(alone.replace(format!("M{x:.1} {y:.1}h0")));
                line.push_str(&format!("M{x:.1} {y:.1}"));
            }
        }
        before = Some(spot);
    }
    dots.extend(alone);
    (line, dots)
}

/// The limits as lines with their values, which give way to each other.
fn names(svg: &mut String, (signal, bytes): (&Signal, Option<ByteUnits>), limits: &[&Limit], scale: &Scale) {
    let mut sorted: Vec<(&Limit, f64)> =
        limits.iter().map(|limit| (*limit, scale.y(float(limit.value)))).collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut named: Option<(Decimal, f64)> = None;
    for (limit, y) in sorted {
        let class = limit.class;
        svg.push_str(&format!(
            "<line class=\"limit {class}\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        ));
        if named.is_some_and(|(value, _)| value == limit.value) {
            continue;
        }
        let at = (y - 3.0).max(named.map_or(TOP - 4.0, |(_, last)| last + NAMES_APART));
        named = Some((limit.value, at));
        let words = escape::text(&value_text(signal, bytes, limit.value));
        svg.push_str(&format!(
            "<text class=\"limit-name {class}\" x=\"100%\" y=\"{at:.1}\" text-anchor=\"end\">{words}</text>"
        ));
    }
}
