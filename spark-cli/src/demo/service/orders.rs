//! `POST /orders`: risk check, idempotency, a database that takes its time, an answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{Fault, Service};
use crate::demo::chance::Chance;
use crate::demo::service::counters::Counter;

/// Connections to the (imagined) database; an order holds one while it works. 250 orders a second at 40 ms need
/// ten, so that 90 % of 100 means trouble.
pub(super) const CONNECTIONS: u32 = 100;

/// How many idempotency keys are remembered: 30 s of the demo's keyed traffic.
const KEYS_MAX: usize = 4096;

/// The middle of the time that an order takes, in seconds.
const TYPICAL_SECONDS: f64 = 0.040;

/// How much that time spreads: a log-normal's sigma; its 95th percentile is then 1.7 times its middle.
const SPREAD: f64 = 0.32;

/// The longest time that an order takes, in seconds; above that a client has given up.
const LONGEST_SECONDS: f64 = 2.0;

/// One order in so many fails while all is well: 0.1 %, as a real service has.
const USUAL_FAILURE_EVERY: u64 = 1_000;

/// Orders above this quantity are blocked by the risk check.
const QUANTITY_MAX: u32 = 1_000;

/// An order as it comes in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// What is traded.
    pub(crate) symbol: String,
    /// How many.
    pub(crate) quantity: u32,
    /// At which price: a decimal as text, never a binary float.
    pub(crate) price: String,
}

/// What the service remembers between orders.
#[derive(Debug)]
pub(super) struct OrderBook {
    chance: Chance,
    connections: Semaphore,
    keys: Mutex<Keys>,
    placed: Counter,
    keyed: Counter,
}

impl OrderBook {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            connections: Semaphore::new(usize::try_from(CONNECTIONS).unwrap_or(usize::MAX)),
            keys: Mutex::default(),
            placed: Counter::default(),
            keyed: Counter::default(),
        }
    }

    /// How many database connections orders hold now.
    pub(super) fn connections_in_use(&self) -> u32 {
        let free = u32::try_from(self.connections.available_permits()).unwrap_or(CONNECTIONS);
        CONNECTIONS.saturating_sub(free)
    }

    /// How long the database takes for one order.
    fn work(&self, fault: Fault) -> Duration {
        let usual = TYPICAL_SECONDS * (SPREAD * self.chance.next_normal()).exp();
        // a lost index, say: every order reads the whole table
        let extra = if fault == Fault::Slow { 0.40 + 0.16 * self.chance.next() } else { 0.0 };
        Duration::from_secs_f64((usual + extra).clamp(0.0, LONGEST_SECONDS))
    }
}

/// The keys that were used lately, each with the order that it was used for.
#[derive(Debug, Default)]
struct Keys {
    orders: BTreeMap<String, Bytes>,
    oldest_first: VecDeque<String>,
}

/// What a key says about an order.
#[derive(Debug, PartialEq, Eq)]
enum KeyUse {
    /// It is new.
    New,
    /// The same order came before: its answer is given again.
    Again,
    /// Another order used it before.
    Conflict,
}

impl Keys {
    fn claim(&mut self, key: &str, body: &Bytes) -> KeyUse {
        if let Some(before) = self.orders.get(key) {
            return if before == body { KeyUse::Again } else { KeyUse::Conflict };
        }
        self.orders.insert(key.to_owned(), body.clone());
        self.oldest_first.push_back(key.to_owned());
        if self.oldest_first.len() > KEYS_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.orders.remove(&oldest);
        }
        KeyUse::New
    }
}

/// Places an order.
pub(super) async fn place(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let Ok(order) = serde_json::from_slice::<Order>(&body) else {
        return (StatusCode::BAD_REQUEST, "expected an order: symbol, quantity, price\n".to_owned());
    };
    let started = Instant::now();
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let (status, answer) = decide(&service, &order, key, &body).await;
    service.counters.request(status.as_u16(), started.elapsed());
    (status, answer)
}

async fn decide(service: &Service, order: &Order, key: Option<&str>, body: &Bytes) -> (StatusCode, String) {
    let fault = service.fault();
    let number = service.orders.placed.next();
    if let Some(key) = key {
        service.counters.keyed.add(1);
        let mixed_up = fault == Fault::Conflicts && service.orders.keyed.next() % 10 == 9;
        let found = service.orders.keys.lock().unwrap_or_else(PoisonError::into_inner).claim(key, body);
        match found {
            KeyUse::New if !mixed_up => {}
            KeyUse::Again => return (StatusCode::OK, "this order was placed before\n".to_owned()),
            KeyUse::New | KeyUse::Conflict => {
                service.counters.conflicts.add(1);
                return (StatusCode::CONFLICT, "the key was used for another order\n".to_owned());
            }
        }
    }
    if order.quantity > QUANTITY_MAX || (fault == Fault::Risk && number % 20 == 19) {
        service.counters.risk_blocks.add(1);
        return (StatusCode::UNPROCESSABLE_ENTITY, "the risk check blocks this order\n".to_owned());
    }
    let Ok(_connection) = service.orders.connections.acquire().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no database connection\n".to_owned());
    };
    tokio::time::sleep(service.orders.work(fault)).await;
    if fault == Fault::Errors && number % 10 == 9 {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the order was lost\n".to_owned());
    }
    if number % USUAL_FAILURE_EVERY == USUAL_FAILURE_EVERY / 2 {
        return (StatusCode::SERVICE_UNAVAILABLE, "the exchange did not answer\n".to_owned());
    }
    (StatusCode::CREATED, format!("{} {} at {}\n", order.quantity, order.symbol, order.price))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key is for one order: the same order gets its answer again, another one a conflict, and memory is bounded.
    #[test]
    fn keys() {
        let mut keys = Keys::default();
        let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
        assert_eq!(keys.claim("k", &one), KeyUse::New);
        assert_eq!(keys.claim("k", &one), KeyUse::Again);
        assert_eq!(keys.claim("k", &other), KeyUse::Conflict);
        for n in 0..KEYS_MAX {
            assert_eq!(keys.claim(&n.to_string(), &one), KeyUse::New);
        }
        assert_eq!(keys.orders.len(), KEYS_MAX);
        assert_eq!(keys.claim("k", &other), KeyUse::New, "the oldest key is forgotten");
    }

    /// While all is well, 95 % of orders take well below 200 ms; with the fault, well above 400 ms.
    #[test]
    fn latency() {
        let book = OrderBook::new(1);
        let p95 = |fault| {
            let mut all: Vec<_> = (0..2000).map(|_| book.work(fault)).collect();
            all.sort();
            all[1900].as_millis()
        };
        assert!((50..100).contains(&p95(Fault::None)), "{}", p95(Fault::None));
        assert!((500..700).contains(&p95(Fault::Slow)), "{}", p95(Fault::Slow));
    }
}
