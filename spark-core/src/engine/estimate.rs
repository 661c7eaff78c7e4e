//! The truth of comparisons whose sides are far apart, without their values to the last digit.
//!
//! Where an estimate tells a truth, it is that of the values; where a side is unknown, it is unknown for the same cause. The
//! values themselves are computed where they are told, and where they are near to each other.

use super::clock::Outcome;
use super::view::{View, needed};
use crate::condition::{Comparison, Expression, Relation, Test, WindowFunction};
use crate::decision::Unknown;
use crate::signal::{SignalId, Track};
use crate::time::TimeSpan;
use crate::window::{Correlated, Estimate};

/// About a value; nothing where it has to be computed.
type About = Result<Option<Estimate>, Unknown>;

impl View<'_> {
    /// The truth of the comparison at that place, where estimates tell it.
    pub(super) fn estimated(&self, place: usize) -> Option<Outcome> {
        let comparison = self.program.comparisons.get(place)?;
        match self.stands(comparison, place) {
            Ok(holds) => holds.map(Outcome::of),
            Err(cause) => Some(Outcome::Unknown(cause)),
        }
    }

    fn stands(&self, comparison: &Comparison, place: usize) -> Result<Option<bool>, Unknown> {
        let about = |expression: &Expression| self.about(expression, Track::Canary, &comparison.left, place);
        let Some(left) = about(&comparison.left)? else { return Ok(None) };
        Ok(match &comparison.test {
            Test::Is(relation, right) => about(right)?.and_then(|right| left.stands(*relation, right)),
            Test::Between(low, high) => {
                let Some(low) = about(low)? else { return Ok(None) };
                let Some(high) = about(high)? else { return Ok(None) };
                let above_low = left.stands(Relation::AtLeast, low);
                above_low.zip(left.stands(Relation::AtMost, high)).map(|(above, below)| above && below)
            }
        })
    }

    /// Goes through an expression as [`View::sides`] does, and stops where that would.
    fn about(&self, expression: &Expression, track: Track, left_side: &Expression, place: usize) -> About {
        Ok(match expression {
            Expression::Signal(signal) => Estimate::of(self.newest(*signal, track)?.value),
            Expression::Literal(value) => Estimate::of(*value),
            Expression::Window { function, signal, over } => {
                return self.window_about(*function, *signal, track, *over);
            }
            Expression::Correlation { a, b, over } => return self.correlation_about((*a, *b), track, *over),
            Expression::Arithmetic { operator, left, right } => {
                let Some(left) = self.about(left, track, left_side, place)? else { return Ok(None) };
                let Some(right) = self.about(right, track, left_side, place)? else { return Ok(None) };
                left.apply(*operator, right)
            }
            Expression::Baseline => return self.about(left_side, Track::Baseline, left_side, place),
            Expression::PreviousStage => {
                Estimate::of(self.stages.previous(place).ok_or(Unknown::NoPreviousStage)?)
            }
        })
    }

    fn correlation_about(&self, (a, b): (SignalId, SignalId), track: Track, over: TimeSpan) -> About {
        let (Some(left), Some(right)) = (self.slide(a, track, over), self.slide(b, track, over)) else {
            return Ok(None);
        };
        for (slide, signal) in [(left, a), (right, b)] {
            match self.unknown_in(slide, (signal, track), 0) {
                Some(Ok(())) => {}
                Some(Err(cause)) => return Err(cause),
                None => return Ok(None),
            }
        }
        let Some(pairing) = self.windows.pairing(a, b, track, over) else { return Ok(None) };
        match pairing.correlation(self.at) {
            Correlated::About(about) => Ok(Some(about)),
            Correlated::Not => Err(Unknown::DivisionByZero),
            Correlated::Unsure => Ok(None),
        }
    }

    fn window_about(
        &self,
        function: WindowFunction,
        signal: SignalId,
        track: Track,
        over: TimeSpan,
    ) -> About {
        let Some((slide, history)) = self.slide(signal, track, over) else { return Ok(None) };
        match self.unknown_in((slide, history), (signal, track), needed(function)) {
            Some(Ok(())) => Ok(slide.about(function, history)),
            Some(Err(cause)) => Err(cause),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
