//! The table of browsers' reports: for people who look later, and never more than they can look at.

use std::sync::Arc;

use crate::service::Backend;

/// Most reports kept, of all instances; the oldest go first. Some 30 MB, and flood control lets so many through in two
/// minutes: the newest are those that tell of what is wrong now.
const REPORTS_MAX: i64 = 100_000;

/// How long a report is kept, in days: the release that it tells of is reviewed by then.
const DAYS_MAX: i32 = 30;

/// Most reports dropped at once, so that no transaction of the collector lasts.
const COLLECT_MAX: i64 = 1_000;

/// A violation of the policy, as a browser reported it.
pub(super) struct Violation {
    pub(super) directive: String,
    pub(super) blocked: String,
}

/// Keeps violations.
pub(super) async fn keep(backend: &Backend, violations: &[Violation]) -> Result<(), sqlx::Error> {
    let mut tx = backend.watcher.begin().await?;
    sqlx::query(
        "INSERT INTO csp_reports (origin, directive, blocked) SELECT $1, * FROM unnest($2::text[], $3::text[])",
    )
    .bind(backend.origin())
    .bind(violations.iter().map(|violation| violation.directive.as_str()).collect::<Vec<_>>())
    .bind(violations.iter().map(|violation| violation.blocked.as_str()).collect::<Vec<_>>())
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Drops what is too old or too much, for good. Every instance does it for all: those that are gone left theirs.
pub async fn collect_reports(backend: Arc<Backend>) {
    let mut ticks = tokio::time::interval(backend.settings.collect_every());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // a database that is away has its reports collected when it is back
        while let Ok(COLLECT_MAX) = collect_once(&backend).await {}
    }
}

/// Drops at most [`COLLECT_MAX`] reports. How many there were.
async fn collect_once(backend: &Backend) -> Result<i64, sqlx::Error> {
    let mut tx = backend.watcher.begin().await?;
    // only the oldest are looked at, and ids are given in order: nothing is counted
    let done = sqlx::query(
        "DELETE FROM csp_reports WHERE id IN (SELECT id FROM (SELECT id, at FROM csp_reports ORDER BY id LIMIT $1) AS oldest \
         WHERE at < now() - make_interval(days => $2) OR id <= (SELECT max(id) FROM csp_reports) - $3)",
    )
    .bind(COLLECT_MAX)
    .bind(DAYS_MAX)
    .bind(REPORTS_MAX)
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(COLLECT_MAX))
}
