//! What the database and the pooler say: the outbox, the keys, this instance's own table, its pool.
//!
//! What does not answer is NaN until it does: an old number would look like a measurement.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions as _, PgConnection, Row as _};
use tokio::time::timeout;

use crate::service::Backend;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// How long a question may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Samples for good, on connections of its own: a full pool is what it has to report.
pub async fn sample_database(backend: Arc<Backend>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        backend.count_connections();
        let (tables, pools) =
            tokio::join!(timeout(WITHIN, tables(&backend)), timeout(WITHIN, pools(&backend)));
        if !matches!(tables, Ok(Ok(()))) {
            forget_tables(&backend);
        }
        if !matches!(pools, Ok(Ok(()))) {
            forget_pools(&backend);
        }
    }
}

async fn tables(backend: &Backend) -> Result<(), sqlx::Error> {
    let mut tx = backend.watcher.begin().await?;
    let row = sqlx::query(
        "SELECT (SELECT count(*)::float8 FROM outbox WHERE origin = $1 AND sent_at IS NULL) AS unsent, \
                (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 \
                   FROM outbox WHERE origin = $1 AND sent_at IS NULL) AS age, \
                (SELECT count(*)::float8 FROM idempotency_keys WHERE origin = $1) AS keys, \
                (SELECT count(*)::float8 FROM idempotency_keys WHERE origin = $1 AND expires_at <= now()) AS overdue",
    )
    .bind(backend.origin())
    .persistent(false)
    .fetch_one(&mut *tx)
    .await?;
    let metrics = &backend.metrics;
    metrics.outbox_unsent.set(row.try_get("unsent")?);
    metrics.outbox_age.set(row.try_get("age")?);
    metrics.idempotency_keys.set(row.try_get("keys")?);
    metrics.keys_overdue.set(row.try_get("overdue")?);
    let row = sqlx::query(
        "SELECT n_live_tup::float8 AS live, n_dead_tup::float8 AS dead, \
                coalesce(extract(epoch FROM last_autovacuum), 0)::float8 AS vacuumed \
           FROM pg_stat_user_tables WHERE relname = $1",
    )
    .bind(format!("quotes_{}", backend.origin()))
    .persistent(false)
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    if let Some(row) = row {
        metrics.live_tuples.with_label_values(&["quotes"]).set(row.try_get("live")?);
        metrics.dead_tuples.with_label_values(&["quotes"]).set(row.try_get("dead")?);
        metrics.last_autovacuum.with_label_values(&["quotes"]).set(row.try_get("vacuumed")?);
    }
    Ok(())
}

fn forget_tables(backend: &Backend) {
    let metrics = &backend.metrics;
    for gauge in
        [&metrics.outbox_unsent, &metrics.outbox_age, &metrics.idempotency_keys, &metrics.keys_overdue]
    {
        gauge.set(f64::NAN);
    }
    for gauges in [&metrics.live_tuples, &metrics.dead_tuples, &metrics.last_autovacuum] {
        gauges.reset();
    }
}

/// Asks the admin console, which understands simple queries alone.
async fn pools(backend: &Backend) -> Result<(), sqlx::Error> {
    let mut console: PgConnection = crate::database::options(&backend.settings.pooler)?.connect().await?;
    let databases = sqlx::raw_sql("SHOW DATABASES").fetch_all(&mut console).await?;
    let pools = sqlx::raw_sql("SHOW POOLS").fetch_all(&mut console).await?;
    let name = backend.pool_name();
    let mine = |rows: Vec<sqlx::postgres::PgRow>, column: &'static str| {
        rows.into_iter().find(|row| row.try_get_unchecked::<&str, _>(column).is_ok_and(|found| found == name))
    };
    let metrics = &backend.metrics;
    let (Some(database), Some(pool)) = (mine(databases, "name"), mine(pools, "database")) else {
        return Err(sqlx::Error::RowNotFound);
    };
    let number = |row: &sqlx::postgres::PgRow, column: &str| -> Result<f64, sqlx::Error> {
        // the console sends numbers as text
        let text: &str = row.try_get_unchecked(column)?;
        text.parse().map_err(|_| sqlx::Error::Decode(format!("`{column}` is `{text}`").into()))
    };
    let size = number(&database, "pool_size")?;
    let used = number(&pool, "sv_active")?;
    metrics.pool_size.with_label_values(&[name]).set(size);
    metrics.pool_current.with_label_values(&[name]).set(number(&database, "current_connections")?);
    metrics.pool_used.with_label_values(&[name]).set(used / size);
    metrics.pool_waiting.with_label_values(&[name]).set(number(&pool, "cl_waiting")?);
    metrics.pool_max_wait.with_label_values(&[name]).set(number(&pool, "maxwait")?);
    Ok(())
}

fn forget_pools(backend: &Backend) {
    let metrics = &backend.metrics;
    for gauges in [
        &metrics.pool_size,
        &metrics.pool_current,
        &metrics.pool_used,
        &metrics.pool_waiting,
        &metrics.pool_max_wait,
    ] {
        gauges.reset();
    }
}
