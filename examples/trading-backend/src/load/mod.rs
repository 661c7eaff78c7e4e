//! The load generator: orders at a steady rate, with the habits of real clients: repeats, cancels, questions in between.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::client::Client;
use crate::feed::Seed;
use crate::orders::Order;

/// Most requests under way: a service that hangs must not have the generator grow.
const UNDER_WAY: usize = 500;

/// What the generator is told.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct LoadSettings {
    /// Where orders are placed
    #[arg(long)]
    pub target: SocketAddr,
    /// Orders per second
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// How long, in seconds; without it, until it is stopped
    #[arg(long)]
    pub seconds: Option<u64>,
    /// So many clients, each with its next order as soon as the last is answered, instead of a rate: what the service can do
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub clients: Option<u32>,
    /// What orders are made from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests answered with 2xx.
    pub good: AtomicU64,
    /// Answered with 4xx.
    pub refused: AtomicU64,
    /// Answered with 5xx.
    pub failed: AtomicU64,
    /// Not answered.
    pub lost: AtomicU64,
}

impl Tally {
    fn count(&self, status: Option<u16>) {
        let counter = match status {
            Some(200..=399) => &self.good,
            Some(400..=499) => &self.refused,
            Some(_) => &self.failed,
            None => &self.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Places orders as it is told.
pub async fn load(settings: LoadSettings) -> Arc<Tally> {
    match settings.clients {
        Some(clients) => at_once(settings, clients).await,
        None => at_a_rate(settings).await,
    }
}

/// Clients that wait for their answers and for nothing else.
async fn at_once(settings: LoadSettings, clients: u32) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let run = crate::market::now_ms();
    let until = settings.seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        let tally = Arc::clone(&tally);
        tasks.spawn(async move {
            let http = Client::default();
            let mut seed = Seed::new(settings.seed.wrapping_add(u64::from(client)));
            let mut n = 0_u64;
            while until.is_none_or(|until| Instant::now() < until) {
                n = n.saturating_add(1);
                let habit = Habit {
                    key: format!("{run}-{client}-{n}"),
                    order: order(&mut seed),
                    second: seed.below(100),
                };
                habit.act(&http, settings.target, &tally).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    tally
}

/// Places orders at a rate. It does not wait for answers before it goes on, so that a slow service meets the same rate.
async fn at_a_rate(settings: LoadSettings) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let client = Client::default();
    let slots = Arc::new(Semaphore::new(UNDER_WAY));
    let mut seed = Seed::new(settings.seed);
    // keys are one run's own
    let run = crate::market::now_ms();
    let every = Duration::from_secs(1).checked_div(settings.rate).unwrap_or(Duration::from_secs(1));
    let mut ticks = tokio::time::interval(every);
    let orders = settings.seconds.map(|seconds| seconds.saturating_mul(u64::from(settings.rate)));
    let mut n = 0_u64;
    while orders.is_none_or(|orders| n < orders) {
        ticks.tick().await;
        n = n.saturating_add(1);
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tally.count(None);
            continue;
        };
        let habit = Habit { key: format!("{run}-{n}"), order: order(&mut seed), second: seed.below(100) };
        let (client, tally) = (client.clone(), Arc::clone(&tally));
        tokio::spawn(async move {
            habit.act(&client, settings.target, &tally).await;
            drop(slot);
        });
    }
    // all slots free: all are answered
    let _ = tokio::time::timeout(
        Duration::from_secs(20),
        slots.acquire_many(u32::try_from(UNDER_WAY).unwrap_or(1)),
    )
    .await;
    tally
}

/// What one client does: an order, and sometimes more.
struct Habit {
    key: String,
    order: Value,
    /// 0 to 99: what it does afterwards.
    second: u32,
}

impl Habit {
    async fn act(&self, client: &Client, target: SocketAddr, tally: &Tally) {
        let url = format!("http://{target}/orders");
        let placed = self.send(client, "POST", &url, tally).await;
        match self.second {
            // a client that has not seen the answer sends it again
            0..15 => {
                self.send(client, "POST", &url, tally).await;
            }
            15..25 => {
                let account = self.order.get("account").and_then(Value::as_str).unwrap_or("");
                self.send(client, "GET", &format!("http://{target}/positions?account={account}"), tally)
                    .await;
            }
            _ => {}
        }
        // nobody lets an order rest for good
        if let Some(order) = placed.and_then(|body| serde_json::from_str::<Order>(&body).ok())
            && order.status == "open"
        {
            self.send(client, "DELETE", &format!("{url}/{}", order.id), tally).await;
        }
    }

    async fn send(&self, client: &Client, method: &str, url: &str, tally: &Tally) -> Option<String> {
        let headers = [("content-type", "application/json"), ("idempotency-key", self.key.as_str())];
        let headers = if method == "POST" { headers.as_slice() } else { &[] };
        let body = if method == "POST" { self.order.to_string() } else { String::new() };
        let reply = client.send(method, url, headers, body).await.ok();
        tally.count(reply.as_ref().map(|reply| reply.status.as_u16()));
        reply.map(|reply| reply.body)
    }
}

/// A small order on one of the instruments: most at the market, some with a price that nobody meets.
fn order(seed: &mut Seed) -> Value {
    // a quantity on the lot, and a bid on the tick well below where the generator begins
    const CHOICES: [(&str, &str, &str); 9] = [
        ("ASELS", "25", "190.10"),
        ("GARAN", "40", "130.10"),
        ("THYAO", "12", "290.25"),
        ("BNBUSDT", "0.137", "850.01"),
        ("BTCUSDT", "0.00371", "91000.01"),
        ("ETHUSDT", "0.0533", "3200.01"),
        ("BTCTRY", "0.00021337", "3800001"),
        ("ETHTRY", "0.0071", "135001"),
        ("USDTTRY", "113.37", "38.001"),
    ];
    let place = usize::try_from(seed.below(9)).unwrap_or(0);
    let (symbol, quantity, bid) = CHOICES.get(place).copied().unwrap_or(("GARAN", "1", "130.10"));
    let account = format!("load-{:02}", seed.below(40));
    let side = if seed.below(2) == 0 { "buy" } else { "sell" };
    if seed.below(6) == 0 {
        return json!({ "account": account, "symbol": symbol, "side": "buy", "quantity": quantity, "price": bid });
    }
    json!({ "account": account, "symbol": symbol, "side": side, "quantity": quantity })
}
