//! A clear that can be true together with its level.

use spark_core::{Condition, Trigger};

use super::Linter;
use super::truth::span_of;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::interval::{CanBe, Form, Reading, Space, Want};

/// Most ways to a level, and to its clear, that are held against each other.
const WAYS_MAX: usize = 16;

impl Linter<'_> {
    pub(super) fn clear_overlaps(&mut self, trigger: &Trigger) {
        let Some(clear) = &trigger.clear else { return };
        let facts = self.facts;
        let mut space = Space::new(&facts.ranges);
        let clears = ways(clear, &mut space);
        for level in &trigger.levels {
            let levels = ways(&level.condition, &mut space);
            let pair = levels.iter().find_map(|level| {
                let clear = clears.iter().find(|clear| overlap(&space, clear, level))?;
                Some((clear.condition, level.condition))
            });
            let Some((clear, reach)) = pair else { continue };
            let span = span_of(clear).unwrap_or(trigger.span);
            let severity = level.severity.as_str();
            let message = format!("`{}` can be true together with `{severity}`", self.written(span));
            self.tell(
                Diagnostic::warning(codes::W0303, span, message)
                    .also(
                        span_of(reach).unwrap_or(level.span),
                        "both can be true at once: it would clear and come back",
                    )
                    .help("let the trigger clear on the other side of its level's threshold"),
            );
            return;
        }
    }
}

/// One way in which a condition is true.
struct Way<'c> {
    condition: &'c Condition,
    form: Form,
    unknowns: Vec<usize>,
}

/// The ways in which a condition is true, its `for`s aside.
fn ways<'c>(condition: &'c Condition, space: &mut Space<'c>) -> Vec<Way<'c>> {
    match condition {
        Condition::Held { condition: inner, .. } => ways(inner, space),
        Condition::Any(parts) => parts.iter().take(WAYS_MAX).flat_map(|part| ways(part, space)).collect(),
        _ => {
            let form = space.form(condition, Reading::Bare);
            vec![Way { condition, unknowns: form.unknowns(), form }]
        }
    }
}

/// Whether both can be true at once. They must speak of the same things: a clear that looks at something else than its
/// level is meant so.
fn overlap(space: &Space<'_>, clear: &Way<'_>, level: &Way<'_>) -> bool {
    let within = |a: &Way<'_>, b: &Way<'_>| a.unknowns.iter().all(|unknown| b.unknowns.contains(unknown));
    let plain = |way: &Way<'_>| way.form.is_plain() && !way.unknowns.is_empty();
    let told = |way: &Way<'_>| CanBe::of(space, &way.form).no;
    (within(clear, level) || within(level, clear))
        && plain(clear)
        && plain(level)
        && !space.is_doubtful(&clear.unknowns)
        && !space.is_doubtful(&level.unknowns)
        && space.can(&[(&clear.form, Want::True), (&level.form, Want::True)])
        // what is always true is told of as that
        && told(clear)
        && told(level)
}
