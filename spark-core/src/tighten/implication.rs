//! Whether one condition holds at least where another does, whatever the samples: shown by their shapes, or not at all.
//!
//! Truth is ordered false < unknown < true. `and` and `or` keep that order, `not` turns it, `for` keeps what is true.

use rust_decimal::Decimal;

use super::normal::{has_for, has_for_in_sequence};
use super::words::condition_words;
use crate::condition::{Comparison, Condition, Expression, Relation, Test};
use crate::engine::reach;
use crate::policy::Policy;

/// Steps that one comparison of two policies may take. A step looks at one pair of conditions; rules of a hundred triggers
/// take a few thousand, and only nested `and`s and `or`s of many parts take more.
pub(super) const STEPS_MAX: u32 = 100_000;

/// The part of a threshold by which two must differ to be surely on one side of each other, samples' last digits included:
/// ten times what the engine takes for the same.
const APART_SCALE: u32 = 12;

/// What is to be shown beyond "where the first is true, the second is".
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    /// Where the first is unknown, the second is not false. Held of whatever stands inside of a `for`: false starts it over.
    pub(super) pointwise: bool,
    /// A running `for` of the first asks for hold: the second has to ask as well, by a running `for` or by its truth.
    pub(super) counting: bool,
    /// No `and` stands around: not being false is enough for the whole not to be.
    pub(super) exposed: bool,
    /// Where the first is unknown, the second is unknown: something waits for it to last.
    pub(super) keep_unknown: bool,
    /// A running `for` asks for as much as its end does, and nothing is kept of it.
    pub(super) pending_is_enough: bool,
}

/// Why something could not be shown; the heaviest is told.
#[derive(Debug, Clone)]
pub(super) struct Reason {
    weight: u8,
    pub(super) words: String,
}

type Shown = Result<(), Reason>;

/// The proof search over two policies' conditions, written in the new policy's signals.
#[derive(Debug)]
pub(super) struct Implication<'a> {
    policy: &'a Policy,
    steps: u32,
}

impl<'a> Implication<'a> {
    pub(super) const fn new(policy: &'a Policy) -> Self {
        Self { policy, steps: 0 }
    }

    /// Shows that `strong` holds at least where `weak` does, with what else is demanded.
    pub(super) fn show(&mut self, weak: &Condition, strong: &Condition, demand: Demand) -> Shown {
        self.steps = self.steps.saturating_add(1);
        if self.steps > STEPS_MAX {
            let words = format!("both have more parts than {STEPS_MAX} steps can compare");
            return Err(Reason { weight: 9, words });
        }
        if weak == strong {
            return Ok(());
        }
        match (weak, strong) {
            (_, Condition::Held { condition, duration }) if duration.is_zero() => {
                self.show(weak, condition, demand)
            }
            (Condition::Any(_), Condition::Any(_)) if demand.keep_unknown => {
                Err(self.refused(weak, strong, 2, "an `or` changed, and what is unknown might not stay so"))
            }
            (Condition::Any(parts), _) => parts.iter().try_for_each(|part| self.show(part, strong, demand)),
            (_, Condition::All(parts)) => self.show_each(weak, parts, strong, demand),
            (Condition::All(parts), _) => self.show_by_part(weak, parts, strong, demand),
            (_, Condition::Any(_)) if demand.keep_unknown => {
                Err(self.refused(weak, strong, 2, "an `or` was added, and what is unknown might not stay so"))
            }
            (_, Condition::Any(parts)) => {
                let shown = self.any(weak, strong, parts.iter().map(|part| (weak, part)), demand);
                match weak {
                    Condition::Held { .. } => shown.or_else(|_| self.show_held(weak, strong, demand)),
                    _ => shown,
                }
            }
            (Condition::Held { .. }, _) => self.show_held(weak, strong, demand),
            (Condition::Not(inner), Condition::Not(other)) => {
                self.show_not(weak, strong, inner, other, demand)
            }
            (
                Condition::Sequence { first, then, within },
                Condition::Sequence { first: new_first, then: new_then, within: longer },
            ) => {
                let same = first == new_first && then == new_then && !has_for_in_sequence(weak);
                if same && within <= longer && !demand.keep_unknown {
                    return Ok(());
                }
                let why = "of a `then` nothing but a longer `within` is known to hold more often";
                Err(self.refused(weak, strong, 2, why))
            }
            (Condition::Compare(a), Condition::Compare(b)) if compared(a, b) => Ok(()),
            (Condition::Compare(a), Condition::Compare(b)) => {
                let of_same = a.left == b.left;
                let literal = |c: &Comparison| {
                    !c.expressions().iter().skip(1).any(|side| !matches!(side, Expression::Literal(_)))
                };
                let why = match of_same && !(literal(a) && literal(b)) {
                    true => "nothing but plain values can be told apart, for a reference may be below zero",
                    false => "",
                };
                Err(self.refused(weak, strong, if of_same { 3 } else { 1 }, why))
            }
            (_, Condition::Held { .. }) => Err(self.refused(weak, strong, 2, "it has to last first")),
            _ => Err(self.refused(weak, strong, 1, "")),
        }
    }

    fn refused(&self, weak: &Condition, strong: &Condition, weight: u8, why: &str) -> Reason {
        let [weak, strong] = [weak, strong].map(|condition| condition_words(self.policy, condition));
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        Reason { weight, words: format!("where `{weak}` holds, `{strong}` may not{why}") }
    }

    /// One of several ways is enough.
    fn any<'c>(
        &mut self,
        weak: &Condition,
        strong: &Condition,
        ways: impl Iterator<Item = (&'c Condition, &'c Condition)>,
        demand: Demand,
    ) -> Shown {
        let mut best: Option<Reason> = None;
        for (weak, strong) in ways {
            match self.show(weak, strong, demand) {
                Ok(()) => return Ok(()),
                Err(reason) => {
                    best = Some(best.filter(|best| best.weight >= reason.weight).unwrap_or(reason));
                }
            }
        }
        Err(best.unwrap_or_else(|| self.refused(weak, strong, 1, "")))
    }

    /// Every part of an `and` has to follow; and what runs or is unknown on the left side has to stay on the right.
    fn show_each(
        &mut self,
        weak: &Condition,
        parts: &[Condition],
        strong: &Condition,
        demand: Demand,
    ) -> Shown {
        let demand = Demand { exposed: false, ..demand };
        let single = std::slice::from_ref(weak);
        let from: &[Condition] = if let Condition::All(from) = weak { from } else { single };
        for part in parts {
            self.any(weak, part, from.iter().map(|from| (from, part)), demand)?;
        }
        for kept in from.iter().filter(|from| demand.keep_unknown || (demand.counting && has_for(from))) {
            self.any(kept, strong, parts.iter().map(|part| (kept, part)), demand)?;
        }
        Ok(())
    }

    /// Of an `and`, one part is enough; the others are dropped where nothing waits for them.
    fn show_by_part(
        &mut self,
        weak: &Condition,
        parts: &[Condition],
        strong: &Condition,
        demand: Demand,
    ) -> Shown {
        if demand.keep_unknown {
            return parts.iter().try_for_each(|part| self.show(part, strong, demand));
        }
        if let Condition::Any(ways) = strong
            && self.any(weak, strong, ways.iter().map(|way| (weak, way)), demand).is_ok()
        {
            return Ok(());
        }
        let clocks = parts.iter().filter(|part| has_for(part)).count();
        let enough = parts.iter().filter(|part| {
            let dropped = clocks.saturating_sub(usize::from(has_for(part)));
            !demand.counting || dropped == 0
        });
        let enough: Vec<_> = enough.map(|part| (part, strong)).collect();
        if enough.is_empty() {
            return Err(self.refused(weak, strong, 2, "a running `for` of it asks for hold, and is gone"));
        }
        self.any(weak, strong, enough.into_iter(), demand)
    }

    fn show_held(&mut self, weak: &Condition, strong: &Condition, demand: Demand) -> Shown {
        let Condition::Held { condition: inner, duration } = weak else {
            return Err(self.refused(weak, strong, 1, ""));
        };
        if demand.pointwise {
            return Err(self.refused(weak, strong, 2, "a `for` inside of a `for` has to stay as it is"));
        }
        let Condition::Held { condition: other, duration: new } = strong else {
            if demand.counting && !demand.exposed {
                return Err(self.refused(weak, strong, 2, "while the `for` runs it asks for hold"));
            }
            return self.show(inner, strong, demand);
        };
        let within = Demand { pointwise: true, exposed: false, ..demand };
        if demand.exposed && demand.pending_is_enough && new <= duration {
            return self.show(inner, other, within);
        }
        if new != duration {
            let why = match new > duration {
                true => "it has to last for longer".to_owned(),
                false => format!(
                    "a `for {new}` starts over after more than {new} without evidence, a `for {duration}` after more than {duration}"
                ),
            };
            return Err(self.refused(weak, strong, 4, &why));
        }
        if reach(self.policy, other) < reach(self.policy, inner) {
            let why = "it reads a signal that is stale sooner, so longer intervals are no evidence";
            return Err(self.refused(weak, strong, 2, why));
        }
        self.show(inner, other, within)
    }

    fn show_not(
        &mut self,
        weak: &Condition,
        strong: &Condition,
        inner: &Condition,
        other: &Condition,
        demand: Demand,
    ) -> Shown {
        let simple = |condition: &Condition| matches!(condition, Condition::Compare(_));
        if demand.keep_unknown && !(simple(inner) && simple(other)) {
            return Err(self.refused(weak, strong, 2, "what is unknown might not stay so"));
        }
        let turned = Demand { pointwise: true, ..Demand::default() };
        self.show(other, inner, turned).map_err(|_| self.refused(weak, strong, 3, ""))
    }
}

/// Whether a comparison is true at least where another is, and unknown exactly where it is.
fn compared(weak: &Comparison, strong: &Comparison) -> bool {
    if weak.unit != strong.unit {
        return false;
    }
    if let (Test::Between(low, high), Test::Between(new_low, new_high)) = (&weak.test, &strong.test) {
        let widened = |narrow: &Expression, wide: &Expression, lower: bool| {
            narrow == wide || if lower { below(wide, narrow) } else { below(narrow, wide) }
        };
        return weak.left == strong.left && widened(low, new_low, true) && widened(high, new_high, false);
    }
    let (Some((a, relation, bound)), Some((b, new_relation, new_bound))) = (subject(weak), subject(strong))
    else {
        return false;
    };
    use Relation::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    if a != b {
        return false;
    }
    if bound == new_bound {
        return relation == new_relation
            || matches!(
                (relation, new_relation),
                (Above, AtLeast | NotEqual) | (Below, AtMost | NotEqual) | (Equal, AtLeast | AtMost)
            );
    }
    match (relation, new_relation) {
        (Above | AtLeast | Equal, Above | AtLeast) => below(new_bound, bound),
        (Below | AtMost | Equal, Below | AtMost) => below(bound, new_bound),
        _ => false,
    }
}

/// What is compared, how, and with what: a literal on the left side changes places.
fn subject(comparison: &Comparison) -> Option<(&Expression, Relation, &Expression)> {
    let Test::Is(relation, right) = &comparison.test else { return None };
    let refers = |leaf| right.mentions(leaf);
    let references = refers(&Expression::Baseline) || refers(&Expression::PreviousStage);
    if !matches!(comparison.left, Expression::Literal(_)) || references {
        return Some((&comparison.left, *relation, right));
    }
    let turned = match relation {
        Relation::Above => Relation::Below,
        Relation::AtLeast => Relation::AtMost,
        Relation::Below => Relation::Above,
        Relation::AtMost => Relation::AtLeast,
        Relation::Equal | Relation::NotEqual => *relation,
    };
    Some((right, turned, &comparison.left))
}

/// Whether both are literals, and the first is surely the smaller.
fn below(smaller: &Expression, larger: &Expression) -> bool {
    let (Expression::Literal(smaller), Expression::Literal(larger)) = (smaller, larger) else { return false };
    let apart = smaller.abs().max(larger.abs()).checked_mul(Decimal::new(1, APART_SCALE)).unwrap_or_default();
    larger.checked_sub(*smaller).is_some_and(|distance| distance > apart)
}
