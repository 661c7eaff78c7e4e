//! One connection to a PostgreSQL or to a pgBouncer's console, that changes nothing and holds nothing up.
//!
//! Every question is simple-protocol text: a console of pgBouncer knows no other, and through a pooler a prepared statement
//! may be another session's. A probe has one connection, everything it asks is one read-only transaction, and both the
//! server and this side give up in time: a check must not be what fills the pool.

use std::str::FromStr as _;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use spark_core::decimal::parse_exact;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, PgConnection, Row as _, ValueRef as _,
};

use super::{ProbeError, Value};
use crate::config::{ExposeSecret as _, SecretSource, of_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest that one statement may take, of the server's time: a check asks catalogues, and counts rows.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest that a lock is waited for: nothing of a check is worth standing in a queue of writers for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The protocol's question whether the server speaks TLS, which has an answer of one byte.
const WHETHER_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Most rows that are read of one answer: databases of ten thousand tables are read whole.
const ROWS_MAX: usize = 100_000;

/// A connection.
#[derive(Debug)]
pub(super) struct Database {
    connection: PgConnection,
}

/// A row, column by column, as text.
#[derive(Debug, Clone)]
pub(super) struct Record(Vec<(String, Option<String>)>);

impl Database {
    /// A connection in a transaction that only reads.
    pub(super) async fn open(url: &SecretSource) -> Result<Self, ProbeError> {
        let mut database = Self::console(url).await?;
        let (statement, lock) = (STATEMENT_TIMEOUT.as_millis(), LOCK_TIMEOUT.as_millis());
        database
            .run(&format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {statement}; \
                 SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {statement}; \
                 SET LOCAL timezone = 'UTC'"
            ))
            .await?;
        Ok(database)
    }

    /// A connection alone, as a console of a pooler has it.
    pub(super) async fn console(url: &SecretSource) -> Result<Self, ProbeError> {
        let address = url.read(&of_process).map_err(|error| ProbeError::Secret(error.to_string()))?;
        // the error of a wrong address repeats it
        let options = PgConnectOptions::from_str(address.expose_secret())
            .map_err(|_| ProbeError::Setting("the database's address is none".to_owned()))?
            .application_name("spark-probe")
            // a pooler refuses it, and no float is asked for
            .extra_float_digits(None)
            .disable_statement_logging();
        greeted(&options).await?;
        Ok(Self { connection: options.connect().await.map_err(trouble)? })
    }

    /// Runs statements whose answer does not count.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), ProbeError> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await.map_err(trouble)?;
        Ok(())
    }

    /// The rows of an answer.
    pub(super) async fn rows(&mut self, sql: &str) -> Result<Vec<Record>, ProbeError> {
        let mut answer = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection);
        let mut rows = Vec::new();
        while let Some(row) = answer.try_next().await.map_err(trouble)? {
            if rows.len() >= ROWS_MAX {
                return Err(ProbeError::Answer(format!("more than the {ROWS_MAX} rows that are read")));
            }
            rows.push(record(&row)?);
        }
        Ok(rows)
    }

    /// The one row of an answer.
    pub(super) async fn row(&mut self, sql: &str) -> Result<Record, ProbeError> {
        let none = || ProbeError::Answer("the database gave no row where one always is".to_owned());
        self.rows(sql).await?.into_iter().next().ok_or_else(none)
    }

    /// Ends the transaction and the connection; nothing is left to be waited for.
    pub(super) async fn close(self) {
        // it only read: whoever cannot say goodbye has nothing to lose
        let _ = self.connection.close().await;
    }
}

/// Whether what answers is a PostgreSQL, or a pooler: the first bytes of anything else would be taken for the length of a message,
/// of a gigabyte and more, and all of it be waited for and kept.
async fn greeted(options: &PgConnectOptions) -> Result<(), ProbeError> {
    // an address of IPv6 stands in brackets within a URL alone
    let host = options.get_host().trim_matches(['[', ']']);
    if options.get_socket().is_some() || host.starts_with('/') {
        return Ok(());
    }
    let failed = |error: std::io::Error| trouble(sqlx::Error::Io(error));
    let mut stream = TcpStream::connect((host, options.get_port())).await.map_err(failed)?;
    stream.write_all(&WHETHER_TLS).await.map_err(failed)?;
    match stream.read_u8().await.map_err(failed)? {
        b'S' | b'N' => Ok(()),
        _ => Err(ProbeError::Answer("what answers there is no PostgreSQL".to_owned())),
    }
}

fn record(row: &PgRow) -> Result<Record, ProbeError> {
    let mut columns = Vec::with_capacity(row.columns().len());
    for (place, column) in row.columns().iter().enumerate() {
        let raw = row.try_get_raw(place).map_err(trouble)?;
        let text = match raw.is_null() {
            true => None,
            false => Some(
                raw.as_str()
                    .map_err(|_| ProbeError::Answer(format!("column `{}` is no text", column.name())))?
                    .to_owned(),
            ),
        };
        columns.push((column.name().to_owned(), text));
    }
    Ok(Record(columns))
}

/// A database's failure in words, without its address and its statements.
pub(super) fn trouble(error: sqlx::Error) -> ProbeError {
    ProbeError::Unanswered(match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} (SQLSTATE {code})", error.message()),
            None => error.message().to_owned(),
        },
        sqlx::Error::Io(error) => format!("the connection failed: {error}"),
        sqlx::Error::Tls(_) => "no TLS connection could be made".to_owned(),
        sqlx::Error::Configuration(_) => "the address cannot be used".to_owned(),
        sqlx::Error::Protocol(words) => format!("the server answered what was not expected: {words}"),
        _ => "the server answered what was not expected".to_owned(),
    })
}

impl Record {
    /// A column's text; nothing where it is null or not there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(column, _)| column == name)?.1.as_deref()
    }

    /// A column's text, empty where it is null.
    pub(super) fn word(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// A number, exact.
    pub(super) fn decimal(&self, name: &str) -> Option<Decimal> {
        parse_exact(self.text(name)?)
    }

    /// How many.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// How many; that the column has none is an error of the answer, never zero.
    pub(super) fn counted(&self, name: &str) -> Result<u64, ProbeError> {
        self.count(name).ok_or_else(|| {
            ProbeError::Answer(format!(
                "column `{name}` has `{}` where a number is expected",
                self.word(name)
            ))
        })
    }

    /// A value that is a number of seconds; `why` where there is none.
    pub(super) fn seconds(&self, name: &str, why: &str) -> Value {
        self.decimal(name).map_or_else(|| Value::unknown(why), Value::seconds)
    }

    /// Whether a column is true, as text has it.
    pub(super) fn is(&self, name: &str) -> bool {
        matches!(self.text(name), Some("t" | "true"))
    }

    /// The row for evidence.
    pub(super) fn json(&self) -> Json {
        let value = |text: &Option<String>| text.clone().map_or(Json::Null, Json::String);
        Json::Object(self.0.iter().map(|(name, text)| (name.clone(), value(text))).collect())
    }
}

/// Rows for evidence.
pub(super) fn json(rows: &[Record]) -> Json {
    Json::Array(rows.iter().map(Record::json).collect())
}

/// A name as SQL takes it for nothing but a name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table as SQL takes it, `schema.table` or `table`.
pub(super) fn quoted_table(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

/// A text as SQL takes it for nothing but a text.
pub(super) fn literal(text: &str) -> String {
    // with this prefix a backslash means the same whatever the server's settings are
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No name and no text of a configuration becomes SQL.
    #[test]
    fn quoting() {
        assert_eq!(quoted_table("public.or\"ders"), r#""public"."or""ders""#);
        assert_eq!(literal(r"a'b\'; DROP"), r"E'a''b\\''; DROP'");
    }
}
