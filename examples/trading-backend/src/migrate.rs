//! Brings a database to this version: sqlx's migrations, and those of the web front end, which Prisma keeps.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, Row as _};

/// The service's own, in order.
const OURS: [(i64, &str, &str); 4] = [
    (1, "instruments", include_str!("../migrations/0001_instruments.sql")),
    (2, "orders", include_str!("../migrations/0002_orders.sql")),
    (3, "idempotency and outbox", include_str!("../migrations/0003_idempotency_and_outbox.sql")),
    (4, "quotes", include_str!("../migrations/0004_quotes.sql")),
];

/// The web front end's, as `prisma migrate deploy` would apply them.
const PRISMA: [(&str, &str); 1] = [(
    "20260102090000_web_sessions",
    include_str!("../prisma/migrations/20260102090000_web_sessions/migration.sql"),
)];

/// Prisma's own table, as its schema engine makes it.
const PRISMA_TABLE: &str = r#"CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
)"#;

/// Applies what is missing. The address leads to PostgreSQL itself: locks that outlive a transaction do not pass a pooler.
///
/// # Errors
/// Those of the database, and a migration that was changed after it was applied.
pub async fn migrate(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let ours = OURS.into_iter().map(|(version, description, sql)| {
        Migration::new(
            version,
            Cow::Borrowed(description),
            MigrationType::Simple,
            sqlx::SqlSafeStr::into_sql_str(sql),
            false,
        )
    });
    Migrator::with_migrations(ours.collect())
        .run(&mut connection)
        .await
        .map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
    sqlx::raw_sql(PRISMA_TABLE).execute(&mut connection).await?;
    for (name, sql) in PRISMA {
        apply_prisma(&mut connection, name, sql).await?;
    }
    connection.close().await
}

async fn apply_prisma(
    connection: &mut PgConnection,
    name: &str,
    sql: &'static str,
) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin().await?;
    let applied = sqlx::query(
        "SELECT count(*) > 0 FROM _prisma_migrations WHERE migration_name = $1 AND finished_at IS NOT NULL",
    )
    .bind(name)
    .fetch_one(&mut *tx)
    .await?;
    if applied.try_get::<bool, _>(0)? {
        return tx.rollback().await;
    }
    sqlx::raw_sql(sql).execute(&mut *tx).await?;
    let checksum: String = Sha256::digest(sql).iter().map(|byte| format!("{byte:02x}")).collect();
    sqlx::query(
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) \
         VALUES (gen_random_uuid()::text, $1, now(), $2, 1)",
    )
    .bind(checksum)
    .bind(name)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
