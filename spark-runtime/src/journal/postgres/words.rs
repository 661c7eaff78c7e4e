//! Operators' words on their way to the runner that has a rollout.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sqlx::{PgConnection, Row as _};

use super::super::JournalError;
use super::row::signed;
use super::session::{Session, Trouble, within};
use super::{PostgresJournal, PostgresStore};

/// Longest word, reason or answer; a reason is a sentence or a link.
pub const WORD_BYTES_MAX: usize = 64 * 1024;

/// Words that are fetched at a time.
const WAITING_MAX: i64 = 100;

/// How long a word waits to be taken. Whoever said it has given up by then, and would be surprised.
pub const WAITS_SECONDS: i64 = 120;

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nobody took it yet.
    Waiting,
    /// It is in the journal, and its runner has not answered yet.
    Recorded,
    /// What the runner answered.
    Answered(String),
}

/// A word that waits to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Its number, higher for later ones.
    pub id: i64,
    /// The word, as JSON.
    pub word: String,
    /// Who gave it.
    pub by: String,
    /// Why.
    pub because: String,
    /// When, by the database's clock, as RFC 3339.
    pub given_at: String,
}

impl PostgresStore {
    /// Leaves a word for the runner that has the release; the answer is its number.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where there is no such release, [`JournalError::TooMuch`], or
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn say(
        &mut self,
        release: &str,
        word: &str,
        by: &str,
        because: &str,
    ) -> Result<i64, JournalError> {
        for text in [word, by, because] {
            bounded(text)?;
        }
        let said =
            self.insert(release, word, by, because).await.map_err(|trouble| trouble.unreadable("tell"))?;
        said.ok_or_else(|| JournalError::Missing(release.to_owned()))
    }

    async fn insert(
        &mut self,
        release: &str,
        word: &str,
        by: &str,
        because: &str,
    ) -> Result<Option<i64>, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let row = sqlx::query(
            "INSERT INTO spark_words (release, word, by, because) \
             SELECT release, $2, $3, $4 FROM spark_rollouts WHERE release = $1 RETURNING id",
        )
        .persistent(false)
        .bind(release)
        .bind(word)
        .bind(by)
        .bind(because)
        .fetch_optional(connection);
        let id = within(deadline, row).await?.map(|row| row.try_get(0)).transpose()?;
        self.session.commit().await?;
        Ok(id)
    }

    /// What became of a word.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn reply(&mut self, id: i64) -> Result<Reply, JournalError> {
        self.find_reply(id).await.map_err(|trouble| trouble.unreadable("read"))
    }

    async fn find_reply(&mut self, id: i64) -> Result<Reply, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let row = sqlx::query("SELECT taken_at IS NOT NULL AS taken, answer FROM spark_words WHERE id = $1")
            .persistent(false)
            .bind(id)
            .fetch_optional(connection);
        let reply = match within(deadline, row).await? {
            None => Reply::Waiting,
            Some(row) => match (row.try_get("taken")?, row.try_get("answer")?) {
                (false, _) => Reply::Waiting,
                (true, None) => Reply::Recorded,
                (true, Some(answer)) => Reply::Answered(answer),
            },
        };
        self.session.commit().await?;
        Ok(reply)
    }

    /// Takes a word back that nobody took; whether it was still there. One that is taken stays.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn withdraw(&mut self, id: i64) -> Result<bool, JournalError> {
        self.delete(id).await.map_err(|trouble| trouble.unreadable("withdraw from"))
    }

    async fn delete(&mut self, id: i64) -> Result<bool, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let done = sqlx::query("DELETE FROM spark_words WHERE id = $1 AND taken_at IS NULL")
            .persistent(false)
            .bind(id)
            .execute(connection);
        let done = within(deadline, done).await?.rows_affected() == 1;
        self.session.commit().await?;
        Ok(done)
    }
}

/// The word that the runner was handed last, until it is recorded or refused.
#[derive(Debug, Clone, Default)]
pub(super) struct OnItsWay(Arc<Mutex<Option<Handed>>>);

/// Its number, and what of its record tells it.
type Handed = (i64, serde_json::Map<String, Value>);

impl OnItsWay {
    fn lock(&self) -> MutexGuard<'_, Option<Handed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The word that these records record.
    pub(super) fn recorded_by(&self, records: &[String]) -> Option<i64> {
        let on_its_way = self.lock();
        let (id, members) = on_its_way.as_ref()?;
        let records_it = |record: &String| {
            let record: Option<Value> = serde_json::from_str(record).ok();
            record.is_some_and(|record| members.iter().all(|(name, value)| record.get(name) == Some(value)))
        };
        records.iter().any(records_it).then_some(*id)
    }

    /// It is recorded.
    pub(super) fn arrived(&self, id: i64) {
        self.lock().take_if(|(waiting, _)| *waiting == id);
    }
}

/// Marks a word as taken, in the transaction that records it: it is in the journal once, whenever its runner dies.
pub(super) async fn mark_taken(
    connection: &mut PgConnection,
    release: &str,
    id: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE spark_words SET taken_at = clock_timestamp() WHERE id = $1 AND release = $2")
        .persistent(false)
        .bind(id)
        .bind(release)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Where a runner finds the words for its rollout, on a connection of its own.
#[derive(Debug)]
pub struct Desk {
    session: Session,
    release: String,
    fence: u64,
    on_its_way: OnItsWay,
}

impl PostgresJournal {
    /// Where the words for this rollout are.
    pub fn desk(&self) -> Desk {
        Desk {
            session: self.session.another(),
            release: self.release.clone(),
            fence: self.fence,
            on_its_way: self.on_its_way.clone(),
        }
    }
}

impl Desk {
    /// The words that wait for this rollout, oldest first, some at a time. They wait until they are recorded or answered;
    /// what waited longer than [`WAITS_SECONDS`] is not said any more.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn waiting(&mut self) -> Result<Vec<Spoken>, JournalError> {
        self.find_words().await.map_err(|trouble| trouble.unreadable("read"))
    }

    async fn find_words(&mut self) -> Result<Vec<Spoken>, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let rows = sqlx::query(
            "SELECT id, word, by, because, \
             to_char(given_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS given_at \
             FROM spark_words WHERE release = $1 AND taken_at IS NULL \
             AND given_at > clock_timestamp() - $3 * interval '1 second' ORDER BY id LIMIT $2",
        )
        .persistent(false)
        .bind(&self.release)
        .bind(WAITING_MAX)
        .bind(WAITS_SECONDS)
        .fetch_all(connection);
        let rows = within(deadline, rows).await?;
        self.session.commit().await?;
        rows.iter()
            .map(|row| {
                Ok(Spoken {
                    id: row.try_get("id")?,
                    word: row.try_get("word")?,
                    by: row.try_get("by")?,
                    because: row.try_get("because")?,
                    given_at: row.try_get("given_at")?,
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Trouble::from)
    }

    /// Says which word the runner is handed now, and what of its record tells it: the commit of a record with these
    /// members takes the word from those that wait, in one transaction.
    pub fn hand(&self, id: i64, members: serde_json::Map<String, Value>) {
        *self.on_its_way.lock() = Some((id, members));
    }

    /// Answers a word, which takes it from those that wait. A runner whose lease is lost answers nothing; whether it
    /// was answered.
    ///
    /// # Errors
    /// [`JournalError::TooMuch`], or [`JournalError::Unreadable`] where the database fails.
    pub async fn answer(&mut self, id: i64, answer: &str) -> Result<bool, JournalError> {
        bounded(answer)?;
        self.take_word(id, answer).await.map_err(|trouble| trouble.unreadable("answer through"))
    }

    async fn take_word(&mut self, id: i64, answer: &str) -> Result<bool, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let done = sqlx::query(
            "WITH ours AS (SELECT release FROM spark_rollouts WHERE release = $2 AND fence = $3 \
             AND lease_until > clock_timestamp() FOR UPDATE) \
             UPDATE spark_words SET taken_at = coalesce(taken_at, clock_timestamp()), answer = $4 \
             WHERE id = $1 AND answer IS NULL AND release IN (SELECT release FROM ours)",
        )
        .persistent(false)
        .bind(id)
        .bind(&self.release)
        .bind(signed(self.fence))
        .bind(answer)
        .execute(connection);
        let done = within(deadline, done).await?.rows_affected() == 1;
        self.session.commit().await?;
        Ok(done)
    }
}

fn bounded(text: &str) -> Result<(), JournalError> {
    if text.len() <= WORD_BYTES_MAX {
        return Ok(());
    }
    Err(JournalError::TooMuch {
        what: "bytes in an operator's word",
        found: u64::try_from(text.len()).unwrap_or(u64::MAX),
        most: u64::try_from(WORD_BYTES_MAX).unwrap_or(u64::MAX),
    })
}
