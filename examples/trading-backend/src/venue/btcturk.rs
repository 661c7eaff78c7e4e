//! BTCTurk's WebSocket: arrays of a type's number and its body, one letter a field.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Message, Stamp};
use crate::market::Level;
use crate::money::Amount;

/// A whole order book.
const ORDER_BOOK: u64 = 431;
/// One trade.
const TRADE: u64 = 422;
/// An answer to a request; also sent when nothing else is.
const RESULT: u64 = 100;

#[derive(Serialize, Deserialize)]
struct Book {
    /// The number of the change set.
    #[serde(rename = "CS", default)]
    change_set: u64,
    #[serde(rename = "PS")]
    pair: String,
    #[serde(rename = "AO")]
    asks: Vec<Entry>,
    #[serde(rename = "BO")]
    bids: Vec<Entry>,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    event: String,
    #[serde(rename = "type", default)]
    kind: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "A")]
    quantity: Amount,
    #[serde(rename = "P")]
    price: Amount,
}

#[derive(Serialize, Deserialize)]
struct Trade {
    /// Milliseconds since the Unix epoch, as a text.
    #[serde(rename = "D", default)]
    date: String,
    #[serde(rename = "I", default)]
    id: String,
    #[serde(rename = "A")]
    quantity: Amount,
    #[serde(rename = "P")]
    price: Amount,
    #[serde(rename = "PS")]
    pair: String,
    /// 0 bought, 1 sold.
    #[serde(rename = "S", default)]
    side: u8,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    event: String,
    #[serde(rename = "type", default)]
    kind: u64,
}

pub(super) fn encode(message: &Message, stamp: Stamp) -> Result<String, serde_json::Error> {
    match message {
        Message::Book { symbol, bids, asks } => serde_json::to_string(&(
            ORDER_BOOK,
            Book {
                change_set: stamp.sequence,
                pair: symbol.clone(),
                asks: entries(asks),
                bids: entries(bids),
                channel: "orderbook".to_owned(),
                event: symbol.clone(),
                kind: ORDER_BOOK,
            },
        )),
        Message::Trade { symbol, price, quantity } => serde_json::to_string(&(
            TRADE,
            Trade {
                date: stamp.at_ms.to_string(),
                id: stamp.sequence.to_string(),
                quantity: *quantity,
                price: *price,
                pair: symbol.clone(),
                side: 0,
                channel: "trade".to_owned(),
                event: symbol.clone(),
                kind: TRADE,
            },
        )),
        Message::Heartbeat => {
            serde_json::to_string(&(RESULT, json!({ "ok": true, "message": "join|", "type": RESULT })))
        }
    }
}

pub(super) fn decode(text: &str) -> Result<Option<Message>, serde_json::Error> {
    let (kind, body): (u64, Value) = serde_json::from_str(text)?;
    Ok(match kind {
        ORDER_BOOK => {
            let book: Book = serde_json::from_value(body)?;
            Some(Message::Book { symbol: book.pair, bids: levels(book.bids), asks: levels(book.asks) })
        }
        TRADE => {
            let trade: Trade = serde_json::from_value(body)?;
            Some(Message::Trade { symbol: trade.pair, price: trade.price, quantity: trade.quantity })
        }
        RESULT => Some(Message::Heartbeat),
        _ => None,
    })
}

pub(super) fn subscription(symbols: &[String]) -> Vec<String> {
    let join = |channel: &str, symbol: &String| {
        json!([151, { "type": 151, "channel": channel, "event": symbol, "join": true }]).to_string()
    };
    symbols.iter().flat_map(|symbol| [join("orderbook", symbol), join("trade", symbol)]).collect()
}

fn entries(levels: &[Level]) -> Vec<Entry> {
    levels.iter().map(|level| Entry { quantity: level.quantity, price: level.price }).collect()
}

fn levels(entries: Vec<Entry>) -> Vec<Level> {
    entries.into_iter().map(|entry| Level { price: entry.price, quantity: entry.quantity }).collect()
}
