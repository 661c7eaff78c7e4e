//! The points of rules.

use spark_core::check::Check;
use spark_core::{Comparison, Condition, SourceSpan, Trigger};

use super::unreachable::why_not;
use super::{Block, Key, Point, Value};
use crate::Loaded;
use crate::diagnostic::one_line;
use crate::interval::Ranges;

/// Every point of rules, unseen.
pub fn points(loaded: &Loaded) -> Vec<Point> {
    keyed(loaded).into_iter().map(|(_, point)| point).collect()
}

/// Every point with what it looks at.
pub(super) fn keyed(loaded: &Loaded) -> Vec<(Key, Point)> {
    let policy = &loaded.policy;
    let ranges = Ranges::of(policy.signals(), policy.triggers(), policy.plans(), &loaded.tests);
    let mut points = Points { loaded, ranges, found: Vec::new() };
    for signal in policy.signals() {
        if let Some(condition) = &signal.expectation {
            let block = Block::Signal(signal.name.clone());
            condition.comparisons(&mut |comparison| points.comparison(&block, comparison, None));
        }
    }
    for (place, trigger) in (0u32..).zip(policy.triggers()) {
        points.trigger(place, trigger);
    }
    for (number, plan) in policy.plans().iter().enumerate() {
        let block = Block::Plan(plan.name.clone());
        for (place, stage) in plan.stages.iter().enumerate() {
            let key = Key::Stage { plan: number, stage: place };
            points.add(&block, key, "entered", format!("stage `{}` entered", stage.share_text()), stage.span);
        }
    }
    for (place, check) in (0u32..).zip(policy.checks()) {
        points.ranges = crate::lint::checks::ranges(check, &loaded.tests.iter().collect::<Vec<_>>());
        points.check(place, check);
    }
    points.found
}

struct Points<'a> {
    loaded: &'a Loaded,
    ranges: Ranges,
    found: Vec<(Key, Point)>,
}

impl Points<'_> {
    fn add(&mut self, block: &Block, key: Key, kind: &'static str, what: String, span: SourceSpan) {
        let point = Point { block: block.clone(), kind, what, span, seen: 0, excluded: None };
        self.found.push((key, point));
    }

    fn comparison(&mut self, block: &Block, comparison: &Comparison, given: Option<&Condition>) {
        let written = self.loaded.files.text(comparison.span);
        let mut words = one_line(written.to_owned());
        if let Block::Signal(name) = block
            && !words.starts_with(name.as_str())
        {
            words = format!("{name} {}", words.strip_prefix("expect ").unwrap_or(&words));
        }
        for value in Value::ALL {
            let what = format!("`{words}` {}", value.as_str());
            self.add(block, Key::Comparison(comparison.span, value), value.as_str(), what, comparison.span);
            if let Some((_, point)) = self.found.last_mut() {
                point.excluded = why_not(&self.loaded.policy, &self.ranges, comparison, value, given);
            }
        }
    }

    fn check(&mut self, id: u32, check: &Check) {
        let block = Block::Check(check.name.clone());
        check.condition.comparisons(&mut |comparison| self.comparison(&block, comparison, None));
        for value in Value::ALL {
            let state = match value {
                Value::True => "pass",
                Value::False => check.severity.as_str(),
                Value::Unknown => "unknown",
            };
            let what = format!("`{}` {state}", check.name);
            self.add(&block, Key::Stands(id, value), "shown", what, check.span);
        }
    }

    fn trigger(&mut self, id: u32, trigger: &Trigger) {
        let block = Block::Trigger(trigger.name.clone());
        let name = &trigger.name;
        let span = trigger.span;
        if let Some(given) = &trigger.given {
            given.comparisons(&mut |comparison| self.comparison(&block, comparison, None));
            if !matches!(given, Condition::Compare(_)) {
                for value in Value::ALL {
                    let what = format!("the `given` of `{name}` {}", value.as_str());
                    self.add(&block, Key::Given(id, value), value.as_str(), what, span);
                }
            }
        }
        let given = trigger.given.as_ref();
        for level in &trigger.levels {
            level.condition.comparisons(&mut |comparison| self.comparison(&block, comparison, given));
            let what = format!("`{name}` at {}", level.severity.as_str());
            self.add(&block, Key::Level(id, level.severity), "reached", what, level.span);
        }
        if let Some(clear) = &trigger.clear {
            clear.comparisons(&mut |comparison| self.comparison(&block, comparison, given));
            let what = format!("`{name}` cleared from a level");
            self.add(&block, Key::Cleared(id), "cleared", what, span_of(clear).unwrap_or(span));
        }
        for (value, state) in [(Value::True, "ok"), (Value::Unknown, "unknown")] {
            self.add(&block, Key::Shows(id, value), "shown", format!("`{name}` {state}"), span);
        }
        for other in &trigger.unless {
            let Some(other_trigger) = self.loaded.policy.triggers().get(other.index()) else { continue };
            let what = format!("`{name}` quiet because `{}` speaks", other_trigger.name);
            self.add(&block, Key::Quiet { trigger: id, speaking: other.0 }, "quiet", what, span);
        }
        if let Some(after) = trigger.unknown_rollback_after {
            let what = format!("`{name}` asking for rollback after {after} unknown");
            self.add(&block, Key::GivenUp(id), "given up", what, span);
        }
    }
}

/// Where a condition's first comparison stands.
fn span_of(condition: &Condition) -> Option<SourceSpan> {
    let mut first = None;
    condition.comparisons(&mut |comparison| {
        first.get_or_insert(comparison.span);
    });
    first
}
