//! `evidence.stages`: the probes that look when a stage ends.

use std::collections::BTreeMap;

use spark_core::rollout::Dependency;

use super::document::{Kind, Node};
use super::read::Reader;
use super::shape::{EVIDENCE, STAGES};
use crate::probe::ProbeKind;

/// The probes by the file that they fill. Each has to be among `probes`, and must not act on what serves traffic.
pub(super) fn read(
    reader: &mut Reader<'_>,
    evidence: &Node,
    probes: &BTreeMap<String, ProbeKind>,
) -> BTreeMap<Dependency, Vec<String>> {
    let stages = reader.fields(evidence, &EVIDENCE).and_then(|fields| fields.get("stages"));
    let Some(fields) = stages.and_then(|node| reader.fields(node, &STAGES)) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for dependency in [Dependency::Database, Dependency::Pgbouncer] {
        let Some(node) = fields.get(dependency.as_str()) else { continue };
        let names = reader.names(node, "the name of a probe, such as pool", |_| true);
        let Kind::List(items) = &node.kind else { continue };
        for (name, item) in names.iter().zip(items) {
            match probes.get(name) {
                None => {
                    let known: Vec<String> = probes.keys().map(|name| format!("`{name}`")).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    reader.wrong(item.place, format!("there is no probe `{name}`: `probes` has {known}"));
                }
                Some(probe) if acts(probe) => {
                    let words = format!(
                        "probe `{name}` acts on what it measures: expected one that only reads, since a stage has traffic"
                    );
                    reader.wrong(item.place, words);
                }
                Some(_) => {}
            }
        }
        found.insert(dependency, names);
    }
    found
}

/// Whether a probe writes, or makes load.
const fn acts(probe: &ProbeKind) -> bool {
    matches!(
        probe,
        ProbeKind::Burst(_)
            | ProbeKind::Flood(_)
            | ProbeKind::Health(_)
            | ProbeKind::HttpCases(_)
            | ProbeKind::Alert(_)
            | ProbeKind::Restore(_)
    )
}
