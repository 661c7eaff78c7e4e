//! Faults that go on beside the requests: each is a task that sleeps until its switch is turned.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::memory;
use super::switches::Fault;
use crate::service::Backend;

/// Most connections that the leaks hold: the pooler and the database outlive the fault.
const HOARD_MAX: usize = 300;

/// How long the lock of the convoy is free: whoever waits gets through.
const CONVOY_GAP: Duration = Duration::from_millis(10);

/// Starts the tasks of all background faults.
pub fn spawn(backend: &Arc<Backend>, tasks: &mut JoinSet<()>) {
    tasks.spawn(leak_connections(Arc::clone(backend)));
    tasks.spawn(creep(Arc::clone(backend)));
    tasks.spawn(exhaust_pool(Arc::clone(backend)));
    tasks.spawn(lead_convoy(Arc::clone(backend)));
    tasks.spawn(flood_csp(Arc::clone(backend)));
    tasks.spawn(churn_rows(Arc::clone(backend)));
    tasks.spawn(memory::leak(Arc::clone(backend)));
    tasks.spawn(memory::press(Arc::clone(backend)));
    // one for each thread of the runtime: a single blocked thread is what the others make up for
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    for _ in 0..threads {
        tasks.spawn(block_runtime(Arc::clone(backend)));
    }
}

/// Runs `work` while the switch is on, from the start whenever it is turned.
pub(super) async fn while_on<F: Future<Output = ()>>(
    mut switch: watch::Receiver<Option<u32>>,
    mut work: impl FnMut(u32) -> F,
) {
    loop {
        let level = match switch.wait_for(Option::is_some).await {
            Ok(level) => level.unwrap_or(1),
            Err(_) => return,
        };
        switch.mark_unchanged();
        tokio::select! {
            () = work(level) => {
                // done for now: what it held is gone; only turning the switch starts it again
                if switch.changed().await.is_err() { return }
            }
            changed = switch.changed() => if changed.is_err() { return },
        }
    }
}

/// The time between two of `level` a minute.
pub(super) fn pause(level: u32) -> Duration {
    Duration::from_secs(60).checked_div(level).unwrap_or(Duration::from_secs(60))
}

/// T10: opens connections by the clock and keeps them until the switch is off.
async fn leak_connections(backend: Arc<Backend>) {
    while_on(backend.faults.follow(Fault::ConnectionLeak), |level| {
        let backend = Arc::clone(&backend);
        async move {
            let mut held: Vec<Held> = Vec::new();
            loop {
                hoard(&backend, &mut held).await;
                tokio::time::sleep(pause(level)).await;
            }
        }
    })
    .await;
}

/// T20: of a thousand orders, some leave a connection behind: it grows with the traffic.
async fn creep(backend: Arc<Backend>) {
    while_on(backend.faults.follow(Fault::ConnectionCreep), |level| {
        let backend = Arc::clone(&backend);
        async move {
            let mut held: Vec<Held> = Vec::new();
            let before = backend.metrics.idempotency_requests.get();
            loop {
                let orders = backend.metrics.idempotency_requests.get().saturating_sub(before);
                let left_behind = orders.saturating_mul(u64::from(level)) / 1_000;
                if (held.len() as u64) < left_behind {
                    hoard(&backend, &mut held).await;
                } else {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    })
    .await;
}

/// One more connection, if it is to be had.
async fn hoard(backend: &Arc<Backend>, held: &mut Vec<Held>) {
    match connect(backend).await {
        Ok(connection) if held.len() < HOARD_MAX => held.push(Held::new(backend, connection)),
        _ => tokio::time::sleep(Duration::from_secs(1)).await,
    }
}

/// A connection that is counted for as long as it is held.
struct Held {
    backend: Arc<Backend>,
    connection: PgConnection,
}

impl Held {
    fn new(backend: &Arc<Backend>, connection: PgConnection) -> Self {
        backend.hoarded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Self { backend: Arc::clone(backend), connection }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.backend.hoarded.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

async fn connect(backend: &Backend) -> Result<PgConnection, sqlx::Error> {
    crate::database::options(&backend.settings.database)?.connect().await
}

/// T6: opens transactions and goes away from them, so that the pooler's servers wait for a word that does not come.
async fn exhaust_pool(backend: Arc<Backend>) {
    let switch = backend.faults.follow(Fault::PoolExhaustion);
    while_on(switch, |level| {
        let backend = Arc::clone(&backend);
        async move {
            let size = backend.pool_size().await.unwrap_or(20);
            let wanted = size.saturating_mul(level).saturating_add(99) / 100;
            let mut held: Vec<Held> = Vec::new();
            while held.len() < wanted as usize {
                let Ok(connection) = connect(&backend).await else {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                };
                let mut one = Held::new(&backend, connection);
                // waits for its turn like everybody else
                if sqlx::raw_sql("BEGIN; SELECT 1").execute(&mut one.connection).await.is_ok() {
                    held.push(one);
                }
            }
            std::future::pending::<()>().await;
        }
    })
    .await;
}

/// T8: holds the lock that all orders wait for, again and again, and does nothing meanwhile.
async fn lead_convoy(backend: Arc<Backend>) {
    while_on(backend.faults.follow(Fault::LockConvoy), |level| {
        let backend = Arc::clone(&backend);
        async move {
            // the origin is checked to be a plain name
            let hold = format!(
                "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('{}', 0)); SELECT pg_sleep({}); COMMIT",
                backend.origin(),
                f64::from(level) / 1_000.0
            );
            loop {
                run(&backend, hold.clone()).await;
                tokio::time::sleep(CONVOY_GAP).await;
            }
        }
    })
    .await;
}

/// T4: reports come in as browsers send them, by the front door.
async fn flood_csp(backend: Arc<Backend>) {
    let switch = backend.faults.follow(Fault::CspFlood);
    let client = crate::client::Client::default();
    while_on(switch, |level| {
        let (client, url) = (client.clone(), format!("http://{}/csp-reports", backend.listening()));
        async move {
            let body = serde_json::json!({ "csp-report": {
                "document-uri": "https://trade.example/", "violated-directive": "script-src-elem",
                "effective-directive": "script-src-elem", "blocked-uri": "https://cdn.example/widget.js",
                "disposition": "enforce", "status-code": 200,
            }})
            .to_string();
            let headers = [("content-type", "application/csp-report")];
            loop {
                // a report that is turned away is turned away
                let _ = client.send("POST", &url, &headers, body.clone()).await;
                tokio::time::sleep(pause(level)).await;
            }
        }
    })
    .await;
}

/// T17: takes all threads of the runtime away at once, for a quarter of the time; the rest of it is in the way of requests.
async fn block_runtime(backend: Arc<Backend>) {
    let switch = backend.faults.follow(Fault::RuntimeBlocked);
    while_on(switch, |level| async move {
        let level = u64::from(level);
        let period = level.saturating_mul(4);
        loop {
            // by the clock, so that no thread is left for what the others hold up
            let into = crate::market::now_ms().checked_rem(period).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(period.saturating_sub(into))).await;
            std::thread::sleep(Duration::from_millis(level));
        }
    })
    .await;
}

/// T19: turns autovacuum off for this instance's partition and changes its rows; off again, the table is cleaned.
async fn churn_rows(backend: Arc<Backend>) {
    let mut switch = backend.faults.follow(Fault::DeadTuples);
    let table = format!("quotes_{}", backend.origin());
    while switch.wait_for(Option::is_some).await.is_ok() {
        // the table's name is made from a checked origin
        let off = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
        run(&backend, off).await;
        loop {
            let now = *switch.borrow_and_update();
            let Some(level) = now else { break };
            // twice a second, as many rows as that; each leaves a dead one behind
            let churn = format!(
                "UPDATE {table} SET updated_at = clock_timestamp() WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} LIMIT {}))",
                level.div_ceil(2)
            );
            run(&backend, churn).await;
            let _ = tokio::time::timeout(Duration::from_millis(500), switch.changed()).await;
        }
        run(&backend, format!("ALTER TABLE {table} RESET (autovacuum_enabled)")).await;
        run(&backend, format!("VACUUM ANALYZE {table}")).await;
    }
}

/// One statement by the simple protocol, which needs no session; a database that is away is tried again by the caller.
async fn run(backend: &Backend, sql: String) {
    if let Ok(mut connection) = backend.watcher.acquire().await {
        let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
    }
}
