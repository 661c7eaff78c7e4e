//! What accounts hold: one open position at most for an account and a symbol, held so by a partial unique index.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Row as _};

use crate::money::Amount;
use crate::service::Backend;

/// A position as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Position {
    /// What is held.
    pub symbol: String,
    /// How much; below zero it is owed.
    pub quantity: Amount,
    /// What was paid for it, less what was had for it.
    pub cost: String,
}

/// Adds to the open position, opens one where there is none, and closes it at zero.
///
/// # Errors
/// Those of the database.
pub async fn change(
    tx: &mut PgConnection,
    account: &str,
    symbol: &str,
    quantity: Decimal,
    cost: Decimal,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO positions AS p (account, symbol, quantity, cost) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account, symbol) WHERE closed_at IS NULL DO UPDATE SET \
             quantity = p.quantity + EXCLUDED.quantity, cost = p.cost + EXCLUDED.cost, \
             closed_at = CASE WHEN p.quantity + EXCLUDED.quantity = 0 THEN now() END",
    )
    .bind(account)
    .bind(symbol)
    .bind(quantity)
    .bind(cost)
    .persistent(false)
    .execute(tx)
    .await?;
    Ok(())
}

/// The open positions of an account, by symbol.
///
/// # Errors
/// Those of the database.
pub async fn open(backend: &Backend, account: &str) -> Result<Vec<Position>, sqlx::Error> {
    let mut tx = backend.pool.begin().await?;
    let rows = sqlx::query(
        // an amount that was not computed exactly may have more digits than a decimal here: shown as it is
        "SELECT symbol, quantity, cost::text AS cost FROM positions \
         WHERE account = $1 AND closed_at IS NULL ORDER BY symbol",
    )
    .bind(account)
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    rows.iter()
        .map(|row| {
            Ok(Position {
                symbol: row.try_get("symbol")?,
                quantity: Amount::new(row.try_get("quantity")?),
                cost: row.try_get("cost")?,
            })
        })
        .collect()
}
