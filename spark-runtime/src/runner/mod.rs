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

mod event;
mod walk;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use spark_core::{Decision, Policy, Reading, Sample, SignalId, Timestamp, Track};

pub use self::event::{Ending, Observer, RunEvent};
use self::walk::Walk;
use crate::action::Actions;
use crate::audit::RuleText;
use crate::evidence::{self, EvidenceError, EvidenceFolder, ReleaseId, Sealed, SecretKey, StageSummary};

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
    pub fn seal(&self, key: &SecretKey) -> Result<Sealed, EvidenceError> {
        let sealed = evidence::seal(self.evidence.path(), self.release.as_str(), key)?;
        evidence::write_public_key(&evidence::key_beside(self.evidence.path()), &key.verifying_key())?;
        Ok(sealed)
    }
}

/// Why a run could not begin.
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
/// The run could not begin; nothing was moved.
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
    let (mut walk, first) = Walk::new(release, source, actions, clock, observer)?;
    let ending = walk.walk(first, stop).await?;
    Ok(walk.finish(ending))
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
