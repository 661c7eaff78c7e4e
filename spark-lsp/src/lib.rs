//! The language server: rules in an editor. What it knows comes from [`spark_rules::session`]; here are the protocol, the
//! files and the order of work.
//!
//! One thread reads messages into a queue, one checks whole policies, and one answers: an edit is taken at once and what is
//! wrong with its block is told, the whole policy is checked when the keystrokes pause.

mod actions;
mod answers;
mod cancel;
mod convert;
mod files;
mod handshake;
mod parent;
mod server;
mod transport;
mod worker;

use std::io::{BufRead, Write};

pub use transport::MESSAGE_BYTES_MAX;

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The client said `shutdown` before it left.
    Orderly,
    /// The client left without it, or cannot be written to.
    Abrupt,
}

/// Serves one client until it leaves or its stream ends.
pub fn serve(input: impl BufRead + Send + 'static, output: impl Write) -> Ending {
    server::Server::new(output).run(input)
}
