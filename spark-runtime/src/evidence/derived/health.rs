//! The files of what surrounds a release, as probes found it when each stage ended.

use std::collections::BTreeMap;

use spark_core::rollout::{Dependency, Fact, Look};

use super::super::EvidenceError;
use super::super::files::{HealthLook, StageHealth};
use super::super::layout::stage_file;
use super::shelf::{Shelf, put_json};

/// What is gathered of it.
#[derive(Debug, Default)]
pub(super) struct Health(BTreeMap<(u32, Dependency), Vec<HealthLook>>);

impl Health {
    pub(super) fn on(&mut self, fact: &Fact) {
        let Fact::Looked { at, look } = fact else { return };
        let Look { stage, dependency, probe, values, details, unanswered } = look.clone();
        // what is no JSON is kept as the text that it is
        let details = match details.is_empty() {
            true => serde_json::Value::Null,
            false => serde_json::from_str(&details).unwrap_or(serde_json::Value::String(details)),
        };
        let look = HealthLook { at: *at, probe, values, details, unanswered };
        self.0.entry((stage, dependency)).or_default().push(look);
    }

    pub(super) fn write(&mut self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        for ((stage, dependency), looks) in std::mem::take(&mut self.0) {
            let path = stage_file(stage, &format!("{}.json", dependency.as_str()));
            put_json(shelf, &path, &StageHealth { stage, looks })?;
        }
        Ok(())
    }
}
