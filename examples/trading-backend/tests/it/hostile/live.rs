//! Two real instances on a feed that has become hostile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use trading_backend::instrument::Venue;
use trading_backend::market::now_ms;
use trading_backend::venue::Stamp;

use super::venue::{Attack, BAD, attack_on, book};
use crate::backend::{Backend, until};

/// One after the other, on each connection the next: each is wrong whichever venue's client gets it.
const ATTACKS: [Attack; 7] = [
    Attack::Text(|| "{\"stream\":".to_owned()),
    Attack::Text(|| book(Venue::Bist, "GARAN", BAD, Stamp { sequence: now_ms(), at_ms: now_ms() - 60_000 })),
    Attack::Raw(b"\x81\x7f\x40\0\0\0\0\0\0\0"),
    Attack::Text(|| book(Venue::Btcturk, "GARAN", BAD, Stamp { sequence: now_ms(), at_ms: now_ms() })),
    Attack::Text(|| book(Venue::Binance, "GARAN", BAD, Stamp { sequence: now_ms(), at_ms: now_ms() })),
    Attack::Text(|| "x".repeat(70_000)),
    Attack::Flood(b"", b"\x89\x04ping"),
];

/// Memory that an instance may take beside what it had: its six queues and buffers are some KiB each.
const GROWTH_MAX: f64 = 48.0 * 1024.0 * 1024.0;

/// Takes the feed's place at its address.
fn take_over(listener: TcpListener) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let accepted = AtomicUsize::new(0);
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let attack = ATTACKS[accepted.fetch_add(1, Ordering::Relaxed) % ATTACKS.len()];
            connections.spawn(async move {
                // what is no WebSocket is the outbox, which has to wait
                if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                    let _ = attack_on(socket, Venue::Bist, "GARAN", attack).await;
                }
            });
        }
    });
    tasks
}

/// An instance goes on answering, keeps the prices that it had, says since when it has no others, and takes no memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_outlive_a_hostile_feed() {
    let backend = Backend::start(&["--guard", "watch"]);
    let canary = &backend.at.canary;
    backend.part("stop", "feed");
    let stopped = now_ms() / 1_000;
    let quotes = || {
        backend.ask(
            "SELECT string_agg(concat_ws(' ', origin, symbol, side, price), ',' ORDER BY origin, symbol, side) \
             FROM quotes WHERE level = 0",
        )
    };
    let before = backend.metrics(canary).await;
    let port = backend.at.feed.rsplit(':').next().unwrap().parse().unwrap();
    let mut hostile = take_over(TcpListener::bind(("127.0.0.1", port)).await.unwrap());

    tokio::time::sleep(Duration::from_secs(5)).await;
    let live = backend.client.get(&format!("{}/health/live", canary.url)).await.unwrap();
    assert_eq!(live.status, 200);
    let after = backend.metrics(canary).await;
    // they are written once a second, from the books
    let prices = quotes();
    assert!(
        prices.contains("canary GARAN bid ") && !prices.contains(" 666."),
        "a price was believed: {prices}"
    );
    let heard = "market_data_last_message_timestamp_seconds";
    for venue in Venue::ALL {
        assert!(after.sum(heard, venue.name()) <= stopped as f64, "{venue} has not spoken since");
    }
    let more = |name: &str| after.of(name) - before.of(name);
    assert!(more("ws_messages_refused_total") >= 100.0, "{}", more("ws_messages_refused_total"));
    let broken = more("ws_disconnects_total");
    assert!((2.0..=36.0).contains(&broken), "{broken} connections of three venues in five seconds");
    let resident = "process_resident_memory_bytes";
    assert!(more(resident) < GROWTH_MAX, "{} bytes more", more(resident));

    // the address has to be free before the feed takes it again
    hostile.shutdown().await;
    backend.part("start", "feed");
    until("prices come in again", async || {
        let now = backend.metrics(canary).await;
        Venue::ALL.iter().all(|venue| now.sum(heard, venue.name()) > after.sum(heard, venue.name()))
    })
    .await;
}
