//! A TCP proxy that injects faults, with the HTTP interface of Toxiproxy: what drives that, drives this.
//!
//! A *proxy* listens, and carries each connection to its *upstream*. A *toxic* on it spoils one direction of its connections:
//! bytes come late, slowly or in slices, or the connection hangs, ends or is reset. Toxics come and go while
//! connections live.
//!
//! What is done with the bytes at an instant is computed by `shaper`, without I/O; `link` carries it out.

mod api;
mod error;
pub mod limits;
mod link;
mod program;
mod proxies;
mod proxy;
mod shaper;
mod toxic;

pub use self::api::serve;
pub use self::error::Refused;
pub use self::program::{Settings, run};
pub use self::proxies::{Proxies, ProxyChange, ProxyRequest};
pub use self::proxy::ProxyState;
pub use self::toxic::{Direction, Kind, Toxic, ToxicChange, ToxicRequest};
