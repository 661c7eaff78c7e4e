//! Whole numbers as Parquet packs them: runs and packed bits for levels and places in dictionaries, and differences.
//!
//! Both keep places in a page, not the page, so that they can stand beside it. `None` is a page that is damaged.

use super::thrift::zigzag;

/// Reads a number of seven bits a byte.
fn varint(bytes: &[u8], place: &mut usize) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*place)?;
        *place = place.saturating_add(1);
        number |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// So many bits at a bit, at most 64; beyond the end they are zero.
fn bits(bytes: &[u8], bit: usize, width: u32) -> u64 {
    let (byte, shift) = (bit / 8, u32::try_from(bit % 8).unwrap_or(0));
    let rest = bytes.get(byte..).unwrap_or_default();
    let low = match rest.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => rest.iter().rev().fold(0u64, |number, byte| number.wrapping_shl(8) | u64::from(*byte)),
    };
    let mut found = low.wrapping_shr(shift);
    if shift.saturating_add(width) > 64 {
        let next = rest.get(8).copied().unwrap_or(0);
        found |= u64::from(next).wrapping_shl(64u32.saturating_sub(shift));
    }
    found & u64::MAX.checked_shr(64u32.saturating_sub(width)).unwrap_or(0)
}

/// Runs of one number, and numbers packed in eights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hybrid {
    place: usize,
    end: usize,
    width: u32,
    run: Run,
    /// How many numbers the run still has.
    left: usize,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    Same(u32),
    /// From a bit on.
    Packed(usize),
}

impl Default for Run {
    fn default() -> Self {
        Self::Same(0)
    }
}

impl Hybrid {
    /// Numbers of so many bits, between two places of a page.
    pub(super) fn new(place: usize, end: usize, width: u32) -> Option<Self> {
        (width <= 32).then_some(Self { place, end, width, run: Run::Same(0), left: 0 })
    }

    /// Appends the next `count` numbers.
    pub(super) fn read(&mut self, page: &[u8], mut count: usize, into: &mut Vec<u32>) -> Option<()> {
        while count > 0 {
            if self.left == 0 {
                self.next_run(page)?;
                continue;
            }
            let taken = self.left.min(count);
            match &mut self.run {
                Run::Same(number) => into.resize(into.len().saturating_add(taken), *number),
                Run::Packed(bit) => {
                    let width = self.width;
                    let step = usize::try_from(width).ok()?;
                    for _ in 0..taken {
                        into.push(u32::try_from(bits(page, *bit, width)).ok()?);
                        *bit = bit.saturating_add(step);
                    }
                }
            }
            self.left = self.left.saturating_sub(taken);
            count = count.saturating_sub(taken);
        }
        Some(())
    }

    /// Whether the next `count` numbers, all of one run, are that number.
    pub(super) fn is_run(&mut self, page: &[u8], number: u32, count: usize) -> bool {
        self.is_same(page, count) && matches!(self.run, Run::Same(same) if same == number)
    }

    /// Whether the next `count` numbers, all of one run, are the same.
    pub(super) fn is_same(&mut self, page: &[u8], count: usize) -> bool {
        if self.left == 0 {
            // a run that does not read is told of by whoever reads it
            let mut next = *self;
            if next.next_run(page).is_none() {
                return false;
            }
            *self = next;
        }
        matches!(self.run, Run::Same(_)) && self.left >= count
    }

    /// Passes over numbers of which [`Self::is_run`] said so.
    pub(super) const fn pass(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
    }

    fn next_run(&mut self, page: &[u8]) -> Option<()> {
        let page = page.get(..self.end)?;
        let head = varint(page, &mut self.place)?;
        let count = usize::try_from(head >> 1).ok()?;
        if head & 1 == 0 {
            let length = self.width.div_ceil(8);
            let number = bits(page.get(self.place..)?, 0, length.saturating_mul(8).min(32));
            self.place = self.place.saturating_add(usize::try_from(length).ok()?);
            if self.place > self.end {
                return None;
            }
            (self.run, self.left) = (Run::Same(u32::try_from(number).ok()?), count);
            return Some(());
        }
        let length = count.checked_mul(usize::try_from(self.width).ok()?)?;
        let end = self.place.checked_add(length)?;
        if end > self.end {
            return None;
        }
        (self.run, self.left) = (Run::Packed(self.place.checked_mul(8)?), count.checked_mul(8)?);
        self.place = end;
        Some(())
    }
}

/// Numbers as differences from the one before (`DELTA_BINARY_PACKED`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delta {
    place: usize,
    /// How many numbers are left, the first included.
    left: u64,
    /// Numbers of a part of a block, and how many parts a block has.
    part: u64,
    parts: usize,
    last: i64,
    is_first: bool,
    /// The least difference of the block.
    least: i64,
    /// Where the widths of the block's parts stand, and which part is next.
    widths: usize,
    next_part: usize,
    /// Of the part: how many numbers are left, their width, and where the next one is.
    part_left: u64,
    width: u32,
    bit: usize,
}

/// Most parts of a block: writers have 4.
const PARTS_MAX: u64 = 1 << 10;

impl Delta {
    /// Numbers from a place of a page on.
    pub(super) fn new(page: &[u8], mut place: usize) -> Option<Self> {
        let block = varint(page, &mut place)?;
        let parts = varint(page, &mut place)?;
        let left = varint(page, &mut place)?;
        let last = zigzag(varint(page, &mut place)?);
        let part = block.checked_div(parts)?;
        if parts > PARTS_MAX || part == 0 || part.checked_rem(8) != Some(0) {
            return None;
        }
        let parts = usize::try_from(parts).ok()?;
        Some(Self { place, left, part, parts, last, is_first: true, next_part: parts, ..Self::default() })
    }

    /// How many there are still.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// Where they end, once all were read: the part that was begun stands there whole.
    pub(super) fn end(&self) -> Option<usize> {
        let rest = usize::try_from(self.part_left).ok()?.checked_mul(usize::try_from(self.width).ok()?)?;
        let begun = self.bit.checked_add(rest)?.div_ceil(8);
        Some(self.place.max(begun))
    }

    /// Appends the next `count` numbers.
    pub(super) fn read(&mut self, page: &[u8], mut count: usize, into: &mut Vec<i64>) -> Option<()> {
        self.left = self.left.checked_sub(u64::try_from(count).ok()?)?;
        if self.is_first && count > 0 {
            self.is_first = false;
            into.push(self.last);
            count = count.saturating_sub(1);
        }
        while count > 0 {
            if self.part_left == 0 {
                self.next_part(page)?;
            }
            let taken = count.min(usize::try_from(self.part_left).unwrap_or(usize::MAX));
            let step = usize::try_from(self.width).ok()?;
            for _ in 0..taken {
                let more = if self.width == 0 { 0 } else { bits(page, self.bit, self.width) };
                self.bit = self.bit.saturating_add(step);
                self.last = self.last.wrapping_add(self.least).wrapping_add_unsigned(more);
                into.push(self.last);
            }
            self.part_left = self.part_left.saturating_sub(u64::try_from(taken).ok()?);
            count = count.saturating_sub(taken);
        }
        Some(())
    }

    fn next_part(&mut self, page: &[u8]) -> Option<()> {
        if self.next_part == self.parts {
            self.least = zigzag(varint(page, &mut self.place)?);
            self.widths = self.place;
            self.place = self.place.checked_add(self.parts)?;
            self.next_part = 0;
        }
        self.width = u32::from(*page.get(self.widths.checked_add(self.next_part)?)?);
        self.next_part = self.next_part.saturating_add(1);
        let bits = usize::try_from(self.part).ok()?.checked_mul(usize::try_from(self.width).ok()?)?;
        self.bit = self.place.checked_mul(8)?;
        self.place = self.place.checked_add(bits / 8)?;
        if self.width > 64 || self.place > page.len() {
            return None;
        }
        self.part_left = self.part;
        Some(())
    }
}
