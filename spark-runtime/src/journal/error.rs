//! Why a journal cannot be opened, read or written, in kinds that a runner acts on.

use std::fmt;
use std::io;

use super::Head;

/// Who has a journal open, as far as can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A process of this machine.
    Process(u32),
    /// A runner, by the name it gave itself.
    Runner(String),
    /// Nobody says.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(id) => write!(f, "process {id}"),
            Self::Runner(name) => write!(f, "`{name}`"),
            Self::Unknown => f.write_str("another process"),
        }
    }
}

/// Why a journal cannot be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It cannot be written any more: what the last commit left is not known, so every later one is refused. Hold;
    /// a rollback may still be carried out, unrecorded. Opening the journal again tells what it holds.
    #[error("the journal cannot be written any more: cannot {doing}: {why}")]
    Broken {
        /// What was tried: `sync it to the disk`.
        doing: &'static str,
        /// What the system answered.
        why: String,
    },
    /// Another runner has the rollout, or may have it: this one must stop at once and touch nothing.
    #[error("the rollout is no longer this runner's: its fence is {ours}, the rollout's is {theirs} ({why})")]
    Fenced {
        /// The fence under which this journal was opened.
        ours: u64,
        /// The fence that the rollout has now; ours again where only the lease ended.
        theirs: u64,
        /// How that came: `its lease ended`, `held by …`.
        why: String,
    },
    /// What was acknowledged is not there as it was written. Halt: nothing may be decided on it.
    #[error("the journal is damaged at line {line}: {why}")]
    Damaged {
        /// The first bad line, from 1.
        line: u64,
        /// What is wrong with it, and how it is known to be no torn end.
        why: String,
    },
    /// The journal is older than a head that was seen before: the whole of it was set back.
    #[error("the journal was set back: it ends at line {}, and line {} was acknowledged", .found.seq, .expected.seq)]
    SetBack {
        /// The head that is known from elsewhere.
        expected: Head,
        /// Where it ends.
        found: Head,
    },
    /// Somebody else writes it now.
    #[error("the journal is held by {holder}: one runner writes a rollout{}", until_text(.until.as_deref()))]
    Held {
        /// Who.
        holder: Holder,
        /// Until when, by the database's clock, where there is a lease.
        until: Option<String>,
    },
    /// There is no such journal.
    #[error("there is no journal of `{0}`")]
    Missing(String),
    /// It was written by a Spark whose format is not known here.
    #[error(
        "line {line} of the journal is of version {found}, and this Spark reads version {}",
        super::VERSION
    )]
    Version {
        /// Which line, from 1.
        line: u64,
        /// Its version.
        found: u64,
    },
    /// A limit was reached.
    #[error("the journal takes no more than {most} {what}, and this would be {found}")]
    TooMuch {
        /// Of what: `bytes in a line`.
        what: &'static str,
        /// How much there would be.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// What was to be committed is not one line of JSON.
    #[error("record {place} of a commit is no line of JSON: {why}")]
    NoRecord {
        /// Its place in the commit, from 1.
        place: usize,
        /// Why.
        why: String,
    },
    /// It cannot be opened or read.
    #[error("cannot {doing} the journal: {why}")]
    Unreadable {
        /// What was tried: `open`, `read`, `lock`.
        doing: &'static str,
        /// What the system answered.
        why: String,
    },
}

fn until_text(until: Option<&str>) -> String {
    until.map(|instant| format!(" (its lease ends at {instant})")).unwrap_or_default()
}

impl JournalError {
    /// That something failed after which the content is not known.
    pub(super) fn broken(doing: &'static str, error: &io::Error) -> Self {
        Self::Broken { doing, why: error.to_string() }
    }

    /// That something failed before anything was changed.
    pub(super) fn unreadable(doing: &'static str, error: &io::Error) -> Self {
        Self::Unreadable { doing, why: error.to_string() }
    }

    /// Whether what was acknowledged is known to be lost or changed.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::SetBack { .. })
    }

    /// Whether the journal is some other runner's.
    pub const fn is_fenced(&self) -> bool {
        matches!(self, Self::Fenced { .. } | Self::Held { .. })
    }
}
