//! Events in lines for people; of very many, the first and the last.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use spark_core::quantity::ByteUnits;
use spark_core::{Policy, Quantity, State, Trigger, Verdict};
use spark_runtime::replay::{DecisionEvent, Event};

use super::{Format, report};
use crate::console::{Console, faint, state, strong, verdict};
use crate::table;

/// Most events that are shown without `-v`: two screens. Of more, the first three quarters and the last quarter.
const SHOWN_MAX: usize = 80;
/// Those of them that are the last.
const LAST: usize = 20;

/// Events that are told as they come.
pub(super) struct Told {
    policy: Arc<Policy>,
    /// Triggers at rollback: another one that is rolled back for was unknown for too long.
    at_rollback: BTreeSet<String>,
    active: bool,
    all: bool,
    count: usize,
    /// The newest that were not shown yet.
    held: VecDeque<String>,
}

impl Told {
    pub(super) fn new(policy: &Arc<Policy>, format: Format, all: bool) -> Self {
        Self {
            policy: Arc::clone(policy),
            at_rollback: BTreeSet::new(),
            active: matches!(format, Format::Text),
            all,
            count: 0,
            held: VecDeque::new(),
        }
    }

    /// An event in one line; of a rollback that missing data caused, how long it was missing.
    fn line(&mut self, event: &Event) -> String {
        match event {
            Event::Trigger(change) => {
                match change.state {
                    State::Rollback => self.at_rollback.insert(change.trigger.clone()),
                    _ => self.at_rollback.remove(&change.trigger),
                };
                let trigger = self.trigger(&change.trigger);
                return line_in(event, trigger.and_then(|trigger| self.policy.byte_units_of(trigger)));
            }
            Event::Decision(decision) if decision.decision == Verdict::Rollback => {
                let because = decision.because.iter().map(|name| self.reason(name)).collect();
                return line(&Event::Decision(DecisionEvent { because, ..decision.clone() }));
            }
            Event::Decision(_) | Event::Summary(_) => {}
        }
        line(event)
    }

    fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.policy.trigger(name)
    }

    fn reason(&self, name: &str) -> String {
        let given_up = self.trigger(name).and_then(|trigger| trigger.unknown_rollback_after);
        match given_up.filter(|_| !self.at_rollback.contains(name)) {
            Some(after) => format!("{name} ({})", report::unknown_for(after)),
            None => name.to_owned(),
        }
    }

    pub(super) fn take(&mut self, console: &mut Console, event: &Event) {
        if !self.active {
            return;
        }
        self.count = self.count.saturating_add(1);
        let line = self.line(event);
        if self.all || self.count <= SHOWN_MAX.saturating_sub(LAST) {
            return console.line(line);
        }
        self.held.push_back(line);
        // one more than is shown tells whether any is left out
        if self.held.len() > LAST {
            self.held.pop_front();
        }
    }

    pub(super) fn finish(&mut self, console: &mut Console) {
        let shown = SHOWN_MAX.saturating_sub(LAST).saturating_add(self.held.len());
        if let Some(left_out) = self.count.checked_sub(shown).filter(|left_out| *left_out > 0 && !self.all) {
            console.line(faint(&format!(
                "… {left_out} more events: `-v` shows all of them, `--format jsonl` too"
            )));
        }
        for line in self.held.drain(..) {
            console.line(line);
        }
        self.active = false;
    }
}

/// An event in one line.
pub(crate) fn line(event: &Event) -> String {
    line_in(event, None)
}

/// The same, with bytes in the units that the rules write.
fn line_in(event: &Event, bytes: Option<ByteUnits>) -> String {
    let people = |text: &str| match Quantity::parse(text) {
        Ok(quantity) => table::people(quantity, bytes),
        Err(_) => table::short(text),
    };
    match event {
        Event::Trigger(change) => {
            let mut text = format!(
                "{}  {}  {} since {}",
                change.at,
                state(change.state, 8),
                change.trigger,
                change.since
            );
            if let Some(value) = &change.value {
                text.push_str(&format!(", at {}", people(value)));
            }
            if let Some(margin) = &change.margin {
                text.push_str(&format!(" (margin {})", people(margin)));
            }
            if let Some(cause) = &change.cause {
                text.push_str(&format!(": {cause}"));
            }
            text
        }
        Event::Decision(decision) => {
            let because = match decision.because.as_slice() {
                [] => String::new(),
                names => format!(" because {}", names.join(", ")),
            };
            format!("{}  {} {}{because}", decision.at, strong("decision"), verdict(decision.decision))
        }
        Event::Summary(summary) => super::report::told(summary),
    }
}
