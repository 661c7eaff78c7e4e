//! What an operator has overridden: triggers that ask for nothing until a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::planted::{self, Bug};
use crate::time::Timestamp;
use crate::trigger::TriggerId;

/// The name is no trigger's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no trigger `{0}`: triggers can be overridden, expectations cannot")]
pub struct UnknownTrigger(pub String);

/// Overridden triggers by name, each with the instant at which it asks again. At most as many as the policy has
/// triggers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Overrides(BTreeMap<String, Timestamp>);

impl Overrides {
    /// Whether none was ever given, or all have ended.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Until when a trigger is overridden, where it is at that instant.
    pub(super) fn until(&self, trigger: &str, at: Timestamp) -> Option<Timestamp> {
        self.0.get(trigger).copied().filter(|until| at < *until || planted::is(Bug::OverrideForEver))
    }

    /// The triggers that are overridden, by name.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// When the first of them ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.0.values().copied().min()
    }

    /// Drops what has ended: instants only go forward, so it never matters again.
    pub(super) fn end_before(&mut self, at: Timestamp) {
        if self.0.is_empty() {
            return;
        }
        self.0.retain(|_, until| at < *until || planted::is(Bug::OverrideForEver));
    }
}

impl Engine {
    /// Silences one trigger: at instants before `until` it asks for nothing, so it is not among a decision's reasons,
    /// and the decision names it as [overridden](crate::Decision::overridden). At `until` it asks again at once. A
    /// later word about the same trigger replaces the earlier one; an `until` that has passed overrides nothing.
    ///
    /// Underneath, its clocks run, its levels are reached and left, and it shows its state. Who has no voice speaks for
    /// nobody: a trigger that is `unless` it speaks for itself meanwhile. Otherwise the override would silence a second
    /// trigger, which nobody named and which the screen shows as ok, and a release could proceed past its rollback. So
    /// the decision is that of the policy without the overridden trigger. An expectation cannot be overridden, and missing
    /// evidence of anything else asks for hold as before.
    ///
    /// # Errors
    /// The policy has no trigger of that name.
    pub fn override_trigger(&mut self, trigger: &str, until: Timestamp) -> Result<(), UnknownTrigger> {
        self.known_trigger(trigger)?;
        self.agenda.unsettle();
        self.state.overrides.0.insert(trigger.to_owned(), until);
        Ok(())
    }

    /// Lets an overridden trigger ask again, from the next evaluation on; nothing where it is not overridden.
    ///
    /// # Errors
    /// The policy has no trigger of that name.
    pub fn end_override(&mut self, trigger: &str) -> Result<(), UnknownTrigger> {
        self.known_trigger(trigger)?;
        self.agenda.unsettle();
        self.state.overrides.0.remove(trigger);
        Ok(())
    }

    /// Until when a trigger is overridden: by the words given so far, at the last evaluation's instant.
    pub fn overridden_until(&self, trigger: TriggerId) -> Option<Timestamp> {
        let name = &self.policy.triggers().get(trigger.index())?.name;
        let at = self.latest.at.unwrap_or(Timestamp::from_nanos(i64::MIN));
        self.state.overrides.until(name, at)
    }

    fn known_trigger(&self, name: &str) -> Result<(), UnknownTrigger> {
        match self.policy.trigger_id(name).is_some() {
            true => Ok(()),
            false => Err(UnknownTrigger(name.to_owned())),
        }
    }
}
