//! Idempotency keys: whether they end, and whether somebody takes the ended ones away.

use serde_json::json;

use super::super::database::{Database, quoted, quoted_table};
use super::super::{Measured, Probe, ProbeError, Value};
use crate::config::SecretSource;

/// R2: keys without an end, the longest time that one lives, and how long ended ones stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyTable {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The table.
    pub table: String,
    /// The column of the time at which a key came.
    pub created: String,
    /// The column of the time at which it ends.
    pub expires: String,
}

impl Probe for IdempotencyTable {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let (created, expires) = (quoted(&self.created), quoted(&self.expires));
        let mut database = Database::open(&self.url).await?;
        let row = database
            .row(&format!(
                "SELECT count(*)::text AS keys, count(*) FILTER (WHERE {expires} IS NULL)::text AS endless, \
                 count(*) FILTER (WHERE {expires} < clock_timestamp())::text AS expired, \
                 greatest(coalesce(extract(epoch FROM max(clock_timestamp() - {expires})), 0), 0)::text AS longest_expired, \
                 extract(epoch FROM max({expires} - {created}))::text AS longest_life, \
                 extract(epoch FROM min({expires} - {created}))::text AS shortest_life FROM {}",
                quoted_table(&self.table)
            ))
            .await?;
        database.close().await;
        let none = "there is no key, so nobody knows how long one lives";
        Ok(Measured::new(json!({ "keys": row.json() }))
            .with("keys", Value::count(row.counted("keys")?))
            .with("endless", Value::count(row.counted("endless")?))
            .with("expired", Value::count(row.counted("expired")?))
            .with("longest_expired", row.seconds("longest_expired", none))
            .with("longest_life", row.seconds("longest_life", none))
            .with("shortest_life", row.seconds("shortest_life", none)))
    }
}
