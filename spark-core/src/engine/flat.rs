//! What flat triggers show, as bits: a word of them is evaluated as one, and of those that turned nothing is written but the
//! instant. All else that such a trigger remembers follows from its bits, and is made where somebody asks.
//!
//! A trigger is kept here while all its samples are known, no override stands, and its clocks ran without a gap. It leaves
//! for its memory before it is visited in the general way, and comes back if what it remembers then follows again.

use super::Engine;
use super::bits::{Between, Bits, Masks, Section, bit};
use super::clock::{Clock, Outcome};
use super::deadlines::{Deadlines, NEVER};
use super::parts::Part;
use super::pass::Memory;
use super::places::{BITS, PlaceSet, members};
use super::program::Program;
use super::ruling::Asks;
use super::triggers::{Traced, TriggerMemory};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::Severity;

/// The flat triggers, by word and bit of [`Bits`].
#[derive(Debug, Clone)]
pub(super) struct Flat {
    words: Vec<Word>,
    /// By bit: the instant at which a trigger that is kept turned.
    since: Vec<Timestamp>,
    /// The words of which a comparison turned since the last evaluation.
    moved: PlaceSet,
    /// The words of which the clocks of a trigger that is kept run.
    running: PlaceSet,
}

/// A word of comparisons and triggers.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    /// The comparisons that hold, of those that are known.
    holding: u64,
    known: u64,
    /// Those that turned since the last evaluation.
    turned: u64,
    /// The triggers that are kept.
    kept: u64,
    /// Of these: those whose condition holds, its `for` aside, and those that are at their level.
    holds: u64,
    reached: u64,
}

/// All that is known of a trigger that is kept.
#[derive(Debug, Clone, Copy)]
struct Stand {
    severity: Severity,
    holds: bool,
    reached: bool,
    since: Timestamp,
}

impl Stand {
    const fn memory(self) -> TriggerMemory {
        TriggerMemory::of_known(self.severity, self.holds, self.reached, self.since)
    }

    /// Each of its clocks after the evaluation at `last`.
    const fn clock(self, last: Timestamp) -> Clock {
        if self.holds { Clock::running_since(self.since).up_to(last) } else { Clock::Stopped }
    }

    const fn traced(self) -> Traced {
        Traced::of_one(Outcome::of(self.reached), Outcome::of(self.holds))
    }
}

/// What an evaluation makes of those that turn.
#[derive(Debug)]
pub(super) struct Turning<'a> {
    pub(super) asks: &'a mut Asks,
    pub(super) changed: &'a mut PlaceSet,
    /// The parts that are visited in the general way, and when others will have to be.
    pub(super) visits: &'a mut PlaceSet,
    pub(super) due: &'a mut Deadlines,
}

impl Flat {
    pub(super) fn new(bits: &Bits) -> Self {
        Self {
            words: vec![Word::default(); bits.words()],
            since: vec![Timestamp::EPOCH; bits.len()],
            moved: PlaceSet::new(bits.words()),
            running: PlaceSet::new(bits.words()),
        }
    }

    /// Takes in what a series shows that is held against a section. Gives between which values, ends included, nothing of it
    /// turns.
    pub(super) fn show(&mut self, bits: &Bits, section: &Section, value: i64) -> (i64, i64) {
        let place = section.word as usize;
        let Some(word) = self.words.get_mut(place) else { return (i64::MAX, i64::MIN) };
        let Between { low, high, holding } = bits.between(section, value);
        let turned = (word.holding ^ holding) & section.mask;
        word.holding ^= turned;
        word.turned |= turned;
        word.known |= section.mask;
        if turned != 0 {
            self.moved.insert(place);
        }
        (low, high)
    }

    /// Takes in that a series shows nothing.
    pub(super) fn hide(&mut self, section: &Section) {
        if let Some(word) = self.words.get_mut(section.word as usize) {
            word.known &= !section.mask;
        }
    }

    /// Forgets what turned: every part is visited.
    pub(super) fn forget_turned(&mut self) {
        while let Some(place) = self.moved.pop_first() {
            self.words.get_mut(place).into_iter().for_each(|word| word.turned = 0);
        }
    }

    /// Evaluates the triggers of the words in which something turned.
    pub(super) fn turn(&mut self, program: &Program, at: Timestamp, turning: Turning<'_>) {
        let bits = &program.bits;
        let Turning { asks, changed, visits, due } = turning;
        let some_are_visited = !visits.is_empty();
        while let Some(place) = self.moved.pop_first() {
            let (Some(word), Some(masks)) = (self.words.get_mut(place), bits.masks(place)) else { continue };
            let compared = std::mem::take(&mut word.turned);
            let others = masks.some(compared) & !word.kept;
            members(place, others).filter_map(|bit| bits.part_at(bit)).for_each(|part| visits.insert(part));
            let mut turned = (masks.holding(word.holding) ^ word.holds) & masks.all(word.known) & word.kept;
            if some_are_visited {
                let visited = |bit: &usize| bits.part_at(*bit).is_some_and(|part| visits.has(part));
                turned = members(place, turned).filter(visited).fold(turned, |left, n| left & !bit(n));
            }
            word.holds ^= turned;
            word.reached = word.holds & (word.reached | !masks.held);
            let (hold, rollback) = word.asks(masks);
            asks.put(place, turned, hold, rollback);
            changed.put(place, turned, turned);
            self.running.set(place, word.holds & word.kept != 0);
            let (holds, held) = (word.holds, masks.held);
            for n in members(place, turned) {
                if let Some(since) = self.since.get_mut(n) {
                    *since = at;
                }
            }
            for n in members(place, turned & held) {
                let Some(part) = bits.part_at(n) else { continue };
                let duration = program.duration(part).filter(|_| holds & bit(n) != 0);
                due.set(part, duration.map_or(NEVER, |duration| at.plus(duration)));
            }
        }
    }

    /// Takes a flat trigger in that was just visited, where all that it remembers follows from its bits. Gives whether it did.
    pub(super) fn keep(
        &mut self,
        program: &Program,
        part: &Part,
        at: Timestamp,
        memory: &Memory,
        traced: &Traced,
    ) -> bool {
        let (place, own) = (part.bit as usize / BITS, bit(part.bit as usize));
        let (Some(word), Some(masks)) = (self.words.get_mut(place), program.bits.masks(place)) else {
            return false;
        };
        let trigger = part.kind.trigger().and_then(|trigger| memory.triggers.get(trigger as usize));
        let (Some(short), Some(remembered)) = (part.short, trigger) else { return false };
        let holds = masks.holding(word.holding) & own != 0;
        let reached = remembered.shown.level().is_some();
        let (true, Some(since)) = (masks.flat & masks.all(word.known) & own != 0, remembered.since) else {
            return false;
        };
        let stand = Stand { severity: short.severity, holds, reached, since };
        let clocks = memory.clocks.get(part.clocks.range()).unwrap_or_default();
        let follows = stand.memory() == *remembered
            && stand.traced() == *traced
            && clocks.iter().all(|clock| *clock == stand.clock(at));
        if !follows {
            return false;
        }
        let put = |bits: u64, whether: bool| if whether { bits | own } else { bits & !own };
        (word.kept, word.holds, word.reached) =
            (word.kept | own, put(word.holds, holds), put(word.reached, reached));
        self.running.set(place, word.holds & word.kept != 0);
        if let Some(slot) = self.since.get_mut(part.bit as usize) {
            *slot = since;
        }
        true
    }

    /// Writes what a trigger remembers, as the evaluation at `last` left it, if it is kept; from now on it is not.
    pub(super) fn leave(&mut self, part: &Part, last: Timestamp, memory: &mut Memory) {
        let Some(stand) = self.stand(part) else { return };
        let trigger = part.kind.trigger().and_then(|trigger| memory.triggers.get_mut(trigger as usize));
        trigger.into_iter().for_each(|memory| *memory = stand.memory());
        let clocks = memory.clocks.get_mut(part.clocks.range()).unwrap_or_default();
        clocks.fill(stand.clock(last));
        let place = part.bit as usize / BITS;
        if let Some(word) = self.words.get_mut(place) {
            word.kept &= !bit(part.bit as usize);
            self.running.set(place, word.holds & word.kept != 0);
        }
    }

    /// The longest interval that is evidence for the clocks that run here.
    pub(super) fn reach(&self, bits: &Bits) -> TimeSpan {
        if self.running.is_empty() { TimeSpan::MAX } else { bits.reach }
    }

    /// The parts whose clocks run here.
    pub(super) fn running<'a>(&'a self, bits: &'a Bits) -> impl Iterator<Item = usize> {
        let words = self.running.iter().filter_map(|place| Some((place, self.words.get(place)?)));
        let running = words.flat_map(|(place, word)| members(place, word.holds & word.kept));
        running.filter_map(|bit| bits.part_at(bit))
    }

    /// Whether a comparison's trigger is kept, and if so whether the comparison holds.
    pub(super) fn compared(&self, program: &Program, comparison: usize) -> Option<bool> {
        let own = program.bit_of_comparison(comparison)?;
        let part = program.parts.get(*program.part_of_comparison.get(comparison)? as usize)?;
        self.is_kept(part).then_some(())?;
        Some(self.words.get(own / BITS)?.holding & bit(own) != 0)
    }

    fn is_kept(&self, part: &Part) -> bool {
        let word = self.words.get(part.bit as usize / BITS);
        word.is_some_and(|word| word.kept & bit(part.bit as usize) != 0)
    }

    fn stand(&self, part: &Part) -> Option<Stand> {
        let (place, own) = (part.bit as usize / BITS, bit(part.bit as usize));
        let word = self.words.get(place).filter(|word| word.kept & own != 0)?;
        let since = *self.since.get(part.bit as usize)?;
        let (holds, reached) = (word.holds & own != 0, word.reached & own != 0);
        Some(Stand { severity: part.short?.severity, holds, reached, since })
    }
}

impl Word {
    /// The triggers that ask for hold, and for rollback.
    const fn asks(&self, masks: &Masks) -> (u64, u64) {
        let pending = self.holds & !self.reached & (masks.hold | masks.rollback);
        (self.reached & masks.hold | pending, self.reached & masks.rollback)
    }
}

impl Engine {
    fn stand(&self, trigger: usize) -> Option<Stand> {
        let part = self.program.bits.part_at(self.program.bits.trigger(trigger)?)?;
        self.made.flat.stand(self.program.parts.get(part)?)
    }

    /// What a trigger remembers.
    pub(super) fn remembered(&self, trigger: usize) -> Option<TriggerMemory> {
        let elsewhere = || self.state.memory.triggers.get(trigger).copied();
        self.stand(trigger).map(Stand::memory).or_else(elsewhere)
    }

    /// What the last evaluation made of a trigger's clauses.
    pub(super) fn traced(&self, trigger: usize) -> Option<Traced> {
        let elsewhere = || self.made.traced.get(trigger).copied().flatten();
        self.stand(trigger).map(Stand::traced).or_else(elsewhere)
    }

    /// A clock as the evaluation at `last` left it.
    pub(super) fn clock(&self, clock: usize, last: Timestamp) -> Option<Clock> {
        let part =
            self.program.part_of_clock.get(clock).and_then(|part| self.program.parts.get(*part as usize));
        let elsewhere = || self.agenda.clock(&self.state.memory, clock, last);
        part.and_then(|part| self.made.flat.stand(part)).map(|stand| stand.clock(last)).or_else(elsewhere)
    }

    /// What the last evaluation made of a comparison; none where it was not asked.
    pub(super) fn compared(&self, comparison: usize) -> Option<Outcome> {
        let elsewhere = || self.made.compared.get(comparison).copied().flatten();
        self.made.flat.compared(&self.program, comparison).map(Outcome::of).or_else(elsewhere)
    }
}
