//! What a trigger shows and how far it is from turning, in numbers alone: cheap enough to be asked at every instant of
//! a backtest. [`Report`](crate::Report) has the words.

use super::Engine;
use super::program::{Node, Root};
use crate::decision::{State, Truth, Unknown, Verdict};
use crate::quantity::Quantity;
use crate::signal::{SignalId, SourceSpan};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::{Severity, TriggerId};

/// What a trigger shows at the last evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Its state.
    pub state: State,
    /// Since when, in the sense of the state.
    pub since: Option<Timestamp>,
    /// What it asks for; nothing while it is overridden.
    pub asks: Option<Verdict>,
    /// Why it is unknown, or why a level at or above its own is.
    pub cause: Option<Unknown>,
    /// Where that is too little evidence: why `given` is not known, and nothing where it is false.
    pub given: Option<Unknown>,
}

/// A condition at the last evaluation: its truth, and how far it is from turning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closeness {
    /// As written.
    pub truth: Truth,
    /// Its `for`s aside.
    pub bare: Truth,
    /// The deciding comparison; none where it is not known.
    pub measured: Option<Measured>,
    /// The evidence that its `for` has added up, and how much it needs; none where its end is no single `for`.
    pub held: Option<(TimeSpan, TimeSpan)>,
}

/// A comparison's sides at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The side that reads a signal; the left one where both do.
    pub value: Quantity,
    /// The other side.
    pub threshold: Quantity,
    /// The signed distance to turning true: negative where it is true.
    pub margin: Quantity,
    /// Where the comparison stands.
    pub span: SourceSpan,
}

impl Engine {
    /// What a trigger shows at the last evaluation; none before the first, or where there is no such trigger.
    pub fn glance(&self, trigger: TriggerId) -> Option<Glance> {
        self.latest.at?;
        let memory = self.remembered(trigger.index())?;
        let overridden = self.overridden_until(trigger).is_some();
        Some(Glance {
            state: memory.shown,
            since: memory.since,
            asks: memory.asks.filter(|_| !overridden),
            cause: memory.cause,
            given: memory.given,
        })
    }

    /// How far a trigger's level is from turning at the last evaluation; none before the first, where there is no such
    /// level, or where it reads a stage before the first.
    pub fn level_closeness(&self, trigger: TriggerId, severity: Severity) -> Option<Closeness> {
        let declared = &self.policy.triggers().get(trigger.index())?.levels;
        let place = declared.iter().position(|level| level.severity == severity)?;
        let (full, bare) = (*self.traced(trigger.index())?.levels.get(place)?)?;
        let root = &self.program.triggers.get(trigger.index())?.levels.get(place)?.root;
        Some(self.closeness(root, full, bare))
    }

    /// How far a signal's expectation is from failing to hold at the last evaluation: its margin is negative where it is
    /// met. None before the first, and where there is no such expectation.
    pub fn expectation_closeness(&self, signal: SignalId) -> Option<Closeness> {
        let root = self.program.expectations.get(signal.index())?.as_deref()?;
        let (met, _) = (*self.state.expectations.get(signal.index())?)?;
        Some(self.closeness(root, met, met))
    }

    fn closeness(&self, root: &Root, truth: Truth, bare: Truth) -> Closeness {
        let measured = self.latest.at.and_then(|last| {
            let view = self.view(last);
            let deciding = view.deciding(root).filter(|_| truth != Truth::Unknown)?;
            let (value, threshold, margin, _) = view.measured(Some(deciding), State::Ok);
            let span = self.program.comparisons.get(deciding.place)?.span;
            Some(Measured { value: value?, threshold: threshold?, margin: margin?, span })
        });
        let held = match self.program.nodes.get(root.full) {
            Some(Node::Held { clock, .. }) => {
                let last = self.latest.at.unwrap_or_default();
                let duration = self.program.clocks.get(*clock).map(|(duration, _)| *duration);
                let clock = self.clock(*clock, last);
                clock.zip(duration).map(|(clock, held)| (held.minus(clock.missing(held)), held))
            }
            _ => None,
        };
        Closeness { truth, bare, measured, held }
    }
}
