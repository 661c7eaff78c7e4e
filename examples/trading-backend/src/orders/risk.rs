//! What is checked before an order is taken. A block is an answer, with its reason, and is counted.

use std::fmt;
use std::time::Duration;

use rust_decimal::Decimal;

use super::{OrderError, PlaceOrder};
use crate::fault::in_request::Limits;
use crate::instrument::Instrument;
use crate::market::{Book, Market, now_ms};
use crate::money::notional;
use crate::service::Backend;

/// Nobody trades on prices that are older.
const STALE: Duration = Duration::from_secs(30);

/// How far a limit may be from the market, in per cent: beyond it is a slip of a finger.
const COLLAR_PERCENT: u32 = 20;

/// Largest order, in the instrument's currency.
const NOTIONAL_MAX: u32 = 50_000_000;

/// Why an order is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// The venue is silent.
    StalePrices,
    /// There is no price to measure the order against.
    NoPrice,
    /// The price is far from the market.
    PriceCollar,
    /// The order is too large.
    OrderTooLarge,
    /// The limits leave no room.
    NoRoom,
}

impl Block {
    /// Its name in metrics and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StalePrices => "stale_prices",
            Self::NoPrice => "no_price",
            Self::PriceCollar => "price_collar",
            Self::OrderTooLarge => "order_too_large",
            Self::NoRoom => "no_room",
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StalePrices => "the venue's prices are too old to trade on",
            Self::NoPrice => "there is no price to measure the order against",
            Self::PriceCollar => "the price is more than 20 % from the market",
            Self::OrderTooLarge => "the order is larger than 50,000,000",
            Self::NoRoom => "the account's limits leave no room",
        })
    }
}

/// The book to trade on, or why not to.
///
/// # Errors
/// Limits that cannot be read.
pub(super) fn check(
    backend: &Backend,
    order: &PlaceOrder,
    instrument: &Instrument,
) -> Result<Result<Book, Block>, OrderError> {
    match backend.faults.limits(now_ms()) {
        Limits::Failed => Err(OrderError::LimitsFailed),
        Limits::Collapsed => Ok(Err(Block::NoRoom)),
        Limits::Right => Ok(check_market(&backend.market, order, instrument)),
    }
}

fn check_market(market: &Market, order: &PlaceOrder, instrument: &Instrument) -> Result<Book, Block> {
    if market.staleness(instrument.venue) > STALE {
        return Err(Block::StalePrices);
    }
    let book = market.book(&order.symbol).ok_or(Block::NoPrice)?;
    if market.book_age(instrument.venue, &order.symbol).ok_or(Block::NoPrice)? > STALE {
        return Err(Block::StalePrices);
    }
    let reference = book.reference().ok_or(Block::NoPrice)?;
    if let Some(price) = order.price {
        let hundred = Decimal::ONE_HUNDRED;
        let away = price.value().checked_sub(reference.value()).map(|away| away.abs());
        let share = away.and_then(|away| away.checked_mul(hundred)?.checked_div(reference.value()));
        if share.is_none_or(|share| share > Decimal::from(COLLAR_PERCENT)) {
            return Err(Block::PriceCollar);
        }
    }
    let worth = notional(order.price.unwrap_or(reference), order.quantity);
    if worth.is_none_or(|worth| worth.value() > Decimal::from(NOTIONAL_MAX)) {
        return Err(Block::OrderTooLarge);
    }
    Ok(book)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::Venue;
    use crate::market::Level;
    use crate::money::{Amount, Step};
    use crate::orders::Side;
    use crate::venue::Message;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn order(price: Option<&str>, quantity: &str) -> PlaceOrder {
        PlaceOrder {
            account: "a".to_owned(),
            symbol: "GARAN".to_owned(),
            side: Side::Buy,
            price: price.map(amount),
            quantity: amount(quantity),
        }
    }

    /// Each check blocks beyond its limit, and not at it.
    #[test]
    fn limits_are_met_exactly() {
        let (tick, lot) = (Step::tick(amount("0.1")), Step::lot(amount("1")));
        let garan = Instrument { symbol: "GARAN".to_owned(), venue: Venue::Bist, tick, lot };
        let market = Market::default();
        let check = |order: PlaceOrder| check_market(&market, &order, &garan).map(|_| ());
        assert_eq!(check(order(None, "1")), Err(Block::StalePrices), "nobody has spoken yet");
        market.apply(Venue::Bist, Message::Heartbeat, Some(now_ms()));
        assert_eq!(check(order(None, "1")), Err(Block::NoPrice));
        let bids = vec![Level { price: amount("100"), quantity: amount("5") }];
        let book = Message::Book { symbol: "GARAN".to_owned(), bids, asks: vec![] };
        market.apply(Venue::Bist, book.clone(), Some(now_ms()));
        for (price, quantity, expected) in [
            (None, "1", Ok(())),
            (Some("120"), "1", Ok(())),
            (Some("80"), "1", Ok(())),
            (Some("120.1"), "1", Err(Block::PriceCollar)),
            (Some("79.9"), "1", Err(Block::PriceCollar)),
            (Some("100"), "500000", Ok(())),
            (Some("100"), "500001", Err(Block::OrderTooLarge)),
        ] {
            assert_eq!(check(order(price, quantity)), expected, "{price:?} {quantity}");
        }
        // a venue that came back speaks for what it has sent since
        market.apply(Venue::Bist, book, Some(now_ms() - 31_000));
        market.connected(Venue::Bist);
        market.apply(Venue::Bist, Message::Heartbeat, Some(now_ms()));
        assert_eq!(check(order(None, "1")), Err(Block::StalePrices));
    }
}
