//! Sends what is queued, oldest first. What is refused is tried again after a pause that doubles.
//!
//! Rows are locked while they are sent: an instance that dies in between leaves them unsent, and the next one sends them again.
//! Events of an instance that has been away for [`ADOPT_SECONDS`] are sent by the others.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqlx::{PgConnection, Row as _};

use crate::client::Client;
use crate::fault::Fault;
use crate::service::Backend;

/// Time between two looks, when there was nothing left to send.
const EVERY: Duration = Duration::from_millis(100);

/// Most events of one look: a transaction must not last.
const BATCH: i64 = 50;

/// Longest pause of one event.
const PAUSE_MAX_SECONDS: f64 = 60.0;

/// After so many seconds, an event is anybody's.
const ADOPT_SECONDS: f64 = 300.0;

/// Sends for good.
pub async fn dispatch(backend: Arc<Backend>) {
    let client = Client::default();
    loop {
        let stalled = backend.faults.level(Fault::OutboxStalled).is_some();
        let busy = !stalled && matches!(send_batch(&backend, &client).await, Ok(BATCH));
        if !busy {
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Sends at most [`BATCH`] events. How many were due.
async fn send_batch(backend: &Backend, client: &Client) -> Result<i64, sqlx::Error> {
    let mut tx = backend.pool.begin().await?;
    let rows = sqlx::query(
        "SELECT id, topic, payload::text AS payload, attempts FROM outbox \
         WHERE sent_at IS NULL AND next_attempt_at <= now() \
           AND (origin = $1 OR created_at < now() - make_interval(secs => $2)) \
         ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED",
    )
    .bind(backend.origin())
    .bind(ADOPT_SECONDS)
    .bind(BATCH)
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    for row in &rows {
        let id: i64 = row.try_get("id")?;
        let topic: String = row.try_get("topic")?;
        let payload: String = row.try_get("payload")?;
        // one that is refused says nothing about the next, but a receiver that is away does
        if failed.len() < 3 && send(backend, client, id, &topic, &payload).await {
            sent.push(id);
        } else {
            failed.push(id);
        }
    }
    mark(&mut tx, &sent, &failed).await?;
    tx.commit().await?;
    let metrics = &backend.metrics;
    metrics.outbox_sent.inc_by(u64::try_from(sent.len()).unwrap_or(0));
    metrics.outbox_failures.inc_by(u64::try_from(failed.len()).unwrap_or(0));
    Ok(i64::try_from(rows.len()).unwrap_or(BATCH))
}

async fn send(backend: &Backend, client: &Client, id: i64, topic: &str, payload: &str) -> bool {
    let Ok(payload) = serde_json::from_str::<serde_json::Value>(payload) else { return false };
    let body = json!({ "id": id, "topic": topic, "payload": payload }).to_string();
    let headers = [("content-type", "application/json")];
    let reply = client.send("POST", &backend.settings.publish, &headers, body).await;
    reply.is_ok_and(|reply| reply.status.is_success())
}

/// Marks what was sent, and when to try the rest again: 0.2 s, 0.4 s … 60 s.
async fn mark(tx: &mut PgConnection, sent: &[i64], failed: &[i64]) -> Result<(), sqlx::Error> {
    if !sent.is_empty() {
        sqlx::query(
            "UPDATE outbox SET sent_at = clock_timestamp(), attempts = attempts + 1 WHERE id = ANY ($1)",
        )
        .bind(sent)
        .persistent(false)
        .execute(&mut *tx)
        .await?;
    }
    if !failed.is_empty() {
        sqlx::query(
            "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + \
             make_interval(secs => least($2, 0.2 * power(2, least(attempts, 20)))) WHERE id = ANY ($1)",
        )
        .bind(failed)
        .bind(PAUSE_MAX_SECONDS)
        .persistent(false)
        .execute(tx)
        .await?;
    }
    Ok(())
}
