//! What an engine was told, kept so that it can be told again under other rules.
//!
//! A reload must decide as if the new rules had been there from the start: a `for` of 20 minutes that is new has run
//! for 20 minutes if the samples say so. An engine's state means nothing under another policy, so its facts are kept and
//! folded again. Whoever drives an engine (the controller of a rollout) tells a [`Recollection`] the same things in the same
//! order as the engine, asks [`tighten::compare`](crate::tighten::compare) on a reload, and goes on with
//! [`Recollection::replay_into`] and [`Recollection::continue_under`]. After a restart it is filled by the same fold over the
//! journal that fills the engine, so it is not saved itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Engine;
use crate::decision::Observed;
use crate::policy::Policy;
use crate::signal::{Reading, Sample, SignalId, Track};
use crate::time::Timestamp;

/// Entries that are kept, at the most; of 40 bytes each, so 80 MiB. A day of 30 series, a sample of each every 15 s, is
/// 178,560 of them, or 7 MiB: this is eleven days. A release that is longer on its way keeps its rules.
pub const RECALLED_MAX: usize = 1 << 21;

/// Bytes of the words of failed sources that are kept, at the most. Beyond it nothing is lost that is measured, but a
/// replayed engine could not tell the same words, so the recollection ends.
pub const FAILURE_WORDS_MAX: usize = 16 << 20;

/// One thing that an engine was told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// A sample that it kept; the signal by its place among the names.
    Sample { signal: u32, track: Track, at: Timestamp, reading: Reading },
    /// It decided at that instant.
    Evaluated(Timestamp),
    /// The rollout entered the stage with this place.
    Stage(u32),
    /// An operator overrode a trigger until a time, or ended that; boxed, for it is rare.
    Word(Box<(String, Option<Timestamp>)>),
}

/// Everything that an engine was told since its start, within a limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recollection {
    /// Names of signals, over all policies so far.
    names: Vec<String>,
    /// By place in the present policy: the name's place.
    places: Vec<u32>,
    told: Vec<Told>,
    words: usize,
    lost: bool,
}

/// Why an engine cannot be told again what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecollectionError {
    /// More was told than is kept.
    #[error(
        "the release has been told more than {RECALLED_MAX} facts, which are not all kept: it goes on under its rules"
    )]
    TooLong,
}

impl Recollection {
    /// Nothing yet, of an engine under this policy.
    pub fn new(policy: &Policy) -> Self {
        let mut empty = Self::default();
        empty.continue_under(policy);
        empty
    }

    /// Says that samples come with the handles of this policy from now on: after a reload.
    pub fn continue_under(&mut self, policy: &Policy) {
        self.places.clear();
        let mut known: BTreeMap<String, usize> = self.names.iter().cloned().zip(0..).collect();
        for signal in policy.signals() {
            let place = *known.entry(signal.name.clone()).or_insert(self.names.len());
            if place == self.names.len() {
                self.names.push(signal.name.clone());
            }
            self.places.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
    }

    /// A sample that was observed, and what became of it; one that was not kept changed nothing.
    pub fn observed(&mut self, sample: &Sample, became: Observed) {
        let (Observed::Kept, Some(signal)) = (became, self.places.get(sample.signal.index())) else { return };
        if let Reading::Failed(words) = &sample.reading {
            self.words = self.words.saturating_add(words.len());
        }
        let (track, at, reading) = (sample.track, sample.at, sample.reading.clone());
        self.keep(Told::Sample { signal: *signal, track, at, reading });
    }

    /// An evaluation at an instant.
    pub fn evaluated(&mut self, at: Timestamp) {
        self.keep(Told::Evaluated(at));
    }

    /// A stage that was entered.
    pub fn entered_stage(&mut self, stage: u32) {
        self.keep(Told::Stage(stage));
    }

    /// A trigger that was overridden until a time.
    pub fn overridden(&mut self, trigger: &str, until: Timestamp) {
        self.keep(Told::Word(Box::new((trigger.to_owned(), Some(until)))));
    }

    /// A trigger that is overridden no more.
    pub fn override_ended(&mut self, trigger: &str) {
        self.keep(Told::Word(Box::new((trigger.to_owned(), None))));
    }

    fn keep(&mut self, told: Told) {
        if self.told.len() >= RECALLED_MAX || self.words > FAILURE_WORDS_MAX {
            self.lost = true;
            // nobody may ask for half of it
            self.told = Vec::new();
        }
        if !self.lost {
            self.told.push(told);
        }
    }

    /// How much is kept: entries, and the bytes that they take. None once it was too much.
    pub fn size(&self) -> Option<(usize, usize)> {
        let bytes = self.told.capacity().saturating_mul(size_of::<Told>()).saturating_add(self.words);
        (!self.lost).then_some((self.told.len(), bytes))
    }

    /// An engine under these rules that was told all that is kept, in the same order. Under the rules that the kept engine
    /// has, it is the same, byte for byte. Samples of signals that these rules do not declare, and overrides of triggers
    /// that they do not have, are left out.
    ///
    /// # Errors
    /// More was told than is kept.
    pub fn replay_into(&self, policy: Arc<Policy>, plan: Option<&str>) -> Result<Engine, RecollectionError> {
        if self.lost {
            return Err(RecollectionError::TooLong);
        }
        let declared: BTreeMap<&str, SignalId> =
            policy.signals().iter().map(|signal| signal.name.as_str()).zip((0..).map(SignalId)).collect();
        let ids: Vec<Option<SignalId>> =
            self.names.iter().map(|name| declared.get(name.as_str()).copied()).collect();
        let mut engine = match plan {
            Some(plan) => Engine::with_plan(policy, plan),
            None => Engine::new(policy),
        };
        for told in &self.told {
            match told {
                Told::Sample { signal, track, at, reading } => {
                    if let Some(Some(signal)) = ids.get(*signal as usize) {
                        let (signal, reading) = (*signal, reading.clone());
                        engine.observe(&Sample { signal, track: *track, at: *at, reading });
                    }
                }
                Told::Evaluated(at) => {
                    let _ = engine.decide(*at);
                }
                Told::Stage(stage) => engine.enter_stage(*stage),
                // a trigger that is gone has nothing to silence
                Told::Word(word) => drop(match &**word {
                    (trigger, Some(until)) => engine.override_trigger(trigger, *until),
                    (trigger, None) => engine.end_override(trigger),
                }),
            }
        }
        Ok(engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyParts;
    use crate::time::TimeSpan;

    /// The figures at the limit are true: an entry's size, and that beyond the limit nothing is replayed.
    #[test]
    fn limits() {
        assert_eq!(size_of::<Told>(), 40);
        let parts = PolicyParts {
            every: TimeSpan::from_seconds(15),
            signals: Vec::new(),
            triggers: Vec::new(),
            plans: Vec::new(),
            checks: vec![],
        };
        let policy = Arc::new(Policy::new(parts).unwrap());
        let mut recollection = Recollection::new(&policy);
        for _ in 0..RECALLED_MAX {
            recollection.entered_stage(0);
        }
        assert_eq!(recollection.size().map(|(entries, _)| entries), Some(RECALLED_MAX));
        assert!(recollection.replay_into(policy.clone(), None).is_ok());
        recollection.entered_stage(0);
        assert_eq!(recollection.size(), None);
        recollection.entered_stage(0);
        assert_eq!(recollection.replay_into(policy, None).err(), Some(RecollectionError::TooLong));
    }
}
