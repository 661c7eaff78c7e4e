//! Chance that is the same in every run: latencies jitter, but two demos jitter alike.

use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64's increment: the odd number nearest to 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers that looks random and starts from a seed. Good for jitter, not for secrets.
#[derive(Debug)]
pub(crate) struct Chance {
    state: AtomicU64,
}

impl Chance {
    /// The sequence of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// The next number from 0 up to, but without, 1.
    pub(crate) fn next(&self) -> f64 {
        let mut z = self.state.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // the upper 32 bits are plenty for jitter, and fit a float exactly
        let upper = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / 4_294_967_296.0
    }

    /// The next number around 0 with a spread of about 1: the sum of twelve, as by Irwin and Hall.
    pub(crate) fn next_normal(&self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chance stays in its range, varies, and is the same for the same seed.
    #[test]
    fn repeatable() {
        let (a, b) = (Chance::new(7), Chance::new(7));
        let drawn: Vec<f64> = (0..1000).map(|_| a.next()).collect();
        assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
        assert_eq!(drawn, (0..1000).map(|_| b.next()).collect::<Vec<_>>());
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        let normal: Vec<f64> = (0..1000).map(|_| a.next_normal()).collect();
        let mean = normal.iter().sum::<f64>() / 1000.0;
        assert!((-0.15..0.15).contains(&mean), "{mean}");
    }
}
