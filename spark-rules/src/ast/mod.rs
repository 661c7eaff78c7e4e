//! The tree of a rule file as it was written: every clause in its order, with its span. Comments stand beside it.
//!
//! Nothing here is checked: names may be unknown and units wrong. The formatter and the linter read this tree; the
//! policy is made from it by `check`.

mod walk;

use spark_core::metrics::MetricsNode;
use spark_core::{Operator, Quantity, Relation, Severity, SourceSpan as Span, TimeSpan};

/// A file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) number: u32,
    pub(crate) items: Vec<Item>,
    /// Spans of comments, in order. Read by the formatter, and for what they allow.
    pub(crate) comments: Vec<Span>,
    /// Names of blocks that could not be read: they may be used, and are not told as unknown.
    pub(crate) doubtful: Vec<String>,
    /// Whether a file that it includes is not known, so that no name can be told as unknown.
    pub(crate) blind: bool,
}

/// A block or a setting.
#[derive(Debug)]
pub(crate) enum Item {
    Edition { year: String, span: Span },
    Evaluate { every: Length, span: Span },
    Use { path: Text },
    Signal(Signal),
    Trigger(Trigger),
    Plan(Plan),
    Check(Check),
    Test(Test),
}

/// A name as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// Text in quotes, its escapes resolved; the span has the quotes.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
}

/// A length of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) value: TimeSpan,
    pub(crate) span: Span,
}

/// A value with its unit; how it was written is the text of its span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Literal {
    pub(crate) value: Quantity,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) name: Name,
    pub(crate) title: Option<Text>,
    pub(crate) clauses: Vec<Clause<SignalClause>>,
    pub(crate) span: Span,
    /// A clause could not be read, so that a missing one says nothing.
    pub(crate) broken: bool,
}

/// A clause and where it stands.
#[derive(Debug)]
pub(crate) struct Clause<T> {
    pub(crate) kind: T,
    pub(crate) span: Span,
    /// The reserved word that opens it.
    pub(crate) word: Span,
}

#[derive(Debug)]
pub(crate) enum SignalClause {
    Is(Name),
    From {
        source: Source,
        unit: Option<SourceUnit>,
    },
    StaleAfter(Length),
    /// The comparison's left side is the signal.
    Expect(Compare),
}

#[derive(Debug)]
pub(crate) enum Source {
    Metrics(Metrics),
    Prometheus(Text),
    Sql(Text),
    Push,
}

/// A `from metrics` expression.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) root: MetricsNode,
    pub(crate) over: Option<Length>,
    pub(crate) span: Span,
    /// The functions in it that need a window.
    pub(crate) ranged: Vec<Name>,
    /// The regular expressions in it.
    pub(crate) patterns: Vec<Text>,
}

/// The unit after `in`, as it was written.
#[derive(Debug)]
pub(crate) struct SourceUnit {
    /// The unit without its `/time`; empty for `1/s`.
    pub(crate) unit: String,
    /// The word after the slash.
    pub(crate) per: Option<String>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Trigger {
    /// None of a one-line trigger.
    pub(crate) name: Option<Name>,
    pub(crate) title: Option<Text>,
    pub(crate) clauses: Vec<Clause<TriggerClause>>,
    pub(crate) span: Span,
    pub(crate) broken: bool,
}

#[derive(Debug)]
pub(crate) enum TriggerClause {
    Level(Severity, Condition),
    Clear(Condition),
    Given(Condition),
    Unless(Vec<Name>),
    /// `unknown hold`, and after how long rollback.
    Unknown(Option<Length>),
    Runbook(Text),
    Owner(Text),
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: Name,
    pub(crate) title: Option<Text>,
    pub(crate) clauses: Vec<Clause<PlanClause>>,
    pub(crate) span: Span,
    pub(crate) broken: bool,
}

#[derive(Debug)]
pub(crate) enum PlanClause {
    Stage {
        share: Literal,
        duration: Length,
        /// Where it says `needs approval`.
        approval: Option<Span>,
    },
    /// How long nothing serves after each step.
    Warmup(Length),
    /// How long the release is watched after its last stage.
    Watch(Length),
    Proceed(Condition),
}

#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: Name,
    pub(crate) title: Option<Text>,
    pub(crate) clauses: Vec<Clause<CheckClause>>,
    pub(crate) span: Span,
    pub(crate) broken: bool,
}

#[derive(Debug)]
pub(crate) enum CheckClause {
    /// `in preflight`
    In(Name),
    Probe(Name),
    /// `measure saturation is ratio`
    Measure {
        name: Name,
        kind: Name,
        unit: Option<SourceUnit>,
    },
    Pass(Condition),
    /// `else no-go`
    Else(Name),
    Within(Length),
    Evidence(Text),
    Owner(Text),
    Runbook(Text),
}

#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) title: Text,
    pub(crate) clauses: Vec<Clause<TestClause>>,
    pub(crate) span: Span,
    /// A clause of it could not be read.
    pub(crate) broken: bool,
}

#[derive(Debug)]
pub(crate) enum TestClause {
    Given {
        signal: Name,
        baseline: bool,
        steps: Vec<Step>,
        /// Whether it was read to its end; `on baseline` may stand in what was not.
        whole: bool,
    },
    /// `given pool_saturation.waiting 0`
    GivenMeasure {
        check: Name,
        measure: Name,
        found: Found,
    },
    /// `at stage 25% of canary from 15m`
    AtStage {
        share: Literal,
        plan: Option<Name>,
        from: Option<Length>,
    },
    ExpectState {
        name: Name,
        state: Name,
        at: Moment,
    },
    /// `expect check pool_saturation no-go`
    ExpectCheck {
        name: Name,
        state: Name,
    },
    ExpectDecision {
        decision: Name,
        at: Moment,
        because: Vec<Name>,
    },
}

/// What a probe found in a test.
#[derive(Debug)]
pub(crate) enum Found {
    Value(Literal),
    Flag(bool, Span),
    /// `nothing`, or `error "timeout"`.
    Nothing(Option<Text>),
}

/// `at 15m` or `from 15m`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) time: Length,
    /// `from`: so at that instant and not at the one before.
    pub(crate) first: bool,
}

/// A piece of a series.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    pub(crate) length: Option<Length>,
    /// The time between its samples, where it is said.
    pub(crate) every: Option<Length>,
    /// One sample.
    pub(crate) once: bool,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum StepKind {
    Value {
        value: Literal,
        noise: Option<Literal>,
    },
    /// `from 1 to 2 over 5m`; the length is the step's.
    Ramp {
        from: Literal,
        to: Literal,
    },
    /// `rises 100 every 15s`; `every` is how often it does, which need not be how often it is sampled.
    Rises {
        by: Literal,
        down: bool,
    },
    Nothing,
    NotANumber,
    Infinite {
        negative: bool,
    },
    Restart,
    Error(Option<Text>),
}

/// A condition.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) kind: ConditionKind,
    pub(crate) span: Span,
    /// The height of its tree.
    pub(crate) height: u16,
}

#[derive(Debug)]
pub(crate) enum ConditionKind {
    Compare(Box<Compare>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Held(Box<Condition>, Length),
    Sequence(Box<Condition>, Box<Condition>, Length),
    /// In parentheses.
    Group(Box<Condition>),
    /// `every signal meets its expectation`
    EveryExpectation,
    /// A value where a condition was meant.
    Bare(Box<Expression>),
}

/// A comparison. In `expect`, the left side is left out.
#[derive(Debug)]
pub(crate) struct Compare {
    pub(crate) left: Option<Expression>,
    pub(crate) test: Against,
    pub(crate) span: Span,
}

/// What the left side is compared with.
#[derive(Debug)]
pub(crate) enum Against {
    Is(Relation, Expression),
    Between(Expression, Expression),
}

#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) kind: ExpressionKind,
    pub(crate) span: Span,
    pub(crate) height: u16,
}

/// A function of a window. Boxed in the tree, as is all that is large: the parser's frames hold many of them.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: Name,
    pub(crate) of: Vec<Name>,
    pub(crate) over: Length,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    Name(String),
    Literal(Quantity),
    /// `avg(p95 over 5m)`
    Call(Box<Call>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `3x baseline`
    Times(Box<(Literal, Expression)>),
    Negate(Box<Expression>),
    Group(Box<Expression>),
    Baseline,
    PreviousStage,
    /// Something that could not be read and was told.
    Wrong,
}
