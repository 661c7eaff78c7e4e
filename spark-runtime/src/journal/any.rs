//! Either journal, for whoever does not care which.

use std::time::Duration;

#[cfg(feature = "postgres")]
use super::postgres::PostgresJournal;
use super::{FileJournal, Head, Journal, JournalError, Leave};

/// A journal, wherever it is.
#[derive(Debug)]
pub enum AnyJournal {
    /// In a file.
    File(Box<FileJournal>),
    /// In a database.
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresJournal>),
}

impl Journal for AnyJournal {
    fn fence(&self) -> u64 {
        match self {
            Self::File(journal) => journal.fence(),
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.fence(),
        }
    }

    fn head(&self) -> &Head {
        match self {
            Self::File(journal) => journal.head(),
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.head(),
        }
    }

    async fn commit(&mut self, records: &[String]) -> Result<Head, JournalError> {
        match self {
            Self::File(journal) => journal.commit(records).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.commit(records).await,
        }
    }

    async fn renew(&mut self) -> Result<(), JournalError> {
        match self {
            Self::File(journal) => journal.renew().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.renew().await,
        }
    }

    fn lease(&self) -> Option<Duration> {
        match self {
            Self::File(journal) => journal.lease(),
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.lease(),
        }
    }

    fn warning(&self) -> Option<&str> {
        match self {
            Self::File(journal) => journal.warning(),
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.warning(),
        }
    }

    async fn close(self, leave: Leave) -> Result<(), JournalError> {
        match self {
            Self::File(journal) => journal.close(leave).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.close(leave).await,
        }
    }
}
