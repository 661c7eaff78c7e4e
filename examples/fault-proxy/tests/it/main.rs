//! The program, driven from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test; clippy knows only the tests themselves"
)]

mod client;
mod limits;
mod server;
