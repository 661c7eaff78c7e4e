//! Windows that slide, beside the functions of all their samples: what one more sample costs, and the dearest of all steps.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use spark_core::window::{
    Aggregate, Correlated, Daba, Ends, Estimate, Fence, Kind, Largest, Moments, Pairs, Smallest, Total,
    correlation, extrapolated, extrapolated_about, extrapolated_ends, growth_of, is_reset, mean,
    quantile_over, slope, standard_deviation, sum,
};
use spark_core::{Relation, TimeSpan, Timestamp};

use crate::cpu;

const ROUNDS: usize = 5;
/// Steps of a round, of a window that slides.
const STEPS: usize = 40_000;
/// Samples that a round of the peer goes through, at the least.
const SCANNED: usize = 400_000;
const WIDTHS: [usize; 4] = [20, 300, 3_600, 86_400];
/// Each step is timed so often, and its shortest time taken: what interrupts one pass does not interrupt all.
const PASSES: usize = 25;

/// A sample each second: latencies of 100 to 900 ms by the microsecond.
struct Data {
    points: Vec<(Timestamp, Decimal)>,
    values: Vec<Decimal>,
}

/// A window that slides by one sample at each step.
trait Sliding: Default {
    fn push(&mut self, data: &Data, place: usize) -> Option<()>;
    fn pop(&mut self, data: &Data, place: usize) -> Option<()>;
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal>;

    fn step(&mut self, data: &Data, place: usize, width: usize) -> Option<Decimal> {
        self.push(data, place)?;
        let end = place.saturating_add(1);
        if let Some(gone) = place.checked_sub(width) {
            self.pop(data, gone)?;
        }
        self.get(data, end.saturating_sub(width)..end)
    }
}

/// Times each function at each width, and the dearest step of a maximum.
pub(crate) fn run() -> Result<String, String> {
    let data = data(WIDTHS.iter().max().copied().unwrap_or_default().saturating_add(STEPS));
    // first, while the memory is untouched: what the rows below gave back to the system would come anew, a page at a step
    let worst = worst(&data)?;
    let mut table = String::from(
        "windows, one sample in, one out and the function asked: ns a step, beside going through all samples\n",
    );
    let _ = writeln!(table, "{:<22}{}", "", WIDTHS.map(|width| format!("{width:>24}")).concat());
    let above = |value: Decimal, threshold: Decimal| Some(Decimal::from(u8::from(value > threshold)));
    row::<Sum>(&mut table, &data, "sum", |data, window| sum(data.values.get(window)?.iter().copied()))?;
    row::<Min>(&mut table, &data, "min", |data, window| data.values.get(window)?.iter().min().copied())?;
    row::<Max>(&mut table, &data, "max", |data, window| data.values.get(window)?.iter().max().copied())?;
    row::<MeanAbove>(&mut table, &data, "avg > 500ms", |data, window| {
        above(mean(data.values.get(window)?)?, HALF)
    })?;
    row::<Above95>(&mut table, &data, "p95 > 860ms", |data, window| {
        above(quantile_over(data.values.get(window)?, Decimal::new(95, 2))?, THRESHOLD)
    })?;
    row::<Above50>(&mut table, &data, "p50 > 500ms", |data, window| {
        above(quantile_over(data.values.get(window)?, Decimal::new(5, 1))?, HALF)
    })?;
    row::<Above99>(&mut table, &data, "p99 > 892ms", |data, window| {
        above(quantile_over(data.values.get(window)?, Decimal::new(99, 2))?, NEARLY_ALL)
    })?;
    row::<DeviationAbove>(&mut table, &data, "stddev > 230ms", |data, window| {
        above(standard_deviation(data.values.get(window)?)?, DEVIATION)
    })?;
    row::<RateAbove>(&mut table, &data, "rate > 0.32/s", |data, window| {
        let points = data.points.get(window)?;
        let end = points.last()?.0;
        above(extrapolated(points, end.minus(span(points.len())), end, Kind::Rate)?, RATE)
    })?;
    row::<SlopeAbove>(&mut table, &data, "slope > 0.00001/s", |data, window| {
        above(slope(data.points.get(window)?)?, SLOPE)
    })?;
    row::<DeltaAbove>(&mut table, &data, "delta > 1ms", |data, window| {
        let points = data.points.get(window)?;
        let end = points.last()?.0;
        above(extrapolated(points, end.minus(span(points.len())), end, Kind::Delta)?, MILLISECOND)
    })?;
    row::<CorrelationAbove>(&mut table, &data, "correlation > 0.1", |data, window| {
        let pairs: Option<Vec<_>> = window.map(|place| pair(data, place)).collect();
        above(correlation(&pairs?)?, TENTH)
    })?;
    table.push_str("the value itself, as it is told where a trigger turns\n");
    row::<Mean>(&mut table, &data, "avg", |data, window| mean(data.values.get(window)?))?;
    row::<Rate>(&mut table, &data, "rate", |data, window| {
        let points = data.points.get(window)?;
        let end = points.last()?.0;
        extrapolated(points, end.minus(span(points.len())), end, Kind::Rate)
    })?;
    row::<Slope>(&mut table, &data, "slope", |data, window| slope(data.points.get(window)?))?;
    table.push_str(&worst);
    Ok(table)
}

/// One function: the same values first, then the times.
fn row<S: Sliding>(
    table: &mut String,
    data: &Data,
    name: &str,
    rescan: impl Fn(&Data, Range<usize>) -> Option<Decimal>,
) -> Result<(), String> {
    let _ = write!(table, "{name:<22}");
    for width in WIDTHS {
        let scans = SCANNED.checked_div(width).unwrap_or_default().clamp(5, 2_000);
        let window = |place: usize| place.saturating_add(1).saturating_sub(width)..place.saturating_add(1);
        let mut slid = filled::<S>(data, width).ok_or_else(|| format!("{name} over {width}: no value"))?;
        for place in (width..).take(scans) {
            let (slides, scanned) = (slid.step(data, place, width), rescan(data, window(place)));
            if slides.is_none() || slides != scanned {
                return Err(format!(
                    "{name} over {width} at {place}: sliding gives {slides:?}, all samples give {scanned:?}"
                ));
            }
        }
        let (mut sliding, mut scanning) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let mut slid = filled::<S>(data, width).unwrap_or_default();
            let start = cpu::used();
            for place in (width..).take(STEPS) {
                black_box(slid.step(data, place, width));
            }
            sliding.push(nanos_each(cpu::used().saturating_sub(start), STEPS));
            let start = cpu::used();
            for place in (width..).take(scans) {
                black_box(rescan(data, window(place)));
            }
            scanning.push(nanos_each(cpu::used().saturating_sub(start), scans));
        }
        let (sliding, scanning) = (median(sliding), median(scanning));
        let _ = write!(table, "{:>24}", format!("{sliding:.0} / {scanning:.0} = {:.0}x", scanning / sliding));
    }
    table.push('\n');
    Ok(())
}

/// The dearest single step of a maximum over falling values, which a monotonic deque keeps all of, and then a large one.
fn worst(data: &Data) -> Result<String, String> {
    let width: usize = 86_400;
    let steps = STEPS.saturating_mul(2);
    let mut table =
        format!("\nthe dearest of {steps} steps, window {width}, ns (the clock's own are in it)\n");
    let large_at = width.saturating_add(width / 2);
    let falling: Vec<Decimal> = (0..width.saturating_add(steps))
        .map(|place| if place == large_at { 1_000_000 } else { 500_000_usize.saturating_sub(place) })
        .map(Decimal::from)
        .collect();
    let times = (0..).map(|second| Timestamp::EPOCH.plus(TimeSpan::from_seconds(second)));
    let falling = Data { points: times.zip(falling.iter().copied()).collect(), values: falling };
    for (name, data) in [("random values", data), ("hostile values", &falling)] {
        // the random ones are fewer than two windows
        let steps = steps.min(data.values.len().saturating_sub(width));
        let daba = dearest::<Max>(data, width, steps)?;
        let [stacks, deque] =
            [dearest::<TwoStacks>(data, width, steps)?, dearest::<MonotonicDeque>(data, width, steps)?];
        let total = dearest::<Sum>(data, width, steps)?;
        let [quantile, rate] =
            [dearest::<Above95>(data, width, steps)?, dearest::<RateAbove>(data, width, steps)?];
        let [slope, deviation] =
            [dearest::<SlopeAbove>(data, width, steps)?, dearest::<DeviationAbove>(data, width, steps)?];
        let _ = writeln!(
            table,
            "{name:<22}max by DABA {daba}, by two stacks {stacks}, by a monotonic deque {deque}; sum {total}, p95 \
             {quantile}, rate {rate}, slope {slope}, stddev {deviation}"
        );
    }
    Ok(table)
}

fn dearest<S: Sliding>(data: &Data, width: usize, steps: usize) -> Result<u128, String> {
    let mut shortest = vec![Duration::MAX; steps];
    for _ in 0..PASSES {
        let mut slid = filled::<S>(data, width).ok_or("no value")?;
        for (shortest, place) in shortest.iter_mut().zip(width..) {
            let start = Instant::now();
            black_box(slid.step(data, place, width));
            *shortest = start.elapsed().min(*shortest);
        }
    }
    Ok(shortest.into_iter().max().unwrap_or_default().as_nanos())
}

/// A window that is full.
fn filled<S: Sliding>(data: &Data, width: usize) -> Option<S> {
    let mut slid = S::default();
    (0..width).try_for_each(|place| slid.push(data, place))?;
    Some(slid)
}

fn data(samples: usize) -> Data {
    let mut seed: u64 = 1;
    let values: Vec<Decimal> = (0..samples)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = i64::try_from(seed >> 33).unwrap_or_default().checked_rem(800_000);
            Decimal::new(random.unwrap_or_default().saturating_add(100_000), 6)
        })
        .collect();
    let times = (0..).map(|second| Timestamp::EPOCH.plus(TimeSpan::from_seconds(second)));
    Data { points: times.zip(values.iter().copied()).collect(), values }
}

fn span(samples: usize) -> TimeSpan {
    TimeSpan::from_seconds(u32::try_from(samples).unwrap_or(u32::MAX))
}

fn nanos_each(time: Duration, steps: usize) -> f64 {
    time.as_secs_f64() * 1e9 / f64::from(u32::try_from(steps).unwrap_or(u32::MAX))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A window of values alone.
macro_rules! sliding {
    ($name:ident($kind:ty): $default:expr, $push:expr, $pop:expr, $get:expr) => {
        struct $name($kind);

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }

        impl Sliding for $name {
            fn push(&mut self, data: &Data, place: usize) -> Option<()> {
                let push: fn(&mut $kind, Decimal) = $push;
                push(&mut self.0, *data.values.get(place)?);
                Some(())
            }
            fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
                let pop: fn(&mut $kind, Decimal) = $pop;
                pop(&mut self.0, *data.values.get(place)?);
                Some(())
            }
            fn get(&self, _: &Data, _: Range<usize>) -> Option<Decimal> {
                let get: fn(&$kind) -> Option<Decimal> = $get;
                get(&self.0)
            }
        }
    };
}

fn add(total: &mut Total, value: Decimal) {
    // all values have the same places
    let _ = total.push(value);
}

sliding!(Sum(Total): Total::default(), add, Total::pop, Total::sum);
sliding!(Mean(Total): Total::default(), add, Total::pop, Total::mean);
sliding!(
    Min(Daba<Smallest>): Daba::default(),
    |window, value| window.push(Smallest(value)),
    |window, _| window.pop(),
    |window| window.get().map(|smallest| smallest.0)
);
sliding!(
    Max(Daba<Largest>): Daba::default(),
    |window, value| window.push(Largest(value)),
    |window, _| window.pop(),
    |window| window.get().map(|largest| largest.0)
);

const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);
const THRESHOLD: Decimal = Decimal::from_parts(86, 0, 0, false, 2);
const NEARLY_ALL: Decimal = Decimal::from_parts(892, 0, 0, false, 3);
const RATE: Decimal = Decimal::from_parts(32, 0, 0, false, 2);
const DEVIATION: Decimal = Decimal::from_parts(23, 0, 0, false, 2);
const MILLISECOND: Decimal = Decimal::from_parts(1, 0, 0, false, 3);
const TENTH: Decimal = Decimal::from_parts(1, 0, 0, false, 1);
const SLOPE: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// Whether a value is above a threshold, as an engine finds it: by its estimate, or else by the value.
fn held(
    about: Option<Estimate>,
    value: impl FnOnce() -> Option<Decimal>,
    threshold: Decimal,
) -> Option<Decimal> {
    let stands = about.zip(Estimate::of(threshold)).and_then(|(a, b)| a.stands(Relation::Above, b));
    let above = match stands {
        Some(above) => above,
        None => value()? > threshold,
    };
    Some(Decimal::from(u8::from(above)))
}

sliding!(
    MeanAbove(Total): Total::default(),
    add,
    Total::pop,
    |window| held(window.mean_about(), || window.mean(), HALF)
);
/// A quantile, told by the fence of its threshold or else by all samples.
macro_rules! quantile_above {
    ($name:ident, $q:expr, $threshold:expr) => {
        struct $name(Fence);

        impl Default for $name {
            fn default() -> Self {
                Self(Fence::new($threshold))
            }
        }

        impl Sliding for $name {
            fn push(&mut self, data: &Data, place: usize) -> Option<()> {
                let value = *data.values.get(place)?;
                if !self.0.push(value) {
                    // finer than any before
                    let inside = place.checked_sub(self.0.len())?..=place;
                    self.0 = Fence::of($threshold, data.values.get(inside)?.iter().copied());
                }
                Some(())
            }
            fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
                self.0.pop(*data.values.get(place)?);
                Some(())
            }
            fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
                let above = match self.0.order($q) {
                    Some(order) => order.is_gt(),
                    None => quantile_over(data.values.get(window)?, $q)? > $threshold,
                };
                Some(Decimal::from(u8::from(above)))
            }
        }
    };
}

quantile_above!(Above95, Decimal::from_parts(95, 0, 0, false, 2), THRESHOLD);
quantile_above!(Above50, Decimal::from_parts(5, 0, 0, false, 1), HALF);
quantile_above!(Above99, Decimal::from_parts(99, 0, 0, false, 2), NEARLY_ALL);
sliding!(
    TwoStacks(Stacks): Stacks::default(),
    Stacks::push,
    |window, _| window.pop(),
    Stacks::get
);
sliding!(
    MonotonicDeque(Monotonic): Monotonic::default(),
    Monotonic::push,
    |window, _| window.pop(),
    |window| window.kept.front().map(|(_, value)| *value)
);

/// A counter's growth: what it showed before its resets.
#[derive(Default)]
struct Rate(Total);

impl Sliding for Rate {
    fn push(&mut self, data: &Data, place: usize) -> Option<()> {
        let value = *data.values.get(place)?;
        if let Some(before) = place.checked_sub(1).and_then(|before| data.values.get(before)) {
            // all values have the same places
            let _ = self.0.push_if(is_reset(*before, value), *before);
        }
        Some(())
    }
    fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
        let (value, after) = (*data.values.get(place)?, *data.values.get(place.checked_add(1)?)?);
        self.0.pop_if(is_reset(value, after), value);
        Some(())
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let points = data.points.get(window)?;
        let (first, last) = (points.first()?, points.last()?);
        let growth = growth_of(first.1, last.1, Some(&self.0))?;
        let ends = Ends { count: points.len(), first: *first, last: last.0, growth };
        extrapolated_ends(&ends, last.0.minus(span(points.len())), last.0, Kind::Rate)
    }
}

#[derive(Default)]
struct RateAbove(Rate);

impl Sliding for RateAbove {
    fn push(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.push(data, place)
    }
    fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.pop(data, place)
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let points = data.points.get(window.clone())?;
        let (first, last) = (*points.first()?, *points.last()?);
        let between = (last.0.minus(span(points.len())), last.0);
        let resets = Some(&self.0.0);
        let about = extrapolated_about(points.len(), first, last, resets, between, Kind::Rate);
        held(about, || self.0.get(data, window), RATE)
    }
}

/// Last minus first: of the window there is nothing to keep.
#[derive(Default)]
struct DeltaAbove;

impl Sliding for DeltaAbove {
    fn push(&mut self, _: &Data, _: usize) -> Option<()> {
        Some(())
    }
    fn pop(&mut self, _: &Data, _: usize) -> Option<()> {
        Some(())
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let points = data.points.get(window)?;
        let (first, last) = (*points.first()?, *points.last()?);
        let between = (last.0.minus(span(points.len())), last.0);
        let about = extrapolated_about(points.len(), first, last, None, between, Kind::Delta);
        held(about, || extrapolated(points, between.0, between.1, Kind::Delta), MILLISECOND)
    }
}

#[derive(Default)]
struct Slope(Moments);

impl Sliding for Slope {
    fn push(&mut self, data: &Data, place: usize) -> Option<()> {
        let (at, value) = *data.points.get(place)?;
        let _ = self.0.push(at, value);
        Some(())
    }
    fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
        let (at, value) = *data.points.get(place)?;
        self.0.pop(at, value);
        Some(())
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let points = data.points.get(window)?;
        self.0.slope(*points.first()?, points.last()?.0)
    }
}

#[derive(Default)]
struct DeviationAbove(Slope);

impl Sliding for DeviationAbove {
    fn push(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.push(data, place)
    }
    fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.pop(data, place)
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let value = || standard_deviation(data.values.get(window)?);
        held(self.0.0.deviation_about(), value, DEVIATION)
    }
}

/// Each value beside the one seven before.
fn pair(data: &Data, place: usize) -> Option<(Decimal, Decimal)> {
    Some((*data.values.get(place)?, *data.values.get(place.saturating_sub(7))?))
}

#[derive(Default)]
struct CorrelationAbove(Pairs);

impl Sliding for CorrelationAbove {
    fn push(&mut self, data: &Data, place: usize) -> Option<()> {
        let pair = pair(data, place)?;
        if place == 0 {
            self.0 = Pairs::of([pair].into_iter())?;
            return Some(());
        }
        self.0.push(pair)
    }
    fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.pop(pair(data, place)?);
        Some(())
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let value = || correlation(&window.map(|place| pair(data, place)).collect::<Option<Vec<_>>>()?);
        let about = match self.0.correlation() {
            Correlated::About(about) => Some(about),
            Correlated::Not | Correlated::Unsure => None,
        };
        held(about, value, TENTH)
    }
}

#[derive(Default)]
struct SlopeAbove(Slope);

impl Sliding for SlopeAbove {
    fn push(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.push(data, place)
    }
    fn pop(&mut self, data: &Data, place: usize) -> Option<()> {
        self.0.pop(data, place)
    }
    fn get(&self, data: &Data, window: Range<usize>) -> Option<Decimal> {
        let points = data.points.get(window.clone())?;
        let about = self.0.0.slope_about(points.first()?.0, points.last()?.0);
        held(about, || self.0.get(data, window), SLOPE)
    }
}

/// The peer with a stack for each end: all values move over at once when the older stack is empty.
#[derive(Default)]
struct Stacks {
    older: Vec<Largest>,
    newer: Vec<Largest>,
    newest: Option<Largest>,
}

impl Stacks {
    fn push(&mut self, value: Decimal) {
        self.newer.push(Largest(value));
        self.newest = Some(self.newest.map_or(Largest(value), |newest| newest.merge(Largest(value))));
    }
    fn pop(&mut self) {
        if self.older.is_empty() {
            self.newest = None;
            while let Some(value) = self.newer.pop() {
                self.older.push(self.older.last().map_or(value, |after| value.merge(*after)));
            }
        }
        self.older.pop();
    }
    fn get(&self) -> Option<Decimal> {
        let older = self.older.last().copied();
        older
            .map_or(self.newest, |older| Some(self.newest.map_or(older, |newest| older.merge(newest))))
            .map(|it| it.0)
    }
}

/// The peer that keeps only values that may still become the largest.
#[derive(Default)]
struct Monotonic {
    kept: VecDeque<(usize, Decimal)>,
    first: usize,
    next: usize,
}

impl Monotonic {
    fn push(&mut self, value: Decimal) {
        while self.kept.back().is_some_and(|(_, back)| *back <= value) {
            self.kept.pop_back();
        }
        self.kept.push_back((self.next, value));
        self.next = self.next.saturating_add(1);
    }
    fn pop(&mut self) {
        if self.kept.front().is_some_and(|(place, _)| *place == self.first) {
            self.kept.pop_front();
        }
        self.first = self.first.saturating_add(1);
    }
}
