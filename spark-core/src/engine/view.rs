//! What expressions are worth at an instant. Nothing here changes anything.

use rust_decimal::Decimal;

use super::clock::Outcome;
use super::histories::Histories;
use super::history::{History, Newest, values};
use super::measure::Measure;
use super::program::Program;
use super::slide::{Slide, Values};
use super::stages::StageMemory;
use super::windows::{Windows, thresholds};
use crate::condition::{Expression, Relation, Test, WindowFunction};
use crate::decimal::is_endless;
use crate::decision::Unknown;
use crate::planted::{self, Bug};
use crate::policy::Policy;
use crate::signal::{Reading, SignalId, Source, Track};
use crate::time::{TimeSpan, Timestamp};
use crate::window;

/// The part of a window that samples must cover for its function to be known: 80 %.
const COVERED_MIN_PERCENT: i128 = 80;

type Value = Result<Measure, Unknown>;

/// Everything that a value at an instant depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) policy: &'a Policy,
    pub(super) program: &'a Program,
    pub(super) histories: &'a Histories,
    pub(super) windows: &'a Windows,
    pub(super) stages: &'a StageMemory,
    pub(super) at: Timestamp,
}

/// A comparison's sides at an instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides {
    pub(super) left: Decimal,
    /// The right side; of `between`, the nearer end.
    pub(super) right: Decimal,
    /// How far it is from turning: positive where it is false, negative where it is true.
    pub(super) margin: Decimal,
    pub(super) holds: bool,
}

impl<'a> View<'a> {
    pub(super) fn history(&self, signal: SignalId, track: Track) -> Option<&'a History> {
        self.histories.get(signal, track)
    }

    pub(super) fn stale_after(&self, signal: SignalId) -> TimeSpan {
        self.policy.signal(signal).map(|signal| signal.stale_after).unwrap_or_default()
    }

    /// The truth of the comparison at that place.
    pub(super) fn compare(&self, place: usize) -> Outcome {
        if let Some(outcome) = self.counted(place).or_else(|| self.estimated(place)) {
            return outcome;
        }
        match self.sides(place) {
            Ok(sides) => Outcome::of(sides.holds),
            Err(cause) => Outcome::Unknown(cause),
        }
    }

    /// The sides of the comparison at that place.
    pub(super) fn sides(&self, place: usize) -> Result<Sides, Unknown> {
        let comparison = self.program.comparisons.get(place).ok_or(Unknown::Overflow)?;
        // samples beside literals: what a source computed it has rounded itself, so all is decided to the digit
        let plain = comparison.is_plain();
        let value = |expression: &Expression| {
            let side = self.value(expression, Track::Canary, &comparison.left, place)?;
            Ok(match expression {
                Expression::Signal(_) if plain => Measure::exact(side.value),
                // `50/min` is a sixtieth of fifty, which does not end
                Expression::Literal(value) if comparison.unit.per_time => Measure::computed(*value),
                _ => side,
            })
        };
        let left = value(&comparison.left)?;
        match &comparison.test {
            Test::Is(relation, right) => {
                let right = value(right)?;
                let (holds, margin) = left.compare(*relation, right);
                Ok(Sides { left: left.value, right: right.value, margin, holds })
            }
            Test::Between(low, high) => {
                let (low, high) = (value(low)?, value(high)?);
                let (above_low, below) = left.compare(Relation::AtLeast, low);
                let (below_high, above) = left.compare(Relation::AtMost, high);
                let right = if below > above { low } else { high };
                let holds = above_low && below_high;
                Ok(Sides { left: left.value, right: right.value, margin: below.max(above), holds })
            }
        }
    }

    /// The left side of the comparison at that place.
    pub(super) fn left(&self, place: usize) -> Result<Decimal, Unknown> {
        let comparison = self.program.comparisons.get(place).ok_or(Unknown::Overflow)?;
        self.value(&comparison.left, Track::Canary, &comparison.left, place).map(|left| left.value)
    }

    fn value(&self, expression: &Expression, track: Track, left_side: &Expression, place: usize) -> Value {
        match expression {
            Expression::Signal(signal) => self.newest(*signal, track),
            Expression::Literal(value) => Ok(Measure::exact(*value)),
            Expression::Window { function, signal, over } => self.window(*function, *signal, track, *over),
            Expression::Correlation { a, b, over } => self.correlation(*a, *b, track, *over),
            Expression::Arithmetic { operator, left, right } => {
                let left = self.value(left, track, left_side, place)?;
                let right = self.value(right, track, left_side, place)?;
                left.apply(*operator, right)
            }
            // a policy has no reference on its left side, so this does not go round
            Expression::Baseline => self.value(left_side, Track::Baseline, left_side, place),
            Expression::PreviousStage => self
                .stages
                .previous(place)
                .map(|mean| Measure::exact(mean).inexact())
                .ok_or(Unknown::NoPreviousStage),
        }
    }

    pub(super) fn newest(&self, signal: SignalId, track: Track) -> Value {
        let stale_after = self.stale_after(signal);
        match self.history(signal, track).map_or(Newest::Nothing, |history| history.newest(self.at)) {
            Newest::Nothing => Err(Unknown::NoSample(signal, track)),
            Newest::Failed if planted::is(Bug::FailedIsMet) => Ok(Measure::exact(Decimal::ZERO)),
            Newest::Failed => Err(Unknown::SourceFailed(signal, track)),
            Newest::Point(point) => {
                let age = self.at.since(point.at);
                if age > stale_after && !planted::is(Bug::StaleBelieved) {
                    return Err(Unknown::Stale(signal, track, age));
                }
                if planted::is(Bug::NanIsZero) && point.reading == Reading::NotANumber {
                    return Ok(Measure::exact(Decimal::ZERO));
                }
                let value =
                    point.reading.value().ok_or_else(|| not_a_value(&point.reading, signal, track))?;
                Ok(Measure { value, exact: self.is_written(signal) })
            }
        }
    }

    /// Whether a signal's samples are what somebody wrote: not computed by its source, nor by an endless factor.
    fn is_written(&self, signal: SignalId) -> bool {
        self.policy.signal(signal).is_some_and(|signal| {
            let computed = matches!(signal.source, Source::Metrics(_) | Source::Prometheus { .. });
            !computed && !is_endless(signal.scale)
        })
    }

    /// The samples in a window, where it is covered well enough.
    fn points(
        &self,
        signal: SignalId,
        track: Track,
        over: TimeSpan,
    ) -> Result<Vec<(Timestamp, Decimal)>, Unknown> {
        let history = self.history(signal, track).ok_or(Unknown::NoSample(signal, track))?;
        if let Some(part) = too_short(history.covered(self.at, over, self.stale_after(signal)), over) {
            return Err(Unknown::ShortHistory(signal, track, part));
        }
        values(history.window(self.at, over)).map_err(|reading| not_a_value(&reading, signal, track))
    }

    /// The window that was carried to this instant, where it knows of every sample.
    pub(super) fn slide(
        &self,
        signal: SignalId,
        track: Track,
        over: TimeSpan,
    ) -> Option<(&'a Slide, &'a History)> {
        let history = self.history(signal, track)?;
        let slide = self.windows.find(signal, track, over)?;
        slide.stands(history, self.at).then_some((slide, history))
    }

    /// Why a window's function is not known, where that is so; none where all samples have to be asked.
    pub(super) fn unknown_in(
        &self,
        (slide, history): (&Slide, &History),
        (signal, track): (SignalId, Track),
        at_least: usize,
    ) -> Option<Result<(), Unknown>> {
        if let Some(part) = too_short(slide.covered(history), slide.over) {
            return Some(Err(Unknown::ShortHistory(signal, track, part)));
        }
        match slide.values() {
            Values::All if slide.len() < at_least => Some(Err(Unknown::TooFewSamples(signal, track))),
            Values::All => Some(Ok(())),
            Values::Not(reading) => Some(Err(not_a_value(reading, signal, track))),
            Values::Mixed => None,
        }
    }

    /// A window's function, from what was carried here; none where all samples have to be asked.
    fn slid(
        &self,
        function: WindowFunction,
        signal: SignalId,
        track: Track,
        over: TimeSpan,
    ) -> Option<Result<Decimal, Unknown>> {
        let (slide, history) = self.slide(signal, track, over)?;
        match self.unknown_in((slide, history), (signal, track), needed(function))? {
            Ok(()) => slide.value(function, history).map(Ok),
            Err(cause) => Some(Err(cause)),
        }
    }

    /// The truth of a quantile held against literals, where counting the samples on either side tells it.
    fn counted(&self, place: usize) -> Option<Outcome> {
        let comparison = self.program.comparisons.get(place)?;
        let Expression::Window { function: WindowFunction::Quantile(quantile), signal, over } =
            &comparison.left
        else {
            return None;
        };
        let (slide, history) = self.slide(*signal, Track::Canary, *over)?;
        let order = |threshold: Option<Decimal>| slide.fence(threshold?)?.order(quantile.fraction());
        let [first, second] = thresholds(&comparison.test);
        // a window whose function is unknown is so whatever it is held against
        first?;
        if let Err(cause) = self.unknown_in((slide, history), (*signal, Track::Canary), 1)? {
            return Some(Outcome::Unknown(cause));
        }
        Some(Outcome::of(match comparison.test {
            Test::Is(relation, _) => relation.is_of(order(first)?),
            Test::Between(..) => order(first)?.is_ge() && order(second)?.is_le(),
        }))
    }

    /// The value of a window's function.
    fn measured_in(&self, signal: SignalId, value: Decimal) -> Measure {
        let result = Measure::computed(value);
        if self.is_written(signal) { result } else { result.inexact() }
    }

    fn window(&self, function: WindowFunction, signal: SignalId, track: Track, over: TimeSpan) -> Value {
        if let Some(known) = self.slid(function, signal, track, over) {
            return known.map(|value| self.measured_in(signal, value));
        }
        let points = self.points(signal, track, over)?;
        let only_values = || points.iter().map(|(_, value)| *value);
        let list = || only_values().collect::<Vec<_>>();
        let extrapolated = |kind| window::extrapolated(&points, self.at.minus(over), self.at, kind);
        if points.len() < needed(function) {
            return Err(Unknown::TooFewSamples(signal, track));
        }
        let result = match function {
            WindowFunction::Avg => window::mean(&list()),
            WindowFunction::Min => only_values().min(),
            WindowFunction::Max => only_values().max(),
            WindowFunction::Sum => window::sum(only_values()),
            WindowFunction::Count => Some(Decimal::from(points.len())),
            WindowFunction::Quantile(quantile) => window::quantile_over(&list(), quantile.fraction()),
            WindowFunction::Stddev => window::standard_deviation(&list()),
            WindowFunction::Increase => extrapolated(window::Kind::Increase),
            WindowFunction::Rate => extrapolated(window::Kind::Rate),
            WindowFunction::Delta => extrapolated(window::Kind::Delta),
            WindowFunction::Slope => window::slope(&points),
        };
        result.map(|value| self.measured_in(signal, value)).ok_or(Unknown::Overflow)
    }

    /// Each sample of `a` with the newest of `b` that is not after it and not stale at it.
    fn correlation(&self, a: SignalId, b: SignalId, track: Track, over: TimeSpan) -> Value {
        let left = self.points(a, track, over)?;
        let right = self.points(b, track, over)?;
        let stale_after = self.stale_after(b);
        let pairs: Vec<_> = left
            .iter()
            .filter_map(|(at, value)| {
                let newest = right.partition_point(|(other, _)| other <= at).checked_sub(1)?;
                let (other, partner) = right.get(newest)?;
                (at.since(*other) <= stale_after).then_some((*value, *partner))
            })
            .collect();
        window::correlation(&pairs)
            .map(|value| Measure::exact(value).inexact())
            .ok_or(Unknown::DivisionByZero)
    }
}

/// How many samples a function needs.
pub(super) const fn needed(function: WindowFunction) -> usize {
    match function {
        WindowFunction::Increase | WindowFunction::Rate | WindowFunction::Delta | WindowFunction::Slope => 2,
        _ => 1,
    }
}

/// The part of a window that is covered, in ten thousandths, where it is too small.
fn too_short(covered: TimeSpan, over: TimeSpan) -> Option<u16> {
    let (covered, over) = (i128::from(covered.nanos()), i128::from(over.nanos()));
    if over > 0 && covered.saturating_mul(100) >= over.saturating_mul(COVERED_MIN_PERCENT) {
        return None;
    }
    let part = covered.saturating_mul(10_000).checked_div(over).unwrap_or(0);
    Some(u16::try_from(part).unwrap_or(0))
}

fn not_a_value(reading: &Reading, signal: SignalId, track: Track) -> Unknown {
    match reading {
        Reading::NotANumber | Reading::Value(_) => Unknown::NotANumber(signal, track),
        Reading::Infinite { .. } => Unknown::Infinite(signal, track),
        Reading::OutOfRange => Unknown::OutOfRange(signal, track),
        Reading::Failed(_) => Unknown::SourceFailed(signal, track),
    }
}
