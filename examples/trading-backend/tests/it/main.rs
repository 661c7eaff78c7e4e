//! The trading backend on its real parts: each test starts all of them in a folder of its own, and leaves nothing behind.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "what fails here fails the test; clippy knows only the tests themselves"
)]

mod backend;
mod browsers;
mod bursts;
mod chaos;
mod checks;
mod contracts;
mod faults;
mod freezing;
mod hostile;
mod losses;
mod orders;
mod releasing;
mod starting;
mod table;
