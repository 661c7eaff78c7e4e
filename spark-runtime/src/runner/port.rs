//! What is outside of the loop: what measures, what time it is, who speaks, who is told.

use std::future::Future;

use spark_core::rollout::{ClockAnchor, Controller, Fact, Word};
use spark_core::{Sample, Timestamp};

/// What gives samples. Failures are readings: [`spark_core::Reading::Failed`].
pub trait SampleSource: Send {
    /// The samples of an instant, of all signals and tracks that this source measures.
    fn samples(&mut self, at: Timestamp) -> impl Future<Output = Vec<Sample>> + Send;

    /// From now on the signals are those of this policy.
    fn follow(&mut self, policy: &std::sync::Arc<spark_core::Policy>) {
        let _ = policy;
    }
}

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now, in the rollout's own time: it never goes back and never jumps, whoever sets the wall clock.
    fn now(&self) -> Timestamp;

    /// What the wall clock says.
    fn wall(&self) -> Timestamp {
        self.now()
    }

    /// How this clock was set, for a runner that takes the rollout up on the same boot.
    fn anchor(&self) -> Option<ClockAnchor> {
        None
    }

    /// Waits until an instant; at once when it is past.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send;
}

/// A word of an operator, on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The inbox's own number for it.
    pub id: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub because: String,
    /// What.
    pub word: Word,
}

/// Where operators' words come from.
pub trait Inbox: Send {
    /// Waits for the next word; for ever, where none can come. Dropping the future loses none.
    fn next(&mut self) -> impl Future<Output = Spoken> + Send;

    /// Says whether a word was taken, in words; only after it was recorded.
    fn answer(&mut self, spoken: &Spoken, answer: Result<String, String>) -> impl Future<Output = ()> + Send;
}

/// An inbox that is empty for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWords;

impl Inbox for NoWords {
    async fn next(&mut self) -> Spoken {
        std::future::pending().await
    }

    async fn answer(&mut self, _: &Spoken, _: Result<String, String>) {}
}

/// Who is told what happens: every fact once it counts, with the rollout as it is after it.
pub trait Observer: Send {
    /// Something happened.
    fn on(&mut self, fact: &Fact, controller: &Controller);
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        self.0.on(fact, controller);
        self.1.on(fact, controller);
    }
}

impl<F: FnMut(&Fact, &Controller) + Send> Observer for F {
    fn on(&mut self, fact: &Fact, controller: &Controller) {
        self(fact, controller);
    }
}
