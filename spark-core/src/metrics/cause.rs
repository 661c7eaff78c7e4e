//! Why an expression over metrics gives no value, for the reader of a decision.

use crate::time::TimeSpan;

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cause {
    /// The metric was never scraped.
    #[error("no series `{0}` was scraped")]
    NotSeen(String),
    /// The metric is known, but no series of it matches.
    #[error("no series of `{metric}` matches {matchers}")]
    NoMatch { metric: String, matchers: String },
    /// The newest sample is too old to be believed.
    #[error("the newest sample of `{metric}` is {age} old, older than {limit}")]
    Stale { metric: String, age: TimeSpan, limit: TimeSpan },
    /// The samples do not reach over the window.
    #[error("samples of `{metric}` cover {covered}% of the last {over}, and 80% is needed")]
    ShortHistory { metric: String, covered: String, over: TimeSpan },
    /// No series has enough samples in the window for the function.
    #[error("no series of `{metric}` has enough samples in the last {over}")]
    TooFew { metric: String, over: TimeSpan },
    /// A range function stands without a window.
    #[error("`{0}` is read over a window, but the signal has no `over`")]
    NoWindow(String),
    /// A regular expression that is not understood.
    #[error("`{0}` is no regular expression that is understood here")]
    Pattern(String),
    /// More than one series is left.
    #[error("{0} series where one is needed: make it one with sum, avg, max or min")]
    Several(usize),
    /// The operands have no labels in common.
    #[error("the two sides of `{0}` share no series with equal labels")]
    NothingInCommon(&'static str),
    /// An aggregation over a plain number.
    #[error("a plain number is no series to aggregate")]
    PlainNumber,
    /// More nesting than any rule text gives.
    #[error("the expression is nested too deeply")]
    TooDeep,
}
