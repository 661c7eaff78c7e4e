//! The venues' own messages: what each puts on its WebSocket, written by the feed and read by the client.
//!
//! Binance's and BTCTurk's are shaped as their public interfaces are. Borsa Istanbul has no public WebSocket: its members
//! get ITCH, and its vendors send the same events as JSON; that shape stands for them here.

mod binance;
mod bist;
mod btcturk;

use crate::instrument::Venue;
use crate::market::Level;
use crate::money::Amount;

/// What a message says, whichever venue sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The best levels of a book, best first.
    Book {
        /// The instrument.
        symbol: String,
        /// Who buys, highest price first.
        bids: Vec<Level>,
        /// Who sells, lowest price first.
        asks: Vec<Level>,
    },
    /// A trade.
    Trade {
        /// The instrument.
        symbol: String,
        /// Its price.
        price: Amount,
        /// How much.
        quantity: Amount,
    },
    /// The venue is there, and has nothing to say: outside of its hours, for example.
    Heartbeat,
}

/// A message as it was received: what it says, with the number and the time that the venue gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What it says.
    pub message: Message,
    /// Its number; numbers of one instrument's books, and of its trades, grow. Venues do not number their heartbeats, except BIST.
    pub sequence: Option<u64>,
    /// When the venue sent it, in milliseconds since the Unix epoch. Binance's books and most heartbeats do not say.
    pub at_ms: Option<u64>,
}

impl Received {
    /// What has neither number nor time.
    const fn heartbeat() -> Self {
        Self { message: Message::Heartbeat, sequence: None, at_ms: None }
    }
}

/// A message that is not as the venue's interface says.
#[derive(Debug, thiserror::Error)]
#[error("a message of {venue} is not as agreed: {why}")]
pub struct DecodeError {
    /// Who sent it.
    pub venue: Venue,
    /// What is wrong with it.
    pub why: String,
}

/// Number and time of a message, which each venue spells in its own way.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Counts the venue's messages from 1.
    pub sequence: u64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// The text that a venue sends for a message.
///
/// # Errors
/// None that can happen with these messages: they hold texts and numbers alone.
pub fn encode(venue: Venue, message: &Message, stamp: Stamp) -> Result<String, serde_json::Error> {
    match venue {
        Venue::Bist => bist::encode(message, stamp),
        Venue::Binance => binance::encode(message, stamp),
        Venue::Btcturk => btcturk::encode(message, stamp),
    }
}

/// What a venue's text says; `None` for kinds of message that are of no use here.
///
/// # Errors
/// A text that is not as the venue's interface says.
pub fn decode(venue: Venue, text: &str) -> Result<Option<Received>, DecodeError> {
    let decoded = match venue {
        Venue::Bist => bist::decode(text),
        Venue::Binance => binance::decode(text),
        Venue::Btcturk => btcturk::decode(text),
    };
    decoded.map_err(|error| DecodeError { venue, why: error.to_string() })
}

/// What a client sends first, so that the venue sends these symbols.
pub fn subscription(venue: Venue, symbols: &[String]) -> Vec<String> {
    match venue {
        Venue::Bist => bist::subscription(symbols),
        Venue::Binance => binance::subscription(symbols),
        Venue::Btcturk => btcturk::subscription(symbols),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn level(price: &str, quantity: &str) -> Level {
        Level { price: amount(price), quantity: amount(quantity) }
    }

    /// What the feed writes, the client reads; the text itself is the venue's.
    #[test]
    fn messages_survive_the_way() {
        let stamp = Stamp { sequence: 7, at_ms: 1_767_226_500_123 };
        let book = Message::Book {
            symbol: "BTCTRY".to_owned(),
            bids: vec![level("3300000", "0.1"), level("3299999", "0.25")],
            asks: vec![level("3300001", "0.2")],
        };
        let trade = Message::Trade {
            symbol: "BTCTRY".to_owned(),
            price: amount("3300000"),
            quantity: amount("0.01"),
        };
        for venue in Venue::ALL {
            for message in [&book, &trade, &Message::Heartbeat] {
                let text = encode(venue, message, stamp).unwrap();
                let received = decode(venue, &text).unwrap().unwrap();
                assert_eq!(&received.message, message, "{venue}: {text}");
                // what a venue says of number and time is what the feed gave it
                assert!(received.sequence.is_none_or(|sequence| sequence == stamp.sequence), "{text}");
                assert!(received.at_ms.is_none_or(|at_ms| at_ms == stamp.at_ms), "{text}");
                assert!(*message == Message::Heartbeat || received.sequence.is_some(), "{text}");
            }
        }
        let text = encode(Venue::Binance, &book, stamp).unwrap();
        assert_eq!(
            text,
            r#"{"stream":"btctry@depth10@100ms","data":{"lastUpdateId":7,"bids":[["3300000","0.1"],["3299999","0.25"]],"asks":[["3300001","0.2"]]}}"#
        );
    }

    /// Whatever a venue sends, the client does not fall over, and believes no number that is no amount.
    #[test]
    fn strange_messages_are_refused_or_passed_over() {
        for venue in Venue::ALL {
            for text in
                ["", "{", "null", "[]", "7", "[431]", r#"{"stream":"x","data":7}"#, r#"[431,{"PS":7}]"#]
            {
                assert!(!matches!(decode(venue, text), Ok(Some(_))), "{text}");
            }
        }
        let trade = |of: &str, price: &str| {
            format!(
                r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1,"s":"{of}","t":7,"p":{price},"q":"1"}}}}"#
            )
        };
        assert!(decode(Venue::Binance, &trade("BTCUSDT", "\"1.5\"")).is_ok());
        assert!(decode(Venue::Binance, &trade("BTCUSDT", "1.5")).is_err(), "a float");
        assert!(decode(Venue::Binance, &trade("ETHUSDT", "\"1.5\"")).is_err(), "of another stream");
        // one venue's words mean nothing from another
        let stamp = Stamp { sequence: 7, at_ms: 1_767_226_500_123 };
        for (said, heard) in Venue::ALL.into_iter().flat_map(|a| Venue::ALL.map(|b| (a, b))) {
            let text = encode(said, &Message::Heartbeat, stamp).unwrap();
            assert_eq!(matches!(decode(heard, &text), Ok(Some(_))), said == heard, "{heard}: {text}");
        }
        let news = r#"[991,{"type":991,"current":"5.1.0","min":"2.3.0"}]"#;
        assert!(matches!(decode(Venue::Btcturk, news), Ok(None)));
    }

    mod any {
        use proptest::prelude::*;

        use super::*;

        fn levels() -> impl Strategy<Value = Vec<Level>> {
            let one = (1..=i64::MAX, 0..=8_u32, 1..=i64::MAX, 0..=8_u32);
            let level = one.prop_map(|(price, of_price, quantity, of_quantity)| Level {
                price: Amount::new(rust_decimal::Decimal::new(price, of_price)),
                quantity: Amount::new(rust_decimal::Decimal::new(quantity, of_quantity)),
            });
            proptest::collection::vec(level, 0..12)
        }

        fn messages() -> impl Strategy<Value = Message> {
            prop_oneof![
                ("[A-Z0-9]{2,12}", levels(), levels()).prop_map(|(symbol, bids, asks)| Message::Book {
                    symbol,
                    bids,
                    asks
                }),
                ("[A-Z0-9]{2,12}", levels()).prop_filter_map("a level", |(symbol, levels)| {
                    levels.first().map(|Level { price, quantity }| Message::Trade {
                        symbol,
                        price: *price,
                        quantity: *quantity,
                    })
                }),
                Just(Message::Heartbeat),
            ]
        }

        proptest! {
            /// Every message of every venue is read as it was written; with a byte changed, cut off or put in, it is another message or
            /// none, and nobody falls over.
            #[test]
            fn messages_are_read_as_written(
                message in messages(), sequence in 1..u64::MAX, at_ms in 0..4_000_000_000_000_u64,
                at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3_u8,
            ) {
                for venue in Venue::ALL {
                    let text = encode(venue, &message, Stamp { sequence, at_ms }).unwrap();
                    prop_assert_eq!(&decode(venue, &text).unwrap().unwrap().message, &message);
                    let mut bytes = text.into_bytes();
                    let at = at.index(bytes.len());
                    match how {
                        0 => bytes[at] = byte,
                        1 => bytes.truncate(at),
                        _ => bytes.insert(at, byte),
                    }
                    let _ = decode(venue, &String::from_utf8_lossy(&bytes));
                }
            }
        }
    }
}
