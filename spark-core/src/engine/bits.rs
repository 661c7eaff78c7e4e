//! Parts as bits: where each stands, and which comparisons stand below it.
//!
//! All parts stand in words of bits, in the order of their names. Below the bit of a flat trigger (one level, newest samples
//! beside literals under one `and` or one `or`) stand its comparisons, a bit each, so that one addition evaluates all
//! flat triggers of a word: one more than a row of ones is carried into the bit above it, and what has a gap is not.

use super::parts::Part;
use super::places::{BITS, Places, members, place, within};
use super::readers::{Plain, Readers};
use super::short::Short;
use crate::time::TimeSpan;
use crate::trigger::Severity;

/// Whose bit is nobody's, and which bit there is not.
const NONE: u32 = u32::MAX;

/// Where the parts of a program stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits {
    words: Vec<Masks>,
    /// By bit: the part whose bit it is.
    part_at: Vec<u32>,
    /// By trigger: its bit, where it is flat.
    of_trigger: Vec<u32>,
    /// What each series is held against, word by word.
    sections: Vec<Section>,
    steps: Vec<Step>,
    /// The longest interval that is evidence for the clocks of every flat trigger.
    pub(super) reach: TimeSpan,
}

/// What the bits of a word are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Masks {
    /// The flat triggers.
    pub(super) flat: u64,
    /// Their comparisons.
    compared: u64,
    /// The lowest comparison of each.
    lowest: u64,
    /// Those for which one comparison is enough, and the comparisons of these.
    any: u64,
    any_compared: u64,
    /// Those with a `for`.
    pub(super) held: u64,
    /// Those whose level is hold, and rollback.
    pub(super) hold: u64,
    pub(super) rollback: u64,
}

impl Masks {
    /// The triggers of which all comparisons are among these.
    pub(super) const fn all(&self, compared: u64) -> u64 {
        // no carry leaves a trigger: its own bit above its comparisons is not set
        compared.wrapping_add(self.lowest) & self.flat
    }

    /// The triggers of which one comparison is among these.
    pub(super) const fn some(&self, compared: u64) -> u64 {
        self.all(compared ^ self.compared) ^ self.flat
    }

    /// The triggers whose conditions hold where these comparisons do.
    pub(super) const fn holding(&self, compared: u64) -> u64 {
        self.all(compared ^ self.any_compared) ^ self.any
    }
}

/// The comparisons of one series that stand in one word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) word: u32,
    pub(super) mask: u64,
    /// Those that hold below all values at which one turns.
    lowest: u64,
    steps: Places,
}

/// A value at which some of a section's comparisons turn.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    low: i64,
    /// Those that hold from it on, up to the next.
    holding: u64,
}

/// A range of values, ends included, in which no comparison of a section turns, and those that hold in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) holding: u64,
}

impl Bits {
    /// Gives each part its place, in this order.
    pub(super) fn new(
        parts: &mut [Part],
        in_order: &[u32],
        clocks: &[(TimeSpan, TimeSpan)],
        triggers: usize,
    ) -> Self {
        let mut bits = Self { of_trigger: vec![NONE; triggers], reach: TimeSpan::MAX, ..Self::default() };
        let mut next: usize = 0;
        for of in in_order {
            let Some(part) = parts.get_mut(*of as usize) else { continue };
            let short = flat(part);
            let below = if short.is_some() { part.comparisons.range().len() } else { 0 };
            let left = BITS.saturating_sub(next % BITS);
            if left <= below {
                next = next.saturating_add(left);
            }
            let own = next.saturating_add(below);
            (part.bit, part.is_flat) = (place(own), short.is_some());
            bits.part_at.resize(own, NONE);
            bits.part_at.push(*of);
            bits.words.resize(bits.part_at.len().div_ceil(BITS), Masks::default());
            if let Some(short) = short {
                if let Some(slot) = part.kind.trigger().and_then(|n| bits.of_trigger.get_mut(n as usize)) {
                    *slot = place(own);
                }
                let of = clocks.get(part.clocks.range()).unwrap_or_default();
                let is_held = short.held && of.first().is_some_and(|(duration, _)| !duration.is_zero());
                bits.reach = of.iter().map(|(_, reach)| *reach).fold(bits.reach, TimeSpan::min);
                bits.mark(next, own, short, is_held);
            }
            next = own.saturating_add(1);
        }
        bits
    }

    /// Says what the bits of a flat trigger are: its comparisons from `first` on, and behind them its own.
    fn mark(&mut self, first: usize, own: usize, short: Short, is_held: bool) {
        let Some(masks) = self.words.get_mut(own / BITS) else { return };
        let (lowest, flat) = (bit(first), bit(own));
        let compared = flat.wrapping_sub(lowest);
        let only = |whether: bool, bits: u64| if whether { bits } else { 0 };
        masks.flat |= flat;
        masks.compared |= compared;
        masks.lowest |= lowest;
        masks.any |= only(short.any, flat);
        masks.any_compared |= only(short.any, compared);
        masks.held |= only(is_held, flat);
        masks.hold |= only(short.severity == Severity::Hold, flat);
        masks.rollback |= only(short.severity == Severity::Rollback, flat);
    }

    /// Moves the comparisons of flat triggers from the series that they read into sections. `bit_of` gives a comparison's bit.
    pub(super) fn add_sections(&mut self, readers: &mut Readers, bit_of: impl Fn(u32) -> Option<usize>) {
        let mut turning: Vec<(u32, i64, u32)> = Vec::new();
        for newness in &mut readers.newest {
            turning.clear();
            turning.extend(newness.edges.iter().filter_map(|(edge, comparison)| {
                let bit = bit_of(*comparison)?;
                Some((word_of(bit), *edge, *comparison))
            }));
            if turning.is_empty() {
                continue;
            }
            newness.edges = newness.edges.iter().filter(|(_, of)| bit_of(*of).is_none()).copied().collect();
            turning.sort_unstable();
            let first = self.sections.len();
            for turning in turning.chunk_by(|a, b| a.0 == b.0) {
                self.add_section(turning, &readers.plain, &bit_of);
            }
            newness.sections = Places::new(first..self.sections.len());
        }
        self.sections.shrink_to_fit();
        self.steps.shrink_to_fit();
    }

    /// Adds the section of one word: the values at which its comparisons turn, rising.
    fn add_section(
        &mut self,
        turning: &[(u32, i64, u32)],
        plain: &[Option<Plain>],
        bit_of: &impl Fn(u32) -> Option<usize>,
    ) {
        let Some((word, _, _)) = turning.first().copied() else { return };
        let of = |comparison: u32| bit_of(comparison).map_or(0, bit);
        let (mut mask, mut holding) = (0, 0);
        for (_, _, comparison) in turning {
            let band = plain.get(*comparison as usize).and_then(Option::as_ref).map(|plain| plain.band);
            let holds = band.is_some_and(|band| band.holds(i64::MIN));
            mask |= of(*comparison);
            holding |= if holds { of(*comparison) } else { 0 };
        }
        let (first, lowest) = (self.steps.len(), holding);
        for edge in turning.chunk_by(|a, b| a.1 == b.1) {
            holding = edge.iter().fold(holding, |holding, (_, _, comparison)| holding ^ of(*comparison));
            self.steps.extend(edge.first().map(|(_, low, _)| Step { low: *low, holding }));
        }
        let steps = Places::new(first..self.steps.len());
        self.sections.push(Section { word, mask, lowest, steps });
    }

    /// How many words there are.
    pub(super) const fn words(&self) -> usize {
        self.words.len()
    }

    /// How many bits there are, those of nobody included.
    pub(super) const fn len(&self) -> usize {
        self.words.len().saturating_mul(BITS)
    }

    pub(super) fn masks(&self, word: usize) -> Option<&Masks> {
        self.words.get(word)
    }

    /// The part whose bit that is.
    pub(super) fn part_at(&self, bit: usize) -> Option<usize> {
        self.part_at.get(bit).filter(|part| **part != NONE).map(|part| *part as usize)
    }

    /// The bits of a section, each with that of its trigger.
    pub(super) fn bits_of(&self, section: &Section) -> impl Iterator<Item = (usize, usize)> {
        let word = section.word as usize;
        let flat = self.masks(word).map_or(0, |masks| masks.flat);
        members(word, section.mask).map(move |n| {
            let own = flat & 0_u64.wrapping_sub(bit(n));
            (n, within(word, own.trailing_zeros()))
        })
    }

    /// The bit of a trigger, where it is flat.
    pub(super) fn trigger(&self, trigger: usize) -> Option<usize> {
        self.of_trigger.get(trigger).filter(|bit| **bit != NONE).map(|bit| *bit as usize)
    }

    pub(super) fn sections(&self, sections: Places) -> &[Section] {
        self.sections.get(sections.range()).unwrap_or_default()
    }

    /// What a section shows at a value.
    pub(super) fn between(&self, section: &Section, value: i64) -> Between {
        // so few are counted without a branch that nobody can foretell
        const FEW: usize = 16;
        let steps = self.steps.get(section.steps.range()).unwrap_or_default();
        let reached = match steps.len() <= FEW {
            true => steps.iter().filter(|step| step.low <= value).count(),
            false => steps.partition_point(|step| step.low <= value),
        };
        // nor is there one on where the value lies
        let last = steps.len().saturating_sub(1);
        let at = |n: usize| steps.get(n.min(last)).copied().unwrap_or_default();
        let (below, above) = (at(reached.saturating_sub(1)), at(reached));
        let (is_lowest, is_highest) = (mask(reached == 0), mask(reached == steps.len()));
        Between {
            low: below.low & !is_lowest.cast_signed() | i64::MIN & is_lowest.cast_signed(),
            high: above.low.saturating_sub(1) & !is_highest.cast_signed()
                | i64::MAX & is_highest.cast_signed(),
            holding: below.holding & !is_lowest | section.lowest & is_lowest,
        }
    }
}

/// All bits, or none.
const fn mask(whether: bool) -> u64 {
    0_u64.wrapping_sub(whether as u64)
}

/// How a part is evaluated in short, where it is a flat trigger that bits tell all of: nobody listens to it, and a word has room for it.
fn flat(part: &Part) -> Option<Short> {
    let fits = part.comparisons.range().len() < BITS;
    part.short.filter(|_| fits && part.listeners.is_empty())
}

/// The bit of a place in its word.
pub(super) const fn bit(place: usize) -> u64 {
    1_u64.rotate_left((place % BITS) as u32)
}

/// The word of a place.
fn word_of(bit: usize) -> u32 {
    place(bit / BITS)
}
