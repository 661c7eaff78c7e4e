//! A run on its way: one loop, in which every fact is committed before it counts.

use std::future::Future;
use std::pin::Pin;

use spark_core::planted::{self, Bug};
use spark_core::rollout::{Controller, Due, Ended, Ending, Fact, Freeze, Step, StepId};
use spark_core::{Policy, Sample, TimeSpan, Timestamp};

use super::port::{Clock, Inbox, Observer, SampleSource, Spoken};
use super::{NewRules, Outcome, Ports, RunEnd, all_failed};
use crate::action::{ActionEnd, ActionOutcome, Actions, Measured, Order};
use crate::journal::{Journal, JournalError};

/// The part of the time between two evaluations that a source may take. What has not answered by then is
/// unknown at this instant; the rest is left for deciding and for the next instant to be met.
const SOURCE_SHARE: (u32, u32) = (3, 4);

/// How much longer than its deadline an action is waited for: ending a tree of processes takes a moment.
const GRACE: TimeSpan = TimeSpan::from_seconds(10);

/// How far the wall clock may go from the time since boot before it counts as set. NTP slews by less than a millisecond a second.
const STEP_MIN: TimeSpan = TimeSpan::from_seconds(1);

/// Words that are heard one after the other before what is due is done: who talks without end stops no rollback.
const WORDS_IN_A_ROW: u8 = 4;

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
            ports,
        }
    }

    /// Commits the first fact of this run: nothing was moved before.
    pub(super) async fn begin(&mut self, first: Fact) -> Result<(), JournalError> {
        let line = written(&first)?;
        self.ports.journal.commit(&[line]).await?;
        self.committed();
        if !matches!(first, Fact::Start(_)) {
            self.controller.apply(&first).map_err(|error| JournalError::Broken {
                doing: "take the rollout up again",
                why: error.to_string(),
            })?;
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
            let now = self.ports.clock.now();
            let due = self.controller.due(now);
            // this process may have stood still: more traffic is given by a decision of now, and not of then
            let stale = now >= self.next && matches!(&due, Due::Act { step: Step::SetShare { .. }, .. });
            let wake = match due {
                Due::Finish(ending) => return self.end(ending).await,
                Due::Act { id, attempt, step } if !stale => {
                    self.act(id, attempt, step).await?;
                    continue;
                }
                Due::Probe { expected_bp } => {
                    self.probe(expected_bp).await?;
                    continue;
                }
                Due::Act { .. } => now,
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
            let spoken = tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(RunEnd::Stopped),
                spoken = self.ports.inbox.next() => Some(spoken),
                () = self.ports.clock.sleep_until(wake) => None,
            };
            match spoken {
                Some(spoken) => self.heard(spoken).await?,
                None => self.keep_lease().await?,
            }
        }
    }

    /// What is left of it.
    pub(super) fn leave(self, end: RunEnd) -> Outcome<J> {
        Outcome { end, controller: self.controller, unrecorded: self.unrecorded, journal: self.ports.journal }
    }

    async fn already_said(&mut self) -> Option<Spoken> {
        tokio::select! {
            biased;
            spoken = self.ports.inbox.next() => Some(spoken),
            () = std::future::ready(()) => None,
        }
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
        let mut facts = Vec::with_capacity(samples.len().saturating_add(3));
        facts.extend(self.clock_step(at));
        facts.extend(self.freeze_change(at));
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

    /// Takes stricter rules up; a release that runs is never loosened, and bad rules change nothing but what is said.
    async fn reload(&mut self) -> Result<(), RunEnd> {
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

    fn clock_step(&mut self, at: Timestamp) -> Option<Fact> {
        let ahead = ahead(&self.ports.clock);
        let by_millis = ahead.saturating_sub(self.ahead);
        let by = TimeSpan::from_nanos(by_millis.saturating_abs().saturating_mul(1_000_000));
        if by < STEP_MIN {
            return None;
        }
        self.ahead = ahead;
        Some(Fact::ClockStepped { at, by_millis })
    }

    fn freeze_change(&mut self, at: Timestamp) -> Option<Fact> {
        let freeze = (self.ports.freeze)(at);
        if freeze == self.freeze {
            return None;
        }
        self.freeze.clone_from(&freeze);
        Some(Fact::Frozen { at, freeze })
    }

    /// Carries a step out, once: intent, action, outcome.
    async fn act(&mut self, id: StepId, attempt: u32, step: Step) -> Result<(), RunEnd> {
        let at = self.ports.clock.now();
        let order = self.order(id, &step);
        let back = matches!(step, Step::RollBack { .. });
        let intent = vec![Fact::Intent { at, id, attempt, step }];
        if planted::is(Bug::IntentAfterAction) {
            let _ = self.carry_out(&order, back).await?;
        }
        self.happened(intent).await?;
        if self.unrecorded.is_some() && !back && !planted::is(Bug::UnrecordedAdvance) {
            // it was not recorded, so it is not done
            return Ok(());
        }
        if self.unrecorded.is_some() {
            // what another runner has taken over since is not touched
            self.renew = self.renew.map(|_| self.ports.clock.now());
        }
        // a process that stood still since the commit may have lost its lease
        if !planted::is(Bug::LeaseNotRenewed) {
            self.keep_lease().await?;
        }
        let outcome = self.carry_out(&order, back).await?;
        let at = self.ports.clock.now();
        let end = match outcome.end {
            ActionEnd::Succeeded => Ended::Succeeded,
            ActionEnd::Failed => Ended::Failed,
            ActionEnd::Unknown => Ended::Unknown,
        };
        let output = output(&outcome);
        let ActionOutcome { status, command, .. } = outcome;
        self.happened(vec![Fact::Outcome { at, id, end, status, command, output }]).await
    }

    async fn carry_out(&mut self, order: &Order, back: bool) -> Result<ActionOutcome, RunEnd> {
        let limit = self.ports.clock.now().plus(order.deadline).plus(GRACE);
        let Ports { actions, clock, journal, .. } = &mut self.ports;
        let action = async {
            match back {
                true => actions.roll_back(order).await,
                false => actions.set_share(order).await,
            }
        };
        let mut action = std::pin::pin!(action);
        let limited = async {
            tokio::select! {
                biased;
                outcome = action.as_mut() => outcome,
                () = clock.sleep_until(limit) => ActionOutcome::unknown("it did not end within its deadline"),
            }
        };
        // fenced, the action is dropped with its future: what it did is the next runner's to measure
        leased(limited, clock, journal, &mut self.renew).await
    }

    async fn probe(&mut self, expected_bp: u16) -> Result<(), RunEnd> {
        let stage = self.controller.rollout().stage().unwrap_or(0);
        let id = self.controller.rollout().step_id();
        let mut order = self.order(id, &Step::SetShare { stage, share_bp: expected_bp });
        order.reason = "probe".to_owned();
        let limit = self.ports.clock.now().plus(order.deadline).plus(GRACE);
        let Ports { actions, clock, journal, .. } = &mut self.ports;
        let limited = async {
            tokio::select! {
                biased;
                measured = actions.measure_share(&order) => measured,
                () = clock.sleep_until(limit) => Measured::unknown("the probe did not end within its deadline"),
            }
        };
        let Measured { share_bp, words } = leased(limited, clock, journal, &mut self.renew).await?;
        let at = self.ports.clock.now();
        self.happened(vec![Fact::Probed { at, share_bp, words }]).await
    }

    fn order(&self, id: StepId, step: &Step) -> Order {
        Order {
            release: self.release.clone(),
            key: format!("{}/{id}", self.release),
            fence: match planted::is(Bug::OrderWithoutFence) {
                true => 0,
                false => self.ports.journal.fence(),
            },
            stage: step.stage(),
            share_bp: step.share_bp(),
            reason: match step {
                Step::SetShare { .. } => String::new(),
                Step::RollBack { because, .. } => because.join(", "),
            },
            deadline: self.ports.deadline,
        }
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

    /// Commits facts, then lets them count.
    async fn happened(&mut self, facts: Vec<Fact>) -> Result<(), RunEnd> {
        if !planted::is(Bug::CountsBeforeCommit) {
            self.record(&facts).await?;
        }
        for fact in &facts {
            match self.controller.apply(fact) {
                Ok(()) => self.ports.observer.on(fact, &self.controller),
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
        let committed = match facts.iter().map(written).collect::<Result<Vec<_>, _>>() {
            Ok(lines) => self.ports.journal.commit(&lines).await.map(|_| ()),
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => {
                self.committed();
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

    fn lose_record(&mut self, reason: String) {
        self.committed();
        let fact = Fact::Unrecorded { at: self.ports.clock.now(), reason: reason.clone() };
        self.unrecorded = Some(reason);
        // it happens to every rollout that is not over, and one that is over loses nothing
        let _ = self.controller.apply(&fact);
        self.ports.observer.on(&fact, &self.controller);
    }

    fn committed(&mut self) {
        self.renew = next_renewal(&self.ports.journal, self.ports.clock.now());
    }

    /// Renews the lease where it is time; a runner whose journal is lost asks whether the rollout is still its own.
    async fn keep_lease(&mut self) -> Result<(), RunEnd> {
        let now = self.ports.clock.now();
        if self.renew.is_none_or(|renew| now < renew) {
            return Ok(());
        }
        let renewed = self.ports.journal.renew().await;
        self.committed();
        match renewed {
            Err(error) if error.is_fenced() => Err(RunEnd::Fenced(error.to_string())),
            Err(error) if self.unrecorded.is_none() => {
                self.lose_record(error.to_string());
                Ok(())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Waits for what takes long, and keeps the lease meanwhile: it is lost to whoever thinks that this runner is gone.
async fn leased<T>(
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
        let renewed = journal.renew().await;
        *renew = next_renewal(journal, clock.now());
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

/// How far the wall clock is ahead of the rollout's own time, in milliseconds.
fn ahead(clock: &impl Clock) -> i64 {
    clock.wall().nanos().saturating_sub(clock.now().nanos()).checked_div(1_000_000).unwrap_or_default()
}

fn written(fact: &Fact) -> Result<String, JournalError> {
    serde_json::to_string(fact).map_err(|error| JournalError::NoRecord { place: 1, why: error.to_string() })
}

fn output(outcome: &ActionOutcome) -> String {
    let mut output = outcome.stdout.clone();
    if !output.is_empty() && !outcome.stderr.is_empty() && !output.ends_with('\n') {
        output.push('\n');
    }
    output.push_str(&outcome.stderr);
    if outcome.dropped_bytes > 0 {
        output.push_str(&format!("\n({} bytes more were not kept)", outcome.dropped_bytes));
    }
    output
}

/// A source's samples, within its share of the time between two instants.
async fn measured<S: SampleSource, C: Clock>(
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
