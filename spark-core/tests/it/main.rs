//! The engine through its public interface.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may"
)]

mod checks;
mod names;
mod overrides;
mod policies;
mod properties;

mod recollection;
mod served;
mod tighten;
mod timelines;
mod visits;
mod walks;
