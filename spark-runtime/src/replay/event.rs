//! The events of a replay: what `spark replay --format jsonl` prints, line for line.

use serde::{Deserialize, Serialize};
use spark_core::{Change, Decision, State, Timestamp, Verdict};

/// One line of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A trigger's state changed.
    Trigger(TriggerEvent),
    /// The decision changed, or is the first.
    Decision(DecisionEvent),
    /// The last line.
    Summary(Summary),
}

impl Event {
    /// The event as one line of JSON, without the line's end.
    pub fn to_json(&self) -> String {
        // nothing in an event can fail to serialize: no map with odd keys, no float
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A trigger's new state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerEvent {
    /// The instant.
    pub at: Timestamp,
    /// The trigger's name.
    pub trigger: String,
    /// Its new state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// The deciding comparison's left side, as rules write it.
    pub value: Option<String>,
    /// The signed distance to the threshold, negative when it is crossed.
    pub margin: Option<String>,
    /// Why it is unknown, in words.
    pub cause: Option<String>,
}

impl TriggerEvent {
    pub(super) fn of(at: Timestamp, change: &Change) -> Self {
        Self {
            at,
            trigger: change.name.clone(),
            state: change.state,
            since: change.since,
            value: change.value.map(|value| value.to_string()),
            margin: change.margin.map(|margin| margin.to_string()),
            cause: change.cause.clone(),
        }
    }
}

/// A new decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionEvent {
    /// The instant.
    pub at: Timestamp,
    /// What the release may do.
    pub decision: Verdict,
    /// All that by themselves ask for it, sorted.
    pub because: Vec<String>,
}

/// What a replay was made of, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
    /// How many instants.
    pub evaluations: u64,
    /// How many samples all files hold.
    pub samples: u64,
    /// How many came too late in their series.
    pub dropped: u64,
    /// How many contradicted the one before them.
    pub conflicts: u64,
    /// The last decision.
    pub decision: Verdict,
}

/// Turns decisions, in their order, into events.
#[derive(Debug, Clone, Default)]
pub struct Events {
    last: Option<Verdict>,
}

impl Events {
    /// The events of the next decision: triggers by name, then the decision where it is another.
    pub fn of(&mut self, decision: &Decision) -> Vec<Event> {
        let at = decision.at;
        let triggers = decision.changes.iter().map(|change| Event::Trigger(TriggerEvent::of(at, change)));
        let mut events: Vec<Event> = triggers.collect();
        if self.last.replace(decision.verdict) != Some(decision.verdict) {
            let because = decision.because.clone();
            events.push(Event::Decision(DecisionEvent { at, decision: decision.verdict, because }));
        }
        events
    }
}
