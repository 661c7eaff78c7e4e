//! Triggers in short: one level, whose condition is newest samples beside literals under one `and` or one `or`, with one `for`
//! around it or none. Where every sample is known there are two ways to go and nothing to remember but a clock, so the way is
//! short. All others, and these where something is unknown, go the general way; both come to the same.

use super::clock::Outcome;
use super::parts::Part;
use super::pass::{Memory, Pass};
use super::program::{Node, Program};
use super::triggers::{Known, Traced};
use crate::trigger::{Severity, Trigger};

/// How such a trigger is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    /// Whether one comparison is enough.
    pub(super) any: bool,
    pub(super) severity: Severity,
    /// Whether there is a `for`. Its part has that clock, which is the one of its bare condition too; without one, that alone.
    pub(super) held: bool,
}

impl Short {
    /// What a trigger is in short; none where it is not.
    pub(super) fn of(program: &Program, place: usize, trigger: &Trigger, part: &Part) -> Option<Self> {
        let [declared] = trigger.levels.as_slice() else { return None };
        let roots = program.triggers.get(place)?;
        let [level] = &*roots.levels else { return None };
        let alone = roots.clear.is_none() && roots.given.is_none() && trigger.unless.is_empty();
        if !alone || trigger.unknown_rollback_after.is_some() {
            return None;
        }
        let (held, inner) = match program.nodes.get(level.root.full)? {
            Node::Held { inner, .. } => (true, *inner),
            _ => (false, level.root.full),
        };
        let compares = |nodes: &[usize]| {
            nodes.iter().all(|node| matches!(program.nodes.get(*node), Some(Node::Compare(_))))
        };
        let any = match program.nodes.get(inner)? {
            Node::Compare(_) => false,
            Node::All(parts) if compares(parts) => false,
            Node::Any(parts) if compares(parts) => true,
            _ => return None,
        };
        let plain = program.readers.plain.get(part.comparisons.range())?;
        plain.iter().all(Option::is_some).then_some(Self { any, severity: declared.severity, held })
    }
}

impl Pass<'_> {
    /// Whether the condition of a trigger in short holds; none where a sample is not known.
    pub(super) fn holds(&mut self, part: &Part, short: Short) -> Option<bool> {
        let plain = self.view.program.readers.plain.get(part.comparisons.range())?;
        let compared = self.compared.get_mut(part.comparisons.range())?;
        let mut all_hold = true;
        let mut any_holds = false;
        for (plain, slot) in plain.iter().zip(compared) {
            let holds = self.watch.holds(plain.as_ref()?)?;
            *slot = Some(Outcome::of(holds));
            all_hold &= holds;
            any_holds |= holds;
        }
        Some(if short.any { any_holds } else { all_hold })
    }

    /// Takes in whether it holds, and gives what its clauses are worth.
    pub(super) fn in_short(&mut self, part: &Part, trigger: usize, short: Short, holds: bool) -> Traced {
        let at = self.view.at;
        let Memory { clocks, triggers, .. } = &mut *self.memory;
        let bare = Outcome::of(holds);
        let mut known = Known { holds, full: holds, run: None, counts: short.held };
        let of = self.view.program.clocks.get(part.clocks.range()).unwrap_or_default();
        if let (Some([run]), Some((duration, reach))) = (clocks.get_mut(part.clocks.range()), of.first()) {
            known.full = run.advance(at, bare, *duration, *reach).is_true();
            known.run = run.start();
        }
        if let Some(memory) = triggers.get_mut(trigger) {
            memory.advance_in_short(short.severity, known, at);
        }
        Traced::of_one(Outcome::of(known.full), bare)
    }
}
