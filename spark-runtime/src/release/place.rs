//! Where a rollout's journal is: in its evidence's folder, or in a database that many runners share.

#[cfg(feature = "postgres")]
use std::time::Duration;

use crate::config::{JournalConfig, Lookup, SecretError};
#[cfg(feature = "postgres")]
use crate::journal::postgres::PostgresConfig;
#[cfg(feature = "postgres")]
use secrecy::ExposeSecret as _;

/// Longest that the server may work on a statement, and wait for a lock: with a long lease it need not be longer.
#[cfg(feature = "postgres")]
const STATEMENT_MAX: Duration = Duration::from_secs(3);

/// Where journals are.
#[derive(Debug, Clone)]
pub enum JournalPlace {
    /// In the evidence's folder.
    Folder,
    /// In a database.
    #[cfg(feature = "postgres")]
    Postgres(PostgresConfig),
}

/// Why a configured place cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// There is no address.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// This Spark was built without what it takes.
    #[error("this Spark was built without PostgreSQL: write `journal: file`")]
    NotBuilt,
}

impl JournalPlace {
    /// The place that a configuration names.
    ///
    /// # Errors
    /// Its address cannot be read.
    pub fn configured(journal: &JournalConfig, lookup: Lookup<'_>) -> Result<Self, PlaceError> {
        match journal {
            JournalConfig::File => Ok(Self::Folder),
            #[cfg(feature = "postgres")]
            JournalConfig::Postgres(config) => {
                let url = config.url.read(lookup)?;
                let mut place = PostgresConfig::new(url.expose_secret(), holder());
                place.schema.clone_from(&config.schema);
                place.lease = config.lease.to_std();
                // a commit that takes longer than that would leave nothing of the lease to be renewed
                place.patience = part(place.lease, 2, 3);
                place.statement_timeout = part(place.lease, 1, 5).min(STATEMENT_MAX);
                place.lock_timeout = part(place.statement_timeout, 2, 3);
                Ok(Self::Postgres(place))
            }
            #[cfg(not(feature = "postgres"))]
            JournalConfig::Postgres(_) => {
                let _ = lookup;
                Err(PlaceError::NotBuilt)
            }
        }
    }
}

#[cfg(feature = "postgres")]
fn part(whole: Duration, times: u32, of: u32) -> Duration {
    whole.saturating_mul(times).checked_div(of).unwrap_or(whole)
}

/// What this runner is called, for others to read.
#[cfg(feature = "postgres")]
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    format!("{}:{}", host.as_deref().unwrap_or("runner"), std::process::id())
}
