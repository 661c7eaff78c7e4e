//! Time of single steps on a machine that others use too: each step is timed in each of several passes over the same
//! input, and its least time counts. A preemption or a neighbour's burst hits a step once, hardly in every pass.

use std::time::Instant;

/// Passes over the same input. With five, a step that is disturbed in one pass of ten is disturbed in all by one in 10^5.
pub(crate) const PASSES: usize = 5;

/// The least times of steps, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Least(Vec<u32>);

impl Least {
    /// Takes the time of a step in this pass.
    pub(crate) fn take(&mut self, step: usize, start: Instant) {
        let nanos = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        match self.0.get_mut(step) {
            Some(least) => *least = nanos.min(*least),
            None => self.0.push(nanos),
        }
    }

    /// The mean of all steps.
    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().map(|nanos| f64::from(*nanos)).sum::<f64>() / self.0.len().max(1) as f64
    }

    /// The time that this part of ten thousand is not above, and the worst.
    pub(crate) fn tail(&self, of_ten_thousand: usize) -> (u32, u32) {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = sorted.len().saturating_mul(of_ten_thousand).checked_div(10_000).unwrap_or_default();
        (sorted.get(place).copied().unwrap_or_default(), sorted.last().copied().unwrap_or_default())
    }
}

/// What reading the clock twice costs: a step that does nothing.
pub(crate) fn nothing(steps: usize) -> Least {
    let mut least = Least::default();
    for _ in 0..PASSES {
        (0..steps).for_each(|step| least.take(step, Instant::now()));
    }
    least
}
