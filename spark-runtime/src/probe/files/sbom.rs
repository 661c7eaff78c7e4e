//! A software bill of materials, and what changed in its licences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::super::{Measured, Probe, ProbeError, Value};
use super::read_json;

/// R10 and R15: a bill in CycloneDX or SPDX as JSON, against the one of the release before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbom {
    /// The bill.
    pub file: PathBuf,
    /// That of the release before.
    pub before: Option<PathBuf>,
    /// The licences that are allowed, as SPDX names them; any where there is no list.
    pub allow: Option<Vec<String>>,
}

/// Components and their licences, as SPDX expressions.
type Bill = BTreeMap<String, BTreeSet<String>>;

impl Probe for Sbom {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let (format, now) = self.bill(&self.file)?;
        let before = match &self.before {
            Some(path) => Some(self.bill(path)?.1),
            None => None,
        };
        let without: Vec<&String> =
            now.iter().filter(|(_, own)| own.is_empty()).map(|(name, _)| name).collect();
        let licences: BTreeSet<&String> = now.values().flatten().collect();
        let invalid: Vec<&&String> =
            licences.iter().filter(|text| spdx::Expression::parse(text).is_err()).collect();
        let refused = |licences: &BTreeSet<String>| match &self.allow {
            Some(allow) => licences.iter().any(|text| !allowed(text, allow)),
            None => false,
        };
        let not_allowed: Vec<&String> =
            now.iter().filter(|(_, own)| refused(own)).map(|(name, _)| name).collect();
        let drift = before.as_ref().map(|before| drift(before, &now));
        let known = |of: fn(&Drift) -> usize| match &drift {
            Some(drift) => Value::len(of(drift)),
            None => Value::unknown("the probe's settings name no bill of the release before"),
        };
        let details = json!({
            "format": format, "licences": licences, "without_licence": without, "invalid": invalid,
            "not_allowed": not_allowed, "drift": drift.as_ref().map(Drift::json),
        });
        Ok(Measured::new(details)
            .with("components", Value::len(now.len()))
            .with("without_licence", Value::len(without.len()))
            .with("invalid_licences", Value::len(invalid.len()))
            .with("not_allowed", Value::len(not_allowed.len()))
            .with("licences_changed", known(|drift| drift.changed.len()))
            .with("licences_new", known(|drift| drift.new_licences.len()))
            .with("components_new", known(|drift| drift.added.len())))
    }
}

/// What differs from the bill before.
struct Drift {
    changed: Vec<Json>,
    new_licences: Vec<String>,
    added: Vec<String>,
}

impl Drift {
    fn json(&self) -> Json {
        json!({ "changed": self.changed, "new_licences": self.new_licences, "added": self.added })
    }
}

fn drift(before: &Bill, now: &Bill) -> Drift {
    let changed = now.iter().filter_map(|(name, own)| {
        let then = before.get(name)?;
        (then != own).then(|| json!({ "component": name, "before": then, "now": own }))
    });
    let known: BTreeSet<&String> = before.values().flatten().collect();
    let mut new_licences: Vec<String> =
        now.values().flatten().filter(|text| !known.contains(text)).cloned().collect();
    new_licences.sort();
    new_licences.dedup();
    let added = now.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
    Drift { changed: changed.collect(), new_licences, added }
}

/// Whether an expression can be met by allowed licences alone.
fn allowed(text: &str, allow: &[String]) -> bool {
    let Ok(expression) = spdx::Expression::parse(text) else { return false };
    expression.evaluate(|requirement| allow.contains(&requirement.to_string()))
}

impl Sbom {
    fn bill(&self, path: &std::path::Path) -> Result<(&'static str, Bill), ProbeError> {
        let json = read_json(path)?;
        let wrong = |why: &str| ProbeError::File { path: path.display().to_string(), why: why.to_owned() };
        let (format, bill) = match (json.get("bomFormat").and_then(Json::as_str), json.get("spdxVersion")) {
            (Some("CycloneDX"), _) => ("CycloneDX", cyclone(&json)),
            (None, Some(_)) => ("SPDX", of_spdx(&json)),
            _ => return Err(wrong("neither CycloneDX nor SPDX in JSON")),
        };
        let bill = bill.ok_or_else(|| wrong("a component of it has no name"))?;
        match bill.is_empty() {
            false => Ok((format, bill)),
            true => Err(wrong("there is no component in it")),
        }
    }
}

/// `components`, those within components too; the version is not part of the name, so that an update is no new component.
fn cyclone(json: &Json) -> Option<Bill> {
    let mut bill = Bill::new();
    let mut left: Vec<&Json> = components(json).collect();
    while let Some(component) = left.pop() {
        let group = component.get("group").and_then(Json::as_str).filter(|group| !group.is_empty());
        let name = component.get("name")?.as_str()?;
        let name = group.map_or_else(|| name.to_owned(), |group| format!("{group}/{name}"));
        let licences = component.get("licenses").and_then(Json::as_array).into_iter().flatten();
        let texts = licences.filter_map(|licence| {
            let text = licence.get("expression").or_else(|| licence.pointer("/license/id"));
            text.or_else(|| licence.pointer("/license/name"))?.as_str().map(str::to_owned)
        });
        bill.entry(name).or_default().extend(texts);
        left.extend(components(component));
    }
    Some(bill)
}

fn components(json: &Json) -> impl Iterator<Item = &Json> {
    json.get("components").and_then(Json::as_array).into_iter().flatten()
}

/// `packages`, each with what was concluded of its licence, else what it declares.
fn of_spdx(json: &Json) -> Option<Bill> {
    let mut bill = Bill::new();
    for package in json.get("packages").and_then(Json::as_array).into_iter().flatten() {
        let said = |name: &str| {
            let text = package.get(name).and_then(Json::as_str);
            text.filter(|text| !matches!(*text, "NOASSERTION" | "NONE" | "")).map(str::to_owned)
        };
        let own = bill.entry(package.get("name")?.as_str()?.to_owned()).or_default();
        own.extend(said("licenseConcluded").or_else(|| said("licenseDeclared")));
    }
    Some(bill)
}
