//! Walks over conditions and values of the tree, in the order of the text.
//!
//! `parts` are what stands directly in something; `visit` shows a thing and all that is in it, each before its parts. The
//! parser bounds how deep a tree is, and with it these walks.

use spark_core::SourceSpan as Span;

use super::{Against, Compare, Condition, ConditionKind, Expression, ExpressionKind, TriggerClause};

impl TriggerClause {
    /// The condition after `when` or `given`.
    pub(crate) const fn condition(&self) -> Option<&Condition> {
        match self {
            Self::Level(_, condition) | Self::Clear(condition) | Self::Given(condition) => Some(condition),
            Self::Unless(_) | Self::Unknown(_) | Self::Runbook(_) | Self::Owner(_) => None,
        }
    }
}

impl Condition {
    /// The conditions that it is put together from.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Self> {
        let (list, first, second): (&[Self], Option<&Self>, Option<&Self>) = match &self.kind {
            ConditionKind::All(parts) | ConditionKind::Any(parts) => (parts, None, None),
            ConditionKind::Not(inner) | ConditionKind::Group(inner) | ConditionKind::Held(inner, _) => {
                (&[], Some(inner), None)
            }
            ConditionKind::Sequence(first, then, _) => (&[], Some(first), Some(then)),
            ConditionKind::Compare(_) | ConditionKind::EveryExpectation | ConditionKind::Bare(_) => {
                (&[], None, None)
            }
        };
        list.iter().chain(first).chain(second)
    }

    /// Shows it and every condition in it.
    pub(crate) fn visit<'t>(&'t self, see: &mut dyn FnMut(&'t Self)) {
        see(self);
        self.parts().for_each(|part| part.visit(see));
    }

    /// Shows every comparison in it.
    pub(crate) fn comparisons<'t>(&'t self, see: &mut dyn FnMut(&'t Compare)) {
        self.visit(&mut |part| {
            if let ConditionKind::Compare(compare) = &part.kind {
                see(compare);
            }
        });
    }
}

impl Compare {
    /// The values that its left side is compared with: one, or the two ends of `between`.
    pub(crate) fn limits(&self) -> impl Iterator<Item = &Expression> {
        let (first, second) = match &self.test {
            Against::Is(_, right) => (right, None),
            Against::Between(low, high) => (low, Some(high)),
        };
        std::iter::once(first).chain(second)
    }

    /// Its left side, where it has one, and its limits.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Expression> {
        self.left.iter().chain(self.limits())
    }
}

impl Expression {
    /// The values that it is computed from. The factor of `3x baseline` is none of them: it stands only there.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Self> {
        let (first, second): (Option<&Self>, Option<&Self>) = match &self.kind {
            ExpressionKind::Binary(_, left, right) => (Some(left), Some(right)),
            ExpressionKind::Times(times) => (Some(&times.1), None),
            ExpressionKind::Negate(inner) | ExpressionKind::Group(inner) => (Some(inner), None),
            ExpressionKind::Name(_)
            | ExpressionKind::Literal(_)
            | ExpressionKind::Call(_)
            | ExpressionKind::Baseline
            | ExpressionKind::PreviousStage
            | ExpressionKind::Wrong => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Shows it and every value in it.
    pub(crate) fn visit<'t>(&'t self, see: &mut dyn FnMut(&'t Self)) {
        see(self);
        self.parts().for_each(|part| part.visit(see));
    }

    /// Shows every signal that it reads, as often as it is named, with its place.
    pub(crate) fn signals<'t>(&'t self, see: &mut dyn FnMut(&'t str, Span)) {
        self.visit(&mut |part| match &part.kind {
            ExpressionKind::Name(name) => see(name, part.span),
            ExpressionKind::Call(call) => call.of.iter().for_each(|name| see(&name.text, name.span)),
            _ => {}
        });
    }
}
