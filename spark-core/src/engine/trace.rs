//! What the last evaluation made of each comparison and each clause: for coverage, and for whoever asks why.

use super::Engine;
use super::truth;
use crate::decision::Truth;
use crate::signal::SourceSpan;
use crate::trigger::{Severity, TriggerId};

/// The truth of a trigger's clauses at the last evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Of `given`; none where there is none, or where it reads a stage before the first.
    pub given: Option<Truth>,
    /// Of each level, in the trigger's order; none where a level reads a stage before the first. Where `given` is not
    /// true, they read as unknown.
    pub levels: Vec<(Severity, Option<Truth>)>,
    /// Of `clear`; none where there is none.
    pub clear: Option<Truth>,
}

impl Engine {
    /// Every comparison of the policy (and of the followed plan's `proceed when`), with the place in the text where it
    /// stands and its truth at the last evaluation. `None`: it was not asked, because nothing was evaluated yet, its
    /// trigger's `given` was not true, or it reads a stage before the first.
    ///
    /// ```
    /// # use spark_core::*;
    /// # fn policy() -> std::sync::Arc<Policy> {
    /// #     let parts = PolicyParts { every: TimeSpan::from_seconds(15), signals: vec![], triggers: vec![], plans: vec![], checks: vec![] };
    /// #     std::sync::Arc::new(Policy::new(parts).unwrap())
    /// # }
    /// let engine = Engine::new(policy());
    /// assert_eq!(engine.comparisons().count(), 0, "a policy without conditions compares nothing");
    /// ```
    pub fn comparisons(&self) -> impl Iterator<Item = (SourceSpan, Option<Truth>)> {
        let truths = (0..).map(|place| self.compared(place).map(truth));
        self.program.comparisons.iter().map(|comparison| comparison.span).zip(truths)
    }

    /// What the last evaluation made of a trigger's clauses; none before the first, or where there is no such trigger.
    pub fn conditions(&self, trigger: TriggerId) -> Option<Conditions> {
        let levels = self.traced(trigger.index())?;
        let declared = &self.policy.triggers().get(trigger.index())?.levels;
        Some(Conditions {
            given: levels.given,
            levels: declared
                .iter()
                .zip(&levels.levels)
                .map(|(level, seen)| (level.severity, seen.map(|(full, _)| full)))
                .collect(),
            clear: levels.clear,
        })
    }
}
