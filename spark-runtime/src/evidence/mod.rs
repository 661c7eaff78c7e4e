//! Evidence: what a release leaves behind, in one folder, sealed so that nothing in it changes unnoticed.

mod folder;
mod key;
mod scan;
mod seal;

use std::io;
use std::path::{Path, PathBuf};

pub use folder::{EvidenceFolder, ReleaseId, SignalSummary, StageSummary};
pub use key::{key_beside, keygen, private_key, public_key, throw_away_key, write_public_key};
pub use seal::{SEAL_NAME, Sealed, seal, verify};

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
         the first a letter or digit, and no `.pub` at its end"
    )]
    BadRelease(String),
    /// The release has evidence already.
    #[error("`{}` is there already: a release's evidence is written once", .0.display())]
    Exists(PathBuf),
    /// A key stands where a new one is to be written.
    #[error("`{}` is there already, and no key is overwritten", .0.display())]
    KeyExists(PathBuf),
    /// A key is none.
    #[error("`{}` is no Ed25519 key in PEM", .0.display())]
    BadKey(PathBuf),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    NoRandomness(String),
    /// There is no seal.
    #[error("`{}` is not sealed: it has no `seal.json`", .0.display())]
    NotSealed(PathBuf),
    /// The seal is not one.
    #[error("the seal is not one: {0}")]
    BadSeal(String),
    /// The seal was made with another key, or changed.
    #[error("the seal's signature is not of this key")]
    BadSignature,
    /// Something in the folder can be no evidence: a link, a device, a name that is not UTF-8, too much of it.
    #[error("`{path}` cannot be evidence: {reason}")]
    NotEvidence {
        /// Where, below the folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// The content is not what was sealed.
    #[error("the content is not what was sealed: {}", .0.join("; "))]
    Differs(Vec<String>),
}

impl EvidenceError {
    /// Whether the evidence was read and does not hold, as against not being readable.
    pub const fn is_untrue(&self) -> bool {
        matches!(
            self,
            Self::NotSealed(_)
                | Self::BadSeal(_)
                | Self::BadSignature
                | Self::NotEvidence { .. }
                | Self::Differs(_)
        )
    }
}

/// A closure that turns an I/O error at `path` into an [`EvidenceError`].
fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> EvidenceError + 'a {
    move |source| EvidenceError::Io { what, path: path.to_owned(), source }
}
