//! Placing an order: one transaction from the idempotency key to the answer.

use serde_json::json;
use sqlx::PgConnection;

use super::record::{Filled, filled, insert_fills, insert_order};
use super::{Block, Order, OrderError, PlaceOrder, match_book, risk};
use crate::fault::in_request::{join_convoy, query_slowly};
use crate::idempotency::{Answer, Claim, Key, claim, keep};
use crate::instrument::Instrument;
use crate::service::Backend;

/// Places an order under a key: 201 with the order, or 422 with the block's reason. Both are kept under the key; what fails is
/// not, so that the client may try again.
///
/// # Errors
/// An order that makes no sense, a key that was used for another, what failed underneath.
pub async fn place(backend: &Backend, key: &Key, order: &PlaceOrder) -> Result<Answer, OrderError> {
    let instruments = backend.instruments()?;
    let instrument = order.check(&instruments)?;
    let metrics = &backend.metrics;
    metrics.idempotency_requests.inc();
    query_slowly(backend).await?;
    let mut tx = backend.pool.begin().await?;
    match claim(&mut tx, backend, key, &order.fingerprint()?).await? {
        Claim::New => {}
        Claim::Answered(answer) => {
            metrics.idempotency_replays.inc();
            return Ok(answer);
        }
        Claim::Conflict => {
            metrics.idempotency_conflicts.inc();
            metrics.orders.with_label_values(&["conflict"]).inc();
            return Err(OrderError::KeyConflict);
        }
    }
    join_convoy(&mut tx, backend).await?;
    let taken = take(&mut tx, backend, order, instrument).await?;
    let answer = match &taken {
        Ok(order) => Answer { status: 201, body: serde_json::to_string(order)? },
        Err(block) => Answer { status: 422, body: blocked(*block) },
    };
    keep(&mut tx, key, &answer).await?;
    tx.commit().await?;
    // counted when it counts
    match taken {
        Ok(order) => metrics.orders.with_label_values(&[order.status.as_str()]).inc(),
        Err(block) => {
            metrics.risk_blocks.with_label_values(&[block.name()]).inc();
            metrics.orders.with_label_values(&["blocked"]).inc();
        }
    }
    Ok(answer)
}

fn blocked(block: Block) -> String {
    json!({ "title": "blocked by a risk check", "status": 422, "reason": block.name(), "detail": block.to_string() })
        .to_string()
}

async fn take(
    tx: &mut PgConnection,
    backend: &Backend,
    order: &PlaceOrder,
    instrument: &Instrument,
) -> Result<Result<Order, Block>, OrderError> {
    let book = match risk::check(backend, order, instrument)? {
        Ok(book) => book,
        Err(block) => return Ok(Err(block)),
    };
    let fills = match_book(&book, order.side, order.price, order.quantity);
    let filled = filled(&fills)?;
    let status = if filled == order.quantity {
        "filled"
    } else if order.price.is_some() {
        "open"
    } else {
        "cancelled"
    };
    let id = insert_order(tx, backend, order, instrument, filled, status).await?;
    let shown = Order { id, asked: order.into(), status: status.to_owned(), filled };
    crate::outbox::queue(tx, backend, "order.accepted", &[serde_json::to_value(&shown)?]).await?;
    let whose = Filled { order: id, account: &order.account, symbol: &order.symbol, side: order.side };
    insert_fills(tx, backend, &whose, &fills).await?;
    Ok(Ok(shown))
}
