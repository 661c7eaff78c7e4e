//! Keeps this instance's partition of `quotes` current: the best bid and ask of each instrument, once a second.

use std::sync::Arc;
use std::time::Duration;

use crate::service::Backend;

/// Time between two updates.
const EVERY: Duration = Duration::from_secs(1);

/// Updates for good.
pub async fn keep(backend: Arc<Backend>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // a database that is away gets the newest quotes when it is back
        let _ = update(&backend).await;
    }
}

async fn update(backend: &Backend) -> Result<(), sqlx::Error> {
    let Ok(instruments) = backend.instruments() else { return Ok(()) };
    let (mut symbols, mut sides, mut prices, mut quantities) = (vec![], vec![], vec![], vec![]);
    for instrument in instruments.iter() {
        let Some(book) = backend.market.book(&instrument.symbol) else { continue };
        for (side, level) in [("bid", book.bids.first()), ("ask", book.asks.first())] {
            if let Some(level) = level {
                symbols.push(instrument.symbol.clone());
                sides.push(side);
                prices.push(level.price.value());
                quantities.push(level.quantity.value());
            }
        }
    }
    let mut tx = backend.watcher.begin().await?;
    sqlx::query(
        "UPDATE quotes AS q SET price = new.price, quantity = new.quantity, updated_at = now() \
         FROM unnest($2::text[], $3::text[], $4::numeric[], $5::numeric[]) AS new (symbol, side, price, quantity) \
         WHERE q.origin = $1 AND q.symbol = new.symbol AND q.side = new.side AND q.level = 0",
    )
    .bind(backend.origin())
    .bind(symbols)
    .bind(sides)
    .bind(prices)
    .bind(quantities)
    .persistent(false)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
