//! Which comparison decides a condition: the one that a reader is told of.

use rust_decimal::Decimal;

use super::program::{Node, NodeId, Root};
use super::report::negate;
use super::view::{Sides, View};
use crate::condition::Relation;
use crate::window::Estimate;

/// The comparison that decides a condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deciding {
    pub(super) place: usize,
    pub(super) sides: Option<Sides>,
    /// Whether it stands under an odd number of `not`s; its sides are turned already.
    negated: bool,
}

impl Deciding {
    /// Whether its nearness stands in a relation to that of another. Both are quotients, which are made only where they are so
    /// near to each other that an estimate of them does not tell.
    pub(super) fn is_nearness(&self, relation: Relation, other: &Self) -> bool {
        let about = self.about().zip(other.about());
        let told = about.and_then(|(nearness, other)| nearness.stands(relation, other));
        told.unwrap_or_else(|| relation.holds(self.nearness(), other.nearness()))
    }

    /// How near it is to turning, as a part of its threshold.
    fn nearness(&self) -> Decimal {
        let unknown = if self.negated { Decimal::MIN } else { Decimal::MAX };
        self.sides.map_or(unknown, |sides| sides.margin.checked_div(scale(&sides)).unwrap_or(sides.margin))
    }

    fn about(&self) -> Option<Estimate> {
        let sides = self.sides?;
        let parts = |value: Decimal| (value.mantissa(), value.scale());
        Estimate::quotient(parts(sides.margin), parts(scale(&sides)))
    }
}

/// What a margin is a part of.
fn scale(sides: &Sides) -> Decimal {
    if sides.right.is_zero() { Decimal::ONE } else { sides.right.abs() }
}

impl View<'_> {
    /// The comparison that decides a condition: of `and` the farthest from true, of `or` the nearest.
    pub(super) fn deciding(&self, root: &Root) -> Option<Deciding> {
        self.deciding_node(root.bare)
    }

    fn deciding_node(&self, id: NodeId) -> Option<Deciding> {
        match self.program.nodes.get(id)? {
            Node::Compare(place) => {
                Some(Deciding { place: *place, sides: self.sides(*place).ok(), negated: false })
            }
            Node::All(parts) => self.best(parts, Relation::Above),
            Node::Any(parts) => self.best(parts, Relation::Below),
            Node::Not(inner) => {
                let deciding = self.deciding_node(*inner)?;
                let sides = deciding.sides.map(|sides| Sides { margin: negate(sides.margin), ..sides });
                Some(Deciding { sides, negated: !deciding.negated, ..deciding })
            }
            Node::Held { inner, .. } => self.deciding_node(*inner),
            Node::Sequence(sequence) => self.deciding_node(sequence.then),
            Node::EveryExpectation => None,
        }
    }

    /// The part whose nearness stands so to that of the others; the first of those that are as near.
    fn best(&self, parts: &[NodeId], better: Relation) -> Option<Deciding> {
        parts.iter().filter_map(|part| self.deciding_node(*part)).reduce(|best, next| {
            // an unknown part decides only where all are
            match (best.sides.is_some(), next.sides.is_some()) {
                (false, true) => next,
                (true, true) if next.is_nearness(better, &best) => next,
                _ => best,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::parse_exact;

    /// An estimate of two quotients tells what the quotients tell, or nothing: near ones, equal ones and those that overflow too.
    #[test]
    fn estimates_tell_what_quotients_tell() {
        let numbers = [
            "0",
            "0.000000000000000000000001",
            "0.1",
            "0.2",
            "0.25",
            "0.250000000000000000000001",
            "-0.25",
            "3",
            "30",
            "0.333333333333333",
            "99999999999999999999999999",
            "-7",
        ];
        let numbers = numbers.map(|text| parse_exact(text).unwrap());
        let all = || numbers.into_iter().flat_map(|margin| numbers.map(|right| (margin, right)));
        let deciding = |(margin, right)| {
            let sides = Sides { left: margin, right, margin, holds: false };
            Deciding { place: 0, sides: Some(sides), negated: false }
        };
        let mut told = 0;
        for (a, b) in all().flat_map(|a| all().map(move |b| (deciding(a), deciding(b)))) {
            let about = a.about().zip(b.about());
            for relation in [Relation::Above, Relation::Below] {
                let expected = relation.holds(a.nearness(), b.nearness());
                assert_eq!(a.is_nearness(relation, &b), expected, "{a:?} {relation:?} {b:?}");
                told += usize::from(about.is_some_and(|(a, b)| a.stands(relation, b).is_some()));
            }
        }
        assert!(told > 30_000, "{told} were told without a division");
    }
}
