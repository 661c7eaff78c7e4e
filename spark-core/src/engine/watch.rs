//! Which comparisons a new sample, or the time alone, may have changed.
//!
//! For each series it is known between which literals its newest sample lies and until when that is believed. A sample
//! between the same literals changes nothing, and one beyond some of them changes what is held against those; windows
//! are computed at each evaluation.

use rust_decimal::Decimal;

use super::clock::Outcome;
use super::deadlines::{Deadlines, NEVER};
use super::flat::Flat;
use super::history::History;
use super::readers::{Newness, Plain};
use super::view::View;
use super::word::Word;
use crate::time::{TimeSpan, Timestamp};

/// What is known of one series since the last evaluation.
#[derive(Debug, Clone, Copy)]
struct Watched {
    /// Between these, ends included, its newest sample changes no comparison; between none where `low` is above `high`.
    low: i64,
    high: i64,
    /// The scale of these.
    scale: u32,
    /// How many literals lie below its newest sample.
    rank: u32,
    /// Whether it is among those that have to be looked at.
    listed: bool,
    /// Its newest sample at the last evaluation, where it was believed, is a value and fits.
    shown: Option<i64>,
}

impl Watched {
    fn new(newness: &Newness) -> Self {
        let scale = newness.scale;
        Self { low: i64::MAX, high: i64::MIN, scale, rank: 0, listed: false, shown: None }
    }

    /// Takes a sample in; gives whether it has to be looked at and is not yet among those that have to be.
    #[inline]
    fn observe(&mut self, word: Option<Word>) -> bool {
        if let Some(value) = word.and_then(|word| word.scaled(self.scale))
            && self.low <= value
            && value <= self.high
        {
            return false;
        }
        !std::mem::replace(&mut self.listed, true)
    }

    /// Takes up what the series shows at an instant; gives when that is no longer believed.
    fn refresh(
        &mut self,
        history: &History,
        newness: &Newness,
        stale_after: TimeSpan,
        at: Timestamp,
    ) -> Timestamp {
        (self.low, self.high, self.shown) = (i64::MAX, i64::MIN, None);
        let Some((seen, value)) = history.shown(at, self.scale) else { return NEVER };
        let doubted_at = seen.plus(stale_after).plus(TimeSpan::from_nanos(1));
        // a stale one is older at each instant
        if at < doubted_at
            && let Some(value) = value
        {
            self.shown = Some(value);
            let edge = |place: usize| newness.edges.get(place).map(|(edge, _)| *edge);
            let above = rank(&newness.edges, value);
            self.rank = u32::try_from(above).unwrap_or(u32::MAX);
            if newness.computed.is_empty() {
                self.low = above.checked_sub(1).and_then(edge).unwrap_or(i64::MIN);
                self.high = edge(above).map_or(i64::MAX, |edge| edge.saturating_sub(1));
            }
        }
        doubted_at
    }
}

/// How many of these edges, which rise, are not above a value.
fn rank(edges: &[(i64, u32)], value: i64) -> usize {
    // so few are counted without a branch that nobody can foretell
    const FEW: usize = 16;
    match edges.len() <= FEW {
        true => edges.iter().filter(|(edge, _)| *edge <= value).count(),
        false => edges.partition_point(|(edge, _)| *edge <= value),
    }
}

/// The series whose newest sample is read, and which of them have to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// In the order of [`Readers::newest`](super::readers::Readers).
    series: Vec<Watched>,
    /// The series of which a sample may change something.
    moved: Vec<usize>,
    /// Room for those of them that are looked at, kept to be used again.
    looked_at: Vec<usize>,
    /// By series: when its newest sample is no longer believed.
    doubted: Deadlines,
}

impl Watch {
    pub(super) fn new(newest: &[Newness]) -> Self {
        Self {
            series: newest.iter().map(Watched::new).collect(),
            moved: Vec::new(),
            looked_at: Vec::new(),
            doubted: Deadlines::new(newest.len()),
        }
    }

    /// Between which values, ends included, samples of the series at a place change nothing; `None` where each may.
    pub(super) fn between(&self, place: usize) -> Option<(Option<Decimal>, Option<Decimal>)> {
        let Watched { low, high, scale, .. } = *self.series.get(place)?;
        let bound = |value: i64, open: i64| (value != open).then(|| Decimal::new(value, scale));
        (low <= high).then(|| (bound(low, i64::MIN), bound(high, i64::MAX)))
    }

    /// Whether nothing came, and nothing goes by at an instant, that may change something.
    pub(super) fn is_quiet(&self, at: Timestamp) -> bool {
        self.moved.is_empty() && at < self.doubted.not_before()
    }

    /// A sample of the series at that place was kept; `word` is its reading, where it fits in one.
    #[inline]
    pub(super) fn observe(&mut self, place: usize, word: Option<Word>) {
        if self.series.get_mut(place).is_some_and(|watched| watched.observe(word)) {
            self.moved.push(place);
        }
    }

    /// The truth of the comparison at that place, once all series that moved were taken up.
    pub(super) fn compare(&self, view: &View<'_>, place: usize) -> Outcome {
        let plain = view.program.readers.plain.get(place).and_then(Option::as_ref);
        match plain.and_then(|plain| self.holds(plain)) {
            Some(holds) => Outcome::of(holds),
            None => view.compare(place),
        }
    }

    /// Whether a newest sample stands so to its literals; none where the series shows none.
    pub(super) fn holds(&self, plain: &Plain) -> Option<bool> {
        let Watched { shown: Some(value), .. } = self.series.get(plain.series as usize)? else { return None };
        Some(plain.band.holds(*value))
    }

    /// Tells each comparison that is not what it was at the last evaluation. One that was not asked then, under a `given`
    /// that is as it was, is not asked now. Those of flat triggers are told where one is not known: else they turn as bits.
    pub(super) fn changed(
        &mut self,
        view: &View<'_>,
        compared: &[Option<Outcome>],
        flat: &mut Flat,
        tell: &mut impl FnMut(usize),
    ) {
        let readers = &view.program.readers;
        let asked = |place: usize| compared.get(place).copied().flatten();
        let changed = |watch: &Self, place: usize| {
            asked(place).is_some_and(|known| known != watch.compare(view, place))
        };
        readers.timed.iter().copied().filter(|place| changed(self, *place)).for_each(&mut *tell);
        std::mem::swap(&mut self.moved, &mut self.looked_at);
        while let Some(series) = self.doubted.take_due(view.at) {
            self.looked_at.push(series);
        }
        while let Some(place) = self.looked_at.pop() {
            let Some(newness) = readers.newest.get(place) else { continue };
            if let Some(watched) = self.series.get_mut(place) {
                watched.listed = false;
            }
            let known = self.rank(place);
            self.refresh(view, place, flat);
            let changed = |place: &usize| changed(self, *place);
            match (known, self.rank(place)) {
                (Some(before), Some(now)) => {
                    let crossed = newness.edges.get(before.min(now)..before.max(now)).unwrap_or_default();
                    // it turned, but where its other end was crossed too: then it comes to what it was
                    let turned = crossed.iter().map(|(_, comparison)| *comparison as usize);
                    turned.filter(|place| asked(*place).is_some()).for_each(&mut *tell);
                    let computed = newness.computed.iter().map(|comparison| *comparison as usize);
                    computed.filter(changed).for_each(&mut *tell);
                }
                _ => {
                    let comparisons = view.program.comparisons_of(newness);
                    let was_kept =
                        |place: &usize| known.is_some() && flat.compared(view.program, *place).is_some();
                    comparisons.filter(|place| was_kept(place) || changed(place)).for_each(&mut *tell);
                }
            }
        }
    }

    /// How many literals lie below the sample that a series shows, where it is known.
    fn rank(&self, place: usize) -> Option<usize> {
        let watched = self.series.get(place)?;
        watched.shown.map(|_| watched.rank as usize)
    }

    /// Takes up what every series shows.
    pub(super) fn refresh_all(&mut self, view: &View<'_>, flat: &mut Flat) {
        self.moved.clear();
        self.series.iter_mut().for_each(|watched| watched.listed = false);
        for place in 0..self.series.len() {
            self.refresh(view, place, flat);
        }
    }

    fn refresh(&mut self, view: &View<'_>, place: usize, flat: &mut Flat) {
        let readers = view.program.readers.newest.get(place);
        let (Some(watched), Some(readers)) = (self.series.get_mut(place), readers) else { return };
        let Some(history) = view.history(readers.signal, readers.track) else { return };
        let doubted_at = watched.refresh(history, readers, view.stale_after(readers.signal), view.at);
        // what was seen ahead was held against the literals around another sample
        let is_ahead = history.last().is_some_and(|last| last > view.at);
        if is_ahead && !std::mem::replace(&mut watched.listed, true) {
            self.moved.push(place);
        }
        let bits = &view.program.bits;
        for section in bits.sections(readers.sections) {
            match watched.shown {
                Some(value) => {
                    let (low, high) = flat.show(bits, section, value);
                    (watched.low, watched.high) = (watched.low.max(low), watched.high.min(high));
                }
                None => flat.hide(section),
            }
        }
        self.doubted.set(place, doubted_at);
    }
}
