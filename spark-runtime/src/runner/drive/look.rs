//! Looks at the systems around the release when a stage ends: begun at once, kept when they are there.

use std::task::Poll;

use spark_core::TimeSpan;
use spark_core::rollout::{Fact, Look, RolloutState};

use super::super::port::{Clock, Inbox, Observer, SampleSource};
use super::super::{Looks, RunEnd};
use super::Drive;
use super::record::leased;
use crate::action::Actions;
use crate::journal::Journal;

/// How long looks are waited for before a rollout's end is recorded; its traffic is where it belongs by then. A look has
/// ten seconds of its own, and a moment to be told.
const LAST_LOOKS_WITHIN: TimeSpan = TimeSpan::from_seconds(12);

impl<S, A, J, C, I, O> Drive<S, A, J, C, I, O>
where
    S: SampleSource,
    A: Actions,
    J: Journal,
    C: Clock,
    I: Inbox,
    O: Observer,
{
    /// A runner that takes over before the next stage was entered looks again: what the one before saw may be lost.
    pub(super) fn look_again(&mut self) {
        self.serving = match self.controller.rollout().state() {
            RolloutState::Waiting { stage, .. } | RolloutState::Entering { stage, .. } => {
                stage.checked_sub(1)
            }
            _ => None,
        };
    }

    /// Begins to look where a stage has just ended, however it did.
    pub(super) fn look_at_what_ended(&mut self) {
        let serves = match self.controller.rollout().state() {
            RolloutState::Stage { stage } => Some(stage),
            _ => None,
        };
        if let Some(ended) = self.serving.filter(|before| serves != Some(*before)) {
            let looks = (self.ports.look)(ended);
            self.looking.push(looks);
        }
        self.serving = serves;
    }

    /// Keeps what was found.
    pub(super) async fn looked(&mut self, looks: Vec<Look>) -> Result<(), RunEnd> {
        let at = self.ports.clock.now();
        let facts: Vec<Fact> = looks.into_iter().map(|look| Fact::Looked { at, look }).collect();
        match facts.is_empty() {
            true => Ok(()),
            false => self.happened(facts).await,
        }
    }

    /// Keeps what comes of the looks that are still on their way, before the end.
    pub(super) async fn finish_looks(&mut self) -> Result<(), RunEnd> {
        let limit = self.ports.clock.now().plus(LAST_LOOKS_WITHIN);
        while !self.looking.is_empty() {
            let clock = &self.ports.clock;
            let next = async {
                tokio::select! {
                    biased;
                    looks = next_of(&mut self.looking) => Some(looks),
                    () = clock.sleep_until(limit) => None,
                }
            };
            match leased(next, clock, &mut self.ports.journal, &mut self.renew).await? {
                Some(looks) => self.looked(looks).await?,
                None => self.looking.clear(),
            }
        }
        Ok(())
    }
}

/// The first looks that are done; for ever, where there are none on their way. Dropping the future loses none.
pub(super) async fn next_of(looking: &mut Vec<Looks>) -> Vec<Look> {
    std::future::poll_fn(|context| {
        for place in 0..looking.len() {
            let Some(looks) = looking.get_mut(place) else { break };
            if let Poll::Ready(found) = looks.as_mut().poll(context) {
                drop(looking.swap_remove(place));
                return Poll::Ready(found);
            }
        }
        Poll::Pending
    })
    .await
}
