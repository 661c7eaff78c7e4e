//! The venues' feed: three WebSockets with generated books and trades, and the place where events are published to.
//!
//! The same seed gives the same prices. The exchanges' REST snapshots are served beside the streams, and `/events` takes
//! what the outbox sends and counts what it has seen before.

mod events;
mod generator;
mod server;

pub use self::events::Delivered;
pub use self::generator::{Generator, Seed};
pub use self::server::{FeedSettings, serve};
