//! Which comparisons read the newest sample of which series, and which change with the time alone.

use rust_decimal::Decimal;

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
}

/// The comparisons that read the newest sample of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct Newness {
    pub(super) comparisons: Vec<usize>,
    /// The literals that it is held against, rising; none where it is held against anything else.
    pub(super) fences: Option<Vec<Decimal>>,
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
pub(super) const TRACKS: [Track; 2] = [Track::Canary, Track::Baseline];

/// The place of a signal's series among all: the canary's, then the baseline's.
pub(super) const fn place_of(signal: SignalId, track: Track) -> usize {
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
    let literals = comparison.expressions().into_iter().filter_map(|side| match side {
        Expression::Literal(value) => Some(*value),
        _ => None,
    });
    (signals == 1).then(|| literals.collect())
}
