//! Conditions. What joins others stands in parentheses inside of another condition, so that nobody has to know what
//! binds tighter.

use super::Writer;
use crate::ast::{Against, Compare, Condition, ConditionKind, Length};
use crate::explain::words;

/// How a comparison is said.
#[derive(Clone, Copy)]
enum Verb {
    Is,
    IsNot,
    HasBeen,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is not",
            Self::HasBeen => "has been",
        }
    }
}

/// A condition without parentheses round it.
fn bare(condition: &Condition) -> &Condition {
    let mut inner = condition;
    while let ConditionKind::Group(next) = &inner.kind {
        inner = next;
    }
    inner
}

impl Writer<'_> {
    pub(super) fn condition(&mut self, condition: &Condition) -> String {
        let condition = bare(condition);
        match &condition.kind {
            ConditionKind::Compare(compare) => self.compare(compare, Verb::Is),
            ConditionKind::All(parts) => self.chain(parts, "and"),
            ConditionKind::Any(parts) => self.chain(parts, "or"),
            ConditionKind::Not(inner) => match &bare(inner).kind {
                ConditionKind::Compare(compare) => self.compare(compare, Verb::IsNot),
                ConditionKind::Bare(flag) => format!("{} is not true", self.value(flag)),
                _ => format!("it is not true that ({})", self.condition(inner)),
            },
            ConditionKind::Held(inner, length) => self.held(inner, length),
            ConditionKind::Sequence(first, then, within) => {
                let (first, then) = (self.part(first), self.part(then));
                format!("{first}, and then, within {}, {then}", self.length(within))
            }
            ConditionKind::EveryExpectation => "every signal meets its expectation".to_owned(),
            // only a flag passes the checker
            ConditionKind::Bare(flag) => format!("{} is true", self.value(flag)),
            // a group was taken away
            ConditionKind::Group(_) => self.source(condition.span).to_owned(),
        }
    }

    fn held(&mut self, inner: &Condition, length: &Length) -> String {
        let held = match &bare(inner).kind {
            ConditionKind::Compare(compare) => self.compare(compare, Verb::HasBeen),
            ConditionKind::EveryExpectation => "every signal has met its expectation".to_owned(),
            _ => format!("({}) has held", self.condition(inner)),
        };
        format!("{held} for {} of evidence", self.length(length))
    }

    /// `a and b`, `a, b, and c`.
    fn chain(&mut self, parts: &[Condition], word: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.part(part)).collect();
        match parts.as_slice() {
            [first, second] => format!("{first} {word} {second}"),
            _ => match parts.split_last() {
                Some((last, rest)) => format!("{}, {word} {last}", rest.join(", ")),
                None => String::new(),
            },
        }
    }

    /// A condition inside of another.
    fn part(&mut self, condition: &Condition) -> String {
        let joins = match &bare(condition).kind {
            ConditionKind::All(_) | ConditionKind::Any(_) | ConditionKind::Sequence(..) => true,
            // `a and (b or c) has held` could be read as both having held
            ConditionKind::Held(inner, _) => {
                !matches!(bare(inner).kind, ConditionKind::Compare(_) | ConditionKind::EveryExpectation)
            }
            _ => false,
        };
        let text = self.condition(condition);
        if joins { format!("({text})") } else { text }
    }

    fn compare(&mut self, compare: &Compare, verb: Verb) -> String {
        let left = compare.left.as_ref().map_or_else(String::new, |left| self.value(left));
        format!("{left} {} {}", verb.as_str(), self.against(&compare.test))
    }

    /// `above 400ms`, `between 1ms and 5s`.
    pub(super) fn against(&mut self, test: &Against) -> String {
        match test {
            Against::Is(relation, right) => format!("{} {}", words::relation(*relation), self.value(right)),
            Against::Between(low, high) => {
                let low = self.value(low);
                format!("between {low} and {}", self.value(high))
            }
        }
    }
}
