//! Whether states that get one fingerprint have one future: that is argued in `normal` and `print`, and measured here.

use std::collections::{HashMap, VecDeque};

use stateright::Model;

use super::normal::Fold;
use super::world::{Action, Setting, World};

/// Walks that go on from each state as it is, and not from the one that was met first under its fingerprint.
const WALKS: i64 = 2_000;

/// Events in a walk, at most: more than the model is deep, and each walk ends where nothing can happen any more.
const EVENTS: i64 = 300;

/// What was compared.
pub(crate) struct Compared {
    /// How many fingerprints there are.
    pub(crate) unique: usize,
    /// How many states were met under a fingerprint that was there already.
    pub(crate) again: usize,
    /// A state whose future is not that of the state that was met first under its fingerprint.
    pub(crate) differs: Option<String>,
}

/// Walks every state, and compares what comes after each with what comes after the first one that had its fingerprint: which
/// properties hold, and the set of the fingerprints that are next. Then walks at random, as far as it goes: each state on
/// the way has to have been met, with the same future.
pub(crate) fn compare(setting: &Setting) -> Compared {
    let mut futures: HashMap<u64, u64> = HashMap::new();
    let mut queue: VecDeque<World> = setting.init_states().into();
    let (mut again, mut differs) = (0, None);
    for world in &queue {
        futures.insert(world.print(), future(setting, world));
    }
    while let (Some(world), None) = (queue.pop_front(), &differs) {
        for (action, next) in nexts(setting, &world) {
            let own = future(setting, &next);
            match futures.insert(next.print(), own) {
                None => queue.push_back(next),
                Some(first) if first == own => again += 1,
                Some(_) => {
                    differs = Some(format!("{action:?} from {world}, to {next:?}"));
                    break;
                }
            }
        }
    }
    for seed in 0..WALKS {
        if differs.is_none() {
            differs = walk(setting, &futures, seed, &mut again);
        }
    }
    Compared { unique: futures.len(), again, differs }
}

fn walk(setting: &Setting, futures: &HashMap<u64, u64>, seed: i64, again: &mut usize) -> Option<String> {
    let mut world = setting.init_states().pop()?;
    for event in 0..EVENTS {
        let mut nexts = nexts(setting, &world);
        let dice = Fold::new().add(seed).add(event).sum();
        let place = dice.checked_rem(nexts.len() as u64)?;
        let (action, next) = nexts.swap_remove(usize::try_from(place).ok()?);
        if futures.get(&next.print()) != Some(&future(setting, &next)) {
            return Some(format!("walk {seed}, {action:?} from {world}, to {next:?}"));
        }
        *again += 1;
        world = next;
    }
    None
}

fn nexts(setting: &Setting, world: &World) -> Vec<(Action, World)> {
    let mut actions = Vec::new();
    setting.actions(world, &mut actions);
    actions.into_iter().filter_map(|action| Some((action, setting.next_state(world, action)?))).collect()
}

/// One sum of what holds in a state and of what comes next.
fn future(setting: &Setting, world: &World) -> u64 {
    let mut after: Vec<u64> = nexts(setting, world).iter().map(|(_, next)| next.print()).collect();
    // to stay is no future
    after.retain(|print| *print != world.print());
    after.sort_unstable();
    after.dedup();
    let mut fold = Fold::new();
    for property in setting.properties() {
        fold.add((property.condition)(setting, world).into());
    }
    for print in after {
        fold.add(print.cast_signed());
    }
    fold.sum()
}
