//! Borsa Istanbul as a data vendor sends it: the events of its ITCH feed as JSON, each with the exchange's sequence number.

use serde::{Deserialize, Serialize};

use super::{Message, Received, Stamp};
use crate::market::Level;
use crate::money::Amount;

const NANOS_OF_MS: u64 = 1_000_000;

#[derive(Serialize, Deserialize)]
struct Event {
    seq: u64,
    /// Nanoseconds since the Unix epoch.
    ts: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum What {
    Depth {
        symbol: String,
        bids: Vec<Level>,
        asks: Vec<Level>,
    },
    Trade {
        symbol: String,
        price: Amount,
        qty: Amount,
    },
    Heartbeat,
    #[serde(other)]
    Unknown,
}

pub(super) fn encode(message: &Message, stamp: Stamp) -> Result<String, serde_json::Error> {
    let what = match message {
        Message::Book { symbol, bids, asks } => {
            What::Depth { symbol: long(symbol), bids: bids.clone(), asks: asks.clone() }
        }
        Message::Trade { symbol, price, quantity } => {
            What::Trade { symbol: long(symbol), price: *price, qty: *quantity }
        }
        Message::Heartbeat => What::Heartbeat,
    };
    serde_json::to_string(&Event { seq: stamp.sequence, ts: stamp.at_ms.saturating_mul(NANOS_OF_MS), what })
}

pub(super) fn decode(text: &str) -> Result<Option<Received>, serde_json::Error> {
    let event: Event = serde_json::from_str(text)?;
    let message = match event.what {
        What::Depth { symbol, bids, asks } => Message::Book { symbol: short(&symbol), bids, asks },
        What::Trade { symbol, price, qty } => Message::Trade { symbol: short(&symbol), price, quantity: qty },
        What::Heartbeat => Message::Heartbeat,
        What::Unknown => return Ok(None),
    };
    Ok(Some(Received { message, sequence: Some(event.seq), at_ms: Some(event.ts / NANOS_OF_MS) }))
}

pub(super) fn subscription(symbols: &[String]) -> Vec<String> {
    let symbols: Vec<String> = symbols.iter().map(|symbol| long(symbol)).collect();
    vec![serde_json::json!({ "type": "subscribe", "symbols": symbols }).to_string()]
}

/// `.E` is the equity market.
fn long(symbol: &str) -> String {
    format!("{symbol}.E")
}

fn short(symbol: &str) -> String {
    symbol.strip_suffix(".E").unwrap_or(symbol).to_owned()
}
