//! The last decision as the engine keeps it: in places and numbers, to be told in names where somebody asks.

use super::Engine;
use super::history::History;
use super::places::PlaceSet;
use super::readers::Newness;
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

/// The last decision; its reasons are what asks for something.
#[derive(Debug, Clone)]
pub(super) struct Latest {
    /// `None` before the first.
    pub(super) at: Option<Timestamp>,
    pub(super) verdict: Verdict,
    pub(super) ready: Truth,
    pub(super) turned: Vec<Turned>,
    /// Whether what is told beside some of them is still to be made.
    pub(super) has_open_details: bool,
    pub(super) overridden: Vec<String>,
}

impl Default for Latest {
    fn default() -> Self {
        Self {
            at: None,
            verdict: Verdict::Proceed,
            ready: Truth::Unknown,
            turned: Vec::new(),
            has_open_details: false,
            overridden: Vec::new(),
        }
    }
}

/// A trigger's new state.
#[derive(Debug, Clone)]
pub(super) struct Turned {
    pub(super) trigger: TriggerId,
    /// The place of its name among those of all parts, in which they are told.
    pub(super) rank: u32,
    pub(super) state: State,
    pub(super) since: Timestamp,
    /// What is told beside it; none as long as it still follows from what the engine holds.
    pub(super) details: Option<Details>,
}

/// What a reader is told of a trigger's new state: the most expensive part of a decision, so it is made where somebody asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Details {
    pub(super) value: Option<Quantity>,
    pub(super) margin: Option<Quantity>,
    pub(super) cause: Option<String>,
}

/// Who asks for what, by the rank of names.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    hold: PlaceSet,
    rollback: PlaceSet,
}

impl Asks {
    pub(super) fn new(parts: usize) -> Self {
        Self { hold: PlaceSet::new(parts), rollback: PlaceSet::new(parts) }
    }

    /// Says what one asks for from now on.
    pub(super) fn set(&mut self, rank: usize, asks: Option<Verdict>) {
        self.hold.set(rank, asks == Some(Verdict::Hold));
        self.rollback.set(rank, asks == Some(Verdict::Rollback));
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
        let parts = engine.made.asks.of(self.verdict()).filter_map(|rank| engine.program.ranked(rank));
        parts.filter_map(|part| part.kind.name(&engine.policy))
    }

    /// The triggers whose shown state differs from the instant before, by name.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (TriggerId, State)> {
        self.engine.latest.turned.iter().map(|turned| (turned.trigger, turned.state))
    }

    /// The decision, to be kept.
    pub fn to_decision(&self) -> Decision {
        let latest = &self.engine.latest;
        let name = |trigger: TriggerId| self.engine.policy.triggers().get(trigger.index());
        let change = |turned: &Turned| {
            let known = turned.details.clone();
            let Details { value, margin, cause } =
                known.unwrap_or_else(|| self.engine.details(turned.trigger, self.at()));
            Change {
                trigger: turned.trigger,
                name: name(turned.trigger).map(|trigger| trigger.name.clone()).unwrap_or_default(),
                state: turned.state,
                since: turned.since,
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
            changes: latest.turned.iter().map(change).collect(),
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
        for comparison in newness.into_iter().flat_map(Newness::comparisons) {
            let part = program.part_of_comparison.get(comparison as usize);
            let Some(part) = part.and_then(|part| program.parts.get(*part as usize)) else { continue };
            if let Ok(turned) = self.latest.turned.binary_search_by_key(&part.rank, |turned| turned.rank) {
                self.settle(turned);
            }
        }
    }

    /// Makes what the last decision tells, before something comes that it did not see.
    pub(super) fn settle_details(&mut self) {
        if std::mem::take(&mut self.latest.has_open_details) {
            (0..self.latest.turned.len()).for_each(|place| self.settle(place));
        }
    }

    /// Makes what is told of the trigger at that place among those that turned.
    fn settle(&mut self, place: usize) {
        let open = self.latest.turned.get(place).filter(|turned| turned.details.is_none());
        let Some((trigger, last)) = open.map(|turned| turned.trigger).zip(self.latest.at) else { return };
        let details = self.details(trigger, last);
        if let Some(turned) = self.latest.turned.get_mut(place) {
            turned.details = Some(details);
        }
    }

    /// Takes a decision up that was saved: what it tells is told again, until the next one visits every part.
    pub(super) fn take_up(&mut self, saved: Decision) {
        let turned = |change: Change| Turned {
            trigger: change.trigger,
            state: change.state,
            since: change.since,
            rank: 0,
            details: Some(Details { value: change.value, margin: change.margin, cause: change.cause }),
        };
        for part in &self.program.parts {
            let name = part.kind.name(&self.policy);
            let asks = name.is_some_and(|name| saved.because.iter().any(|reason| reason == name));
            self.made.asks.set(part.rank as usize, asks.then_some(saved.verdict));
        }
        self.latest = Latest {
            at: Some(saved.at),
            verdict: saved.verdict,
            ready: saved.ready,
            turned: saved.changes.into_iter().map(turned).collect(),
            has_open_details: false,
            overridden: saved.overridden,
        };
    }
}
