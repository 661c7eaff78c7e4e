//! The seal: a statement over every file of a folder, in an envelope, signed.
//!
//! It proves that the folder is what the holder of the key sealed: nothing missing, added or changed, the seal
//! itself included. Both formats are open: in-toto's statement and DSSE's envelope.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::VerifyingKey;
use serde::Serialize;
use sha2::{Digest, Sha256};
use spark_core::Timestamp;

use super::chain::{BadLine, Head};
use super::code::SealCode;
use super::key::{SecretKey, key_id};
use super::scan::{Content, Progress, hex, open, scan};
use super::statement::{Claims, Statement};
use super::{EvidenceError, Writer, envelope, io_error};

/// The seal's name in an evidence folder.
pub const SEAL_NAME: &str = "seal.json";

/// Longest seal: 100,000 files of 400 bytes each, in base64.
const SEAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What was sealed, or found to be as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The release.
    pub release: String,
    /// When it was sealed, by the clock of the machine that sealed it.
    pub at: Timestamp,
    /// The how many-eth seal of this release, from 1.
    pub seal: u32,
    /// How many files, the seal aside.
    pub files: u64,
    /// How long they are together, in bytes.
    pub bytes: u64,
    /// Which key: the SHA-256 of its 32 public bytes.
    pub key: String,
    /// The seal in short: it is written down elsewhere, and stands for all of the folder.
    pub code: SealCode,
    /// The SHA-256 of `seal.json`.
    pub digest: String,
    /// The SHA-256 of the seal before this one.
    pub previous: Option<String>,
    /// Which Spark sealed it.
    pub spark: String,
    /// The rules' files in one digest: `sha256sum rules/* | sha256sum` gives it.
    pub rules: Option<String>,
    /// Where the journal ends, where it has a chain.
    pub journal: Option<Head>,
    /// The line of the journal that was cut off already when it was sealed.
    pub broken: Option<BadLine>,
}

/// Seals a folder now: everything that stands in it.
///
/// # Errors
/// As [`seal_at`].
pub fn seal(dir: &Path, release: &str, key: &SecretKey) -> Result<Sealed, EvidenceError> {
    use crate::runner::Clock as _;
    seal_at(dir, release, crate::runner::SystemClock::start().now(), key)
}

/// Seals a folder: everything that stands in it at the instant `at`.
///
/// # Errors
/// The folder holds what can be no evidence, is sealed already, or cannot be read or written.
pub fn seal_at(dir: &Path, release: &str, at: Timestamp, key: &SecretKey) -> Result<Sealed, EvidenceError> {
    let path = dir.join(SEAL_NAME);
    if path.symlink_metadata().is_ok() {
        return Err(EvidenceError::SealedAlready(dir.to_owned()));
    }
    let claims = claims(release, at, 1, None);
    write_seal(dir, &claims, &scan(dir, SEAL_NAME, None, &mut |_| {})?, key)
}

/// Seals a folder again after files were added or the journal went on, as in the 24 hours after a release.
///
/// What was sealed before must still be there as it was; the new seal names the old one.
///
/// # Errors
/// The old seal is not of this key or its content changed, or the folder cannot be read or written.
pub fn seal_again(dir: &Path, at: Timestamp, key: &SecretKey) -> Result<Sealed, EvidenceError> {
    let text = read_seal(dir)?;
    let old = Statement::parse(&envelope::open(&text, &key.verifying_key())?)?;
    let content = scan(dir, SEAL_NAME, None, &mut |_| {})?;
    let changed = old.lost(&content, dir)?;
    if !changed.is_empty() {
        return Err(EvidenceError::Differs(changed));
    }
    let previous = hex(&Sha256::digest(&text));
    let claims = claims(&old.predicate.release, at, old.predicate.seal.saturating_add(1), Some(previous));
    write_seal(dir, &claims, &content, key)
}

/// Verifies that a folder is exactly what was sealed with the key's other half.
///
/// # Errors
/// It is not; the error says in what ([`EvidenceError::is_untrue`]), or what could not be read.
pub fn verify(dir: &Path, key: &VerifyingKey) -> Result<Sealed, EvidenceError> {
    verify_with(dir, key, &mut |_| {})
}

/// As [`verify`], and tells how far it has come: the 64 GiB that a folder may have take minutes.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(
    dir: &Path,
    key: &VerifyingKey,
    told: &mut dyn FnMut(Progress),
) -> Result<Sealed, EvidenceError> {
    let text = read_seal(dir)?;
    let statement = Statement::parse(&envelope::open(&text, key)?)?;
    let content = scan(dir, SEAL_NAME, Some(statement.predicate.bytes), told)?;
    let differences = statement.differences(&content);
    if !differences.is_empty() {
        return Err(EvidenceError::Differs(differences));
    }
    Ok(sealed(&statement, &text, key))
}

fn claims(release: &str, at: Timestamp, seal: u32, previous: Option<String>) -> Claims {
    let spark = env!("CARGO_PKG_VERSION").to_owned();
    Claims { release: release.to_owned(), at, spark, seal, previous }
}

fn write_seal(
    dir: &Path,
    claims: &Claims,
    content: &Content,
    key: &SecretKey,
) -> Result<Sealed, EvidenceError> {
    PreparedSeal::write(dir, claims, content, key, Writer::Alone)?.put()
}

/// A seal that is whole and on the disk, beside the folder that it seals.
#[derive(Debug)]
pub struct PreparedSeal {
    dir: PathBuf,
    beside: PathBuf,
    sealed: Sealed,
}

impl PreparedSeal {
    /// Makes the seal over what stands in a folder now.
    ///
    /// # Errors
    /// As [`seal_at`].
    pub fn of(dir: &Path, release: &str, key: &SecretKey, writer: Writer) -> Result<Self, EvidenceError> {
        use crate::runner::Clock as _;
        // a runner that lost the rollout in the very moment of its seal may have left one, and the newer one replaces it
        if writer == Writer::Alone && dir.join(SEAL_NAME).symlink_metadata().is_ok() {
            return Err(EvidenceError::SealedAlready(dir.to_owned()));
        }
        let claims = claims(release, crate::runner::SystemClock::start().now(), 1, None);
        Self::write(dir, &claims, &scan(dir, SEAL_NAME, None, &mut |_| {})?, key, writer)
    }

    fn write(
        dir: &Path,
        claims: &Claims,
        content: &Content,
        key: &SecretKey,
        writer: Writer,
    ) -> Result<Self, EvidenceError> {
        let statement = Statement::of(claims, content);
        let text = envelope::sign(&statement.to_json()?, key)?;
        // a seal is there whole or not at all: it is written beside the folder and moved in
        let beside = writer.beside(dir, ".seal");
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&beside)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(io_error("write", &beside))?;
        let sealed = sealed(&statement, &text, &key.verifying_key());
        Ok(Self { dir: dir.to_owned(), beside, sealed })
    }

    /// Moves it into the folder: from now on nothing in there may change.
    ///
    /// # Errors
    /// It cannot be moved there.
    pub fn put(self) -> Result<Sealed, EvidenceError> {
        let path = self.dir.join(SEAL_NAME);
        let put = std::fs::rename(&self.beside, &path).and_then(|()| sync_folder(&self.dir));
        put.map_err(io_error("write", &path))?;
        Ok(self.sealed)
    }
}

/// Brings a folder's names to the disk.
pub(super) fn sync_folder(dir: &Path) -> std::io::Result<()> {
    // Windows keeps names without being asked, and opens no folder as a file
    if cfg!(unix) { std::fs::File::open(dir)?.sync_all() } else { Ok(()) }
}

/// The bytes of a folder's seal.
pub(super) fn read_seal(dir: &Path) -> Result<Vec<u8>, EvidenceError> {
    let path = dir.join(SEAL_NAME);
    // the folder must be readable before a missing seal means anything
    std::fs::read_dir(dir).map_err(io_error("read", dir))?;
    let Ok(metadata) = std::fs::symlink_metadata(&path) else {
        return Err(EvidenceError::NotSealed(dir.to_owned()));
    };
    if !metadata.is_file() {
        return Err(EvidenceError::BadSeal("it is not a file".to_owned()));
    }
    let mut text = Vec::new();
    let limit = SEAL_BYTES_MAX.saturating_add(1);
    open(&path, SEAL_NAME)?.take(limit).read_to_end(&mut text).map_err(io_error("read", &path))?;
    match u64::try_from(text.len()).is_ok_and(|length| length <= SEAL_BYTES_MAX) {
        true => Ok(text),
        false => Err(EvidenceError::BadSeal(format!("it is longer than {SEAL_BYTES_MAX} bytes"))),
    }
}

fn sealed(statement: &Statement, text: &[u8], key: &VerifyingKey) -> Sealed {
    let predicate = &statement.predicate;
    let digest = Sha256::digest(text);
    Sealed {
        release: predicate.release.clone(),
        at: predicate.at,
        seal: predicate.seal,
        files: predicate.files,
        bytes: predicate.bytes,
        key: key_id(key),
        code: SealCode::of(&digest),
        digest: hex(&digest),
        previous: predicate.previous.clone(),
        spark: predicate.spark.clone(),
        rules: predicate.rules.clone(),
        journal: predicate.journal.as_ref().and_then(|chain| chain.head.clone()),
        broken: predicate.journal.as_ref().and_then(|chain| chain.broken.clone()),
    }
}
