//! What came of a test.

use std::fmt;

use rust_decimal::Decimal;
use spark_core::check::Judged;
use spark_core::{Quantity, State, TimeSpan, Verdict};

use crate::limits::{TEST_EVALUATIONS_MAX, TEST_SAMPLES_MAX};

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What came of each expectation, in the test's order; none where the test could not be run.
    pub checks: Vec<Check>,
    /// Why it could not be run.
    pub broken: Option<Broken>,
    /// How many instants were decided.
    pub evaluations: u64,
    /// How many samples there were.
    pub samples: u64,
    /// The names of the triggers and expectations that read none of the given signals.
    pub left_out: Vec<String>,
}

impl Outcome {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.broken.is_none() && self.checks.iter().all(|check| check.holds)
    }
}

/// Why a test could not be run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// It expects nothing.
    ExpectsNothing,
    /// It would take that many evaluations.
    TooManyEvaluations(u64),
    /// It would take about that many samples.
    TooManySamples(u64),
    /// The engine's saved state could not be restored, for this reason.
    NotRestored(String),
    /// The policy without what is left out is none.
    NoPolicy,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpectsNothing => {
                f.write_str("it expects nothing: write what must be, as in `expect t hold from 5m`")
            }
            Self::TooManyEvaluations(wanted) => write!(
                f,
                "it takes {wanted} evaluations, and a test has at most {TEST_EVALUATIONS_MAX}: expect something \
                 earlier, or evaluate less often"
            ),
            Self::TooManySamples(wanted) => write!(
                f,
                "it takes {wanted} samples, and a test has at most {TEST_SAMPLES_MAX}: look at its `every`"
            ),
            Self::NotRestored(words) => {
                write!(f, "the engine could not be restored after `restart`: {words}")
            }
            Self::NoPolicy => f.write_str("what is left of the rules for it cannot be run"),
        }
    }
}

/// What came of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whether it is as expected.
    pub holds: bool,
    /// The instant that was read: the one that was named, or the last before it.
    pub at: TimeSpan,
    /// What stood there.
    pub shown: Shown,
    /// What stood at the instant before, where that counts (`from`).
    pub before: Option<Shown>,
    /// What stood around it, where it does not hold.
    pub timeline: Option<Timeline>,
}

/// What stood where something was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A state.
    State(State),
    /// The subject reads none of the given signals.
    LeftOut,
    /// The signal has no `expect`.
    NoExpectation,
    /// A decision and its reasons.
    Decision(Verdict, Vec<String>),
    /// What a check said.
    Judged(Box<Judged>),
}

/// The instants around one at which something is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Whose value, state and margin it shows; none where nothing stands out.
    pub subject: Option<String>,
    /// The instants, in order.
    pub rows: Vec<Row>,
    /// When it was as expected: the first and the last instant of each run, in order. The test is looked at to the end of
    /// its series.
    pub reached: Vec<(TimeSpan, TimeSpan)>,
    /// The last instant that was looked at.
    pub until: TimeSpan,
}

/// An instant of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Since the test's start.
    pub at: TimeSpan,
    /// The subject's state.
    pub state: Option<State>,
    /// The deciding comparison's left side.
    pub value: Option<Quantity>,
    /// The signed distance to the threshold: negative when it is crossed, of an expectation when it is not met.
    pub margin: Option<Quantity>,
    /// The same in percent of the threshold.
    pub margin_percent: Option<Decimal>,
    /// Why it is unknown.
    pub cause: Option<String>,
    /// The decision.
    pub verdict: Verdict,
    /// Its reasons.
    pub because: Vec<String>,
    /// Whether it is the instant that differs.
    pub differs: bool,
}
