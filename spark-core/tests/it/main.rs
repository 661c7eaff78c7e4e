//! The engine through its public interface.
#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests may")]

mod overrides;
mod policies;
mod properties;
mod timelines;
