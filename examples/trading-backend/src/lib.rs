//! A trading backend on real parts: orders with idempotency keys and paper fills, positions, risk checks, an outbox, decimal
//! money, three venues' market data; PostgreSQL behind pgBouncer; and Spark embedded, which freezes trading by rules.
//!
//! It is an example twice: of such a service in Rust, and of what Spark is pointed at. The fault switches break it where
//! a real defect would. See the README beside this crate for how to start it.

pub mod chaos;
pub mod client;
pub mod config;
pub mod database;
pub mod fault;
pub mod feed;
pub mod guard;
pub mod http;
pub mod idempotency;
pub mod instrument;
pub mod load;
pub mod local;
pub mod market;
pub mod migrate;
pub mod money;
pub mod orders;
pub mod outbox;
pub mod positions;
pub mod quotes;
pub mod reconcile;
pub mod release;
pub mod service;
pub mod table;
pub mod telemetry;
pub mod trades;
pub mod venue;

/// A line of the log, to the error output with the time in front.
pub fn log(line: &str) {
    let ms = market::now_ms();
    eprintln!("{}.{:03} {line}", ms / 1_000, ms % 1_000);
}
