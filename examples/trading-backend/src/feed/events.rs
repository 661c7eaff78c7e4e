//! Where the outbox sends its events: keeps the ids that it has seen, so that a second delivery is known as one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Most ids kept: a day of the demo. The oldest go first.
const IDS_MAX: usize = 1_000_000;

/// What was delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Events seen for the first time.
    pub events: u64,
    /// Deliveries of an event that had been seen.
    pub repeated: u64,
    /// Events by their topic.
    pub by_topic: BTreeMap<String, u64>,
}

/// An event as the outbox sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: i64,
    pub(super) topic: String,
}

#[derive(Default)]
pub(super) struct Events(Mutex<(BTreeMap<i64, ()>, Delivered)>);

impl Events {
    pub(super) fn deliver(&self, event: Event) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (ids, delivered) = &mut *held;
        if ids.insert(event.id, ()).is_some() {
            delivered.repeated = delivered.repeated.saturating_add(1);
            return;
        }
        if ids.len() > IDS_MAX {
            ids.pop_first();
        }
        delivered.events = delivered.events.saturating_add(1);
        let count = delivered.by_topic.entry(event.topic).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn delivered(&self) -> Delivered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}
