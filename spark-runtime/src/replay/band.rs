//! Bands: what was shown over time, in as many pieces as can be seen, the worst of each kept.

use spark_core::{State, TimeSpan, Timestamp, Verdict};

use super::Instants;

/// Most pieces of a band: more than a wide screen has columns for one, and a few kilobytes in a page. A replay with no
/// more instants than this is shown instant by instant.
pub const BUCKETS_MAX: usize = 1_200;

/// How much something deserves to be seen: of several in one piece, the highest is shown.
pub trait Rank: Copy + PartialEq {
    /// Its rank.
    fn rank(self) -> u8;
}

impl Rank for State {
    fn rank(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Pending => 1,
            Self::Warn => 2,
            Self::Unknown => 3,
            Self::Hold => 4,
            Self::Rollback => 5,
        }
    }
}

impl Rank for Verdict {
    fn rank(self) -> u8 {
        match self {
            Self::Proceed => 0,
            Self::Hold => 1,
            Self::Rollback => 2,
        }
    }
}

/// The time of a backtest, cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    instants: Instants,
    buckets: usize,
}

impl Axis {
    /// An axis over the instants: a piece for each, or [`BUCKETS_MAX`].
    pub fn over(instants: Instants) -> Self {
        let count = usize::try_from(instants.count()).unwrap_or(usize::MAX);
        Self { instants, buckets: count.clamp(1, BUCKETS_MAX) }
    }

    /// The first instant.
    pub const fn from(self) -> Timestamp {
        self.instants.from()
    }

    /// The last instant.
    pub const fn to(self) -> Timestamp {
        self.instants.to()
    }

    /// The time between instants.
    pub const fn every(self) -> TimeSpan {
        self.instants.every()
    }

    /// How many pieces there are.
    pub const fn buckets(self) -> usize {
        self.buckets
    }

    /// The piece that a time lies in; none outside of the instants.
    pub fn bucket(self, at: Timestamp) -> Option<usize> {
        if at < self.from() || at > self.to() {
            return None;
        }
        let step = at.since(self.from()).nanos().checked_div(self.every().nanos())?;
        let scaled = u128::try_from(step).ok()?.checked_mul(u128::try_from(self.buckets).ok()?)?;
        let place = scaled.checked_div(u128::from(self.instants.count()))?;
        usize::try_from(place).ok().map(|place| place.min(self.buckets.saturating_sub(1)))
    }

    /// The first instant of a piece.
    pub fn start_of(self, bucket: usize) -> Timestamp {
        let count = u128::from(self.instants.count());
        let scaled = u128::try_from(bucket).unwrap_or(u128::MAX).saturating_mul(count);
        let buckets = u128::try_from(self.buckets).unwrap_or(1).max(1);
        // the first whose piece this is
        let step = scaled.div_ceil(buckets);
        let nanos = step.saturating_mul(u128::from(self.every().nanos().unsigned_abs()));
        self.from().plus(TimeSpan::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))).min(self.to())
    }
}

/// What was shown in each piece of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band<T> {
    cells: Vec<Option<T>>,
}

impl<T: Rank> Band<T> {
    /// A band in which nothing was shown yet.
    pub(super) fn new(axis: Axis) -> Self {
        Self { cells: vec![None; axis.buckets()] }
    }

    pub(super) fn show(&mut self, bucket: Option<usize>, shown: T) {
        if let Some(slot) = bucket.and_then(|bucket| self.cells.get_mut(bucket)) {
            *slot = worse(*slot, Some(shown));
        }
    }

    /// The pieces.
    pub fn cells(&self) -> &[Option<T>] {
        &self.cells
    }

    /// The band in at most `width` pieces, the worst of each.
    pub fn narrowed(&self, width: usize) -> Vec<Option<T>> {
        let count = self.cells.len();
        let width = width.clamp(1, count.max(1));
        let edge = |place: usize| place.saturating_mul(count).checked_div(width).unwrap_or(count);
        (0..width)
            .map(|place| {
                let piece = self.cells.get(edge(place)..edge(place.saturating_add(1))).unwrap_or_default();
                piece.iter().copied().fold(None, worse)
            })
            .collect()
    }

    /// Runs of equal pieces: from which to before which, and what was shown.
    pub fn runs(&self) -> Vec<(usize, usize, T)> {
        let mut runs: Vec<(usize, usize, T)> = Vec::new();
        for (place, cell) in self.cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            let after = place.saturating_add(1);
            match runs.last_mut() {
                Some((_, end, shown)) if *end == place && shown == cell => *end = after,
                _ => runs.push((place, after, *cell)),
            }
        }
        runs
    }
}

fn worse<T: Rank>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.rank() > a.rank() { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(instants: u32) -> Axis {
        let every = TimeSpan::from_seconds(15);
        let to = Timestamp::EPOCH.plus(every.times(instants.saturating_sub(1)));
        Axis::over(Instants::within(Timestamp::EPOCH, to, every).unwrap())
    }

    /// Every instant lies in the piece that starts at or before it, the pieces are in order, and none is empty.
    #[test]
    fn pieces_cover_all_instants() {
        for count in [1u32, 2, 81, 1_199, 1_200, 1_201, 5_000, 172_801] {
            let axis = axis(count);
            assert_eq!(axis.buckets(), (count as usize).min(BUCKETS_MAX), "{count}");
            let mut met = vec![false; axis.buckets()];
            for step in 0..count {
                let at = Timestamp::EPOCH.plus(axis.every().times(step));
                let bucket = axis.bucket(at).unwrap();
                assert!(axis.start_of(bucket) <= at, "{count} {step}");
                assert!(bucket + 1 == axis.buckets() || axis.start_of(bucket + 1) > at, "{count} {step}");
                met[bucket] = true;
            }
            assert!(met.iter().all(|met| *met), "{count}");
        }
    }

    /// A single rollback among a month of proceeding is seen at every width.
    #[test]
    fn the_worst_is_seen() {
        let axis = axis(172_801);
        let mut band = Band::new(axis);
        for step in 0..172_801 {
            let verdict = if step == 99_999 { Verdict::Rollback } else { Verdict::Proceed };
            band.show(axis.bucket(Timestamp::EPOCH.plus(axis.every().times(step))), verdict);
        }
        assert_eq!(band.runs().len(), 3);
        for width in [1, 2, 60, 80, 1_200, 5_000] {
            let cells = band.narrowed(width);
            assert_eq!(cells.len(), width.min(BUCKETS_MAX));
            let rollbacks = cells.iter().filter(|cell| **cell == Some(Verdict::Rollback)).count();
            assert_eq!(rollbacks, 1, "{width}");
        }
    }
}
