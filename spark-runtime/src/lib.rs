//! I/O and time around the pure engine.

pub mod http;
pub mod source;
