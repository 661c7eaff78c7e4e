//! One fingerprint for states that differ in when they happen alone.
//!
//! A rollout's instants are only ever compared with now, up to the longest of its times, and its served time with that of
//! its stage. So a state's fingerprint takes each instant as its distance from now, and no distance longer than that: time
//! goes on for ever, and the states stay finite. The shipped types are hashed as they are; instants are told from lengths
//! by their size.

use std::hash::{Hash, Hasher};

/// When the model begins, in nanoseconds: far above any length.
pub(crate) const BEGIN: i64 = 1_700_000_000 * TICK;

/// The model's unit of time, in nanoseconds. Each time of the modelled rollout is one.
pub(crate) const TICK: i64 = 1_000_000_000;

/// Longer than each time since an instant that a rollout compares with: one tick may serve, two may not.
const LONGEST: i64 = 2 * TICK;

/// The time that each stage asks for: to have served more is the same.
const SERVED: i64 = TICK;

/// What is this large is an instant.
const INSTANTS: i64 = BEGIN / 2;

/// A hasher that sees instants as they are from now. It folds 64 bits at a time, as states are many.
struct Normal {
    sum: u64,
    now: i64,
}

impl Normal {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    fn fold(&mut self, value: u64) {
        let mixed = self.sum.rotate_left(23) ^ value ^ 0xa076_1d64_78bd_642f;
        let product = u128::from(mixed).wrapping_mul(u128::from(Self::FACTOR));
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        self.sum = folded.wrapping_add(self.sum.rotate_left(7));
    }
}

impl Hasher for Normal {
    fn finish(&self) -> u64 {
        let mut last = Self { sum: self.sum, now: 0 };
        last.fold(0);
        last.fold(1);
        last.sum
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let value = chunk.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
            self.fold(value);
        }
        self.fold(bytes.len() as u64);
    }

    fn write_u8(&mut self, value: u8) {
        self.fold(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.fold(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.fold(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.fold(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.fold(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.fold(u64::from_ne_bytes((value as i64).to_ne_bytes()));
    }

    fn write_i64(&mut self, value: i64) {
        let value = match value >= INSTANTS {
            true => (value - self.now).clamp(-LONGEST, LONGEST) - LONGEST - TICK,
            false => value.min(SERVED),
        };
        self.fold(u64::from_ne_bytes(value.to_ne_bytes()));
    }
}

/// The fingerprint of something, seen from now.
pub(crate) fn digest(what: &impl Hash, now: i64) -> u64 {
    let mut hasher = Normal { sum: 0, now };
    what.hash(&mut hasher);
    hasher.finish()
}
