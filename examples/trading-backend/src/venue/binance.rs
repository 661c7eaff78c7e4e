//! Binance's combined streams: `SYMBOL@depth10@100ms` and `SYMBOL@trade`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Message, Received, Stamp};
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
    #[serde(rename = "E")]
    event_time: u64,
    s: String,
    t: u64,
    p: Amount,
    q: Amount,
    // written for whoever reads them: this client does not
    #[serde(rename = "T", skip_deserializing)]
    trade_time: u64,
    #[serde(skip_deserializing)]
    m: bool,
}

pub(super) fn encode(message: &Message, stamp: Stamp) -> Result<String, serde_json::Error> {
    match message {
        Message::Book { symbol, bids, asks } => serde_json::to_string(&Out {
            stream: format!("{}@depth10@100ms", symbol.to_ascii_lowercase()),
            data: &Depth { last_update_id: stamp.sequence, bids: pairs(bids), asks: pairs(asks) },
        }),
        Message::Trade { symbol, price, quantity } => serde_json::to_string(&Out {
            stream: format!("{}@trade", symbol.to_ascii_lowercase()),
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

pub(super) fn decode(text: &str) -> Result<Option<Received>, serde_json::Error> {
    let value: Value = serde_json::from_str(text)?;
    // the answer to a request: anything but `null` is a list that nobody asked for
    if value.get("result").is_some_and(Value::is_null) && value.get("id").is_some_and(Value::is_u64) {
        return Ok(Some(Received::heartbeat()));
    }
    let envelope: Envelope = serde_json::from_value(value)?;
    let Some((symbol, kind)) = envelope.stream.split_once('@') else { return Ok(None) };
    let symbol = symbol.to_ascii_uppercase();
    if kind.starts_with("depth") {
        let depth: Depth = serde_json::from_value(envelope.data)?;
        let message = Message::Book { symbol, bids: levels(depth.bids), asks: levels(depth.asks) };
        return Ok(Some(Received { message, sequence: Some(depth.last_update_id), at_ms: None }));
    }
    if kind == "trade" {
        let trade: Trade = serde_json::from_value(envelope.data)?;
        if trade.e != "trade" || trade.s != symbol {
            return Err(serde::de::Error::custom(format_args!(
                "stream `{}` brought a `{}` of `{}`",
                envelope.stream, trade.e, trade.s
            )));
        }
        let message = Message::Trade { symbol, price: trade.p, quantity: trade.q };
        return Ok(Some(Received { message, sequence: Some(trade.t), at_ms: Some(trade.event_time) }));
    }
    Ok(None)
}

pub(super) fn subscription(symbols: &[String]) -> Vec<String> {
    let streams: Vec<String> = symbols
        .iter()
        .map(|symbol| symbol.to_ascii_lowercase())
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
