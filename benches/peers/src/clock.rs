//! CPU time of this thread, interleaved rounds, medians.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Rounds: each engine once in each, one after the other.
pub(crate) const ROUNDS: usize = 7;
/// How long a batch is meant to take: long beside the clock and a switch of tasks.
const BATCH: Duration = Duration::from_millis(20);

fn now() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn timed(work: &mut dyn FnMut(usize), laps: usize) -> Duration {
    let start = now();
    (0..laps).for_each(&mut *work);
    now() - start
}

/// What is timed: a lap decides every input once.
pub(crate) struct Entry<'w> {
    pub(crate) name: &'static str,
    pub(crate) lap: Box<dyn FnMut(usize) + 'w>,
    /// Decisions of a lap.
    pub(crate) each: usize,
}

/// Times all, interleaved; gives each one's nanoseconds a decision in each round.
pub(crate) fn measure(entries: &mut [Entry<'_>]) -> Vec<Vec<f64>> {
    let laps: Vec<usize> = entries
        .iter_mut()
        .map(|entry| {
            let once = timed(&mut entry.lap, 1).max(Duration::from_nanos(100));
            (BATCH.as_nanos() / once.as_nanos()).max(1) as usize
        })
        .collect();
    let mut times = vec![Vec::new(); entries.len()];
    for _ in 0..ROUNDS {
        for ((entry, laps), times) in entries.iter_mut().zip(&laps).zip(&mut times) {
            let spent = timed(&mut entry.lap, *laps);
            times.push(spent.as_nanos() as f64 / (laps * entry.each) as f64);
        }
    }
    times
}

/// The median, the least and the most.
pub(crate) fn spread(times: &[f64]) -> [f64; 3] {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[0], times[times.len() - 1]]
}

/// A table of medians, their spread, and ratios to the entries with these places.
pub(crate) fn table(entries: &[Entry<'_>], times: &[Vec<f64>], beside: &[(&str, usize)]) -> String {
    let mut text = format!("{:<44}{:>10} {:>22}", "", "ns", "least to most");
    for (title, _) in beside {
        text.push_str(&format!(" {title:>18}"));
    }
    for (entry, own) in entries.iter().zip(times) {
        let [median, least, most] = spread(own);
        text.push_str(&format!("\n{:<44}{median:>10.1} {least:>10.1} to {most:>8.1}", entry.name));
        for (_, place) in beside {
            text.push_str(&format!(" {:>16.2} x", median / spread(&times[*place])[0]));
        }
    }
    text
}
