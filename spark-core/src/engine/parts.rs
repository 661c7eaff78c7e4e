//! What is evaluated as one: an expectation, a trigger, a plan's `proceed when`. Each has its comparisons and its clocks
//! to itself.

use std::ops::Range;

use super::program::Program;
use super::short::Short;
use crate::policy::Policy;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    /// The expectation of the signal at that place.
    Expectation(usize),
    /// The trigger at that place.
    Trigger(usize),
    /// The followed plan's `proceed when`.
    Proceed,
}

/// A part, and what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    pub(super) comparisons: Range<usize>,
    pub(super) clocks: Range<usize>,
    /// Whether it has a sequence, which remembers each instant of what is unknown.
    pub(super) has_sequence: bool,
    /// The parts that listen to what this one shows: by `unless`. They come after it.
    pub(super) listeners: Vec<usize>,
    /// The place of its name among those of all parts, in order.
    pub(super) rank: usize,
    /// Where it is a trigger that can be evaluated in short.
    pub(super) short: Option<Short>,
}

/// Where a part begins, while a program is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    comparisons: usize,
    clocks: usize,
    sequences: usize,
}

impl Program {
    /// What is laid out from now on belongs to one part.
    pub(super) fn begin_part(&self) -> Beginning {
        Beginning {
            comparisons: self.comparisons.len(),
            clocks: self.clocks.len(),
            sequences: self.sequences,
        }
    }

    /// What was laid out since then is that part.
    pub(super) fn end_part(&mut self, kind: PartKind, beginning: Beginning) {
        let comparisons = beginning.comparisons..self.comparisons.len();
        let clocks = beginning.clocks..self.clocks.len();
        let has_sequence = beginning.sequences < self.sequences;
        self.parts.push(Part {
            kind,
            comparisons,
            clocks,
            has_sequence,
            listeners: Vec::new(),
            rank: 0,
            short: None,
        });
    }

    /// Brings the triggers into the policy's order, and notes who listens to whom and what belongs to which.
    pub(super) fn order_parts(&mut self, policy: &Policy) {
        let mut rank = vec![0; policy.triggers().len()];
        for (n, trigger) in policy.order().iter().enumerate() {
            if let Some(rank) = rank.get_mut(trigger.index()) {
                *rank = n;
            }
        }
        // expectations, triggers by rank, `proceed when`
        self.parts.sort_by_key(|part| match part.kind {
            PartKind::Expectation(signal) => (0, signal),
            PartKind::Trigger(trigger) => (1, rank.get(trigger).copied().unwrap_or_default()),
            PartKind::Proceed => (2, 0),
        });
        let mut place_of = vec![0; policy.triggers().len()];
        for (place, part) in self.parts.iter().enumerate() {
            if let PartKind::Trigger(trigger) = part.kind
                && let Some(slot) = place_of.get_mut(trigger)
            {
                *slot = place;
            }
        }
        self.rank_names(policy);
        for (trigger, place) in policy.triggers().iter().zip(&place_of) {
            for speaker in &trigger.unless {
                let speaker = place_of.get(speaker.index()).and_then(|speaker| self.parts.get_mut(*speaker));
                speaker.into_iter().for_each(|speaker| speaker.listeners.push(*place));
            }
        }
        let short = |part: &Part| match part.kind {
            PartKind::Trigger(place) => Short::of(self, place, policy.triggers().get(place)?, part),
            PartKind::Expectation(_) | PartKind::Proceed => None,
        };
        let short: Vec<Option<Short>> = self.parts.iter().map(short).collect();
        self.parts.iter_mut().zip(short).for_each(|(part, short)| part.short = short);
        self.part_of_comparison = vec![0; self.comparisons.len()];
        self.part_of_clock = vec![0; self.clocks.len()];
        for (place, part) in self.parts.iter().enumerate() {
            let comparisons = self.part_of_comparison.get_mut(part.comparisons.clone());
            comparisons.into_iter().for_each(|comparisons| comparisons.fill(place));
            let clocks = self.part_of_clock.get_mut(part.clocks.clone());
            clocks.into_iter().for_each(|clocks| clocks.fill(place));
        }
    }

    /// Brings the parts' names into order: names are told in it.
    fn rank_names(&mut self, policy: &Policy) {
        let mut by_name: Vec<usize> = (0..self.parts.len()).collect();
        by_name.sort_by_key(|place| self.parts.get(*place).and_then(|part| part.kind.name(policy)));
        for (rank, place) in by_name.iter().enumerate() {
            self.parts.get_mut(*place).into_iter().for_each(|part| part.rank = rank);
        }
        self.parts_by_name = by_name;
    }
}

impl PartKind {
    /// What a reader knows it by: a trigger's name, a signal's of an expectation.
    pub(super) fn name(self, policy: &Policy) -> Option<&str> {
        match self {
            Self::Expectation(signal) => Some(policy.signals().get(signal)?.name.as_str()),
            Self::Trigger(trigger) => Some(policy.triggers().get(trigger)?.name.as_str()),
            Self::Proceed => None,
        }
    }
}
