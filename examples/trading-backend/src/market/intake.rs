//! What of a venue's messages is believed: a message may be well formed and still be of no use, or of harm.
//!
//! One for each connection, since a venue that comes back may number from the beginning again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Level;
use crate::instrument::{Instrument, Venue};
use crate::money::Amount;
use crate::venue::{Message, Received};

/// A message whose own time is further from ours is not of now: risk checks would not trade on it, and a clock that is so
/// far ahead cannot show how late the venue is.
const APART_MAX: Duration = Duration::from_secs(30);

/// Why a message is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not as the venue's interface says.
    NotAsAgreed,
    /// Nobody subscribed to its instrument: another venue's, for example.
    UnknownSymbol,
    /// A price off its tick, a quantity off its lot, or one that is not positive.
    OffStep,
    /// A book that is out of order, or whose buyers bid more than its sellers ask.
    UnsoundBook,
    /// Its number is not above the last one: repeated, or overtaken.
    OutOfOrder,
    /// It says that it was sent long ago, or is still to be sent.
    OutOfTime,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotAsAgreed,
        Self::UnknownSymbol,
        Self::OffStep,
        Self::UnsoundBook,
        Self::OutOfOrder,
        Self::OutOfTime,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAsAgreed => "not_as_agreed",
            Self::UnknownSymbol => "unknown_symbol",
            Self::OffStep => "off_step",
            Self::UnsoundBook => "unsound_book",
            Self::OutOfOrder => "out_of_order",
            Self::OutOfTime => "out_of_time",
        }
    }
}

/// A message that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// Up to when the venue has spoken, in milliseconds since the Unix epoch; nothing where it did not tell.
    pub heard_ms: Option<u64>,
    /// Whether messages before it are missing.
    pub gap: bool,
}

/// What was believed on one connection, and what may come next.
pub struct Intake {
    followed: BTreeMap<String, Followed>,
    /// The last number of a venue that numbers all its messages, without holes.
    last: Option<u64>,
    numbers_all: bool,
    /// A heartbeat says that nothing has changed: without a book on this connection, since nobody knows when.
    has_book: bool,
}

struct Followed {
    instrument: Instrument,
    book: Option<u64>,
    trade: Option<u64>,
}

impl Intake {
    /// For a new connection that is to bring these.
    pub fn new(venue: Venue, instruments: &[Instrument]) -> Self {
        let follow = |instrument: &Instrument| {
            let followed = Followed { instrument: instrument.clone(), book: None, trade: None };
            (instrument.symbol.clone(), followed)
        };
        Self {
            followed: instruments.iter().map(follow).collect(),
            last: None,
            // Binance and BTCTurk number the changes of each book, and send a book not for each change
            numbers_all: venue == Venue::Bist,
            has_book: false,
        }
    }

    /// Whether a message may be used. One that may not changes nothing here.
    ///
    /// # Errors
    /// Why it may not.
    pub fn admit(&mut self, received: &Received, now_ms: u64) -> Result<Admitted, Refusal> {
        let apart = received.at_ms.map_or(0, |at_ms| at_ms.abs_diff(now_ms));
        if u128::from(apart) > APART_MAX.as_millis() {
            return Err(Refusal::OutOfTime);
        }
        let above = |last: Option<u64>| last.is_none_or(|last| received.sequence.is_none_or(|n| n > last));
        if self.numbers_all && !above(self.last) {
            return Err(Refusal::OutOfOrder);
        }
        match &received.message {
            Message::Book { symbol, bids, asks } => {
                let followed = self.followed.get_mut(symbol).ok_or(Refusal::UnknownSymbol)?;
                bids.iter().chain(asks).try_for_each(|level| on_step(&followed.instrument, *level))?;
                if !is_sound(bids, asks) {
                    return Err(Refusal::UnsoundBook);
                }
                if !above(followed.book) {
                    return Err(Refusal::OutOfOrder);
                }
                followed.book = received.sequence;
                self.has_book = true;
            }
            Message::Trade { symbol, price, quantity } => {
                let followed = self.followed.get_mut(symbol).ok_or(Refusal::UnknownSymbol)?;
                on_step(&followed.instrument, Level { price: *price, quantity: *quantity })?;
                if !above(followed.trade) {
                    return Err(Refusal::OutOfOrder);
                }
                followed.trade = received.sequence;
            }
            Message::Heartbeat => {}
        }
        let gap = self.numbers_all && self.skipped(received.sequence);
        let heard_ms = self.has_book.then(|| received.at_ms.map_or(now_ms, |at_ms| at_ms.min(now_ms)));
        Ok(Admitted { heard_ms, gap })
    }

    /// Notes a number. Whether there were others before it that did not come.
    fn skipped(&mut self, sequence: Option<u64>) -> bool {
        let last = std::mem::replace(&mut self.last, sequence);
        matches!((last, sequence), (Some(last), Some(sequence)) if sequence.abs_diff(last) > 1)
    }
}

fn on_step(instrument: &Instrument, level: Level) -> Result<(), Refusal> {
    let Level { price, quantity } = level;
    let fits = instrument.tick.check(price).is_ok() && instrument.lot.check(quantity).is_ok();
    fits.then_some(()).ok_or(Refusal::OffStep)
}

/// Best first on both sides, each price once, and nobody bids what another asks.
fn is_sound(bids: &[Level], asks: &[Level]) -> bool {
    let price = |level: &Level| -> Amount { level.price };
    bids.iter().rev().map(price).is_sorted_by(|a, b| a < b)
        && asks.iter().map(price).is_sorted_by(|a, b| a < b)
        && !matches!((bids.first(), asks.first()), (Some(bid), Some(ask)) if bid.price >= ask.price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Step;

    const NOW: u64 = 1_767_226_500_000;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn intake(venue: Venue) -> Intake {
        let (tick, lot) = (Step::tick(amount("0.10")), Step::lot(amount("1")));
        Intake::new(venue, &[Instrument { symbol: "GARAN".to_owned(), venue, tick, lot }])
    }

    fn book(bids: &[&str], asks: &[&str]) -> Message {
        let levels = |prices: &[&str]| {
            prices.iter().map(|price| Level { price: amount(price), quantity: amount("5") }).collect()
        };
        Message::Book { symbol: "GARAN".to_owned(), bids: levels(bids), asks: levels(asks) }
    }

    fn trade(symbol: &str, price: &str, quantity: &str) -> Message {
        Message::Trade { symbol: symbol.to_owned(), price: amount(price), quantity: amount(quantity) }
    }

    fn numbered(sequence: u64, message: Message) -> Received {
        Received { message, sequence: Some(sequence), at_ms: Some(NOW) }
    }

    /// A message of another instrument, off its steps, or of a book that cannot be, is refused, and what is right is not.
    #[test]
    fn what_cannot_be_is_refused() {
        for (message, expected) in [
            (book(&["142.8", "142.7"], &["142.9", "143"]), None),
            (book(&[], &["142.9"]), None),
            (book(&[], &[]), None),
            (trade("GARAN", "142.8", "3"), None),
            (Message::Heartbeat, None),
            (trade("BTCUSDT", "142.8", "3"), Some(Refusal::UnknownSymbol)),
            (trade("GARAN", "142.85", "3"), Some(Refusal::OffStep)),
            (trade("GARAN", "142.8", "0.5"), Some(Refusal::OffStep)),
            (trade("GARAN", "0", "3"), Some(Refusal::OffStep)),
            (trade("GARAN", "-142.8", "3"), Some(Refusal::OffStep)),
            (trade("GARAN", "142.8", "0"), Some(Refusal::OffStep)),
            (book(&["142.8"], &["142.95"]), Some(Refusal::OffStep)),
            (book(&["142.7", "142.8"], &["142.9"]), Some(Refusal::UnsoundBook)),
            (book(&["142.8", "142.8"], &["142.9"]), Some(Refusal::UnsoundBook)),
            (book(&["142.8"], &["143", "142.9"]), Some(Refusal::UnsoundBook)),
            (book(&["142.9"], &["142.9"]), Some(Refusal::UnsoundBook)),
            (book(&["143"], &["142.9"]), Some(Refusal::UnsoundBook)),
        ] {
            let refused = intake(Venue::Bist).admit(&numbered(1, message.clone()), NOW).err();
            assert_eq!(refused, expected, "{message:?}");
        }
    }

    /// Old numbers are refused for good, a refused message takes no number, and holes are told where a venue has none.
    #[test]
    fn numbers_grow() {
        let sound = || book(&["142.8"], &["142.9"]);
        let mut bist = intake(Venue::Bist);
        for (sequence, message, expected) in [
            (5, sound(), Ok(false)),
            (6, Message::Heartbeat, Ok(false)),
            (6, sound(), Err(Refusal::OutOfOrder)),
            (u64::MAX, trade("GARAN", "0", "1"), Err(Refusal::OffStep)),
            (7, trade("GARAN", "142.8", "1"), Ok(false)),
            (9, sound(), Ok(true)),
            (8, sound(), Err(Refusal::OutOfOrder)),
        ] {
            let admitted = bist.admit(&numbered(sequence, message), NOW).map(|admitted| admitted.gap);
            assert_eq!(admitted, expected, "{sequence}");
        }
        // books and trades are numbered apart, with holes
        let mut binance = intake(Venue::Binance);
        for (sequence, message, expected) in [
            (900, sound(), Ok(false)),
            (7, trade("GARAN", "142.8", "1"), Ok(false)),
            (950, sound(), Ok(false)),
            (950, sound(), Err(Refusal::OutOfOrder)),
            (6, trade("GARAN", "142.8", "1"), Err(Refusal::OutOfOrder)),
        ] {
            let admitted = binance.admit(&numbered(sequence, message), NOW).map(|admitted| admitted.gap);
            assert_eq!(admitted, expected, "{sequence}");
        }
    }

    /// A venue has spoken up to what its message says, and not at all by heartbeats that confirm no book.
    #[test]
    fn the_age_of_a_message_is_its_own() {
        let mut bist = intake(Venue::Bist);
        let mut heard = |sequence, message, at_ms| {
            let received = Received { message, sequence: Some(sequence), at_ms };
            bist.admit(&received, NOW).map(|admitted| admitted.heard_ms)
        };
        let sound = || book(&["142.8"], &["142.9"]);
        assert_eq!(heard(1, Message::Heartbeat, Some(NOW)), Ok(None));
        assert_eq!(heard(2, sound(), Some(NOW - 30_000)), Ok(Some(NOW - 30_000)));
        assert_eq!(heard(3, sound(), Some(NOW - 30_001)), Err(Refusal::OutOfTime));
        assert_eq!(heard(3, sound(), Some(NOW + 30_001)), Err(Refusal::OutOfTime));
        assert_eq!(heard(3, sound(), Some(NOW + 500)), Ok(Some(NOW)));
        assert_eq!(heard(4, Message::Heartbeat, None), Ok(Some(NOW)));
    }
}
