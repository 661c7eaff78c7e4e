//! Feature flags in a table.

use std::collections::BTreeMap;

use super::super::database::{Database, quoted, quoted_table};
use super::super::files::compared;
use super::super::{Measured, Probe, ProbeError};
use crate::config::SecretSource;

/// P7: flags of a table against what they have to be before a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagsTable {
    /// Where the address of the database is.
    pub url: SecretSource,
    /// The table.
    pub table: String,
    /// The column of a flag's name.
    pub name: String,
    /// The column of its value.
    pub value: String,
    /// What each has to be, as text.
    pub expected: BTreeMap<String, String>,
}

impl Probe for FlagsTable {
    async fn measure(&self) -> Result<Measured, ProbeError> {
        let mut database = Database::open(&self.url).await?;
        let rows = database
            .rows(&format!(
                "SELECT {}::text AS name, {}::text AS value FROM {} ORDER BY 1",
                quoted(&self.name),
                quoted(&self.value),
                quoted_table(&self.table)
            ))
            .await?;
        database.close().await;
        let found = rows.iter().map(|row| (row.word("name").to_owned(), row.word("value").to_owned()));
        Ok(compared(&found.collect(), &self.expected))
    }
}
