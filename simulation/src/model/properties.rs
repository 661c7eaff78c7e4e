//! What has to hold in every state, and what has to be reached in some.

use spark_core::rollout::{Ending, Fact, RolloutState, Step};
use spark_core::{Truth, Verdict};
use stateright::Property;

use super::world::{Bounds, Ghost, Order, Setting, World};

/// A fact that the shipped loop would commit contradicts its own rollout.
pub(crate) const CONTRADICTION: u32 = 1;
const WITHOUT_PROCEED: u32 = 1 << 1;
const OLD_RUNNER: u32 = 1 << 2;
const WITHOUT_INTENT: u32 = 1 << 3;
const FALSE_END: u32 = 1 << 4;
const RAISED_AFTER: u32 = 1 << 5;
const TWO_STEPS: u32 = 1 << 6;
const BLIND: u32 = 1 << 7;
const ORDER_OF_STAGES: u32 = 1 << 8;
const NOT_SEEN: u32 = 1 << 9;
const RAISED_IN_THE_WAY: u32 = 1 << 10;
const UP_AGAIN: u32 = 1 << 11;
const LEFT_END: u32 = 1 << 12;
const TWO_KEYS: u32 = 1 << 13;
const ABANDONED: u32 = 1 << 14;

pub(crate) const fn mark(ghost: &mut Ghost, property: u32) {
    ghost.marks |= property;
}

macro_rules! never {
    ($words:literal, $mark:ident) => {
        Property::<Setting>::always($words, |_, world| world.ghost.marks & $mark == 0)
    };
}

pub(crate) fn all() -> Vec<Property<Setting>> {
    vec![
        never!("no committed fact contradicts the record", CONTRADICTION),
        never!("a share is raised only if the last committed decision was proceed", WITHOUT_PROCEED),
        never!("a share is raised neither at hold nor in a freeze", RAISED_IN_THE_WAY),
        never!("no order of an older fence takes effect after one of a newer", OLD_RUNNER),
        never!("an intent is in the journal before its effect", WITHOUT_INTENT),
        never!("rolled back only where the traffic is at 0, and nothing on its way can raise it", FALSE_END),
        never!("no share is raised after a rollback took effect", RAISED_AFTER),
        never!("no share is raised while another step is open", TWO_STEPS),
        never!("a step is not repeated before somebody looked", BLIND),
        never!("a stage is entered only where its share was measured", NOT_SEEN),
        never!("stages are entered in order, and all of them before completion", ORDER_OF_STAGES),
        never!("no share is raised after a rollback was begun", UP_AGAIN),
        never!("a rollback that was begun is left to its end alone", ABANDONED),
        never!("a rollback has one key, however often it is tried", TWO_KEYS),
        never!("an end is final, but for a rollback that nobody saw", LEFT_END),
        Property::always(
            "a rollback that was begun can end: done where it is seen, else unverified",
            |setting: &Setting, world: &World| {
                !matches!(world.state(), Some(RolloutState::RollingBack { .. })) || setting.can_end(world)
            },
        ),
        Property::sometimes("completed", |_, world| {
            ended(world, |ending| matches!(ending, Ending::Completed))
        }),
        Property::sometimes("rolled back", |_, world| {
            ended(world, |ending| matches!(ending, Ending::RolledBack { .. }))
        }),
        Property::sometimes(
            "an older runner's order is on its way, and is refused",
            |setting: &Setting, world: &World| {
                let Bounds { crashes, takeovers, .. } = setting.bounds;
                (crashes == 0 && takeovers == 0)
                    || world.flights.iter().any(|order| order.fence < world.seen.0)
            },
        ),
        Property::sometimes("two runners are alive", |setting: &Setting, world: &World| {
            setting.bounds.takeovers == 0 || world.runners.iter().flatten().count() == 2
        }),
    ]
}

fn ended(world: &World, is: fn(&Ending) -> bool) -> bool {
    matches!(world.state(), Some(RolloutState::Ended(ending)) if is(&ending))
}

/// A fact was committed.
pub(crate) fn committed(world: &mut World, before: Option<&RolloutState>, fact: &Fact) {
    match fact {
        Fact::Decided { decision } => {
            world.ghost.verdict = match (decision.verdict, decision.ready) {
                (Verdict::Proceed, Truth::True) => 1,
                (Verdict::Proceed | Verdict::Hold, _) => 2,
                (Verdict::Rollback, _) => 3,
            };
        }
        // what was decided before nobody has looked at since
        Fact::Resumed { .. } => world.ghost.verdict = 0,
        Fact::Intent { id, attempt, step, .. } => intended(world, (id.number, *attempt), step),
        Fact::End { ending: Ending::Unverified { .. }, .. } => {}
        Fact::End { .. } => world.ghost.ended = true,
        Fact::Outcome { .. } => world.ghost.open = false,
        Fact::Probed { .. } => (world.ghost.open, world.ghost.unlooked) = (false, None),
        _ => {}
    }
    let after = world.state();
    if before == after.as_ref() {
        return;
    }
    if world.ghost.ended {
        mark(&mut world.ghost, LEFT_END);
    }
    if let Some(RolloutState::RollingBack { .. }) = before
        && !matches!(after, Some(RolloutState::RollingBack { .. } | RolloutState::Ended(_)))
    {
        mark(&mut world.ghost, ABANDONED);
    }
    match after {
        Some(RolloutState::Stage { stage }) => {
            if stage != world.ghost.entered {
                mark(&mut world.ghost, ORDER_OF_STAGES);
            }
            world.ghost.entered = stage.saturating_add(1);
        }
        // one that is taken up again is another one
        Some(RolloutState::Ended(Ending::Unverified { .. })) => world.ghost.back = 0,
        Some(RolloutState::Ended(Ending::Completed)) if world.ghost.entered != 5 => {
            mark(&mut world.ghost, ORDER_OF_STAGES);
        }
        _ => {}
    }
}

fn intended(world: &mut World, intent: (u32, u32), step: &Step) {
    match step {
        Step::RollBack { .. } => {
            if world.ghost.back != 0 && world.ghost.back != intent.0 {
                mark(&mut world.ghost, TWO_KEYS);
            }
            world.ghost.back = intent.0;
            world.ghost.back_begun = true;
        }
        Step::SetShare { .. } if world.ghost.back_begun => mark(&mut world.ghost, UP_AGAIN),
        Step::SetShare { .. } => {}
    }
    if let Step::SetShare { stage, .. } = step {
        // a rollback is begun whatever is under way
        if world.ghost.open {
            mark(&mut world.ghost, TWO_STEPS);
        }
        // the first stage needs no evidence of a canary that has no traffic yet, and is not entered against a rollback
        let proceed = match stage {
            0 => matches!(world.ghost.verdict, 1 | 2),
            _ => world.ghost.verdict == 1,
        };
        if !proceed {
            mark(&mut world.ghost, WITHOUT_PROCEED);
        }
        let in_the_way =
            world.journal.as_ref().is_some_and(|journal| journal.is_held() || journal.is_frozen());
        if in_the_way {
            mark(&mut world.ghost, RAISED_IN_THE_WAY);
        }
    }
    world.ghost.intent = intent;
    world.ghost.open = true;
}

/// An order is sent.
pub(crate) fn sent(world: &mut World, order: Order) {
    if order.fence < world.fence {
        return;
    }
    if world.ghost.unlooked == Some(order.number) {
        mark(&mut world.ghost, BLIND);
    }
    world.ghost.unlooked = Some(order.number);
}

/// An order takes effect.
pub(crate) fn lands(world: &mut World, order: Order) {
    if order.fence < world.ghost.fence {
        mark(&mut world.ghost, OLD_RUNNER);
    }
    world.ghost.fence = world.ghost.fence.max(order.fence);
    if (order.number, order.attempt) > world.ghost.intent {
        mark(&mut world.ghost, WITHOUT_INTENT);
    }
    if world.ghost.taken_back && order.share > world.share {
        mark(&mut world.ghost, RAISED_AFTER);
    }
    world.ghost.taken_back |= order.back;
    if order.back && order.fence >= world.fence {
        // from now on the switch refuses what is older
        world.ghost.lied = false;
    }
}

/// What was measured is about to be recorded.
pub(crate) fn looked(world: &mut World, share_bp: Option<u16>, truth: u16) {
    if share_bp.is_some_and(|share_bp| share_bp != truth) {
        mark(&mut world.ghost, NOT_SEEN);
    }
}

/// A rollback was called done, after the traffic was measured.
pub(crate) fn called_done(setting: &Setting, world: &mut World, measured: u16) {
    // a switch that says it did what it did not, and other orders still on their way, are two faults at once
    let raised = world.flights.iter().any(|order| order.share > 0 && setting.takes(world, *order));
    if measured != 0 || ((world.share != 0 || raised) && !world.ghost.lied) {
        mark(&mut world.ghost, FALSE_END);
    }
}
