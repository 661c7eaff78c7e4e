//! Finding an order, and cancelling what is left of it.

use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::{Order, OrderError, PlaceOrderShown};
use crate::money::Amount;
use crate::service::Backend;

const COLUMNS: &str =
    "SELECT id, account, symbol, side, price, quantity, filled, status FROM orders WHERE id = $1";
const COLUMNS_LOCKED: &str =
    "SELECT id, account, symbol, side, price, quantity, filled, status FROM orders WHERE id = $1 FOR UPDATE";

/// The order of this number.
///
/// # Errors
/// There is none, or the database fails.
pub async fn find(backend: &Backend, id: i64) -> Result<Order, OrderError> {
    let mut tx = backend.pool.begin().await?;
    read(&mut tx, id, COLUMNS).await
}

/// Cancels an order. Cancelling it again is the same answer.
///
/// # Errors
/// There is none, it is filled, or the database fails.
pub async fn cancel(backend: &Backend, id: i64) -> Result<Order, OrderError> {
    let mut tx = backend.pool.begin().await?;
    let mut order = read(&mut tx, id, COLUMNS_LOCKED).await?;
    match order.status.as_str() {
        "cancelled" => return Ok(order),
        "open" => {}
        _ => return Err(OrderError::Ended(order.status)),
    }
    sqlx::query("UPDATE orders SET status = 'cancelled', updated_at = now() WHERE id = $1")
        .bind(id)
        .persistent(false)
        .execute(&mut *tx)
        .await?;
    "cancelled".clone_into(&mut order.status);
    crate::outbox::queue(&mut tx, backend, "order.cancelled", &[serde_json::to_value(&order)?]).await?;
    tx.commit().await?;
    backend.metrics.orders.with_label_values(&["cancelled_by_client"]).inc();
    Ok(order)
}

async fn read(tx: &mut PgConnection, id: i64, sql: &'static str) -> Result<Order, OrderError> {
    let row = sqlx::query(sql).bind(id).persistent(false).fetch_optional(tx).await?;
    Ok(order(&row.ok_or(OrderError::NotFound)?)?)
}

pub(super) fn order(row: &PgRow) -> Result<Order, sqlx::Error> {
    let side: String = row.try_get("side")?;
    Ok(Order {
        id: row.try_get("id")?,
        asked: PlaceOrderShown {
            account: row.try_get("account")?,
            symbol: row.try_get("symbol")?,
            side: side.parse().map_err(|error: String| sqlx::Error::Decode(error.into()))?,
            price: row.try_get::<Option<Decimal>, _>("price")?.map(Amount::new),
            quantity: Amount::new(row.try_get("quantity")?),
        },
        status: row.try_get("status")?,
        filled: Amount::new(row.try_get("filled")?),
    })
}
