//! The engines, each behind the same two calls.

pub(crate) mod cedar;
pub(crate) mod cel;
pub(crate) mod regorus;
pub(crate) mod rhai;
pub(crate) mod rtlola;
pub(crate) mod spark;
pub(crate) mod zen;

use crate::triggers::{INPUTS, SIGNALS, native};

/// Inputs, by number.
pub(crate) type Inputs = [[i64; SIGNALS]];

/// An engine that holds the triggers and all inputs in whatever form it likes best.
pub(crate) trait Peer {
    /// Which triggers fire on this input.
    fn mask(&mut self, input: usize) -> u32;

    /// The same for the clock: whatever the engine answers, without a reader.
    fn decide(&mut self, input: usize) {
        std::hint::black_box(self.mask(input));
    }
}

/// The function written by hand.
pub(crate) struct ByHand(pub(crate) Vec<[i64; SIGNALS]>);

impl Peer for ByHand {
    fn mask(&mut self, input: usize) -> u32 {
        native(std::hint::black_box(&self.0[input % INPUTS]))
    }
}

/// A mask from answers in the order of the triggers.
pub(crate) fn collect(answers: impl Iterator<Item = bool>) -> u32 {
    answers.enumerate().fold(0, |mask, (n, fires)| mask | u32::from(fires) << n)
}
