//! Ways over a condition: through all of its parts, and to one like it.

use super::{Comparison, Condition, Expression, Test};
use crate::signal::SignalId;

impl Condition {
    /// Calls `visit` for every comparison in it, from left to right.
    pub fn comparisons<'a>(&'a self, visit: &mut impl FnMut(&'a Comparison)) {
        match self {
            Self::Compare(comparison) => visit(comparison),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.comparisons(visit);
                }
            }
            Self::Not(inner) | Self::Held { condition: inner, .. } => inner.comparisons(visit),
            Self::Sequence { first, then, .. } => {
                first.comparisons(visit);
                then.comparisons(visit);
            }
            Self::EveryExpectation => {}
        }
    }

    /// The same condition with each of its comparisons replaced.
    pub(crate) fn mapped(&self, comparison: &impl Fn(&Comparison) -> Comparison) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.mapped(comparison)).collect();
        let boxed = |part: &Self| Box::new(part.mapped(comparison));
        match self {
            Self::Compare(compared) => Self::Compare(Box::new(comparison(compared))),
            Self::All(parts) => Self::All(all(parts)),
            Self::Any(parts) => Self::Any(all(parts)),
            Self::Not(inner) => Self::Not(boxed(inner)),
            Self::Held { condition, duration } => {
                Self::Held { condition: boxed(condition), duration: *duration }
            }
            Self::Sequence { first, then, within } => {
                Self::Sequence { first: boxed(first), then: boxed(then), within: *within }
            }
            Self::EveryExpectation => Self::EveryExpectation,
        }
    }

    /// Calls `visit` for this condition and every one inside of it.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.visit(visit);
        }
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let (list, first, second): (&[Self], Option<&Self>, Option<&Self>) = match self {
            Self::Compare(_) | Self::EveryExpectation => (&[], None, None),
            Self::All(parts) | Self::Any(parts) => (parts, None, None),
            Self::Not(inner) | Self::Held { condition: inner, .. } => (&[], Some(inner), None),
            Self::Sequence { first, then, .. } => (&[], Some(first), Some(then)),
        };
        list.iter().chain(first).chain(second)
    }

    pub(crate) fn deeper_than(&self, depth: usize) -> bool {
        let Some(left) = depth.checked_sub(1) else { return true };
        let expressions = match self {
            Self::Compare(comparison) => comparison.expressions().iter().any(|e| e.deeper_than(left)),
            _ => false,
        };
        expressions || self.children().any(|child| child.deeper_than(left))
    }

    pub(crate) fn held_under_not(&self, under_not: bool) -> bool {
        match self {
            Self::Held { .. } if under_not => true,
            Self::Not(inner) => inner.held_under_not(true),
            _ => self.children().any(|child| child.held_under_not(under_not)),
        }
    }

    pub(crate) fn asks_every_expectation(&self) -> bool {
        matches!(self, Self::EveryExpectation) || self.children().any(|child| child.asks_every_expectation())
    }
}

impl Comparison {
    /// All its expressions: the left side, then what it is compared with.
    pub fn expressions(&self) -> Vec<&Expression> {
        match &self.test {
            Test::Is(_, right) => vec![&self.left, right],
            Test::Between(low, high) => vec![&self.left, low, high],
        }
    }

    /// The same, one by one.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Expression> {
        let (first, second) = match &self.test {
            Test::Is(_, right) => (right, None),
            Test::Between(low, high) => (low, Some(high)),
        };
        [&self.left, first].into_iter().chain(second)
    }

    /// Whether it holds a signal's newest sample against literals alone.
    pub(crate) fn is_plain(&self) -> bool {
        let plain = |side: &Expression| matches!(side, Expression::Signal(_) | Expression::Literal(_));
        plain(&self.left)
            && match &self.test {
                Test::Is(_, right) => plain(right),
                Test::Between(low, high) => plain(low) && plain(high),
            }
    }

    /// The same over the same signals by other handles.
    pub(crate) fn renamed(&self, signal: &impl Fn(SignalId) -> SignalId) -> Self {
        Self {
            left: self.left.renamed(signal),
            test: match &self.test {
                Test::Is(relation, right) => Test::Is(*relation, right.renamed(signal)),
                Test::Between(low, high) => Test::Between(low.renamed(signal), high.renamed(signal)),
            },
            ..self.clone()
        }
    }

    /// Calls `visit` for every signal that it reads.
    pub fn signals(&self, visit: &mut impl FnMut(SignalId)) {
        for expression in self.sides() {
            expression.signals(visit);
        }
    }

    /// Whether `leaf` (a reference, say) stands anywhere in it.
    pub fn reads(&self, leaf: &Expression) -> bool {
        self.sides().any(|expression| expression.mentions(leaf))
    }
}

impl Expression {
    /// Calls `visit` for every signal in it.
    pub fn signals(&self, visit: &mut impl FnMut(SignalId)) {
        match self {
            Self::Signal(id) | Self::Window { signal: id, .. } => visit(*id),
            Self::Correlation { a, b, .. } => {
                visit(*a);
                visit(*b);
            }
            Self::Arithmetic { left, right, .. } => {
                left.signals(visit);
                right.signals(visit);
            }
            Self::Literal(_) | Self::Baseline | Self::PreviousStage => {}
        }
    }

    fn renamed(&self, signal: &impl Fn(SignalId) -> SignalId) -> Self {
        match self {
            Self::Signal(id) => Self::Signal(signal(*id)),
            Self::Window { function, signal: id, over } => {
                Self::Window { function: *function, signal: signal(*id), over: *over }
            }
            Self::Correlation { a, b, over } => {
                Self::Correlation { a: signal(*a), b: signal(*b), over: *over }
            }
            Self::Arithmetic { operator, left, right } => Self::Arithmetic {
                operator: *operator,
                left: Box::new(left.renamed(signal)),
                right: Box::new(right.renamed(signal)),
            },
            Self::Literal(_) | Self::Baseline | Self::PreviousStage => self.clone(),
        }
    }

    /// Whether `leaf` stands anywhere in it.
    pub fn mentions(&self, leaf: &Self) -> bool {
        match self {
            Self::Arithmetic { left, right, .. } => left.mentions(leaf) || right.mentions(leaf),
            other => other == leaf,
        }
    }

    pub(crate) fn deeper_than(&self, depth: usize) -> bool {
        let Some(left_depth) = depth.checked_sub(1) else { return true };
        match self {
            Self::Arithmetic { left, right, .. } => {
                left.deeper_than(left_depth) || right.deeper_than(left_depth)
            }
            _ => false,
        }
    }
}
