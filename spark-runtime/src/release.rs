//! A release's folder: its journal, opened to begin or to take up, and at the end the evidence that follows from it.

mod place;
#[cfg(feature = "postgres")]
mod relay;
#[cfg(feature = "postgres")]
mod shared;

use std::path::{Path, PathBuf};

use spark_core::rollout::Ending;

use crate::audit::{self, AuditError, Folded};
use crate::evidence::{
    self, Chronicle, Derived, EvidenceError, EvidenceFolder, ReleaseId, Sealed, SecretKey,
};
use crate::journal::{AnyJournal, FileJournal, Journal, JournalError, Leave, Opened, Record};
use crate::runner::{Begin, Observer, Outcome, Release, RunEnd};

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

/// What is left of a run: its journal closed, and the evidence written from it.
#[derive(Debug)]
pub struct Left {
    /// How it came back.
    pub end: RunEnd,
    /// Why the journal does not tell everything, where it does not.
    pub unrecorded: Option<String>,
    /// What happened.
    pub chronicle: Chronicle,
    /// The rollout as the journal has it.
    pub folded: Folded,
    /// The folder, not yet sealed: the caller may add to it.
    pub folder: EvidenceFolder,
    /// Why the files that follow from the journal could not be written.
    unwritten: Option<String>,
}

impl Left {
    /// Closes a run's journal and writes the evidence that follows from it.
    ///
    /// # Errors
    /// The journal cannot be read again, or a file not be written. What the run did stays done. [`ReleaseError::Fenced`] where
    /// another runner has the rollout: nothing was written, for the evidence is that runner's.
    pub async fn of(outcome: Outcome<AnyJournal>, folder: EvidenceFolder) -> Result<Self, ReleaseError> {
        let Outcome { end, unrecorded, journal, .. } = outcome;
        let leave = match &end {
            RunEnd::Fenced(reason) => return Err(ReleaseError::Fenced(reason.clone())),
            RunEnd::Ended(Ending::Unverified { .. }) | RunEnd::Stopped | RunEnd::Halted(_) => {
                Leave::Unfinished
            }
            RunEnd::Ended(_) => Leave::Finished,
        };
        Self::write(end, unrecorded, journal, leave, folder).await
    }

    /// Writes the evidence of a rollout that is over, and whose runner did not come to that.
    ///
    /// # Errors
    /// As [`Left::of`]; the rollout is not over.
    pub async fn of_over(open: OpenRelease) -> Result<Self, ReleaseError> {
        let OpenRelease { folder, journal, folded, .. } = open;
        let ending = folded.and_then(|folded| folded.ending).ok_or(AuditError::Empty)?;
        Self::write(RunEnd::Ended(ending), None, journal, Leave::Finished, folder).await
    }

    async fn write(
        end: RunEnd,
        unrecorded: Option<String>,
        journal: AnyJournal,
        leave: Leave,
        folder: EvidenceFolder,
    ) -> Result<Self, ReleaseError> {
        #[cfg(feature = "postgres")]
        let journal = {
            let mut journal = journal;
            if let AnyJournal::Postgres(journal) = &mut journal {
                // before it is let go of: until then nobody else has the rollout
                shared::export(journal, &folder).await?;
            }
            journal
        };
        // a lock that cannot be let go of ends with this process
        let _ = journal.close(leave).await;
        let (chronicle, folded, unwritten) = match evidence::write_derived(folder.path(), unrecorded.clone())
        {
            Ok(Derived { chronicle, folded, .. }) => (chronicle, folded, None),
            // the journal is whole, and what the run did stays done: the rest is written when there is room
            Err(ReleaseError::Evidence(error)) => {
                let folded = audit::fold(&read(folder.path())?, &mut |_: &_, _: &_| {})?;
                (Chronicle::default(), folded, Some(with_causes(&error)))
            }
            Err(error) => return Err(error),
        };
        Ok(Self { end, unrecorded, chronicle, folded, folder, unwritten })
    }

    /// Seals the evidence, and writes the key's public half beside it, where `verify` looks for it.
    ///
    /// # Errors
    /// The folder or the key cannot be written, or what follows from the journal could not.
    pub fn seal(&self, key: &SecretKey) -> Result<Sealed, EvidenceError> {
        if let Some(why) = &self.unwritten {
            let (folder, why) = (self.folder.path().to_owned(), why.clone());
            return Err(EvidenceError::Unwritten { folder, why });
        }
        // before the seal: with that the release is over, and nobody writes anything any more
        evidence::write_public_key(&evidence::key_beside(self.folder.path()), &key.verifying_key())?;
        evidence::seal(self.folder.path(), &self.folded.start.release, key)
    }
}

/// An error with what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The records of a folder's journal, without touching it.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn read(folder: &Path) -> Result<Vec<Record>, JournalError> {
    crate::journal::read_only(&folder.join(JOURNAL_NAME))?.collect()
}
