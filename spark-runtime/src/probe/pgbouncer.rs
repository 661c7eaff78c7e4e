//! A pgBouncer, by its admin console.

use rust_decimal::Decimal;
use serde_json::json;

use super::database::{Database, Record, json};
use super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// P3 and R7: how full the pools are, who waits, and which servers are held by clients that do nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pgbouncer {
    /// Where the address of the console is: its database is `pgbouncer`.
    pub url: SecretSource,
    /// The databases whose pools count; all where there are none.
    pub databases: Vec<String>,
    /// A server that has been held for longer than this without a request is a leak.
    pub held_after: spark_core::TimeSpan,
}

impl Probe for Pgbouncer {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut console = Database::console(&self.url).await?;
        let pools = console.rows("SHOW POOLS").await?;
        let databases = console.rows("SHOW DATABASES").await?;
        let servers = console.rows("SHOW SERVERS").await?;
        let clients = console.rows("SHOW CLIENTS").await?;
        let config = console.rows("SHOW CONFIG").await?;
        console.close().await;
        let counts = |row: &&Record| {
            let name = row.word("database");
            name != "pgbouncer" && (self.databases.is_empty() || self.databases.iter().any(|one| one == name))
        };
        let pools: Vec<Record> = pools.iter().filter(counts).cloned().collect();
        let servers: Vec<Record> = servers.iter().filter(counts).cloned().collect();
        let setting = |name: &str| {
            let row = config.iter().find(|row| row.word("key") == name);
            row.and_then(|row| row.decimal("value"))
        };
        let missing =
            self.databases.iter().find(|name| !databases.iter().any(|row| row.word("name") == *name));
        if let Some(name) = missing {
            return Err(ProbeError::Answer(format!("pgBouncer knows no database `{name}`")));
        }
        let saturation = saturation(&pools, &databases, setting("default_pool_size"))?;
        let sum = |rows: &[Record], column: &str| {
            rows.iter()
                .try_fold(0_u64, |sum, row| Ok::<_, ProbeError>(sum.saturating_add(row.counted(column)?)))
        };
        let waited = pools.iter().filter_map(|row| {
            let micros = row.decimal("maxwait_us")?.checked_div(Decimal::from(1_000_000))?;
            row.decimal("maxwait")?.checked_add(micros)
        });
        let clients_used = match setting("max_client_conn") {
            Some(most) => Value::ratio(Decimal::from(clients.len()), most),
            None => Value::unknown("the console tells no `max_client_conn`"),
        };
        let stopped =
            databases.iter().filter(|row| row.word("paused") == "1" || row.word("disabled") == "1").count();
        let (held, longest) = held(&servers, &clients, self.held_after);
        let details = json!({
            "pools": json(&pools), "databases": json(&databases), "servers": json(&servers), "clients": clients.len(),
        });
        Ok(Measured::new(details)
            .with("pools", Value::len(pools.len()))
            .with("saturation", saturation)
            .with("waiting", Value::count(sum(&pools, "cl_waiting")?))
            .with("longest_wait", Value::seconds(waited.max().unwrap_or(Decimal::ZERO)))
            .with("clients_used", clients_used)
            .with("stopped", Value::len(stopped))
            .with("held", held)
            .with("longest_held", longest))
    }
}

/// The fullest pool: servers that are with a client, of those that the pool may have.
fn saturation(pools: &[Record], databases: &[Record], default: Option<Decimal>) -> Result<Value, ProbeError> {
    let mut worst = Decimal::ZERO;
    for pool in pools {
        let of_database = databases.iter().find(|row| row.word("name") == pool.word("database"));
        // behind `*` a database is not listed until somebody asked for it
        let size = of_database.and_then(|row| row.decimal("pool_size")).or(default);
        let Some(size) = size.filter(|size| *size > Decimal::ZERO) else {
            return Ok(Value::unknown(format!("the pool of `{}` has no size", pool.word("database"))));
        };
        let busy = ["sv_active", "sv_tested", "sv_login"].iter().try_fold(Decimal::ZERO, |sum, column| {
            let more = pool
                .count(column)
                .ok_or_else(|| ProbeError::Answer(format!("a pool tells no `{column}`")))?;
            Ok::<_, ProbeError>(sum.checked_add(Decimal::from(more)).unwrap_or(Decimal::MAX))
        })?;
        worst = worst.max(busy.checked_div(size).unwrap_or(Decimal::ONE));
    }
    Ok(Value::ratio(worst, Decimal::ONE))
}

/// Servers that are with a client whose last request is long ago: how many, and the longest. The console's own request is the
/// newest of all, so that no clock but pgBouncer's counts.
fn held(servers: &[Record], clients: &[Record], after: spark_core::TimeSpan) -> (Value, Value) {
    let now = clients.iter().filter_map(|row| instant(row.word("request_time"))).max();
    let Some(now) = now else {
        let why = "the console tells no time of its own request";
        return (Value::unknown(why), Value::unknown(why));
    };
    let active = servers.iter().filter(|row| row.word("state") == "active");
    let ages: Vec<i64> = active
        .filter_map(|row| instant(row.word("request_time")))
        .map(|then| now.saturating_sub(then).max(0))
        .collect();
    let limit = i64::try_from(after.to_std().as_secs()).unwrap_or(i64::MAX);
    let held = ages.iter().filter(|age| **age > limit).count();
    let longest = ages.iter().max().copied().unwrap_or(0);
    (Value::len(held), Value::seconds(Decimal::from(longest)))
}

/// Seconds of a time as the console writes it, `2026-11-23 10:00:00 UTC`. Only differences count, so its zone does not.
fn instant(text: &str) -> Option<i64> {
    let plain = text.get(..19)?;
    let time: jiff::civil::DateTime = plain.replace(' ', "T").parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}
