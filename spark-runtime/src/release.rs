//! A release's folder: its journal, opened to begin or to take up, and at the end the evidence that follows from it.

mod left;
mod place;
#[cfg(feature = "postgres")]
mod relay;
#[cfg(feature = "postgres")]
mod shared;
#[cfg(feature = "postgres")]
mod untold;

use std::path::{Path, PathBuf};

use spark_core::rollout::Ending;

use crate::audit::{self, AuditError, Folded};
use crate::evidence::{EvidenceError, EvidenceFolder, ReleaseId};
use crate::journal::{AnyJournal, FileJournal, JournalError, Opened, Record};
use crate::runner::{Begin, Observer, Release, RunEnd};

pub use self::left::Left;
pub use self::place::{JournalPlace, PlaceError};
#[cfg(feature = "postgres")]
pub use self::relay::Relay;

/// The journal's name in an evidence folder.
pub const JOURNAL_NAME: &str = "journal.jsonl";

/// Why a release's folder cannot be opened, or its evidence not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The folder.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What the journal says.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// It is the journal of another release.
    #[error("the journal in `{}` is of release `{found}`", .folder.display())]
    OtherRelease {
        /// Which folder.
        folder: PathBuf,
        /// What its journal says.
        found: String,
    },
    /// Another runner has the rollout.
    #[error("another runner has the rollout, so this one does nothing any more: {0}")]
    Fenced(String),
    /// The run came back, and its journal cannot be brought to the evidence's folder.
    #[error("the evidence is not written, since the journal cannot be read: {why}; {told}")]
    NoEvidence {
        /// How it came back.
        end: Box<RunEnd>,
        /// Why the journal does not tell everything, where it does not.
        unrecorded: Option<String>,
        /// Why it cannot be read.
        why: String,
        /// Where this runner wrote down what it knows, or why it could not.
        told: String,
    },
    /// The rollout is over.
    #[error(
        "release `{release}` is over ({ending}): a release's evidence is written once, so give the next one another name"
    )]
    Over {
        /// The release.
        release: String,
        /// How it ended.
        ending: Ending,
    },
}

/// A release's folder whose journal is open.
#[derive(Debug)]
pub struct OpenRelease {
    /// The folder.
    pub folder: EvidenceFolder,
    /// The journal.
    pub journal: AnyJournal,
    /// The rollout as far as it is recorded; none for a new one.
    pub folded: Option<Box<Folded>>,
    /// What was cut from the journal's end, in words.
    pub cut: Option<String>,
}

impl OpenRelease {
    /// Opens a release's folder below `root`, or makes it.
    ///
    /// # Errors
    /// Another runner has it, it cannot be written, its journal is damaged or is not one of this release, or the rollout is over.
    pub fn open(root: &Path, id: &ReleaseId) -> Result<Self, ReleaseError> {
        Self::open_telling(root, id, &mut |_: &_, _: &_| {})
    }

    /// As [`Self::open`]; `observer` is told of every fact that is recorded already.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_telling(
        root: &Path,
        id: &ReleaseId,
        observer: &mut dyn Observer,
    ) -> Result<Self, ReleaseError> {
        let folder = EvidenceFolder::open(root, id)?;
        let Opened { journal, records, cut } = FileJournal::in_folder(folder.path(), JOURNAL_NAME)?;
        let cut = cut.map(|cut| format!("{} bytes from line {} on: {}", cut.bytes, cut.line, cut.why));
        let folded = look_at(&folder, id, &records, observer)?;
        Ok(Self { folder, journal: AnyJournal::File(Box::new(journal)), folded, cut })
    }

    /// As [`Self::open_telling`], wherever the journal is.
    ///
    /// # Errors
    /// As [`Self::open`]; the database fails, or what was brought to the folder before is not in it.
    pub async fn open_at(
        root: &Path,
        id: &ReleaseId,
        place: &JournalPlace,
        observer: &mut dyn Observer,
    ) -> Result<Self, ReleaseError> {
        match place {
            JournalPlace::Folder => Self::open_telling(root, id, observer),
            #[cfg(feature = "postgres")]
            JournalPlace::Postgres(config) => shared::open(root, id, config, observer).await,
        }
    }

    /// Whether nothing is left to be done but to write the evidence and to seal it: [`Left::of_over`] does.
    pub fn is_over(&self) -> bool {
        let ending = self.folded.as_ref().and_then(|folded| folded.ending.as_ref());
        ending.is_some_and(|ending| !matches!(ending, Ending::Unverified { .. }))
    }

    /// What a run begins with: the rollout as it is recorded, else `new`.
    pub fn begin(folded: Option<Box<Folded>>, new: impl FnOnce() -> Release) -> Begin {
        match folded {
            Some(folded) => Begin::Resumed(folded),
            None => Begin::New(new()),
        }
    }
}

/// What a release's records say; none where there are none yet.
fn look_at(
    folder: &EvidenceFolder,
    id: &ReleaseId,
    records: &[Record],
    observer: &mut dyn Observer,
) -> Result<Option<Box<Folded>>, ReleaseError> {
    if records.is_empty() {
        return Ok(None);
    }
    let folded = audit::fold(records, observer)?;
    if folded.start.release != id.as_str() {
        let (folder, found) = (folder.path().to_owned(), folded.start.release);
        return Err(ReleaseError::OtherRelease { folder, found });
    }
    match folded.ending {
        None | Some(Ending::Unverified { .. }) => {
            folder.unseal()?;
            Ok(Some(Box::new(folded)))
        }
        // a runner that was killed between its last record and its seal left the evidence to be written
        Some(_) if !folder.is_sealed() => Ok(Some(Box::new(folded))),
        Some(ending) => Err(ReleaseError::Over { release: folded.start.release, ending }),
    }
}

/// The records of a folder's journal, without touching it.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn read(folder: &Path) -> Result<Vec<Record>, JournalError> {
    crate::journal::read_only(&folder.join(JOURNAL_NAME))?.collect()
}
