//! Functions of a window: recorded once each, present where enough of the window is covered.

use spark_core::{SignalId, TimeSpan, Track, WindowFunction};

use super::record::Builder;
use super::signals::one_series;
use super::text::{MILLISECOND, duration, in_milliseconds, number};

/// How far back a sample is looked for that the window's first one may have followed.
const EARLIER: TimeSpan = TimeSpan::from_seconds(3_600);

/// The part of a window that samples must cover, in percent.
const COVERED_PERCENT: i64 = 80;

impl Builder<'_> {
    /// The series of a function of a window, recorded when first asked for.
    pub(super) fn window(
        &mut self,
        function: WindowFunction,
        id: SignalId,
        over: TimeSpan,
        track: Track,
    ) -> Result<String, String> {
        let signal = self.signal(id, track)?;
        let name = self.loaded.policy.signal(id).map_or("", |signal| &signal.name);
        let word = function.to_string().replace('.', "_");
        let tail = if track == Track::Baseline { ":baseline" } else { "" };
        let series = format!("{}:{word}_{}{tail}", self.series(name), duration(over));
        if let Some(known) = self.windows.get(&series) {
            return known.clone().map(|()| series);
        }
        let recorded = self.new_window(function, id, over, &signal, &series);
        self.windows.insert(series.clone(), recorded.clone());
        recorded.map(|()| series)
    }

    fn new_window(
        &mut self,
        function: WindowFunction,
        id: SignalId,
        over: TimeSpan,
        signal: &super::signals::SignalSeries,
        series: &str,
    ) -> Result<(), String> {
        let stale = self.loaded.policy.signal(id).map(|signal| signal.stale_after).unwrap_or_default();
        let every = self.loaded.policy.every();
        let in_steps = |span: TimeSpan| span.nanos().checked_rem(every.nanos()) == Some(0);
        if !in_milliseconds(every) || !in_milliseconds(over) || !in_steps(stale) || stale.is_zero() {
            return Err(format!(
                "a window's coverage is counted in evaluations, and `stale after` is no multiple of `evaluate every` ({})",
                duration(every)
            ));
        }
        let samples = &signal.samples;
        let text = format!(
            "{} and {} and {}",
            call(function, samples, over),
            all_numbers(samples, over),
            covered(samples, over, stale, every).ok_or("the window is too long")?
        );
        let mut text = match &signal.factor {
            Some(factor) if function != WindowFunction::Count => format!("({text}) {factor}"),
            _ => text,
        };
        self.notes.insert(
            "How much of a window is covered is counted in evaluations: off the grid of `evaluate every`, up to one more or less than in Spark.",
        );
        if takes_whole(function) {
            self.notes.insert(
                "A rate, increase or quantile over a window reads a sample that is exactly as old as the window in Prometheus 2, and not in Prometheus 3 and in Spark.",
            );
        }
        self.block(format!("{function} over {}", duration(over)));
        if signal.labelled {
            let all = format!("{series}:series");
            self.record(&all, text);
            text = one_series(&all);
        }
        self.record(series, format!("({text}) > -7.9e28 < 7.9e28"));
        Ok(())
    }
}

/// Whether the function computes with the window's length, which then cannot be shortened.
const fn takes_whole(function: WindowFunction) -> bool {
    matches!(function, WindowFunction::Increase | WindowFunction::Rate | WindowFunction::Delta)
}

/// The window without its left end: Prometheus 2 would see a sample there.
fn open(over: TimeSpan) -> String {
    duration(over.minus(MILLISECOND))
}

fn call(function: WindowFunction, samples: &str, over: TimeSpan) -> String {
    let range = format!("{samples}[{}]", open(over));
    let whole = format!("{samples}[{}]", duration(over));
    match function {
        WindowFunction::Avg => format!("avg_over_time({range})"),
        WindowFunction::Min => format!("min_over_time({range})"),
        WindowFunction::Max => format!("max_over_time({range})"),
        WindowFunction::Sum => format!("sum_over_time({range})"),
        WindowFunction::Count => format!("count_over_time({range})"),
        WindowFunction::Stddev => format!("stddev_over_time({range})"),
        WindowFunction::Quantile(quantile) => {
            format!("quantile_over_time({}, {range})", number(quantile.fraction()))
        }
        WindowFunction::Slope => format!("deriv({range})"),
        WindowFunction::Increase => format!("increase({whole})"),
        WindowFunction::Rate => format!("rate({whole})"),
        WindowFunction::Delta => format!("delta({whole})"),
    }
}

/// Present where no sample in the window is NaN or infinite.
fn all_numbers(samples: &str, over: TimeSpan) -> String {
    format!("0 * sum_over_time({samples}[{}]) == 0", open(over))
}

/// Present where samples cover 80 % of the window, counted in evaluations.
///
/// The time between two evaluations is covered if the next sample is at most `stale after` later than its start, and
/// some sample came before it. What lies after the instant has no samples yet.
fn covered(samples: &str, over: TimeSpan, stale: TimeSpan, every: TimeSpan) -> Option<String> {
    let ahead = stale.minus(every);
    let offset = if ahead.is_zero() { String::new() } else { format!(" offset -{}", duration(ahead)) };
    let next = format!("count_over_time({samples}[{}]{offset})", duration(ahead.plus(MILLISECOND)));
    let before = format!("count_over_time({samples}[{}] offset {})", duration(EARLIER), duration(every));
    let wanted = over.nanos().checked_mul(COVERED_PERCENT)?;
    let step = every.nanos().checked_mul(100)?;
    // rounded up
    let places = wanted.checked_add(step.checked_sub(1)?)?.checked_div(step)?;
    Some(format!("count_over_time(({next} and {before})[{}:{}]) >= {places}", open(over), duration(every)))
}
