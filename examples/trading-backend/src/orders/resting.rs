//! Orders that rest: filled later, when the market comes to them.

use std::sync::Arc;
use std::time::Duration;

use super::cancel::order;
use super::record::{Filled, filled, insert_fills};
use super::{Order, OrderError, match_book};
use crate::service::Backend;

/// Time between two looks at the market.
const EVERY: Duration = Duration::from_millis(500);

/// Prices that are older fill nobody.
const FRESH: Duration = Duration::from_secs(5);

/// Most orders of one look, oldest first.
const ORDERS_MAX: i64 = 500;

/// Fills this instance's resting orders, for good.
pub async fn fill_resting(backend: Arc<Backend>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if backend.guard.is_frozen() {
            continue;
        }
        // a database that is away is asked again with the next look
        if let Ok(orders) = crossing(&backend).await {
            for order in orders {
                let _ = fill(&backend, order.id).await;
            }
        }
    }
}

/// Orders that the market has come to.
async fn crossing(backend: &Backend) -> Result<Vec<Order>, OrderError> {
    let mut tx = backend.pool.begin().await?;
    let rows = sqlx::query(
        "SELECT id, account, symbol, side, price, quantity, filled, status FROM orders \
         WHERE origin = $1 AND status = 'open' ORDER BY id LIMIT $2",
    )
    .bind(backend.origin())
    .bind(ORDERS_MAX)
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut found = Vec::new();
    for row in &rows {
        let order = order(row)?;
        if !offers(backend, &order).is_empty() {
            found.push(order);
        }
    }
    Ok(found)
}

fn offers(backend: &Backend, order: &Order) -> Vec<super::Fill> {
    let Ok(instruments) = backend.instruments() else { return Vec::new() };
    let Some(instrument) = instruments.get(&order.asked.symbol) else { return Vec::new() };
    let Some(book) = backend.market.book(&order.asked.symbol) else { return Vec::new() };
    let age = backend.market.book_age(instrument.venue, &instrument.symbol);
    if age.is_none_or(|age| age > FRESH) {
        return Vec::new();
    }
    match_book(&book, order.asked.side, order.asked.price, order.asked.quantity.less(order.filled))
}

/// Fills one order, if it still rests: a cancel may have come first.
async fn fill(backend: &Backend, id: i64) -> Result<(), OrderError> {
    let mut tx = backend.pool.begin().await?;
    let row = sqlx::query(
        "SELECT id, account, symbol, side, price, quantity, filled, status FROM orders \
         WHERE id = $1 AND status = 'open' FOR UPDATE SKIP LOCKED",
    )
    .bind(id)
    .persistent(false)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(()) };
    let found = order(&row)?;
    let fills = offers(backend, &found);
    if fills.is_empty() {
        return Ok(());
    }
    let more = filled(&fills)?;
    sqlx::query(
        "UPDATE orders SET filled = filled + $2, updated_at = now(), \
         status = CASE WHEN filled + $2 = quantity THEN 'filled' ELSE 'open' END WHERE id = $1",
    )
    .bind(id)
    .bind(more.value())
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    let whose = Filled {
        order: id,
        account: &found.asked.account,
        symbol: &found.asked.symbol,
        side: found.asked.side,
    };
    insert_fills(&mut tx, backend, &whose, &fills).await?;
    tx.commit().await?;
    Ok(())
}
