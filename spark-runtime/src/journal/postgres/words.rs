//! Operators' words on their way to the runner that has a rollout.

use sqlx::Row as _;

use super::super::{Journal as _, JournalError};
use super::row::signed;
use super::session::{Trouble, within};
use super::{PostgresJournal, PostgresStore};

/// Longest word, reason or answer; a reason is a sentence or a link.
pub const WORD_BYTES_MAX: usize = 64 * 1024;

/// Words that are fetched at a time.
const WAITING_MAX: i64 = 100;

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

    /// What a runner answered to a word; none while it waits, or where there is no such word.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn answer(&mut self, id: i64) -> Result<Option<String>, JournalError> {
        self.find_answer(id).await.map_err(|trouble| trouble.unreadable("read"))
    }

    async fn find_answer(&mut self, id: i64) -> Result<Option<String>, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let row = sqlx::query("SELECT answer FROM spark_words WHERE id = $1 AND taken_at IS NOT NULL")
            .persistent(false)
            .bind(id)
            .fetch_optional(connection);
        let answer = within(deadline, row).await?.map(|row| row.try_get(0)).transpose()?;
        self.session.commit().await?;
        Ok(answer)
    }
}

impl PostgresJournal {
    /// The words that wait for this rollout, oldest first, some at a time. They wait until they are answered: a runner
    /// commits a word first, and answers then, so that one who dies between leaves a word that is in the journal.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`] where the database fails.
    pub async fn words(&mut self) -> Result<Vec<Spoken>, JournalError> {
        self.find_words().await.map_err(|trouble| trouble.unreadable("read"))
    }

    async fn find_words(&mut self) -> Result<Vec<Spoken>, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let rows = sqlx::query(
            "SELECT id, word, by, because, \
             to_char(given_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS given_at \
             FROM spark_words WHERE release = $1 AND taken_at IS NULL ORDER BY id LIMIT $2",
        )
        .persistent(false)
        .bind(&self.release)
        .bind(WAITING_MAX)
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

    /// Answers a word, which takes it from those that wait. A runner whose lease is lost answers nothing.
    ///
    /// # Errors
    /// [`JournalError::Fenced`], [`JournalError::TooMuch`], or [`JournalError::Unreadable`] where the database fails.
    pub async fn answer(&mut self, id: i64, answer: &str) -> Result<(), JournalError> {
        bounded(answer)?;
        let taken =
            self.take_word(id, answer).await.map_err(|trouble| trouble.unreadable("answer through"))?;
        if taken {
            return Ok(());
        }
        // either the word was answered already, or the lease is lost: the renewal tells
        self.renew().await
    }

    async fn take_word(&mut self, id: i64, answer: &str) -> Result<bool, Trouble> {
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let done = sqlx::query(
            "WITH ours AS (SELECT release FROM spark_rollouts WHERE release = $2 AND fence = $3 \
             AND lease_until > clock_timestamp() FOR UPDATE) \
             UPDATE spark_words SET taken_at = clock_timestamp(), answer = $4 \
             WHERE id = $1 AND taken_at IS NULL AND release IN (SELECT release FROM ours)",
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
