//! BTCTurk's WebSocket: arrays of a type's number and its body, one letter a field.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Message, Received, Stamp};
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
    #[serde(rename = "CS")]
    change_set: u64,
    #[serde(rename = "PS")]
    pair: String,
    #[serde(rename = "AO")]
    asks: Vec<Entry>,
    #[serde(rename = "BO")]
    bids: Vec<Entry>,
    // written for whoever reads them: this client does not
    #[serde(skip_deserializing)]
    channel: String,
    #[serde(skip_deserializing)]
    event: String,
    #[serde(rename = "type", skip_deserializing)]
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
    #[serde(rename = "D")]
    date: String,
    /// Its number, as a text.
    #[serde(rename = "I")]
    id: String,
    #[serde(rename = "A")]
    quantity: Amount,
    #[serde(rename = "P")]
    price: Amount,
    #[serde(rename = "PS")]
    pair: String,
    /// 0 bought, 1 sold. Written for whoever reads it, as what follows: this client does not.
    #[serde(rename = "S", skip_deserializing)]
    side: u8,
    #[serde(skip_deserializing)]
    channel: String,
    #[serde(skip_deserializing)]
    event: String,
    #[serde(rename = "type", skip_deserializing)]
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

pub(super) fn decode(text: &str) -> Result<Option<Received>, serde_json::Error> {
    let (kind, body): (u64, Value) = serde_json::from_str(text)?;
    Ok(match kind {
        ORDER_BOOK => {
            let book: Book = serde_json::from_value(body)?;
            let message =
                Message::Book { symbol: book.pair, bids: levels(book.bids), asks: levels(book.asks) };
            Some(Received { message, sequence: Some(book.change_set), at_ms: None })
        }
        TRADE => {
            let trade: Trade = serde_json::from_value(body)?;
            let (sequence, at_ms) = (Some(number("I", &trade.id)?), Some(number("D", &trade.date)?));
            let message = Message::Trade { symbol: trade.pair, price: trade.price, quantity: trade.quantity };
            Some(Received { message, sequence, at_ms })
        }
        RESULT if body.get("ok").is_some_and(|ok| ok == true) => Some(Received::heartbeat()),
        _ => None,
    })
}

/// A number that is sent as a text.
fn number(field: &str, text: &str) -> Result<u64, serde_json::Error> {
    let shown: String = text.chars().take(40).collect();
    text.parse().map_err(|_| serde::de::Error::custom(format_args!("`{field}` is no number: `{shown}`")))
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
