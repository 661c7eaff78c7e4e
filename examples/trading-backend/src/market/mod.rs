//! Market data as the service knows it: the newest book of each instrument, and how old each venue's word is.
//!
//! [`follow`] is the way in: what a venue sends is decoded, believed or refused (`intake`), and only then applied here.

mod client;
mod intake;
mod metered;

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use self::client::{Follow, SILENCE, follow};
pub use self::intake::{Admitted, Intake, Refusal};
use crate::instrument::Venue;
use crate::money::Amount;
use crate::venue::Message;

/// A price at which somebody would trade, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The price.
    pub price: Amount,
    /// How much.
    #[serde(rename = "qty")]
    pub quantity: Amount,
}

/// Who would trade an instrument, and at what.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Who buys, highest price first.
    pub bids: Vec<Level>,
    /// Who sells, lowest price first.
    pub asks: Vec<Level>,
    /// The price of the last trade.
    pub last: Option<Amount>,
}

impl Book {
    /// What an order's price is measured against: the last trade, else the best bid.
    pub fn reference(&self) -> Option<Amount> {
        self.last.or_else(|| self.bids.first().map(|level| level.price))
    }
}

/// The newest books, and when each venue last spoke.
#[derive(Debug, Default)]
pub struct Market {
    books: RwLock<BTreeMap<String, Held>>,
    venues: [Heard; Venue::ALL.len()],
}

/// How a venue stands.
#[derive(Debug, Default)]
struct Heard {
    /// Up to when it has spoken, in milliseconds since the Unix epoch; 0 before the first message.
    at_ms: AtomicU64,
    /// Connections to it so far.
    connections: AtomicU64,
}

/// A book, and who stands for it.
#[derive(Debug, Default)]
struct Held {
    book: Book,
    /// When it came, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// The connection that brought it.
    connection: u64,
}

/// Milliseconds since the Unix epoch by this machine's clock.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Market {
    /// Notes that a venue is spoken with anew: what it says from now on stands for the books that it sends from now on.
    pub fn connected(&self, venue: Venue) {
        self.of(venue).connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes over what a venue said, and up to when it has spoken.
    pub fn apply(&self, venue: Venue, message: Message, heard_ms: Option<u64>) {
        let heard = self.of(venue);
        if let Some(heard_ms) = heard_ms {
            heard.at_ms.store(heard_ms, Ordering::Relaxed);
        }
        // a poisoned lock holds whole books: every write below is an assignment
        let mut books = self.books.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match message {
            Message::Book { symbol, bids, asks } => {
                let held = books.entry(symbol).or_default();
                (held.book.bids, held.book.asks) = (bids, asks);
                held.at_ms = heard_ms.unwrap_or_else(now_ms);
                held.connection = heard.connections.load(Ordering::Relaxed);
            }
            Message::Trade { symbol, price, .. } => books.entry(symbol).or_default().book.last = Some(price),
            Message::Heartbeat => {}
        }
    }

    /// The newest book of an instrument.
    pub fn book(&self, symbol: &str) -> Option<Book> {
        let books = self.books.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        books.get(symbol).map(|held| held.book.clone())
    }

    /// How long nobody has stood for an instrument's book: the venue does while it speaks on the connection that brought it,
    /// since it would have said what changed. A book of an earlier connection only grows older.
    pub fn book_age(&self, venue: Venue, symbol: &str) -> Option<Duration> {
        let books = self.books.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let held = books.get(symbol).filter(|held| held.at_ms > 0)?;
        let stood_for = held.connection == self.of(venue).connections.load(Ordering::Relaxed);
        let own = Duration::from_millis(now_ms().saturating_sub(held.at_ms));
        Some(if stood_for { self.staleness(venue) } else { own })
    }

    /// Up to when a venue has spoken, in milliseconds since the Unix epoch; 0 if it never did.
    pub fn last_heard_ms(&self, venue: Venue) -> u64 {
        self.of(venue).at_ms.load(Ordering::Relaxed)
    }

    /// How long a venue has been silent; since the epoch, if it never spoke.
    pub fn staleness(&self, venue: Venue) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.last_heard_ms(venue)))
    }

    /// The silence of the venue that is worst off.
    pub fn worst_staleness(&self) -> Duration {
        Venue::ALL.into_iter().map(|venue| self.staleness(venue)).max().unwrap_or_default()
    }

    fn of(&self, venue: Venue) -> &Heard {
        let [bist, binance, btcturk] = &self.venues;
        match venue {
            Venue::Bist => bist,
            Venue::Binance => binance,
            Venue::Btcturk => btcturk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A book is as old as the venue's word while its connection lasts, and grows older by itself afterwards.
    #[test]
    fn a_connection_stands_for_its_books_alone() {
        let market = Market::default();
        let seconds = |symbol| market.book_age(Venue::Binance, symbol).map(|age| age.as_secs());
        let book = |symbol: &str, at_ms| {
            let message = Message::Book { symbol: symbol.to_owned(), bids: vec![], asks: vec![] };
            market.apply(Venue::Binance, message, Some(at_ms));
        };
        let now = now_ms();
        market.connected(Venue::Binance);
        assert_eq!(seconds("BTCUSDT"), None);
        book("BTCUSDT", now - 90_000);
        book("ETHUSDT", now - 60_000);
        assert_eq!((seconds("BTCUSDT"), seconds("ETHUSDT")), (Some(60), Some(60)));
        market.connected(Venue::Binance);
        book("ETHUSDT", now);
        assert_eq!((seconds("BTCUSDT"), seconds("ETHUSDT")), (Some(90), Some(0)));
    }
}
