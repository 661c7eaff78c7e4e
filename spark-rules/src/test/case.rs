//! `test` blocks, checked: names are handles, values are in base units.

use rust_decimal::Decimal;
use spark_core::check::{CheckVerdict, Finding, Judged};
use spark_core::{SignalId, SourceSpan, State, TimeSpan, Track, TriggerId, Verdict};

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// Its title.
    pub title: String,
    /// The series that are given.
    pub given: Vec<Given>,
    /// What the probes of checks find.
    pub found: Vec<Found>,
    /// The stages that it is in; none without `at stage`.
    pub stages: Vec<TestStage>,
    /// What is expected.
    pub expected: Vec<Expected>,
    /// Where it stands.
    pub span: SourceSpan,
}

/// A series of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Which signal.
    pub signal: SignalId,
    /// Of which version.
    pub track: Track,
    /// What it does, one piece after the other from the test's start.
    pub steps: Vec<TestStep>,
    /// Where it stands.
    pub span: SourceSpan,
}

/// What a check's probe finds for one of its measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The check's name.
    pub check: String,
    /// The measure's name.
    pub measure: String,
    /// What is found.
    pub finding: Finding,
    /// Where it stands.
    pub span: SourceSpan,
}

/// How a check may stand in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It passes.
    Pass,
    /// It is known not to pass, and says `warn`.
    Warn,
    /// It is known not to pass, and says `no-go`.
    NoGo,
    /// It is not known how it stands, which counts as not passing.
    Unknown,
}

impl CheckState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Warn, Self::NoGo, Self::Unknown];

    /// The word in rules and in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::NoGo => "no-go",
            Self::Unknown => "unknown",
        }
    }

    /// How a check that was judged stands.
    pub fn of(judged: &Judged) -> Self {
        match judged.verdict {
            _ if judged.is_unknown() => Self::Unknown,
            CheckVerdict::Pass => Self::Pass,
            CheckVerdict::Warn => Self::Warn,
            CheckVerdict::NoGo => Self::NoGo,
        }
    }
}

impl std::fmt::Display for CheckState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A piece of a series. It covers `[start, start + duration)`; without a duration it goes on to the test's end, but one
/// sample alone lasts until the next would come, and a restart takes no time. A step without a value and without a length
/// that another follows is one sample alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStep {
    /// What the values do.
    pub series: Series,
    /// For how long.
    pub duration: Option<TimeSpan>,
    /// The time between samples, of [`Series::Rises`] between two rises; `evaluate every` where it is not said.
    pub every: Option<TimeSpan>,
    /// One sample alone.
    pub once: bool,
    /// Where it stands.
    pub span: SourceSpan,
}

/// What the values of a step do, in the signal's base unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Series {
    /// They stay; with noise, within that far of the value.
    Value {
        /// The value.
        value: Decimal,
        /// How far the noise goes, zero without.
        noise: Decimal,
    },
    /// They go from one value to another in a straight line over the step's duration.
    Ramp {
        /// At the step's start.
        from: Decimal,
        /// At the step's end, where the next step takes over.
        to: Decimal,
    },
    /// They grow from the value before, of the first step from zero, by so much (negative: fall): with every sample, or
    /// where the step says `every`, as often as it says.
    Rises {
        /// By how much.
        by: Decimal,
    },
    /// There are no samples.
    Nothing,
    /// They are not numbers.
    NotANumber,
    /// They are infinite.
    Infinite {
        /// Below all numbers.
        negative: bool,
    },
    /// Everything restarts: Spark is saved and restored, and what rises starts again at zero.
    Restart,
    /// The source fails, with these words.
    Failed(String),
}

/// A stage that a test is in from an instant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestStage {
    /// The plan's place in the policy.
    pub plan: usize,
    /// The stage's place in the plan.
    pub stage: usize,
    /// From when, since the test's start.
    pub from: TimeSpan,
    /// Where it stands.
    pub span: SourceSpan,
}

/// A trigger, or a signal's expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A trigger.
    Trigger(TriggerId),
    /// A signal's expectation.
    Expectation(SignalId),
}

/// When something is expected, since the test's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So at that instant.
    At(TimeSpan),
    /// So at that instant, and not at the one before.
    From(TimeSpan),
}

impl Moment {
    /// The time that it names.
    pub const fn time(self) -> TimeSpan {
        match self {
            Self::At(time) | Self::From(time) => time,
        }
    }
}

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The state of a trigger or an expectation.
    State {
        /// Of which.
        subject: Subject,
        /// Which state.
        state: State,
        /// When.
        at: Moment,
        /// Where it stands.
        span: SourceSpan,
    },
    /// How a check stands.
    Check {
        /// The check's name.
        check: String,
        /// How it stands.
        state: CheckState,
        /// Where it stands in the text.
        span: SourceSpan,
    },
    /// The decision.
    Decision {
        /// Which one.
        verdict: Verdict,
        /// When.
        at: Moment,
        /// What must be among its reasons.
        because: Vec<Subject>,
        /// Where it stands.
        span: SourceSpan,
    },
}

impl Expected {
    /// When. A check is made at no time of a test: its moment is the start.
    pub const fn moment(&self) -> Moment {
        match self {
            Self::State { at, .. } | Self::Decision { at, .. } => *at,
            Self::Check { .. } => Moment::At(TimeSpan::ZERO),
        }
    }

    /// Where it stands.
    pub const fn span(&self) -> SourceSpan {
        match self {
            Self::State { span, .. } | Self::Decision { span, .. } | Self::Check { span, .. } => *span,
        }
    }

    /// What it names: the subject of a state, or the reasons of a decision.
    pub fn subjects(&self) -> &[Subject] {
        match self {
            Self::State { subject, .. } => std::slice::from_ref(subject),
            Self::Decision { because, .. } => because,
            Self::Check { .. } => &[],
        }
    }
}
