//! What is left of a run: the evidence, written from its journal and sealed.

use super::{ReleaseError, read};
#[cfg(feature = "postgres")]
use super::{shared::Held, untold};
use crate::audit::{self, AuditError, Folded};
use crate::causes::in_one_line;
use crate::evidence::{self, Chronicle, Derived, EvidenceError, EvidenceFolder, Sealed, SecretKey};
use crate::journal::{AnyJournal, FileJournal, Journal as _, Leave, RealDisk};
use crate::release::OpenRelease;
use crate::runner::{Outcome, RunEnd};
use spark_core::rollout::Ending;

/// What is left of a run: the evidence written from its journal.
///
/// The rollout stays this runner's until the seal is made, or this is dropped.
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
    /// What keeps other runners from the evidence, where a lock does.
    locked: Option<RealDisk>,
    /// What does, where it is a lease.
    #[cfg(feature = "postgres")]
    held: Option<Held>,
}

impl Left {
    /// Writes the evidence that follows from a run's journal.
    ///
    /// # Errors
    /// The journal cannot be read again, or a file not be written. What the run did stays done. [`ReleaseError::Fenced`] where
    /// another runner has the rollout: nothing was written, for the evidence is that runner's. [`ReleaseError::NoEvidence`]
    /// where the database fails: what this runner knows then stands beside the folder.
    pub async fn of(outcome: Outcome<AnyJournal>, folder: EvidenceFolder) -> Result<Self, ReleaseError> {
        let leave = match &outcome.end {
            RunEnd::Fenced(reason) => return Err(ReleaseError::Fenced(reason.clone())),
            RunEnd::Ended(Ending::Unverified { .. }) | RunEnd::Stopped | RunEnd::Halted(_) => {
                Leave::Unfinished
            }
            RunEnd::Ended(_) => Leave::Finished,
        };
        let Outcome { end, unrecorded, journal, controller, lost } = outcome;
        #[cfg(feature = "postgres")]
        let journal = match journal {
            AnyJournal::Postgres(journal) => {
                let fence = journal.fence();
                // where its end is in no journal, somebody has to take it up again
                let leave = if unrecorded.is_some() { Leave::Unfinished } else { leave };
                return match Held::take(journal, leave, &folder).await {
                    Ok(held) => Self::of_held(end, unrecorded, held, folder).await,
                    Err(error @ ReleaseError::Fenced(_)) => Err(error),
                    Err(error) => {
                        let why = in_one_line(&error);
                        let told = untold::write(&folder, &end, fence, &unrecorded, &controller, &lost);
                        Err(ReleaseError::NoEvidence { end: Box::new(end), unrecorded, why, told })
                    }
                };
            }
            AnyJournal::File(journal) => journal,
        };
        #[cfg(not(feature = "postgres"))]
        let AnyJournal::File(journal) = journal;
        let _ = (controller, lost);
        Self::of_file(end, unrecorded, *journal, leave, folder)
    }

    /// Writes the evidence of a rollout that is over, and whose runner did not come to that.
    ///
    /// # Errors
    /// As [`Left::of`]; the rollout is not over.
    pub async fn of_over(open: OpenRelease) -> Result<Self, ReleaseError> {
        let OpenRelease { folder, journal, folded, .. } = open;
        let ending = folded.and_then(|folded| folded.ending).ok_or(AuditError::Empty)?;
        let end = RunEnd::Ended(ending);
        match journal {
            #[cfg(feature = "postgres")]
            AnyJournal::Postgres(journal) => {
                let held = Held::take(journal, Leave::Finished, &folder).await?;
                Self::of_held(end, None, held, folder).await
            }
            AnyJournal::File(journal) => Self::of_file(end, None, *journal, Leave::Finished, folder),
        }
    }

    fn of_file(
        end: RunEnd,
        unrecorded: Option<String>,
        journal: FileJournal,
        leave: Leave,
        folder: EvidenceFolder,
    ) -> Result<Self, ReleaseError> {
        let disk = journal.into_disk(leave);
        // Windows lets nobody read what is locked, and it has to be read now
        let locked = cfg!(unix).then_some(disk);
        let written = evidence::write_derived(folder.path(), unrecorded.clone());
        Ok(Self { locked, ..Self::with(end, unrecorded, folder, written)? })
    }

    #[cfg(feature = "postgres")]
    async fn of_held(
        end: RunEnd,
        unrecorded: Option<String>,
        mut held: Held,
        folder: EvidenceFolder,
    ) -> Result<Self, ReleaseError> {
        let written = held.write_derived(&folder, unrecorded.clone()).await;
        let left = Self::with(end, unrecorded, folder, written);
        match left {
            Ok(left) => Ok(Self { held: Some(held.at_rest()), ..left }),
            Err(error) => {
                held.let_go(Leave::Unfinished).await;
                Err(error)
            }
        }
    }

    fn with(
        end: RunEnd,
        unrecorded: Option<String>,
        folder: EvidenceFolder,
        written: Result<Derived, ReleaseError>,
    ) -> Result<Self, ReleaseError> {
        let (chronicle, folded, unwritten) = match written {
            Ok(Derived { chronicle, folded, .. }) => (chronicle, folded, None),
            // the journal is whole, and what the run did stays done: the rest is written when there is room
            Err(ReleaseError::Evidence(error)) => {
                let folded = audit::fold(&read(folder.path())?, &mut |_: &_, _: &_| {})?;
                (Chronicle::default(), folded, Some(in_one_line(&error)))
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            end,
            unrecorded,
            chronicle,
            folded,
            folder,
            unwritten,
            locked: None,
            #[cfg(feature = "postgres")]
            held: None,
        })
    }

    /// Seals the evidence, and writes the key's public half beside it, where `verify` looks for it. Then another runner may
    /// have the rollout.
    ///
    /// # Errors
    /// The folder or the key cannot be written, or what follows from the journal could not. [`ReleaseError::Fenced`] where
    /// another runner has the rollout by now, or may have it: the evidence is that runner's to seal.
    pub async fn seal(&mut self, key: &SecretKey) -> Result<Sealed, ReleaseError> {
        #[cfg(feature = "postgres")]
        if let Some(mut held) = self.held.take() {
            let sealed = match self.written() {
                Ok(()) => held.seal(&self.folder, &self.folded.start.release, key).await,
                Err(error) => Err(error.into()),
            };
            let leave = if sealed.is_ok() { held.leave() } else { Leave::Unfinished };
            held.let_go(leave).await;
            return sealed;
        }
        self.written()?;
        // before the seal: with that the release is over, and nobody writes anything any more
        evidence::write_public_key(&evidence::key_beside(self.folder.path()), &key.verifying_key())?;
        let sealed = evidence::seal(self.folder.path(), &self.folded.start.release, key)?;
        self.locked = None;
        Ok(sealed)
    }

    fn written(&self) -> Result<(), EvidenceError> {
        match &self.unwritten {
            None => Ok(()),
            Some(why) => {
                let (folder, why) = (self.folder.path().to_owned(), why.clone());
                Err(EvidenceError::Unwritten { folder, why })
            }
        }
    }
}
