//! A connection on which everything is a transaction, so that a pooler may stand before the server.
//!
//! No setting outlives its transaction, no statement is prepared under a name. After any failure the connection is
//! thrown away: what it was in the middle of is not known.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use tokio::time::timeout;

use super::PostgresConfig;

/// Why a transaction did not come to its end.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// Whether the same again will meet the same: a table that is missing, a right that is not given.
    pub(super) lasting: bool,
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        // classes: what cannot be connected to, wrong data, broken constraints, no such database or schema, wrong SQL
        // or rights
        let lasting = code.is_some_and(|code| {
            ["0A", "22", "23", "28", "3D", "3F", "42"].iter().any(|class| code.starts_with(class))
        });
        let why = match error {
            // without the statement and the addresses that others of its kind carry
            sqlx::Error::Database(error) => match error.code() {
                Some(code) => format!("{} (SQLSTATE {code})", error.message()),
                None => error.message().to_owned(),
            },
            sqlx::Error::Io(error) => format!("the connection failed: {error}"),
            sqlx::Error::Tls(_) => "no TLS connection could be made".to_owned(),
            sqlx::Error::Configuration(_) => "the address cannot be used".to_owned(),
            _ => "the server answered what was not expected".to_owned(),
        };
        Self { why, lasting }
    }
}

#[derive(Debug)]
pub(super) struct Session {
    options: PgConnectOptions,
    begin: String,
    /// How long one exchange may take, beyond what the server allows itself.
    deadline: Duration,
    connection: Option<PgConnection>,
    /// A transaction was begun; still so at the next one, it was given up.
    open: bool,
}

impl Session {
    pub(super) fn new(options: PgConnectOptions, config: &PostgresConfig) -> Self {
        let statement = config.statement_timeout.as_millis();
        let lock = config.lock_timeout.as_millis();
        let schema = &config.schema;
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SET LOCAL search_path = \"{schema}\", pg_temp; \
             SET LOCAL statement_timeout = {statement}; \
             SET LOCAL lock_timeout = {lock}; \
             SET LOCAL idle_in_transaction_session_timeout = {statement}; \
             SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
        );
        let deadline = config.statement_timeout.saturating_mul(2);
        Self { options, begin, deadline, connection: None, open: false }
    }

    /// One more connection of the same kind.
    pub(super) fn another(&self) -> Self {
        Self {
            options: self.options.clone(),
            begin: self.begin.clone(),
            deadline: self.deadline,
            connection: None,
            open: false,
        }
    }

    /// Throws the connection away, and with it what is not committed.
    pub(super) fn forget(&mut self) {
        self.connection = None;
        self.open = false;
    }

    /// Begins a transaction, connecting first where there is no connection.
    pub(super) async fn begin(&mut self) -> Result<&mut PgConnection, Trouble> {
        let mut connection = match self.connection.take() {
            Some(connection) if !self.open => connection,
            _ => within(self.deadline, self.options.connect()).await?,
        };
        let begin = sqlx::raw_sql(AssertSqlSafe(self.begin.clone())).execute(&mut connection);
        within(self.deadline, begin).await?;
        self.open = true;
        Ok(self.connection.insert(connection))
    }

    /// Ends a transaction. A failure says nothing about whether it counts.
    pub(super) async fn commit(&mut self) -> Result<(), Trouble> {
        self.end("COMMIT").await
    }

    /// Ends a transaction that shall not count.
    pub(super) async fn roll_back(&mut self) {
        // without a connection there is no transaction either
        let _ = self.end("ROLLBACK").await;
    }

    async fn end(&mut self, how: &'static str) -> Result<(), Trouble> {
        let Some(mut connection) = self.connection.take() else {
            return Err(Trouble { why: "the connection is lost".to_owned(), lasting: false });
        };
        within(self.deadline, sqlx::raw_sql(how).execute(&mut connection)).await?;
        self.connection = Some(connection);
        self.open = false;
        Ok(())
    }

    /// How long each exchange may take.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// A server that is gone without a word must not keep anybody waiting.
pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Trouble> {
    match timeout(deadline, work).await {
        Ok(done) => Ok(done?),
        Err(_) => {
            Err(Trouble { why: format!("no answer within {} ms", deadline.as_millis()), lasting: false })
        }
    }
}
