//! The command line, driven as its users drive it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests fail as tests do, and clippy knows only the tests themselves"
)]

mod backtest;
mod cases;
#[cfg(unix)]
mod checks;
mod checks_table;
mod demo;
mod escapes;
mod evidence;
mod evidence_outside;
mod exchange;
mod explain;
#[cfg(unix)]
mod faults;
mod first_use;
mod hostile_paths;
mod kills;
mod live;
mod lsp;
mod museum;
#[expect(dead_code, reason = "tests of the journal itself use the rest")]
#[path = "../../../spark-runtime/tests/it/postgres_server.rs"]
mod postgres_server;
mod prometheus;
mod readme;
mod reliability;
#[cfg(target_os = "linux")]
mod screen;
mod secrets;
mod testing;
mod tutorial;
#[cfg(unix)]
mod words;
