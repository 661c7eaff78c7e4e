//! One fingerprint for states that have the same future.
//!
//! The shipped rollout is read back from what it gives to a hasher, field by field, and only what can make a difference to
//! what comes next is folded into the fingerprint. What is left out or cut short, and why that changes nothing:
//!
//! - **Instants** are taken as distances from now, since the rollout compares them with now alone. One that is waited for
//!   (`from`, and the last measurement) is in the future or not. Since when a step or the watch goes on is asked up to its
//!   time, one tick. Whether a decision is fresh is asked up to one tick too, but inclusively: two ticks are the cap.
//! - **Served time** is cut at what a stage asks for, one tick, and only counts while a stage serves: the next one begins
//!   at zero. The same goes for `promoted`. The instant from which a stage serves is not after the decisions that serve,
//!   as the modelled plan has no warm-up.
//! - **Names of steps and fences** are only compared: a step's number with that of the step now, a fence with those of the
//!   orders that are on their way and with the lease's. `print` tells these.
//! - **Attempts** are the first or a later one, as nothing else is asked; in a rollback not even that.
//! - **Reasons** are text.
//! - **A rollback**, and an end that is not `completed`, listens to nothing: no decision, word or freeze, no evidence and no
//!   measurement but that of no traffic. What only they would read is left out. That nothing leads out of a rollback but an
//!   end is itself a property that is checked.
//!
//! This is argued here and measured by `exact`: wherever two states get one fingerprint, it compares what comes after the
//! one with what comes after the other.

use std::hash::{Hash, Hasher};

use spark_core::rollout::Rollout;

/// When the model begins, in nanoseconds.
pub(crate) const BEGIN: i64 = 1_700_000_000 * TICK;

/// The model's unit of time, in nanoseconds. Each time of the modelled rollout is one.
pub(crate) const TICK: i64 = 1_000_000_000;

/// What a rollout gives to a hasher before its phase: five stages of three fields and their number, two times of the plan,
/// five of the pace, the reach, the fence and the number of steps.
const BEFORE_PHASE: usize = 26;

/// More values than a rollout has.
const VALUES: usize = 96;

/// The values that a rollout gives to a hasher, in order. Text is left out, but for the mark at its end.
struct Tape {
    values: [i64; VALUES],
    len: usize,
    next: usize,
}

impl Tape {
    fn of(rollout: &Rollout) -> Self {
        let mut tape = Self { values: [0; VALUES], len: 0, next: 0 };
        rollout.hash(&mut tape);
        tape.next = BEFORE_PHASE;
        tape
    }

    fn put(&mut self, value: i64) {
        self.values[self.len] = value;
        self.len += 1;
    }

    fn take(&mut self) -> i64 {
        assert!(self.next < self.len, "the rollout has other fields than the model check knows");
        self.next += 1;
        self.values[self.next - 1]
    }

    fn maybe(&mut self) -> Option<i64> {
        match self.take() {
            0 => None,
            _ => Some(self.take()),
        }
    }

    fn reasons(&mut self) {
        for _ in 0..self.take() {
            self.take();
        }
    }

    fn trip(&mut self) -> Trip {
        let [_epoch, _number, attempt, since] = [self.take(), self.take(), self.take(), self.take()];
        let (at, from, end) = match self.take() {
            0 => (0, self.take(), 0),
            1 => (1, 0, 0),
            _ => (2, self.take(), self.take()),
        };
        Trip { attempt, since, at, from, end }
    }
}

impl Hasher for Tape {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _text: &[u8]) {}

    fn write_u8(&mut self, value: u8) {
        self.put(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.put(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.put(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.put(value.cast_signed());
    }

    fn write_usize(&mut self, value: usize) {
        self.put((value as u64).cast_signed());
    }

    fn write_isize(&mut self, value: isize) {
        self.put(value as i64);
    }

    fn write_i64(&mut self, value: i64) {
        self.put(value);
    }
}

#[derive(Clone, Copy)]
struct Trip {
    attempt: i64,
    since: i64,
    at: i64,
    from: i64,
    end: i64,
}

impl Trip {
    fn fold(self, fold: &mut Fold, now: i64) {
        let from = if self.at == 1 { 0 } else { ahead(self.from, now) };
        fold.add(past(self.since, now, 1)).add(self.at).add(from).add(self.end);
    }
}

/// Ticks since an instant, no more than a cap.
fn past(instant: i64, now: i64, cap: i64) -> i64 {
    (now - instant).clamp(0, cap * TICK)
}

/// How far an instant is ahead; zero once it is there.
fn ahead(instant: i64, now: i64) -> i64 {
    (instant - now).max(0)
}

/// Folds values into 64 bits.
pub(crate) struct Fold(u64);

impl Fold {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    pub(crate) const fn new() -> Self {
        Self(0x243f_6a88_85a3_08d3)
    }

    pub(crate) fn add(&mut self, value: i64) -> &mut Self {
        let mixed = self.0.rotate_left(23) ^ value.cast_unsigned() ^ 0xa076_1d64_78bd_642f;
        let product = u128::from(mixed).wrapping_mul(u128::from(Self::FACTOR));
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        self.0 = folded.wrapping_add(self.0.rotate_left(7));
        self
    }

    pub(crate) fn sum(&mut self) -> u64 {
        self.add(0).add(1).0
    }
}

/// How much of the world around it a rollout still listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ear {
    /// To all of it.
    All,
    /// It goes back, or is at an end: to its own orders and measurements alone.
    Back,
}

/// Folds what of a rollout makes a difference to what comes next.
pub(crate) fn rollout(rollout: &Rollout, now: i64, fold: &mut Fold) -> Ear {
    let mut tape = Tape::of(rollout);
    let phase = tape.take();
    fold.add(phase);
    let (mut serving, mut back) = (false, false);
    match phase {
        // waits for T-0: at the first decision that is not before
        0 => drop(fold.add(ahead(tape.take(), now))),
        1 => drop(fold.add(tape.take())),
        2 => {
            fold.add(tape.take());
            let trip = tape.trip();
            fold.add(trip.attempt.min(2));
            trip.fold(fold, now);
        }
        3 => {
            fold.add(tape.take());
            serving = true;
        }
        4 => drop(fold.add(past(tape.take(), now, 1))),
        5 => {
            let _stage = tape.take();
            tape.reasons();
            tape.trip().fold(fold, now);
            back = true;
        }
        _ => {
            let ending = tape.take();
            fold.add(ending);
            back = ending != 0;
            match ending {
                0 => {}
                1 | 2 => {
                    let _stage = tape.take();
                    tape.reasons();
                }
                _ => {
                    let [_by, _share] = [Some(tape.take()), tape.maybe()];
                }
            }
        }
    }
    let (traffic, probed, drifts) = (tape.maybe(), tape.maybe(), tape.take());
    let (served, _serves_from, proceeding) = (tape.take(), tape.take(), tape.maybe());
    let (ready, lets_raise) = (tape.take(), tape.maybe());
    let [held, frozen, promoted, approved, unrecorded] = std::array::from_fn(|_| tape.take());
    let [tried, tried_now, adrift, over] = std::array::from_fn(|_| tape.take());
    assert_eq!(tape.next, tape.len, "the rollout has other fields than the model check knows");
    fold.add(unrecorded).add(tried_now).add(adrift).add(over);
    if back {
        return Ear::Back;
    }
    fold.add(traffic.unwrap_or(-1)).add(probed.map_or(-1, |at| past(at, now, 1))).add(drifts);
    fold.add(proceeding.map_or(-1, |at| past(at, now, 2))).add(ready).add(lets_raise.unwrap_or(-1));
    fold.add(held).add(frozen).add(approved).add(tried);
    if serving {
        fold.add(served.min(TICK)).add(promoted);
    }
    Ear::All
}
