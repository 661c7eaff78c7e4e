//! Nothing lost, nothing done twice: orders, fills, positions, keys, outbox and what was delivered, held against each other.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use crate::client::Client;
use crate::feed::Delivered;
use crate::local::Addresses;

/// How long queued events may take to be sent: one that was refused for a while waits for up to a minute.
const DRAINED_WITHIN: Duration = Duration::from_secs(90);

/// What has to be zero, and what it would mean.
const ZERO: [(&str, &str); 6] = [
    ("keys without an answer", "SELECT count(*) FROM idempotency_keys WHERE status IS NULL"),
    (
        "orders with more than one event",
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE topic = 'order.accepted' GROUP BY payload->>'id' HAVING count(*) > 1) twice",
    ),
    (
        "fills without their event, or events without their fill",
        "SELECT abs((SELECT count(*) FROM fills) - (SELECT count(*) FROM outbox WHERE topic = 'order.filled'))",
    ),
    (
        "orders that are not filled by their fills",
        "SELECT count(*) FROM orders o WHERE filled <> coalesce((SELECT sum(quantity) FROM fills f WHERE f.order_id = o.id), 0)",
    ),
    ("fills whose amount is not exact", "SELECT count(*) FROM fills WHERE notional <> price * quantity"),
    (
        "positions that do not hold what was filled",
        "SELECT count(*) FROM (SELECT account, symbol, sum(quantity) AS held FROM positions GROUP BY 1, 2) p FULL JOIN \
         (SELECT account, symbol, sum(CASE side WHEN 'buy' THEN filled ELSE -filled END) AS traded FROM orders GROUP BY 1, 2) o \
         USING (account, symbol) WHERE held IS DISTINCT FROM traded",
    ),
];

/// What there is, when all of it agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciled {
    /// Orders.
    pub orders: i64,
    /// Fills of them.
    pub fills: i64,
    /// Events in the outbox.
    pub events: i64,
    /// Deliveries of an event that had been delivered: at least once is what is promised.
    pub repeated: u64,
}

/// Why they do not agree.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The database does not answer.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The receiver of events does not answer.
    #[error("the receiver of events: {0}")]
    Receiver(String),
    /// Events are not sent.
    #[error("{0} events are not sent after {DRAINED_WITHIN:?}")]
    Unsent(i64),
    /// Something is there that must not be, or not there that must.
    #[error("{}", .0.join("; "))]
    Differs(Vec<String>),
}

/// Waits until the outbox is empty, and holds everything against everything. `orders` is how many were accepted, as their clients know;
/// the receiver of events has forgotten `forgotten` of them with its own restart.
///
/// # Errors
/// What does not agree, all of it.
pub async fn reconcile(at: &Addresses, orders: i64, forgotten: i64) -> Result<Reconciled, ReconcileError> {
    let mut database = PgConnection::connect(&at.postgres).await?;
    let from = Instant::now();
    loop {
        let unsent = count(&mut database, "SELECT count(*) FROM outbox WHERE sent_at IS NULL").await?;
        if unsent == 0 {
            break;
        }
        if from.elapsed() > DRAINED_WITHIN {
            return Err(ReconcileError::Unsent(unsent));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut differs = Vec::new();
    for (what, sql) in ZERO {
        let found = count(&mut database, sql).await?;
        if found != 0 {
            differs.push(format!("{found} {what}"));
        }
    }
    for (what, sql) in [
        ("orders", "SELECT count(*) FROM orders"),
        (
            "orders with an event",
            "SELECT count(DISTINCT payload->>'id') FROM outbox WHERE topic = 'order.accepted'",
        ),
    ] {
        let found = count(&mut database, sql).await?;
        if found != orders {
            differs.push(format!("{found} {what}, of {orders} that were accepted"));
        }
    }
    let fills = count(&mut database, "SELECT count(*) FROM fills").await?;
    let events = count(&mut database, "SELECT count(*) FROM outbox").await?;
    database.close().await?;
    let reply = Client::default().get(&format!("{}/events", at.feed)).await;
    let body = reply.map_err(|error| ReconcileError::Receiver(error.to_string()))?.body;
    let delivered: Delivered =
        serde_json::from_str(&body).map_err(|error| ReconcileError::Receiver(error.to_string()))?;
    let known = i64::try_from(delivered.events).unwrap_or(i64::MAX);
    // what was sent and not marked when something went away, is sent again
    if known > events || known < events.saturating_sub(forgotten) {
        differs.push(format!("{known} events delivered, of {events} queued and {forgotten} forgotten"));
    }
    if differs.is_empty() {
        Ok(Reconciled { orders, fills, events, repeated: delivered.repeated })
    } else {
        Err(ReconcileError::Differs(differs))
    }
}

async fn count(database: &mut PgConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sql).fetch_one(database).await
}
