//! How the program ends: the exit codes of the contract, and failures in words.

use std::fmt;

use spark_core::Verdict;
use spark_runtime::causes::in_one_line;

/// An exit code of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Proceed; all is well.
    Done = 0,
    /// It could not run: a source, a file, an internal error.
    CouldNotRun = 1,
    /// Bad arguments.
    BadArguments = 2,
    /// Hold.
    Hold = 10,
    /// Rollback.
    Rollback = 11,
    /// The rules have errors.
    BadRules = 12,
    /// Evidence does not verify.
    BadEvidence = 13,
    /// Tests or checks failed, or a file is not in its layout.
    NotGood = 14,
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Proceed => Self::Done,
            Verdict::Hold => Self::Hold,
            Verdict::Rollback => Self::Rollback,
        }
    }
}

/// Why a command ended without doing its job.
#[derive(Debug)]
pub(crate) struct Failure {
    /// With which code.
    pub(crate) exit: Exit,
    /// In words; nothing more is said where this is empty.
    pub(crate) words: String,
}

impl Failure {
    /// It could not run.
    pub(crate) fn could_not_run(words: impl Into<String>) -> Self {
        Self { exit: Exit::CouldNotRun, words: words.into() }
    }

    /// The arguments ask for what cannot be.
    pub(crate) fn bad_arguments(words: impl Into<String>) -> Self {
        Self { exit: Exit::BadArguments, words: words.into() }
    }

    /// An error with what is behind it, in one line.
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        Self::could_not_run(in_one_line(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}
