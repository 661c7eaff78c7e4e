//! Every fault switch moves the metric that its trigger reads, in its instance alone, and goes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trading_backend::load::{LoadSettings, load};

use crate::backend::{Backend, Metrics};

/// How a metric is read.
#[derive(Clone, Copy)]
enum Read {
    /// Its value.
    Value(&'static str),
    /// Its growth per second.
    Growth(&'static str),
    /// The growth of one over that of another.
    Share(&'static str, &'static str),
    /// Seconds since the time that it holds, of BIST.
    Age(&'static str),
}

/// Two looks at an instance.
struct Looks {
    before: Metrics,
    after: Metrics,
    seconds: f64,
}

impl Looks {
    fn growth(&self, name: &str) -> f64 {
        let label = if name == "http_requests_total_5xx" { "status=\"5" } else { "" };
        let name = name.trim_end_matches("_5xx");
        let of = |metrics: &Metrics| {
            let sum = metrics.sum(name, label);
            if sum.is_nan() { 0.0 } else { sum }
        };
        of(&self.after) - of(&self.before)
    }

    fn read(&self, read: Read) -> f64 {
        match read {
            Read::Value(name) => self.after.of(name),
            Read::Growth(name) => self.growth(name) / self.seconds,
            Read::Share(part, whole) => self.growth(part) / self.growth(whole),
            Read::Age(name) => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                now.as_secs_f64() - self.after.sum(name, "bist")
            }
        }
    }
}

/// A switch, how to see it, and what to expect: above `on` while it is on, below `off` before and after.
struct Case(&'static str, u32, Read, f64, f64);

const ORDERS: Read = Read::Share("http_request_duration_seconds_sum", "http_request_duration_seconds_count");
const BURNT: Read = Read::Share("process_cpu_seconds_total", "http_request_duration_seconds_count");
const LAG: Read = Read::Share("runtime_lag_seconds_sum", "runtime_lag_seconds_count");
const PAUSE: Read = Read::Share("gc_pause_seconds_sum", "gc_pause_seconds_count");
const FAILED: Read = Read::Share("http_requests_total_5xx", "http_requests_total");
const CLASHES: Read = Read::Share("idempotency_conflicts_total", "idempotency_requests_total");

/// Those that go on beside the requests and do not hinder each other.
const TOGETHER: [Case; 11] = [
    Case("feed_stopped", 1, Read::Age("market_data_last_message_timestamp_seconds"), 4.0, 3.0),
    Case("csp_flood", 600, Read::Growth("csp_violations_total"), 3.0, 0.5),
    Case("idempotency_clash", 100, CLASHES, 0.05, 0.01),
    Case("memory_leak", 960, Read::Growth("process_resident_memory_bytes"), 8e6, 6e6),
    Case("connection_leak", 120, Read::Growth("db_connections_open"), 1.0, 0.9),
    Case("outbox_stalled", 1, Read::Value("outbox_oldest_unsent_age_seconds"), 3.0, 2.0),
    Case("keys_without_gc", 1, Read::Value("idempotency_keys_overdue"), 60.0, 50.0),
    Case("disconnect_storm", 600, Read::Growth("ws_disconnects_total"), 1.5, 0.4),
    Case("float_money", 1, Read::Growth("money_precision_errors_total"), 2.0, 0.1),
    Case("dead_tuples", 10_000, Read::Value("pg_dead_tuples"), 3_000.0, 1_500.0),
    Case("connection_creep", 200, Read::Growth("db_connections_open"), 1.0, 0.9),
];

/// Those that slow each other down, one by one.
const ALONE: [Case; 9] = [
    Case("slow_queries", 900, ORDERS, 0.5, 0.4),
    Case("server_errors", 30, FAILED, 0.15, 0.02),
    Case("pool_exhaustion", 95, Read::Value("pgbouncer_pool_used_ratio"), 0.9, 0.8),
    Case("risk_and_errors", 40, Read::Growth("risk_blocks_total"), 1.0, 0.1),
    Case("lock_convoy", 2_000, ORDERS, 0.5, 0.4),
    Case("cpu_burn", 120, BURNT, 0.04, 0.03),
    Case("error_risk_waves", 2, Read::Growth("risk_blocks_total"), 0.1, 0.05),
    Case("runtime_blocked", 300, LAG, 0.025, 0.02),
    Case("allocation_pressure", 80, PAUSE, 0.02, 0.015),
];

/// Each of T1 to T20 has its switch; each is seen in the metrics while it is on, and no longer when it is off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_switch_is_seen_and_goes_back() {
    let words = ["--idempotency-ttl", "3", "--guard", "watch", "--memory-limit", "256"];
    let backend = Arc::new(Backend::start(&words));
    let target = backend.at.canary.url.trim_start_matches("http://").parse().unwrap();
    let traffic =
        tokio::spawn(load(LoadSettings { target, rate: 25, seconds: None, clients: None, seed: 3 }));
    every_trigger_has_one(&backend).await;
    // keys reach their steady number first
    tokio::time::sleep(Duration::from_secs(4)).await;
    for cases in [&TOGETHER[..], &ALONE[..]] {
        wait(&backend, cases, "before", |Case(.., off), value| value < *off).await;
    }
    watch(&backend, &TOGETHER).await;
    for case in &ALONE {
        watch(&backend, std::slice::from_ref(case)).await;
    }
    let baseline = backend.metrics(&backend.at.baseline).await;
    for name in
        ["idempotency_conflicts_total", "csp_violations_total", "ws_disconnects_total", "risk_blocks_total"]
    {
        assert_eq!(baseline.of(name), 0.0, "{name}: in the canary alone");
    }
    assert!(baseline.of("outbox_unsent_total") < 1.0 && baseline.of("pgbouncer_pool_used_ratio") < 0.5);
    traffic.abort();
}

async fn every_trigger_has_one(backend: &Backend) {
    let token = format!("Bearer {}", backend.at.admin_token);
    let url = format!("{}/faults", backend.at.canary.admin);
    let shown = backend.client.send("GET", &url, &[("authorization", &token)], "").await.unwrap();
    let shown: Vec<Value> = serde_json::from_str(&shown.body).unwrap();
    let triggers: Vec<&str> = shown.iter().map(|one| one["trigger"].as_str().unwrap()).collect();
    assert_eq!(triggers, (1..=20).map(|n| format!("T{n}")).collect::<Vec<_>>());
    let names: BTreeSet<&str> = shown.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, TOGETHER.iter().chain(&ALONE).map(|case| case.0).collect());
}

/// Turns all of these on, waits until each is seen, turns them off, and waits until none is.
async fn watch(backend: &Backend, cases: &[Case]) {
    for Case(name, level, ..) in cases {
        let reply = backend.turn(name, json!({ "on": true, "level": level })).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
    }
    wait(backend, cases, "on", |Case(_, _, _, on, _), value| value > *on).await;
    for Case(name, ..) in cases {
        assert_eq!(backend.turn(name, json!({ "on": false })).await.status, 200);
    }
    wait(backend, cases, "off", |Case(.., off), value| value < *off).await;
}

/// Looks twice a second until every case is as it should be at some look, at most for half a minute.
async fn wait(backend: &Backend, cases: &[Case], when: &str, is_so: impl Fn(&Case, f64) -> bool) {
    let canary = &backend.at.canary;
    let mut left: Vec<&Case> = cases.iter().collect();
    let from = Instant::now();
    let mut before = (Instant::now(), backend.metrics(canary).await);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = Instant::now();
        let after = backend.metrics(canary).await;
        let looks = Looks { before: before.1, after, seconds: (now - before.0).as_secs_f64() };
        left.retain(|case| !is_so(case, looks.read(case.2)));
        if left.is_empty() {
            println!(
                "{when}: {:?} after {:?}",
                cases.iter().map(|case| case.0).collect::<Vec<_>>(),
                from.elapsed()
            );
            return;
        }
        if from.elapsed() > Duration::from_secs(30) {
            let values: Vec<_> = left.iter().map(|case| (case.0, looks.read(case.2))).collect();
            panic!("{when}, after half a minute: {values:?}");
        }
        before = (now, looks.after);
    }
}
