//! A venue that behaves as it is told: well, or in one of the ways that would harm a client that trusts it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use trading_backend::instrument::Venue;
use trading_backend::market::{Level, now_ms};
use trading_backend::money::Amount;
use trading_backend::venue::{Message, Stamp, encode};

/// The bid of a venue that behaves; asks are one tick above.
pub(crate) const GOOD: &str = "150.0";

/// What it bids once it is well again.
pub(crate) const WELL_AGAIN: &str = "151.0";

/// The number of a good book.
pub(crate) const NUMBER: u64 = 1_000;

/// A price that no client may ever believe.
pub(crate) const BAD: &str = "666.0";

/// What a hostile venue does on each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    /// Sends this as text messages.
    Text(fn() -> String),
    /// Sends books whose number and time are made from how many it has sent, and from now.
    Numbered(fn(u64, u64) -> Stamp),
    /// Sends bytes that are frames, or are none.
    Raw(&'static [u8]),
    /// Sends the first bytes once and the others as quickly as they are taken, and reads nothing.
    Flood(&'static [u8], &'static [u8]),
    /// Says nothing at all.
    Silence,
    /// Answers the handshake with the first text and then, without an end, with the other.
    Handshake(&'static str, &'static str),
    /// Sends one good book on each connection and hangs up.
    HangUp,
    /// Sends one good book on each connection, and then others that are no newer.
    Repeat,
}

/// How a venue behaves, now and on the connections that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should, at [`GOOD`].
    Good,
    /// Hostile.
    Bad,
    /// As it should, at [`WELL_AGAIN`].
    Well,
}

/// A venue that runs.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    /// Connections since it is hostile.
    pub(crate) connections: Arc<AtomicUsize>,
    mood: watch::Sender<Mood>,
}

impl Hostile {
    pub(crate) async fn start(venue: Venue, symbol: &'static str, attack: Attack) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let (mood, moods) = watch::channel(Mood::Good);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut moods = moods.clone();
                let mood = *moods.borrow_and_update();
                if mood == Mood::Bad {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                tokio::spawn(async move {
                    tokio::select! {
                        // the client may go away at any time: that is its right
                        _ = serve(stream, venue, symbol, attack, mood) => {}
                        // what was said in one mood is not to be taken for the word of another
                        _ = moods.changed() => {}
                    }
                });
            }
        });
        Self { address, connections, mood }
    }

    /// Behaves otherwise from now on; connections end.
    pub(crate) fn turn(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

async fn serve(
    mut stream: TcpStream,
    venue: Venue,
    symbol: &str,
    attack: Attack,
    mood: Mood,
) -> Result<(), Failed> {
    let price = if mood == Mood::Well { WELL_AGAIN } else { GOOD };
    let good = |sequence: u64| Frame::text(book(venue, symbol, price, Stamp { sequence, at_ms: now_ms() }));
    if mood != Mood::Bad {
        let mut socket = tokio_tungstenite::accept_async(stream).await?;
        let mut number = NUMBER;
        loop {
            number += 1;
            socket.send(good(number)).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    if let Attack::Handshake(start, rest) = attack {
        let _ = stream.read(&mut [0; 4_096]).await?;
        stream.write_all(start.as_bytes()).await?;
        while !rest.is_empty() {
            stream.write_all(rest.as_bytes()).await?;
        }
        return wait_for(stream).await;
    }
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    if matches!(attack, Attack::HangUp | Attack::Repeat) {
        socket.send(good(NUMBER)).await?;
    }
    attack_on(socket, venue, symbol, attack).await
}

/// The attack, on an open connection, to its end.
pub(crate) async fn attack_on(
    mut socket: WebSocketStream<TcpStream>,
    venue: Venue,
    symbol: &str,
    attack: Attack,
) -> Result<(), Failed> {
    match attack {
        Attack::Text(text) => loop {
            socket.send(Frame::text(text())).await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
        },
        Attack::Numbered(stamp) => {
            for n in 1.. {
                let text = book(venue, symbol, BAD, stamp(n, now_ms()));
                socket.send(Frame::text(text)).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(())
        }
        Attack::Raw(bytes) => {
            socket.get_mut().write_all(bytes).await?;
            wait_for(socket.into_inner()).await
        }
        Attack::Flood(first, bytes) => {
            socket.get_mut().write_all(first).await?;
            let many = bytes.repeat(64 * 1024 / bytes.len());
            loop {
                socket.get_mut().write_all(&many).await?;
            }
        }
        Attack::Repeat => loop {
            let stamp = Stamp { sequence: NUMBER, at_ms: now_ms() };
            socket.send(Frame::text(book(venue, symbol, BAD, stamp))).await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
        },
        Attack::Silence => wait_for(socket.into_inner()).await,
        Attack::Handshake(..) | Attack::HangUp => Ok(socket.close(None).await?),
    }
}

/// Holds a connection open until the client closes it.
async fn wait_for(mut stream: TcpStream) -> Result<(), Failed> {
    while stream.read(&mut [0; 4_096]).await? > 0 {}
    Ok(())
}

/// A book of one level on each side, as the venue writes it.
pub(crate) fn book(venue: Venue, symbol: &str, bid: &str, stamp: Stamp) -> String {
    let level = |price: &str| {
        vec![Level { price: Amount::parse(price).unwrap(), quantity: Amount::parse("5").unwrap() }]
    };
    let ask = bid.replace(".0", ".1");
    let message = Message::Book { symbol: symbol.to_owned(), bids: level(bid), asks: level(&ask) };
    encode(venue, &message, stamp).unwrap()
}
