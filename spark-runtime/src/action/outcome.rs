//! How actions and probes end.

use serde::{Deserialize, Serialize};

/// Whether an action did what it should, as far as its caller can know. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionEnd {
    /// It says that it did. Only a probe shows whether that is so.
    Succeeded,
    /// It says that it did not. It may have done a part.
    Failed,
    /// Nobody knows: its deadline passed, or the connection broke off.
    Unknown,
}

impl std::fmt::Display for ActionEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        })
    }
}

/// How an action ended, and what it said. It stands in the journal, so its outputs are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionOutcome {
    /// Whether it did what it should.
    pub end: ActionEnd,
    /// How it ended, in words: `exit status 0`, `no end within 1m`.
    pub status: String,
    /// What was run or asked, as a reader would type it; empty where nothing was.
    pub command: Vec<String>,
    /// The first part of its standard output, or of the answer's body.
    pub stdout: String,
    /// The first part of its standard error.
    pub stderr: String,
    /// Bytes of both outputs that were not kept.
    pub dropped_bytes: u64,
}

impl ActionOutcome {
    /// An outcome without a command and without output.
    pub fn new(end: ActionEnd, status: impl Into<String>) -> Self {
        Self {
            end,
            status: status.into(),
            command: Vec::new(),
            stdout: String::new(),
            stderr: String::new(),
            dropped_bytes: 0,
        }
    }

    /// The outcome of an action that runs in this process.
    pub fn done(status: impl Into<String>) -> Self {
        Self::new(ActionEnd::Succeeded, status)
    }

    /// The outcome of an action that failed.
    pub fn failed(status: impl Into<String>) -> Self {
        Self::new(ActionEnd::Failed, status)
    }

    /// The outcome of an action of which nobody knows what it did.
    pub fn unknown(status: impl Into<String>) -> Self {
        Self::new(ActionEnd::Unknown, status)
    }

    /// Whether it says that it did what it should.
    pub const fn succeeded(&self) -> bool {
        matches!(self.end, ActionEnd::Succeeded)
    }
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The share of traffic that the canary has, in hundredths of a percent; none where it could not be known.
    pub share_bp: Option<u16>,
    /// How it was found, or why it could not be.
    pub words: String,
}

impl Measured {
    /// A share that was measured.
    pub fn share(share_bp: u16, words: impl Into<String>) -> Self {
        Self { share_bp: Some(share_bp), words: words.into() }
    }

    /// The share could not be known.
    pub fn unknown(words: impl Into<String>) -> Self {
        Self { share_bp: None, words: words.into() }
    }
}
