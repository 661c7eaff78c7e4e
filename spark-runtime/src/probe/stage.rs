//! What is looked at when a stage ends: probes beside each other, within a time, for the evidence alone.

use std::collections::BTreeMap;
use std::time::Duration;

use spark_core::rollout::{Dependency, Look, Seen};
use tokio::task::JoinSet;

use super::{Measured, ProbeKind, Probed, Value, probe};
use crate::action::Secret;
use crate::action::hidden::held;
use crate::action::text::without;
use crate::config::{EvidenceConfig, SecretSource};
use crate::runner::Looks;

/// How long a look may take: what the stage ended with is over soon after.
const WITHIN: Duration = Duration::from_secs(10);

/// Longest details of one look, as JSON: five stages of them are read by people.
const DETAILS_BYTES_MAX: usize = 64 << 10;

/// The probes that look when a stage ends.
#[derive(Debug, Clone)]
pub struct StageProbes {
    probes: Vec<(Dependency, String, ProbeKind)>,
    hidden: Vec<SecretSource>,
}

impl StageProbes {
    /// Those that a configuration names, for a release; `hidden` is where secrets are that no answer may repeat.
    pub fn configured(
        evidence: &EvidenceConfig,
        probes: &BTreeMap<String, ProbeKind>,
        hidden: &[SecretSource],
        release: &str,
    ) -> Self {
        let named = evidence
            .stages
            .iter()
            .flat_map(|(dependency, names)| names.iter().map(move |name| (*dependency, name)));
        let found = named.filter_map(|(dependency, name)| {
            Some((dependency, name.clone(), probes.get(name)?.clone().of_release(release)))
        });
        Self { probes: found.collect(), hidden: hidden.to_vec() }
    }

    /// Looks, now that the stage with this place has ended. The probes run by themselves, and end when the answer is dropped.
    ///
    /// It has to be called within a runtime.
    pub fn look(&self, stage: u32) -> Looks {
        let mut jobs = JoinSet::new();
        for (dependency, name, kind) in self.probes.clone() {
            let hidden = self.hidden.clone();
            jobs.spawn(async move {
                let probed = probe(&kind, WITHIN).await;
                found(stage, dependency, name, &probed, &held(&hidden))
            });
        }
        Box::pin(async move {
            let mut looks = Vec::new();
            while let Some(done) = jobs.join_next().await {
                // a probe that came to a bad end has found nothing
                looks.extend(done.ok());
            }
            looks.sort_by(|a: &Look, b: &Look| (a.dependency, &a.probe).cmp(&(b.dependency, &b.probe)));
            looks
        })
    }
}

fn found(stage: u32, dependency: Dependency, probe: String, probed: &Probed, secrets: &[Secret]) -> Look {
    let (values, details, unanswered) = match &probed.result {
        Ok(measured) => (values(measured, secrets), details(measured, secrets), None),
        Err(error) => (BTreeMap::new(), String::new(), Some(without(&error.to_string(), secrets))),
    };
    Look { stage, dependency, probe, values, details, unanswered }
}

fn values(measured: &Measured, secrets: &[Secret]) -> BTreeMap<String, Seen> {
    let seen = |value: &Value| match value {
        Value::Known(quantity) => Seen::Value(quantity.to_string()),
        Value::Flag(so) => Seen::Value(so.to_string()),
        Value::Unknown(why) => Seen::Unknown(without(why, secrets)),
    };
    measured.values.iter().map(|(name, value)| (name.clone(), seen(value))).collect()
}

/// The details as JSON with sorted names: another build may keep them in another order.
fn details(measured: &Measured, secrets: &[Secret]) -> String {
    let mut details = measured.details.clone();
    details.sort_all_objects();
    if details.is_null() {
        return String::new();
    }
    let text = without(&details.to_string(), secrets);
    match text.len() <= DETAILS_BYTES_MAX {
        true => text,
        false => format!("\"{} bytes of details were not kept\"", text.len()),
    }
}
