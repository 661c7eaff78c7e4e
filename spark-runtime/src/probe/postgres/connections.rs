//! Who is connected, and doing what.

use serde_json::json;

use super::super::database::{Database, json};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// R7 and health: connections by their state, against the server's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// Where the address of the database is.
    pub url: SecretSource,
}

impl Probe for Connections {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let states = database
            .rows(
                "SELECT coalesce(state, 'hidden') AS state, coalesce(datname, '') AS database, \
                 coalesce(usename, '') AS role, application_name AS application, count(*)::text AS connections, \
                 count(*) FILTER (WHERE wait_event_type = 'Lock')::text AS waiting, \
                 extract(epoch FROM max(clock_timestamp() - xact_start))::text AS longest_transaction \
                 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \
                 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            )
            .await?;
        let sum = database
            .row(
                "SELECT count(*)::text AS open, count(*) FILTER (WHERE state = 'active')::text AS active, \
                 count(*) FILTER (WHERE state LIKE 'idle in transaction%')::text AS idle_in_transaction, \
                 count(*) FILTER (WHERE wait_event_type = 'Lock')::text AS waiting, \
                 count(*) FILTER (WHERE state IS NULL)::text AS hidden, \
                 coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::text AS longest, \
                 coalesce(extract(epoch FROM max(clock_timestamp() - state_change) \
                 FILTER (WHERE state LIKE 'idle in transaction%')), 0)::text AS longest_idle, \
                 (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)::text \
                 AS most FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            )
            .await?;
        database.close().await;
        let hidden = sum.counted("hidden")?;
        let seen = |value| match hidden {
            0 => value,
            _ => Value::unknown(format!(
                "the states of {hidden} connections are hidden from this role: grant it pg_read_all_stats"
            )),
        };
        let used = match (sum.decimal("open"), sum.decimal("most")) {
            (Some(open), Some(most)) => Value::ratio(open, most),
            _ => Value::unknown("the server told no limit of connections"),
        };
        let none = "the server told no age";
        let details = json!({ "states": json(&states), "sum": sum.json() });
        Ok(Measured::new(details)
            .with("open", Value::count(sum.counted("open")?))
            .with("used", used)
            .with("active", seen(Value::count(sum.counted("active")?)))
            .with("idle_in_transaction", seen(Value::count(sum.counted("idle_in_transaction")?)))
            .with("waiting_for_locks", seen(Value::count(sum.counted("waiting")?)))
            .with("longest_transaction", seen(sum.seconds("longest", none)))
            .with("longest_idle_in_transaction", seen(sum.seconds("longest_idle", none))))
    }
}
