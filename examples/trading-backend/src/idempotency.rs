//! Idempotency keys: the same request again has the same answer, and another one under the same key is refused.
//!
//! A key is claimed in the transaction that does the work. A second request with it waits in the unique index until the
//! first has committed, and then finds its answer: nothing is done twice, whatever breaks in between.

use std::sync::Arc;

use sqlx::{PgConnection, Row as _};

use crate::fault::Fault;
use crate::service::Backend;

/// Longest key.
const KEY_MAX: usize = 64;

/// Most keys collected at once, so that no transaction of the collector lasts.
const COLLECT_MAX: i64 = 1_000;

/// A key as clients name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Reads a key: 1 to 64 ASCII letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=KEY_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`Idempotency-Key` has 1 to {KEY_MAX} of A-Z a-z 0-9 - _"))
        }
    }
}

/// SHA-256 of what is asked for.
pub type Fingerprint = [u8; 32];

/// An answer as it was given, kept to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
}

/// What there is under a key.
#[derive(Debug)]
pub enum Claim {
    /// Nothing: the work is ours to do, in this transaction.
    New,
    /// The same request was answered so.
    Answered(Answer),
    /// Another request has this key.
    Conflict,
}

/// Takes a key, or says who has it.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    tx: &mut PgConnection,
    backend: &Backend,
    key: &Key,
    asked: &Fingerprint,
) -> Result<Claim, sqlx::Error> {
    // a key that has expired, and was not collected yet, is free
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys AS k (key, origin, fingerprint, expires_at) \
         VALUES ($1, $2, $3, now() + make_interval(secs => $4)) \
         ON CONFLICT (key) DO UPDATE SET origin = EXCLUDED.origin, fingerprint = EXCLUDED.fingerprint, status = NULL, \
             answer = NULL, created_at = now(), expires_at = EXCLUDED.expires_at WHERE k.expires_at <= now()",
    )
    .bind(&key.0)
    .bind(backend.origin())
    .bind(asked.as_slice())
    .bind(f64::from(backend.settings.idempotency_ttl_seconds))
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    let row = sqlx::query("SELECT fingerprint, status, answer FROM idempotency_keys WHERE key = $1")
        .bind(&key.0)
        .persistent(false)
        .fetch_one(&mut *tx)
        .await?;
    let same = row.try_get::<&[u8], _>("fingerprint")? == asked.as_slice();
    let status: Option<i32> = row.try_get("status")?;
    let body: Option<String> = row.try_get("answer")?;
    match (same && !takes_it_for_another(backend), status.and_then(|s| u16::try_from(s).ok()), body) {
        (true, Some(status), Some(body)) => Ok(Claim::Answered(Answer { status, body })),
        _ => Ok(Claim::Conflict),
    }
}

/// Keeps the answer under its key.
///
/// # Errors
/// Those of the database.
pub async fn keep(tx: &mut PgConnection, key: &Key, answer: &Answer) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE idempotency_keys SET status = $2, answer = $3 WHERE key = $1")
        .bind(&key.0)
        .bind(i32::from(answer.status))
        .bind(&answer.body)
        .persistent(false)
        .execute(tx)
        .await?;
    Ok(())
}

/// Collects this instance's expired keys, for good.
pub async fn collect(backend: Arc<Backend>) {
    let mut ticks = tokio::time::interval(backend.settings.collect_every());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if backend.faults.level(Fault::KeysWithoutGc).is_none() {
            // a database that is away has its keys collected when it is back
            while let Ok(COLLECT_MAX) = collect_once(&backend).await {}
        }
    }
}

/// Collects at most [`COLLECT_MAX`] keys. How many there were.
async fn collect_once(backend: &Backend) -> Result<i64, sqlx::Error> {
    let mut tx = backend.pool.begin().await?;
    let done = sqlx::query(
        "DELETE FROM idempotency_keys WHERE key IN (SELECT key FROM idempotency_keys \
         WHERE origin = $1 AND expires_at <= now() ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(backend.origin())
    .bind(COLLECT_MAX)
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(COLLECT_MAX))
}

/// The fault: comparing goes wrong, what is stored stays right.
fn takes_it_for_another(backend: &Backend) -> bool {
    backend
        .faults
        .level(Fault::IdempotencyClash)
        .is_some_and(|percent| crate::fault::falls_into(backend.metrics.idempotency_requests.get(), percent))
}
