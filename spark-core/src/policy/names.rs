//! Where signals and triggers stand, by their names: large rule sets are compared name by name on a reload.

use super::{PolicyError, PolicyParts};

/// Places in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    signals: Vec<u32>,
    triggers: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signal,
    Trigger,
}

impl Names {
    /// # Errors
    /// A name stands twice.
    pub(super) fn new(parts: &PolicyParts) -> Result<Self, PolicyError> {
        let signals =
            parts.signals.iter().zip(0..).map(|(signal, n)| (signal.name.as_str(), Kind::Signal, n));
        let triggers = parts.triggers.iter().zip(0..);
        let triggers = triggers.map(|(trigger, n)| (trigger.name.as_str(), Kind::Trigger, n));
        let mut all: Vec<(&str, Kind, u32)> = signals.chain(triggers).collect();
        all.sort_unstable_by_key(|(name, ..)| *name);
        let twice = all.iter().zip(all.iter().skip(1)).find(|((a, ..), (b, ..))| a == b);
        if let Some(((name, ..), _)) = twice {
            return Err(PolicyError::DuplicateName((*name).to_owned()));
        }
        let of = |wanted: Kind| {
            all.iter().filter(|(_, kind, _)| *kind == wanted).map(|(_, _, place)| *place).collect()
        };
        Ok(Self { signals: of(Kind::Signal), triggers: of(Kind::Trigger) })
    }

    pub(super) fn signal(&self, parts: &PolicyParts, name: &str) -> Option<u32> {
        find(&self.signals, name, |place| parts.signals.get(place).map(|signal| signal.name.as_str()))
    }

    pub(super) fn trigger(&self, parts: &PolicyParts, name: &str) -> Option<u32> {
        find(&self.triggers, name, |place| parts.triggers.get(place).map(|trigger| trigger.name.as_str()))
    }
}

fn find<'a>(places: &[u32], name: &str, name_of: impl Fn(usize) -> Option<&'a str>) -> Option<u32> {
    let found = places.binary_search_by(|place| name_of(*place as usize).cmp(&Some(name))).ok()?;
    places.get(found).copied()
}
