//! The runtime from outside: files, servers and processes as they are in the world.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests fail as tests do, and clippy knows only the tests themselves"
)]

mod actions;
mod backtests;
mod configuration;
mod evidence_day;
mod hostile_addresses;
mod hostile_http;
mod journal;
mod metrics_vs_prometheus;
mod policies;
mod postgres_server;
mod probes;
mod prometheus_real;
mod rollouts;
mod sample_files;
mod scraping;
mod tampering;
