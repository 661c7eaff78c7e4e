//! Signals that nothing reads, and conditions that stand twice.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use spark_core::{
    Comparison, Condition, Expression, PolicyParts, SignalId, SourceSpan as Span, Test, Trigger,
};

use super::truth::span_of;
use super::{Blocks, Linter};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::interval::same;
use crate::test::{Expected, Subject};

impl Linter<'_> {
    /// Advice: a signal that no trigger, no expectation, no plan and no test reads.
    pub(super) fn unused_signals(&mut self, parts: &PolicyParts, blocks: &Blocks<'_>) {
        let mut read: BTreeSet<SignalId> = BTreeSet::new();
        let mut see = |condition: &Condition| {
            condition.comparisons(&mut |comparison| {
                comparison.signals(&mut |id| {
                    read.insert(id);
                });
            });
        };
        // its own expectation reads a signal too
        parts.signals.iter().filter_map(|signal| signal.expectation.as_ref()).for_each(&mut see);
        for trigger in &parts.triggers {
            trigger.levels.iter().map(|level| &level.condition).for_each(&mut see);
            trigger.clear.iter().chain(&trigger.given).for_each(&mut see);
        }
        parts.plans.iter().filter_map(|plan| plan.proceed.as_ref()).for_each(&mut see);
        for (_, test) in &blocks.tests {
            read.extend(test.given.iter().map(|given| given.signal));
            for expected in &test.expected {
                if let Expected::State { subject: Subject::Expectation(id), .. } = expected {
                    read.insert(*id);
                }
            }
        }
        for (place, (tree, signal)) in blocks.signals.iter().enumerate() {
            let id = SignalId(u32::try_from(place).unwrap_or(u32::MAX));
            if !read.contains(&id) {
                let message = format!("nothing reads `{}`: it is measured for nobody", signal.name);
                self.tell(
                    Diagnostic::warning(codes::A0304, tree.name.span, message)
                        .help("give it an `expect`, let a trigger read it, or take it away"),
                );
            }
        }
    }

    /// The same part twice in one `and` or `or`.
    pub(super) fn repeated_in_trigger(&mut self, trigger: &Trigger) {
        let levels = trigger.levels.iter().map(|level| &level.condition);
        for condition in levels.chain(&trigger.clear).chain(&trigger.given) {
            self.repeated_in_condition(condition);
        }
    }

    pub(super) fn repeated_in_condition(&mut self, condition: &Condition) {
        condition.visit(&mut |part| {
            if let Condition::All(parts) | Condition::Any(parts) = part {
                let joint = if matches!(part, Condition::All(_)) { "and" } else { "or" };
                self.repeated(parts, joint);
            }
        });
    }

    fn repeated(&mut self, parts: &[Condition], joint: &str) {
        let mut seen: HashMap<u64, Vec<&Condition>> = HashMap::new();
        for (place, part) in parts.iter().enumerate() {
            let alike = seen.entry(fingerprint(part)).or_default();
            let Some(first) = alike.iter().find(|other| same(other, part)) else {
                alike.push(part);
                continue;
            };
            let (Some(first), Some(span)) = (span_of(first), span_of(part)) else { continue };
            let text = self.written(span);
            let message = format!("`{text}` stands twice: the second adds nothing");
            let diagnostic = Diagnostic::warning(codes::W0317, span, message).also(first, "the first");
            // only a comparison has all of its text in its span
            let before = parts.get(place.saturating_sub(1)).and_then(|before| match (before, part) {
                (Condition::Compare(before), Condition::Compare(_)) => Some(before.span),
                _ => None,
            });
            let gap = before.map(|before| Span { start: before.end, end: span.end, ..span });
            let plain = gap.filter(|gap| {
                let text = self.written(Span { end: span.start, ..*gap });
                text.trim() == joint
            });
            self.tell(match plain {
                Some(gap) => diagnostic.help("take it away").machine(vec![Edit::replace(gap, "")]),
                None => diagnostic.help("take it away, or say what was meant"),
            });
        }
    }

    /// Two triggers that say the same, for the same people.
    pub(super) fn repeated_triggers(&mut self, parts: &PolicyParts) {
        let mut seen: HashMap<u64, Vec<&Trigger>> = HashMap::new();
        for trigger in &parts.triggers {
            let mut hasher = DefaultHasher::new();
            for level in &trigger.levels {
                level.severity.hash(&mut hasher);
                fingerprint(&level.condition).hash(&mut hasher);
            }
            (&trigger.owner, &trigger.runbook).hash(&mut hasher);
            let alike = match seen.entry(hasher.finish()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(vec![trigger]);
                    continue;
                }
                Entry::Occupied(alike) => alike.into_mut(),
            };
            let Some(first) = alike.iter().find(|other| say_the_same(other, trigger)) else {
                alike.push(trigger);
                continue;
            };
            let span = |trigger: &Trigger| trigger.levels.first().map_or(trigger.span, |level| level.span);
            let message = format!("`{}` and `{}` say the same", first.name, trigger.name);
            self.tell(
                Diagnostic::warning(codes::W0317, span(trigger), message)
                    .also(span(first), "the first")
                    .help("take one of them away: both would fire, and clear, at the same instants"),
            );
        }
    }
}

/// All of it but the names: what two teams are told each by their own trigger is no mistake.
fn say_the_same(a: &Trigger, b: &Trigger) -> bool {
    let optional = |a: &Option<Condition>, b: &Option<Condition>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    a.levels.len() == b.levels.len()
        && a.levels
            .iter()
            .zip(&b.levels)
            .all(|(a, b)| a.severity == b.severity && same(&a.condition, &b.condition))
        && optional(&a.clear, &b.clear)
        && optional(&a.given, &b.given)
        && a.unless == b.unless
        && a.unknown_rollback_after == b.unknown_rollback_after
        && (&a.owner, &a.runbook) == (&b.owner, &b.runbook)
}

/// Equal for conditions that say the same, and mostly not for others.
fn fingerprint(condition: &Condition) -> u64 {
    let mut hasher = DefaultHasher::new();
    condition.visit(&mut |part| match part {
        Condition::Compare(comparison) => hash_comparison(comparison, &mut hasher),
        Condition::All(parts) => (1u8, parts.len()).hash(&mut hasher),
        Condition::Any(parts) => (2u8, parts.len()).hash(&mut hasher),
        Condition::Not(_) => 3u8.hash(&mut hasher),
        Condition::Held { duration, .. } => (4u8, duration).hash(&mut hasher),
        Condition::Sequence { within, .. } => (5u8, within).hash(&mut hasher),
        Condition::EveryExpectation => 6u8.hash(&mut hasher),
    });
    hasher.finish()
}

fn hash_comparison(comparison: &Comparison, hasher: &mut DefaultHasher) {
    match &comparison.test {
        Test::Is(relation, _) => relation.as_str().hash(hasher),
        Test::Between(..) => 0u8.hash(hasher),
    }
    for side in comparison.expressions() {
        side.signals(&mut |id| id.hash(hasher));
        if let Expression::Literal(value) = side {
            value.hash(hasher);
        }
    }
}
