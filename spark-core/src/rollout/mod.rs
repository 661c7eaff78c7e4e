//! The rollout: one state machine that turns facts into explicit steps.
//!
//! [`Rollout::apply`] takes a fact in, and [`Rollout::due`] says what is to be done now; nothing else moves it. So a
//! rollout is a fold over its journal: the same facts give the same steps live, after a crash, in an audit, in the simulation
//! and in the model check.
//!
//! What it holds to, whatever happens:
//! - A stage is entered only from a decision to proceed, with `proceed when` true, the stage's time served (or an operator's
//!   `promote`), the stage's share measured, and neither hold, freeze nor a broken journal in the way.
//! - Each attempt to raise the share, the first and the later ones alike, follows a decision of the same runner that allows it.
//! - A step is recorded before it is tried, and is done when a probe sees its share, not when its action says so. A new
//!   share that no probe sees in time is taken back.
//! - A rollback that has begun is tried until a probe sees no traffic; past its time it is [`Ending::Unverified`], never done.
//!   Where an earlier order may take effect yet, no traffic is not enough: the rollback's own order has to have got through too,
//!   since only what has seen it refuses the older one.
//! - Traffic that is not where the rollout left it, twice in a row, goes back to the stable version.

mod apply;
mod controller;
mod course;
mod fact;
mod look;
mod pace;
mod show;
mod trip;
mod words;

use serde::{Deserialize, Serialize};

pub use self::controller::{Controller, OVERRIDE_MAX};
use self::course::Course;
pub use self::fact::{ClockAnchor, Ended, Ending, Fact, Freeze, RuleText, Start, Step, StepId, Word};
pub use self::look::{Dependency, Look, Seen};
pub use self::pace::Pace;
pub use self::show::{RunOfShow, ShowItem, next_look};
use self::trip::{Trip, Whereabouts};
pub use self::words::Refusal;
use crate::planted::{self, Bug};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::Plan;

/// A rollout on its way through a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rollout {
    course: Course,
    pace: Pace,
    /// The longest time between two decisions that serves: nobody looked in a longer one.
    reach: TimeSpan,
    /// The fencing token of the runner that has it now.
    fence: u64,
    /// Steps begun so far.
    steps: u32,
    phase: Phase,
    /// The share that was measured last; none where it is not known.
    traffic: Option<u16>,
    probed_at: Option<Timestamp>,
    /// Measurements in a row that were not the stage's share.
    drifts: u8,
    /// Good time served in the stage.
    served: TimeSpan,
    /// Nothing serves before this instant.
    serves_from: Timestamp,
    /// The last decision's instant, where it was proceed and nothing kept it from serving.
    proceeding_since: Option<Timestamp>,
    /// Whether `proceed when` held then.
    ready: bool,
    /// Whether the last decision let the share be raised; none where this runner has decided nothing yet.
    lets_raise: Option<bool>,
    held: bool,
    frozen: bool,
    promoted: bool,
    approved: bool,
    unrecorded: bool,
    /// Whether an attempt at any step was begun: traffic may have moved.
    tried: bool,
    /// Whether this runner has made an attempt at the present step.
    tried_now: bool,
    /// Whether an order that raises the share may take effect yet: its runner was lost, or it did not answer in time.
    adrift: bool,
    /// Whether its end is recorded.
    over: bool,
}

/// Where a rollout is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Waits for T-0.
    Scheduled(Timestamp),
    /// Waits to enter the stage with this place.
    Gate(u32),
    Moving(u32, Trip),
    Serving(u32),
    /// After the last stage, since then.
    Watching(Timestamp),
    RollingBack(u32, Vec<String>, Trip),
    Over(Ending),
}

/// Where a rollout is, for readers. Exhaustive on purpose: a new state must break the build of whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RolloutState {
    /// Nothing was moved yet; it begins at this instant.
    Scheduled {
        /// T-0.
        opens: Timestamp,
    },
    /// The stage before is served, and this one may not be entered yet: it needs approval, or hold or a freeze is in the way.
    Waiting {
        /// The place of the stage that is next.
        stage: u32,
        /// Whether it needs an approval that was not given.
        approval: bool,
    },
    /// The share of this stage is being set, or measured.
    Entering {
        /// The stage's place.
        stage: u32,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// In the stage with this place.
    Stage {
        /// The stage's place.
        stage: u32,
    },
    /// All stages are served; the release is watched.
    Watching {
        /// Since when.
        since: Timestamp,
    },
    /// Traffic is being taken back.
    RollingBack {
        /// The place of the stage that it had reached.
        stage: u32,
        /// Why.
        because: Vec<String>,
        /// Since when.
        since: Timestamp,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// It is over.
    Ended(Ending),
}

/// What is to be done now. Exhaustive on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use = "what is due and not done leaves traffic where it should not be"]
pub enum Due {
    /// Nothing, until the next decision or word, or until this instant.
    Wait(Option<Timestamp>),
    /// Record the intent, then carry this step out once, and record how it ended.
    Act {
        /// Its name.
        id: StepId,
        /// Which attempt.
        attempt: u32,
        /// What it does.
        step: Step,
    },
    /// Measure the canary's share, and record it.
    Probe {
        /// The share that it should have, in hundredths of a percent.
        expected_bp: u16,
    },
    /// Record the end.
    Finish(Ending),
}

/// A fact that cannot have happened to this rollout: the record is not one of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub(crate) String);

impl Contradiction {
    fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl Rollout {
    /// A rollout that has not moved anything. It begins at the first decision that is not before `opens`.
    ///
    /// `reach` is the longest time between two decisions that may serve, as [`Policy::reach`](crate::Policy::reach)
    /// gives it: after a sleep of the host, nobody knows what happened in between.
    pub fn new(plan: &Plan, pace: Pace, reach: TimeSpan, opens: Timestamp, fence: u64) -> Self {
        Self {
            course: Course::of(plan),
            pace,
            reach,
            fence,
            steps: 0,
            phase: Phase::Scheduled(opens),
            traffic: None,
            probed_at: None,
            drifts: 0,
            served: TimeSpan::ZERO,
            serves_from: opens,
            proceeding_since: None,
            ready: false,
            lets_raise: None,
            held: false,
            frozen: false,
            promoted: false,
            approved: false,
            unrecorded: false,
            tried: false,
            tried_now: false,
            adrift: false,
            over: false,
        }
    }

    /// Where it is.
    pub fn state(&self) -> RolloutState {
        match &self.phase {
            Phase::Scheduled(opens) => RolloutState::Scheduled { opens: *opens },
            Phase::Gate(stage) => {
                RolloutState::Waiting { stage: *stage, approval: self.lacks_approval(*stage) }
            }
            Phase::Moving(stage, trip) => RolloutState::Entering { stage: *stage, attempt: trip.attempt },
            Phase::Serving(stage) => RolloutState::Stage { stage: *stage },
            Phase::Watching(since) => RolloutState::Watching { since: *since },
            Phase::RollingBack(stage, because, trip) => RolloutState::RollingBack {
                stage: *stage,
                because: because.clone(),
                since: trip.since,
                attempt: trip.attempt,
            },
            Phase::Over(ending) => RolloutState::Ended(ending.clone()),
        }
    }

    /// The good time served in the present stage: time at hold does not serve.
    pub const fn served(&self) -> TimeSpan {
        self.served
    }

    /// The instant from which the present stage serves: its warm-up ends there.
    pub const fn serves_from(&self) -> Timestamp {
        self.serves_from
    }

    /// The share that was measured last, in hundredths of a percent; none where it is not known.
    pub const fn traffic(&self) -> Option<u16> {
        self.traffic
    }

    /// The fencing token of the runner that has it.
    pub const fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether an operator holds it.
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// Whether a freeze keeps it from advancing.
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Whether its journal cannot be written any more.
    pub const fn is_unrecorded(&self) -> bool {
        self.unrecorded
    }

    /// Whether its end is recorded: nothing can happen to it any more, save that an unverified rollback is taken up again.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// The stage whose share the traffic should have, where one was entered.
    pub fn stage(&self) -> Option<u32> {
        match &self.phase {
            Phase::Scheduled(_) | Phase::Over(_) => None,
            Phase::Gate(stage) => stage.checked_sub(1),
            Phase::Moving(stage, _) | Phase::Serving(stage) | Phase::RollingBack(stage, _, _) => Some(*stage),
            Phase::Watching(_) => Some(self.course.last()),
        }
    }

    /// The name of the step that was begun last; of none, with number 0.
    pub const fn step_id(&self) -> StepId {
        match &self.phase {
            // it keeps its name under the runners that come later
            Phase::Moving(_, trip) | Phase::RollingBack(_, _, trip) => trip.id,
            _ => StepId { epoch: self.fence, number: self.steps },
        }
    }

    /// What is to be done at an instant.
    pub fn due(&self, now: Timestamp) -> Due {
        match &self.phase {
            Phase::Scheduled(_) => Due::Wait(None),
            // nothing was moved yet
            Phase::Gate(0) if !self.tried => Due::Wait(None),
            Phase::Moving(stage, trip) => {
                let step = Step::SetShare { stage: *stage, share_bp: self.course.share_bp(*stage) };
                due_of(trip, step, now)
            }
            Phase::RollingBack(stage, because, trip) => {
                due_of(trip, Step::RollBack { stage: *stage, because: because.clone() }, now)
            }
            Phase::Gate(_) | Phase::Serving(_) | Phase::Watching(_) => self.next_probe(now),
            Phase::Over(_) if self.over => Due::Wait(None),
            Phase::Over(ending) => Due::Finish(ending.clone()),
        }
    }

    /// While a stage serves, its share is measured: at once where it is not known, else now and then.
    fn next_probe(&self, now: Timestamp) -> Due {
        let expected_bp = self.expected_bp();
        let pause = match self.traffic == Some(expected_bp) {
            true => self.pace.probe_every,
            false => self.pace.retry_after,
        };
        match self.probed_at.map(|at| at.plus(pause)) {
            Some(next) if now < next => Due::Wait(Some(next)),
            _ => Due::Probe { expected_bp },
        }
    }

    /// The share that the canary should have now.
    pub fn expected_bp(&self) -> u16 {
        match &self.phase {
            Phase::Over(Ending::Completed) => self.course.share_bp(self.course.last()),
            Phase::Over(Ending::Aborted { share_bp, .. }) => share_bp.unwrap_or(0),
            Phase::RollingBack(..) | Phase::Over(_) => 0,
            _ => self.stage().map_or(0, |stage| self.course.share_bp(stage)),
        }
    }

    fn lacks_approval(&self, stage: u32) -> bool {
        let needed = self.course.leg(stage).is_some_and(|leg| leg.approval);
        needed && !self.approved && !planted::is(Bug::ApprovalIgnored)
    }
}

fn due_of(trip: &Trip, step: Step, now: Timestamp) -> Due {
    match trip.at {
        Whereabouts::Due(from) | Whereabouts::Verify(from, _) if now < from => Due::Wait(Some(from)),
        Whereabouts::Due(_) => Due::Act { id: trip.id, attempt: trip.attempt, step },
        Whereabouts::Acting => Due::Wait(None),
        Whereabouts::Verify(..) => Due::Probe { expected_bp: step.share_bp() },
    }
}
