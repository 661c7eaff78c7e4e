//! Bursts of the same orders again and again: nothing is lost, nothing is done twice. Shown by reconciling orders, fills,
//! positions, outbox, and what was delivered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::backend::Backend;

/// Orders of a burst: `TRADING_BACKEND_BURST=5000` for a long one.
fn size() -> usize {
    std::env::var("TRADING_BACKEND_BURST").map_or(200, |text| text.parse().unwrap())
}

/// Orders that are under way at once, each three times.
const AT_ONCE: usize = 20;

/// The `n`-th order: other accounts and instruments meet in the same positions.
pub(crate) fn order(n: usize) -> Value {
    let (symbol, quantity) = [("GARAN", "3"), ("BTCUSDT", "0.00371"), ("USDTTRY", "13.37")][n % 3];
    let side = if n.is_multiple_of(2) { "buy" } else { "sell" };
    json!({ "account": format!("burst-{}", n % 5), "symbol": symbol, "side": side, "quantity": quantity })
}

/// What the tables and the receiver of events say agrees with so many orders; the receiver has forgotten so many events.
pub(crate) async fn reconcile(backend: &Backend, orders: usize, forgotten: u64) {
    let (orders, forgotten) = (i64::try_from(orders).unwrap(), i64::try_from(forgotten).unwrap());
    let found = trading_backend::reconcile::reconcile(&backend.at, orders, forgotten).await;
    println!("{:?}", found.unwrap_or_else(|error| panic!("{error}")));
}

/// Sends the orders from `from` on, each three times at once, by way of HAProxy to both instances, until each is answered. Each is done
/// once, with one answer.
async fn burst(backend: &Arc<Backend>, orders: std::ops::Range<usize>) {
    let mut answers: BTreeMap<usize, Vec<(u16, String)>> = BTreeMap::new();
    for from in orders.clone().step_by(AT_ONCE) {
        let mut sent = Vec::new();
        for n in (from..orders.end.min(from + AT_ONCE)).flat_map(|n| [n; 3]) {
            sent.push(tokio::spawn(answered(Arc::clone(backend), n)));
        }
        for one in sent {
            let (n, answer) = one.await.unwrap();
            answers.entry(n).or_default().push(answer);
        }
    }
    assert_eq!(answers.len(), orders.len());
    for (n, answers) in &answers {
        assert!(answers.len() == 3 && answers.iter().all(|a| *a == answers[0]), "{n}: {answers:?}");
        assert_eq!(answers[0].0, 201, "{}", answers[0].1);
    }
}

/// Sends an order until it is answered: an answer may say "again", and none at all says nothing. That is what keys are for.
async fn answered(backend: Arc<Backend>, n: usize) -> (usize, (u16, String)) {
    let (key, url) = (format!("burst-{n}"), format!("{}/orders", backend.at.front));
    let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
    loop {
        let reply = backend.client.send("POST", &url, &headers, order(n).to_string()).await;
        if let Ok(reply) = reply
            && reply.status.as_u16() < 500
        {
            return (n, (reply.status.as_u16(), reply.body));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn start() -> Arc<Backend> {
    // keys outlive the burst, and no answer that is late for a reason stops trading
    Arc::new(Backend::start(&["--canary-share", "50", "--idempotency-ttl", "3600", "--guard", "watch"]))
}

/// Every order is sent three times at once to both instances; each is done once, with one answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_loses_and_doubles_nothing() {
    let (backend, from) = (start(), Instant::now());
    burst(&backend, 0..size()).await;
    println!("{} orders, three times each, in {:?}", size(), from.elapsed());
    reconcile(&backend, size(), 0).await;
    let both = backend.ask("SELECT count(DISTINCT origin) FROM orders");
    assert_eq!(both, "2", "both instances took orders");
}

/// The same while an instance is killed and comes back, and while the database is started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_survives_a_killed_instance_and_a_database_restart() {
    let (backend, from) = (start(), Instant::now());
    let third = size() / 3;
    burst(&backend, 0..third).await;
    let (sending, _) = tokio::join!(tokio::spawn(part(Arc::clone(&backend), third..third * 2)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        backend.part("kill", "canary");
        tokio::time::sleep(Duration::from_millis(500)).await;
        backend.part("start", "canary");
    });
    sending.unwrap();
    let (sending, _) = tokio::join!(tokio::spawn(part(Arc::clone(&backend), third * 2..size())), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        backend.part("stop", "postgres");
        backend.part("start", "postgres");
    });
    sending.unwrap();
    println!("{} orders, three times each, in {:?}", size(), from.elapsed());
    reconcile(&backend, size(), 0).await;
}

async fn part(backend: Arc<Backend>, orders: std::ops::Range<usize>) {
    burst(&backend, orders).await;
}
