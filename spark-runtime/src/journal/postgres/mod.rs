//! Journals in PostgreSQL: many runners over many rollouts, each rollout one runner's for the time of a lease.
//!
//! - Every opening counts the rollout's fence up; every write is one transaction that locks the rollout's row and checks
//!   fence, lease and head there. The runner whose lease is lost can write nothing any more.
//! - Leases run by the database's clock alone.
//! - A connection that is lost within a commit leaves its outcome unknown: the row is asked, on a new connection, before
//!   anything is said.
//! - The row's head is a second anchor: lines that were changed, removed or set back do not lead to it.

mod journal;
mod look;
mod row;
mod session;
mod words;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use self::look::read_lines;
use self::row::{lock_row, read_head, unsigned};
use self::session::{Session, Trouble, within};
use super::{Head, JournalError, Opened, Sum};

pub use journal::PostgresJournal;
pub use look::Standing;
pub use words::{Desk, Reply, Spoken, WAITS_SECONDS, WORD_BYTES_MAX};

/// The tables, as they are made where they are not there.
const SCHEMA: &str = include_str!("schema.sql");

/// The version of the tables.
const SCHEMA_VERSION: i64 = 1;

/// Where the journals are, and how patiently they are written.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`; secret. A pooler in transaction mode may answer there.
    pub url: String,
    /// The schema that holds the tables: letters, digits and `_`.
    pub schema: String,
    /// What this runner is called, for others to read: `host:process`.
    pub holder: String,
    /// How long a rollout is this runner's after each write.
    pub lease: Duration,
    /// How long a commit tries to get through or to learn its outcome before the journal is broken.
    pub patience: Duration,
    /// How long the server may work on a statement.
    pub statement_timeout: Duration,
    /// How long the server may wait for a lock.
    pub lock_timeout: Duration,
}

impl PostgresConfig {
    /// A lease of 15 s, and two thirds of it to get a commit through; schema `spark`.
    pub fn new(url: impl Into<String>, holder: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: "spark".to_owned(),
            holder: holder.into(),
            lease: Duration::from_secs(15),
            patience: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(3),
            lock_timeout: Duration::from_secs(2),
        }
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("url", &"…")
            .field("schema", &self.schema)
            .field("holder", &self.holder)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// A database that holds journals.
#[derive(Debug)]
pub struct PostgresStore {
    config: PostgresConfig,
    session: Session,
}

impl PostgresStore {
    /// Connects, and makes the tables where they are not there.
    ///
    /// # Errors
    /// [`JournalError::Unreadable`]: the address or the schema's name is none, the server cannot be reached, or it would
    /// not keep what it acknowledges (`fsync = off`).
    pub async fn connect(config: PostgresConfig) -> Result<Self, JournalError> {
        let refused = |why: String| JournalError::Unreadable { doing: "connect to", why };
        if !is_name(&config.schema) {
            let why = format!(
                "`{}` is no schema: expected up to 63 letters, digits and `_`, the first no digit, letters small",
                config.schema
            );
            return Err(refused(why));
        }
        // the parser's own words could repeat the password
        let options = PgConnectOptions::from_str(&config.url)
            .map_err(|_| {
                refused("its address is none: expected `postgres://user@host:port/database`".to_owned())
            })?
            .application_name("spark")
            .statement_cache_capacity(0)
            // a pooler refuses what it cannot keep apart
            .extra_float_digits(None)
            .disable_statement_logging();
        let session = Session::new(options, &config);
        let mut store = Self { config, session };
        store.prepare().await.map_err(|trouble| trouble.unreadable("connect to"))?;
        Ok(store)
    }

    /// Makes the tables, once, whoever comes first.
    async fn prepare(&mut self) -> Result<(), Trouble> {
        let schema = self.config.schema.clone();
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let fsync =
            sqlx::query("SELECT current_setting('fsync')").persistent(false).fetch_one(&mut *connection);
        let fsync: String = within(deadline, fsync).await?.try_get(0)?;
        if fsync != "on" {
            let why = "the server runs with `fsync = off`: what it acknowledges can be lost".to_owned();
            self.session.forget();
            return Err(Trouble { why, lasting: true });
        }
        let found = sqlx::query("SELECT to_regclass($1) IS NOT NULL")
            .persistent(false)
            .bind(format!("{schema}.spark_schema"))
            .fetch_one(&mut *connection);
        if !within(deadline, found).await?.try_get::<bool, _>(0)? {
            // two runners that start at once must not both make them
            let make = format!(
                "SELECT pg_advisory_xact_lock(hashtext('spark.{schema}')); \
                 CREATE SCHEMA IF NOT EXISTS \"{schema}\"; {SCHEMA}"
            );
            within(deadline, sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut *connection)).await?;
        }
        let version =
            sqlx::query("SELECT max(version) FROM spark_schema").persistent(false).fetch_one(connection);
        let version: i64 = within(deadline, version).await?.try_get(0)?;
        if version != SCHEMA_VERSION {
            self.session.forget();
            let why = format!("its tables are of version {version}, and this Spark knows {SCHEMA_VERSION}");
            return Err(Trouble { why, lasting: true });
        }
        self.session.commit().await
    }

    /// Opens a release's journal, made where there is none.
    ///
    /// # Errors
    /// [`JournalError::Held`] while another runner's lease runs; [`JournalError::Damaged`] where the lines do not lead to
    /// the head; [`JournalError::Unreadable`] where the database fails: the lease may then have to run out first.
    pub async fn acquire(&mut self, release: &str) -> Result<Opened<PostgresJournal>, JournalError> {
        let taken = self.take(release).await.map_err(|trouble| trouble.unreadable("open"))?;
        let (fence, head, finished) = taken?;
        let mut opened = self.open(release.to_owned(), fence, head).await?;
        opened.journal.was_finished = finished;
        Ok(opened)
    }

    async fn take(&mut self, release: &str) -> Result<Result<(u64, Head, bool), JournalError>, Trouble> {
        let (holder, lease) = (self.config.holder.clone(), millis(self.config.lease));
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let taken = sqlx::query(
            "INSERT INTO spark_rollouts AS r (release, fence, holder, lease_until, head_seq, head_sum) \
             VALUES ($1, 1, $2, clock_timestamp() + $3 * interval '1 millisecond', 0, $4) \
             ON CONFLICT (release) DO UPDATE SET fence = r.fence + 1, holder = excluded.holder, \
             lease_until = clock_timestamp() + $3 * interval '1 millisecond' WHERE r.lease_until <= clock_timestamp() \
             RETURNING fence, head_seq, head_sum, finished_at IS NOT NULL AS finished",
        )
        .persistent(false)
        .bind(release)
        .bind(holder)
        .bind(lease)
        .bind(Sum::NONE.to_string())
        .fetch_optional(&mut *connection);
        if let Some(row) = within(deadline, taken).await? {
            let found = (unsigned(row.try_get("fence")?), read_head(&row)?, row.try_get("finished")?);
            self.session.commit().await?;
            return Ok(Ok(found));
        }
        let row = within(deadline, lock_row(connection, release)).await?;
        self.session.roll_back().await;
        Ok(Err(row.map_or_else(|| JournalError::Missing(release.to_owned()), row::RolloutRow::held)))
    }

    /// Takes up any rollout that is not over and has nobody; none where each has somebody.
    ///
    /// # Errors
    /// As [`PostgresStore::acquire`]; a rollout whose journal is damaged is this runner's until the lease ends.
    pub async fn claim_any(&mut self) -> Result<Option<(String, Opened<PostgresJournal>)>, JournalError> {
        let claimed = self.claim().await.map_err(|trouble| trouble.unreadable("open"))?;
        let Some((release, fence, head)) = claimed else { return Ok(None) };
        self.open(release.clone(), fence, head).await.map(|opened| Some((release, opened)))
    }

    async fn claim(&mut self) -> Result<Option<(String, u64, Head)>, Trouble> {
        let (holder, lease) = (self.config.holder.clone(), millis(self.config.lease));
        let deadline = self.session.deadline();
        let connection = self.session.begin().await?;
        let claimed = sqlx::query(
            "UPDATE spark_rollouts SET fence = fence + 1, holder = $1, \
             lease_until = clock_timestamp() + $2 * interval '1 millisecond' WHERE release = ( \
             SELECT release FROM spark_rollouts WHERE finished_at IS NULL AND lease_until <= clock_timestamp() \
             ORDER BY lease_until, release LIMIT 1 FOR UPDATE SKIP LOCKED) \
             RETURNING release, fence, head_seq, head_sum",
        )
        .persistent(false)
        .bind(holder)
        .bind(lease)
        .fetch_optional(connection);
        let claimed = match within(deadline, claimed).await? {
            None => None,
            Some(row) => Some((row.try_get("release")?, unsigned(row.try_get("fence")?), read_head(&row)?)),
        };
        self.session.commit().await?;
        Ok(claimed)
    }

    async fn open(
        &self,
        release: String,
        fence: u64,
        head: Head,
    ) -> Result<Opened<PostgresJournal>, JournalError> {
        let mut session = self.session.another();
        let lines = read_lines(&mut session, &release, head).await?;
        let records = lines.into_iter().map(|(_, record)| record).collect();
        let journal = PostgresJournal::new(session, &self.config, release, fence, head);
        Ok(Opened { journal, records, cut: None })
    }
}

/// A name that needs no quotes and has no capital letter.
fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
