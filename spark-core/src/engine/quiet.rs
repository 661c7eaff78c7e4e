//! When an evaluation can only repeat the last one: nothing that it read has changed, and no time that something waits
//! for has come. Then the clocks that run are brought forward, and the rest stands.
//!
//! It is a memory of the last whole evaluation, never a part of the saved state: without it every evaluation is whole,
//! and gives the same bytes.

use rust_decimal::Decimal;

use super::clock::{Clock, Outcome};
use super::history::{History, Newest};
use super::overrides::Overrides;
use super::pass::Memory;
use super::view::View;
use crate::condition::{Comparison, Expression, Test};
use crate::policy::Policy;
use crate::signal::{Reading, SignalId, Track};
use crate::time::{TimeSpan, Timestamp};

/// Which comparisons read what.
#[derive(Debug, Clone, Default)]
pub(super) struct Readers {
    /// Comparisons whose value may change as time goes by: those of windows.
    timed: Vec<usize>,
    /// By series: who reads its newest sample.
    newest: Vec<Newness>,
}

/// The comparisons that read the newest sample of one series.
#[derive(Debug, Clone, Default)]
struct Newness {
    comparisons: Vec<usize>,
    /// The literals that it is held against, rising; none where it is held against anything else.
    fences: Option<Vec<Decimal>>,
}

impl Readers {
    pub(super) fn new(policy: &Policy, comparisons: &[Comparison]) -> Self {
        let nobody = Newness { comparisons: Vec::new(), fences: Some(Vec::new()) };
        let series = policy.signals().len().saturating_mul(TRACKS.len());
        let mut readers = Self { timed: Vec::new(), newest: vec![nobody; series] };
        for (place, comparison) in comparisons.iter().enumerate() {
            readers.add(place, comparison);
        }
        for newness in &mut readers.newest {
            newness.fences.iter_mut().for_each(|fences| fences.sort_unstable());
        }
        readers
    }

    fn add(&mut self, place: usize, comparison: &Comparison) {
        let mut timed = false;
        for expression in comparison.expressions() {
            self.read(place, comparison, expression, Track::Canary, &mut timed);
        }
        if timed {
            self.timed.push(place);
        }
    }

    /// Goes through an expression as [`View`] computes it.
    fn read(
        &mut self,
        place: usize,
        comparison: &Comparison,
        expression: &Expression,
        track: Track,
        timed: &mut bool,
    ) {
        match expression {
            Expression::Literal(_) | Expression::PreviousStage => {}
            Expression::Window { .. } | Expression::Correlation { .. } => *timed = true,
            Expression::Arithmetic { left, right, .. } => {
                self.read(place, comparison, left, track, timed);
                self.read(place, comparison, right, track, timed);
            }
            Expression::Baseline => self.read(place, comparison, &comparison.left, Track::Baseline, timed),
            Expression::Signal(signal) => {
                let Some(newness) = self.newest.get_mut(place_of(*signal, track)) else { return };
                if newness.comparisons.last() != Some(&place) {
                    newness.comparisons.push(place);
                }
                match (&mut newness.fences, literals(comparison)) {
                    (Some(fences), Some(literals)) => fences.extend(literals),
                    (fences, _) => *fences = None,
                }
            }
        }
    }
}

/// Both tracks, in the order of their series.
const TRACKS: [Track; 2] = [Track::Canary, Track::Baseline];

/// The place of a signal's series among all: the canary's, then the baseline's.
const fn place_of(signal: SignalId, track: Track) -> usize {
    let place = signal.index().saturating_mul(2);
    match track {
        Track::Canary => place,
        Track::Baseline => place.saturating_add(1),
    }
}

/// The literals of a comparison of one newest sample with nothing else, where they are compared to their last digit.
fn literals(comparison: &Comparison) -> Option<Vec<Decimal>> {
    if !comparison.is_plain() || comparison.unit.per_time {
        return None;
    }
    let mut signals: usize = 0;
    comparison.signals(&mut |_| signals = signals.saturating_add(1));
    let sides = match &comparison.test {
        Test::Is(_, right) => vec![&comparison.left, right],
        Test::Between(low, high) => vec![&comparison.left, low, high],
    };
    let literals = sides.into_iter().filter_map(|side| match side {
        Expression::Literal(value) => Some(*value),
        _ => None,
    });
    (signals == 1).then(|| literals.collect())
}

/// What is known of one series since the last evaluation.
#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    /// Strictly between these, its newest sample changes no comparison.
    between: Option<(Option<Decimal>, Option<Decimal>)>,
    /// A sample of that time, or an earlier one, may change one.
    moved: Option<Timestamp>,
    /// Until then its newest sample is believed.
    fresh_until: Timestamp,
}

impl Watched {
    fn observe(&mut self, at: Timestamp, reading: &Reading) {
        let inside = match (&self.between, reading) {
            (Some((low, high)), Reading::Value(value)) => {
                low.is_none_or(|low| *value > low) && high.is_none_or(|high| *value < high)
            }
            _ => false,
        };
        if !inside {
            self.moved = self.moved.max(Some(at));
        }
    }

    /// Takes up what the series shows at an instant.
    fn refresh(&mut self, history: &History, newness: &Newness, stale_after: TimeSpan, at: Timestamp) {
        // what was seen ahead was held against the fences of another sample
        self.moved = history.last().filter(|last| *last > at).max(self.moved.filter(|moved| *moved > at));
        (self.between, self.fresh_until) = (None, Timestamp::from_nanos(i64::MAX));
        if let Newest::Point(point) = history.newest(at) {
            self.fresh_until = point.at.plus(stale_after);
            if let (Some(fences), Some(value)) = (&newness.fences, point.reading.value()) {
                let above = fences.partition_point(|fence| *fence <= value);
                let low = above.checked_sub(1).and_then(|place| fences.get(place)).copied();
                // on a fence, the next sample decides anew
                self.between = (low != Some(value)).then(|| (low, fences.get(above).copied()));
            }
        }
    }
}

/// What the last whole evaluation left to wait for.
#[derive(Debug, Clone)]
pub(super) struct Quiet {
    /// Whether there was one, and nothing but samples and instants came since.
    settled: bool,
    /// The first instant at which what is remembered changes by itself.
    until: Timestamp,
    /// The clocks that add evidence up.
    running: Vec<usize>,
    /// The longest interval that is evidence for all of them.
    reach: TimeSpan,
    /// By series.
    series: Vec<Watched>,
    /// The series of which a sample may change something.
    moved: Vec<(SignalId, Track)>,
    /// Room for those of them that are looked at, kept to be used again.
    looked_at: Vec<(SignalId, Track)>,
    /// Until then the newest sample of each series is believed.
    fresh_until: Timestamp,
}

impl Quiet {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            settled: false,
            until: Timestamp::from_nanos(i64::MIN),
            running: Vec::new(),
            reach: TimeSpan::ZERO,
            series: vec![Watched::default(); policy.signals().len().saturating_mul(TRACKS.len())],
            moved: Vec::new(),
            looked_at: Vec::new(),
            fresh_until: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// Something else than a sample was said: the next evaluation is whole.
    pub(super) fn end(&mut self) {
        self.settled = false;
    }

    /// A sample was kept.
    pub(super) fn observe(&mut self, signal: SignalId, track: Track, at: Timestamp, reading: &Reading) {
        let Some(watched) = self.series.get_mut(place_of(signal, track)) else { return };
        let had_moved = watched.moved.is_some();
        watched.observe(at, reading);
        if !had_moved && watched.moved.is_some() {
            self.moved.push((signal, track));
        }
    }

    /// Takes up what a whole evaluation left behind.
    pub(super) fn settle(&mut self, view: &View<'_>, memory: &Memory, overrides: &Overrides) {
        let (program, at) = (view.program, view.at);
        // a sequence remembers each instant of what is unknown
        self.settled = program.sequences == 0;
        if !self.settled {
            return;
        }
        let latest = Timestamp::from_nanos(i64::MAX);
        self.until = overrides.next_end().unwrap_or(latest);
        self.running.clear();
        self.reach = TimeSpan::MAX;
        for (place, (clock, (duration, reach))) in memory.clocks.iter().zip(&program.clocks).enumerate() {
            if clock.adds_since() == Some(at) {
                self.running.push(place);
                self.reach = self.reach.min(*reach);
            }
            self.until = self.until.min(clock.next_turn(at, *duration).unwrap_or(latest));
        }
        for (trigger, memory) in view.policy.triggers().iter().zip(&memory.triggers) {
            let due = memory.gives_up_at(trigger).filter(|due| *due > at);
            self.until = self.until.min(due.unwrap_or(latest));
        }
        self.refresh_all(view);
    }

    /// Takes up what every series shows.
    fn refresh_all(&mut self, view: &View<'_>) {
        self.moved.clear();
        self.looked_at.clear();
        self.fresh_until = Timestamp::from_nanos(i64::MAX);
        for signal in (0..).map(SignalId).take(view.policy.signals().len()) {
            for track in TRACKS {
                self.refresh(view, signal, track);
            }
        }
    }

    fn refresh(&mut self, view: &View<'_>, signal: SignalId, track: Track) {
        let place = place_of(signal, track);
        let readers = view.program.readers.newest.get(place);
        let (Some(watched), Some(readers), Some(history)) =
            (self.series.get_mut(place), readers, view.history(signal, track))
        else {
            return;
        };
        watched.refresh(history, readers, view.stale_after(signal), view.at);
        if watched.moved.is_some() {
            self.moved.push((signal, track));
        }
        if !readers.comparisons.is_empty() {
            self.fresh_until = self.fresh_until.min(watched.fresh_until);
        }
    }

    /// Brings an evaluation about that changes nothing; `false` where a whole one is needed, which then [settles](Self::settle).
    pub(super) fn repeat(
        &mut self,
        view: &View<'_>,
        last: Timestamp,
        clocks: &mut [Clock],
        compared: &[Option<Outcome>],
    ) -> bool {
        let at = view.at;
        let gap = at.since(last);
        if !self.settled || at >= self.until || gap > self.reach {
            return false;
        }
        // what was not asked, under a `given` that is as it was, is not asked now
        let same = |place: &usize| {
            compared.get(*place).is_some_and(|known| known.is_none_or(|known| known == view.compare(*place)))
        };
        let readers = &view.program.readers;
        if at > self.fresh_until {
            // some sample may be too old now, and is found to be so wherever it is compared
            if !readers.newest.iter().flat_map(|newness| &newness.comparisons).all(same) {
                return false;
            }
            self.refresh_all(view);
        } else if !self.moved.is_empty() {
            std::mem::swap(&mut self.moved, &mut self.looked_at);
            let comparisons = |(signal, track): &(SignalId, Track)| {
                readers
                    .newest
                    .get(place_of(*signal, *track))
                    .into_iter()
                    .flat_map(|newness| &newness.comparisons)
            };
            if !self.looked_at.iter().flat_map(comparisons).all(same) {
                return false;
            }
            while let Some((signal, track)) = self.looked_at.pop() {
                self.refresh(view, signal, track);
            }
        }
        if !readers.timed.iter().all(same) {
            return false;
        }
        for place in &self.running {
            if let Some(clock) = clocks.get_mut(*place) {
                clock.add(at, gap);
            }
        }
        true
    }
}
