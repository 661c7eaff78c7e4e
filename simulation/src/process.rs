//! One process' life: it opens the journal, folds the record, runs, and leaves, as the real binary does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use spark_core::TimeSpan;
use spark_core::rollout::{Dependency, Ending, Look, Pace, Rollout, RuleText, Seen};
use spark_runtime::audit::{self, Folded};
use spark_runtime::journal::{Journal as _, JournalError, Leave, Record};
use spark_runtime::runner::{self, Begin, Looks, NewRules, Outcome, Ports, Release, RunEnd, RunError};

use crate::fault::Fault;
use crate::journal::SimJournal;
use crate::people::SimInbox;
use crate::policies::Reload;
use crate::source::SimSource;
use crate::traffic::SimActions;
use crate::watch::Watch;
use crate::world::{MS, SECOND, Shared, SimClock, freeze_of, lock, turn, wait};

/// How long an action may take.
const DEADLINE: TimeSpan = TimeSpan::from_seconds(2);

/// A rollout's own times: as short as its stages.
const PACE: Pace = Pace {
    verify_within: TimeSpan::from_seconds(12),
    rollback_within: TimeSpan::from_seconds(25),
    retry_after: TimeSpan::from_seconds(1),
    probe_every: TimeSpan::from_seconds(3),
    hour: Pace::HOUR,
};

/// How a process came back.
pub enum Left {
    NotOpened(JournalError),
    NotBegun(RunError),
    /// Its record cannot be folded.
    Torn,
    Ran(RunEnd, Box<Rollout>, bool),
}

/// A process' future.
pub type Life = Pin<Box<dyn Future<Output = Left>>>;

/// Waits for the request to stop.
struct Stop {
    world: Shared,
    process: usize,
}

impl Future for Stop {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match lock(&self.world).processes[self.process].stop {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// One process' life.
pub async fn live(world: Shared, process: usize) -> Left {
    turn(&world, process).await;
    let leased = lock(&world).leased;
    let (journal, records) = match SimJournal::open(&world, process, leased) {
        Ok(opened) => opened,
        Err(error) => return Left::NotOpened(error),
    };
    let Ok(folded) = fold(&world, process, &records) else { return Left::Torn };
    set_clock(&world, process, folded.as_deref());
    let begin = match folded {
        Some(folded) => Begin::Resumed(folded),
        None => Begin::New(release(&world, process)),
    };
    turn(&world, process).await;
    let stop = Stop { world: world.clone(), process };
    match runner::run(begin, ports(&world, process, journal), stop).await {
        Ok(Outcome { end, controller, unrecorded, journal, .. }) => {
            turn(&world, process).await;
            let finished =
                matches!(&end, RunEnd::Ended(ending) if !matches!(ending, Ending::Unverified { .. }));
            let leave = if finished { Leave::Finished } else { Leave::Unfinished };
            // a journal that failed says so again
            let _ = journal.close(leave).await;
            Left::Ran(end, Box::new(controller.rollout().clone()), unrecorded.is_none())
        }
        Err(error) => Left::NotBegun(error),
    }
}

/// Takes the record up; every decision in it is derived again.
pub fn fold(world: &Shared, process: usize, records: &[Record]) -> Result<Option<Box<Folded>>, ()> {
    if records.is_empty() {
        return Ok(None);
    }
    let mut watch = Watch { world: world.clone(), process, live: false };
    match audit::fold(records, &mut watch) {
        Ok(folded) => Ok(Some(Box::new(folded))),
        Err(error) => {
            lock(world).violated(format!("the record cannot be derived again: {error}"));
            Err(())
        }
    }
}

/// As the system's clock is set: on the same boot it goes on, on another it begins anew and never before the record's end.
fn set_clock(world: &Shared, process: usize, folded: Option<&Folded>) {
    let mut world = lock(world);
    let now = world.now;
    let Some(folded) = folded else { return };
    let slot = &mut world.processes[process];
    match &folded.clock {
        Some(anchor) if anchor.boot == slot.boot.to_string() => slot.ahead = anchor.wall.nanos(),
        _ => slot.ahead = (now + slot.wall).max(folded.last.nanos() + MS) - now,
    }
}

fn release(world: &Shared, process: usize) -> Release {
    let mut world = lock(world);
    let opens = world.rng.permille(300).then(|| world.rng.range(0, 4 * SECOND));
    let ahead = world.now + world.processes[process].ahead;
    Release {
        id: "r".to_owned(),
        policy: Arc::clone(&world.rules.policy),
        plan: world.rules.plan.to_owned(),
        rules: vec![RuleText { name: "sim.rules".to_owned(), text: world.rules.text.to_owned() }],
        pace: PACE,
        opens: opens.map(|after| spark_core::Timestamp::from_nanos(ahead + after)),
    }
}

type SimPorts = Ports<SimSource, SimActions, SimJournal, SimClock, SimInbox, Watch>;

fn ports(world: &Shared, process: usize, journal: SimJournal) -> SimPorts {
    let freezes = lock(world).freezes.clone();
    let again = world.clone();
    Ports {
        source: SimSource { world: world.clone(), process },
        actions: SimActions { world: world.clone(), process },
        journal,
        clock: SimClock { world: world.clone(), process },
        inbox: SimInbox { world: world.clone(), process },
        observer: Watch { world: world.clone(), process, live: true },
        freeze: Box::new(move |at| freeze_of(&freezes, at)),
        reload: Box::new(move || reload(&again)),
        look: {
            let world = world.clone();
            Box::new(move |stage| looks(&world, process, stage))
        },
        deadline: DEADLINE,
    }
}

/// A probe that looks at a stage's end: quick, late, or never done.
fn looks(world: &Shared, process: usize, stage: u32) -> Looks {
    let until = {
        let mut world = lock(world);
        let part = world.weather.probes;
        match world.strikes(part, Fault::ProbeHangs) {
            true => i64::MAX,
            false => world.now + world.rng.range(5 * MS, 15 * SECOND),
        }
    };
    let waited = wait(world, process, until);
    Box::pin(async move {
        waited.await;
        vec![Look {
            stage,
            dependency: Dependency::Database,
            probe: "connections".to_owned(),
            values: [("open".to_owned(), Seen::Value("3".to_owned()))].into(),
            details: String::new(),
            unanswered: None,
        }]
    })
}

fn reload(world: &Shared) -> Option<Result<NewRules, String>> {
    let mut world = lock(world);
    let part = world.weather.reloads;
    let fault = *world.rng.pick(&[Fault::RulesBad, Fault::RulesLooser, Fault::Reloaded]);
    if !world.strikes(part, fault) {
        return None;
    }
    let new = |Reload { text, policy }: &Reload| NewRules {
        rules: vec![RuleText { name: "sim.rules".to_owned(), text: text.clone() }],
        policy: Arc::clone(policy),
    };
    Some(match fault {
        Fault::RulesBad => Err("sim.rules:1:1: it ends within a word".to_owned()),
        Fault::RulesLooser => Ok(new(&world.rules.looser)),
        _ => Ok(new(&world.rules.stricter)),
    })
}
