//! What the service says of itself: metrics in Prometheus' text format 0.0.4, and what keeps them current.

mod database;
mod metrics;
mod process;
mod runtime;

pub use self::database::sample_database;
pub use self::metrics::Metrics;
pub use self::process::ProcessMeter;
pub use self::runtime::measure_lag;
