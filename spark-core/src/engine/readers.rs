//! Which comparisons read the newest sample of which series, and which change with the time alone.

use rust_decimal::Decimal;

use super::fixed::{Band, PlainTest, scale_for};
use crate::condition::{Comparison, Expression};
use crate::policy::Policy;
use crate::signal::{SignalId, Track};

/// Which comparisons read what.
#[derive(Debug, Clone, Default)]
pub(super) struct Readers {
    /// Comparisons whose value may change as time goes by: those of windows.
    pub(super) timed: Vec<usize>,
    /// By series: who reads its newest sample.
    pub(super) newest: Vec<Newness>,
    /// By comparison: what it asks of one newest sample, where that is all that it reads and its literals fit.
    pub(super) plain: Vec<Option<Plain>>,
}

/// A comparison of a newest sample with literals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    pub(super) series: usize,
    pub(super) band: Band,
}

/// The comparisons that read the newest sample of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct Newness {
    /// The scale in which it is compared.
    pub(super) scale: u32,
    /// The values at which plain comparisons turn, rising, each with its comparison.
    pub(super) edges: Vec<(i64, usize)>,
    /// The comparisons that are not plain.
    pub(super) computed: Vec<usize>,
}

impl Newness {
    pub(super) const fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.computed.is_empty()
    }

    /// All of them, some of them twice.
    pub(super) fn comparisons(&self) -> impl Iterator<Item = usize> {
        self.computed.iter().copied().chain(self.edges.iter().map(|(_, comparison)| *comparison))
    }
}

impl Readers {
    pub(super) fn new(policy: &Policy, comparisons: &[Comparison]) -> Self {
        let series = policy.signals().len().saturating_mul(TRACKS.len());
        let mut readers = Self {
            timed: Vec::new(),
            newest: vec![Newness::default(); series],
            plain: vec![None; comparisons.len()],
        };
        let mut literals: Vec<Vec<Decimal>> = vec![Vec::new(); series];
        for (signal, test) in comparisons.iter().filter_map(PlainTest::of) {
            if let Some(literals) = literals.get_mut(place_of(signal, Track::Canary)) {
                literals.extend(test.literals());
            }
        }
        for (newness, literals) in readers.newest.iter_mut().zip(&literals) {
            newness.scale = scale_for(literals);
        }
        for (place, comparison) in comparisons.iter().enumerate() {
            if !readers.add_plain(place, comparison) {
                readers.add(place, comparison);
            }
        }
        readers.newest.iter_mut().for_each(|newness| newness.edges.sort_unstable());
        readers
    }

    fn add_plain(&mut self, place: usize, comparison: &Comparison) -> bool {
        let Some((signal, test)) = PlainTest::of(comparison) else { return false };
        let series = place_of(signal, Track::Canary);
        let (Some(newness), Some(slot)) = (self.newest.get_mut(series), self.plain.get_mut(place)) else {
            return false;
        };
        let Some(band) = test.band(newness.scale) else { return false };
        newness.edges.extend(band.edges().map(|edge| (edge, place)));
        *slot = Some(Plain { series, band });
        true
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

    /// Goes through an expression as [`View`](super::view::View) computes it.
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
                if newness.computed.last() != Some(&place) {
                    newness.computed.push(place);
                }
            }
        }
    }
}

/// Both tracks, in the order of their series.
pub(super) const TRACKS: [Track; 2] = [Track::Canary, Track::Baseline];

/// The place of a signal's series among all: the canary's, then the baseline's.
pub(super) const fn place_of(signal: SignalId, track: Track) -> usize {
    let place = signal.index().saturating_mul(2);
    match track {
        Track::Canary => place,
        Track::Baseline => place.saturating_add(1),
    }
}
