//! A run on its way: one loop, in which every fact is recorded before it counts.

use std::future::Future;
use std::sync::Arc;

use spark_core::{Decision, Engine, Plan, Policy, Rollout, Sample, Step, TimeSpan, Timestamp};

use super::event::{Ending, Observer, RunEvent};
use super::{Clock, Outcome, Release, RunError, SampleSource, all_failed};
use crate::action::{ActionOutcome, Actions, Order, percent};
use crate::audit::{Fact, JOURNAL_NAME, Journal, Start};
use crate::evidence::{EvidenceError, EvidenceFolder, SignalSummary, StageSummary};
use crate::replay::{Event, Events};

/// The part of the time between two evaluations that a source may take. What has not answered by then is
/// unknown at this instant; the rest is left for deciding and for the next instant to be met.
const SOURCE_SHARE: (u32, u32) = (3, 4);

/// The longest that a step may take: a rollback has five minutes end to end.
const STEP_MAX: TimeSpan = TimeSpan::from_seconds(300);

/// The journal, and whether it still takes facts.
struct Record {
    journal: Journal,
    broken: Option<String>,
    /// Whether the observer knows.
    told: bool,
}

impl Record {
    fn append(&mut self, fact: &Fact) {
        if self.broken.is_none() {
            self.broken = self.journal.append(fact).err().map(|error| error.to_string());
        }
    }

    fn sync(&mut self) {
        if self.broken.is_none() {
            self.broken = self.journal.sync().err().map(|error| error.to_string());
        }
    }
}

/// A run on its way.
pub(super) struct Walk<S, A, C, O> {
    release: Release,
    plan: Plan,
    source: S,
    actions: A,
    clock: C,
    observer: O,
    record: Record,
    engine: Engine,
    rollout: Rollout,
    /// What it was before the last decision: a stage that cannot be recorded is not entered.
    before: Option<Rollout>,
    evidence: EvidenceFolder,
    stages: Vec<StageSummary>,
    acts: u32,
    changes: Events,
    events: Vec<Event>,
    decision: Option<Decision>,
}

impl<S: SampleSource, A: Actions, C: Clock, O: Observer> Walk<S, A, C, O> {
    /// A run that has not begun, with its first step: the evidence folder is there, and nothing was moved.
    pub(super) fn new(
        release: Release,
        source: S,
        actions: A,
        clock: C,
        observer: O,
    ) -> Result<(Self, Step), RunError> {
        let Some(plan) = release.policy.plan(&release.plan).cloned() else {
            return Err(RunError::UnknownPlan(release.plan));
        };
        let evidence = EvidenceFolder::create(&release.evidence, &release.id)?;
        evidence.write_rules(&release.rules)?;
        let journal = Journal::create(&evidence.path().join(JOURNAL_NAME)).map_err(RunError::Journal)?;
        let (rollout, first) = Rollout::start(&plan, release.policy.reach());
        let engine = Engine::with_plan(Arc::clone(&release.policy), &release.plan);
        let walk = Self {
            release,
            plan,
            source,
            actions,
            clock,
            observer,
            record: Record { journal, broken: None, told: false },
            engine,
            rollout,
            before: None,
            evidence,
            stages: Vec::new(),
            acts: 0,
            changes: Events::default(),
            events: Vec::new(),
            decision: None,
        };
        Ok((walk, first))
    }

    pub(super) async fn walk(
        &mut self,
        first: Step,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Ending, RunError> {
        let mut stop = std::pin::pin!(stop);
        let at = self.clock.now();
        self.record.journal.append(&Fact::Start(self.start(at))).map_err(RunError::Journal)?;
        self.record.journal.sync().map_err(RunError::Journal)?;
        self.observer.on(&RunEvent::Started { at, plan: &self.plan });
        if let Some(ending) = self.carry_out(first).await {
            return Ok(ending);
        }
        let every = self.release.policy.every();
        let mut at = self.clock.now().next_multiple(every);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return Ok(Ending::Stopped),
                // a clock that was set back would leave the canary unwatched: two intervals are waited for, no more
                _ = tokio::time::timeout(every.times(2).to_std(), self.clock.sleep_until(at)) => {}
            }
            let samples = tokio::select! {
                biased;
                () = &mut stop => return Ok(Ending::Stopped),
                samples = measure(&mut self.source, &self.release.policy, at) => samples,
            };
            if let Some(step) = self.decide(at, &samples)
                && let Some(ending) = self.carry_out(step).await
            {
                return Ok(ending);
            }
            // an instant that was missed is not made up for: its samples were never measured
            at = at.plus(every).max(self.clock.now().next_multiple(every));
        }
    }

    fn start(&self, at: Timestamp) -> Start {
        Start {
            release: self.release.id.as_str().to_owned(),
            at,
            plan: self.release.plan.clone(),
            rules: self.release.rules.clone(),
            policy: Arc::clone(&self.release.policy),
        }
    }

    /// Takes an instant's samples in, decides, and says what is to be carried out.
    fn decide(&mut self, at: Timestamp, samples: &[Sample]) -> Option<Step> {
        for sample in samples {
            self.record.append(&Fact::Sample(sample.clone()));
            // whether it was kept is derived again from the journal
            let _ = self.engine.observe(sample);
        }
        let decision = self.engine.evaluate(at);
        self.record.append(&Fact::Evaluate { decision: decision.clone() });
        self.events.extend(self.changes.of(&decision));
        self.summarize(&decision);
        if let (Some(reason), false) = (&self.record.broken, self.record.told) {
            self.observer.on(&RunEvent::Unrecorded { reason });
            self.record.told = true;
        }
        let mut next = self.rollout.clone();
        let step = next.apply(&self.plan, &decision);
        let step = match (&self.record.broken, step) {
            // refused, not put off: the rollout stays where it is, and asks again at the next instant
            (Some(_), Some(Step::EnterStage { .. })) => None,
            (_, step) => {
                self.before = Some(std::mem::replace(&mut self.rollout, next));
                step
            }
        };
        let (engine, rollout) = (&self.engine, &self.rollout);
        self.observer.on(&RunEvent::Decided { decision: &decision, engine, rollout });
        self.decision = Some(decision);
        step
    }

    fn summarize(&mut self, decision: &Decision) {
        let Some(summary) = self.stages.last_mut() else { return };
        summary.evaluations = summary.evaluations.saturating_add(1);
        if decision.verdict == spark_core::Verdict::Hold {
            summary.held = summary.held.saturating_add(1);
        }
        summary.signals = self.engine.expectation_reports().iter().map(SignalSummary::of).collect();
    }

    /// Carries a step out; gives how the run ended, where it did.
    async fn carry_out(&mut self, step: Step) -> Option<Ending> {
        match step {
            Step::EnterStage { stage, share_bp } => self.enter(stage, share_bp).await,
            Step::RollBack { stage, because } => Some(self.go_back(stage, because, None).await),
            Step::Complete => Some(self.complete()),
        }
    }

    async fn enter(&mut self, stage: u32, share_bp: u16) -> Option<Ending> {
        let step = Step::EnterStage { stage, share_bp };
        self.begin(&step, None);
        if let Some(reason) = &self.record.broken {
            if let Some(before) = self.before.take().filter(|_| !self.stages.is_empty()) {
                // it stays in its stage, and is watched there: the way back needs no journal
                self.observer.on(&RunEvent::Unrecorded { reason });
                self.record.told = true;
                self.rollout = before;
                return None;
            }
            let reason = format!("the journal cannot be written, so no traffic was moved: {reason}");
            return Some(Ending::Failed { reason });
        }
        let order = self.order(stage, share_bp, String::new());
        let outcome = self.actions.set_share(&order).await;
        let at = self.done(&step, &outcome);
        if !outcome.succeeded() {
            let failure = format!("giving {}% to the canary failed: {}", percent(share_bp), outcome.status);
            return Some(self.go_back(stage, vec![failure.clone()], Some(failure)).await);
        }
        self.leave_stage(at);
        self.engine.enter_stage(stage);
        self.record.append(&Fact::Stage { at, stage });
        self.stages.push(StageSummary {
            stage,
            share: format!("{}%", percent(share_bp)),
            entered: at,
            left: None,
            evaluations: 0,
            held: 0,
            signals: Vec::new(),
        });
        self.observer.on(&RunEvent::StageEntered { at, stage, share_bp });
        None
    }

    fn order(&self, stage: u32, share_bp: u16, reason: String) -> Order {
        let release = self.release.id.as_str().to_owned();
        let key = format!("{release}/0.{}", self.acts);
        Order { release, key, fence: 0, stage, share_bp, reason, deadline: STEP_MAX }
    }

    async fn go_back(&mut self, stage: u32, because: Vec<String>, failure: Option<String>) -> Ending {
        let step = Step::RollBack { stage, because: because.clone() };
        self.begin(&step, failure);
        let outcome = self.actions.roll_back(&self.order(stage, 0, because.join(", "))).await;
        let at = self.done(&step, &outcome);
        self.leave_stage(at);
        if outcome.succeeded() {
            return Ending::RolledBack { stage, because };
        }
        let reason = format!(
            "the rollback because of {} was not carried out ({}): the canary may still get traffic",
            because.join(", "),
            outcome.status
        );
        Ending::Failed { reason }
    }

    fn complete(&mut self) -> Ending {
        self.begin(&Step::Complete, None);
        let at = self.done(&Step::Complete, &ActionOutcome::done("all stages were served"));
        self.leave_stage(at);
        match &self.record.broken {
            None => Ending::Completed,
            Some(reason) => Ending::Failed { reason: format!("the journal cannot be written: {reason}") },
        }
    }

    /// Records that a step is about to be carried out, on the disk.
    fn begin(&mut self, step: &Step, failure: Option<String>) {
        let at = self.clock.now();
        self.record.append(&Fact::Step { at, step: step.clone(), failure: failure.clone() });
        self.record.sync();
        self.observer.on(&RunEvent::Acting { at, step, failure: failure.as_deref() });
    }

    /// Records how a step ended.
    fn done(&mut self, step: &Step, outcome: &ActionOutcome) -> Timestamp {
        let at = self.clock.now();
        self.record.append(&Fact::Outcome { at, ok: outcome.succeeded(), status: outcome.status.clone() });
        self.record.sync();
        self.acts = self.acts.saturating_add(1);
        let name = match step {
            Step::EnterStage { .. } => "enter-stage",
            Step::RollBack { .. } => "roll-back",
            Step::Complete => "complete",
        };
        let told = serde_json::json!({ "at": at, "step": step, "outcome": outcome });
        let kept = self.evidence.write_json("actions", &format!("{:02}-{name}.json", self.acts), &told);
        if let (Err(error), None) = (kept, &self.record.broken) {
            self.record.broken = Some(error.to_string());
        }
        self.observer.on(&RunEvent::Acted { at, step, outcome });
        at
    }

    fn leave_stage(&mut self, at: Timestamp) {
        if let Some(summary) = self.stages.last_mut().filter(|summary| summary.left.is_none()) {
            summary.left = Some(at);
            self.observer.on(&RunEvent::StageLeft { summary });
        }
    }

    /// Writes what is left to be written.
    ///
    /// What cannot be written any more changes nothing of how the run ended: it is said to be unrecorded.
    pub(super) fn finish(mut self, ending: Ending) -> Outcome {
        let at = self.clock.now();
        self.record.append(&Fact::End { at, result: ending.to_string() });
        self.record.sync();
        self.observer.on(&RunEvent::Ended { ending: &ending });
        if let Err(error) = self.write_rest(at, &ending) {
            self.record.broken.get_or_insert(error.to_string());
        }
        Outcome {
            ending,
            stages: self.stages,
            decision: self.decision,
            unrecorded: self.record.broken,
            evidence: self.evidence,
            release: self.release.id,
        }
    }

    /// Writes what the stages showed, what was decided, and how it ended.
    fn write_rest(&self, at: Timestamp, ending: &Ending) -> Result<(), EvidenceError> {
        for summary in &self.stages {
            let name = format!("stage-{}.json", summary.stage.saturating_add(1));
            self.evidence.write_json("stages", &name, summary)?;
        }
        let mut decisions = Vec::new();
        for event in &self.events {
            decisions.extend_from_slice(event.to_json().as_bytes());
            decisions.push(b'\n');
        }
        self.evidence.write("", "decisions.jsonl", &decisions)?;
        let told = serde_json::json!({
            "release": self.release.id.as_str(),
            "plan": self.release.plan,
            "ended": at,
            "result": ending.to_string(),
            "decision": self.decision,
            "unrecorded": self.record.broken,
        });
        self.evidence.write_json("", "result.json", &told)
    }
}

/// A source's samples, within its share of the time between two instants.
async fn measure<S: SampleSource>(source: &mut S, policy: &Policy, at: Timestamp) -> Vec<Sample> {
    let (part, whole) = SOURCE_SHARE;
    let limit = policy.every().to_std().saturating_mul(part).checked_div(whole).unwrap_or_default();
    match tokio::time::timeout(limit, source.samples(at)).await {
        Ok(samples) => samples,
        Err(_) => all_failed(policy, at, "the source did not answer before the next instant"),
    }
}
