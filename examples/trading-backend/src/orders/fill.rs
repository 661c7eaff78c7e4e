//! Paper fills: an order takes what the newest book offers, level by level, at the book's prices.

use super::Side;
use crate::market::Book;
use crate::money::Amount;

/// A part of an order that was traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// At what price.
    pub price: Amount,
    /// How much.
    pub quantity: Amount,
}

/// What an order gets from a book: nothing worse than its limit, and no more than is there.
pub fn match_book(book: &Book, side: Side, limit: Option<Amount>, quantity: Amount) -> Vec<Fill> {
    let levels = match side {
        Side::Buy => &book.asks,
        Side::Sell => &book.bids,
    };
    let worse = |price: Amount| match (side, limit) {
        (_, None) => false,
        (Side::Buy, Some(limit)) => price > limit,
        (Side::Sell, Some(limit)) => price < limit,
    };
    let mut left = quantity;
    let mut fills = Vec::new();
    for level in levels.iter().take_while(|level| !worse(level.price)) {
        let part = left.min(level.quantity);
        if part <= Amount::ZERO {
            break;
        }
        fills.push(Fill { price: level.price, quantity: part });
        left = left.less(part);
    }
    fills
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Level;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn check(side: Side, limit: Option<&str>, quantity: &str, expected: &[(&str, &str)]) {
        let level =
            |(price, quantity): (&str, &str)| Level { price: amount(price), quantity: amount(quantity) };
        let book = Book {
            bids: [("10.0", "5"), ("9.9", "7")].map(level).to_vec(),
            asks: [("10.1", "4"), ("10.2", "6")].map(level).to_vec(),
            last: None,
        };
        let fills = match_book(&book, side, limit.map(amount), amount(quantity));
        let expected: Vec<Fill> = expected
            .iter()
            .map(|(price, quantity)| Fill { price: amount(price), quantity: amount(quantity) })
            .collect();
        assert_eq!(fills, expected, "{side} {quantity} at {limit:?}");
    }

    /// An order takes the best first, nothing beyond its limit, and no more than it wants or than is there.
    #[test]
    fn orders_take_the_best_first() {
        check(Side::Buy, None, "3", &[("10.1", "3")]);
        check(Side::Buy, None, "5", &[("10.1", "4"), ("10.2", "1")]);
        check(Side::Buy, None, "50", &[("10.1", "4"), ("10.2", "6")]);
        check(Side::Buy, Some("10.1"), "50", &[("10.1", "4")]);
        check(Side::Buy, Some("10.0"), "1", &[]);
        check(Side::Sell, None, "6", &[("10.0", "5"), ("9.9", "1")]);
        check(Side::Sell, Some("10.0"), "6", &[("10.0", "5")]);
        check(Side::Sell, Some("10.1"), "6", &[]);
        assert!(match_book(&Book::default(), Side::Buy, None, amount("1")).is_empty(), "nobody is there");
    }
}
