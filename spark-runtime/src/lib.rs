//! I/O and time around the pure engine.

pub mod action;
pub mod audit;
pub mod causes;
#[cfg(feature = "http")]
pub mod config;
#[cfg(feature = "http")]
pub mod control;
#[cfg(feature = "http")]
pub mod evidence;
pub mod harmless;
#[cfg(feature = "http")]
pub mod http;
pub mod journal;
#[cfg(feature = "http")]
pub mod live;
#[cfg(feature = "http")]
pub mod notify;
#[cfg(all(feature = "http", feature = "postgres"))]
pub mod probe;
#[cfg(feature = "http")]
pub mod release;
#[cfg(feature = "http")]
pub mod replay;
pub mod runner;
#[cfg(feature = "http")]
pub mod source;
