//! An outbox: what waits in it, how it is tried again, and whose clock wrote it.

use serde_json::json;

use super::super::database::{Database, quoted, quoted_table};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// R3 and R13: events that wait, tries that do not back off, and times that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The table.
    pub table: String,
    /// The column of the time at which an event was written.
    pub created: String,
    /// The column of the time at which it was sent; empty until then.
    pub sent: String,
    /// The column that counts tries.
    pub attempts: Option<String>,
    /// The column of the time before which it is not tried again.
    pub next: Option<String>,
}

impl Probe for Outbox {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let (created, sent) = (quoted(&self.created), quoted(&self.sent));
        let attempts = self.attempts.as_deref().map_or_else(|| "NULL::int".to_owned(), quoted);
        let next = self.next.as_deref().map_or_else(|| "NULL::timestamptz".to_owned(), quoted);
        let mut database = Database::open(&self.url).await?;
        let row = database
            .row(&format!(
                "SELECT count(*)::text AS events, count(*) FILTER (WHERE {sent} IS NULL)::text AS unsent, \
                 greatest(coalesce(extract(epoch FROM max(clock_timestamp() - {created}) FILTER (WHERE {sent} IS NULL)), 0), 0)::text AS oldest, \
                 coalesce(max({attempts}) FILTER (WHERE {sent} IS NULL), 0)::text AS attempts, \
                 greatest(coalesce(extract(epoch FROM max(clock_timestamp() - {next}) FILTER (WHERE {sent} IS NULL)), 0), 0)::text AS overdue, \
                 count(*) FILTER (WHERE {sent} IS NULL AND {attempts} > 0 AND {next} <= {created})::text AS without_backoff, \
                 count(*) FILTER (WHERE {sent} < {created})::text AS sent_before_written, \
                 greatest(coalesce(extract(epoch FROM max({created}) - clock_timestamp()), 0), \
                 coalesce(extract(epoch FROM max({sent}) - clock_timestamp()), 0), \
                 coalesce(extract(epoch FROM max({created} - {sent})), 0), 0)::text AS skew, \
                 extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY {sent} - {created}))::text AS lag \
                 FROM {}",
                quoted_table(&self.table)
            ))
            .await?;
        database.close().await;
        let events = row.counted("events")?;
        let none = "the outbox tells no age";
        let known = |column: &Option<String>, name: &str, value: Value| match column {
            Some(_) => value,
            None => Value::unknown(format!("the probe's settings name no column `{name}`")),
        };
        Ok(Measured::new(json!({ "outbox": row.json() }))
            .with("events", Value::count(events))
            .with("unsent", Value::count(row.counted("unsent")?))
            .with("oldest_unsent", row.seconds("oldest", none))
            .with("lag", row.seconds("lag", "no event was ever sent"))
            .with("attempts", known(&self.attempts, "attempts", Value::count(row.counted("attempts")?)))
            .with("overdue", known(&self.next, "next", row.seconds("overdue", none)))
            .with(
                "without_backoff",
                known(
                    &self.next.clone().and(self.attempts.clone()),
                    "next",
                    Value::count(row.counted("without_backoff")?),
                ),
            )
            .with("sent_before_written", Value::count(row.counted("sent_before_written")?))
            .with("skew", row.seconds("skew", none)))
    }
}
