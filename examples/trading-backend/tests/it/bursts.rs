//! Bursts of the same orders again and again: nothing is lost, nothing is done twice. Shown by reconciling orders, fills,
//! positions, outbox, and what was delivered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trading_backend::feed::Delivered;

use crate::backend::Backend;

/// Orders of the burst: `TRADING_BACKEND_BURST=20000` for the long campaign.
fn size() -> usize {
    std::env::var("TRADING_BACKEND_BURST").map_or(200, |text| text.parse().unwrap())
}

/// The `n`-th order: other accounts and instruments meet in the same positions.
pub(crate) fn order(n: usize) -> Value {
    let (symbol, quantity) = [("GARAN", "3"), ("BTCUSDT", "0.00371"), ("USDTTRY", "13.37")][n % 3];
    let side = if n.is_multiple_of(2) { "buy" } else { "sell" };
    json!({ "account": format!("burst-{}", n % 5), "symbol": symbol, "side": side, "quantity": quantity })
}

/// What the tables and the receiver of events say of `orders` orders; the receiver has forgotten so many events.
pub(crate) async fn reconcile(backend: &Backend, orders: usize, forgotten: u64) {
    backend.drained().await;
    for (what, sql, expected) in [
        ("one order a key", "SELECT count(*) FROM orders".to_owned(), orders.to_string()),
        ("every key answered", "SELECT count(*) FROM idempotency_keys WHERE status IS NULL".to_owned(), "0".to_owned()),
        ("an event an order", "SELECT count(DISTINCT payload->>'id') FROM outbox WHERE topic = 'order.accepted'".to_owned(), orders.to_string()),
        ("no event twice", "SELECT count(*) FROM outbox WHERE topic = 'order.accepted'".to_owned(), orders.to_string()),
        (
            "an event a fill",
            "SELECT (SELECT count(*) FROM fills) - (SELECT count(*) FROM outbox WHERE topic = 'order.filled')".to_owned(),
            "0".to_owned(),
        ),
        (
            "orders are filled by their fills",
            "SELECT count(*) FROM orders o WHERE filled <> coalesce((SELECT sum(quantity) FROM fills f WHERE f.order_id = o.id), 0)".to_owned(),
            "0".to_owned(),
        ),
        ("amounts are exact", "SELECT count(*) FROM fills WHERE notional <> price * quantity".to_owned(), "0".to_owned()),
        (
            "positions hold what was filled",
            "SELECT count(*) FROM (SELECT account, symbol, sum(quantity) AS held FROM positions GROUP BY 1, 2) p FULL JOIN \
             (SELECT account, symbol, sum(CASE side WHEN 'buy' THEN filled ELSE -filled END) AS traded FROM orders GROUP BY 1, 2) o \
             USING (account, symbol) WHERE held IS DISTINCT FROM traded"
                .to_owned(),
            "0".to_owned(),
        ),
    ] {
        assert_eq!(backend.ask(&sql), expected, "{what}");
    }
    let delivered = backend.client.get(&format!("{}/events", backend.at.feed)).await.unwrap().body;
    let delivered: Delivered = serde_json::from_str(&delivered).unwrap();
    let queued: u64 = backend.ask("SELECT count(*) FROM outbox").parse().unwrap();
    // what was sent and not marked, when something went away, is sent again: at least once
    assert!(
        delivered.events >= queued - forgotten && delivered.events <= queued,
        "{delivered:?}, of {queued}, {forgotten} before"
    );
}

/// Every order is sent three times at once, by way of HAProxy to both instances; each is done once, with one answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_loses_and_doubles_nothing() {
    let backend = Arc::new(Backend::start(&["--canary-share", "50"]));
    let orders = size();
    let mut answers: BTreeMap<usize, Vec<(u16, String)>> = BTreeMap::new();
    for from in (0..orders).step_by(20) {
        let mut sent = Vec::new();
        for n in (from..orders.min(from + 20)).flat_map(|n| [n; 3]) {
            let backend = Arc::clone(&backend);
            sent.push(tokio::spawn(async move {
                let front = &backend.at.front;
                // an answer may say "again": that is what keys are for
                loop {
                    let reply = backend.place(front, &format!("burst-{n}"), &order(n)).await;
                    if reply.status.as_u16() < 500 {
                        return (n, (reply.status.as_u16(), reply.body));
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }));
        }
        for one in sent {
            let (n, answer) = one.await.unwrap();
            answers.entry(n).or_default().push(answer);
        }
    }
    for (n, answers) in &answers {
        assert!(answers.len() == 3 && answers.iter().all(|a| *a == answers[0]), "{n}: {answers:?}");
        assert_eq!(answers[0].0, 201, "{}", answers[0].1);
    }
    reconcile(&backend, orders, 0).await;
    let both = backend.ask("SELECT count(DISTINCT origin) FROM orders");
    assert_eq!(both, "2", "both instances took orders");
}
