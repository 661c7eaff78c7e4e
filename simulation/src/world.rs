//! What is around the runners: time, traffic, disks, people, and the truth about all of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use spark_core::rollout::{ClockAnchor, Freeze, Word};
use spark_core::{TimeSpan, Timestamp};
use spark_runtime::runner::Clock;

use crate::disk::DiskState;
use crate::fault::{Counts, Fault};
use crate::oracle::Oracle;
use crate::policies::Rules;
use crate::rng::Rng;
use crate::store::StoreState;
use crate::traffic::Traffic;

pub const MS: i64 = 1_000_000;
pub const SECOND: i64 = 1_000 * MS;
/// The rollouts' day.
pub const DAY: i64 = 1_767_225_600 * SECOND;

/// What goes wrong in a rollout, and how often; drawn at its beginning, so that most rollouts have some kinds alone.
#[derive(Debug, Clone)]
pub struct Weather {
    /// Of a thousand samples.
    pub samples: u64,
    /// Of a thousand answers of a source.
    pub sources: u64,
    /// Of a thousand actions and probes.
    pub actions: u64,
    pub probes: u64,
    /// Of a thousand disk operations or commits.
    pub disk: u64,
    /// Of a thousand turns of the scheduler.
    pub crashes: u64,
    pub pauses: u64,
    pub steps: u64,
    pub moves: u64,
    pub seconds: u64,
    pub stops: u64,
    /// Of a thousand looks at the rules' file.
    pub reloads: u64,
    /// Of a thousand restarts on a file.
    pub rot: u64,
    /// How much the operators say.
    pub talk: u64,
    /// From here on nothing goes wrong any more: what was begun has to come to its end.
    pub until: i64,
    /// Whether the switch refuses what is older than what it has seen.
    pub fenced: bool,
    /// Rollbacks do nothing.
    pub stuck: bool,
    /// They never will.
    pub helpless: bool,
}

/// One process.
#[derive(Debug, Default)]
pub struct Process {
    /// When it is to be polled again.
    pub wake: Option<i64>,
    /// It is dead already; its future was not dropped yet.
    pub doomed: bool,
    pub stop: bool,
    /// Disk operations until it is killed.
    pub fuse: Option<u32>,
    pub fence: u64,
    /// Its journal failed.
    pub unrecorded: bool,
    /// It was told that it lost the rollout.
    pub fenced: bool,
    /// Whether it had the rollout when it looked at its clock last.
    pub lawful: bool,
    /// Facts that it was told of which are in the journal.
    pub told: usize,
    pub oracle: Option<Oracle>,
    /// What its last probe measured.
    pub measured: Option<u16>,
    /// Its clock: rollout time less true time.
    pub ahead: i64,
    /// Its wall clock: the same.
    pub wall: i64,
    pub boot: u32,
}

#[derive(Debug, Default)]
pub struct Recorded {
    /// What was acknowledged, in order.
    pub acked: Vec<String>,
    /// What may have been written all the same.
    pub unsure: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
pub struct Utterance {
    pub at: i64,
    pub word: Word,
}

pub struct World {
    pub rng: Rng,
    pub counts: Counts,
    pub weather: Weather,
    pub rules: Arc<Rules>,
    /// True time since the beginning.
    pub now: i64,
    pub processes: Vec<Process>,
    pub traffic: Traffic,
    pub disk: DiskState,
    pub store: StoreState,
    pub recorded: Recorded,
    pub words: Vec<Utterance>,
    pub freezes: Vec<(i64, i64)>,
    /// Times in which the release is bad.
    pub bad: Vec<(i64, i64)>,
    pub counter: i64,
    pub story: Option<Vec<String>>,
    pub violation: Option<String>,
    pub decisions: u64,
    pub facts: u64,
    /// Whether the journal is the leased store.
    pub leased: bool,
    /// What was acknowledged was damaged on the disk.
    pub damaged: bool,
}

pub type Shared = Arc<Mutex<World>>;

pub fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl World {
    pub fn tell(&mut self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let at = self.now;
            story.push(format!("{:>8.3}s  {}", at as f64 / SECOND as f64, words()));
        }
    }

    /// Something that must never be.
    pub fn violated(&mut self, words: String) {
        self.tell(|| format!("VIOLATION {words}"));
        self.violation.get_or_insert(words);
    }

    pub fn calm(&self) -> bool {
        self.now >= self.weather.until
    }

    /// Whether a fault of this kind happens now, and counts it.
    pub fn strikes(&mut self, permille: u64, fault: Fault) -> bool {
        if self.calm() || !self.rng.permille(permille) {
            return false;
        }
        self.counts.add(fault);
        self.tell(|| format!("fault: {}", fault.words()));
        true
    }

    pub fn happens(&mut self, fault: Fault) {
        self.counts.add(fault);
        self.tell(|| format!("fault: {}", fault.words()));
    }
}

/// Waits until an instant of true time; always once for the scheduler.
pub struct Wait {
    world: Shared,
    process: usize,
    until: i64,
    first: bool,
}

pub fn wait(world: &Shared, process: usize, until: i64) -> Wait {
    Wait { world: Arc::clone(world), process, until, first: true }
}

pub fn turn(world: &Shared, process: usize) -> Wait {
    wait(world, process, i64::MIN)
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let (first, until, process) = (self.first, self.until, self.process);
        self.first = false;
        let mut world = lock(&self.world);
        if !first && world.now >= until {
            return Poll::Ready(());
        }
        let at = until.max(world.now);
        let slot = &mut world.processes[process];
        slot.wake = Some(slot.wake.map_or(at, |wake| wake.min(at)));
        Poll::Pending
    }
}

#[derive(Clone)]
pub struct SimClock {
    pub world: Shared,
    pub process: usize,
}

impl SimClock {
    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos).last_multiple(TimeSpan::from_nanos(MS))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let mut world = lock(&self.world);
        let (held, fence) = (world.store.lease_until > world.now, world.store.fence);
        let leased = world.leased;
        let slot = &mut world.processes[self.process];
        slot.lawful = !leased || slot.unrecorded || (held && fence == slot.fence);
        Self::at(world.now + world.processes[self.process].ahead)
    }

    fn wall(&self) -> Timestamp {
        let world = lock(&self.world);
        Self::at(world.now + world.processes[self.process].wall)
    }

    fn anchor(&self) -> Option<ClockAnchor> {
        let world = lock(&self.world);
        let process = &world.processes[self.process];
        Some(ClockAnchor {
            wall: Timestamp::from_nanos(process.ahead),
            boot_nanos: 0,
            boot: process.boot.to_string(),
        })
    }

    async fn sleep_until(&self, at: Timestamp) {
        let ahead = lock(&self.world).processes[self.process].ahead;
        // a clock that shows milliseconds shows the next one only when it is there
        let at = at.next_multiple(TimeSpan::from_nanos(MS)).nanos();
        wait(&self.world, self.process, at.saturating_sub(ahead)).await;
    }
}

/// The freeze of an instant.
pub fn freeze_of(windows: &[(i64, i64)], at: Timestamp) -> Option<Freeze> {
    let nanos = at.nanos() - DAY;
    let (_, end) = windows.iter().find(|(from, end)| (*from..*end).contains(&nanos))?;
    Some(Freeze { until: Timestamp::from_nanos(DAY + end), because: "a freeze".to_owned() })
}
