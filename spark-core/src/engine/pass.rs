//! One evaluation: every condition once, in order, with what it remembers brought forward.

use super::clock::{Clock, Outcome, Sequence};
use super::program::{LevelRoots, Node, NodeId, Root, TriggerRoots};
use super::triggers::{LEVELS_MAX, LevelTruth, Levels, TriggerMemory};
use super::view::View;
use super::watch::Watch;
use crate::decision::Unknown;
use serde::{Deserialize, Serialize};

/// What conditions remember between evaluations, by place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) clocks: Vec<Clock>,
    pub(super) sequences: Vec<Sequence>,
    pub(super) triggers: Vec<TriggerMemory>,
}

/// One evaluation on its way.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    pub(super) view: View<'a>,
    /// What series show at this instant.
    pub(super) watch: &'a Watch,
    pub(super) memory: &'a mut Memory,
    /// Comparisons of this instant: both readings of a condition ask for each.
    pub(super) compared: &'a mut [Option<Outcome>],
    /// Whether every expectation is met, once they were all evaluated.
    pub(super) every_expectation: Outcome,
}

impl Pass<'_> {
    fn compare(&mut self, place: usize) -> Outcome {
        if let Some(Some(known)) = self.compared.get(place) {
            return *known;
        }
        let outcome = self.watch.compare(&self.view, place);
        if let Some(slot) = self.compared.get_mut(place) {
            *slot = Some(outcome);
        }
        outcome
    }

    /// Evaluates a node. Where `masked`, its comparisons read as unknown for that cause.
    ///
    /// Every part is evaluated, also where the others decide: clocks and sequences have to see each instant.
    fn node(&mut self, id: NodeId, masked: Option<Unknown>) -> Outcome {
        let view = self.view;
        match view.program.nodes.get(id) {
            // a root is a node of its program
            None => Outcome::Unknown(Unknown::Overflow),
            Some(Node::Compare(place)) => match masked {
                Some(cause) => Outcome::Unknown(cause),
                None => self.compare(*place),
            },
            Some(Node::All(parts)) => {
                parts.iter().fold(Outcome::True, |so_far, part| so_far.and(self.node(*part, masked)))
            }
            Some(Node::Any(parts)) => {
                parts.iter().fold(Outcome::False, |so_far, part| so_far.or(self.node(*part, masked)))
            }
            Some(Node::Not(inner)) => self.node(*inner, masked).negated(),
            Some(Node::Held { inner, clock }) => {
                let inner = self.node(*inner, masked);
                match self.memory.clocks.get_mut(*clock).zip(view.program.clocks.get(*clock)) {
                    Some((clock, (duration, reach))) => clock.advance(view.at, inner, *duration, *reach),
                    None => Outcome::Unknown(Unknown::Overflow),
                }
            }
            Some(Node::Sequence(sequence)) => {
                let first = self.node(sequence.first, masked);
                let then = self.node(sequence.then, masked);
                match self.memory.sequences.get_mut(sequence.memory) {
                    Some(memory) => memory.advance(view.at, first, then, sequence.within),
                    None => Outcome::Unknown(Unknown::Overflow),
                }
            }
            Some(Node::EveryExpectation) => match masked {
                Some(cause) => Outcome::Unknown(cause),
                None => self.every_expectation,
            },
        }
    }

    /// A condition as written; `None` where it reads a stage before the first.
    pub(super) fn root(&mut self, root: &Root, masked: Option<Unknown>) -> Option<Outcome> {
        if root.reads_previous_stage && self.view.stages.is_first() {
            return None;
        }
        Some(self.node(root.full, masked))
    }

    /// Evaluates a trigger's conditions.
    pub(super) fn levels(&mut self, roots: &TriggerRoots) -> Levels {
        let left_out = |root: &Root| root.reads_previous_stage && self.view.stages.is_first();
        if roots.given.as_deref().is_some_and(left_out) {
            // its levels read the stage before through it
            return Levels { levels: [None; LEVELS_MAX], clear: None, given: None };
        }
        let given = roots.given.as_ref().and_then(|given| self.root(given, None));
        let masked = given.filter(|given| !given.is_true()).map(|_| Unknown::TooLittleEvidence);
        let mut levels = [None; LEVELS_MAX];
        for (slot, level) in levels.iter_mut().zip(&*roots.levels) {
            *slot = self.level(level, masked);
        }
        let without_stage = Outcome::Unknown(Unknown::NoPreviousStage);
        let clear = roots.clear.as_ref().map(|clear| self.root(clear, masked).unwrap_or(without_stage));
        Levels { levels, clear, given }
    }

    fn level(&mut self, level: &LevelRoots, masked: Option<Unknown>) -> Option<LevelTruth> {
        let root = &level.root;
        let full = self.root(root, masked)?;
        let mut bare = if root.bare == root.full { full } else { self.node(root.bare, masked) };
        if bare.is_false() {
            // in a sequence A turns true earlier without its `for`, perhaps too early: what may hold as written is not left
            bare = full;
        }
        if let Some(run) = self.memory.clocks.get_mut(level.run) {
            run.advance(self.view.at, bare, root.longest, root.reach);
        }
        let start = |place: usize| self.memory.clocks.get(place).and_then(Clock::start);
        let running = root.clocks.range().filter_map(start).min();
        Some(LevelTruth { full, bare, run: start(level.run), running })
    }
}
