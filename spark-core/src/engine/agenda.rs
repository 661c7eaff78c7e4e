//! What an evaluation has to visit: the parts that something has changed for, and those whose own time has come.
//!
//! The others would come to what they came to before: their clocks are brought forward, and the rest of them stands. This
//! is a memory of the last evaluation, never a part of the saved state. An engine that was just restored visits every part,
//! and comes to the same bytes.

use super::clock::Clock;
use super::deadlines::{Deadlines, NEVER};
use super::evaluate::Made;
use super::flat::Turning;
use super::overrides::Overrides;
use super::parts::{Part, PartKind};
use super::pass::Memory;
use super::places::{PlaceSet, place};
use super::view::View;
use super::watch::Watch;
use crate::time::{TimeSpan, Timestamp};

/// The parts of an evaluation, in their order, and what tells whether they have to be visited.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    /// Whether there was an evaluation, and nothing but samples and instants came since.
    settled: bool,
    /// The parts that are still to be visited.
    visits: PlaceSet,
    /// Parts that every evaluation visits.
    always: Vec<u32>,
    /// By part: when what it remembers changes by itself.
    due: Deadlines,
    /// When the first override ends, which may change whom other parts listen to.
    next_word: Timestamp,
    running: Running,
}

impl Agenda {
    pub(super) fn new(parts: &[Part], clocks: usize) -> Self {
        let always = parts.iter().zip(0..).filter(|(part, _)| part.has_sequence);
        Self {
            settled: false,
            visits: PlaceSet::new(parts.len()),
            always: always.map(|(_, place)| place).collect(),
            due: Deadlines::new(parts.len()),
            next_word: NEVER,
            running: Running::new(clocks),
        }
    }

    /// Something else than a sample was said: the next evaluation visits every part.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
    }

    /// Puts a part on, once.
    pub(super) fn put_on(&mut self, part: usize) {
        self.visits.insert(part);
    }

    /// Begins an evaluation, the last of which was at `last`. Gives whether every part is visited.
    pub(super) fn open(
        &mut self,
        watch: &mut Watch,
        view: &View<'_>,
        last: Option<Timestamp>,
        made: &mut Made,
    ) -> bool {
        let program = view.program;
        let gap = last.filter(|_| self.settled && view.at < self.next_word).map(|last| view.at.since(last));
        let Self { visits, running, due, .. } = self;
        let Made { compared, flat, asks, changed, .. } = made;
        let Some(gap) = gap else {
            (0..program.parts.len()).for_each(|part| visits.insert(part));
            watch.refresh_all(view, flat);
            flat.forget_turned();
            return true;
        };
        self.always.iter().for_each(|part| visits.insert(*part as usize));
        while let Some(part) = due.take_due(view.at) {
            visits.insert(part);
        }
        if gap > running.reach {
            // so long an interval is no evidence for some of them, which they find themselves
            let parts = running.clocks.iter().filter_map(|clock| program.part_of_clock.get(*clock as usize));
            parts.for_each(|part| visits.insert(*part as usize));
            running.outdated = true;
        }
        if gap > flat.reach(&program.bits) {
            flat.running(&program.bits).for_each(|part| visits.insert(part));
        }
        watch.changed(view, compared, flat, &mut |comparison| {
            let part = program.part_of_comparison.get(comparison);
            part.into_iter().for_each(|part| visits.insert(*part as usize));
        });
        flat.turn(program, view.at, Turning { asks, changed, visits, due });
        false
    }

    /// Whether nothing changes by itself at an instant, the last evaluation having been at `last`.
    pub(super) fn is_quiet(&self, last: Timestamp, at: Timestamp, reach: TimeSpan) -> bool {
        self.quiet_until(at.since(last), reach).is_some_and(|until| at < until)
    }

    /// Until when evaluations that are `every` apart visit nothing unless a sample changes something; `None` where each may.
    /// `reach` is the longest interval that is evidence for the flat triggers that run.
    pub(super) fn quiet_until(&self, every: TimeSpan, reach: TimeSpan) -> Option<Timestamp> {
        // a clock that takes so long an interval for no evidence has to see each
        let is_evidence = every <= self.running.reach.min(reach);
        let quiet = self.settled && self.always.is_empty() && is_evidence;
        quiet.then(|| self.due.not_before().min(self.next_word))
    }

    /// The next part to visit.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.visits.pop_first()
    }

    /// A clock as the evaluation at `last` left it: one that runs adds up by itself while its part is not visited.
    pub(super) fn clock(&self, memory: &Memory, place: usize, last: Timestamp) -> Option<Clock> {
        let clock = memory.clocks.get(place)?;
        Some(if self.running.has(place) { clock.up_to(last) } else { *clock })
    }

    /// Brings the clocks of a part that is going to be visited forward to the last evaluation.
    pub(super) fn bring_forward(&self, memory: &mut Memory, part: &Part, last: Timestamp) {
        for place in part.clocks.range() {
            if let (true, Some(clock)) = (self.running.has(place), memory.clocks.get_mut(place)) {
                *clock = clock.up_to(last);
            }
        }
    }

    /// Takes up what a part remembers that was just visited; where it `is_kept`, its clocks run among the flat triggers.
    pub(super) fn take_up(
        &mut self,
        view: &View<'_>,
        memory: &Memory,
        place: usize,
        part: &Part,
        is_kept: bool,
    ) {
        let mut due = NEVER;
        for place in part.clocks.range() {
            let (Some(clock), Some((duration, reach))) =
                (memory.clocks.get(place), view.program.clocks.get(place))
            else {
                continue;
            };
            self.running.set(place, !is_kept && clock.adds_since() == Some(view.at), *reach);
            due = due.min(clock.next_turn(view.at, *duration).unwrap_or(NEVER));
        }
        if let PartKind::Trigger(place) = part.kind
            && let (Some(trigger), Some(memory)) =
                (view.policy.triggers().get(place as usize), memory.triggers.get(place as usize))
        {
            due = due.min(memory.gives_up_at(trigger).filter(|due| *due > view.at).unwrap_or(NEVER));
        }
        self.due.set(place, due);
    }

    /// Ends an evaluation.
    pub(super) fn close(&mut self, view: &View<'_>, overrides: &Overrides) {
        if std::mem::take(&mut self.running.outdated) {
            self.running.measure(&view.program.clocks);
        }
        self.next_word = overrides.next_end().unwrap_or(NEVER);
        self.settled = true;
    }
}

/// The clocks that add evidence up from one evaluation to the next. Those of a part that is not visited do so by
/// themselves: see [`Clock::up_to`](super::clock::Clock::up_to).
#[derive(Debug, Clone)]
struct Running {
    clocks: Vec<u32>,
    /// By clock: its place among them; [`STOPPED`] where it does not run.
    place: Vec<u32>,
    /// Not longer than the longest interval that is evidence for all of them.
    reach: TimeSpan,
    /// An interval was longer than it.
    outdated: bool,
}

/// The place of a clock that does not run.
const STOPPED: u32 = u32::MAX;

impl Running {
    fn new(clocks: usize) -> Self {
        Self {
            clocks: Vec::with_capacity(clocks),
            place: vec![STOPPED; clocks],
            reach: TimeSpan::MAX,
            outdated: false,
        }
    }

    fn has(&self, clock: usize) -> bool {
        self.place.get(clock).is_some_and(|place| *place != STOPPED)
    }

    fn set(&mut self, clock: usize, runs: bool, reach: TimeSpan) {
        let Some(slot) = self.place.get_mut(clock) else { return };
        match (*slot, runs) {
            (STOPPED, true) => {
                *slot = place(self.clocks.len());
                self.clocks.push(place(clock));
                self.reach = self.reach.min(reach);
            }
            (STOPPED, false) | (_, true) => {}
            (there, false) => {
                *slot = STOPPED;
                self.clocks.swap_remove(there as usize);
                let moved = self.clocks.get(there as usize).copied();
                if let Some(moved) = moved.and_then(|moved| self.place.get_mut(moved as usize)) {
                    *moved = there;
                }
            }
        }
    }

    /// Finds the reach anew, which clocks that stopped have left too short.
    fn measure(&mut self, clocks: &[(TimeSpan, TimeSpan)]) {
        let reaches = self.clocks.iter().filter_map(|clock| clocks.get(*clock as usize));
        self.reach = reaches.map(|(_, reach)| *reach).min().unwrap_or(TimeSpan::MAX);
    }
}
