//! What is committed before it counts, and the lease under which it is.

use std::future::Future;

use spark_core::planted::{self, Bug};
use spark_core::rollout::Fact;
use spark_core::{TimeSpan, Timestamp};

use super::super::RunEnd;
use super::super::port::{Clock, Inbox, Observer, SampleSource};
use super::Drive;
use crate::action::Actions;
use crate::audit;
use crate::journal::{Journal, JournalError};

/// Renewals in a row that come too late to count before the journal counts as lost. A few may fall into pauses of a machine that is
/// moved or overloaded; ten are a lease that is too short for its database.
const RENEWALS_MAX: u32 = 10;

impl<S, A, J, C, I, O> Drive<S, A, J, C, I, O>
where
    S: SampleSource,
    A: Actions,
    J: Journal,
    C: Clock,
    I: Inbox,
    O: Observer,
{
    /// Commits facts, then lets them count.
    pub(super) async fn happened(&mut self, facts: Vec<Fact>) -> Result<(), RunEnd> {
        if !planted::is(Bug::CountsBeforeCommit) {
            self.record(&facts).await?;
        }
        for fact in &facts {
            match self.controller.apply(fact) {
                Ok(()) => {
                    if self.unrecorded.is_some() {
                        self.lost.take(fact);
                    }
                    self.ports.observer.on(fact, &self.controller);
                }
                // what was due when it happened is no longer: the journal was lost in between
                Err(_) if self.unrecorded.is_some() => {}
                Err(error) => return Err(RunEnd::Halted(error.to_string())),
            }
        }
        if planted::is(Bug::CountsBeforeCommit) {
            self.record(&facts).await?;
        }
        Ok(())
    }

    async fn record(&mut self, facts: &[Fact]) -> Result<(), RunEnd> {
        if self.unrecorded.is_some() {
            return Ok(());
        }
        let asked = self.ports.clock.now();
        let committed = match facts.iter().map(written).collect::<Result<Vec<_>, _>>() {
            Ok(lines) => self.ports.journal.commit(&lines).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => {
                self.committed(asked);
                Ok(())
            }
            Err(error) if error.is_fenced() && !planted::is(Bug::FencedGoesOn) => {
                Err(RunEnd::Fenced(error.to_string()))
            }
            Err(error) => {
                self.lose_record(error.to_string());
                Ok(())
            }
        }
    }

    pub(super) fn lose_record(&mut self, reason: String) {
        self.committed(self.ports.clock.now());
        let fact = Fact::Unrecorded { at: self.ports.clock.now(), reason: reason.clone() };
        self.unrecorded = Some(reason);
        // it happens to every rollout that is not over, and one that is over loses nothing
        let _ = self.controller.apply(&fact);
        self.ports.observer.on(&fact, &self.controller);
    }

    /// The lease runs from when it was asked for: how long the answer was on its way is not known.
    pub(super) fn committed(&mut self, asked: Timestamp) {
        self.renew = next_renewal(&self.ports.journal, asked);
    }

    /// Renews the lease where it is time; a runner whose journal is lost asks whether the rollout is still its own.
    pub(super) async fn keep_lease(&mut self) -> Result<(), RunEnd> {
        for _ in 0..RENEWALS_MAX {
            let now = self.ports.clock.now();
            if self.renew.is_none_or(|renew| now < renew) {
                return Ok(());
            }
            let renewed = self.ports.journal.renew().await;
            self.committed(now);
            match renewed {
                // the answer may have come long after it was given: look at the clock again
                Ok(()) => {}
                Err(error) if error.is_fenced() => return Err(RunEnd::Fenced(error.to_string())),
                Err(error) => {
                    if self.unrecorded.is_none() {
                        self.lose_record(error.to_string());
                    }
                    return Ok(());
                }
            }
        }
        if self.unrecorded.is_none() {
            self.lose_record("its lease is renewed more slowly than it runs out".to_owned());
        }
        Ok(())
    }
}

/// Waits for what takes long, and keeps the lease meanwhile: it is lost to whoever thinks that this runner is gone.
pub(super) async fn leased<T>(
    work: impl Future<Output = T>,
    clock: &impl Clock,
    journal: &mut impl Journal,
    renew: &mut Option<Timestamp>,
) -> Result<T, RunEnd> {
    let mut work = std::pin::pin!(work);
    loop {
        let Some(at) = *renew else { return Ok(work.await) };
        tokio::select! {
            biased;
            done = work.as_mut() => return Ok(done),
            () = clock.sleep_until(at) => {}
        }
        let asked = clock.now();
        let renewed = journal.renew().await;
        *renew = next_renewal(journal, asked);
        if let Err(error) = renewed
            && error.is_fenced()
        {
            return Err(RunEnd::Fenced(error.to_string()));
        }
    }
}

/// When a lease has to be renewed: after a third of it, so that two renewals may be lost.
fn next_renewal(journal: &impl Journal, now: Timestamp) -> Option<Timestamp> {
    let third = journal.lease()?.as_nanos().checked_div(3)?;
    Some(now.plus(TimeSpan::from_nanos(i64::try_from(third).unwrap_or(i64::MAX))))
}

pub(super) fn written(fact: &Fact) -> Result<String, JournalError> {
    audit::written(fact).map_err(|error| JournalError::NoRecord { place: 1, why: error.to_string() })
}
