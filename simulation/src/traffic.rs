//! The switch that traffic goes through, and what moves it: well, badly, late, and not at all.

use std::collections::BTreeMap;

use spark_runtime::action::{ActionOutcome, Actions, Measured, Order};

use crate::fault::Fault;
use crate::world::{MS, SECOND, Shared, World, lock, wait};

/// An effect that is still on its way.
#[derive(Debug, Clone)]
pub struct Late {
    pub at: i64,
    pub order: Order,
}

#[derive(Debug, Default)]
pub struct Traffic {
    /// The canary's true share.
    pub share: u16,
    /// The highest fence that the switch has seen.
    pub seen: u64,
    /// The last step that it has seen, by epoch and number.
    last: (u64, u64),
    /// By key: the share it stands for.
    keys: BTreeMap<String, u16>,
    pub late: Vec<Late>,
    pub refused: u64,
    pub unfenced: u64,
}

fn step_of(key: &str) -> (u64, u64) {
    let name = key.rsplit('/').next().unwrap_or_default();
    let (epoch, number) = name.split_once('.').unwrap_or(("0", "0"));
    (epoch.parse().unwrap_or(0), number.parse().unwrap_or(0))
}

impl World {
    /// An order arrives at the switch.
    fn arrives(&mut self, order: &Order, part: Option<u16>) {
        let step = step_of(&order.key);
        let older = order.fence < self.traffic.seen;
        let stale = step.1 < self.traffic.last.1;
        if self.weather.fenced && (older || stale) {
            self.traffic.refused += 1;
            self.tell(|| format!("the switch refuses {} with fence {}", order.key, order.fence));
            return;
        }
        if older {
            self.traffic.unfenced += 1;
        }
        self.traffic.seen = self.traffic.seen.max(order.fence);
        self.traffic.last = self.traffic.last.max(step);
        let before = self.traffic.keys.insert(order.key.clone(), order.share_bp);
        if before.is_some_and(|before| before != order.share_bp) {
            self.violated(format!("key {} stands for two shares", order.key));
        }
        self.traffic.share = part.unwrap_or(order.share_bp);
        let share = self.traffic.share;
        self.tell(|| format!("traffic is at {}% by {}", f64::from(share) / 100.0, order.key));
    }

    /// What was given up takes effect now.
    pub fn late_effects(&mut self) {
        let now = self.now;
        while let Some(place) = self.traffic.late.iter().position(|late| late.at <= now) {
            let late = self.traffic.late.swap_remove(place);
            self.arrives(&late.order, None);
        }
    }

    /// What has to hold before any action begins.
    fn ordered(&mut self, process: usize, order: &Order, back: bool) {
        let slot = &mut self.processes[process];
        if order.fence != slot.fence {
            let words = format!("an order carries fence {}, and its runner's is {}", order.fence, slot.fence);
            return self.violated(words);
        }
        if slot.fenced || !slot.lawful {
            let words = format!("{} is begun by a runner that has lost the rollout", order.key);
            return self.violated(words);
        }
        let slot = &mut self.processes[process];
        let checked = match &mut slot.oracle {
            Some(oracle) => oracle.acts(order, back, slot.unrecorded),
            None => Err("an action before the start".to_owned()),
        };
        if let Err(words) = checked {
            self.violated(words);
        }
        if self.traffic.seen > order.fence {
            // it was fenced, and the effect is the switch's to refuse
            self.tell(|| format!("an order of a fenced runner: {}", order.key));
        }
    }
}

#[derive(Clone)]
pub struct SimActions {
    pub world: Shared,
    pub process: usize,
}

enum Fate {
    Done,
    Nothing(bool),
    Part(bool, u16),
    DoneAndFailed,
    Twice,
    Hang,
    Late(i64),
}

impl SimActions {
    fn fate(&self, order: &Order, back: bool) -> (Fate, i64) {
        let mut world = lock(&self.world);
        let quick = world.rng.range(20 * MS, 900 * MS);
        if back && (world.weather.helpless || (world.weather.stuck && !world.calm())) {
            world.happens(Fault::BackFails);
            return (Fate::Nothing(world.rng.permille(700)), quick);
        }
        let part = world.weather.actions;
        if world.calm() || !world.rng.permille(part) {
            return (Fate::Done, quick);
        }
        let (fault, fate) = match world.rng.below(7) {
            0 => (Fault::ActionFails, Fate::Nothing(false)),
            1 => (Fault::ActionLies, Fate::Nothing(true)),
            2 => (Fault::ActionFailsDone, Fate::DoneAndFailed),
            3 => (Fault::ActionTwice, Fate::Twice),
            4 => (Fault::ActionHangs, Fate::Hang),
            5 => (Fault::ActionLate, Fate::Late(world.rng.range(0, 12) * SECOND / 2)),
            _ => {
                let well = world.rng.permille(500);
                let before = world.traffic.share;
                (Fault::ActionHalf, Fate::Part(well, (before / 2) + (order.share_bp / 2)))
            }
        };
        world.happens(fault);
        (fate, quick)
    }

    async fn carry_out(&self, order: &Order, back: bool) -> ActionOutcome {
        wait(&self.world, self.process, i64::MIN).await;
        lock(&self.world).ordered(self.process, order, back);
        let (fate, quick) = self.fate(order, back);
        let begun = lock(&self.world).now;
        let deadline = begun + order.deadline.nanos();
        match fate {
            Fate::Hang => {
                // some keep their deadline, some do not even that
                let long = lock(&self.world).rng.permille(300);
                let until = if long { i64::MAX } else { deadline };
                wait(&self.world, self.process, until).await;
                return ActionOutcome::unknown("no end within its deadline");
            }
            Fate::Late(after) => {
                let late = Late { at: deadline + after, order: order.clone() };
                lock(&self.world).traffic.late.push(late);
                wait(&self.world, self.process, deadline).await;
                return ActionOutcome::unknown("no end within its deadline");
            }
            _ => wait(&self.world, self.process, begun + quick).await,
        }
        let mut world = lock(&self.world);
        match fate {
            Fate::Done => world.arrives(order, None),
            Fate::Part(_, share) => world.arrives(order, Some(share)),
            Fate::DoneAndFailed => world.arrives(order, None),
            Fate::Twice => {
                world.arrives(order, None);
                world.arrives(order, None);
            }
            Fate::Nothing(_) | Fate::Hang | Fate::Late(_) => {}
        }
        match fate {
            Fate::Nothing(false) | Fate::Part(false, _) | Fate::DoneAndFailed => {
                ActionOutcome::failed("exit status 1")
            }
            _ => ActionOutcome::done("exit status 0"),
        }
    }
}

impl Actions for SimActions {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.carry_out(order, false).await
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.carry_out(order, true).await
    }

    async fn measure_share(&mut self, order: &Order) -> Measured {
        let (blind, hangs, quick, now) = {
            let mut world = lock(&self.world);
            let part = world.weather.probes;
            let blind = world.strikes(part, Fault::ProbeBlind);
            let hangs = !blind && world.strikes(part / 2, Fault::ProbeHangs);
            (blind, hangs, world.rng.range(5 * MS, 300 * MS), world.now)
        };
        let until = if hangs { i64::MAX } else { now + quick };
        wait(&self.world, self.process, until).await;
        let mut world = lock(&self.world);
        world.traffic.seen = world.traffic.seen.max(order.fence);
        let share = world.traffic.share;
        world.processes[self.process].measured = (!blind).then_some(share);
        match blind {
            true => Measured::unknown("it cannot tell"),
            false => Measured::share(share, "the switch"),
        }
    }
}
