//! Rows that are stored whole, run by run: the rows of one series after another are handed on as a piece of its column.

use spark_core::{SignalId, Timestamp, Track, decimal};

use super::cell::{Cell, Form, shortest};
use super::column::{Column, Whole};
use super::{Fault, Known, Reader, SECONDS_MAX, SeriesPlace, Sink, plain, record};

/// Rows on their way from a file's columns to a series'.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    times: Vec<Timestamp>,
    numbers: Vec<i64>,
}

impl Reader<'_> {
    /// Reads the next rows, of which there are so many in the page of each column; `false`, and nothing read, where they are
    /// not stored whole.
    pub(super) fn runs(&mut self, rows: usize, sink: &mut impl Sink) -> Result<bool, Fault> {
        if !self.columns.iter_mut().flatten().all(|column| column.is_whole(rows)) {
            return Ok(false);
        }
        for column in self.columns.iter_mut().flatten() {
            column.read_whole(rows).ok_or_else(|| column.damaged())?;
        }
        self.learn_names();
        let Self { signals, columns, names, known, before, pieces, .. } = self;
        let [Some(time), Some(signal), Some(value), track] = &*columns else { return Ok(true) };
        let (time, signal, value) = (time.whole(), signal.whole(), value.whole());
        let track = track.as_ref().map(Column::whole);
        let has_times = times(&time, &mut pieces.times);
        let cell = |whole: &Whole<'_>, row: usize| whole.cell(row).unwrap_or(Cell::Missing);
        let mut row = 0usize;
        while row < rows {
            let tracks_end = track.as_ref().map_or(rows, |track| same(track, row, rows));
            let end = same(&signal, row, rows).min(tracks_end);
            while row < end {
                let named = (cell(&signal, row), track.as_ref().map(|track| cell(track, row)));
                if has_times && let Some((series, SeriesPlace { place, places })) = series(known, named) {
                    let taken = numbers(&value, row..end, places, &mut pieces.numbers);
                    if let Some(times) = pieces.times.get(row..taken).filter(|times| !times.is_empty()) {
                        let scale = u32::try_from(*places).unwrap_or(u32::MAX);
                        sink.numbers(series, place, times, &pieces.numbers, scale);
                        *before = before.saturating_add(u64::try_from(times.len()).unwrap_or(u64::MAX));
                        row = taken;
                        continue;
                    }
                }
                *before = before.saturating_add(1);
                let (signal, track) = named;
                let cells = (cell(&time, row), signal, cell(&value, row), track.unwrap_or(Cell::Missing));
                if plain(known, cells, sink).is_none()
                    && let Some(record) =
                        record(signals, columns, names, cells).map_err(|fault| fault.in_row(*before))?
                {
                    sink.record(record);
                }
                row = row.saturating_add(1);
            }
        }
        Ok(true)
    }
}

/// The times of rows; `false` where one is beyond the range.
fn times(time: &Whole<'_>, into: &mut Vec<Timestamp>) -> bool {
    into.clear();
    match time {
        Whole::Integers(all, form @ (Form::Time(_) | Form::Signed)) => {
            let (factor, range) = match form {
                Form::Time(nanos) => (*nanos, i64::MAX.checked_div(*nanos).unwrap_or(0)),
                _ => (1_000_000_000, SECONDS_MAX),
            };
            let least = if matches!(form, Form::Time(_)) { range.saturating_neg() } else { 0 };
            let is_within = all.iter().fold(true, |all, time| all & (*time >= least) & (*time <= range));
            into.extend(all.iter().map(|time| Timestamp::from_nanos(time.wrapping_mul(factor))));
            is_within
        }
        Whole::Looked(places, _) => (0..places.len()).all(|row| {
            let nanos = match time.cell(row) {
                Some(Cell::Time(nanos)) => nanos,
                Some(Cell::Number(seconds @ 0..=SECONDS_MAX, 0)) => seconds.saturating_mul(1_000_000_000),
                _ => return false,
            };
            into.push(Timestamp::from_nanos(nanos));
            true
        }),
        _ => false,
    }
}

/// Where the run of what stands in a row ends.
fn same(whole: &Whole<'_>, row: usize, rows: usize) -> usize {
    let Whole::Looked(places, _) = whole else { return row.saturating_add(1).min(rows) };
    let Some((first, rest)) = places.get(row..rows).and_then(<[u32]>::split_first) else { return rows };
    rest.iter()
        .position(|place| place != first)
        .map_or(rows, |more| row.saturating_add(more).saturating_add(1))
}

/// The series of a signal and a track, where it is declared.
fn series(
    known: &mut [Known],
    (signal, track): (Cell, Option<Cell>),
) -> Option<((SignalId, Track), &mut SeriesPlace)> {
    let of = |cell: Cell| match cell {
        Cell::Name(name) => usize::try_from(name).ok(),
        _ => None,
    };
    let track = match track {
        None => Track::Canary,
        Some(cell) => known.get(of(cell)?)?.track?,
    };
    let Known { signal, series: [canary, baseline], .. } = known.get_mut(of(signal)?)?;
    Some((((*signal)?, track), if track == Track::Canary { canary } else { baseline }))
}

/// The numbers of rows with as many places as the series' last number had, up to the first that has none such; gives the row
/// of that.
fn numbers(
    value: &Whole<'_>,
    rows: std::ops::Range<usize>,
    places: &mut usize,
    into: &mut Vec<i64>,
) -> usize {
    into.clear();
    let wanted = u32::try_from(*places).unwrap_or(u32::MAX);
    let fitting = |cell: &Cell| match cell {
        Cell::Number(number, scale) if *scale == wanted => Some(*number),
        Cell::Number(number, scale) => {
            let factor = decimal::ten_to(wanted.checked_sub(*scale)?)?;
            number.checked_mul(i64::try_from(factor).ok()?)
        }
        _ => None,
    };
    match value {
        Whole::Integers(all, form) => {
            let own = match form {
                Form::Signed => 0,
                Form::Decimal(own @ ..=18) => *own,
                _ => return rows.start,
            };
            *places = usize::try_from(own).unwrap_or(0);
            into.extend_from_slice(all.get(rows.clone()).unwrap_or_default());
        }
        Whole::Doubles(all) => {
            // a guess that is wrong is put right by `shortest`, and holds for what follows
            let all = all.get(rows.clone()).unwrap_or_default();
            let mut tried = *places;
            if let Some((_, scale)) = all.first().and_then(|first| shortest(*first, &mut tried)) {
                *places = usize::try_from(scale).unwrap_or(0);
            }
            let mut tried = *places;
            into.extend(all.iter().map_while(|value| {
                let (number, _) = shortest(*value, &mut tried)?;
                (tried == *places).then_some(number)
            }));
        }
        Whole::Looked(all, dictionary) => {
            let of = |place: &u32| dictionary.get(usize::try_from(*place).ok()?);
            let all = all.get(rows.clone()).unwrap_or_default();
            if let Some(Cell::Number(_, scale)) = all.first().and_then(of) {
                // more places than before are those of what follows
                let scale = usize::try_from(*scale).unwrap_or(0);
                if scale > *places {
                    *places = scale;
                    return numbers(value, rows, places, into);
                }
            }
            into.extend(all.iter().map_while(|place| of(place).and_then(fitting)));
        }
    }
    rows.start.saturating_add(into.len())
}
