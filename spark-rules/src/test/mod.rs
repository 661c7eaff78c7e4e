//! `test` blocks: checked ([`TestCase`]), run against a policy ([`run`], many by a [`Runner`]), and what they leave unseen
//! ([`coverage`]).
//!
//! A test runs at every multiple of `evaluate every` from 0 to the last instant at which something is expected. An
//! expectation at a time between two instants reads the earlier one: that is what stood on the screen at that time.
//!
//! ```
//! let text = r#"
//! edition 2026
//! evaluate every 15s
//! signal p95 { is duration  from push }
//! trigger slow { rollback when p95 > 400ms for 5m }
//! test "a slow canary is rolled back" {
//!   given  p95 200ms for 10m, then 450ms for 10m
//!   expect slow rollback from 15m
//!   expect slow rollback from 14m
//! }
//! "#;
//! let loaded = spark_rules::load("slow.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
//! let outcome = spark_rules::test::run(&loaded.policy, &loaded.tests[0]);
//! assert!(outcome.checks[0].holds && !outcome.checks[1].holds);
//! let shown = spark_rules::test::failure_text(&loaded, &loaded.tests[0], &outcome);
//! assert!(shown.contains("rollback was reached at 15m"), "{shown}");
//! ```

pub mod coverage;

mod case;
pub(crate) mod kept;
mod outcome;
#[cfg(test)]
mod restarts;
pub(crate) mod run;
mod runner;
mod series;
mod text;
mod timeline;
mod walk;

pub use case::{CheckState, Expected, Found, Given, Moment, Series, Subject, TestCase, TestStage, TestStep};
pub use outcome::{Broken, Check, Outcome, Row, Shown, Timeline};
pub use run::run;
pub use runner::Runner;
pub use series::{Event, Events};
pub use text::{failure_text, found_text};
