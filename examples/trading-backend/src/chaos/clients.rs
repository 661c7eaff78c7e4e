//! Clients that place orders all the time, each with its next one when the last is answered, and again with the same key until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Failure;
use crate::client::Client;

/// How many: half of the pool that one instance has, so that none waits for a connection while all is well.
const CLIENTS: usize = 8;

/// What a client does between two orders.
const PAUSE: Duration = Duration::from_millis(60);

/// How long a client that was told or shown "not now" waits.
const AGAIN: Duration = Duration::from_millis(100);

/// How long clients may take to be answered when all is well again: longer than a request that hangs.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// Orders after which orders can be placed again.
const ENOUGH: i64 = 20;

/// The clients of one scenario.
pub(super) struct Clients {
    tasks: JoinSet<Result<(), String>>,
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicI64>,
}

impl Clients {
    /// Starts them; `name` begins their keys.
    pub(super) fn start(name: &str, front: &str) -> Self {
        let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            let (stop, accepted) = (Arc::clone(&stop), Arc::clone(&accepted));
            let (keys, url) = (format!("{name}-{client}"), format!("{front}/orders"));
            tasks.spawn(async move {
                let http = Client::default();
                let mut n = 0_usize;
                while !stop.load(Ordering::Relaxed) {
                    n = n.saturating_add(1);
                    if place(&http, &url, &format!("{keys}-{n}"), &order(client, n)).await? {
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(())
            });
        }
        Self { tasks, stop, accepted }
    }

    /// Waits until orders are accepted again, and says how long that took.
    pub(super) async fn served(&self) -> Result<Duration, Failure> {
        let from = Instant::now();
        let wanted = self.accepted.load(Ordering::Relaxed).saturating_add(ENOUGH);
        while self.accepted.load(Ordering::Relaxed) < wanted {
            if from.elapsed() > ANSWERED_WITHIN {
                return Err(format!("no {ENOUGH} orders were accepted within {ANSWERED_WITHIN:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(from.elapsed())
    }

    /// Lets each have its last answer. How many orders were accepted.
    pub(super) async fn finish(mut self) -> Result<i64, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let all = async {
            while let Some(client) = self.tasks.join_next().await {
                client??;
            }
            Ok::<_, Failure>(())
        };
        let ended = tokio::time::timeout(ANSWERED_WITHIN, all).await;
        ended.map_err(|_| format!("not all clients were answered within {ANSWERED_WITHIN:?}"))??;
        Ok(self.accepted.load(Ordering::Relaxed))
    }
}

/// Sends an order until it is answered. Whether it was accepted: prices that are stale may refuse it.
async fn place(http: &Client, url: &str, key: &str, order: &Value) -> Result<bool, String> {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    loop {
        let reply = http.send("POST", url, &headers, order.to_string()).await;
        match reply.as_ref().map(|reply| reply.status.as_u16()) {
            Ok(201) => return Ok(true),
            Ok(422) => return Ok(false),
            Ok(status) if status < 500 => return Err(format!("an order was answered with {status}")),
            // nobody knows whether it was done: the key does
            Ok(_) | Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Small orders that balance out, so that no limit of an account is met.
fn order(client: usize, n: usize) -> Value {
    const CHOICES: [(&str, &str); 3] = [("GARAN", "3"), ("BTCUSDT", "0.00371"), ("USDTTRY", "13.37")];
    let (symbol, quantity) = CHOICES.get((n / 2) % 3).copied().unwrap_or(("GARAN", "1"));
    let side = if n.is_multiple_of(2) { "buy" } else { "sell" };
    json!({ "account": format!("chaos-{}", client % 4), "symbol": symbol, "side": side, "quantity": quantity })
}
