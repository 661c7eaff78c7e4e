//! What a run tells while it goes, and how it can end.

use spark_core::{Decision, Engine, Plan, Rollout, Step, Timestamp};

use crate::action::ActionOutcome;
use crate::evidence::StageSummary;

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
