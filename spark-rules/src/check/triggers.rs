//! Triggers: levels, clear, evidence, and who speaks for whom.

use std::collections::HashSet;

use spark_core::{Level, Severity, Trigger};

use super::conditions::Place;
use super::{Blocks, Checker};
use crate::ast::{self, TriggerClause};
use crate::codes;
use crate::diagnostic::Diagnostic;

impl Checker<'_> {
    pub(super) fn trigger(&mut self, name: &str, tree: &ast::Trigger) -> Trigger {
        self.refuse_twice(&tree.clauses, |kind| match kind {
            TriggerClause::Level(Severity::Warn, _) => "warn when",
            TriggerClause::Level(Severity::Hold, _) => "hold when",
            TriggerClause::Level(Severity::Rollback, _) => "rollback when",
            TriggerClause::Clear(_) => "clear when",
            TriggerClause::Given(_) => "given",
            TriggerClause::Unless(_) => "unless",
            TriggerClause::Unknown(_) => "unknown",
            TriggerClause::Runbook(_) => "runbook",
            TriggerClause::Owner(_) => "owner",
        });
        let mut trigger = Trigger {
            name: name.to_owned(),
            title: tree.title.as_ref().map(|title| title.value.clone()),
            levels: Vec::new(),
            clear: None,
            given: None,
            unless: Vec::new(),
            unknown_rollback_after: None,
            runbook: None,
            owner: None,
            span: tree.span,
        };
        self.beside = super::meant::beside(tree);
        let mut any_level = tree.broken;
        for clause in &tree.clauses {
            match &clause.kind {
                TriggerClause::Level(severity, condition) => {
                    any_level = true;
                    if let Some(condition) = self.condition(condition, Place::default()) {
                        trigger.levels.push(Level { severity: *severity, condition, span: clause.span });
                    }
                }
                TriggerClause::Clear(condition) => {
                    trigger.clear = self.condition(condition, Place::default())
                }
                TriggerClause::Given(condition) => {
                    trigger.given = self.condition(condition, Place::default())
                }
                TriggerClause::Unless(names) => {
                    for named in names {
                        let Some(id) = self.trigger_named(named) else { continue };
                        if !trigger.unless.contains(&id) {
                            trigger.unless.push(id);
                        }
                    }
                }
                TriggerClause::Unknown(after) => {
                    trigger.unknown_rollback_after = after.map(|length| length.value);
                }
                TriggerClause::Runbook(text) => {
                    self.refuse_empty(text, "runbook");
                    trigger.runbook = Some(text.value.clone());
                }
                TriggerClause::Owner(text) => {
                    self.refuse_empty(text, "owner");
                    trigger.owner = Some(text.value.clone());
                }
            }
        }
        self.beside.clear();
        if !any_level {
            let span = tree.name.as_ref().map_or(tree.span, |name| name.span);
            self.problems.tell(
                Diagnostic::error(codes::E0501, span, format!("trigger `{name}` has no level"))
                    .help("write at least one of `warn when …`, `hold when …`, `rollback when …`"),
            );
        }
        trigger.levels.sort_by_key(|level| level.severity);
        trigger
    }

    /// Tells each circle of `unless` once.
    pub(super) fn refuse_circles(&mut self, triggers: &[Trigger], blocks: &Blocks<'_>) {
        let mut done: HashSet<usize> = HashSet::new();
        for start in 0..triggers.len() {
            let Some(circle) = circle_from(start, triggers, &mut done) else { continue };
            let names: Vec<&str> =
                circle.iter().filter_map(|place| triggers.get(*place)).map(|t| t.name.as_str()).collect();
            let Some(first) = circle.first().and_then(|place| blocks.triggers.get(*place)) else { continue };
            let clause =
                first.1.clauses.iter().find(|clause| matches!(clause.kind, TriggerClause::Unless(_)));
            let span = clause.map_or(first.1.span, |clause| clause.span);
            let way = names.iter().chain(names.first()).map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let message = format!("`unless` leads in a circle: {}", way.join(" → "));
            self.problems.tell(
                Diagnostic::error(codes::E0208, span, message)
                    .help("each would be quiet for the other: take one `unless` away"),
            );
        }
    }
}

/// A circle that `start` leads into and that was not met before. Each trigger is walked once; the walk is a loop, so
/// that ten thousand triggers in a row do not exhaust the stack.
fn circle_from(start: usize, triggers: &[Trigger], done: &mut HashSet<usize>) -> Option<Vec<usize>> {
    let mut path: Vec<(usize, usize)> = vec![(start, 0)];
    let mut on_path: HashSet<usize> = HashSet::from([start]);
    if done.contains(&start) {
        return None;
    }
    while let Some((place, next)) = path.last().copied() {
        let follower = triggers.get(place).and_then(|trigger| trigger.unless.get(next)).map(|id| id.index());
        let Some(follower) = follower else {
            done.insert(place);
            on_path.remove(&place);
            path.pop();
            continue;
        };
        if let Some(last) = path.last_mut() {
            last.1 = next.saturating_add(1);
        }
        if on_path.contains(&follower) {
            let circle: Vec<usize> =
                path.iter().map(|(place, _)| *place).skip_while(|place| *place != follower).collect();
            done.extend(path.iter().map(|(place, _)| *place));
            return Some(circle);
        }
        if !done.contains(&follower) {
            on_path.insert(follower);
            path.push((follower, 0));
        }
    }
    None
}
