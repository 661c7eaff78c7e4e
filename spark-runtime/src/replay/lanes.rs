//! A replay in lanes: the parts of a policy that share nothing, each evaluated where it can change and nowhere else, on all
//! cores; what they tell is put together again, byte for byte what one engine evaluated at each instant tells.
//!
//! A part whose triggers hold one signal against thresholds, over samples that are all numbers and believed, is followed on
//! its column alone ([`thresholds`]). Every other part has an engine ([`evaluated`]).

mod evaluated;
mod text;
mod thresholds;
mod together;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use spark_core::{Policy, Timestamp};

use self::evaluated::Evaluated;
use self::text::Line;
use self::thresholds::Thresholds;
use self::together::Together;
use super::{Instants, Recording, Replay, replay_with};

/// Most changes that wait to be put together, of all lanes: 24 bytes each, 1 MiB in the lanes, as much in what is told, and
/// some room beside. A lane that has its share of them waits for the others to come as far.
const WAITING_MAX: usize = 1 << 15;

/// Into how many stretches a replay is cut at least, so that what happened in one is written while the next is looked at.
const STRETCHES: u64 = 32;

/// Lanes are spread over cores where they look at so many instants in all: below, a thread costs more than it saves.
const WORTH_A_THREAD: u64 = 1 << 17;

/// Gives every event of a recording's replay as a line of JSON, the summary last, in pieces of whole lines; and to
/// `progress` how many of how many instants are done. These are the events of [`replay_with`], sooner.
///
/// # Errors
/// The first error of `each` ends it.
pub fn replay_lines<E>(
    policy: &Arc<Policy>,
    recording: &Recording,
    history: Option<Timestamp>,
    instants: Instants,
    mut each: impl FnMut(&str) -> Result<(), E>,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), E> {
    // what is computed from points at each instant, or lived through before the first, is seen instant by instant
    let apart = history.is_none() && !recording.has_points();
    let Some(lanes) = apart.then(|| Lanes::new(policy, recording, instants)).flatten() else {
        let mut replay = Replay::beside(policy, &[], recording, history, instants);
        let line = |event: &super::Event| each(&(event.to_json() + "\n"));
        return replay_with(&mut replay, recording, line, progress).map(drop);
    };
    let looked_at = instants.count().saturating_mul(u64::try_from(lanes.all.len()).unwrap_or(u64::MAX));
    let threads = match looked_at >= WORTH_A_THREAD {
        true => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        false => 1,
    };
    let stretch = instants.count().div_ceil(STRETCHES).max(1);
    let most = WAITING_MAX.checked_div(lanes.all.len()).unwrap_or(WAITING_MAX).max(1);
    lanes.replay(recording, Spread { stretch, most, threads }, &mut each, &mut progress)
}

/// The parts of a policy on their way, and what puts them together.
struct Lanes<'a> {
    all: Vec<Lane<'a>>,
    together: Together<'a>,
    instants: Instants,
}

/// A part of the policy on its way.
enum Lane<'a> {
    Thresholds(Box<Thresholds<'a>>),
    Evaluated(Box<Evaluated<'a>>),
}

impl<'a> Lanes<'a> {
    /// `None` where nothing would be gained: each part is evaluated at each instant.
    fn new(policy: &'a Policy, recording: &'a Recording, instants: Instants) -> Option<Self> {
        let parts = policy.apart();
        if !parts.iter().any(|part| part.is_plain) {
            return None;
        }
        let triggers = policy.triggers();
        let mut by_name: Vec<usize> = (0..triggers.len()).collect();
        let name = |place: usize| triggers.get(place).map_or("", |trigger| trigger.name.as_str());
        by_name.sort_unstable_by_key(|place| name(*place));
        let mut ranks = vec![u32::MAX; triggers.len()];
        for (rank, place) in (0u32..).zip(&by_name) {
            if let Some(slot) = ranks.get_mut(*place) {
                *slot = rank;
            }
        }
        let mut lines: Vec<Option<Line>> = (0..triggers.len()).map(|_| None).collect();
        let mut all = Vec::with_capacity(parts.len());
        for part in &parts {
            all.push(match Thresholds::new(policy, part, &ranks, recording, instants, &mut lines) {
                Some(lane) => Lane::Thresholds(Box::new(lane)),
                None => {
                    let own = policy.part(part).ok()?;
                    Lane::Evaluated(Box::new(Evaluated::new(own, part, recording, instants)))
                }
            });
        }
        let names = by_name.into_iter().map(name).collect();
        let of_part = parts
            .iter()
            .map(|part| part.triggers.iter().filter_map(|id| ranks.get(id.index()).copied()).collect());
        let together = Together::new(instants, names, lines, of_part.collect());
        Some(Self { all, together, instants })
    }

    /// Goes on stretch by stretch. What happened in a stretch is told while the other threads look at the
    /// next.
    fn replay<E>(
        mut self,
        recording: &Recording,
        Spread { stretch, most, threads }: Spread,
        each: &mut impl FnMut(&str) -> Result<(), E>,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), E> {
        let instants = self.instants;
        let share = self.all.len().div_ceil(threads.max(1)).max(1);
        let mut own: Vec<Lane<'a>> = self.all.drain(..share.min(self.all.len())).collect();
        let done = std::thread::scope(|scope| {
            let mut workers = Vec::new();
            while !self.all.is_empty() {
                let lanes = self.all.drain(..share.min(self.all.len())).collect();
                workers.push(Worker::start(scope, lanes));
            }
            let mut done = 0u64;
            let mut goal = Goal::new(instants, stretch, most);
            workers.iter_mut().for_each(|worker| worker.send(goal));
            while done < instants.count() {
                run(&mut own, goal);
                workers.iter_mut().for_each(Worker::receive);
                let mut lanes: Vec<&mut Lane<'a>> =
                    own.iter_mut().chain(workers.iter_mut().flat_map(|worker| &mut worker.lanes)).collect();
                let reached = lanes.iter().map(|lane| lane.reached(instants)).min();
                done = u64::from(goal.last).saturating_add(1).min(reached.map_or(u64::MAX, u64::from));
                let news = self.together.take(&mut lanes, done);
                goal = Goal::new(instants, done.saturating_add(stretch), most);
                if done < instants.count() {
                    workers.iter_mut().for_each(|worker| worker.send(goal));
                }
                self.together.tell(news, each)?;
                progress(done, instants.count());
            }
            Ok(done)
        })?;
        let summary = recording.summary(instants, done, self.together.verdict());
        each(&(super::Event::Summary(summary).to_json() + "\n"))
    }
}

/// How the work is cut.
#[derive(Debug, Clone, Copy)]
struct Spread {
    /// How many instants lanes go at once, at most.
    stretch: u64,
    /// How many changes wait in a lane, at most but for those of one instant.
    most: usize,
    threads: usize,
}

/// How far lanes go.
#[derive(Debug, Clone, Copy)]
struct Goal {
    /// The number of the last instant that is looked at, and its time.
    last: u32,
    until: Timestamp,
    /// Or until so much waits in a lane.
    most: usize,
}

impl Goal {
    /// Before the instant of that number, or the end.
    fn new(instants: Instants, before: u64, most: usize) -> Self {
        let last = before.min(instants.count()).saturating_sub(1);
        let last = u32::try_from(last).unwrap_or(u32::MAX);
        Self { last, until: instants.at(last), most }
    }
}

impl Lane<'_> {
    /// The number of the instant before which it looked at all.
    fn reached(&self, instants: Instants) -> u32 {
        match self {
            Self::Thresholds(lane) => lane.next(),
            Self::Evaluated(lane) => lane.next().and_then(|next| thresholds::number_of(instants, next)),
        }
        .unwrap_or(u32::MAX)
    }
}

/// Brings lanes to a goal.
fn run(lanes: &mut [Lane<'_>], Goal { last, until, most }: Goal) {
    lanes.iter_mut().for_each(|lane| match lane {
        Lane::Thresholds(lane) => lane.run(last, most),
        Lane::Evaluated(lane) => lane.run(until, most),
    });
}

/// A thread that brings its lanes to one goal after another.
struct Worker<'a> {
    /// Here between two goals.
    lanes: Vec<Lane<'a>>,
    goals: Sender<(Vec<Lane<'a>>, Goal)>,
    reached: Receiver<Vec<Lane<'a>>>,
}

impl<'a> Worker<'a> {
    fn start<'s>(scope: &'s Scope<'s, '_>, lanes: Vec<Lane<'a>>) -> Self
    where
        'a: 's,
    {
        let (goals, asked) = channel::<(Vec<Lane<'a>>, Goal)>();
        let (told, reached) = channel();
        scope.spawn(move || {
            for (mut lanes, goal) in asked {
                run(&mut lanes, goal);
                // whoever asked went away: nothing more is wanted
                if told.send(lanes).is_err() {
                    return;
                }
            }
        });
        Self { lanes, goals, reached }
    }

    fn send(&mut self, goal: Goal) {
        // a thread that panicked is told of where it is joined
        let _ = self.goals.send((std::mem::take(&mut self.lanes), goal));
    }

    fn receive(&mut self) {
        self.lanes = self.reached.recv().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
