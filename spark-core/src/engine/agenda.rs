//! What an evaluation has to visit: the parts that something has changed for, and those whose own time has come.
//!
//! The others would come to what they came to before: their clocks are brought forward, and the rest of them stands. This
//! is a memory of the last evaluation, never a part of the saved state. An engine that was just restored visits every part,
//! and comes to the same bytes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clock::Outcome;
use super::overrides::Overrides;
use super::parts::{Part, PartKind};
use super::pass::Memory;
use super::view::View;
use super::watch::Watch;
use crate::policy::Policy;
use crate::time::{TimeSpan, Timestamp};

const NEVER: Timestamp = Timestamp::from_nanos(i64::MAX);

/// The parts of an evaluation, in their order, and what tells whether they have to be visited.
#[derive(Debug, Clone)]
pub(super) struct Agenda {
    pub(super) watch: Watch,
    /// Whether there was an evaluation, and nothing but samples and instants came since.
    settled: bool,
    visits: Visits,
    /// Parts that every evaluation visits.
    always: Vec<usize>,
    /// By part: when what it remembers changes by itself.
    due: Vec<Timestamp>,
    /// Not after the first of them.
    next_due: Timestamp,
    /// When the first override ends, which may change whom other parts listen to.
    next_word: Timestamp,
    running: Running,
}

impl Agenda {
    pub(super) fn new(policy: &Policy, parts: &[Part], clocks: usize) -> Self {
        let always = parts.iter().enumerate().filter(|(_, part)| part.has_sequence);
        Self {
            watch: Watch::new(policy),
            settled: false,
            visits: Visits::new(parts.len()),
            always: always.map(|(part, _)| part).collect(),
            due: vec![NEVER; parts.len()],
            next_due: NEVER,
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
        self.visits.put_on(part);
    }

    /// Begins an evaluation, the last of which was at `last`. Gives whether every part is visited.
    pub(super) fn open(
        &mut self,
        view: &View<'_>,
        last: Option<Timestamp>,
        compared: &[Option<Outcome>],
    ) -> bool {
        let program = view.program;
        let gap = last.filter(|_| self.settled && view.at < self.next_word).map(|last| view.at.since(last));
        let Self { watch, visits, running, .. } = self;
        let Some(gap) = gap else {
            (0..program.parts.len()).for_each(|part| visits.put_on(part));
            watch.refresh_all(view);
            return true;
        };
        self.always.iter().for_each(|part| visits.put_on(*part));
        if view.at >= self.next_due {
            let due = self.due.iter().enumerate().filter(|(_, due)| view.at >= **due);
            due.for_each(|(part, _)| visits.put_on(part));
        }
        if gap > running.reach {
            // so long an interval is no evidence for some of them, which they find themselves
            let parts = running.clocks.iter().filter_map(|clock| program.part_of_clock.get(*clock));
            parts.for_each(|part| visits.put_on(*part));
        }
        watch.changed(view, compared, &mut |comparison| {
            program.part_of_comparison.get(comparison).into_iter().for_each(|part| visits.put_on(*part));
        });
        false
    }

    /// The next part to visit.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.visits.next()
    }

    /// Ends an evaluation: brings the clocks of what was not visited forward, and takes up what was.
    pub(super) fn close(
        &mut self,
        view: &View<'_>,
        last: Option<Timestamp>,
        memory: &mut Memory,
        overrides: &Overrides,
    ) {
        let program = view.program;
        let gap = last.map_or(TimeSpan::ZERO, |last| view.at.since(last));
        for clock in &self.running.clocks {
            let part = program.part_of_clock.get(*clock);
            let visited = part.is_none_or(|part| self.visits.has(*part));
            if let Some(clock) = memory.clocks.get_mut(*clock).filter(|_| !visited) {
                clock.add(view.at, gap);
            }
        }
        let overdue = view.at >= self.next_due;
        while let Some(place) = self.visits.take() {
            let Some(part) = program.parts.get(place) else { continue };
            let due = self.take_up(view, memory, part);
            self.next_due = self.next_due.min(due);
            if let Some(slot) = self.due.get_mut(place) {
                *slot = due;
            }
        }
        if overdue {
            self.next_due = self.due.iter().copied().min().unwrap_or(NEVER);
        }
        if gap > self.running.reach {
            self.running.measure(&program.clocks);
        }
        self.next_word = overrides.next_end().unwrap_or(NEVER);
        self.settled = true;
    }

    /// Takes up what a visited part remembers; gives when that changes by itself.
    fn take_up(&mut self, view: &View<'_>, memory: &Memory, part: &Part) -> Timestamp {
        let mut due = NEVER;
        for place in part.clocks.clone() {
            let (Some(clock), Some((duration, reach))) =
                (memory.clocks.get(place), view.program.clocks.get(place))
            else {
                continue;
            };
            self.running.set(place, clock.adds_since() == Some(view.at), *reach);
            due = due.min(clock.next_turn(view.at, *duration).unwrap_or(NEVER));
        }
        if let PartKind::Trigger(place) = part.kind
            && let (Some(trigger), Some(memory)) =
                (view.policy.triggers().get(place), memory.triggers.get(place))
        {
            due = due.min(memory.gives_up_at(trigger).filter(|due| *due > view.at).unwrap_or(NEVER));
        }
        due
    }
}

/// The parts that one evaluation visits.
#[derive(Debug, Clone)]
struct Visits {
    /// Those that are still to come, the first on top.
    waiting: BinaryHeap<Reverse<usize>>,
    /// All of them, and by part whether it is one.
    all: Vec<usize>,
    is_one: Vec<bool>,
}

impl Visits {
    fn new(parts: usize) -> Self {
        Self {
            waiting: BinaryHeap::with_capacity(parts),
            all: Vec::with_capacity(parts),
            is_one: vec![false; parts],
        }
    }

    fn put_on(&mut self, part: usize) {
        if let Some(is_one) = self.is_one.get_mut(part)
            && !std::mem::replace(is_one, true)
        {
            self.all.push(part);
            self.waiting.push(Reverse(part));
        }
    }

    fn has(&self, part: usize) -> bool {
        self.is_one.get(part).copied().unwrap_or(false)
    }

    fn next(&mut self) -> Option<usize> {
        self.waiting.pop().map(|Reverse(part)| part)
    }

    /// Takes one off that was visited.
    fn take(&mut self) -> Option<usize> {
        let part = self.all.pop()?;
        if let Some(is_one) = self.is_one.get_mut(part) {
            *is_one = false;
        }
        Some(part)
    }
}

/// The clocks that add evidence up from one evaluation to the next.
#[derive(Debug, Clone)]
struct Running {
    clocks: Vec<usize>,
    /// By clock: its place among them.
    place: Vec<Option<usize>>,
    /// Not longer than the longest interval that is evidence for all of them.
    reach: TimeSpan,
}

impl Running {
    fn new(clocks: usize) -> Self {
        Self { clocks: Vec::with_capacity(clocks), place: vec![None; clocks], reach: TimeSpan::MAX }
    }

    fn set(&mut self, clock: usize, runs: bool, reach: TimeSpan) {
        let Some(place) = self.place.get_mut(clock) else { return };
        match (*place, runs) {
            (None, true) => {
                *place = Some(self.clocks.len());
                self.clocks.push(clock);
                self.reach = self.reach.min(reach);
            }
            (Some(there), false) => {
                *place = None;
                self.clocks.swap_remove(there);
                let moved = self.clocks.get(there).and_then(|moved| self.place.get_mut(*moved));
                if let Some(moved) = moved {
                    *moved = Some(there);
                }
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// Finds the reach anew, which clocks that stopped have left too short.
    fn measure(&mut self, clocks: &[(TimeSpan, TimeSpan)]) {
        let reaches = self.clocks.iter().filter_map(|clock| clocks.get(*clock)).map(|(_, reach)| *reach);
        self.reach = reaches.min().unwrap_or(TimeSpan::MAX);
    }
}
