//! Who built what: a statement of provenance, its signature, and the very files that it is of.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signature;
use serde_json::{Value as Json, json};

use super::super::{Measured, Probe, ProbeError, Value};
use super::{read_json, sum_of};
use crate::evidence;

/// R10: a statement in-toto v1 with provenance of SLSA v1, plain or in an envelope of DSSE.
///
/// What it says of its builder is as true as the key that signed it: this checks a format, a signature and sums, and is no level
/// of SLSA above the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The statement.
    pub file: PathBuf,
    /// The files that it has to be of.
    pub artifacts: Vec<PathBuf>,
    /// The public key of whoever signs.
    pub key: Option<PathBuf>,
    /// The builder that has to have made it, by its id.
    pub builder: Option<String>,
}

impl Probe for Provenance {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let json = read_json(&self.file)?;
        let wrong =
            |why: &str| ProbeError::File { path: self.file.display().to_string(), why: why.to_owned() };
        let (statement, signed) = match json.get("payload").and_then(Json::as_str) {
            Some(payload) => {
                let bytes =
                    STANDARD.decode(payload).map_err(|_| wrong("the envelope's payload is no base64"))?;
                let statement =
                    serde_json::from_slice(&bytes).map_err(|_| wrong("the payload is no JSON"))?;
                (statement, self.signed(&json, &bytes)?)
            }
            None => (json, false),
        };
        let text = |pointer: &str| statement.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        if text("/_type") != "https://in-toto.io/Statement/v1" {
            return Err(wrong("no statement in-toto v1"));
        }
        let is_provenance = text("/predicateType") == "https://slsa.dev/provenance/v1";
        let builder = text("/predicate/runDetails/builder/id");
        let subjects = statement.get("subject").and_then(Json::as_array).cloned().unwrap_or_default();
        let told =
            |subject: &Json| subject.pointer("/digest/sha256").and_then(Json::as_str).map(str::to_owned);
        let sums: Vec<String> = subjects.iter().filter_map(told).collect();
        let (mut of, mut unknown) = (0_usize, Vec::new());
        for artifact in &self.artifacts {
            match sums.contains(&sum_of(artifact)?) {
                true => of = of.saturating_add(1),
                false => unknown.push(artifact.display().to_string()),
            }
        }
        let signature = match &self.key {
            Some(_) => Value::whether(signed),
            None => Value::unknown("the probe's settings name no public key"),
        };
        let builder_is_right = match &self.builder {
            Some(wanted) => Value::whether(wanted == builder),
            None => Value::unknown("the probe's settings name no builder"),
        };
        let details =
            json!({ "builder": builder, "subjects": subjects, "not_in_it": unknown, "signed": signed });
        Ok(Measured::new(details)
            .with("provenance", Value::whether(is_provenance))
            .with("subjects", Value::len(subjects.len()))
            .with("matched", Value::len(of))
            .with("unmatched", Value::len(unknown.len()))
            .with("signed", signature)
            .with("builder", builder_is_right))
    }
}

impl Provenance {
    /// Whether the envelope has a signature of the key over its payload.
    fn signed(&self, envelope: &Json, payload: &[u8]) -> Result<bool, ProbeError> {
        let Some(path) = &self.key else { return Ok(false) };
        let key = evidence::public_key(path)
            .map_err(|error| ProbeError::File { path: path.display().to_string(), why: error.to_string() })?;
        let kind = envelope.get("payloadType").and_then(Json::as_str).unwrap_or_default();
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend(payload);
        let signatures = envelope.get("signatures").and_then(Json::as_array).into_iter().flatten();
        // the key's id in the envelope is a hint of nobody: every signature is tried with the one key
        Ok(signatures.filter_map(|one| one.get("sig")?.as_str()).any(|text| {
            let bytes = STANDARD.decode(text).ok();
            let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
            signature.is_some_and(|signature| key.verify_strict(&message, &signature).is_ok())
        }))
    }
}
