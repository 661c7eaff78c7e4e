//! The consumer's side of the contracts: `read` understands one message as the backend does, `capture` gets one of each kind
//! from a running feed. `contracts/verify` calls both.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;
use trading_backend::instrument::Venue;
use trading_backend::venue::{Message, decode, subscription};

/// Longest wait for a message of each kind.
const WITHIN: Duration = Duration::from_secs(20);

/// The exchanges' messages, as the trading backend sees them
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads one message from the input and prints what the backend understands
    Read { venue: Venue },
    /// Prints one message of each kind, by the name that the contracts give it
    Capture { venue: Venue, url: String },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Read { venue } => read(venue),
        Command::Capture { venue, url } => match tokio::time::timeout(WITHIN, capture(venue, &url)).await {
            Ok(captured) => captured,
            Err(_) => Err(format!("`{url}` did not send a message of each kind in {WITHIN:?}").into()),
        },
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(venue: Venue) -> Result<Value, Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let received = decode(venue, &text)?.ok_or("the backend has no use for this message")?;
    let kind = match received.message {
        Message::Book { .. } => "book",
        Message::Trade { .. } => "trade",
        Message::Heartbeat => "heartbeat",
    };
    Ok(json!({ "kind": kind, "sequence": received.sequence, "at_ms": received.at_ms }))
}

async fn capture(venue: Venue, url: &str) -> Result<Value, Box<dyn Error>> {
    let mut socket = loop {
        match tokio_tungstenite::connect_async(url).await {
            Ok((socket, _)) => break socket,
            // it may not listen yet; the time for all of this is bounded
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    for text in subscription(venue, &["BTCUSDT".to_owned(), "BTCTRY".to_owned()]) {
        socket.send(Frame::text(text)).await?;
    }
    let mut captured = BTreeMap::new();
    while captured.len() < 3 {
        let frame = socket.next().await.ok_or("the feed has closed the connection")??;
        let Frame::Text(text) = frame else { continue };
        let name = match decode(venue, &text).map(|received| received.map(|received| received.message)) {
            Ok(Some(Message::Book { .. })) => "the best levels of a book",
            Ok(Some(Message::Trade { .. })) => "a trade",
            Ok(Some(Message::Heartbeat)) => "the answer to a subscription",
            Ok(None) => continue,
            Err(error) => return Err(error.into()),
        };
        captured.insert(name, serde_json::from_str::<Value>(&text)?);
    }
    Ok(serde_json::to_value(captured)?)
}
