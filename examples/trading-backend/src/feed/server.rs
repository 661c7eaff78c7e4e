//! Serves the venues' WebSockets and REST snapshots, and takes published events.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::{Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::events::{Delivered, Event, Events};
use super::generator::Generator;
use crate::instrument::Venue;
use crate::market::{Level, now_ms};
use crate::venue::{Message, Stamp, encode};

/// A reader that is this many messages behind loses the oldest: a slow client must not hold the exchange.
const BACKLOG: usize = 1_024;

/// Every so many rounds a venue sends a heartbeat too.
const HEARTBEAT_ROUNDS: u64 = 20;

/// What the feed is told.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct FeedSettings {
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub listen: SocketAddr,
    /// What prices are made from: the same seed, the same prices
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Time between two rounds of messages, in milliseconds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub every_ms: u64,
}

/// The newest book of a symbol, with its number in the stream.
struct Snapshot {
    sequence: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

struct Feed {
    streams: BTreeMap<Venue, broadcast::Sender<Utf8Bytes>>,
    /// By symbol.
    books: Mutex<BTreeMap<String, Snapshot>>,
    events: Events,
}

/// Serves until the process ends.
///
/// # Errors
/// An address that is taken, and what ends the server.
pub async fn serve(settings: FeedSettings) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let streams = Venue::ALL.map(|venue| (venue, broadcast::Sender::new(BACKLOG)));
    let feed = Arc::new(Feed { streams: streams.into(), books: Mutex::default(), events: Events::default() });
    let generator = Generator::new(settings.seed)?;
    tokio::spawn(generate(Arc::clone(&feed), generator, Duration::from_millis(settings.every_ms)));
    let router = Router::new()
        .route("/bist", get(|feed, upgrade| stream(feed, upgrade, Venue::Bist)))
        .route("/binance", get(|feed, upgrade| stream(feed, upgrade, Venue::Binance)))
        .route("/btcturk", get(|feed, upgrade| stream(feed, upgrade, Venue::Btcturk)))
        .route("/binance/api/v3/depth", get(binance_depth))
        .route("/btcturk/api/v2/orderbook", get(btcturk_orderbook))
        .route("/events", post(deliver).get(delivered))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(feed);
    let listener = tokio::net::TcpListener::bind(settings.listen).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

/// Makes messages for good, whether or not somebody listens.
async fn generate(feed: Arc<Feed>, mut generator: Generator, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    let mut round = 0_u64;
    let mut numbers = [0_u64; Venue::ALL.len()];
    loop {
        ticks.tick().await;
        round = round.wrapping_add(1);
        for ((venue, sender), sequence) in feed.streams.iter().zip(&mut numbers) {
            let mut messages = generator.next(*venue);
            if round.is_multiple_of(HEARTBEAT_ROUNDS) {
                messages.push(Message::Heartbeat);
            }
            for message in messages {
                *sequence = sequence.saturating_add(1);
                let stamp = Stamp { sequence: *sequence, at_ms: now_ms() };
                if let Ok(text) = encode(*venue, &message, stamp) {
                    // nobody listens: nothing is lost
                    let _ = sender.send(text.into());
                }
                if let Message::Book { symbol, bids, asks } = message {
                    let mut books = feed.books.lock().unwrap_or_else(PoisonError::into_inner);
                    books.insert(symbol, Snapshot { sequence: *sequence, bids, asks });
                }
            }
        }
    }
}

async fn stream(State(feed): State<Arc<Feed>>, upgrade: WebSocketUpgrade, venue: Venue) -> Response {
    let messages = feed.streams.get(&venue).map(broadcast::Sender::subscribe);
    upgrade.max_message_size(64 * 1024).on_upgrade(move |socket| async move {
        if let Some(messages) = messages {
            send(socket, messages).await;
        }
    })
}

/// Sends a venue's messages; what the client says (subscriptions, pings) is read and needs no answer.
async fn send(mut socket: WebSocket, mut messages: broadcast::Receiver<Utf8Bytes>) {
    loop {
        tokio::select! {
            message = messages.recv() => match message {
                Ok(text) => if socket.send(Frame::Text(text)).await.is_err() { return },
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            said = socket.recv() => if !matches!(said, Some(Ok(_))) { return },
        }
    }
}

#[derive(Deserialize)]
struct Depth {
    symbol: String,
    limit: Option<usize>,
}

/// `GET /api/v3/depth?symbol=BTCUSDT&limit=5`, with Binance's own error for a symbol that there is not.
async fn binance_depth(
    State(feed): State<Arc<Feed>>,
    Query(asked): Query<Depth>,
) -> (StatusCode, Json<Value>) {
    let books = feed.books.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(Snapshot { sequence, bids, asks }) = books.get(&asked.symbol) else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "code": -1121, "msg": "Invalid symbol." })));
    };
    let limit = asked.limit.unwrap_or(100);
    let pairs = |levels: &[Level]| -> Vec<Value> {
        levels.iter().take(limit).map(|level| json!([level.price, level.quantity])).collect()
    };
    (StatusCode::OK, Json(json!({ "lastUpdateId": sequence, "bids": pairs(bids), "asks": pairs(asks) })))
}

#[derive(Deserialize)]
struct Orderbook {
    #[serde(rename = "pairSymbol")]
    pair: String,
    limit: Option<usize>,
}

/// `GET /api/v2/orderbook?pairSymbol=BTCTRY&limit=5`, in BTCTurk's envelope.
async fn btcturk_orderbook(
    State(feed): State<Arc<Feed>>,
    Query(asked): Query<Orderbook>,
) -> (StatusCode, Json<Value>) {
    let books = feed.books.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(Snapshot { bids, asks, .. }) = books.get(&asked.pair) else {
        let body = json!({ "data": null, "success": false, "message": "SYMBOL_NOT_FOUND", "code": 1050 });
        return (StatusCode::BAD_REQUEST, Json(body));
    };
    let limit = asked.limit.unwrap_or(25);
    let pairs = |levels: &[Level]| -> Vec<Value> {
        levels.iter().take(limit).map(|level| json!([level.price, level.quantity])).collect()
    };
    let data = json!({ "timestamp": now_ms(), "bids": pairs(bids), "asks": pairs(asks) });
    (StatusCode::OK, Json(json!({ "data": data, "success": true, "message": null, "code": 0 })))
}

async fn deliver(State(feed): State<Arc<Feed>>, Json(event): Json<Event>) -> StatusCode {
    feed.events.deliver(event);
    StatusCode::NO_CONTENT
}

async fn delivered(State(feed): State<Arc<Feed>>) -> Json<Delivered> {
    Json(feed.events.delivered())
}
