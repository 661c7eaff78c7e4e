//! Feature flags in a file, against what they have to be.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::super::{Measured, Probe, ProbeError, Value};
use super::read_json;

/// P7: flags of a JSON file against what they have to be before a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagsFile {
    /// The file: an object of flags and their values.
    pub file: PathBuf,
    /// What each has to be, as text.
    pub expected: BTreeMap<String, String>,
}

impl Probe for FlagsFile {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let json = read_json(&self.file)?;
        let wrong = || ProbeError::File {
            path: self.file.display().to_string(),
            why: "no object of flags".to_owned(),
        };
        let flags = json.as_object().ok_or_else(wrong)?;
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Ok(compared(&flags.iter().map(|(name, value)| (name.clone(), text(value))).collect(), &self.expected))
    }
}

/// Flags against what they have to be.
pub(in super::super) fn compared(
    found: &BTreeMap<String, String>,
    expected: &BTreeMap<String, String>,
) -> Measured {
    let different: Vec<Json> = expected
        .iter()
        .filter_map(|(name, wanted)| {
            let value = found.get(name)?;
            (value != wanted).then(|| json!({ "flag": name, "expected": wanted, "found": value }))
        })
        .collect();
    let missing: Vec<&String> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
    let unexpected: Vec<&String> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
    let details =
        json!({ "flags": found, "different": different, "missing": missing, "unexpected": unexpected });
    Measured::new(details)
        .with("flags", Value::len(found.len()))
        .with("different", Value::len(different.len()))
        .with("missing", Value::len(missing.len()))
        .with("unexpected", Value::len(unexpected.len()))
}
