//! I/O and time around the pure engine.

pub mod action;
pub mod audit;
pub mod config;
pub mod evidence;
pub mod http;
pub mod journal;
pub mod live;
pub mod notify;
pub mod release;
pub mod replay;
pub mod runner;
pub mod source;
