//! Looking at rollouts without taking them: where each stands, who has it, and what its lines say.

use sqlx::Row as _;

use super::super::chain::Chain;
use super::super::{Head, JournalError, Record, line};
use super::PostgresStore;
use super::row::{read_head, signed, unsigned};
use super::session::{Session, Trouble, within};

/// Lines that are read at a time: some hundred kilobytes, within any sensible statement timeout.
const CHUNK_LINES: i64 = 1_000;

/// Rollouts that are listed at a time; with more, say which is meant.
const LISTED_MAX: i64 = 100;

/// What the database says of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where its journal ends: an anchor for what was exported of it.
    pub head: Head,
    /// How often it was opened.
    pub fence: u64,
    /// Who has it, or had it last.
    pub holder: String,
    /// Until when, by the database's clock.
    pub lease_until: String,
    /// Whether that is still to come: somebody has it.
    pub live: bool,
    /// Whether it is over.
    pub finished: bool,
}

impl PostgresStore {
    /// All records of a release as they are now, without opening its journal.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where there is no such release; otherwise as [`PostgresStore::acquire`].
    pub async fn read_only(&mut self, release: &str) -> Result<Vec<Record>, JournalError> {
        let standing =
            self.standing(release).await?.ok_or_else(|| JournalError::Missing(release.to_owned()))?;
        let mut session = self.session.another();
        let lines = read_lines(&mut session, release, standing.head).await?;
        Ok(lines.into_iter().map(|(_, record)| record).collect())
    }

    /// Where a release stands, if there is such a release.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn standing(&mut self, release: &str) -> Result<Option<Standing>, JournalError> {
        self.find_standing(release).await.map_err(|trouble| trouble.unreadable("read"))
    }

    async fn find_standing(&mut self, release: &str) -> Result<Option<Standing>, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let row = sqlx::query(
            "SELECT head_seq, head_sum, fence, holder, lease_until::text AS lease_until, \
             lease_until > clock_timestamp() AS live, finished_at IS NOT NULL AS finished \
             FROM spark_rollouts WHERE release = $1",
        )
        .persistent(false)
        .bind(release)
        .fetch_optional(connection);
        let standing = match within(deadline, row).await? {
            None => None,
            Some(row) => Some(Standing {
                head: read_head(&row)?,
                fence: unsigned(row.try_get("fence")?),
                holder: row.try_get("holder")?,
                lease_until: row.try_get("lease_until")?,
                live: row.try_get("live")?,
                finished: row.try_get("finished")?,
            }),
        };
        self.session.commit().await?;
        Ok(standing)
    }

    /// The releases that are not over, the first hundred by name.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn unfinished(&mut self) -> Result<Vec<String>, JournalError> {
        self.find_unfinished().await.map_err(|trouble| trouble.unreadable("read"))
    }

    async fn find_unfinished(&mut self) -> Result<Vec<String>, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let rows = sqlx::query(
            "SELECT release FROM spark_rollouts WHERE finished_at IS NULL ORDER BY release LIMIT $1",
        )
        .persistent(false)
        .bind(LISTED_MAX)
        .fetch_all(connection);
        let rows = within(deadline, rows).await?;
        let names = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?;
        self.session.commit().await?;
        Ok(names)
    }
}

/// Reads a journal's lines up to a head, and proves that they lead to it.
pub(super) async fn read_lines(
    session: &mut Session,
    release: &str,
    head: Head,
) -> Result<Vec<(String, Record)>, JournalError> {
    let mut records = Vec::new();
    let mut chain = Chain::default();
    while chain.head.seq < head.seq {
        let lines = read_chunk(session, release, chain.head.seq, head.seq)
            .await
            .map_err(|trouble| trouble.unreadable("read"))?;
        if lines.is_empty() {
            let why = format!("there is none, and the rollout's head is line {}", head.seq);
            return Err(JournalError::Damaged { line: chain.next(), why });
        }
        for text in lines {
            let line = line::read(text.as_bytes()).map_err(|wrong| match wrong {
                line::Wrong::Version(found) => JournalError::Version { line: chain.next(), found },
                _ => JournalError::Damaged { line: chain.next(), why: wrong.text().to_owned() },
            })?;
            let record = chain.follow(line)?;
            records.push((text, record));
        }
    }
    if chain.head != head {
        let why = "its sum is not the rollout's head".to_owned();
        return Err(JournalError::Damaged { line: head.seq, why });
    }
    Ok(records)
}

async fn read_chunk(
    session: &mut Session,
    release: &str,
    after: u64,
    to: u64,
) -> Result<Vec<String>, Trouble> {
    let deadline = session.deadline();
    let connection = session.begin().await?;
    let rows = sqlx::query(
        "SELECT line FROM spark_journal WHERE release = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
    )
    .persistent(false)
    .bind(release)
    .bind(signed(after))
    .bind(signed(to))
    .bind(CHUNK_LINES)
    .fetch_all(connection);
    let rows = within(deadline, rows).await?;
    let lines = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?;
    session.commit().await?;
    Ok(lines)
}
