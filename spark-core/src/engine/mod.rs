//! The engine: the only place that turns samples into decisions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Observed, Report, Truth, Verdict};
use crate::policy::Policy;
use crate::signal::Sample;
use crate::time::Timestamp;

/// The engine (skeleton: the signatures stand, the meaning follows).
#[derive(Debug, Clone)]
pub struct Engine {
    policy: Arc<Policy>,
}

/// The engine's state, to be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineState {}

/// Why a state is not of this policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// It was saved under another policy.
    #[error("the saved state is of another policy")]
    OtherPolicy,
}

impl Engine {
    /// An engine without a plan: decisions are made over all triggers and expectations.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }

    /// An engine that also follows a plan's `proceed when` and stages; without it when the plan is unknown.
    pub fn with_plan(policy: Arc<Policy>, _plan: &str) -> Self {
        Self { policy }
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Takes a sample in; it is seen by every later evaluation at an instant that is not before it.
    pub fn observe(&mut self, _sample: &Sample) -> Observed {
        Observed::Kept
    }

    /// Says that the rollout entered the stage with this place in the plan.
    pub fn enter_stage(&mut self, _stage: u32) {}

    /// Decides at an instant.
    pub fn evaluate(&mut self, at: Timestamp) -> Decision {
        Decision {
            at,
            verdict: Verdict::Hold,
            because: Vec::new(),
            ready: Truth::Unknown,
            changes: Vec::new(),
        }
    }

    /// Everything about every trigger at the last instant, in the order of declaration.
    pub fn trigger_reports(&self) -> Vec<Report> {
        Vec::new()
    }

    /// Everything about every expectation at the last instant, in the order of declaration.
    pub fn expectation_reports(&self) -> Vec<Report> {
        Vec::new()
    }

    /// The state, to be saved.
    pub fn save(&self) -> EngineState {
        EngineState {}
    }

    /// An engine that goes on where another stopped.
    ///
    /// # Errors
    /// The state was saved under another policy.
    pub fn restore(policy: Arc<Policy>, _state: EngineState) -> Result<Self, RestoreError> {
        Ok(Self { policy })
    }
}
