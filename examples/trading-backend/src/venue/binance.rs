//! Binance's combined streams: `SYMBOL@depth10@100ms` and `SYMBOL@trade`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Message, Stamp};
use crate::market::Level;
use crate::money::Amount;

#[derive(Deserialize)]
struct Envelope {
    stream: String,
    data: Value,
}

#[derive(Serialize)]
struct Out<'a, T> {
    stream: String,
    data: &'a T,
}

#[derive(Serialize, Deserialize)]
struct Depth {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    bids: Vec<(Amount, Amount)>,
    asks: Vec<(Amount, Amount)>,
}

#[derive(Serialize, Deserialize)]
struct Trade {
    e: String,
    #[serde(rename = "E", default)]
    event_time: u64,
    s: String,
    #[serde(default)]
    t: u64,
    p: Amount,
    q: Amount,
    #[serde(rename = "T", default)]
    trade_time: u64,
    #[serde(default)]
    m: bool,
}

pub(super) fn encode(message: &Message, stamp: Stamp) -> Result<String, serde_json::Error> {
    match message {
        Message::Book { symbol, bids, asks } => serde_json::to_string(&Out {
            stream: format!("{}@depth10@100ms", symbol.to_lowercase()),
            data: &Depth { last_update_id: stamp.sequence, bids: pairs(bids), asks: pairs(asks) },
        }),
        Message::Trade { symbol, price, quantity } => serde_json::to_string(&Out {
            stream: format!("{}@trade", symbol.to_lowercase()),
            data: &Trade {
                e: "trade".to_owned(),
                event_time: stamp.at_ms,
                s: symbol.clone(),
                t: stamp.sequence,
                p: *price,
                q: *quantity,
                trade_time: stamp.at_ms,
                m: false,
            },
        }),
        // a ping frame in the real one; the answer to a request stands for it, so that every venue has a text
        Message::Heartbeat => serde_json::to_string(&json!({ "result": null, "id": stamp.sequence })),
    }
}

pub(super) fn decode(text: &str) -> Result<Option<Message>, serde_json::Error> {
    let value: Value = serde_json::from_str(text)?;
    if value.get("result").is_some() {
        return Ok(Some(Message::Heartbeat));
    }
    let envelope: Envelope = serde_json::from_value(value)?;
    let Some((symbol, kind)) = envelope.stream.split_once('@') else { return Ok(None) };
    if kind.starts_with("depth") {
        let depth: Depth = serde_json::from_value(envelope.data)?;
        let symbol = symbol.to_uppercase();
        return Ok(Some(Message::Book { symbol, bids: levels(depth.bids), asks: levels(depth.asks) }));
    }
    if kind == "trade" {
        let trade: Trade = serde_json::from_value(envelope.data)?;
        return Ok(Some(Message::Trade { symbol: trade.s, price: trade.p, quantity: trade.q }));
    }
    Ok(None)
}

pub(super) fn subscription(symbols: &[String]) -> Vec<String> {
    let streams: Vec<String> = symbols
        .iter()
        .map(|symbol| symbol.to_lowercase())
        .flat_map(|symbol| [format!("{symbol}@depth10@100ms"), format!("{symbol}@trade")])
        .collect();
    vec![json!({ "method": "SUBSCRIBE", "params": streams, "id": 1 }).to_string()]
}

fn pairs(levels: &[Level]) -> Vec<(Amount, Amount)> {
    levels.iter().map(|level| (level.price, level.quantity)).collect()
}

fn levels(pairs: Vec<(Amount, Amount)>) -> Vec<Level> {
    pairs.into_iter().map(|(price, quantity)| Level { price, quantity }).collect()
}
