//! Which comparisons read the newest sample of which series, and which change with the time alone.

use rust_decimal::Decimal;

use super::fixed::{Band, PlainTest, scale_for};
use super::places::{Places, place};
use crate::condition::{Comparison, Expression};
use crate::policy::Policy;
use crate::signal::{SignalId, Track};

/// Which comparisons read what.
#[derive(Debug, Clone, Default)]
pub(super) struct Readers {
    /// Comparisons whose value may change as time goes by: those of windows.
    pub(super) timed: Vec<usize>,
    /// Of each series whose newest sample is read: who reads it.
    pub(super) newest: Vec<Newness>,
    /// By series: its place among those; [`NOBODY`] where none reads it.
    of_series: Vec<u32>,
    /// By comparison: what it asks of one newest sample, where that is all that it reads and its literals fit.
    pub(super) plain: Vec<Option<Plain>>,
}

/// The place of a series whose newest sample nobody reads.
const NOBODY: u32 = u32::MAX;

/// A comparison of a newest sample with literals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    pub(super) band: Band,
    /// The series' place among those that are read.
    pub(super) series: u32,
}

/// The comparisons that read the newest sample of one series.
#[derive(Debug, Clone)]
pub(super) struct Newness {
    pub(super) signal: SignalId,
    pub(super) track: Track,
    /// The scale in which it is compared.
    pub(super) scale: u32,
    /// The values at which plain comparisons turn, rising, each with its comparison: of those that are not flat triggers'.
    pub(super) edges: Box<[(i64, u32)]>,
    /// The comparisons that are not plain.
    pub(super) computed: Box<[u32]>,
    /// Where among the sections of [`Bits`](super::bits::Bits) those of flat triggers stand.
    pub(super) sections: Places,
}

impl Newness {
    /// Those that are not flat triggers', some of them twice.
    pub(super) fn loose(&self) -> impl Iterator<Item = u32> {
        let turning = self.edges.iter().map(|(_, comparison)| comparison);
        self.computed.iter().chain(turning).copied()
    }
}

/// A comparison that reads the newest sample of a series.
#[derive(Debug, Clone, Copy)]
struct Reads {
    signal: SignalId,
    track: Track,
    comparison: usize,
}

impl Reads {
    const fn series(&self) -> usize {
        place_of(self.signal, self.track)
    }
}

impl Readers {
    pub(super) fn new(policy: &Policy, comparisons: &[Comparison]) -> Self {
        let mut readers = Self {
            timed: Vec::new(),
            newest: Vec::new(),
            of_series: vec![NOBODY; policy.signals().len().saturating_mul(TRACKS.len())],
            plain: vec![None; comparisons.len()],
        };
        let mut reads = Vec::with_capacity(comparisons.len());
        for (place, comparison) in comparisons.iter().enumerate() {
            let mut timed = false;
            for expression in comparison.sides() {
                read(place, comparison, expression, Track::Canary, &mut timed, &mut reads);
            }
            if timed {
                readers.timed.push(place);
            }
        }
        reads.sort_unstable_by_key(|reads| (reads.series(), reads.comparison));
        reads.dedup_by_key(|reads| (reads.series(), reads.comparison));
        let mut literals = Vec::new();
        for reads in reads.chunk_by(|a, b| a.series() == b.series()) {
            readers.add(comparisons, reads, &mut literals);
        }
        readers.newest.shrink_to_fit();
        readers
    }

    /// Adds a series with those who read it.
    fn add(&mut self, comparisons: &[Comparison], reads: &[Reads], literals: &mut Vec<Decimal>) {
        let Some(Reads { signal, track, .. }) = reads.first().copied() else { return };
        let series = place(self.newest.len());
        let test = |place: usize| comparisons.get(place).and_then(PlainTest::of).map(|(_, test)| test);
        literals.clear();
        for test in reads.iter().filter_map(|reads| test(reads.comparison)) {
            literals.extend(test.literals());
        }
        let scale = scale_for(literals);
        let (mut edges, mut computed) = (Vec::with_capacity(reads.len()), Vec::new());
        for Reads { comparison, .. } in reads {
            let band = test(*comparison).and_then(|test| test.band(scale));
            // one that nothing turns within what fits is computed
            let band = band.filter(|band| band.edges().next().is_some());
            match band {
                Some(band) => edges.extend(band.edges().map(|edge| (edge, place(*comparison)))),
                None => computed.push(place(*comparison)),
            }
            if let Some(slot) = self.plain.get_mut(*comparison) {
                *slot = band.map(|band| Plain { series, band });
            }
        }
        edges.sort_unstable();
        if let Some(slot) = self.of_series.get_mut(place_of(signal, track)) {
            *slot = series;
        }
        let (edges, computed) = (edges.into(), computed.into());
        let sections = Places::default();
        self.newest.push(Newness { signal, track, scale, edges, computed, sections });
    }

    /// The place of a series among those whose newest sample is read; none where nobody reads it.
    pub(super) fn series(&self, signal: SignalId, track: Track) -> Option<usize> {
        let place = self.of_series.get(place_of(signal, track)).filter(|place| **place != NOBODY)?;
        Some(*place as usize)
    }
}

/// Goes through an expression as [`View`](super::view::View) computes it.
fn read(
    place: usize,
    comparison: &Comparison,
    expression: &Expression,
    track: Track,
    timed: &mut bool,
    reads: &mut Vec<Reads>,
) {
    match expression {
        Expression::Literal(_) | Expression::PreviousStage => {}
        Expression::Window { .. } | Expression::Correlation { .. } => *timed = true,
        Expression::Arithmetic { left, right, .. } => {
            read(place, comparison, left, track, timed, reads);
            read(place, comparison, right, track, timed, reads);
        }
        Expression::Baseline => read(place, comparison, &comparison.left, Track::Baseline, timed, reads),
        Expression::Signal(signal) => reads.push(Reads { signal: *signal, track, comparison: place }),
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
