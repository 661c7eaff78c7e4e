//! What is found of the systems around a release when a stage ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is looked at of the systems around a release when a stage ends. Exhaustive on purpose: each has its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dependency {
    /// The database.
    Database,
    /// The pooler before it.
    Pgbouncer,
}

impl Dependency {
    /// Its word in configurations and in names of files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Pgbouncer => "pgbouncer",
        }
    }
}

/// A value that a probe found, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The value as rules write it: `25%`, `true`.
    Value(String),
    /// Why nobody knows.
    Unknown(String),
}

/// What a probe found at a stage's end. It is kept, and moves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Look {
    /// The place of the stage that ended.
    pub stage: u32,
    /// What was looked at.
    pub dependency: Dependency,
    /// The probe, by its name in the configuration.
    pub probe: String,
    /// Its values, by their names in order; none where it did not answer.
    pub values: BTreeMap<String, Seen>,
    /// What else it saw, as JSON; empty where there is nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// Why it did not answer, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<String>,
}
