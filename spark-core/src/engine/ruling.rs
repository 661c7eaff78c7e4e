//! The last decision as the engine keeps it: in places and numbers, to be told in names where somebody asks.

use super::Engine;
use super::history::History;
use super::places::{PlaceSet, place};
use super::triggers::TriggerMemory;
use crate::decision::{Change, Decision, State, Truth, Verdict};
use crate::quantity::Quantity;
use crate::signal::Sample;
use crate::time::Timestamp;
use crate::trigger::TriggerId;

/// A decision, as the engine that made it lends it.
#[derive(Debug, Clone, Copy)]
#[must_use = "a decision that nobody carries out protects nothing"]
pub struct Ruling<'a> {
    engine: &'a Engine,
}

/// The last decision; its reasons are what asks for something, and its changes what turned.
#[derive(Debug, Clone)]
pub(super) struct Latest {
    /// `None` before the first.
    pub(super) at: Option<Timestamp>,
    pub(super) verdict: Verdict,
    pub(super) ready: Truth,
    pub(super) has_changes: bool,
    /// Whether what is told beside some of them is still to be made.
    pub(super) has_open_details: bool,
    /// What is told beside those that are settled, by the trigger's bit: of the others it follows from what the engine holds.
    told: Vec<(u32, Details)>,
    settled: PlaceSet,
    pub(super) overridden: Vec<String>,
}

impl Latest {
    /// There was none; so many bits have parts.
    pub(super) fn new(bits: usize, ready: Truth) -> Self {
        Self {
            at: None,
            verdict: Verdict::Proceed,
            ready,
            has_changes: false,
            has_open_details: false,
            told: Vec::new(),
            settled: PlaceSet::new(bits),
            overridden: Vec::new(),
        }
    }

    fn tell(&mut self, bit: usize, details: Details) {
        self.settled.insert(bit);
        self.told.push((place(bit), details));
    }
}

/// What a reader is told of a trigger's new state: the most expensive part of a decision, so it is made where somebody asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    pub(super) value: Option<Quantity>,
    pub(super) margin: Option<Quantity>,
    pub(super) cause: Option<String>,
}

/// Who asks for what, by the bits of parts.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    hold: PlaceSet,
    rollback: PlaceSet,
}

impl Asks {
    pub(super) fn new(bits: usize) -> Self {
        Self { hold: PlaceSet::new(bits), rollback: PlaceSet::new(bits) }
    }

    /// Says what one asks for from now on.
    pub(super) fn set(&mut self, bit: usize, asks: Option<Verdict>) {
        self.hold.set(bit, asks == Some(Verdict::Hold));
        self.rollback.set(bit, asks == Some(Verdict::Rollback));
    }

    /// The same of these bits of a word.
    pub(super) fn put(&mut self, word: usize, of: u64, hold: u64, rollback: u64) {
        self.hold.put(word, of, hold);
        self.rollback.put(word, of, rollback);
    }

    /// The strictest that any asks for.
    pub(super) fn verdict(&self) -> Verdict {
        match (self.rollback.is_empty(), self.hold.is_empty()) {
            (false, _) => Verdict::Rollback,
            (true, false) => Verdict::Hold,
            (true, true) => Verdict::Proceed,
        }
    }

    /// Those who ask for a verdict.
    fn of(&self, verdict: Verdict) -> impl Iterator<Item = usize> {
        let set = match verdict {
            Verdict::Proceed => None,
            Verdict::Hold => Some(&self.hold),
            Verdict::Rollback => Some(&self.rollback),
        };
        set.into_iter().flat_map(PlaceSet::iter)
    }
}

impl<'a> Ruling<'a> {
    pub(super) const fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    /// The instant.
    pub fn at(&self) -> Timestamp {
        self.engine.latest.at.unwrap_or_default()
    }

    /// What the release may do.
    pub const fn verdict(&self) -> Verdict {
        self.engine.latest.verdict
    }

    /// Whether the plan's `proceed when` holds; true without a plan or without that clause.
    pub const fn ready(&self) -> Truth {
        self.engine.latest.ready
    }

    /// All that by themselves ask for the verdict: trigger names, signal names for expectations; sorted, none for proceed.
    pub fn because(&self) -> impl Iterator<Item = &'a str> {
        let engine = self.engine;
        let parts = engine.made.asks.of(self.verdict()).filter_map(|bit| engine.program.part_at(bit));
        parts.filter_map(|part| part.kind.name(&engine.policy))
    }

    /// The triggers whose shown state differs from the instant before, by name.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (TriggerId, State)> {
        let turned = self.turned().map(|(_, trigger, memory)| (trigger, memory.shown));
        Counted { left: self.engine.changed().len(), items: turned }
    }

    /// The triggers that turned: with their bits, and what they remember.
    fn turned(&self) -> impl Iterator<Item = (usize, TriggerId, TriggerMemory)> {
        let engine = self.engine;
        engine.changed().iter().filter_map(|bit| {
            let trigger = TriggerId(engine.program.part_at(bit)?.kind.trigger()?);
            Some((bit, trigger, engine.remembered(trigger.index())?))
        })
    }

    /// The decision, to be kept.
    pub fn to_decision(&self) -> Decision {
        let latest = &self.engine.latest;
        let name = |trigger: TriggerId| self.engine.policy.triggers().get(trigger.index());
        let mut told: Vec<&(u32, Details)> = latest.told.iter().collect();
        told.sort_unstable_by_key(|(bit, _)| *bit);
        let change = |(bit, trigger, memory): (usize, TriggerId, TriggerMemory)| {
            let known = told.binary_search_by_key(&place(bit), |(bit, _)| *bit).ok();
            let known = known.and_then(|n| told.get(n)).map(|(_, details)| details.clone());
            let Details { value, margin, cause } =
                known.unwrap_or_else(|| self.engine.details(trigger, self.at()));
            Change {
                trigger,
                name: name(trigger).map(|trigger| trigger.name.clone()).unwrap_or_default(),
                state: memory.shown,
                since: memory.since.unwrap_or(self.at()),
                value,
                margin,
                cause,
            }
        };
        Decision {
            at: self.at(),
            verdict: latest.verdict,
            because: self.because().map(str::to_owned).collect(),
            ready: latest.ready,
            changes: self.turned().map(change).collect(),
            overridden: latest.overridden.clone(),
        }
    }
}

impl Engine {
    /// The last decision.
    pub fn last(&self) -> Option<Ruling<'_>> {
        self.latest.at.map(|_| Ruling::new(self))
    }

    /// Makes what the last decision tells of those who read a sample's series, before a sample that may change what it saw:
    /// one of its past, a failure (of which no more than so many are kept), one for which another has to go.
    #[inline(never)]
    pub(super) fn settle_details_before(&mut self, sample: &Sample) {
        let history = self.view(sample.at).history(sample.signal, sample.track);
        let changes_nothing = self.latest.at < Some(sample.at)
            && sample.reading.value().is_some()
            && !history.is_some_and(History::is_full);
        if changes_nothing {
            return;
        }
        let program = self.program.clone();
        if !program.readers.timed.is_empty() {
            // who reads a window is in no list of a series
            return self.settle_details();
        }
        let place = program.readers.series(sample.signal, sample.track);
        let newness = place.and_then(|place| program.readers.newest.get(place));
        for comparison in newness.into_iter().flat_map(|newness| program.comparisons_of(newness)) {
            let part = program.part_of_comparison.get(comparison);
            let Some(part) = part.and_then(|part| program.parts.get(*part as usize)) else { continue };
            if self.made.changed.has(part.bit as usize) {
                self.settle(part.bit as usize);
            }
        }
    }

    /// Makes what the last decision tells, before something comes that it did not see.
    pub(super) fn settle_details(&mut self) {
        if std::mem::take(&mut self.latest.has_open_details) {
            let changed = std::mem::replace(&mut self.made.changed, PlaceSet::new(0));
            changed.iter().for_each(|bit| self.settle(bit));
            self.made.changed = changed;
        }
    }

    /// Makes what is told of the trigger with that bit, which turned.
    fn settle(&mut self, bit: usize) {
        let open = self.program.part_at(bit).filter(|_| !self.latest.settled.has(bit));
        let trigger = open.and_then(|part| part.kind.trigger()).map(TriggerId);
        let Some((trigger, last)) = trigger.zip(self.latest.at) else { return };
        let details = self.details(trigger, last);
        self.latest.tell(bit, details);
    }

    /// The triggers that turned in the last decision, by their bits.
    const fn changed(&self) -> &PlaceSet {
        &self.made.changed
    }

    /// Begins another decision: nothing turned yet.
    pub(super) fn forget_changes(&mut self) {
        if std::mem::take(&mut self.latest.has_changes) {
            self.made.changed.clear();
            self.latest.settled.clear();
            self.latest.told.clear();
        }
        self.latest.has_open_details = false;
    }

    /// Takes a decision up that was saved: what it tells is told again, until the next one visits every part.
    pub(super) fn take_up(&mut self, saved: Decision) {
        for part in &self.program.parts {
            let name = part.kind.name(&self.policy);
            let asks = name.is_some_and(|name| saved.because.iter().any(|reason| reason == name));
            self.made.asks.set(part.bit as usize, asks.then_some(saved.verdict));
        }
        let mut latest = Latest {
            at: Some(saved.at),
            verdict: saved.verdict,
            has_changes: !saved.changes.is_empty(),
            overridden: saved.overridden,
            ..Latest::new(self.program.bits.len(), saved.ready)
        };
        // they are told by name, as parts are
        let mut changes = saved.changes.into_iter().peekable();
        for bit in 0..self.program.bits.len() {
            let trigger = self.program.part_at(bit).and_then(|part| part.kind.trigger());
            if let Some(Change { value, margin, cause, .. }) =
                changes.next_if(|change| Some(change.trigger.0) == trigger)
            {
                self.made.changed.insert(bit);
                latest.tell(bit, Details { value, margin, cause });
            }
        }
        self.latest = latest;
    }
}

/// Items whose number is known.
#[derive(Debug)]
struct Counted<I> {
    items: I,
    left: usize,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.left = self.left.saturating_sub(1);
        self.items.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}
