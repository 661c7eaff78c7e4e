//! Every window that the conditions ask for, by series and length.

use std::ops::Range;

use rust_decimal::Decimal;

use super::histories::Histories;
use super::pairing::Pairing;
use super::readers::place_of;
use super::slide::Slide;
use crate::condition::{Comparison, Expression, Test, WindowFunction};
use crate::policy::Policy;
use crate::signal::{SignalId, Track};
use crate::time::{TimeSpan, Timestamp};

/// The windows of all series, carried along with the evaluations. Two conditions that look at the same samples share one.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows {
    /// In the order of their series.
    slides: Vec<(SignalId, Track, Slide)>,
    /// By series: its windows' places.
    places: Vec<Range<usize>>,
    /// The pairs of correlations.
    pairings: Vec<((SignalId, SignalId), Track, Pairing)>,
}

impl Windows {
    pub(super) fn new(policy: &Policy, comparisons: &[Comparison]) -> Self {
        let mut windows = Self::default();
        for comparison in comparisons {
            for expression in comparison.expressions() {
                windows.add(policy, comparison, expression, Track::Canary);
            }
        }
        windows.slides.sort_by_key(|(signal, track, slide)| (*signal, *track, slide.over));
        // most policies ask for some windows or for none
        let signals = if windows.slides.is_empty() { 0 } else { policy.signals().len() };
        let series = signals.saturating_mul(Track::ALL.len());
        windows.places = (0..series)
            .map(|place| {
                let before = |(signal, track, _): &(SignalId, Track, _)| place_of(*signal, *track) < place;
                let within = |(signal, track, _): &(SignalId, Track, _)| place_of(*signal, *track) <= place;
                windows.slides.partition_point(before)..windows.slides.partition_point(within)
            })
            .collect();
        windows
    }

    /// Goes through an expression as [`View`](super::view::View) computes it.
    fn add(&mut self, policy: &Policy, comparison: &Comparison, expression: &Expression, track: Track) {
        match expression {
            Expression::Literal(_) | Expression::PreviousStage | Expression::Signal(_) => {}
            Expression::Correlation { a, b, over } => {
                let (_, reach) = (self.slide_at(policy, *a, track, *over), reach_of(policy, *b));
                self.slide_at(policy, *b, track, *over);
                if self.pairing(*a, *b, track, *over).is_none() {
                    self.pairings.push(((*a, *b), track, Pairing::new(*over, reach)));
                }
            }
            Expression::Arithmetic { left, right, .. } => {
                self.add(policy, comparison, left, track);
                self.add(policy, comparison, right, track);
            }
            Expression::Baseline => self.add(policy, comparison, &comparison.left, Track::Baseline),
            Expression::Window { function, signal, over } => {
                let place = self.slide_at(policy, *signal, track, *over);
                let Some((_, _, slide)) = self.slides.get_mut(place) else { return };
                if !matches!(function, WindowFunction::Quantile(_)) {
                    slide.need(*function);
                } else if *expression == comparison.left && track == Track::Canary {
                    thresholds(&comparison.test).into_iter().flatten().for_each(|at| slide.need_fence(at));
                }
            }
        }
    }

    /// The place of a window, which is made where there is none.
    fn slide_at(&mut self, policy: &Policy, signal: SignalId, track: Track, over: TimeSpan) -> usize {
        let same = |(s, t, slide): &(SignalId, Track, Slide)| (*s, *t, slide.over) == (signal, track, over);
        self.slides.iter().position(same).unwrap_or_else(|| {
            self.slides.push((signal, track, Slide::new(over, reach_of(policy, signal))));
            self.slides.len().saturating_sub(1)
        })
    }

    /// The pairs of a correlation; none where no condition asked for it.
    pub(super) fn pairing(&self, a: SignalId, b: SignalId, track: Track, over: TimeSpan) -> Option<&Pairing> {
        let same = |(both, t, pairing): &&((SignalId, SignalId), Track, Pairing)| {
            (*both, *t, pairing.over) == ((a, b), track, over)
        };
        self.pairings.iter().find(same).map(|(_, _, pairing)| pairing)
    }

    /// Moves all of them to an instant.
    pub(super) fn advance(&mut self, histories: &Histories, at: Timestamp) {
        for (signal, track, slide) in &mut self.slides {
            histories.get(*signal, *track).into_iter().for_each(|history| slide.advance(history, at));
        }
        for ((a, b), track, pairing) in &mut self.pairings {
            if let Some((left, right)) = histories.get(*a, *track).zip(histories.get(*b, *track)) {
                pairing.advance(left, right, at);
            }
        }
    }

    /// A window; none where no condition asked for it.
    pub(super) fn find(&self, signal: SignalId, track: Track, over: TimeSpan) -> Option<&Slide> {
        let places = self.places.get(place_of(signal, track))?;
        let slides = self.slides.get(places.clone())?;
        slides.iter().find(|(_, _, slide)| slide.over == over).map(|(_, _, slide)| slide)
    }
}

/// How long a sample of a signal covers, and may be the partner of another.
fn reach_of(policy: &Policy, signal: SignalId) -> TimeSpan {
    policy.signal(signal).map(|signal| signal.stale_after).unwrap_or_default()
}

/// The literals that a left side is held against, where it is against nothing else.
pub(super) fn thresholds(test: &Test) -> [Option<Decimal>; 2] {
    match test {
        Test::Is(_, Expression::Literal(threshold)) => [Some(*threshold), None],
        Test::Between(Expression::Literal(low), Expression::Literal(high)) => [Some(*low), Some(*high)],
        Test::Is(..) | Test::Between(..) => [None, None],
    }
}
