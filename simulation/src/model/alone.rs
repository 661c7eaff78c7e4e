//! What becomes of a rollback when everything else stands still: a runner that is left alone with it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use spark_core::rollout::{Due, Ended, Ending};

use super::normal::{self, Fold};
use super::world::{Action, Setting, Twin, World};

/// More steps than a runner needs that is left alone with a rollback.
const STEPS_TO_END: u32 = 30;

impl Setting {
    /// Whether a runner that is left alone brings a rollback to its end: to the good one where it sees, else to the loud one.
    pub(crate) fn can_end(&self, world: &World) -> bool {
        thread_local! {
            /// Rollouts, with the traffic, that were seen to come to an end: nothing else is left in the world then.
            static ENDS: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
        }
        let mut fold = Fold::new();
        let Some(journal) = world.journal.as_deref() else { return true };
        normal::rollout(journal, world.now, &mut fold);
        let print = fold.add(world.share.into()).sum();
        if self.twin == Twin::None && ENDS.with_borrow(|ends| ends.contains(&print)) {
            return true;
        }
        let ends = self.ends(world);
        if ends && self.twin == Twin::None {
            ENDS.with_borrow_mut(|ends| ends.insert(print));
        }
        ends
    }

    fn ends(&self, world: &World) -> bool {
        let alone = |sees: bool| {
            let mut world = world.clone();
            world.runners = [None, None];
            world.flights.clear();
            (world.left.faults, world.left.crashes) = (u8::MAX, u8::MAX);
            self.start(&mut world, 0)?;
            for _ in 0..STEPS_TO_END {
                match world.journal.as_deref()?.due(world.at()) {
                    Due::Act { .. } => {
                        self.intend(&mut world, 0)?;
                        self.send(&mut world, 0)?;
                        self.land(&mut world, 0, false)?;
                        self.answer(&mut world, 0, Ended::Succeeded)?;
                    }
                    Due::Probe { .. } => self.step(&mut world, Action::Probe(0, sees))?,
                    Due::Wait(_) => self.step(&mut world, Action::Tick)?,
                    Due::Finish(ending) => return Some(ending),
                }
            }
            None
        };
        let good = matches!(alone(true), Some(Ending::RolledBack { .. }));
        good && matches!(alone(false), Some(Ending::Unverified { .. }))
    }
}
