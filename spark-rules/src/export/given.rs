//! What a test gives, as promtool's input series.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use spark_core::metrics::LabelMatch;
use spark_core::{Reading, TimeSpan, Track};

use super::record::Builder;
use super::signals::Input;
use super::text::{LOOK_BACK, in_milliseconds};
use crate::test::{Event, Events, Given};

/// Most points of one series: a test of a day at a second fits.
const POINTS_MAX: i64 = 100_000;

/// Digits that a number in the source's unit is rounded to: those that a binary float holds.
const FLOAT_DIGITS: u32 = 15;

/// A series of a test, with its values by time.
#[derive(Debug, Clone)]
pub(super) struct InputSeries {
    pub(super) name: String,
    points: BTreeMap<TimeSpan, String>,
}

impl Builder<'_> {
    /// What a `given` makes until `end`, or why promtool cannot be given it.
    pub(super) fn input(&self, given: &Given, end: TimeSpan) -> Result<InputSeries, String> {
        let policy = &self.loaded.policy;
        let Some(signal) = policy.signal(given.signal) else {
            return Err("a signal is not declared".to_owned());
        };
        let name = &signal.name;
        let series = match self.signals.get(&(given.signal, given.track)) {
            Some(Ok(series)) => series,
            Some(Err(reason)) => return Err(reason.clone()),
            // nothing that is exported reads it
            None => return Ok(InputSeries { name: String::new(), points: BTreeMap::new() }),
        };
        if signal.stale_after >= LOOK_BACK {
            return Err(format!("`{name}` is believed for longer than Prometheus looks back"));
        }
        let (name, scale) = match &series.input {
            Input::Metric(metric) => (format!("{metric}{}", self.labels(given.track)?), signal.scale),
            Input::Recorded(name) => (name.clone(), Decimal::ONE),
            Input::Nothing(reason) => return Err(format!("`{name}`: {reason}")),
        };
        let mut points = BTreeMap::new();
        // Prometheus carries a sample on for longer than Spark believes it
        let mut stale = None;
        for event in Events::new(policy, given) {
            let at = event.at().since(spark_core::Timestamp::EPOCH);
            if at > end {
                break;
            }
            let Event::Sample(sample) = event else { continue };
            if !in_milliseconds(at) {
                return Err("its samples come in less than milliseconds".to_owned());
            }
            if let Some(stale) = stale.take().filter(|stale| *stale < at) {
                points.insert(stale, "stale".to_owned());
            }
            let failed = matches!(sample.reading, Reading::Failed(_));
            points.insert(at, value(&sample.reading, scale)?);
            stale = (!failed).then(|| at.plus(signal.stale_after).plus(super::text::MILLISECOND));
            if let Some(at) = &mut stale {
                // the first instant that sees it so
                let every = policy.every();
                *at = spark_core::Timestamp::EPOCH
                    .plus(*at)
                    .next_multiple(every)
                    .since(spark_core::Timestamp::EPOCH);
            }
        }
        if let Some(stale) = stale.filter(|stale| *stale <= end) {
            points.insert(stale, "stale".to_owned());
        }
        Ok(InputSeries { name, points })
    }

    /// The labels of a track's series.
    fn labels(&self, track: Track) -> Result<String, String> {
        let matchers = match track {
            Track::Canary => &self.options.canary,
            Track::Baseline => &self.options.baseline,
        };
        let mut labels = Vec::new();
        for matcher in matchers {
            match matcher.operator {
                LabelMatch::Equal => labels.push(super::signals::written(matcher)),
                LabelMatch::NotEqual if !matcher.value.is_empty() => {}
                _ => return Err("its track is told by a pattern".to_owned()),
            }
        }
        Ok(if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) })
    }
}

fn value(reading: &Reading, scale: Decimal) -> Result<String, String> {
    let text = match reading {
        Reading::Value(value) if scale == Decimal::ONE => value.normalize().to_string(),
        Reading::Value(value) => {
            let number = value.checked_div(scale).and_then(|number| number.round_sf(FLOAT_DIGITS));
            number.ok_or("a value is out of range")?.normalize().to_string()
        }
        Reading::NotANumber => "NaN".to_owned(),
        Reading::Infinite { negative: false } => "Inf".to_owned(),
        Reading::Infinite { negative: true } => "-Inf".to_owned(),
        // no value at once, and the samples before it stay where they were
        Reading::Failed(_) => "stale".to_owned(),
        Reading::OutOfRange => return Err("a value is out of range".to_owned()),
    };
    Ok(text)
}

/// The time between two points that all points of all series lie on.
pub(super) fn step(series: &[InputSeries], every: TimeSpan) -> TimeSpan {
    let times = series.iter().flat_map(|series| series.points.keys());
    let step = times.fold(every.nanos(), |step, at| common_divisor(step, at.nanos()));
    TimeSpan::from_nanos(step)
}

fn common_divisor(a: i64, b: i64) -> i64 {
    match a.checked_rem(b) {
        None => a,
        Some(rest) => common_divisor(b, rest),
    }
}

impl InputSeries {
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Its values in promtool's words: what repeats is counted.
    pub(super) fn values(&self, step: TimeSpan) -> Result<String, String> {
        let place = |at: &TimeSpan| at.nanos().checked_div(step.nanos()).unwrap_or(0);
        let mut words: Vec<String> = Vec::new();
        let mut next = 0_i64;
        let mut run: Option<(&str, i64)> = None;
        for (at, text) in &self.points {
            let here = place(at);
            if here > POINTS_MAX {
                return Err(format!("a series would have more than {POINTS_MAX} points"));
            }
            let gap = here.saturating_sub(next);
            if gap > 0 || run.is_some_and(|(before, _)| before != text) {
                push_run(&mut words, run.take());
            }
            if gap > 0 {
                words.push(if gap == 1 { "_".to_owned() } else { format!("_x{gap}") });
            }
            run = Some((text, run.map_or(1, |(_, times)| times.saturating_add(1))));
            next = here.saturating_add(1);
        }
        push_run(&mut words, run);
        Ok(words.join(" "))
    }
}

/// A value so many times; promtool counts those after the first, and repeats numbers alone.
fn push_run(words: &mut Vec<String>, run: Option<(&str, i64)>) {
    let Some((text, times)) = run else { return };
    let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && !text.contains("Inf");
    if number && times > 1 {
        words.push(format!("{text}x{}", times.saturating_sub(1)));
        return;
    }
    words.extend((0..times).map(|_| text.to_owned()));
}
