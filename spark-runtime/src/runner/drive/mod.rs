//! A run on its way: one loop, in which every fact is committed before it counts.

mod around;
mod look;
mod record;
mod step;

use std::future::Future;
use std::pin::Pin;

use spark_core::planted::{self, Bug};
use spark_core::rollout::{Controller, Due, Ending, Fact, Freeze, Look, Step};
use spark_core::{Sample, TimeSpan, Timestamp};

use self::around::{ahead, measured};
use self::look::next_of;
use self::record::{leased, written};
use super::lost::Lost;
use super::port::{Clock, Inbox, Observer, SampleSource, Spoken};
use super::{Looks, Outcome, Ports, RunEnd};
use crate::action::Actions;
use crate::journal::{Journal, JournalError};

/// Words that are heard one after the other before what is due is done: who talks without end stops no rollback.
const WORDS_IN_A_ROW: u8 = 4;

/// Why a wait ended.
enum Woken {
    Spoken(Spoken),
    Looked(Vec<Look>),
    Due,
}

/// A run on its way.
pub(super) struct Drive<S, A, J, C, I, O> {
    release: String,
    controller: Controller,
    ports: Ports<S, A, J, C, I, O>,
    /// The next instant at which is decided.
    next: Timestamp,
    /// When the lease has to be renewed, where there is one.
    renew: Option<Timestamp>,
    /// The freeze as it was told last.
    freeze: Option<Freeze>,
    /// How far the wall clock is ahead, in milliseconds.
    ahead: i64,
    unrecorded: Option<String>,
    lost: Lost,
    /// The stage that serves.
    serving: Option<u32>,
    /// Looks at stages that ended, on their way.
    looking: Vec<Looks>,
}

impl<S, A, J, C, I, O> Drive<S, A, J, C, I, O>
where
    S: SampleSource,
    A: Actions,
    J: Journal,
    C: Clock,
    I: Inbox,
    O: Observer,
{
    pub(super) fn new(release: String, controller: Controller, ports: Ports<S, A, J, C, I, O>) -> Self {
        let ahead = ahead(&ports.clock);
        Self {
            release,
            controller,
            next: Timestamp::EPOCH,
            renew: None,
            freeze: None,
            ahead,
            unrecorded: None,
            lost: Lost::default(),
            serving: None,
            looking: Vec::new(),
            ports,
        }
    }

    /// Commits the first fact of this run: nothing was moved before.
    pub(super) async fn begin(&mut self, first: Fact) -> Result<(), JournalError> {
        let line = written(&first)?;
        let asked = self.ports.clock.now();
        self.ports.journal.commit(&[line]).await?;
        self.committed(asked);
        if !matches!(first, Fact::Start(_)) {
            self.controller.apply(&first).map_err(|error| JournalError::Broken {
                doing: "take the rollout up again",
                why: error.to_string(),
            })?;
            self.look_again();
        }
        self.ports.observer.on(&first, &self.controller);
        let now = self.ports.clock.now();
        // an instant that was decided is not decided again
        let after = self.controller.last().map_or(now, |last| now.max(last.plus(TimeSpan::from_nanos(1))));
        self.next = after.next_multiple(self.every());
        Ok(())
    }

    /// Ends what earlier runners left, now that this one alone has the rollout, and before anything is measured.
    pub(super) async fn take_over(&mut self, rollout: &str) -> Result<(), RunEnd> {
        let fence = self.ports.journal.fence();
        let ended = self.ports.actions.take_over(rollout, fence).await;
        let at = self.ports.clock.now();
        let facts: Vec<Fact> = ended.into_iter().map(|words| Fact::Noted { at, words }).collect();
        match facts.is_empty() {
            true => Ok(()),
            false => self.happened(facts).await,
        }
    }

    pub(super) async fn walk(
        &mut self,
        mut stop: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<RunEnd, RunEnd> {
        let mut in_a_row = 0_u8;
        loop {
            // a word that is there already is heard before anything is moved
            if in_a_row < WORDS_IN_A_ROW
                && let Some(spoken) = self.already_said().await
            {
                in_a_row = in_a_row.saturating_add(1);
                self.heard(spoken).await?;
                continue;
            }
            in_a_row = 0;
            self.look_at_what_ended();
            let now = self.ports.clock.now();
            let due = self.controller.due(now);
            // this process may have stood still: more traffic is given by a decision of now, and not of then
            let stale = self.is_late(now) && matches!(&due, Due::Act { step: Step::SetShare { .. }, .. });
            let wake = match due {
                Due::Finish(ending) => {
                    self.finish_looks().await?;
                    return self.end(ending).await;
                }
                Due::Act { id, attempt, step } if !stale => {
                    self.act(id, attempt, step).await?;
                    continue;
                }
                Due::Probe { expected_bp } => {
                    self.probe(expected_bp).await?;
                    continue;
                }
                Due::Act { .. } => self.next,
                Due::Wait(until) => until.unwrap_or(self.next),
            };
            if self.ports.clock.now() >= self.next {
                self.reload().await?;
                // the instants that were slept through are over: what is measured now is not of them
                self.next = self.next.max(self.ports.clock.now().last_multiple(self.every()));
                let Ports { source, clock, journal, .. } = &mut self.ports;
                let samples = measured(source, clock, self.controller.engine().policy(), self.next);
                tokio::select! {
                    biased;
                    () = stop.as_mut() => return Ok(RunEnd::Stopped),
                    samples = leased(samples, clock, journal, &mut self.renew) => self.decide(samples?).await?,
                }
                continue;
            }
            let wake = wake.min(self.next).min(self.renew.unwrap_or(self.next));
            let woken = tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(RunEnd::Stopped),
                spoken = self.ports.inbox.next() => Woken::Spoken(spoken),
                looks = next_of(&mut self.looking), if !self.looking.is_empty() => Woken::Looked(looks),
                () = self.ports.clock.sleep_until(wake) => Woken::Due,
            };
            match woken {
                Woken::Spoken(spoken) => self.heard(spoken).await?,
                Woken::Looked(looks) => self.looked(looks).await?,
                Woken::Due => self.keep_lease().await?,
            }
        }
    }

    /// What is left of it.
    pub(super) fn leave(self, end: RunEnd) -> Outcome<J> {
        let Self { controller, unrecorded, lost, ports, .. } = self;
        Outcome { end, controller, unrecorded, lost, journal: ports.journal }
    }

    async fn already_said(&mut self) -> Option<Spoken> {
        tokio::select! {
            biased;
            spoken = self.ports.inbox.next() => Some(spoken),
            () = std::future::ready(()) => None,
        }
    }

    /// Whether the last decision is too old to raise the share on.
    fn is_late(&self, now: Timestamp) -> bool {
        let reach = self.controller.engine().policy().reach();
        now >= self.next || self.controller.last().is_none_or(|last| now.since(last) > reach)
    }

    fn every(&self) -> TimeSpan {
        self.controller.engine().policy().every()
    }

    /// Takes an instant's samples in and decides.
    async fn decide(&mut self, samples: Vec<Sample>) -> Result<(), RunEnd> {
        let at = match planted::is(Bug::WallClock) {
            true => self.ports.clock.wall().last_multiple(self.every()),
            false => self.next,
        };
        let turned: Vec<Fact> = self.clock_step(at).into_iter().chain(self.freeze_change(at)).collect();
        if !turned.is_empty() {
            self.happened(turned).await?;
            // a freeze that ended may have been the last that was in the way: what is over is not decided on
            if matches!(self.controller.due(at), Due::Finish(_)) {
                return Ok(());
            }
        }
        let mut facts = Vec::with_capacity(samples.len().saturating_add(1));
        for sample in samples {
            // whether it was kept is derived again from the journal
            let _ = self.controller.observe(&sample);
            facts.push(Fact::Sample(sample));
        }
        facts.push(Fact::Decided { decision: self.controller.evaluate(at) });
        self.happened(facts).await?;
        // an instant that was missed is not made up for: its samples were never measured
        self.next = at.plus(self.every()).max(self.ports.clock.now().next_multiple(self.every()));
        Ok(())
    }

    async fn heard(&mut self, spoken: Spoken) -> Result<(), RunEnd> {
        let at = self.ports.clock.now();
        if let Err(refusal) = self.controller.accepts(&spoken.word, at) {
            let words = format!("{} said {}: refused, {refusal}", spoken.by, spoken.word.as_str());
            self.happened(vec![Fact::Noted { at, words }]).await?;
            self.ports.inbox.answer(&spoken, Err(refusal.to_string())).await;
            return Ok(());
        }
        let (by, because) = (spoken.by.clone(), spoken.because.clone());
        self.happened(vec![Fact::Word { at, by, because, said: spoken.word.clone() }]).await?;
        let answer = match &self.unrecorded {
            None => format!("{} is recorded", spoken.word.as_str()),
            Some(reason) => format!("{} is taken, and NOT recorded: {reason}", spoken.word.as_str()),
        };
        self.ports.inbox.answer(&spoken, Ok(answer)).await;
        Ok(())
    }

    async fn end(&mut self, ending: Ending) -> Result<RunEnd, RunEnd> {
        let at = self.ports.clock.now();
        self.happened(vec![Fact::End { at, ending: ending.clone() }]).await?;
        Ok(RunEnd::Ended(ending))
    }
}
