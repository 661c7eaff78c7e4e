//! What is evaluated as one: an expectation, a trigger, a plan's `proceed when`. Each has its comparisons and its clocks
//! to itself.

use super::bits::Bits;
use super::places::{Places, place};
use super::program::Program;
use super::readers::Newness;
use super::short::Short;
use crate::policy::Policy;
use crate::time::TimeSpan;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    /// The expectation of the signal at that place.
    Expectation(u32),
    /// The trigger at that place.
    Trigger(u32),
    /// The followed plan's `proceed when`.
    Proceed,
}

/// A part, and what belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    pub(super) comparisons: Places,
    pub(super) clocks: Places,
    /// The parts that listen to what this one shows: by `unless`. They come after it.
    pub(super) listeners: Places,
    /// Its bit, in the order of names.
    pub(super) bit: u32,
    /// Whether it has a sequence, which remembers each instant of what is unknown.
    pub(super) has_sequence: bool,
    /// Where it is a trigger that can be evaluated in short.
    pub(super) short: Option<Short>,
    /// Whether its comparisons have bits too.
    pub(super) is_flat: bool,
}

impl Part {
    /// The bit of one of its comparisons, where it is a flat trigger.
    fn bit_of(&self, comparison: usize) -> Option<usize> {
        let own = self.bit as usize;
        let behind = self.comparisons.range().end.checked_sub(comparison)?;
        own.checked_sub(behind).filter(|_| self.is_flat)
    }
}

/// Where a part begins, while a program is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    comparisons: usize,
    clocks: usize,
    sequences: usize,
}

impl Program {
    /// What is laid out from now on belongs to one part.
    pub(super) fn begin_part(&self) -> Beginning {
        Beginning {
            comparisons: self.comparisons.len(),
            clocks: self.clocks.len(),
            sequences: self.sequences,
        }
    }

    /// What was laid out since then is that part.
    pub(super) fn end_part(&mut self, kind: PartKind, beginning: Beginning) {
        let comparisons = Places::new(beginning.comparisons..self.comparisons.len());
        let clocks = Places::new(beginning.clocks..self.clocks.len());
        let has_sequence = beginning.sequences < self.sequences;
        let listeners = Places::default();
        self.parts.push(Part {
            kind,
            comparisons,
            clocks,
            listeners,
            bit: 0,
            has_sequence,
            short: None,
            is_flat: false,
        });
    }

    /// Brings the triggers into the policy's order, and notes who listens to whom and what belongs to which.
    pub(super) fn order_parts(&mut self, policy: &Policy) {
        let mut rank = vec![0; policy.triggers().len()];
        for (n, trigger) in policy.order().iter().enumerate() {
            if let Some(rank) = rank.get_mut(trigger.index()) {
                *rank = n;
            }
        }
        // expectations, triggers by rank, `proceed when`
        self.parts.sort_by_key(|part| match part.kind {
            PartKind::Expectation(signal) => (0, signal as usize),
            PartKind::Trigger(trigger) => (1, rank.get(trigger as usize).copied().unwrap_or_default()),
            PartKind::Proceed => (2, 0),
        });
        self.note_listeners(policy);
        let short = |part: &Part| match part.kind {
            PartKind::Trigger(place) => {
                Short::of(self, place as usize, policy.triggers().get(place as usize)?, part)
            }
            PartKind::Expectation(_) | PartKind::Proceed => None,
        };
        let short: Vec<Option<Short>> = self.parts.iter().map(short).collect();
        self.parts.iter_mut().zip(short).for_each(|(part, short)| part.short = short);
        self.part_of_comparison = vec![0; self.comparisons.len()];
        self.part_of_clock = vec![0; self.clocks.len()];
        for (part, of) in self.parts.iter().zip(0..) {
            let comparisons = self.part_of_comparison.get_mut(part.comparisons.range());
            comparisons.into_iter().for_each(|comparisons| comparisons.fill(of));
            let clocks = self.part_of_clock.get_mut(part.clocks.range());
            clocks.into_iter().for_each(|clocks| clocks.fill(of));
        }
        self.lay_bits(policy);
    }

    /// Notes who listens to whom.
    fn note_listeners(&mut self, policy: &Policy) {
        let mut part_of = vec![0; policy.triggers().len()];
        for (part, of) in self.parts.iter().zip(0_u32..) {
            if let PartKind::Trigger(trigger) = part.kind
                && let Some(slot) = part_of.get_mut(trigger as usize)
            {
                *slot = of;
            }
        }
        let mut pairs = Vec::new();
        for (trigger, listener) in policy.triggers().iter().zip(&part_of) {
            let speakers = trigger.unless.iter().filter_map(|speaker| part_of.get(speaker.index()));
            pairs.extend(speakers.map(|speaker| (*speaker, *listener)));
        }
        pairs.sort_unstable();
        self.listeners = pairs.iter().map(|(_, listener)| *listener).collect();
        let mut start: usize = 0;
        for of in pairs.chunk_by(|(a, _), (b, _)| a == b) {
            let end = start.saturating_add(of.len());
            let speaker = of.first().and_then(|(speaker, _)| self.parts.get_mut(*speaker as usize));
            speaker.into_iter().for_each(|speaker| speaker.listeners = Places::new(start..end));
            start = end;
        }
    }

    /// Says where all of this stands among bits.
    fn lay_bits(&mut self, policy: &Policy) {
        let in_order = self.parts_by_name(policy);
        let mut bits = Bits::new(&mut self.parts, &in_order, &self.clocks, policy.triggers().len());
        let Self { parts, part_of_comparison, readers, .. } = self;
        bits.add_sections(readers, |comparison| {
            let part = parts.get(*part_of_comparison.get(comparison as usize)? as usize)?;
            part.bit_of(comparison as usize)
        });
        self.bits = bits;
    }

    /// The bit of a comparison, where it is one of a flat trigger.
    pub(super) fn bit_of_comparison(&self, comparison: usize) -> Option<usize> {
        let part = self.parts.get(*self.part_of_comparison.get(comparison)? as usize)?;
        part.bit_of(comparison)
    }

    /// The comparisons that read the newest sample of a series, some of them twice.
    pub(super) fn comparisons_of(&self, newness: &Newness) -> impl Iterator<Item = usize> {
        let bits = self.bits.sections(newness.sections).iter().flat_map(|section| self.bits.bits_of(section));
        let flat = bits.filter_map(|(bit, own)| {
            let behind = own.checked_sub(bit)?;
            self.part_at(own)?.comparisons.range().end.checked_sub(behind)
        });
        newness.loose().map(|comparison| comparison as usize).chain(flat)
    }

    /// The part whose bit that is.
    pub(super) fn part_at(&self, bit: usize) -> Option<&Part> {
        self.parts.get(self.bits.part_at(bit)?)
    }

    /// The outermost `for` of a part, where it has one.
    pub(super) fn duration(&self, part: usize) -> Option<TimeSpan> {
        let clock = self.parts.get(part)?.clocks.range().start;
        self.clocks.get(clock).map(|(duration, _)| *duration)
    }

    /// The parts in the order of their names, in which they are told.
    fn parts_by_name(&self, policy: &Policy) -> Vec<u32> {
        let name = |of: u32| self.parts.get(of as usize).and_then(|part| part.kind.name(policy));
        let mut by_name: Vec<(u64, u32)> =
            (0..place(self.parts.len())).map(|of| (first_letters(name(of)), of)).collect();
        by_name.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| name(*one).cmp(&name(*other))));
        by_name.into_iter().map(|(_, of)| of).collect()
    }
}

impl PartKind {
    /// The place of a trigger.
    pub(super) const fn trigger(self) -> Option<u32> {
        match self {
            Self::Trigger(trigger) => Some(trigger),
            Self::Expectation(_) | Self::Proceed => None,
        }
    }

    /// What a reader knows it by: a trigger's name, a signal's of an expectation.
    pub(super) fn name(self, policy: &Policy) -> Option<&str> {
        match self {
            Self::Expectation(signal) => Some(policy.signals().get(signal as usize)?.name.as_str()),
            Self::Trigger(trigger) => Some(policy.triggers().get(trigger as usize)?.name.as_str()),
            Self::Proceed => None,
        }
    }
}

/// The first letters of a name, which order most names without looking at the rest of them: among 100,000 they lie far apart.
fn first_letters(name: Option<&str>) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(name.unwrap_or_default().bytes()).for_each(|(slot, letter)| *slot = letter);
    u64::from_be_bytes(first)
}
