//! Every window that the conditions ask for, by series and length.

use std::ops::Range;

use rust_decimal::Decimal;

use super::histories::Histories;
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
            // a correlation asks for pairs of samples: all of them
            Expression::Literal(_)
            | Expression::PreviousStage
            | Expression::Signal(_)
            | Expression::Correlation { .. } => {}
            Expression::Arithmetic { left, right, .. } => {
                self.add(policy, comparison, left, track);
                self.add(policy, comparison, right, track);
            }
            Expression::Baseline => self.add(policy, comparison, &comparison.left, Track::Baseline),
            Expression::Window { function, signal, over } => {
                let reach = policy.signal(*signal).map(|signal| signal.stale_after).unwrap_or_default();
                let same = |(s, t, slide): &(SignalId, Track, Slide)| {
                    (*s, *t, slide.over) == (*signal, track, *over)
                };
                let place = self.slides.iter().position(same).unwrap_or_else(|| {
                    self.slides.push((*signal, track, Slide::new(*over, reach)));
                    self.slides.len().saturating_sub(1)
                });
                let Some((_, _, slide)) = self.slides.get_mut(place) else { return };
                if !matches!(function, WindowFunction::Quantile(_)) {
                    slide.need(*function);
                } else if *expression == comparison.left && track == Track::Canary {
                    thresholds(&comparison.test).into_iter().flatten().for_each(|at| slide.need_fence(at));
                }
            }
        }
    }

    /// Moves all of them to an instant.
    pub(super) fn advance(&mut self, histories: &Histories, at: Timestamp) {
        for (signal, track, slide) in &mut self.slides {
            histories.get(*signal, *track).into_iter().for_each(|history| slide.advance(history, at));
        }
    }

    /// A window; none where no condition asked for it.
    pub(super) fn find(&self, signal: SignalId, track: Track, over: TimeSpan) -> Option<&Slide> {
        let places = self.places.get(place_of(signal, track))?;
        let slides = self.slides.get(places.clone())?;
        slides.iter().find(|(_, _, slide)| slide.over == over).map(|(_, _, slide)| slide)
    }
}

/// The literals that a left side is held against, where it is against nothing else.
pub(super) fn thresholds(test: &Test) -> [Option<Decimal>; 2] {
    match test {
        Test::Is(_, Expression::Literal(threshold)) => [Some(*threshold), None],
        Test::Between(Expression::Literal(low), Expression::Literal(high)) => [Some(*low), Some(*high)],
        Test::Is(..) | Test::Between(..) => [None, None],
    }
}
