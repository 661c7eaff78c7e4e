//! What an order leaves in the tables: itself, its fills, the position, and the events for others. All in one transaction.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row as _};

use super::{Fill, OrderError, PlaceOrder, Side};
use crate::instrument::Instrument;
use crate::money::{Amount, notional};
use crate::service::Backend;

/// How much the fills come to.
pub(super) fn filled(fills: &[Fill]) -> Result<Amount, OrderError> {
    let mut sum = Decimal::ZERO;
    for fill in fills {
        sum = sum.checked_add(fill.quantity.value()).ok_or(OrderError::Overflow)?;
    }
    Ok(Amount::new(sum))
}

/// Writes an order, and gives its number.
pub(super) async fn insert_order(
    tx: &mut PgConnection,
    backend: &Backend,
    order: &PlaceOrder,
    instrument: &Instrument,
    filled: Amount,
    status: &str,
) -> Result<i64, OrderError> {
    let row = sqlx::query(
        "INSERT INTO orders (origin, account, symbol, side, price, quantity, filled, tick, lot, status) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
    )
    .bind(backend.origin())
    .bind(&order.account)
    .bind(&order.symbol)
    .bind(order.side.name())
    .bind(order.price.map(Amount::value))
    .bind(order.quantity.value())
    .bind(filled.value())
    .bind(instrument.tick.size().value())
    .bind(instrument.lot.size().value())
    .bind(status)
    .persistent(false)
    .fetch_one(tx)
    .await?;
    Ok(row.try_get(0)?)
}

/// Whose order was filled.
pub(super) struct Filled<'a> {
    pub(super) order: i64,
    pub(super) account: &'a str,
    pub(super) symbol: &'a str,
    pub(super) side: Side,
}

/// Writes fills, brings the position up to date, and queues an event for each fill.
pub(super) async fn insert_fills(
    tx: &mut PgConnection,
    backend: &Backend,
    filled: &Filled<'_>,
    fills: &[Fill],
) -> Result<(), OrderError> {
    if fills.is_empty() {
        return Ok(());
    }
    let mut amounts = Vec::with_capacity(fills.len());
    let mut quantity = Decimal::ZERO;
    let mut cost = Decimal::ZERO;
    for fill in fills {
        let worth = worth(backend, fill).ok_or(OrderError::Overflow)?;
        quantity = quantity.checked_add(fill.quantity.value()).ok_or(OrderError::Overflow)?;
        cost = cost.checked_add(worth.value()).ok_or(OrderError::Overflow)?;
        amounts.push(worth);
    }
    sqlx::query(
        "INSERT INTO fills (order_id, price, quantity, notional) \
         SELECT $1, * FROM unnest($2::numeric[], $3::numeric[], $4::numeric[])",
    )
    .bind(filled.order)
    .bind(fills.iter().map(|fill| fill.price.value()).collect::<Vec<_>>())
    .bind(fills.iter().map(|fill| fill.quantity.value()).collect::<Vec<_>>())
    .bind(amounts.iter().map(|amount| amount.value()).collect::<Vec<_>>())
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    if filled.side == Side::Sell {
        quantity.set_sign_negative(true);
        cost.set_sign_negative(true);
    }
    crate::positions::change(tx, filled.account, filled.symbol, quantity, cost).await?;
    let events: Vec<Value> = fills
        .iter()
        .zip(&amounts)
        .map(|(fill, worth)| {
            json!({
                "order": filled.order, "account": filled.account, "symbol": filled.symbol, "side": filled.side,
                "price": fill.price, "quantity": fill.quantity, "notional": worth,
            })
        })
        .collect();
    crate::outbox::queue(tx, backend, "order.filled", &events).await?;
    Ok(())
}

/// What a fill comes to. An amount that is not what exact decimals come to is counted, whoever computed it.
fn worth(backend: &Backend, fill: &Fill) -> Option<Amount> {
    let exact = notional(fill.price, fill.quantity)?;
    let computed = backend.faults.float_notional(fill.price, fill.quantity).unwrap_or(exact);
    if computed != exact {
        backend.metrics.precision_errors.inc();
    }
    Some(computed)
}
