//! The way to PostgreSQL through pgBouncer.
//!
//! In transaction pooling, two statements outside of a transaction may meet two servers, and what was prepared on one is
//! unknown to the other. So every statement of this service stands in a transaction, and none is prepared by name.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// How long a request waits for a connection: longer than a pause of the pooler's restart, shorter than a client's patience.
const ACQUIRE: Duration = Duration::from_secs(2);

/// A connection that nobody used for so long is closed: a burst must not hold the pool full for good.
const IDLE: Duration = Duration::from_secs(10);

/// How to reach a database through a pooler that keeps no session.
///
/// # Errors
/// An address that cannot be read.
pub fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    // named statements and startup parameters belong to a session
    Ok(PgConnectOptions::from_str(url)?.statement_cache_capacity(0).extra_float_digits(None))
}

/// A pool that connects when it is first asked: the service starts, and says that it is not ready, while the database is away.
///
/// # Errors
/// An address that cannot be read.
pub fn pool(url: &str, connections: u32) -> Result<PgPool, sqlx::Error> {
    Ok(PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(IDLE)
        .connect_lazy_with(options(url)?))
}

/// Whether a failure is the connection's, so that the same may succeed later.
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Protocol(_) => true,
        // 08: connection, 40: serialization and deadlock, 53: resources, 57: operator's intervention
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))),
        _ => false,
    }
}
