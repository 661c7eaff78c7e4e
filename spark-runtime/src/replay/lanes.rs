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

use spark_core::{Policy, Timestamp};

use self::evaluated::Evaluated;
use self::text::Line;
use self::thresholds::Thresholds;
use self::together::Together;
use super::{Instants, Recording, Replay, replay_with};

/// Most changes that wait to be put together, of all lanes: 24 bytes each, 6 MiB.
const WAITING_MAX: u64 = 1 << 18;

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
    let triggers = u64::try_from(policy.triggers().len().max(lanes.all.len())).unwrap_or(u64::MAX);
    let stretch = WAITING_MAX.checked_div(triggers).unwrap_or(WAITING_MAX).max(1);
    let looked_at = instants.count().saturating_mul(u64::try_from(lanes.all.len()).unwrap_or(u64::MAX));
    let threads = match looked_at >= WORTH_A_THREAD {
        true => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        false => 1,
    };
    lanes.replay(recording, (stretch, threads), &mut each, &mut progress)
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

    /// Goes on so many instants at a time, on so many threads.
    fn replay<E>(
        mut self,
        recording: &Recording,
        (stretch, threads): (u64, usize),
        each: &mut impl FnMut(&str) -> Result<(), E>,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), E> {
        let instants = self.instants;
        let mut done = 0u64;
        while done < instants.count() {
            let after = done.saturating_add(stretch).min(instants.count());
            let last = u32::try_from(after.saturating_sub(1)).unwrap_or(u32::MAX);
            run(&mut self.all, last, instants.at(last), threads);
            self.together.tell(&mut self.all, each)?;
            done = after;
            progress(done, instants.count());
        }
        let summary = recording.summary(instants, done, self.together.verdict());
        each(&(super::Event::Summary(summary).to_json() + "\n"))
    }
}

/// Brings all lanes to an instant, of that number.
fn run(lanes: &mut [Lane<'_>], last: u32, until: Timestamp, threads: usize) {
    let run = |lane: &mut Lane<'_>| match lane {
        Lane::Thresholds(lane) => lane.run(last),
        Lane::Evaluated(lane) => lane.run(until),
    };
    let share = lanes.len().div_ceil(threads.max(1)).max(1);
    let (own, others) = lanes.split_at_mut(share.min(lanes.len()));
    if others.is_empty() {
        own.iter_mut().for_each(run);
        return;
    }
    std::thread::scope(|scope| {
        for lanes in others.chunks_mut(share) {
            scope.spawn(move || lanes.iter_mut().for_each(run));
        }
        own.iter_mut().for_each(run);
    });
}

#[cfg(test)]
mod tests;
