//! Who takes what rows say: a recorder, or a list of records.

use rust_decimal::Decimal;
use spark_core::{Reading, Sample, SignalId, Timestamp, Track};

use super::super::Record;
use crate::replay::Recorder;

/// Who takes what rows say.
pub(in super::super) trait Sink {
    /// A sample of a declared signal, whose value is `mantissa` / 10^`scale`. `place` is the sink's own, by signal and track.
    fn number(
        &mut self,
        series: (SignalId, Track),
        place: &mut Option<usize>,
        at: Timestamp,
        mantissa: i64,
        scale: u32,
    );

    /// As [`Self::number`], of rows that follow each other: a time and a mantissa each.
    fn numbers(
        &mut self,
        series: (SignalId, Track),
        place: &mut Option<usize>,
        times: &[Timestamp],
        mantissas: &[i64],
        scale: u32,
    ) {
        times.iter().zip(mantissas).for_each(|(at, mantissa)| {
            self.number(series, place, *at, *mantissa, scale);
        });
    }

    /// Any other row.
    fn record(&mut self, record: Record);
}

impl Sink for Recorder {
    fn number(
        &mut self,
        (signal, track): (SignalId, Track),
        place: &mut Option<usize>,
        at: Timestamp,
        mantissa: i64,
        scale: u32,
    ) {
        let place = *place.get_or_insert_with(|| self.place(signal, track));
        self.take_number(place, at, mantissa, scale);
    }

    fn numbers(
        &mut self,
        (signal, track): (SignalId, Track),
        place: &mut Option<usize>,
        times: &[Timestamp],
        mantissas: &[i64],
        scale: u32,
    ) {
        let place = *place.get_or_insert_with(|| self.place(signal, track));
        self.take_numbers(place, times, mantissas, scale);
    }

    fn record(&mut self, record: Record) {
        self.take(record);
    }
}

impl Sink for Vec<Record> {
    fn number(
        &mut self,
        (signal, track): (SignalId, Track),
        _: &mut Option<usize>,
        at: Timestamp,
        mantissa: i64,
        scale: u32,
    ) {
        let reading = Reading::Value(Decimal::new(mantissa, scale).normalize());
        self.push(Record::Sample(Sample { signal, track, at, reading }));
    }

    fn record(&mut self, record: Record) {
        self.push(record);
    }
}
