//! The client of one venue: connects, subscribes, reads, and comes back after a pause that grows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Message as Frame, protocol::WebSocketConfig};

use super::{Market, now_ms};
use crate::fault::{Fault, Faults};
use crate::instrument::Venue;
use crate::telemetry::Metrics;
use crate::trades::{Trade, Trades};
use crate::venue::{Message, decode, subscription};

/// Longest message: a book of ten levels is a kilobyte.
const MESSAGE_MAX: usize = 64 * 1024;

/// A venue that says nothing for so long has lost us: every venue sends a heartbeat each few seconds.
const SILENCE: Duration = Duration::from_secs(15);

/// Pauses between attempts.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Whom to follow, and what to tell.
pub struct Follow {
    /// The venue.
    pub venue: Venue,
    /// Its address.
    pub url: String,
    /// What to subscribe to.
    pub symbols: Vec<String>,
    /// Where prices go.
    pub market: Arc<Market>,
    /// Where trades go.
    pub trades: Arc<Trades>,
    /// What is counted.
    pub metrics: Metrics,
    /// What may be broken on purpose.
    pub faults: Faults,
}

/// Follows a venue for good.
pub async fn follow(follow: Follow) {
    if follow.venue != Venue::Bist {
        return attempts(&follow).await;
    }
    // the switch stops BIST's client alone
    let mut stopped = follow.faults.follow(Fault::FeedStopped);
    loop {
        tokio::select! {
            () = attempts(&follow) => {}
            () = turned_on(&mut stopped) => {}
        }
        if stopped.wait_for(Option::is_none).await.is_err() {
            return;
        }
    }
}

async fn turned_on(switch: &mut watch::Receiver<Option<u32>>) {
    if switch.wait_for(Option::is_some).await.is_err() {
        std::future::pending().await
    }
}

/// Connects, again and again.
async fn attempts(follow: &Follow) {
    let mut pause = PAUSE_MIN;
    loop {
        if session(follow).await.is_ok_and(|messages| messages > 0) {
            pause = PAUSE_MIN;
        }
        follow.metrics.ws_disconnects.with_label_values(&[follow.venue.name()]).inc();
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// One connection, to its end. How many messages it brought.
async fn session(follow: &Follow) -> Result<u64, Box<tokio_tungstenite::tungstenite::Error>> {
    let limits =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
    let connecting = tokio_tungstenite::connect_async_with_config(&follow.url, Some(limits), true);
    let Ok(connected) = tokio::time::timeout(SILENCE, connecting).await else { return Ok(0) };
    let (mut socket, _) = connected.map_err(Box::new)?;
    for text in subscription(follow.venue, &follow.symbols) {
        socket.send(Frame::text(text)).await.map_err(Box::new)?;
    }
    let mut messages = 0_u64;
    let mut storm = std::pin::pin!(broken(follow.faults.follow(Fault::DisconnectStorm)));
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, socket.next()) => next,
            () = &mut storm => return Ok(messages),
        };
        match next {
            Ok(Some(Ok(Frame::Text(text)))) => match decode(follow.venue, &text) {
                Ok(Some(message)) => {
                    messages = messages.saturating_add(1);
                    keep_trade(&follow.trades, &message);
                    follow.market.apply(follow.venue, message);
                }
                Ok(None) => {}
                // one message that is not as agreed says nothing about the next
                Err(_) => follow.metrics.ws_refused.with_label_values(&[follow.venue.name()]).inc(),
            },
            Ok(Some(Ok(Frame::Close(_))) | None) | Err(_) => return Ok(messages),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(Box::new(error)),
        }
    }
}

/// Ends when the storm breaks this connection: a minute has as many breaks as the switch's level, over all venues.
async fn broken(mut storm: watch::Receiver<Option<u32>>) {
    let level = storm.wait_for(Option::is_some).await.map(|level| level.unwrap_or(1));
    match level {
        Ok(level) => {
            // three venues share the breaks of a minute
            tokio::time::sleep(Duration::from_secs(180).checked_div(level).unwrap_or(SILENCE)).await;
        }
        Err(_) => std::future::pending().await,
    }
}

fn keep_trade(trades: &Trades, message: &Message) {
    if let Message::Trade { symbol, price, quantity } = message {
        trades.push(Trade { symbol: symbol.clone(), price: *price, quantity: *quantity, at_ms: now_ms() });
    }
}
