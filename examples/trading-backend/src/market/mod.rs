//! Market data as the service knows it: the newest book of each instrument, and how old each venue's word is.

mod client;

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use self::client::{Follow, follow};
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
    books: RwLock<BTreeMap<String, Book>>,
    /// Milliseconds since the Unix epoch, by the venue's place in [`Venue::ALL`]; 0 before the first message.
    heard: [AtomicU64; 3],
}

/// Milliseconds since the Unix epoch by this machine's clock.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Market {
    /// Takes over what a venue said.
    pub fn apply(&self, venue: Venue, message: Message) {
        self.heard_of(venue).store(now_ms(), Ordering::Relaxed);
        // a poisoned lock holds a whole book: every write below is one assignment
        let mut books = self.books.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        match message {
            Message::Book { symbol, bids, asks } => {
                let book = books.entry(symbol).or_default();
                (book.bids, book.asks) = (bids, asks);
            }
            Message::Trade { symbol, price, .. } => books.entry(symbol).or_default().last = Some(price),
            Message::Heartbeat => {}
        }
    }

    /// The newest book of an instrument.
    pub fn book(&self, symbol: &str) -> Option<Book> {
        self.books.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(symbol).cloned()
    }

    /// When a venue last spoke, in milliseconds since the Unix epoch; 0 if it never did.
    pub fn last_heard_ms(&self, venue: Venue) -> u64 {
        self.heard_of(venue).load(Ordering::Relaxed)
    }

    /// How long a venue has been silent; since the epoch, if it never spoke.
    pub fn staleness(&self, venue: Venue) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.last_heard_ms(venue)))
    }

    /// The silence of the venue that is worst off.
    pub fn worst_staleness(&self) -> Duration {
        Venue::ALL.into_iter().map(|venue| self.staleness(venue)).max().unwrap_or_default()
    }

    fn heard_of(&self, venue: Venue) -> &AtomicU64 {
        let [bist, binance, btcturk] = &self.heard;
        match venue {
            Venue::Bist => bist,
            Venue::Binance => binance,
            Venue::Btcturk => btcturk,
        }
    }
}
