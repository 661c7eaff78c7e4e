//! Secrets that somebody repeats: servers and programs say what they were given, and what they say becomes evidence.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Measured, ProbeError, ProbeKind, Probed, Value};
use crate::action::Secret;
use crate::action::hidden::{given, held};
use crate::action::text::without;
use crate::config::secrets_of_probe;

/// What PostgreSQL's own programs are given.
const OF_PROGRAMS: &str = "PGPASSWORD";

/// All that these probes are given and nobody may see: what their files and variables hold now.
pub(super) fn secrets(probes: &BTreeMap<String, ProbeKind>) -> Vec<Secret> {
    let sources: Vec<_> = probes.values().flat_map(secrets_of_probe).collect();
    let variables = probes.values().flat_map(|probe| match probe {
        ProbeKind::Program(program) => program.env.clone(),
        ProbeKind::Restore(_) => vec![OF_PROGRAMS.to_owned()],
        _ => Vec::new(),
    });
    let variables: Vec<String> = variables.collect();
    held(&sources).into_iter().chain(given(&variables)).collect()
}

/// What became of a probe, without secrets.
pub(super) fn conceal(probed: Probed, secrets: &[Secret]) -> Probed {
    if secrets.is_empty() {
        return probed;
    }
    let result = match probed.result {
        Ok(Measured { values, details }) => {
            let values = values.into_iter().map(|(name, value)| match value {
                Value::Unknown(why) => (name, Value::Unknown(without(&why, secrets))),
                known => (name, known),
            });
            Ok(Measured { values: values.collect(), details: of_json(details, secrets) })
        }
        Err(error) => {
            let words = error.to_string();
            let shown = without(&words, secrets);
            Err(if shown == words { error } else { ProbeError::Unanswered(shown) })
        }
    };
    Probed { result, ..probed }
}

fn of_json(json: Json, secrets: &[Secret]) -> Json {
    match json {
        Json::String(text) => Json::String(without(&text, secrets)),
        Json::Array(items) => items.into_iter().map(|item| of_json(item, secrets)).collect(),
        Json::Object(fields) => {
            let fields = fields.into_iter();
            fields.map(|(name, value)| (without(&name, secrets), of_json(value, secrets))).collect()
        }
        plain => plain,
    }
}
