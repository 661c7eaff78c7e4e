//! The fingerprint of a state: the rollout as `normal` tells it, and what is around it.
//!
//! What of the rest is told in another way than it stands there, and why that changes nothing:
//!
//! - **Fences**, and at a switch that compares steps the steps' numbers, are told by how many of the orders that are on their
//!   way or may be sent now are below them: they are compared with these alone, and what comes later is above all of them.
//! - **An order's** attempt and number are compared with the last intent and with the order of its runner: whether it is
//!   newer, and whether it is that, is told. (The last intent itself would be asked again only by a runner with a mistake
//!   planted in it. There a merge may hide a path, but each path that is found is a real one.)
//! - **The two runners, and the orders,** are told in the order of their own fingerprints: which is which makes no difference.
//! - **A step that nobody has looked at**, and the step of the rollback, are compared with the present step alone.
//! - **A rollback** hears nothing any more: the last decision, the stages entered, and how many decisions, words and freezes
//!   may come yet make no difference. Crashes, pauses and faults do.
//!
//! Beside this, an order that the switch refuses is forgotten one event later, unless its runner waits for the answer: what
//! the switch has seen only grows, so it would be refused for ever.

use std::hash::{Hash, Hasher};

use super::normal::{self, Ear, Fold};
use super::world::{At, Bounds, Ghost, Guard, Order, RUNNERS, Runner, World};

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.print());
    }
}

impl World {
    /// A fingerprint: states that have it in common have the same future.
    pub(crate) fn print(&self) -> u64 {
        let mut fold = Fold::new();
        let (ear, steps) = match self.journal.as_deref() {
            None => (Ear::All, 0),
            Some(journal) => (normal::rollout(journal, self.now, &mut fold), journal.step_id().number),
        };
        let ranks = Ranks::of(self, steps);
        let mut runners: [u64; RUNNERS] = std::array::from_fn(|place| {
            self.runners.get(place).map_or(0, |runner| ranks.runner(runner.as_ref()))
        });
        runners.sort_unstable();
        let own: Vec<Order> = self.runners.iter().flatten().filter_map(Runner::order).collect();
        let mut flights: Vec<u64> =
            self.flights.iter().map(|order| ranks.order(*order, own.contains(order))).collect();
        flights.sort_unstable();
        for sum in runners.iter().chain(&flights) {
            fold.add(sum.cast_signed());
        }
        let Ghost { verdict, intent: _, unlooked, open, entered, back, ended, .. } = self.ghost;
        let Ghost { back_begun, taken_back, lied, fence, marks, .. } = self.ghost;
        let Bounds { crashes, takeovers, faults, holds, words, freezes, doubts } = self.left;
        fold.add(self.flights.len() as i64).add(self.share.into()).add(ranks.below(self.seen));
        fold.add(crashes.into()).add(takeovers.into()).add(faults.into());
        fold.add((unlooked == Some(steps)).into());
        fold.add(if back == 0 { 0 } else { 1 + i64::from(back == steps) });
        fold.add(ended.into()).add(back_begun.into()).add(taken_back.into()).add(lied.into());
        fold.add(ranks.older(fence)).add(marks.into());
        if ear == Ear::All {
            fold.add(self.decided.into()).add(verdict.into()).add(open.into()).add(entered.into());
            fold.add(holds.into()).add(words.into()).add(freezes.into()).add(doubts.into());
        }
        fold.sum()
    }
}

/// The fences and numbers that another one can be compared with.
struct Ranks {
    keys: Vec<(u64, u32)>,
    guard: Guard,
    fence: u64,
    steps: u32,
    intent: (u32, u32),
}

impl Ranks {
    fn of(world: &World, steps: u32) -> Self {
        let guard = world.guard;
        let own = world.runners.iter().flatten().filter_map(Runner::order);
        let keys = world.flights.iter().copied().chain(own).map(|order| guard.key(order));
        let now = guard.number(steps);
        let keys = keys.chain([(world.fence, now)]).collect();
        Self { keys, guard, fence: world.fence, steps, intent: world.ghost.intent }
    }

    /// How many keys are below one.
    fn below(&self, key: (u64, u32)) -> i64 {
        self.keys.iter().filter(|other| **other < key).count() as i64
    }

    /// How many are of older fences.
    fn older(&self, fence: u64) -> i64 {
        self.keys.iter().filter(|other| other.0 < fence).count() as i64
    }

    fn order(&self, order: Order, own: bool) -> u64 {
        let newer = (order.number, order.attempt) > self.intent;
        Fold::new()
            .add(self.below(self.guard.key(order)))
            .add(self.older(order.fence))
            .add((order.fence < self.fence).into())
            .add(order.share.into())
            .add(order.back.into())
            .add(newer.into())
            .add(own.into())
            .sum()
    }

    fn runner(&self, runner: Option<&Runner>) -> u64 {
        let Some(Runner { fence: _, stale, at }) = runner else { return 0 };
        let mut fold = Fold::new();
        fold.add((*stale).into());
        match at {
            At::Ready => fold.add(0),
            At::Recorded(order) | At::Sent(order, _) => {
                let taken = match at {
                    At::Sent(_, taken) => 2 + taken.map_or(0, |taken| 1 + i64::from(taken)),
                    _ => 1,
                };
                let print = self.order(*order, true).cast_signed();
                fold.add(taken).add(print).add((order.number == self.steps).into())
            }
            At::Looked(seen, truth) => fold.add(5).add(seen.map_or(-1, i64::from)).add((*truth).into()),
        };
        fold.sum()
    }
}

impl Guard {
    /// What a switch compares of an order.
    pub(crate) fn key(self, order: Order) -> (u64, u32) {
        (order.fence, self.number(order.number))
    }

    fn number(self, number: u32) -> u32 {
        match self {
            Self::Step => number,
            Self::Fence | Self::Nothing => 0,
        }
    }
}

impl Runner {
    /// The order that it is about to send, or waits for.
    pub(crate) const fn order(&self) -> Option<Order> {
        match self.at {
            At::Recorded(order) | At::Sent(order, _) => Some(order),
            At::Ready | At::Looked(..) => None,
        }
    }
}
