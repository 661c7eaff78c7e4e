//! Probes: what is measured of the systems around a release, before it begins.
//!
//! A probe measures and judges nothing: it gives values with their units, unknowns with their causes, and what it saw for the
//! evidence. What passes is for `check` blocks to say. A probe that cannot answer within its time gives an error, and every
//! value of it is unknown.

mod conceal;
mod database;
mod deadline;
mod error;
mod files;
mod kind;
mod ntp;
mod pgbouncer;
mod phase;
mod postgres;
mod process;
mod prometheus;
mod restore;
mod sign_off;
mod stage;
mod value;
mod web;

pub use self::deadline::{Probed, WITHIN_MAX, probe};
pub use self::error::ProbeError;
pub use self::files::{FlagsFile, Identity, Provenance, Sbom};
pub use self::kind::ProbeKind;
pub use self::ntp::Ntp;
pub use self::pgbouncer::Pgbouncer;
pub use self::phase::{CheckReport, PhaseReport, check};
pub use self::postgres::{
    Amounts, Bloat, Clock, Connections, Decimals, FlagsTable, IdempotencyTable, Index, Migrations, Outbox,
    Sequences,
};
pub use self::process::Program;
pub use self::prometheus::{Alert, Baseline, Targets};
pub use self::restore::Restore;
pub use self::sign_off::{SignOff, SignOffLine, keep, signed_before};
pub use self::stage::StageProbes;
pub use self::value::{Measured, Value};
pub use self::web::{Burst, Flood, Headers, Health, HttpCase, HttpCases, Web};

/// Something that can be measured.
pub trait Probe {
    /// Measures. Whoever drops the future ends the measurement, with all that it started.
    ///
    /// # Errors
    /// It cannot be measured at all; then every value is unknown.
    fn measure(&self) -> impl Future<Output = Result<Measured, ProbeError>> + Send;
}
