//! A release whose journal is in a database: opened under a lease, and brought to the evidence's folder at the end.

use std::io::Write as _;
use std::path::Path;

use super::{JOURNAL_NAME, OpenRelease, ReleaseError, look_at, read};
use crate::evidence::{EvidenceFolder, ReleaseId, beside};
use crate::journal::postgres::{PostgresConfig, PostgresJournal, PostgresStore};
use crate::journal::{AnyJournal, Head, Journal as _, JournalError, Leave, Opened, Record};
use crate::runner::Observer;

/// Opens a release's journal in the database, and its folder here.
pub(super) async fn open(
    root: &Path,
    id: &ReleaseId,
    config: &PostgresConfig,
    observer: &mut dyn Observer,
) -> Result<OpenRelease, ReleaseError> {
    let mut store = PostgresStore::connect(config.clone()).await?;
    let Opened { mut journal, records, .. } = store.acquire(id.as_str()).await?;
    let finished = journal.was_finished();
    let opened = EvidenceFolder::open(root, id).map_err(ReleaseError::from).and_then(|folder| {
        goes_on_from(folder.path(), &records)?;
        let folded = look_at(&folder, id, &records, observer)?;
        let ending = folded.as_ref().and_then(|folded| folded.ending.clone());
        match ending {
            // whoever ended it has written its evidence
            Some(ending) if finished && !folder.path().join(JOURNAL_NAME).exists() => {
                Err(ReleaseError::Over { release: id.as_str().to_owned(), ending })
            }
            _ => Ok((folder, folded)),
        }
    });
    match opened {
        Ok((folder, folded)) => {
            // the next runtime makes its own connection
            journal.disconnect();
            Ok(OpenRelease { folder, journal: AnyJournal::Postgres(Box::new(journal)), folded, cut: None })
        }
        Err(error) => {
            let leave = if finished { Leave::Finished } else { Leave::Unfinished };
            // what is not let go of is free when the lease ends
            let _ = journal.close(leave).await;
            Err(error)
        }
    }
}

/// A journal that was brought here before must be the beginning of the database's: a database that was set back, or one of
/// somebody else's, is not gone on with.
fn goes_on_from(folder: &Path, records: &[Record]) -> Result<(), ReleaseError> {
    let before = match read(folder) {
        Err(JournalError::Missing(_)) => return Ok(()),
        read => read?,
    };
    let Some(last) = before.last() else { return Ok(()) };
    let expected = last.head();
    if records.iter().any(|record| record.head() == expected) {
        return Ok(());
    }
    match records.last().map_or(Head::EMPTY, Record::head) {
        found if found.seq < expected.seq => Err(JournalError::SetBack { expected, found }.into()),
        _ => {
            let why = format!(
                "the journal in `{}` has another one, and the database's is not it",
                folder.display()
            );
            Err(JournalError::Damaged { line: expected.seq, why }.into())
        }
    }
}

/// Brings the journal to the folder, each byte as it is stored: whole, or not at all.
pub(super) async fn export(
    journal: &mut PostgresJournal,
    folder: &EvidenceFolder,
) -> Result<(), ReleaseError> {
    // a process that stood still may have lost it meanwhile, and then the evidence is another's to write
    let lines = match journal.renew().await {
        Err(error) if error.is_fenced() => Err(error),
        // what a broken journal holds is looked at
        Ok(()) | Err(_) => journal.lines().await,
    };
    let lines = lines.map_err(|error| match error.is_fenced() {
        true => ReleaseError::Fenced(error.to_string()),
        false => error.into(),
    })?;
    let (new, path) = (beside(folder.path(), ".new"), folder.path().join(JOURNAL_NAME));
    let write = || {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&new)?);
        for (line, _) in &lines {
            file.write_all(line.as_bytes())?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&new, &path)?;
        std::fs::File::open(folder.path())?.sync_all()
    };
    write().map_err(|error| {
        JournalError::Unreadable { doing: "bring to the evidence's folder", why: error.to_string() }.into()
    })
}
