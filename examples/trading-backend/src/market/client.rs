//! The client of one venue: connects, subscribes, reads, and comes back after a pause that grows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::intake::{Intake, Refusal};
use super::metered::Metered;
use super::{Market, now_ms};
use crate::fault::{Fault, Faults};
use crate::instrument::{Instrument, Venue};
use crate::telemetry::Metrics;
use crate::trades::{Trade, Trades};
use crate::venue::{Message, decode, subscription};

/// Longest message: a book of ten levels is a kilobyte.
const MESSAGE_MAX: usize = 64 * 1024;

/// A venue that says nothing of use for so long has lost us: every venue sends a heartbeat each few seconds.
pub const SILENCE: Duration = Duration::from_secs(15);

/// So many messages of no use in a row are no accident of one of them: another connection may be better.
const REFUSED_MAX: u32 = 100;

/// Pauses between attempts.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Whom to follow, and what to tell.
pub struct Follow {
    /// The venue.
    pub venue: Venue,
    /// Its address.
    pub url: String,
    /// What to subscribe to, and to believe prices of.
    pub instruments: Vec<Instrument>,
    /// How long it may say nothing of use: [`SILENCE`].
    pub silence: Duration,
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
        let from = Instant::now();
        let mut taken = false;
        let end = session(follow, &mut taken).await;
        // who sends one message and hangs up each time is not well again
        if taken && from.elapsed() > pause {
            pause = PAUSE_MIN;
        }
        follow.metrics.ws_disconnects.with_label_values(&[follow.venue.name()]).inc();
        crate::log(&format!(
            "the connection to {} ended: {end}; the next follows in {pause:?}",
            follow.venue
        ));
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("`{0}` is no address: expected `ws://host:port/path`")]
    Address(String),
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("{0}")]
    Socket(Box<WebSocketError>),
    #[error("the venue closed it")]
    Closed,
    #[error("nothing of use in {0:?}")]
    Silent(Duration),
    #[error("{REFUSED_MAX} messages in a row that are of no use, the last of them {0}")]
    Useless(&'static str),
    #[error("the switch `disconnect_storm`")]
    Storm,
}

impl From<WebSocketError> for End {
    fn from(error: WebSocketError) -> Self {
        Self::Socket(Box::new(error))
    }
}

/// One connection, to its end. Whether it brought anything of use is noted.
async fn session(follow: &Follow, taken: &mut bool) -> End {
    let opened = tokio::time::timeout(follow.silence, open(follow)).await;
    let mut socket = match opened {
        Ok(Ok(socket)) => socket,
        Ok(Err(end)) => return end,
        Err(_) => return End::Silent(follow.silence),
    };
    follow.market.connected(follow.venue);
    let mut intake = Intake::new(follow.venue, &follow.instruments);
    let mut storm = std::pin::pin!(broken(follow.faults.follow(Fault::DisconnectStorm)));
    let mut heard = Instant::now();
    let mut refused = 0_u32;
    loop {
        // pings, and what is of no use, do not break the silence; nor does what comes so fast that no timer is asked
        let Some(left) = follow.silence.checked_sub(heard.elapsed()).filter(|left| !left.is_zero()) else {
            return End::Silent(follow.silence);
        };
        let next = tokio::select! {
            next = tokio::time::timeout(left, socket.next()) => next,
            () = &mut storm => return End::Storm,
        };
        let text = match next {
            Ok(Some(Ok(Frame::Text(text)))) => text,
            Ok(Some(Ok(Frame::Close(_))) | None) => return End::Closed,
            Ok(Some(Ok(_))) => continue,
            Ok(Some(Err(error))) => return error.into(),
            Err(_) => return End::Silent(follow.silence),
        };
        match take(follow, &mut intake, &text) {
            Ok(true) => (*taken, heard, refused) = (true, Instant::now(), 0),
            Ok(false) => {}
            Err(refusal) => {
                refused = refused.saturating_add(1);
                if refused >= REFUSED_MAX {
                    return End::Useless(refusal.name());
                }
            }
        }
    }
}

/// Connects and subscribes.
async fn open(follow: &Follow) -> Result<WebSocketStream<Metered>, End> {
    let wrong = || End::Address(follow.url.clone());
    let request = follow.url.as_str().into_client_request()?;
    let uri = request.uri();
    let host = uri.host().filter(|_| uri.scheme_str() == Some("ws")).ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.map_err(End::Connect)?;
    stream.set_nodelay(true).map_err(End::Connect)?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
        // answers to the pings of a venue that does not read are not kept for it
        .write_buffer_size(0)
        .max_write_buffer_size(MESSAGE_MAX);
    let (mut socket, _) = client_async_with_config(request, Metered::new(stream), Some(limits)).await?;
    let symbols: Vec<String> = follow.instruments.iter().map(|i| i.symbol.clone()).collect();
    for text in subscription(follow.venue, &symbols) {
        socket.send(Frame::text(text)).await?;
    }
    Ok(socket)
}

/// Takes a message over, if it is to be believed. Whether the venue has spoken by it.
fn take(follow: &Follow, intake: &mut Intake, text: &str) -> Result<bool, Refusal> {
    let venue = follow.venue;
    let refuse = |refusal: Refusal| {
        follow.metrics.ws_refused.with_label_values(&[venue.name(), refusal.name()]).inc();
        refusal
    };
    let decoded = decode(venue, text).map_err(|_| refuse(Refusal::NotAsAgreed))?;
    let Some(received) = decoded else { return Ok(false) };
    let admitted = intake.admit(&received, now_ms()).map_err(refuse)?;
    if admitted.gap {
        follow.metrics.market_gaps.with_label_values(&[venue.name()]).inc();
    }
    keep_trade(&follow.trades, &received.message);
    follow.market.apply(venue, received.message, admitted.heard_ms);
    Ok(admitted.heard_ms.is_some())
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
