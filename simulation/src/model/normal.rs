//! One fingerprint for states that differ in when they happen alone.
//!
//! A rollout's instants are only ever compared with now, up to the longest of its times. So a state's fingerprint takes each instant as
//! its distance from now, and no distance longer than that: time goes on for ever, and the states stay finite. The
//! shipped types are hashed as they are; instants are told from lengths by their size.

use std::hash::{DefaultHasher, Hash, Hasher};

/// When the model begins, in nanoseconds: far above any length.
pub(crate) const BEGIN: i64 = 1_700_000_000 * TICK;

/// The model's unit of time, in nanoseconds.
pub(crate) const TICK: i64 = 1_000_000_000;

/// Longer than each time that the model's rollouts compare with.
const LONGEST: i64 = 4 * TICK;

/// What is this large is an instant.
const INSTANTS: i64 = BEGIN / 2;

/// A hasher that sees instants as they are from now.
struct Normal {
    inner: DefaultHasher,
    now: i64,
}

impl Hasher for Normal {
    fn finish(&self) -> u64 {
        self.inner.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.inner.write(bytes);
    }

    fn write_i64(&mut self, value: i64) {
        let value = match value >= INSTANTS {
            true => (value - self.now).clamp(-LONGEST, LONGEST) - LONGEST - TICK,
            false => value.min(LONGEST),
        };
        self.inner.write_i64(value);
    }
}

/// The fingerprint of something, seen from now.
pub(crate) fn digest(what: &impl Hash, now: i64) -> u64 {
    let mut hasher = Normal { inner: DefaultHasher::new(), now };
    what.hash(&mut hasher);
    hasher.finish()
}
