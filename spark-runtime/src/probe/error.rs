//! Why a probe gave nothing.

use std::time::Duration;

use crate::http::HttpError;

/// Why a probe gave nothing. All that it would have measured is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// A secret that it needs is not there.
    #[error("{0}")]
    Secret(String),
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// Who was asked did not answer, or refused.
    #[error("{0}")]
    Unanswered(String),
    /// The answer is not what it should be.
    #[error("{0}")]
    Answer(String),
    /// A file cannot be read, or is not what it should be.
    #[error("`{path}`: {why}")]
    File {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
    /// The phase was over before it began: what loads what it asks comes after all others, one after the other.
    #[error("it was not its turn within the {0:?} that all checks of the phase have")]
    NoTurn(Duration),
}

impl From<HttpError> for ProbeError {
    fn from(error: HttpError) -> Self {
        Self::Unanswered(error.to_string())
    }
}
