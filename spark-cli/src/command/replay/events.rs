//! Events in lines for people; of very many, the first and the last.

use std::collections::VecDeque;

use spark_runtime::replay::Event;

use super::Format;
use crate::console::{Console, faint, state, strong, verdict};
use crate::table;

/// Most events that are shown without `-v`: two screens. Of more, the first three quarters and the last quarter.
const SHOWN_MAX: usize = 80;
/// Those of them that are the last.
const LAST: usize = 20;

/// Events that are told as they come.
pub(super) struct Told {
    active: bool,
    all: bool,
    count: usize,
    /// The newest that were not shown yet.
    held: VecDeque<String>,
}

impl Told {
    pub(super) const fn new(format: Format, all: bool) -> Self {
        Self { active: matches!(format, Format::Text), all, count: 0, held: VecDeque::new() }
    }

    pub(super) fn take(&mut self, console: &mut Console, event: &Event) {
        if !self.active {
            return;
        }
        self.count = self.count.saturating_add(1);
        if self.all || self.count <= SHOWN_MAX.saturating_sub(LAST) {
            return console.line(line(event));
        }
        self.held.push_back(line(event));
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
                text.push_str(&format!(", at {}", table::short(value)));
            }
            if let Some(margin) = &change.margin {
                text.push_str(&format!(" (margin {})", table::short(margin)));
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
