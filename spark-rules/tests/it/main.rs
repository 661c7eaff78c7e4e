//! What `spark-rules` holds to its users: files of cases, shapes, limits, and properties of any text.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may"
)]

mod buckets;
mod cases;
mod chance;
mod cursor;
mod explain;
mod export;
mod format;
mod import;
mod limits;
mod lints;
mod load;
mod looked;
mod manual;
mod mistakes;
mod pages;
mod promtool;
mod properties;
mod random;
mod scaling;
mod session;
mod testing;
mod tighten;
