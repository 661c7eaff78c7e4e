//! The live loop: at every multiple of `evaluate every`, source → engine → rollout → steps → journal.
//!
//! This is the one place that reads a clock, and only through [`Clock`]. Everything that happens goes to the
//! journal before it counts and to an [`Observer`] as it happens; what moves traffic is behind [`Actions`], what
//! measures behind [`SampleSource`].
//!
//! What a failure means:
//! - A source that fails or is slow makes its signals unknown; it never stops the loop.
//! - When a share of traffic cannot be set, nobody knows where the traffic is: it is all taken back, once.
//! - When the way back fails, the run ends as failed: a person has to look.
//! - When the journal cannot be written, the canary gets no more traffic; the loop goes on watching, and a
//!   rollback is still carried out and said to be unrecorded.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use spark_core::{
    Decision, Engine, Plan, Policy, Reading, Rollout, Sample, SignalId, Step, Timestamp, Track,
};

use crate::action::{ActionOutcome, Actions, RollBack, SetShare};
use crate::evidence::{self, EvidenceError, EvidenceFolder, ReleaseId, Sealed, SignalSummary, StageSummary};
use crate::journal::{Fact, JOURNAL_NAME, Journal, RuleText, Start};
use crate::replay::{Event, Events};

/// The part of the time between two evaluations that a source may take. What has not answered by then is
/// unknown at this instant; the rest is left for deciding and for the next instant to be met.
const SOURCE_SHARE: (u32, u32) = (3, 4);

/// Longest single sleep: a clock that was set is noticed after it.
const SLEEP_MAX: std::time::Duration = std::time::Duration::from_secs(1);

/// What gives samples. Failures are readings: [`Reading::Failed`].
pub trait SampleSource: Send {
    /// The samples of an instant, of all signals and tracks that this source measures.
    fn samples(&mut self, at: Timestamp) -> impl Future<Output = Vec<Sample>> + Send;
}

/// What time it is.
pub trait Clock: Send {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits until an instant; at once when it is past.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send;
}

/// The system's clock, to the millisecond: what is finer differs between two machines that agree.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // before 1970 or after 2262 the system's clock is not set: the ends of the range show it
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.to_std().min(SLEEP_MAX)).await;
        }
    }
}

/// What is released, and how.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its name.
    pub id: ReleaseId,
    /// What is decided.
    pub policy: Arc<Policy>,
    /// The plan that it walks; one of the policy's.
    pub plan: String,
    /// The rules' text, kept as evidence.
    pub rules: Vec<RuleText>,
    /// The folder below which the release gets its evidence folder.
    pub evidence: PathBuf,
}

/// Something that happened in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// The run begins.
    Started {
        /// When.
        at: Timestamp,
        /// The plan.
        plan: &'a Plan,
    },
    /// A step is about to be carried out.
    Acting {
        /// When.
        at: Timestamp,
        /// Which.
        step: &'a Step,
        /// What failed before it, where no decision asked for it.
        failure: Option<&'a str>,
    },
    /// A step was carried out, or not.
    Acted {
        /// When.
        at: Timestamp,
        /// Which.
        step: &'a Step,
        /// How it ended.
        outcome: &'a ActionOutcome,
    },
    /// The canary has the stage's share of traffic.
    StageEntered {
        /// When.
        at: Timestamp,
        /// The stage's place in the plan.
        stage: u32,
        /// Its share, in hundredths of a percent.
        share_bp: u16,
    },
    /// It was decided.
    Decided {
        /// The decision.
        decision: &'a Decision,
        /// The engine, for its reports.
        engine: &'a Engine,
        /// Where the rollout is, the decision's steps not yet carried out.
        rollout: &'a Rollout,
    },
    /// A stage is over.
    StageLeft {
        /// What it showed.
        summary: &'a StageSummary,
    },
    /// The journal can no longer be written: no stage will be entered any more.
    Unrecorded {
        /// Why.
        reason: &'a str,
    },
    /// The run is over; its evidence is being written.
    Ended {
        /// How.
        ending: &'a Ending,
    },
}

/// Who is told what happens.
pub trait Observer: Send {
    /// Something happened.
    fn on(&mut self, event: &RunEvent<'_>);
}

impl<F: FnMut(&RunEvent<'_>) + Send> Observer for F {
    fn on(&mut self, event: &RunEvent<'_>) {
        self(event);
    }
}

/// How a run ended. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All stages were served.
    Completed,
    /// All traffic was taken back.
    RolledBack {
        /// The stage's place in the plan.
        stage: u32,
        /// Why: trigger and signal names, or what failed.
        because: Vec<String>,
    },
    /// Somebody stopped it; the traffic is where it was.
    Stopped,
    /// Something that has to work did not.
    Failed {
        /// What, in words.
        reason: String,
    },
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::RolledBack { because, .. } => write!(f, "rolled back: {}", because.join(", ")),
            Self::Stopped => f.write_str("stopped"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
        }
    }
}

/// What a run leaves.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The stages that were entered, in order.
    pub stages: Vec<StageSummary>,
    /// The last decision.
    pub decision: Option<Decision>,
    /// Why the journal does not tell everything, where it does not.
    pub unrecorded: Option<String>,
    /// The evidence, not yet sealed: the caller may add to it.
    pub evidence: EvidenceFolder,
    /// The release.
    pub release: ReleaseId,
}

impl Outcome {
    /// Seals the evidence, and writes the key's public half beside it, where `verify` looks for it.
    ///
    /// # Errors
    /// The folder or the key cannot be written.
    pub fn seal(&self, key: &SigningKey) -> Result<Sealed, EvidenceError> {
        let sealed = evidence::seal(self.evidence.path(), self.release.as_str(), key)?;
        evidence::write_public_key(&evidence::key_beside(self.evidence.path()), &key.verifying_key())?;
        Ok(sealed)
    }
}

/// Why a run could not begin, or its evidence not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The policy has no such plan.
    #[error("the rules have no plan `{0}`")]
    UnknownPlan(String),
    /// The evidence cannot be written.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The journal cannot be begun; nothing was moved.
    #[error("the journal cannot be written: {0}")]
    Journal(#[source] std::io::Error),
}

/// Walks a release's plan until it is served, goes back, fails, or `stop` is done.
///
/// `stop` takes effect between steps: a step that was begun is finished within its own deadline.
///
/// # Errors
/// The run could not begin, or its evidence could not be written when it was over.
pub async fn run<S, A, C, O>(
    release: Release,
    source: S,
    actions: A,
    clock: C,
    observer: O,
    stop: impl Future<Output = ()> + Send,
) -> Result<Outcome, RunError>
where
    S: SampleSource,
    A: Actions,
    C: Clock,
    O: Observer,
{
    let Some(plan) = release.policy.plan(&release.plan).cloned() else {
        return Err(RunError::UnknownPlan(release.plan));
    };
    let evidence = EvidenceFolder::create(&release.evidence, &release.id)?;
    evidence.write_rules(&release.rules)?;
    let journal = Journal::create(&evidence.path().join(JOURNAL_NAME)).map_err(RunError::Journal)?;
    let (rollout, first) = Rollout::start(&plan);
    let engine = Engine::with_plan(Arc::clone(&release.policy), &release.plan);
    let record = Record { journal, broken: None, told: false };
    let mut walk = Walk {
        release,
        plan,
        source,
        actions,
        clock,
        observer,
        record,
        engine,
        rollout,
        evidence,
        stages: Vec::new(),
        acts: 0,
        changes: Events::default(),
        events: Vec::new(),
        decision: None,
    };
    let ending = walk.walk(first, stop).await?;
    Ok(walk.finish(ending)?)
}

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
struct Walk<S, A, C, O> {
    release: Release,
    plan: Plan,
    source: S,
    actions: A,
    clock: C,
    observer: O,
    record: Record,
    engine: Engine,
    rollout: Rollout,
    evidence: EvidenceFolder,
    stages: Vec<StageSummary>,
    acts: u32,
    changes: Events,
    events: Vec<Event>,
    decision: Option<Decision>,
}

impl<S: SampleSource, A: Actions, C: Clock, O: Observer> Walk<S, A, C, O> {
    async fn walk(&mut self, first: Step, stop: impl Future<Output = ()> + Send) -> Result<Ending, RunError> {
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
                () = self.clock.sleep_until(at) => {}
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
                self.rollout = next;
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
            let reason = format!("the journal cannot be written, so no traffic was moved: {reason}");
            return Some(Ending::Failed { reason });
        }
        let share = SetShare { stage, share_bp };
        let outcome = self.actions.set_share(share).await;
        let at = self.done(&step, &outcome);
        if !outcome.ok {
            let failure = format!("giving {}% to the canary failed: {}", share.percent(), outcome.status);
            return Some(self.go_back(stage, vec![failure.clone()], Some(failure)).await);
        }
        self.leave_stage(at);
        self.engine.enter_stage(stage);
        self.record.append(&Fact::Stage { at, stage });
        self.stages.push(StageSummary {
            stage,
            share: format!("{}%", share.percent()),
            entered: at,
            left: None,
            evaluations: 0,
            held: 0,
            signals: Vec::new(),
        });
        self.observer.on(&RunEvent::StageEntered { at, stage, share_bp });
        None
    }

    async fn go_back(&mut self, stage: u32, because: Vec<String>, failure: Option<String>) -> Ending {
        let step = Step::RollBack { stage, because: because.clone() };
        self.begin(&step, failure);
        let outcome = self.actions.roll_back(&RollBack { stage, because: because.clone() }).await;
        let at = self.done(&step, &outcome);
        self.leave_stage(at);
        if outcome.ok {
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
        self.record.append(&Fact::Outcome { at, ok: outcome.ok, status: outcome.status.clone() });
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
    fn finish(mut self, ending: Ending) -> Result<Outcome, EvidenceError> {
        let at = self.clock.now();
        self.record.append(&Fact::End { at, result: ending.to_string() });
        self.record.sync();
        self.observer.on(&RunEvent::Ended { ending: &ending });
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
        self.evidence.write_json("", "result.json", &told)?;
        Ok(Outcome {
            ending,
            stages: self.stages,
            decision: self.decision,
            unrecorded: self.record.broken,
            evidence: self.evidence,
            release: self.release.id,
        })
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

/// Every signal's failure at an instant, on every track that is read.
pub fn all_failed(policy: &Policy, at: Timestamp, reason: &str) -> Vec<Sample> {
    let sample = |signal: SignalId, track: Track| Sample {
        signal,
        track,
        at,
        reading: Reading::Failed(reason.to_owned()),
    };
    let canary = policy.signals().iter().filter_map(|signal| policy.signal_id(&signal.name));
    canary
        .map(|signal| sample(signal, Track::Canary))
        .chain(policy.baseline_signals().into_iter().map(|signal| sample(signal, Track::Baseline)))
        .collect()
}
