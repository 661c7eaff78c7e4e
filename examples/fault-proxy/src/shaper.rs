//! What becomes of the bytes of one direction, under its toxics: computed from instants that are given, without I/O.
//!
//! Toxics add up: latencies are added, the narrowest bandwidth and the smallest piece count, the first end ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use crate::limits::HELD_BYTES_MAX;
use crate::toxic::{Kind, Toxic};

/// A narrow stream flows in portions of this time: seldom enough to cost nothing, often enough to look like a flow.
const PORTION: Duration = Duration::from_millis(20);

/// Bytes on their way.
pub(crate) struct Shaper {
    luck: Luck,
    applied: Vec<Applied>,
    chunks: VecDeque<Chunk>,
    held: usize,
    /// Before this instant, nothing goes out: bandwidth, or the time between two pieces.
    clear_at: Option<Instant>,
    /// What is left of the piece that goes out.
    piece: Option<usize>,
    /// When the last bytes went out.
    last_out: Option<Instant>,
    /// The sender ended the stream, with its own chunk of delay.
    ended: Option<Chunk>,
    /// Bytes were lost: what goes on would be a lie.
    cut: bool,
}

struct Chunk {
    bytes: Bytes,
    arrived: Instant,
    /// What jitter makes its delay from.
    luck: u64,
}

/// A toxic, and how far it got.
struct Applied {
    toxic: Arc<Toxic>,
    since: Instant,
    /// Whether toxicity chose this connection.
    chosen: bool,
    passed: u64,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// These bytes, or the first of them, can go out; at the instant, if any, ask again.
    Write(Bytes, Option<Instant>),
    /// Nothing, until this instant, if any.
    Wait(Option<Instant>),
    /// All went out, and so did the end.
    Finish,
    /// The connection ends.
    Close,
    /// The connection is reset.
    Reset,
}

impl Shaper {
    pub(crate) fn new(luck: Luck) -> Self {
        Self {
            luck,
            applied: Vec::new(),
            chunks: VecDeque::new(),
            held: 0,
            clear_at: None,
            piece: None,
            last_out: None,
            ended: None,
            cut: false,
        }
    }

    /// From now on these toxics count. One that was there goes on from where it was.
    pub(crate) fn set(&mut self, toxics: &[Arc<Toxic>], now: Instant) {
        let mut before = std::mem::take(&mut self.applied);
        for toxic in toxics {
            let known = before.iter().position(|one| Arc::ptr_eq(&one.toxic, toxic));
            let one = known.map(|place| before.swap_remove(place)).unwrap_or_else(|| {
                let chosen = self.luck.share() < toxic.toxicity;
                Applied { toxic: Arc::clone(toxic), since: now, chosen, passed: 0 }
            });
            self.applied.push(one);
        }
        self.cut |= before.iter().any(|gone| gone.chosen && matches!(gone.toxic.kind, Kind::Timeout { .. }));
        self.clear_at = None;
        self.piece = None;
    }

    /// Whether more is taken in.
    pub(crate) fn has_room(&self) -> bool {
        self.ended.is_none() && self.held < HELD_BYTES_MAX
    }

    /// Bytes came in.
    pub(crate) fn take(&mut self, bytes: Bytes, now: Instant) {
        self.held = self.held.saturating_add(bytes.len());
        let luck = self.luck.next();
        self.chunks.push_back(Chunk { bytes, arrived: now, luck });
    }

    /// The sender ended the stream.
    pub(crate) fn end(&mut self, now: Instant) {
        let luck = self.luck.next();
        self.ended = Some(Chunk { bytes: Bytes::new(), arrived: now, luck });
    }

    /// What is to be done now.
    pub(crate) fn step(&mut self, now: Instant) -> Step {
        if self.cut {
            return Step::Close;
        }
        // the first end that a toxic has set
        let mut until: Option<Instant> = None;
        let mut holds_all = false;
        for one in self.applied.iter().filter(|one| one.chosen) {
            let (end, step) = match one.toxic.kind {
                Kind::Timeout { timeout: 0 } => (None, Step::Close),
                Kind::Timeout { timeout } => (Some(after(one.since, milliseconds(timeout))), Step::Close),
                Kind::ResetPeer { timeout } => (Some(after(one.since, milliseconds(timeout))), Step::Reset),
                Kind::LimitData { bytes } if one.passed >= bytes => return Step::Close,
                _ => continue,
            };
            holds_all |= !matches!(one.toxic.kind, Kind::LimitData { .. });
            if end.is_some_and(|end| end <= now) {
                return step;
            }
            until = earlier(until, end);
        }
        if holds_all {
            self.chunks.clear();
            self.held = 0;
            return Step::Wait(until);
        }
        let Some(head) = self.chunks.front() else {
            let Some(end) = self.ended.as_ref() else { return Step::Wait(until) };
            let due = self.due(end);
            let drained = self.last_out.map_or(due, |last| last.max(due));
            let at = after(
                drained,
                milliseconds(self.sum(|kind| match kind {
                    Kind::SlowClose { delay } => *delay,
                    _ => 0,
                })),
            );
            return if at <= now { Step::Finish } else { Step::Wait(earlier(until, Some(at))) };
        };
        let due = self.due(head);
        let at = self.clear_at.map_or(due, |clear_at| clear_at.max(due));
        if at > now {
            return Step::Wait(earlier(until, Some(at)));
        }
        let bytes = head.bytes.clone();
        let most = self.most().min(bytes.len());
        Step::Write(bytes.slice(..most), until)
    }

    /// So many bytes of those that could go out, went out.
    pub(crate) fn written(&mut self, count: usize, now: Instant) {
        let Some(head) = self.chunks.front_mut() else { return };
        let _ = head.bytes.split_to(count.min(head.bytes.len()));
        if head.bytes.is_empty() {
            self.chunks.pop_front();
        }
        self.held = self.held.saturating_sub(count);
        self.last_out = Some(now);
        let passed = u64::try_from(count).unwrap_or(u64::MAX);
        for one in &mut self.applied {
            one.passed = one.passed.saturating_add(passed);
        }
        if let Some(rate) = self.rate() {
            // a timer that is late must not make the stream narrower, and a pause must not make it wider
            let from = self.clear_at.filter(|clear_at| after(*clear_at, PORTION) > now).unwrap_or(now);
            let takes = Duration::from_micros(passed.saturating_mul(1_000).checked_div(rate).unwrap_or(0));
            self.clear_at = Some(after(from, takes));
        }
        if let Some(left) = &mut self.piece {
            *left = left.saturating_sub(count);
            if *left == 0 {
                self.piece = None;
                let delay = Duration::from_micros(self.sum(|kind| match kind {
                    Kind::Slicer { delay, .. } => *delay,
                    _ => 0,
                }));
                let next = after(now, delay);
                self.clear_at = Some(self.clear_at.map_or(next, |clear_at| clear_at.max(next)));
            }
        }
    }

    /// When the latency of a chunk is over.
    fn due(&self, chunk: &Chunk) -> Instant {
        let delay = self.sum(|kind| match kind {
            Kind::Latency { latency, jitter } => {
                let width = jitter.saturating_mul(2).saturating_add(1);
                latency.saturating_add(chunk.luck.checked_rem(width).unwrap_or(0)).saturating_sub(*jitter)
            }
            _ => 0,
        });
        after(chunk.arrived, milliseconds(delay))
    }

    /// Most bytes of one write.
    fn most(&mut self) -> usize {
        let mut most = usize::MAX;
        if let Some(rate) = self.rate() {
            let portion = rate.saturating_mul(u64::try_from(PORTION.as_millis()).unwrap_or(1));
            most = most.min(usize::try_from(portion).unwrap_or(usize::MAX));
        }
        for one in self.applied.iter().filter(|one| one.chosen) {
            if let Kind::LimitData { bytes } = one.toxic.kind {
                let left = bytes.saturating_sub(one.passed);
                most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
            }
        }
        if self.piece.is_none() {
            let slicer = self.applied.iter().filter(|one| one.chosen).find_map(|one| match one.toxic.kind {
                Kind::Slicer { average_size, size_variation, .. } => Some((average_size, size_variation)),
                _ => None,
            });
            self.piece = slicer.map(|(average, variation)| {
                let width = variation.saturating_mul(2).saturating_add(1);
                let size = average
                    .saturating_sub(variation)
                    .saturating_add(self.luck.next().checked_rem(width).unwrap_or(0));
                usize::try_from(size).unwrap_or(usize::MAX)
            });
        }
        most.min(self.piece.unwrap_or(usize::MAX))
    }

    /// The narrowest bandwidth, in bytes a millisecond.
    fn rate(&self) -> Option<u64> {
        let chosen = self.applied.iter().filter(|one| one.chosen);
        let rates = chosen.filter_map(|one| match one.toxic.kind {
            Kind::Bandwidth { rate } if rate > 0 => Some(rate),
            _ => None,
        });
        rates.min()
    }

    fn sum(&self, of: impl Fn(&Kind) -> u64) -> u64 {
        let chosen = self.applied.iter().filter(|one| one.chosen);
        chosen.fold(0, |sum, one| sum.saturating_add(of(&one.toxic.kind)))
    }
}

/// Numbers that nobody can foresee and that need no quality: SplitMix64.
pub(crate) struct Luck(u64);

impl Luck {
    /// Another one each time. Without the system's numbers all connections have the same luck.
    pub(crate) fn any() -> Self {
        Self(getrandom::u64().unwrap_or(0))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, and less than 1.
    fn share(&mut self) -> f64 {
        let top = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(top) / 4_294_967_296.0
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Times are limited where they are read, so that there is always such an instant.
fn after(instant: Instant, by: Duration) -> Instant {
    instant.checked_add(by).unwrap_or(instant)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toxic::Direction;

    fn toxic(kind: Kind) -> Arc<Toxic> {
        let name = String::new();
        Arc::new(Toxic { name, direction: Direction::Upstream, toxicity: 1.0, kind })
    }

    /// Carries so many bytes, all sent at the start, and gives the millisecond at which each write came, with its length.
    fn carry(kinds: Vec<Kind>, bytes: usize) -> (Vec<(u128, usize)>, Step) {
        let from = Instant::now();
        let mut shaper = Shaper::new(Luck(1));
        shaper.set(&kinds.into_iter().map(toxic).collect::<Vec<_>>(), from);
        shaper.take(Bytes::from(vec![0; bytes]), from);
        shaper.end(from);
        let (mut now, mut writes) = (from, Vec::new());
        loop {
            match shaper.step(now) {
                Step::Write(bytes, _) => {
                    writes.push((now.duration_since(from).as_millis(), bytes.len()));
                    shaper.written(bytes.len(), now);
                }
                Step::Wait(Some(until)) => {
                    assert!(until > now, "an instant that passed is not waited for");
                    now = until;
                }
                last => {
                    writes.push((now.duration_since(from).as_millis(), 0));
                    return (writes, last);
                }
            }
        }
    }

    /// Each kind of toxic, and what they do together; the last entry is the end of the stream.
    #[test]
    fn toxics_shape_a_stream() {
        let latency = |latency| Kind::Latency { latency, jitter: 0 };
        for (kinds, expected, end) in [
            (vec![], vec![(0, 100), (0, 0)], Step::Finish),
            (vec![latency(30), latency(40)], vec![(70, 100), (70, 0)], Step::Finish),
            (vec![Kind::SlowClose { delay: 50 }], vec![(0, 100), (50, 0)], Step::Finish),
            (vec![latency(30), Kind::SlowClose { delay: 50 }], vec![(30, 100), (80, 0)], Step::Finish),
            (vec![Kind::Bandwidth { rate: 2 }], vec![(0, 40), (20, 40), (40, 20), (40, 0)], Step::Finish),
            (vec![Kind::Bandwidth { rate: 0 }], vec![(0, 100), (0, 0)], Step::Finish),
            (
                vec![Kind::Slicer { average_size: 40, size_variation: 0, delay: 7_000 }],
                vec![(0, 40), (7, 40), (14, 20), (14, 0)],
                Step::Finish,
            ),
            (vec![Kind::LimitData { bytes: 60 }], vec![(0, 60), (0, 0)], Step::Close),
            (vec![Kind::LimitData { bytes: 100 }], vec![(0, 100), (0, 0)], Step::Close),
            (vec![Kind::Timeout { timeout: 90 }], vec![(90, 0)], Step::Close),
            (vec![Kind::Timeout { timeout: 0 }], vec![(0, 0)], Step::Wait(None)),
            (vec![Kind::ResetPeer { timeout: 0 }], vec![(0, 0)], Step::Reset),
            (vec![Kind::ResetPeer { timeout: 60 }, latency(10)], vec![(60, 0)], Step::Reset),
        ] {
            let shown = format!("{kinds:?}");
            assert_eq!(carry(kinds, 100), (expected, end), "{shown}");
        }
    }

    /// Jitter stays within its bounds, and reorders nothing.
    #[test]
    fn jitter_has_bounds() {
        let from = Instant::now();
        let mut shaper = Shaper::new(Luck(7));
        shaper.set(&[toxic(Kind::Latency { latency: 50, jitter: 40 })], from);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            shaper.take(Bytes::from_static(b"x"), from);
            let Step::Wait(Some(until)) = shaper.step(from) else { panic!("nothing is waited for") };
            seen.insert(until.duration_since(from).as_millis());
            shaper.written(1, until);
        }
        assert_eq!((seen.first(), seen.last()), (Some(&10), Some(&90)));
        assert_eq!(seen.len(), 81, "every millisecond of it");
    }

    /// A toxic that comes or goes while bytes wait counts from then on; bytes that a timeout swallowed end the connection.
    #[test]
    fn toxics_come_and_go() {
        let from = Instant::now();
        let at = |ms| from + Duration::from_millis(ms);
        let mut shaper = Shaper::new(Luck(1));
        let latency = toxic(Kind::Latency { latency: 100, jitter: 0 });
        shaper.set(std::slice::from_ref(&latency), from);
        shaper.take(Bytes::from_static(b"xy"), from);
        assert_eq!(shaper.step(from), Step::Wait(Some(at(100))));
        shaper.set(&[], at(10));
        assert_eq!(shaper.step(at(10)), Step::Write(Bytes::from_static(b"xy"), None));
        shaper.written(1, at(10));
        let timeout = toxic(Kind::Timeout { timeout: 50 });
        shaper.set(&[Arc::clone(&timeout), latency], at(20));
        assert_eq!(shaper.step(at(20)), Step::Wait(Some(at(70))));
        // the one that stays is as old as it was
        shaper.set(&[timeout], at(60));
        assert_eq!(shaper.step(at(60)), Step::Wait(Some(at(70))));
        shaper.set(&[], at(65));
        assert_eq!(shaper.step(at(65)), Step::Close);
    }

    /// Toxicity chooses about its share of connections.
    #[test]
    fn toxicity_chooses() {
        let kind = Kind::LimitData { bytes: 0 };
        let rare = [Arc::new(Toxic { toxicity: 0.25, ..Toxic::clone(&toxic(kind)) })];
        let now = Instant::now();
        let chosen = (0..4_000).filter(|seed| {
            let mut shaper = Shaper::new(Luck(*seed));
            shaper.set(&rare, now);
            shaper.step(now) == Step::Close
        });
        let chosen = chosen.count();
        assert!((850..1_150).contains(&chosen), "{chosen} of 4000");
    }
}
