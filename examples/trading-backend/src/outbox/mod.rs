//! Events for others leave by a table: written in the transaction that makes them true, sent afterwards, at least once.

mod dispatcher;

use serde_json::Value;
use sqlx::PgConnection;

pub use self::dispatcher::dispatch;
use crate::service::Backend;

/// Queues events of one topic.
///
/// # Errors
/// Those of the database.
pub async fn queue(
    tx: &mut PgConnection,
    backend: &Backend,
    topic: &str,
    events: &[Value],
) -> Result<(), sqlx::Error> {
    let payloads: Vec<String> = events.iter().map(Value::to_string).collect();
    sqlx::query(
        "INSERT INTO outbox (origin, topic, payload) SELECT $1, $2, payload::jsonb FROM unnest($3::text[]) AS payload",
    )
    .bind(backend.origin())
    .bind(topic)
    .bind(payloads)
    .persistent(false)
    .execute(tx)
    .await?;
    Ok(())
}
