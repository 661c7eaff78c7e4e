//! Passing over instants: a replay that knows which samples are to come evaluates where something can change, and nowhere
//! else.

use rust_decimal::Decimal;

use super::Engine;
use crate::signal::{SignalId, Track};
use crate::time::{TimeSpan, Timestamp};

impl Engine {
    /// Until when evaluations that are `every` apart change nothing by themselves: not before that time does a clock come
    /// to its end. Samples may change something earlier, and so does the time at which the newest is no longer
    /// believed; the caller looks out for both. `None` where each evaluation may.
    pub fn quiet_until(&self, every: TimeSpan) -> Option<Timestamp> {
        let alone = self.program.readers.timed.is_empty() && !self.state.stages.in_stage();
        let reach = self.made.flat.reach(&self.program.bits);
        self.agenda.quiet_until(every, reach).filter(|_| alone)
    }

    /// Between which values, ends included, the samples of a series change nothing, as long as the newest is believed;
    /// `None` where each may. It is as of the last evaluation.
    pub fn quiet_between(
        &self,
        signal: SignalId,
        track: Track,
    ) -> Option<(Option<Decimal>, Option<Decimal>)> {
        match self.program.readers.series(signal, track) {
            Some(place) => self.watch.between(place),
            None => Some((None, None)),
        }
    }

    /// Goes on to an instant as by evaluations that are `every` apart, the last of them at `to`, in which nothing changes. So it
    /// is where `to` is before [`Engine::quiet_until`], and no sample between the last evaluation and `to` is outside of
    /// [`Engine::quiet_between`] or leaves its series without one that is believed.
    pub fn pass_over(&mut self, to: Timestamp) {
        // clocks that run add up by themselves until their part is visited
        if self.latest.at.is_some_and(|last| last < to) {
            self.latest.at = Some(to);
            self.forget_changes();
        }
    }
}
