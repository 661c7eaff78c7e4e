//! The live loop: at every multiple of `evaluate every`, source → engine → journal → rollout → steps.
//!
//! What it does is decided by [`spark_core::rollout::Controller`]; here it is carried out, in one order: a fact is committed to the
//! [`Journal`] before it counts, an intent before its action is started. All that is outside comes through [`Ports`]: no clock is read
//! and no timer is set but through [`Clock`], so that a simulation can run this very code, and kill it at any point.
//!
//! What a failure means:
//! - A source that fails or is slow makes its signals unknown; it never stops the loop.
//! - An action's answer proves nothing: the traffic is measured, and the rollout goes on from what was seen.
//! - When the journal cannot be written, nothing advances any more; the loop goes on watching, and a rollback is still
//!   carried out and said to be unrecorded.
//! - What looks at a stage's end and fails or is slow is kept as such; a rollback never waits for it.
//! - When another runner has the rollout, this one stops at once and touches nothing.

mod clock;
mod drive;
mod lost;
mod port;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use spark_core::rollout::{Controller, Ending, Fact, Freeze, Look, Pace, RuleText, Start};
use spark_core::{Policy, Reading, Sample, SignalId, TimeSpan, Timestamp, Track};

pub use self::clock::SystemClock;
use self::drive::Drive;
pub use self::lost::Lost;
pub use self::port::{Clock, Inbox, NoWords, Observer, SampleSource, Spoken};
use crate::action::Actions;
use crate::audit::Folded;
use crate::journal::{Journal, JournalError};

/// How long an action may take where nothing else is said. Load balancers reload within seconds; a rollback has five minutes
/// end to end, and has to have time for several attempts.
pub const ACTION_DEADLINE: TimeSpan = TimeSpan::from_seconds(30);

/// What is released, and how.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its name.
    pub id: String,
    /// What is decided.
    pub policy: Arc<Policy>,
    /// The plan that it walks; one of the policy's.
    pub plan: String,
    /// The rules' text, kept as evidence.
    pub rules: Vec<RuleText>,
    /// The times that it keeps to.
    pub pace: Pace,
    /// T-0; at once where it is not given.
    pub opens: Option<Timestamp>,
}

/// What a run begins with.
#[derive(Debug)]
pub enum Begin {
    /// A release that has no record yet.
    New(Release),
    /// One whose record was folded: it goes on where it was, under the rules that it was begun with.
    Resumed(Box<Folded>),
}

/// All that is outside of the loop.
pub struct Ports<S, A, J, C, I, O> {
    /// What measures.
    pub source: S,
    /// What moves traffic.
    pub actions: A,
    /// Where facts go.
    pub journal: J,
    /// What time it is.
    pub clock: C,
    /// Where operators' words come from.
    pub inbox: I,
    /// Who is told.
    pub observer: O,
    /// Whether nothing may advance at an instant.
    pub freeze: Box<dyn Fn(Timestamp) -> Option<Freeze> + Send>,
    /// Rules that were changed since the last look, or why they cannot be read; asked at every instant.
    pub reload: Box<dyn FnMut() -> Option<Result<NewRules, String>> + Send>,
    /// What looks at the systems around the release when the stage with this place ends; nothing waits for it.
    pub look: Box<dyn FnMut(u32) -> Looks + Send>,
    /// How long each action may take.
    pub deadline: TimeSpan,
}

/// Looks that were begun, and go on by themselves; dropped, they end.
pub type Looks = Pin<Box<dyn Future<Output = Vec<Look>> + Send>>;

/// Nothing is looked at.
pub fn no_look(_: u32) -> Looks {
    Box::pin(std::future::ready(Vec::new()))
}

/// Rules that were loaded again.
#[derive(Debug, Clone)]
pub struct NewRules {
    /// Their text, the named file first.
    pub rules: Vec<RuleText>,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// No change of rules, ever.
pub fn no_reload() -> Option<Result<NewRules, String>> {
    None
}

/// How a run came back. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// The rollout is over.
    Ended(Ending),
    /// This process was asked to stop; the traffic is where it was, and the rollout can be taken up again.
    Stopped,
    /// Another runner has the rollout.
    Fenced(String),
    /// The rollout's own record contradicts it: nothing may be decided on that.
    Halted(String),
}

/// What a run leaves.
#[derive(Debug)]
pub struct Outcome<J> {
    /// How it came back.
    pub end: RunEnd,
    /// The rollout, as far as it came.
    pub controller: Controller,
    /// Why the journal does not tell everything, where it does not.
    pub unrecorded: Option<String>,
    /// What happened since then.
    pub lost: Lost,
    /// The journal, to be closed.
    pub journal: J,
}

/// Why a run could not begin; nothing was moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The policy has no such plan.
    #[error("{0}")]
    UnknownPlan(String),
    /// The journal cannot be begun.
    #[error("the rollout cannot begin: {0}")]
    Journal(#[source] JournalError),
    /// The rollout is over.
    #[error("the rollout is over: {0}")]
    Over(Ending),
}

/// Walks a release's plan until it is over, or `stop` is done.
///
/// `stop` takes effect between steps: an action that was begun is finished within its own deadline.
///
/// # Errors
/// The run could not begin; nothing was moved.
pub async fn run<S, A, J, C, I, O>(
    begin: Begin,
    ports: Ports<S, A, J, C, I, O>,
    stop: impl Future<Output = ()> + Send,
) -> Result<Outcome<J>, RunError>
where
    S: SampleSource,
    A: Actions,
    J: Journal,
    C: Clock,
    I: Inbox,
    O: Observer,
{
    let (first, release, controller, rollout) = match begin {
        Begin::New(release) => {
            let start = start(release, ports.journal.fence(), &ports.clock);
            let controller =
                Controller::begin(&start).map_err(|error| RunError::UnknownPlan(error.to_string()))?;
            let (id, rollout) = (start.release.clone(), name_of(&start)?);
            (Fact::Start(Box::new(start)), id, controller, rollout)
        }
        Begin::Resumed(folded) => {
            let Folded { start, controller, ending, .. } = *folded;
            if let Some(ending) = ending.filter(|ending| !matches!(ending, Ending::Unverified { .. })) {
                return Err(RunError::Over(ending));
            }
            let (at, clock) = (ports.clock.now(), ports.clock.anchor());
            let fact = Fact::Resumed { at, fence: ports.journal.fence(), clock };
            let rollout = name_of(&start)?;
            (fact, start.release, controller, rollout)
        }
    };
    let mut drive = Drive::new(release, controller, ports);
    drive.begin(first).await.map_err(RunError::Journal)?;
    let mut stop = std::pin::pin!(stop);
    let end = match drive.take_over(&rollout).await {
        Ok(()) => drive.walk(stop.as_mut()).await,
        Err(end) => Err(end),
    };
    let (Ok(end) | Err(end)) = end;
    Ok(drive.leave(end))
}

/// A rollout's own name: the first 64 bits of what it started from, which holds when, to the nanosecond since boot.
fn name_of(start: &Start) -> Result<String, RunError> {
    let text = serde_json::to_vec(start)
        .map_err(|error| RunError::Journal(JournalError::NoRecord { place: 1, why: error.to_string() }))?;
    Ok(Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn start(release: Release, fence: u64, clock: &impl Clock) -> Start {
    Start {
        release: release.id,
        at: clock.now(),
        opens: release.opens,
        plan: release.plan,
        pace: release.pace,
        fence,
        clock: clock.anchor(),
        rules: release.rules,
        policy: release.policy,
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
    let count = u32::try_from(policy.signals().len()).unwrap_or(u32::MAX);
    let canary = (0..count).map(SignalId);
    canary
        .map(|signal| sample(signal, Track::Canary))
        .chain(policy.baseline_signals().into_iter().map(|signal| sample(signal, Track::Baseline)))
        .collect()
}
