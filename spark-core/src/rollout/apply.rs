//! What each fact does to a rollout.

use super::course::Course;
use super::fact::{Ended, Ending, Fact, Step, StepId, Word};
use super::trip::{Trip, Whereabouts};
use super::{Contradiction, Due, Phase, Rollout};
use crate::decision::{Decision, Truth, Verdict};
use crate::planted::{self, Bug};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::Plan;

/// Measurements in a row that are not the stage's share until it is taken for moved: one may have been taken while
/// a load balancer loaded its configuration again.
const DRIFTS_MAX: u8 = 2;

impl Rollout {
    /// Takes a fact in.
    ///
    /// # Errors
    /// It cannot have happened to this rollout; nothing has changed then.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), Contradiction> {
        let resumable = matches!(self.phase, Phase::Over(Ending::Unverified { .. }));
        if self.over && !(resumable && matches!(fact, Fact::Resumed { .. })) {
            return Err(Contradiction::new("something happens after the end"));
        }
        match fact {
            Fact::Start(_) => return Err(Contradiction::new("a second start")),
            Fact::Resumed { at, fence, .. } => self.resumed(*at, *fence)?,
            Fact::Decided { decision } => self.decided(decision)?,
            Fact::Word { at, by, said, .. } => self.heard(*at, by, said)?,
            Fact::Intent { at, id, attempt, step } => self.intended(*at, *id, *attempt, step)?,
            Fact::Outcome { at, id, end, .. } => self.ended(*at, *id, *end)?,
            Fact::Probed { at, share_bp, .. } => self.probed(*at, *share_bp)?,
            Fact::Frozen { at, freeze } => {
                self.frozen = freeze.is_some();
                self.pull_back();
                self.advance(*at);
            }
            Fact::ClockStepped { .. } => {
                // how long the stage has served is no longer known
                if !planted::is(Bug::StepKeepsServed) {
                    self.served = TimeSpan::ZERO;
                }
                self.proceeding_since = None;
            }
            Fact::Unrecorded { at, .. } => self.lose_record(*at),
            Fact::End { ending, .. } => match &self.phase {
                Phase::Over(own) if own == ending => self.over = true,
                _ => return Err(Contradiction::new("an end that nothing led to")),
            },
            // the engine's business, or nobody's
            Fact::Sample(_) | Fact::Reloaded { .. } | Fact::Looked { .. } | Fact::Noted { .. } => {}
        }
        Ok(())
    }

    fn resumed(&mut self, at: Timestamp, fence: u64) -> Result<(), Contradiction> {
        if fence <= self.fence {
            return Err(Contradiction::new(format!(
                "a runner with fence {fence} took over from one with fence {}",
                self.fence
            )));
        }
        self.fence = fence;
        self.over = false;
        self.tried_now = false;
        (self.traffic, self.probed_at, self.drifts) = (None, None, 0);
        if !planted::is(Bug::RestartServes) {
            self.stop_serving();
            // what another runner decided may hold no longer
            self.lets_raise = None;
        }
        match &mut self.phase {
            // the decision that asked for it may be hours old: it takes a new one
            Phase::Moving(stage, trip) if trip.untried() && !planted::is(Bug::RestartServes) => {
                self.phase = Phase::Gate(*stage);
            }
            Phase::Moving(_, trip) => {
                self.adrift |= trip.at == Whereabouts::Acting;
                trip.resumed(at, true);
            }
            Phase::RollingBack(_, _, trip) => trip.resumed(at, false),
            // nobody has measured the traffic since: one more look, and one more decision
            Phase::Over(Ending::Completed) => self.phase = Phase::Watching(at.minus(self.course.watch)),
            Phase::Over(Ending::Unverified { stage, because }) => {
                let (stage, because) = (*stage, because.clone());
                self.roll_back(at, stage, because);
            }
            Phase::Scheduled(_)
            | Phase::Gate(_)
            | Phase::Serving(_)
            | Phase::Watching(_)
            | Phase::Over(_) => {}
        }
        Ok(())
    }

    fn decided(&mut self, decision: &Decision) -> Result<(), Contradiction> {
        let at = decision.at;
        if let Phase::Over(_) = &self.phase {
            return Err(Contradiction::new("a decision after the rollout was over"));
        }
        self.lets_raise = Some(decision.verdict == Verdict::Proceed && is_ready(decision.ready));
        match &self.phase {
            Phase::Over(_) => {}
            Phase::Scheduled(opens) => {
                if at >= *opens {
                    self.phase = Phase::Gate(0);
                    self.open(at, decision.verdict, decision.because.clone());
                }
            }
            Phase::Gate(0) => self.open(at, decision.verdict, decision.because.clone()),
            // it is never abandoned, and asks nobody
            Phase::RollingBack(..) => {}
            Phase::Gate(_) | Phase::Moving(..) | Phase::Serving(_) | Phase::Watching(_) => {
                match decision.verdict {
                    Verdict::Rollback => self.roll_back_here(at, decision.because.clone()),
                    Verdict::Hold if planted::is(Bug::HoldServes) => {}
                    Verdict::Hold => self.stop_serving(),
                    Verdict::Proceed => self.serve(at, decision.ready),
                }
            }
        }
        self.pull_back();
        Ok(())
    }

    /// Adds the time since the decision before, where both were to proceed and nothing was in the way.
    fn serve(&mut self, at: Timestamp, ready: Truth) {
        if self.held || self.traffic != Some(self.expected_bp()) || matches!(self.phase, Phase::Moving(..)) {
            return self.stop_serving();
        }
        if let Some(before) = self.proceeding_since
            && (at.since(before) <= self.reach || planted::is(Bug::PauseServes))
        {
            self.served = self.served.plus(at.since(before.max(self.serves_from)));
        }
        self.proceeding_since = Some(at);
        self.ready = is_ready(ready);
        self.advance(at);
    }

    fn stop_serving(&mut self) {
        self.proceeding_since = None;
        self.ready = false;
    }

    /// Enters the first stage. A canary without traffic gives no evidence, so proceed is not asked for; but nothing begins
    /// against a decision to roll back, and what was tried before may have moved traffic.
    fn open(&mut self, at: Timestamp, verdict: Verdict, because: Vec<String>) {
        match verdict {
            Verdict::Rollback if self.tried => self.roll_back_here(at, because),
            Verdict::Rollback => {}
            Verdict::Hold | Verdict::Proceed if self.is_in_the_way() || self.lacks_approval(0) => {}
            Verdict::Hold | Verdict::Proceed => self.move_to(at, 0),
        }
    }

    fn is_in_the_way(&self) -> bool {
        let held = self.held && !planted::is(Bug::AdvanceWhileHeld);
        let frozen = self.frozen && !planted::is(Bug::AdvanceWhileFrozen);
        held || frozen || (self.unrecorded && !planted::is(Bug::UnrecordedAdvance))
    }

    /// Goes on where all that is asked for is there; else stays. The first stage is entered by a decision alone.
    fn advance(&mut self, at: Timestamp) {
        if self.is_in_the_way() || matches!(self.phase, Phase::Gate(0)) {
            return;
        }
        // a decision from before a pause of the process, or of its host, is none on what is now
        let fresh = self
            .proceeding_since
            .is_some_and(|since| at.since(since) <= self.reach || planted::is(Bug::PauseServes));
        let good = fresh && self.ready && self.traffic == Some(self.expected_bp());
        let careless = self.promoted && planted::is(Bug::PromoteWithoutEvidence);
        if !good && !careless {
            return;
        }
        match self.phase {
            Phase::Serving(stage) => {
                let served = self.course.leg(stage).is_none_or(|leg| {
                    self.served >= leg.duration
                        && !(planted::is(Bug::DwellAbove) && self.served == leg.duration)
                });
                if !served && !self.promoted {
                    return;
                }
                match self.course.leg(stage.saturating_add(1)) {
                    Some(_) => {
                        self.phase = Phase::Gate(stage.saturating_add(1));
                        self.advance(at);
                    }
                    None if self.course.watch.is_zero() => self.phase = Phase::Over(Ending::Completed),
                    None => self.phase = Phase::Watching(at),
                }
            }
            Phase::Gate(stage) if !self.lacks_approval(stage) => self.move_to(at, stage),
            Phase::Watching(since) if at.since(since) >= self.course.watch => {
                self.phase = Phase::Over(Ending::Completed);
            }
            _ => {}
        }
    }

    fn move_to(&mut self, at: Timestamp, stage: u32) {
        match self.course.leg(stage) {
            Some(_) => self.phase = Phase::Moving(stage, Trip::begin(self.next_id(), at)),
            // a plan without stages
            None => self.phase = Phase::Over(Ending::Completed),
        }
    }

    fn next_id(&mut self) -> StepId {
        self.steps = self.steps.saturating_add(1);
        self.tried_now = false;
        StepId { epoch: self.fence, number: self.steps }
    }

    /// Whether an attempt to enter a stage may be made.
    fn may_raise(&self, stage: u32) -> bool {
        let decided = match stage {
            0 => self.lets_raise.is_some(),
            _ => self.lets_raise == Some(true) || (self.promoted && planted::is(Bug::PromoteWithoutEvidence)),
        };
        decided && !self.is_in_the_way()
    }

    /// An attempt that was not begun is not begun while something is in the way: the traffic is where the stage before left it.
    fn pull_back(&mut self) {
        if let Phase::Moving(stage, trip) = self.phase
            && matches!(trip.at, Whereabouts::Due(_))
            && !self.may_raise(stage)
        {
            self.phase = Phase::Gate(stage);
            self.stop_serving();
        }
    }

    fn roll_back_here(&mut self, at: Timestamp, because: Vec<String>) {
        let stage = self.stage().unwrap_or(0);
        self.roll_back(at, stage, because);
    }

    fn roll_back(&mut self, at: Timestamp, stage: u32, because: Vec<String>) {
        let id = self.next_id();
        self.stop_serving();
        self.phase = Phase::RollingBack(stage, because, Trip::begin(id, at));
    }

    fn intended(
        &mut self,
        at: Timestamp,
        id: StepId,
        attempt: u32,
        step: &Step,
    ) -> Result<(), Contradiction> {
        let due = self.due(at);
        let own = Due::Act { id, attempt, step: step.clone() };
        if due != own {
            return Err(Contradiction::new(format!("attempt {attempt} at step {id} is not what is due")));
        }
        if let Phase::Moving(_, trip) | Phase::RollingBack(_, _, trip) = &mut self.phase {
            trip.at = Whereabouts::Acting;
            (self.tried, self.tried_now) = (true, true);
        }
        Ok(())
    }

    fn ended(&mut self, at: Timestamp, id: StepId, end: Ended) -> Result<(), Contradiction> {
        match &mut self.phase {
            Phase::Moving(_, trip) | Phase::RollingBack(_, _, trip)
                if trip.id == id && trip.at == Whereabouts::Acting =>
            {
                trip.at = Whereabouts::Verify(at, end);
                let raises = matches!(self.phase, Phase::Moving(..));
                match end {
                    // what got through is newer than all that may be on its way, and the older is refused
                    Ended::Succeeded => self.adrift = false,
                    Ended::Unknown => self.adrift |= raises,
                    Ended::Failed => {}
                }
                self.believe(at, end);
                Ok(())
            }
            _ => Err(Contradiction::new(format!("an outcome of step {id}, which was not begun"))),
        }
    }

    fn probed(&mut self, at: Timestamp, share_bp: Option<u16>) -> Result<(), Contradiction> {
        let Due::Probe { expected_bp } = self.due(at) else {
            return Err(Contradiction::new("a measurement of the traffic that was not due"));
        };
        self.traffic = share_bp;
        self.probed_at = Some(at);
        let seen =
            share_bp == Some(expected_bp) || (planted::is(Bug::BlindProbeAgrees) && share_bp.is_none());
        match &mut self.phase {
            Phase::Moving(stage, _) if seen => {
                let stage = *stage;
                self.enter(at, stage);
            }
            Phase::Moving(_, trip) if at.since(trip.since) >= self.pace.verify_within => {
                let because = vec![not_seen(expected_bp, share_bp)];
                self.roll_back_here(at, because);
            }
            Phase::Moving(_, trip) => {
                // where nobody knows where the traffic is, giving more of it is no way to find out
                let from = at.plus(self.pace.retry_after);
                match (share_bp, trip.at) {
                    (Some(_), _) => trip.again(from),
                    (None, Whereabouts::Verify(_, end)) => trip.at = Whereabouts::Verify(from, end),
                    (None, _) => {}
                }
                self.pull_back();
            }
            Phase::RollingBack(stage, because, _) if seen && !self.adrift => {
                let ending = Ending::RolledBack { stage: *stage, because: because.clone() };
                self.phase = Phase::Over(ending);
            }
            Phase::RollingBack(stage, because, trip)
                if (at.since(trip.since) >= self.pace.rollback_within && self.tried_now)
                    || planted::is(Bug::RollbackGivenUp) =>
            {
                let (stage, because) = (*stage, because.clone());
                let ending = match planted::is(Bug::UnverifiedCalledDone) {
                    true => Ending::RolledBack { stage, because },
                    false => Ending::Unverified { stage, because },
                };
                self.phase = Phase::Over(ending);
            }
            Phase::RollingBack(_, _, trip) => {
                let from = at.plus(self.pace.retry_after);
                match (share_bp, trip.at) {
                    (None, Whereabouts::Verify(_, Ended::Succeeded)) if self.tried_now => {
                        trip.at = Whereabouts::Verify(from, Ended::Succeeded);
                    }
                    _ => trip.again(from),
                }
            }
            Phase::Gate(_) | Phase::Serving(_) | Phase::Watching(_) => self.looked(at, expected_bp, share_bp),
            Phase::Scheduled(_) | Phase::Over(_) => {}
        }
        Ok(())
    }

    /// What an action says of itself is no proof: nothing follows from it, but for a planted mistake.
    fn believe(&mut self, at: Timestamp, end: Ended) {
        if end != Ended::Succeeded {
            return;
        }
        match &self.phase {
            Phase::Moving(stage, _) if planted::is(Bug::ExitCodeBelieved) => {
                let stage = *stage;
                self.traffic = Some(self.expected_bp());
                self.probed_at = Some(at);
                self.enter(at, stage);
            }
            Phase::RollingBack(stage, because, _) if planted::is(Bug::RollbackByExitCode) => {
                let ending = Ending::RolledBack { stage: *stage, because: because.clone() };
                self.phase = Phase::Over(ending);
            }
            _ => {}
        }
    }

    /// The stage's share was seen.
    fn enter(&mut self, at: Timestamp, stage: u32) {
        self.phase = Phase::Serving(stage);
        self.served = TimeSpan::ZERO;
        self.serves_from = match planted::is(Bug::WarmupServes) {
            true => at,
            false => at.plus(self.course.warmup),
        };
        self.promoted = false;
        self.drifts = 0;
        self.stop_serving();
        if self.course.leg(stage).is_some_and(|leg| leg.approval) && !planted::is(Bug::ApprovalKept) {
            self.approved = false;
        }
    }

    /// The traffic was measured while a stage serves.
    fn looked(&mut self, at: Timestamp, expected_bp: u16, share_bp: Option<u16>) {
        if share_bp == Some(expected_bp) {
            self.drifts = 0;
            return;
        }
        self.stop_serving();
        if share_bp.is_some() && !planted::is(Bug::DriftIgnored) {
            self.drifts = self.drifts.saturating_add(1);
        }
        if self.drifts >= DRIFTS_MAX {
            self.roll_back_here(at, vec![not_seen(expected_bp, share_bp)]);
        }
    }

    fn heard(&mut self, at: Timestamp, by: &str, said: &Word) -> Result<(), Contradiction> {
        self.accepts(said).map_err(|refusal| Contradiction::new(refusal.to_string()))?;
        match said {
            Word::Hold => {
                self.held = true;
                self.stop_serving();
                self.pull_back();
            }
            Word::Resume => self.held = false,
            Word::Approve => self.approved = true,
            Word::Promote => self.promoted = true,
            // the engine's business
            Word::Override { .. } => {}
            Word::Rollback { reason, .. } => self.roll_back_here(at, vec![format!("{by}: {reason}")]),
            Word::Abort => {
                self.phase = Phase::Over(Ending::Aborted { by: by.to_owned(), share_bp: self.traffic });
            }
        }
        self.advance(at);
        Ok(())
    }

    /// Goes on by a stricter plan. Where the stage's share became smaller, the traffic is moved there.
    pub(super) fn follow(&mut self, plan: &Plan, reach: TimeSpan, at: Timestamp) {
        let before = self.expected_bp();
        self.course = Course::of(plan);
        self.reach = self.reach.min(reach);
        if let (Phase::Serving(_) | Phase::Gate(_) | Phase::Watching(_), Some(stage)) =
            (&self.phase, self.stage())
            && self.expected_bp() != before
        {
            self.stop_serving();
            self.move_to(at, stage);
        }
    }

    /// The journal is lost: nothing advances any more. Where a step had begun, nobody could prove where the traffic is.
    fn lose_record(&mut self, at: Timestamp) {
        self.unrecorded = true;
        self.pull_back();
        if matches!(self.phase, Phase::Moving(..)) {
            self.roll_back_here(at, vec!["the journal cannot be written".to_owned()]);
        }
    }
}

fn is_ready(ready: Truth) -> bool {
    ready == Truth::True || (planted::is(Bug::UnknownReady) && ready == Truth::Unknown)
}

/// A share in percent, as people write it.
fn percent(share_bp: u16) -> String {
    format!("{}%", rust_decimal::Decimal::new(i64::from(share_bp), 2).normalize())
}

fn not_seen(expected_bp: u16, share_bp: Option<u16>) -> String {
    let seen = share_bp.map_or_else(|| "not known".to_owned(), percent);
    format!("the canary's traffic is {seen} where it should be {}", percent(expected_bp))
}
