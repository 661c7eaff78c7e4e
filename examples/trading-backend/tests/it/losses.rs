//! Parts that go away and come back while orders are sent: the pooler, the database, an instance, the feed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::backend::{Backend, until};
use crate::bursts::{order, reconcile};

/// Clients that send again until they are answered lose nothing and double nothing, whatever goes away; who asks meanwhile is
/// told so, and nothing old is shown as new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_go_away_and_come_back() {
    let backend = Arc::new(Backend::start(&["--canary-share", "50"]));
    let done = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..4_usize)
        .map(|client| {
            tokio::spawn(keep_ordering(client, Arc::clone(&backend), Arc::clone(&done), Arc::clone(&stop)))
        })
        .collect();
    progress(&done).await;

    backend.part("stop", "pgbouncer");
    let canary = &backend.at.canary;
    until("the canary says that it is not ready", async || {
        backend.client.get(&format!("{}/health/ready", canary.url)).await.unwrap().status == 503
    })
    .await;
    let live = backend.client.get(&format!("{}/health/live", canary.url)).await.unwrap();
    assert_eq!(live.status, 200, "alive all the same");
    let refused = backend.place(&canary.url, "while-away", &order(0)).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(!refused.body.contains("pgbouncer") && !refused.body.contains("127.0.0.1"), "{}", refused.body);
    until("what cannot be measured is not a number", async || {
        let metrics = backend.metrics(canary).await;
        metrics.of("outbox_unsent_total").is_nan() && metrics.of("pgbouncer_databases_pool_size").is_nan()
    })
    .await;
    backend.part("start", "pgbouncer");
    progress(&done).await;

    backend.part("stop", "postgres");
    tokio::time::sleep(Duration::from_millis(500)).await;
    backend.part("start", "postgres");
    progress(&done).await;

    backend.part("stop", "canary");
    progress(&done).await;
    backend.part("start", "canary");

    backend.part("stop", "feed");
    let heard =
        backend.metrics(&backend.at.baseline).await.sum("market_data_last_message_timestamp_seconds", "bist");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let metrics = backend.metrics(&backend.at.baseline).await;
    assert!(metrics.sum("market_data_last_message_timestamp_seconds", "bist") <= heard + 1.0, "it is silent");
    assert!(metrics.sum("ws_disconnects_total", "bist") >= 1.0);
    assert!(metrics.of("outbox_send_failures_total") >= 1.0, "events wait for their receiver");
    stop.store(true, Ordering::Relaxed);
    let mut orders = 0;
    for client in clients {
        orders += client.await.unwrap();
    }
    // the receiver's memory is the feed's: it begins again with what was not sent
    let before: u64 = backend.ask("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL").parse().unwrap();
    backend.part("start", "feed");
    until("prices come in again", async || {
        let metrics = backend.metrics(&backend.at.baseline).await;
        metrics.sum("market_data_last_message_timestamp_seconds", "bist") > heard + 1.0
    })
    .await;
    reconcile(&backend, orders, before).await;
}

/// Sends orders one after the other, each until it is answered. How many there were.
async fn keep_ordering(
    client: usize,
    backend: Arc<Backend>,
    done: Arc<AtomicUsize>,
    stop: Arc<std::sync::atomic::AtomicBool>,
) -> usize {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let order = order(client * 1_000 + n);
        let headers = [("content-type", "application/json"), ("idempotency-key", &*format!("{client}-{n}"))];
        let url = format!("{}/orders", backend.at.front);
        loop {
            match backend.client.send("POST", &url, &headers, order.to_string()).await {
                Ok(reply) if reply.status == 201 => break,
                Ok(reply) => assert!(reply.status.as_u16() >= 500, "{}: {}", reply.status, reply.body),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        n += 1;
        done.fetch_add(1, Ordering::Relaxed);
    }
    n
}

/// Waits for some more orders.
async fn progress(done: &AtomicUsize) {
    let wanted = done.load(Ordering::Relaxed) + 15;
    until("orders are taken", async || done.load(Ordering::Relaxed) >= wanted).await;
}
