//! What an instant finds beside its decision: samples, changed rules, a freeze, a clock that was set.

use spark_core::rollout::Fact;
use spark_core::{Policy, Sample, TimeSpan, Timestamp};

use super::super::port::{Clock, Inbox, Observer, SampleSource};
use super::super::{NewRules, RunEnd, all_failed};
use super::Drive;
use crate::action::Actions;
use crate::journal::Journal;

/// The part of the time between two evaluations that a source may take. What has not answered by then is
/// unknown at this instant; the rest is left for deciding and for the next instant to be met.
const SOURCE_SHARE: (u32, u32) = (3, 4);

/// How far the wall clock may go from the time since boot before it counts as set. NTP slews by less than a millisecond a second.
const STEP_MIN: TimeSpan = TimeSpan::from_seconds(1);

impl<S, A, J, C, I, O> Drive<S, A, J, C, I, O>
where
    S: SampleSource,
    A: Actions,
    J: Journal,
    C: Clock,
    I: Inbox,
    O: Observer,
{
    /// Takes stricter rules up; a release that runs is never loosened, and bad rules change nothing but what is said.
    pub(super) async fn reload(&mut self) -> Result<(), RunEnd> {
        let Some(loaded) = (self.ports.reload)() else { return Ok(()) };
        let at = self.ports.clock.now();
        let kept = |reason: &str| Fact::Noted {
            at,
            words: format!("the rules were changed, and the release KEEPS those it has: {reason}"),
        };
        let fact = match loaded {
            Err(reason) => kept(&reason),
            Ok(NewRules { rules, policy }) => match self.controller.tightens(&policy) {
                Err(reasons) => kept(&reasons.join("; ")),
                // another layout, other comments: they mean the same
                Ok(changes) if changes.is_empty() => return Ok(()),
                Ok(changes) => Fact::Reloaded { at, changes, rules, policy },
            },
        };
        self.happened(vec![fact.clone()]).await?;
        if let Fact::Reloaded { policy, .. } = &fact {
            self.ports.source.follow(policy);
        }
        Ok(())
    }

    pub(super) fn clock_step(&mut self, at: Timestamp) -> Option<Fact> {
        let ahead = ahead(&self.ports.clock);
        let by_millis = ahead.saturating_sub(self.ahead);
        let by = TimeSpan::from_nanos(by_millis.saturating_abs().saturating_mul(1_000_000));
        if by < STEP_MIN {
            return None;
        }
        self.ahead = ahead;
        Some(Fact::ClockStepped { at, by_millis })
    }

    pub(super) fn freeze_change(&mut self, at: Timestamp) -> Option<Fact> {
        let freeze = (self.ports.freeze)(at);
        // a freeze that another runner recorded may have ended since
        if freeze == self.freeze && freeze.is_some() == self.controller.rollout().is_frozen() {
            return None;
        }
        self.freeze.clone_from(&freeze);
        Some(Fact::Frozen { at, freeze })
    }
}

/// How far the wall clock is ahead of the rollout's own time, in milliseconds.
pub(super) fn ahead(clock: &impl Clock) -> i64 {
    clock.wall().nanos().saturating_sub(clock.now().nanos()).checked_div(1_000_000).unwrap_or_default()
}

/// A source's samples, within its share of the time between two instants.
pub(super) async fn measured<S: SampleSource, C: Clock>(
    source: &mut S,
    clock: &C,
    policy: &Policy,
    at: Timestamp,
) -> Vec<Sample> {
    let (part, whole) = SOURCE_SHARE;
    let limit = policy.every().nanos().saturating_mul(i64::from(part)).checked_div(i64::from(whole));
    let limit = clock.now().plus(TimeSpan::from_nanos(limit.unwrap_or_default()));
    tokio::select! {
        biased;
        samples = source.samples(at) => samples,
        () = clock.sleep_until(limit) => {
            all_failed(policy, at, "the source did not answer before the next instant")
        }
    }
}
