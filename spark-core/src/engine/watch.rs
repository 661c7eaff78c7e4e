//! Which comparisons a new sample, or the time alone, may have changed.
//!
//! For each series it is known between which literals its newest sample lies and until when that is believed. A sample
//! between the same literals changes nothing; windows are computed at each evaluation.

use rust_decimal::Decimal;

use super::clock::Outcome;
use super::history::{History, Newest};
use super::readers::{Newness, TRACKS, place_of};
use super::view::View;
use crate::policy::Policy;
use crate::signal::{Reading, SignalId, Track};
use crate::time::{TimeSpan, Timestamp};

/// What is known of one series since the last evaluation.
#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    /// Strictly between these, its newest sample changes no comparison.
    between: Option<(Option<Decimal>, Option<Decimal>)>,
    /// A sample of that time, or an earlier one, may change one.
    moved: Option<Timestamp>,
    /// Until then its newest sample is believed.
    fresh_until: Timestamp,
}

impl Watched {
    fn observe(&mut self, at: Timestamp, reading: &Reading) {
        let inside = match (&self.between, reading) {
            (Some((low, high)), Reading::Value(value)) => {
                low.is_none_or(|low| *value > low) && high.is_none_or(|high| *value < high)
            }
            _ => false,
        };
        if !inside {
            self.moved = self.moved.max(Some(at));
        }
    }

    /// Takes up what the series shows at an instant.
    fn refresh(&mut self, history: &History, newness: &Newness, stale_after: TimeSpan, at: Timestamp) {
        // what was seen ahead was held against the fences of another sample
        self.moved = history.last().filter(|last| *last > at).max(self.moved.filter(|moved| *moved > at));
        (self.between, self.fresh_until) = (None, Timestamp::from_nanos(i64::MAX));
        if let Newest::Point(point) = history.newest(at) {
            self.fresh_until = point.at.plus(stale_after);
            if let (Some(fences), Some(value)) = (&newness.fences, point.reading.value()) {
                let above = fences.partition_point(|fence| *fence <= value);
                let low = above.checked_sub(1).and_then(|place| fences.get(place)).copied();
                // on a fence, the next sample decides anew
                self.between = (low != Some(value)).then(|| (low, fences.get(above).copied()));
            }
        }
    }
}

/// All series, and which of them have to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    /// By series.
    series: Vec<Watched>,
    /// The series of which a sample may change something.
    moved: Vec<(SignalId, Track)>,
    /// Room for those of them that are looked at, kept to be used again.
    looked_at: Vec<(SignalId, Track)>,
    /// Until then the newest sample of each series is believed.
    fresh_until: Timestamp,
}

impl Watch {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            series: vec![Watched::default(); policy.signals().len().saturating_mul(TRACKS.len())],
            moved: Vec::new(),
            looked_at: Vec::new(),
            fresh_until: Timestamp::from_nanos(i64::MIN),
        }
    }

    /// A sample was kept.
    pub(super) fn observe(&mut self, signal: SignalId, track: Track, at: Timestamp, reading: &Reading) {
        let Some(watched) = self.series.get_mut(place_of(signal, track)) else { return };
        let had_moved = watched.moved.is_some();
        watched.observe(at, reading);
        if !had_moved && watched.moved.is_some() {
            self.moved.push((signal, track));
        }
    }

    /// Tells each comparison that is not what it was at the last evaluation. One that was not asked then, under a `given`
    /// that is as it was, is not asked now.
    pub(super) fn changed(
        &mut self,
        view: &View<'_>,
        compared: &[Option<Outcome>],
        tell: &mut impl FnMut(usize),
    ) {
        let mut look = |comparisons: &[usize]| {
            for place in comparisons {
                if let Some(Some(known)) = compared.get(*place)
                    && *known != view.compare(*place)
                {
                    tell(*place);
                }
            }
        };
        let readers = &view.program.readers;
        look(&readers.timed);
        if view.at > self.fresh_until {
            // some sample may be too old now, and is found to be so wherever it is compared
            readers.newest.iter().for_each(|newness| look(&newness.comparisons));
            self.refresh_all(view);
            return;
        }
        std::mem::swap(&mut self.moved, &mut self.looked_at);
        while let Some((signal, track)) = self.looked_at.pop() {
            if let Some(newness) = readers.newest.get(place_of(signal, track)) {
                look(&newness.comparisons);
            }
            self.refresh(view, signal, track);
        }
    }

    /// Takes up what every series shows.
    pub(super) fn refresh_all(&mut self, view: &View<'_>) {
        self.moved.clear();
        self.fresh_until = Timestamp::from_nanos(i64::MAX);
        for signal in (0..).map(SignalId).take(view.policy.signals().len()) {
            for track in TRACKS {
                self.refresh(view, signal, track);
            }
        }
    }

    fn refresh(&mut self, view: &View<'_>, signal: SignalId, track: Track) {
        let place = place_of(signal, track);
        let readers = view.program.readers.newest.get(place);
        let (Some(watched), Some(readers), Some(history)) =
            (self.series.get_mut(place), readers, view.history(signal, track))
        else {
            return;
        };
        watched.refresh(history, readers, view.stale_after(signal), view.at);
        if watched.moved.is_some() {
            self.moved.push((signal, track));
        }
        if !readers.comparisons.is_empty() {
            self.fresh_until = self.fresh_until.min(watched.fresh_until);
        }
    }
}
