//! The pure engine of Spark: samples and instants go in; proceed, hold or rollback comes out, with every reason.
//!
//! Nothing here does I/O, reads a clock or the environment, spawns, or depends on hash order: the same samples
//! and instants give the same bytes out. [`Policy`] says what is decided, [`Engine`] decides.

pub mod check;
pub mod column;
pub mod decimal;
pub mod metrics;
pub mod planted;
pub mod quantity;
pub mod rollout;
pub mod tighten;
pub mod window;

mod apart;
mod condition;
mod decision;
mod engine;
mod policy;
mod signal;
mod time;
mod trigger;

pub use apart::PolicyPart;
pub use condition::{Comparison, Condition, Expression, Operator, Quantile, Relation, Test, WindowFunction};
pub use decision::{Change, Decision, Evidence, Observed, Report, State, Truth, Unknown, Verdict};
pub use engine::{
    Closeness, Conditions, Engine, EngineState, FAILURE_WORDS_MAX, Glance, Measured, RECALLED_MAX,
    Recollection, RecollectionError, RestoreError, Ruling, UnknownTrigger,
};
pub use policy::{Policy, PolicyError, PolicyParts};
pub use quantity::{Currency, Dimension, PerTime, Quantity, QuantityError, Unit};
pub use signal::{Reading, Sample, Signal, SignalId, Source, SourceSpan, Track};
pub use time::{TimeSpan, Timestamp};
pub use trigger::{Level, Plan, Severity, Stage, Trigger, TriggerId};
