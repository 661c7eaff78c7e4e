//! Steps, carried out and measured.

use spark_core::TimeSpan;
use spark_core::planted::{self, Bug};
use spark_core::rollout::{Ended, Fact, Step, StepId};

use super::super::port::{Clock, Inbox, Observer, SampleSource};
use super::super::{Ports, RunEnd};
use super::Drive;
use super::record::leased;
use crate::action::{ActionEnd, ActionOutcome, Actions, Measured, Order};
use crate::journal::Journal;

/// How much longer than its deadline an action is waited for: ending a tree of processes takes a moment.
const GRACE: TimeSpan = TimeSpan::from_seconds(10);

impl<S, A, J, C, I, O> Drive<S, A, J, C, I, O>
where
    S: SampleSource,
    A: Actions,
    J: Journal,
    C: Clock,
    I: Inbox,
    O: Observer,
{
    /// Carries a step out, once: intent, action, outcome.
    pub(super) async fn act(&mut self, id: StepId, attempt: u32, step: Step) -> Result<(), RunEnd> {
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
        if self.unrecorded.is_some() && !back && !planted::is(Bug::UnrecordedAdvance) {
            // the journal was lost in between: how it ended could not be recorded
            return Ok(());
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

    pub(super) async fn probe(&mut self, expected_bp: u16) -> Result<(), RunEnd> {
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

    pub(super) fn order(&self, id: StepId, step: &Step) -> Order {
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
