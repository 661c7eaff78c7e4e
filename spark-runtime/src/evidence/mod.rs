//! Evidence: what a release leaves behind, in one folder, sealed so that nothing in it changes unnoticed.

mod anchor;
mod chain;
mod chronicle;
mod code;
mod derived;
mod envelope;
pub mod files;
mod folder;
mod key;
pub mod layout;
mod scan;
mod seal;
mod statement;
mod text;
pub mod timestamp;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub use ed25519_dalek::VerifyingKey;

pub use anchor::{Anchor, Anchored, append_anchor, check_anchors};
pub use chain::{BadLine, Head};
pub use chronicle::Chronicle;
pub use code::SealCode;
pub use derived::{Checked, Derived, Staged, check_derived, write_derived};
pub use folder::{EvidenceFolder, ReleaseId, SignalSummary, StageSummary};
pub(crate) use key::beside;
pub use key::{
    KEY_VARIABLE, SecretKey, key_beside, key_id, keygen, private_key, private_key_of,
    private_key_of_environment, public_key, public_pem, throw_away_key, write_public_key,
};
pub use scan::Progress;
pub use seal::{PreparedSeal, SEAL_NAME, Sealed, seal, seal_again, seal_at, verify, verify_with};
pub use statement::Difference;
pub use writer::Writer;

/// Why evidence cannot be written, read or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file or a folder could not be read or written.
    #[error("cannot {what} `{}`", .path.display())]
    Io {
        /// What was tried: `read`, `write`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A release's name cannot name a folder.
    #[error(
        "`{0}` is no release id: expected up to 128 letters, digits, `.`, `_` and `-`, \
         the first a letter or digit, and no `.pub`, `.tsr`, `.sock`, `.reserve`, `.json`, `.jsonl`, `.new` or dot at its end"
    )]
    BadRelease(String),
    /// The release has evidence already.
    #[error("`{}` is there already: a release's evidence is written once", .0.display())]
    Exists(PathBuf),
    /// A key stands where a new one is to be written.
    #[error("`{}` is there already, and no key is overwritten", .0.display())]
    KeyExists(PathBuf),
    /// A key is none.
    #[error("`{origin}` is no key for this: {what}")]
    BadKey {
        /// The file, or the variable.
        origin: String,
        /// What it is, or should be.
        what: &'static str,
    },
    /// A private key can be read by others, and so may have been.
    #[error(
        "`{}` can be read or changed by others (mode {mode:04o}): make a new key if they may have, or `chmod 600` it",
        .path.display()
    )]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    NoRandomness(String),
    /// There is no seal.
    #[error("`{}` is not sealed: it has no `seal.json`", .0.display())]
    NotSealed(PathBuf),
    /// The folder is sealed already.
    #[error("`{}` is sealed already", .0.display())]
    SealedAlready(PathBuf),
    /// The seal is not one.
    #[error("`seal.json` is no seal: {0}")]
    BadSeal(String),
    /// The seal was made with another key, or changed.
    #[error("the signature in `seal.json` is not of key {checked_with}{}", how_so(.sealed_with, .checked_with))]
    BadSignature {
        /// The key that the seal names; it is no proof of anything.
        sealed_with: String,
        /// The key that it was checked with.
        checked_with: String,
    },
    /// Something in the folder can be no evidence: a link, a device, a name that is not UTF-8, too much of it.
    #[error("`{path}` cannot be evidence: {reason}")]
    NotEvidence {
        /// Where, below the folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// Something that was kept elsewhere knows of another, newer seal.
    #[error("`{anchor}` is not of this folder: {why}; an older copy may have been put back")]
    NotTheNewest {
        /// What was kept: a code, a head, a log.
        anchor: String,
        /// What is found instead.
        why: String,
    },
    /// A log of anchors is damaged.
    #[error("line {line} of `{}` is damaged: {why}", .path.display())]
    BadLog {
        /// The log.
        path: PathBuf,
        /// The first bad line, from 1.
        line: u64,
        /// Why.
        why: String,
    },
    /// A time stamp does not hold, or is of something else.
    #[error("the time stamp `{origin}` does not hold: {why}")]
    BadTimestamp {
        /// Where it came from.
        origin: String,
        /// Why.
        why: String,
    },
    /// An authority gave no time stamp. It says nothing about the evidence.
    #[error("no time stamp from `{url}`: {why}")]
    NoTimestamp {
        /// Who was asked.
        url: String,
        /// Why there is none.
        why: String,
    },
    /// A table cannot be written.
    #[error("cannot write `{path}`: {why}")]
    BadTable {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// The journal is whole, and the files that follow from it could not be written.
    #[error(
        "{why}; the journal in `{}` is not touched by that: when the cause is gone, `spark evidence seal` writes the rest",
        .folder.display()
    )]
    Unwritten {
        /// The release's folder.
        folder: PathBuf,
        /// Why.
        why: String,
    },
    /// The content is not what was sealed.
    #[error("the content is not what was sealed: {}", joined(.0))]
    Differs(Vec<Difference>),
}

fn joined(all: &[Difference]) -> String {
    let all: Vec<String> = all.iter().map(Difference::to_string).collect();
    all.join("; ")
}

/// Which of two mistakes a wrong signature is, by what the seal says of itself.
fn how_so(sealed: &str, checked: &str) -> String {
    let is_id = sealed.len() == checked.len() && sealed.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_id && sealed != checked {
        true => format!(": it names key {sealed}"),
        false => ": the seal was changed".to_owned(),
    }
}

impl EvidenceError {
    /// Whether the evidence was read and does not hold, as against not being readable.
    pub const fn is_untrue(&self) -> bool {
        matches!(
            self,
            Self::NotSealed(_)
                | Self::BadSeal(_)
                | Self::BadSignature { .. }
                | Self::NotEvidence { .. }
                | Self::NotTheNewest { .. }
                | Self::BadLog { .. }
                | Self::BadTimestamp { .. }
                | Self::Differs(_)
        )
    }

    /// The first place that does not hold, where the evidence was read and does not hold.
    pub fn first_bad(&self) -> Option<Difference> {
        let at = |path: &str, what: String| Some(Difference { path: path.to_owned(), line: None, what });
        match self {
            Self::NotSealed(_) => at(SEAL_NAME, "is missing".to_owned()),
            Self::BadSeal(_) | Self::BadSignature { .. } => at(SEAL_NAME, self.to_string()),
            Self::NotEvidence { path, reason } => at(path, format!("cannot be evidence: {reason}")),
            Self::Differs(all) => all.first().cloned(),
            _ => None,
        }
    }
}

/// A closure that turns an I/O error at `path` into an [`EvidenceError`].
fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> EvidenceError + 'a {
    move |source| EvidenceError::Io { what, path: path.to_owned(), source }
}
