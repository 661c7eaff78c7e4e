//! One rollout under one seed: runners, the machines that they are on, and their end.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use spark_core::rollout::{Ending, Rollout};
use spark_runtime::journal::JournalError;
use spark_runtime::runner::{RunEnd, RunError};

use crate::damage;
use crate::disk::DiskState;
use crate::fault::{Counts, Fault};
use crate::journal::SimJournal;
use crate::people::script;
use crate::policies::Rules;
use crate::process::{Left, Life, fold, live};
use crate::rng::Rng;
use crate::store::StoreState;
use crate::traffic::Traffic;
use crate::weather;
use crate::world::{DAY, MS, Process, Recorded, SECOND, Shared, World, lock};

/// How long after the last fault a rollout may take to come to its end.
const PATIENCE: i64 = 240 * SECOND;

/// How often an unverified rollback is taken up again.
const TAKEN_UP: u32 = 2;

/// How a rollout came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Completed,
    RolledBack,
    Unverified,
    Aborted,
    /// Its journal was damaged, and that was seen.
    Damaged,
    /// It broke a rule.
    Violated,
}

impl End {
    pub const ALL: [Self; 6] =
        [Self::Completed, Self::RolledBack, Self::Unverified, Self::Aborted, Self::Damaged, Self::Violated];

    pub const fn words(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Unverified => "rollback unverified",
            Self::Aborted => "aborted by an operator",
            Self::Damaged => "halted: the journal was damaged",
            Self::Violated => "VIOLATED",
        }
    }

    const fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Completed => Self::Completed,
            Ending::RolledBack { .. } => Self::RolledBack,
            Ending::Unverified { .. } => Self::Unverified,
            Ending::Aborted { .. } => Self::Aborted,
        }
    }
}

/// What a rollout was.
#[derive(Debug)]
pub struct Ran {
    pub end: End,
    pub violation: Option<String>,
    pub counts: Counts,
    pub nanos: i64,
    pub decisions: u64,
    pub facts: u64,
    pub resumed: u64,
    /// What it all came to: the same for the same seed.
    pub trace: String,
    pub story: Vec<String>,
}

/// Two machines and what runs on them.
struct Show {
    world: Shared,
    /// Which process runs on each, and its future.
    alive: [Option<(usize, Life)>; 2],
    /// When one is started.
    starts: [i64; 2],
    boots: [u32; 2],
    walls: [i64; 2],
    /// Until when each stands still.
    paused: [i64; 2],
    deadline: i64,
    resumed: u64,
    taken_up: u32,
    /// The rollout as its last runner left it.
    left: Option<Box<Rollout>>,
}

/// Runs the rollout of a seed.
pub fn run(seed: u64, all: &[Arc<Rules>], story: bool) -> Ran {
    let mut show = Show::new(seed, all, story);
    let end = show.play();
    // what runs still is dropped without the world's lock
    show.alive = [None, None];
    let end = show.close(end);
    let mut world = lock(&show.world);
    let end = if world.violation.is_some() { End::Violated } else { end };
    let head = world.recorded.acked.last().cloned().unwrap_or_default();
    let trace = format!(
        "{seed} {} {} {} {} {} {:?} {head}",
        end.words(),
        world.now,
        world.facts,
        world.recorded.acked.len(),
        world.traffic.share,
        world.counts.0,
    );
    Ran {
        end,
        violation: world.violation.take(),
        counts: world.counts.clone(),
        nanos: world.now,
        decisions: world.decisions,
        facts: world.facts,
        resumed: show.resumed,
        trace,
        story: world.story.take().unwrap_or_default(),
    }
}

impl Show {
    fn new(seed: u64, all: &[Arc<Rules>], story: bool) -> Self {
        let mut rng = Rng::new(seed);
        let rules = Arc::clone(rng.pick(all));
        let weather = weather::draw(&mut rng);
        let until = weather.until;
        let deadline = until + PATIENCE;
        let triggers: Vec<String> =
            rules.policy.triggers().iter().map(|trigger| trigger.name.clone()).collect();
        let compares = rules.text.contains("previous stage");
        let words = script(&mut rng, (weather.talk, compares), &triggers, until, deadline);
        let mut windows = |part: u64, long: i64| {
            let mut found = Vec::new();
            if rng.permille(part) {
                let from = rng.range(0, until);
                found.push((from, (from + rng.range(SECOND, long * SECOND)).min(until)));
            }
            found
        };
        let (freezes, bad) = (windows(250, 8), windows(450, 30));
        let leased = rng.permille(400);
        let sector = *rng.pick(&[64_usize, 512, 4096]);
        let world = World {
            rng,
            counts: Counts::default(),
            weather,
            rules,
            now: 0,
            processes: Vec::new(),
            traffic: Traffic::default(),
            disk: DiskState::new(sector),
            store: StoreState::default(),
            recorded: Recorded::default(),
            words,
            freezes,
            bad,
            counter: 0,
            story: story.then(Vec::new),
            violation: None,
            decisions: 0,
            facts: 0,
            leased,
            damaged: false,
        };
        Self {
            world: Arc::new(Mutex::new(world)),
            alive: [None, None],
            starts: [0, if leased { SECOND } else { i64::MAX }],
            boots: [1, 1001],
            walls: [DAY, DAY],
            paused: [0, 0],
            deadline,
            resumed: 0,
            taken_up: 0,
            left: None,
        }
    }

    /// Until it is over.
    fn play(&mut self) -> End {
        loop {
            if lock(&self.world).violation.is_some() {
                return End::Violated;
            }
            let (at, machine) = self.next();
            {
                let mut world = lock(&self.world);
                if at > self.deadline {
                    world.violated("the rollout does not come to its end".to_owned());
                    return End::Violated;
                }
                world.now = world.now.max(at);
                world.late_effects();
                if world.calm() {
                    world.disk.room = None;
                }
            }
            if self.alive[machine].is_none() {
                self.start(machine);
            } else if !self.befalls(machine)
                && let Some(end) = self.poll(machine)
            {
                return end;
            }
        }
    }

    /// Which machine is next, and when.
    fn next(&self) -> (i64, usize) {
        let world = lock(&self.world);
        let at = |machine: usize| match &self.alive[machine] {
            None => self.starts[machine],
            Some((process, _)) => {
                world.processes[*process].wake.unwrap_or(i64::MAX).max(self.paused[machine])
            }
        };
        let (first, second) = (at(0), at(1));
        if second < first { (second, 1) } else { (first, 0) }
    }

    fn start(&mut self, machine: usize) {
        let mut world = lock(&self.world);
        if !world.leased {
            self.rot(&mut world);
        }
        let part = world.weather.disk;
        let fuse = (part > 0 && !world.calm() && world.rng.permille(500)).then(|| world.rng.below(40) as u32);
        let process = world.processes.len();
        let wall = self.walls[machine];
        world.processes.push(Process {
            wake: Some(0),
            fuse,
            ahead: wall,
            wall,
            boot: self.boots[machine],
            ..Process::default()
        });
        world.tell(|| format!("process {process} starts on machine {machine}"));
        self.paused[machine] = 0;
        let life = live(self.world.clone(), process);
        self.alive[machine] = Some((process, Box::pin(life)));
    }

    /// Bytes go bad while nobody has the file.
    fn rot(&self, world: &mut World) {
        let part = world.weather.rot;
        if world.calm() || world.damaged || world.disk.holder.is_some() || !world.rng.permille(part) {
            return;
        }
        let kind = *world.rng.pick(&damage::KINDS);
        let World { disk, rng, .. } = world;
        // pages that only the cache has cannot rot
        if disk.durable == disk.cache && damage::inflict(&mut disk.durable, kind, disk.sector, rng) {
            disk.cache = disk.durable.clone();
            world.damaged = true;
            world.happens(kind);
        }
    }

    /// What happens to a process before its turn; whether it loses it.
    fn befalls(&mut self, machine: usize) -> bool {
        let Some((process, _)) = &self.alive[machine] else { return true };
        let process = *process;
        let mut guard = lock(&self.world);
        let world = &mut *guard;
        if world.processes[process].doomed {
            drop(guard);
            self.kill(machine, false);
            return true;
        }
        if world.processes[process].unrecorded && (world.calm() || world.rng.permille(20)) {
            world.processes[process].stop = true;
        }
        if world.calm() {
            return false;
        }
        let weather = world.weather.clone();
        if world.strikes(weather.moves, Fault::TrafficMoved) {
            let stages = &world.rules.policy.plans()[0].stages;
            let share = world.rng.pick(stages).share_bp;
            world.traffic.share = if world.rng.permille(300) { 0 } else { share };
        }
        if world.strikes(weather.steps, Fault::WallStep) {
            let by = match world.rng.below(3) {
                0 => world.rng.range(-2 * SECOND, 2 * SECOND),
                1 => world.rng.range(-3600 * SECOND, 3600 * SECOND),
                _ => world.rng.range(-365 * 86_400, 365 * 86_400) * SECOND,
            };
            self.walls[machine] += by;
            world.processes[process].wall += by;
        }
        if world.strikes(weather.stops, Fault::Stopped) {
            world.processes[process].stop = true;
        }
        if world.strikes(weather.seconds, Fault::SecondRunner) {
            self.starts[1 - machine] = self.starts[1 - machine].min(world.now);
        }
        if !world.leased && world.strikes(weather.crashes.div_ceil(2), Fault::PowerLost) {
            drop(guard);
            self.kill(0, true);
            self.kill(1, true);
            return true;
        }
        if world.strikes(weather.crashes, Fault::Killed) {
            drop(guard);
            self.kill(machine, false);
            return true;
        }
        if weather.pauses > 0 && world.rng.permille(weather.pauses) {
            let long = world.leased && world.rng.permille(400);
            world.happens(if long { Fault::LeaseLost } else { Fault::Paused });
            let by = if long { world.rng.range(6, 20) } else { world.rng.range(0, 6) };
            self.paused[machine] = world.now + by * SECOND + world.rng.range(0, SECOND);
            return true;
        }
        false
    }

    /// A process ends without a word. With the power, its machine does.
    fn kill(&mut self, machine: usize, power: bool) {
        // its future is dropped first: it lets go of the file's lock
        let had = self.alive[machine].take().is_some();
        let mut world = lock(&self.world);
        if power {
            self.boots[machine] += 1;
            if machine == 0 {
                let World { disk, rng, .. } = &mut *world;
                disk.power_lost(rng);
            }
        }
        if had {
            world.tell(|| format!("the process on machine {machine} is gone"));
            self.starts[machine] = world.now + world.rng.range(100 * MS, 4 * SECOND);
            self.resumed += 1;
        }
    }

    fn poll(&mut self, machine: usize) -> Option<End> {
        let (process, life) = self.alive[machine].as_mut()?;
        let process = *process;
        lock(&self.world).processes[process].wake = None;
        let Poll::Ready(left) = life.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            return None;
        };
        let doomed = lock(&self.world).processes[process].doomed;
        self.alive[machine] = None;
        let shared = self.world.clone();
        let mut world = lock(&shared);
        self.starts[machine] = world.now + world.rng.range(500 * MS, 4 * SECOND);
        if doomed {
            // it was dead when it said so
            return None;
        }
        self.left(&mut world, machine, left)
    }

    fn left(&mut self, world: &mut World, machine: usize, left: Left) -> Option<End> {
        match left {
            Left::Torn => Some(End::Violated),
            Left::NotOpened(error) if error.is_damage() || matches!(error, JournalError::Version { .. }) => {
                if !world.damaged {
                    world.violated(format!("a whole journal is taken for damaged: {error}"));
                }
                Some(End::Damaged)
            }
            Left::NotOpened(error) => {
                world.tell(|| format!("not opened: {error}"));
                if !world.leased && machine == 1 {
                    // on a file, nobody waits for it
                    self.starts[1] = i64::MAX;
                }
                None
            }
            Left::NotBegun(RunError::Over(ending)) => Some(End::of(&ending)),
            Left::NotBegun(error) => {
                world.tell(|| format!("not begun: {error}"));
                None
            }
            Left::Ran(end, rollout, recorded) => self.ran(world, machine, end, rollout, recorded),
        }
    }

    fn ran(
        &mut self,
        world: &mut World,
        machine: usize,
        end: RunEnd,
        rollout: Box<Rollout>,
        recorded: bool,
    ) -> Option<End> {
        world.tell(|| format!("machine {machine}: {end:?}"));
        match end {
            RunEnd::Ended(ending) => {
                if !world.leased && machine == 1 {
                    self.starts[0] = world.now;
                }
                let again = matches!(ending, Ending::Unverified { .. }) && self.taken_up < TAKEN_UP;
                if again || !recorded {
                    // what was not recorded is not known to whoever comes
                    self.taken_up += u32::from(again);
                    return None;
                }
                self.left = Some(rollout);
                Some(End::of(&ending))
            }
            RunEnd::Stopped => None,
            RunEnd::Fenced(_) => {
                if !world.leased {
                    world.violated("a file's runner is told that another has it".to_owned());
                }
                None
            }
            RunEnd::Halted(why) => {
                world.violated(format!("the rollout contradicts itself: {why}"));
                None
            }
        }
    }

    /// What is left, once it is over: all effects are in, and the journal is read once more.
    fn close(&mut self, end: End) -> End {
        let mut world = lock(&self.world);
        if world.violation.is_some() || end == End::Damaged {
            return end;
        }
        let leased = world.leased;
        world.now += 60 * SECOND;
        world.late_effects();
        // nobody can know of an order that is on its way where the rollback lies about having got through
        let unknowable = [Fault::TrafficMoved, Fault::BackFails, Fault::ActionLies];
        let knowable = unknowable.iter().all(|fault| world.counts.of(*fault) == 0);
        if end == End::RolledBack && world.traffic.share != 0 && knowable {
            let share = world.traffic.share;
            world.violated(format!("rolled back, and the canary has {share} of 10000"));
        }
        let process = world.processes.len();
        world.processes.push(Process { boot: self.boots[0], ..Process::default() });
        world.weather.until = 0;
        drop(world);
        let opened = SimJournal::open(&self.world, process, leased);
        let (journal, records) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                lock(&self.world).violated(format!("the journal cannot be read at the end: {error}"));
                return End::Violated;
            }
        };
        drop(journal);
        let Ok(Some(folded)) = fold(&self.world, process, &records) else { return End::Violated };
        // one that ended, and then stood still, is not the last where another has taken it up since
        if let Some(rollout) = &self.left
            && records.last().is_some_and(|record| record.fence == rollout.fence())
            && folded.controller.rollout() != &**rollout
        {
            lock(&self.world)
                .violated("the record folds to another rollout than the one that ran".to_owned());
        }
        if !leased {
            self.try_damage(process);
        }
        end
    }

    /// Damages the finished journal, each time anew: none may be read as whole.
    fn try_damage(&self, process: usize) {
        let whole = lock(&self.world).disk.cache.clone();
        for kind in damage::KINDS {
            let mut world = lock(&self.world);
            if !world.rng.permille(250) {
                continue;
            }
            let mut file = whole.clone();
            let sector = world.disk.sector;
            if !damage::inflict(&mut file, kind, sector, &mut world.rng) {
                continue;
            }
            (world.disk.durable, world.disk.cache) = (file.clone(), file);
            world.damaged = true;
            world.happens(kind);
            drop(world);
            match SimJournal::open(&self.world, process, false) {
                Ok(_) => lock(&self.world).tell(|| "the damage was not seen".to_owned()),
                Err(error) if error.is_damage() || matches!(error, JournalError::Version { .. }) => {}
                Err(error) => lock(&self.world).violated(format!("damage is taken for: {error}")),
            }
        }
    }
}
