//! A release whose journal is in a database: opened under a lease, and brought to the evidence's folder at the end.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{JOURNAL_NAME, OpenRelease, ReleaseError, look_at, read};
use crate::evidence::{
    self, Derived, EvidenceFolder, PreparedSeal, ReleaseId, Sealed, SecretKey, Staged, Writer,
};
use crate::journal::postgres::{PostgresConfig, PostgresJournal, PostgresStore};
use crate::journal::{AnyJournal, Head, Journal as _, JournalError, Leave, Opened, Record};
use crate::runner::Observer;

/// How often the lease is renewed while evidence is written, where the journal does not say.
const RENEW_EVERY: Duration = Duration::from_secs(1);

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
            let over = finished || matches!(error, ReleaseError::Over { .. });
            let leave = if over { Leave::Finished } else { Leave::Unfinished };
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

/// A rollout that is this runner's until its evidence is sealed.
#[derive(Debug)]
pub(super) struct Held {
    journal: Box<PostgresJournal>,
    leave: Leave,
}

impl Held {
    /// Brings the journal to the folder, each byte as it is stored: whole, or not at all.
    pub(super) async fn take(
        mut journal: Box<PostgresJournal>,
        leave: Leave,
        folder: &EvidenceFolder,
    ) -> Result<Self, ReleaseError> {
        // a process that stood still may have lost it meanwhile, and then the evidence is another's to write
        confirm(&mut journal).await?;
        let lines = match journal.lines().await {
            // as the server cuts a connection that stood still in a transaction: it is asked on a new one
            Err(error) if !error.is_fenced() => {
                journal.disconnect();
                confirm(&mut journal).await?;
                journal.lines().await
            }
            read => read,
        };
        let lines = lines.map_err(fenced)?;
        let failed = |error: std::io::Error| {
            let doing = "bring to the evidence's folder";
            JournalError::Unreadable { doing, why: error.to_string() }
        };
        let writer = Writer::Fenced(journal.fence());
        writer.clear_older(folder.path())?;
        let new = writer.beside(folder.path(), ".journal");
        write_lines(&new, &lines).map_err(failed)?;
        confirm_or_take_back(&mut journal, writer, folder, ".journal").await?;
        // the next runner takes this file away: then it is not moved in, however late this one goes on
        let put =
            std::fs::rename(&new, folder.path().join(JOURNAL_NAME)).map_err(|error| failed(error).into());
        explained(&mut journal, put).await?;
        Ok(Self { journal, leave })
    }

    /// Writes the files that follow from the journal, and keeps the rollout meanwhile: they may take longer than its lease.
    pub(super) async fn write_derived(
        &mut self,
        folder: &EvidenceFolder,
        unrecorded: Option<String>,
    ) -> Result<Derived, ReleaseError> {
        let (path, writer) = (folder.path().to_owned(), Writer::Fenced(self.journal.fence()));
        let mut staged = tokio::task::spawn_blocking(move || Staged::of(&path, unrecorded, writer));
        let every = self.journal.lease().and_then(|lease| lease.checked_div(3)).unwrap_or(RENEW_EVERY);
        let staged = loop {
            match tokio::time::timeout(every, &mut staged).await {
                Ok(done) => break done,
                Err(_) => {
                    if let Err(lost) = confirm(&mut self.journal).await {
                        // what still writes them would leave them behind
                        let _ = staged.await;
                        writer.take_back(folder.path(), ".files");
                        return Err(lost);
                    }
                }
            }
        };
        let staged = staged.map_err(|error| JournalError::Unreadable {
            doing: "derive the evidence from",
            why: error.to_string(),
        });
        // also of one that failed: whoever has taken it over takes half-written files away
        confirm_or_take_back(&mut self.journal, writer, folder, ".files").await?;
        let put = staged.map_err(ReleaseError::from).and_then(|staged| staged?.put());
        explained(&mut self.journal, put).await
    }

    /// Seals the folder, if the rollout is still this runner's when the seal is ready.
    pub(super) async fn seal(
        &mut self,
        folder: &EvidenceFolder,
        release: &str,
        key: &SecretKey,
    ) -> Result<Sealed, ReleaseError> {
        let writer = Writer::Fenced(self.journal.fence());
        confirm(&mut self.journal).await?;
        evidence::write_public_key(&evidence::key_beside(folder.path()), &key.verifying_key())?;
        let prepared = PreparedSeal::of(folder.path(), release, key, writer);
        confirm_or_take_back(&mut self.journal, writer, folder, ".seal").await?;
        let put = prepared.and_then(PreparedSeal::put).map_err(ReleaseError::from);
        explained(&mut self.journal, put).await
    }

    /// As what the rollout was to be left.
    pub(super) const fn leave(&self) -> Leave {
        self.leave
    }

    /// Without a connection: the next runtime makes its own.
    pub(super) fn at_rest(mut self) -> Self {
        self.journal.disconnect();
        self
    }

    /// Lets go of the rollout.
    pub(super) async fn let_go(self, leave: Leave) {
        // what is not let go of is free when the lease ends
        let _ = self.journal.close(leave).await;
    }
}

async fn confirm(journal: &mut PostgresJournal) -> Result<(), ReleaseError> {
    journal.confirm().await.map_err(fenced)
}

/// Confirms that the rollout is this runner's before what it wrote is moved in; it takes that away where it is not.
async fn confirm_or_take_back(
    journal: &mut PostgresJournal,
    writer: Writer,
    folder: &EvidenceFolder,
    ending: &str,
) -> Result<(), ReleaseError> {
    confirm(journal).await.inspect_err(|_| writer.take_back(folder.path(), ending))
}

/// What failed because another runner took this one's files away says so.
async fn explained<T>(
    journal: &mut PostgresJournal,
    done: Result<T, ReleaseError>,
) -> Result<T, ReleaseError> {
    if let Err(error) = done {
        confirm(journal).await?;
        return Err(error);
    }
    done
}

fn fenced(error: JournalError) -> ReleaseError {
    match error.is_fenced() {
        true => ReleaseError::Fenced(error.to_string()),
        false => error.into(),
    }
}

fn write_lines(new: &Path, lines: &[(String, Record)]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(new)?);
    for (line, _) in lines {
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}
