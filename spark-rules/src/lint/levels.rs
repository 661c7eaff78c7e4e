//! Levels in the wrong order: a higher one that is reached no later than a lower one.

use spark_core::{Condition, Level, TimeSpan, Trigger};

use super::Linter;
use super::truth::span_of;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::interval::{Proof, Reading, Space, Want, equivalent, same};

impl Linter<'_> {
    pub(super) fn levels_in_order(&mut self, trigger: &Trigger) {
        for (place, lower) in trigger.levels.iter().enumerate() {
            for higher in trigger.levels.iter().skip(place.saturating_add(1)) {
                let timed = timed(&lower.condition).is_some() && timed(&higher.condition).is_some();
                let ranges = &self.facts.ranges;
                let alike = same(&lower.condition, &higher.condition)
                    || (!timed && equivalent(&lower.condition, &higher.condition, ranges) == Proof::Proven);
                if alike {
                    self.tell_same(lower, higher);
                    return;
                }
                if self.never_shows(lower, higher) {
                    self.tell_order(lower, higher);
                    return;
                }
            }
        }
    }

    /// Whether the higher level holds whenever the lower one does. Of conditions with a `for` inside nothing is said.
    fn never_shows(&self, lower: &Level, higher: &Level) -> bool {
        let (Some((low, waits)), Some((high, takes))) = (timed(&lower.condition), timed(&higher.condition))
        else {
            return false;
        };
        // what is worse only for longer may well be worse
        if takes > waits {
            return false;
        }
        let mut space = Space::new(&self.facts.ranges);
        let (low, high) = (space.form(low, Reading::Bare), space.form(high, Reading::Bare));
        let tells = space.can(&[(&low, Want::True)]) && space.can(&[(&high, Want::False)]);
        tells && !space.can(&[(&low, Want::True), (&high, Want::False)])
    }

    fn tell_same(&mut self, lower: &Level, higher: &Level) {
        let (low, high) = (lower.severity.as_str(), higher.severity.as_str());
        let Some(span) = span_of(&lower.condition) else { return };
        let message = format!("`{low}` and `{high}` have the same condition: `{low}` would never show");
        self.tell(
            Diagnostic::warning(codes::W0317, span, message)
                .also(span_of(&higher.condition).unwrap_or(higher.span), "the same")
                .help(format!("give `{low}` a condition that is met earlier, or take it away")),
        );
    }

    fn tell_order(&mut self, lower: &Level, higher: &Level) {
        let (low, high) = (lower.severity.as_str(), higher.severity.as_str());
        let Some(span) = span_of(&lower.condition) else { return };
        let message = format!("whenever `{low}` holds, `{high}` does: `{low}` would never show");
        self.tell(
            Diagnostic::warning(codes::W0313, span, message)
                .also(span_of(&higher.condition).unwrap_or(higher.span), "this is met no later")
                .help("are the two thresholds swapped?"),
        );
    }
}

/// A condition without its outermost `for`, and how long that is; none where there is a `for` or a sequence inside.
fn timed(condition: &Condition) -> Option<(&Condition, TimeSpan)> {
    let (inner, time) = match condition {
        Condition::Held { condition: inner, duration } => (&**inner, *duration),
        _ => (condition, TimeSpan::ZERO),
    };
    let mut plain = true;
    inner.visit(&mut |part| {
        plain &= !matches!(part, Condition::Held { .. } | Condition::Sequence { .. });
    });
    plain.then_some((inner, time))
}
