//! What is asked of a PostgreSQL.

mod amounts;
mod bloat;
mod clock;
mod connections;
mod flags;
mod idempotency;
mod index;
mod migrations;
mod outbox;
mod sequences;

pub use self::amounts::{Amounts, Decimals};
pub use self::bloat::Bloat;
pub use self::clock::Clock;
pub use self::connections::Connections;
pub use self::flags::FlagsTable;
pub use self::idempotency::IdempotencyTable;
pub use self::index::Index;
pub use self::migrations::Migrations;
pub use self::outbox::Outbox;
pub use self::sequences::Sequences;
