//! The seal: an in-toto statement over every file, in a DSSE envelope, signed with Ed25519.
//!
//! It proves that the folder is what the holder of the key sealed: nothing missing, added or changed, the seal
//! itself included. Both formats are open: [in-toto Statement v1](https://github.com/in-toto/attestation) and
//! [DSSE](https://github.com/secure-systems-lab/dsse).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::scan::{FileHash, hex, scan};
use super::{EvidenceError, io_error};

/// The seal's name in an evidence folder.
pub const SEAL_NAME: &str = "seal.json";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const PREDICATE_TYPE: &str = "urn:spark:release-evidence:1";

/// Longest seal: 100,000 files of 400 bytes each, in base64.
const SEAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Differences that are named one by one; more are counted.
const DIFFERENCES_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    release: String,
    files: u64,
    bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    keyid: String,
    sig: String,
}

/// What was sealed, or found to be as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The release.
    pub release: String,
    /// How many files, the seal aside.
    pub files: u64,
    /// How long they are together, in bytes.
    pub bytes: u64,
    /// Which key: the SHA-256 of its 32 public bytes.
    pub key: String,
}

/// Seals a folder: everything that stands in it now.
///
/// # Errors
/// The folder holds what can be no evidence, is sealed already, or cannot be read or written.
pub fn seal(dir: &Path, release: &str, key: &SigningKey) -> Result<Sealed, EvidenceError> {
    let statement = statement(release, &scan(dir, SEAL_NAME)?);
    let payload = to_json(&statement)?;
    let signature = key.sign(&pae(PAYLOAD_TYPE, &payload));
    let text = envelope(&payload, &signature, &key.verifying_key())?;
    let path = dir.join(SEAL_NAME);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(io_error("write", &path))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(io_error("write", &path))?;
    Ok(sealed(&statement, &key.verifying_key()))
}

/// Verifies that a folder is exactly what was sealed with the key's other half.
///
/// # Errors
/// It is not; the error says in what ([`EvidenceError::is_untrue`]), or what could not be read.
pub fn verify(dir: &Path, key: &VerifyingKey) -> Result<Sealed, EvidenceError> {
    let text = read_seal(dir)?;
    let parsed: Envelope = from_json(&text)?;
    let [signature] = parsed.signatures.as_slice() else {
        return Err(EvidenceError::BadSeal("it has not one signature".to_owned()));
    };
    let payload = decode(&parsed.payload, "payload")?;
    let signature: Signature = decode(&signature.sig, "signature")?
        .as_slice()
        .try_into()
        .map_err(|_| EvidenceError::BadSeal("its signature is not 64 bytes long".to_owned()))?;
    // strict: only one form of a signature is good, so none can be exchanged for another
    key.verify_strict(&pae(PAYLOAD_TYPE, &payload), &signature).map_err(|_| EvidenceError::BadSignature)?;
    let recorded: Statement = from_json(&payload)?;
    let found = statement(&recorded.predicate.release, &scan(dir, SEAL_NAME)?);
    let differences = differences(&recorded, &found);
    if !differences.is_empty() {
        return Err(EvidenceError::Differs(differences));
    }
    // every byte of the seal follows from the folder, the signature and the key; so none can differ unnoticed
    let whole = envelope(&to_json(&found)?, &signature, key)?;
    if whole != text {
        return Err(EvidenceError::BadSeal("it is written differently from how it was made".to_owned()));
    }
    Ok(sealed(&recorded, key))
}

fn read_seal(dir: &Path) -> Result<Vec<u8>, EvidenceError> {
    let path = dir.join(SEAL_NAME);
    // the folder must be readable before a missing seal means anything
    std::fs::read_dir(dir).map_err(io_error("read", dir))?;
    let Ok(metadata) = std::fs::symlink_metadata(&path) else {
        return Err(EvidenceError::NotSealed(dir.to_owned()));
    };
    if !metadata.is_file() {
        return Err(EvidenceError::BadSeal("it is not a file".to_owned()));
    }
    let file = std::fs::File::open(&path).map_err(io_error("read", &path))?;
    let mut text = Vec::new();
    file.take(SEAL_BYTES_MAX).read_to_end(&mut text).map_err(io_error("read", &path))?;
    Ok(text)
}

fn statement(release: &str, files: &BTreeMap<String, FileHash>) -> Statement {
    let subject = files
        .iter()
        .map(|(name, hash)| Subject {
            name: name.clone(),
            digest: BTreeMap::from([("sha256".to_owned(), hash.sha256.clone())]),
        })
        .collect();
    let bytes = files.values().fold(0u64, |sum, hash| sum.saturating_add(hash.bytes));
    Statement {
        kind: STATEMENT_TYPE.to_owned(),
        subject,
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Predicate {
            release: release.to_owned(),
            files: u64::try_from(files.len()).unwrap_or(u64::MAX),
            bytes,
        },
    }
}

/// What differs between the sealed files and the found ones, in words.
fn differences(recorded: &Statement, found: &Statement) -> Vec<String> {
    let index = |statement: &Statement| -> BTreeMap<String, BTreeMap<String, String>> {
        statement.subject.iter().map(|s| (s.name.clone(), s.digest.clone())).collect()
    };
    let (before, now) = (index(recorded), index(found));
    let missing = before.keys().filter(|name| !now.contains_key(*name)).map(|n| format!("`{n}` is missing"));
    let extra = now.keys().filter(|name| !before.contains_key(*name)).map(|n| format!("`{n}` was added"));
    let changed = before
        .iter()
        .filter(|(name, digest)| now.get(*name).is_some_and(|other| other != *digest))
        .map(|(name, _)| format!("`{name}` was changed"));
    let mut all: Vec<String> = changed.chain(missing).chain(extra).collect();
    if all.is_empty() && recorded != found {
        all.push("its list of files was changed".to_owned());
    }
    if all.len() > DIFFERENCES_MAX {
        let more = all.len().saturating_sub(DIFFERENCES_MAX);
        all.truncate(DIFFERENCES_MAX);
        all.push(format!("and {more} more"));
    }
    all
}

/// DSSE's pre-authentication encoding: what is signed.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

fn envelope(payload: &[u8], signature: &Signature, key: &VerifyingKey) -> Result<Vec<u8>, EvidenceError> {
    let envelope = Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload: BASE64.encode(payload),
        signatures: vec![EnvelopeSignature { keyid: key_id(key), sig: BASE64.encode(signature.to_bytes()) }],
    };
    let mut text = to_json(&envelope)?;
    text.push(b'\n');
    Ok(text)
}

fn key_id(key: &VerifyingKey) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

fn sealed(statement: &Statement, key: &VerifyingKey) -> Sealed {
    let predicate = &statement.predicate;
    Sealed {
        release: predicate.release.clone(),
        files: predicate.files,
        bytes: predicate.bytes,
        key: key_id(key),
    }
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, EvidenceError> {
    serde_json::to_vec(value).map_err(|error| EvidenceError::BadSeal(error.to_string()))
}

fn from_json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, EvidenceError> {
    serde_json::from_slice(bytes).map_err(|error| EvidenceError::BadSeal(error.to_string()))
}

fn decode(text: &str, what: &str) -> Result<Vec<u8>, EvidenceError> {
    BASE64.decode(text).map_err(|_| EvidenceError::BadSeal(format!("its {what} is not base64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is signed is the encoding that the DSSE specification shows.
    #[test]
    fn pre_authentication_encoding() {
        assert_eq!(
            String::from_utf8(pae("http://example.com/HelloWorld", b"hello world")).unwrap(),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
