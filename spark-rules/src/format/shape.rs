//! What the tree says about the pieces: which of them make an item, a clause, a unit.

use std::ops::Range;

use spark_core::{PerTime, SourceSpan as Span};

use super::pieces::Pieces;
use crate::ast::{
    CheckClause, Clause, File, Item, PlanClause, SignalClause, TestClause, Trigger, TriggerClause,
};
use crate::parser::Kind;

/// What an item is, as far as its layout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Setting,
    Signal,
    Trigger,
    Plan,
    Check,
    Test,
    /// A trigger without braces: it ends with its line.
    Line,
}

/// An item.
pub(super) struct Shape {
    pub(super) nature: Nature,
    pub(super) pieces: Range<usize>,
    pub(super) titled: bool,
    pub(super) clauses: Vec<ClauseShape>,
}

/// A clause, its word and what stands behind it.
pub(super) struct ClauseShape {
    pub(super) pieces: Range<usize>,
    pub(super) style: Style,
}

/// Where a clause may be broken, and what its signs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Before `then`, `or` and `and`, the loosest first.
    Condition,
    /// Between its parts, all alike.
    List,
    /// As `List`; a `-` in it is always a sign, never a subtraction.
    Series,
    /// Nowhere. The span is that of the unit behind `in`.
    Whole { unit: Option<(u32, u32)> },
}

/// The items of a tree that has no mistake, and the pieces joined as they are to be printed.
pub(super) fn shapes(pieces: &mut Pieces<'_>, tree: &File) -> Vec<Shape> {
    let mut shapes = Vec::with_capacity(tree.items.len());
    let mut next = 0;
    for item in &tree.items {
        let shape = shape(pieces, item, next);
        next = shape.pieces.end;
        for clause in &shape.clauses {
            join(pieces, clause);
        }
        shapes.push(shape);
    }
    shapes
}

fn shape(pieces: &Pieces<'_>, item: &Item, next: usize) -> Shape {
    let first = pieces.word_from(next);
    let (nature, titled, end, clauses) = match item {
        Item::Edition { span, .. } | Item::Evaluate { span, .. } => {
            (Nature::Setting, false, span.end, Vec::new())
        }
        Item::Use { path } => (Nature::Setting, false, path.span.end, Vec::new()),
        Item::Signal(signal) => {
            let clauses = clauses(pieces, &signal.clauses, signal_style);
            (Nature::Signal, signal.title.is_some(), signal.span.end, clauses)
        }
        Item::Trigger(trigger) => {
            let clauses = clauses(pieces, &trigger.clauses, trigger_style);
            (trigger_nature(trigger), trigger.title.is_some(), trigger.span.end, clauses)
        }
        Item::Plan(plan) => {
            (Nature::Plan, plan.title.is_some(), plan.span.end, clauses(pieces, &plan.clauses, plan_style))
        }
        Item::Check(check) => {
            let clauses = clauses(pieces, &check.clauses, check_style);
            (Nature::Check, check.title.is_some(), check.span.end, clauses)
        }
        Item::Test(test) => (Nature::Test, true, test.span.end, clauses(pieces, &test.clauses, test_style)),
    };
    Shape { nature, pieces: first..pieces.from(end), titled, clauses }
}

fn trigger_nature(trigger: &Trigger) -> Nature {
    if trigger.name.is_some() { Nature::Trigger } else { Nature::Line }
}

fn clauses<T>(pieces: &Pieces<'_>, clauses: &[Clause<T>], style: fn(&T) -> Style) -> Vec<ClauseShape> {
    clauses
        .iter()
        .map(|clause| ClauseShape {
            pieces: pieces.from(clause.word.start)..pieces.from(clause.span.end),
            style: style(&clause.kind),
        })
        .collect()
}

const WHOLE: Style = Style::Whole { unit: None };

fn signal_style(clause: &SignalClause) -> Style {
    match clause {
        SignalClause::From { unit: Some(unit), .. } => {
            let Span { start, end, .. } = unit.span;
            Style::Whole { unit: Some((start, end)) }
        }
        _ => WHOLE,
    }
}

fn trigger_style(clause: &TriggerClause) -> Style {
    match clause {
        TriggerClause::Level(..) | TriggerClause::Clear(_) | TriggerClause::Given(_) => Style::Condition,
        TriggerClause::Unless(_) => Style::List,
        TriggerClause::Unknown(_) | TriggerClause::Runbook(_) | TriggerClause::Owner(_) => WHOLE,
    }
}

fn plan_style(clause: &PlanClause) -> Style {
    match clause {
        PlanClause::Stage { .. } | PlanClause::Warmup(_) | PlanClause::Watch(_) => WHOLE,
        PlanClause::Proceed(_) => Style::Condition,
    }
}

fn check_style(clause: &CheckClause) -> Style {
    match clause {
        CheckClause::Pass(_) => Style::Condition,
        CheckClause::Measure { unit: Some(unit), .. } => {
            let Span { start, end, .. } = unit.span;
            Style::Whole { unit: Some((start, end)) }
        }
        // the `-` of `no-go` sticks to both
        CheckClause::Else(word) => Style::Whole { unit: Some((word.span.start, word.span.end)) },
        _ => WHOLE,
    }
}

fn test_style(clause: &TestClause) -> Style {
    match clause {
        TestClause::Given { .. } | TestClause::AtStage { .. } => Style::Series,
        TestClause::GivenMeasure { check, measure, .. } => {
            Style::Whole { unit: Some((check.span.start, measure.span.end)) }
        }
        TestClause::ExpectCheck { state, .. } => {
            Style::Whole { unit: Some((state.span.start, state.span.end)) }
        }
        TestClause::ExpectState { .. } | TestClause::ExpectDecision { .. } => Style::List,
    }
}

/// Words that a `(` does not make a function of, and behind which a `-` is a sign.
const OPENING: &[&str] = &["and", "or", "not", "then", "between", "when", "given", "expect", "metrics", "by"];

/// Marks the pieces of a clause that stand right behind the one before.
fn join(pieces: &mut Pieces<'_>, clause: &ClauseShape) {
    let unit = match clause.style {
        Style::Whole { unit: Some((start, end)) } => pieces.from(start)..pieces.from(end),
        _ => 0..0,
    };
    let mut joining = Joining { labels: 0, sign: false, per: false };
    let mut before: Option<usize> = None;
    for place in clause.pieces.clone() {
        if pieces.is_comment(place) {
            continue;
        }
        let inside = unit.contains(&place) && place != unit.start;
        if before.is_some_and(|before| inside || joining.joined(pieces, before, place)) {
            pieces.glue(place);
        }
        joining.pass(pieces, clause.style, before, place);
        before = Some(place);
    }
}

/// What is known on the way through a clause.
struct Joining {
    /// How many braces of selectors are open.
    labels: usize,
    /// The word before is a sign of the number behind it.
    sign: bool,
    /// The words before are money and `/`, behind which its time stands.
    per: bool,
}

impl Joining {
    fn joined(&self, pieces: &Pieces<'_>, before: usize, place: usize) -> bool {
        let is = |text: &str| pieces.is(place, text);
        let after = |text: &str| pieces.is(before, text);
        let matcher = |place: usize| ["=", "!=", "=~", "!~"].iter().any(|sign| pieces.is(place, sign));
        if self.labels > 0 && (matcher(place) || matcher(before)) {
            return true;
        }
        if self.sign {
            // two of them would be read as one
            return !is("-");
        }
        if is("(") {
            return after("(") || pieces.is_kind(before, Kind::Word) && !opens(pieces, before);
        }
        self.per
            || is_per(pieces, place)
            || [")", "{", "}", ",", "]"].iter().any(|sign| is(sign))
            || after("(")
            || after("{")
    }

    fn pass(&mut self, pieces: &Pieces<'_>, style: Style, before: Option<usize>, place: usize) {
        if pieces.is(place, "{") {
            self.labels = self.labels.saturating_add(1);
        } else if pieces.is(place, "}") {
            self.labels = self.labels.saturating_sub(1);
        }
        self.per = is_per(pieces, place);
        let signs = pieces.is(place, "-") || pieces.is(place, "+");
        self.sign = signs && (style == Style::Series || before.is_none_or(|before| opens(pieces, before)));
    }
}

/// Whether a value is still to come behind a piece.
fn opens(pieces: &Pieces<'_>, place: usize) -> bool {
    if pieces.is_kind(place, Kind::Symbol) {
        return ![")", "}", "%", "]"].iter().any(|sign| pieces.is(place, sign));
    }
    // `3 x (baseline + 10ms)`; a signal may be called `x`
    let times = pieces.is(place, "x")
        && word_before(pieces, place).is_some_and(|at| pieces.is_kind(at, Kind::Number));
    times || OPENING.iter().any(|word| pieces.is(place, word))
}

fn word_before(pieces: &Pieces<'_>, place: usize) -> Option<usize> {
    (0..place).rev().find(|place| !pieces.is_comment(*place))
}

/// Whether a `/` belongs to money per time, as in `0.10 USDT/min`: its time sticks to it, else it divides by a signal.
fn is_per(pieces: &Pieces<'_>, place: usize) -> bool {
    if !pieces.is(place, "/") {
        return false;
    }
    let Some(currency) = word_before(pieces, place) else { return false };
    let Some(number) = word_before(pieces, currency) else { return false };
    let next = place.saturating_add(1);
    let plain = pieces.text(number).bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'));
    let sticks = pieces.get(place).zip(pieces.get(next)).is_some_and(|(sign, next)| sign.end == next.start);
    pieces.is_kind(number, Kind::Number)
        && plain
        && pieces.is_kind(currency, Kind::Word)
        && spark_core::Currency::new(pieces.text(currency)).is_some()
        && sticks
        && PerTime::parse(pieces.text(next)).is_some()
}
