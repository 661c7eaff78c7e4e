//! What a recording gives engines up to an instant: each record once, and what `from metrics` makes of its points.

use std::sync::Arc;

use spark_core::column::Column;
use spark_core::metrics::{MetricPoint, MetricsReader};
use spark_core::{Policy, Sample, SignalId, Timestamp, Track};

use super::Recording;

#[derive(Debug)]
pub(super) struct Feed<'a> {
    /// What computes `from metrics` from the recording's points, where it has any.
    reader: Option<MetricsReader>,
    recording: &'a Recording,
    series: Vec<Given<'a>>,
    points: std::iter::Peekable<std::slice::Iter<'a, (Track, MetricPoint)>>,
}

/// A series on its way: what was given of it.
#[derive(Debug)]
struct Given<'a> {
    signal: SignalId,
    track: Track,
    column: &'a Column,
    given: usize,
    /// The time of the next sample.
    next: Option<Timestamp>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(policy: &Arc<Policy>, recording: &'a Recording) -> Self {
        let series = recording.series();
        Self {
            reader: recording.has_points().then(|| MetricsReader::new(Arc::clone(policy))),
            recording,
            series: series
                .map(|(signal, track, column)| Given { signal, track, column, given: 0, next: column.at(0) })
                .collect(),
            points: recording.points().iter().peekable(),
        }
    }

    /// Gives every sample up to `at` that was not given before, series by series.
    pub(super) fn until(&mut self, at: Timestamp, give: &mut dyn FnMut(&Sample)) {
        // what is kept was decided by the recording, in the order of its files
        for series in &mut self.series {
            while let Some(time) = series.next.filter(|next| *next <= at) {
                if let Some(reading) = series.column.reading(series.given) {
                    give(&Sample { signal: series.signal, track: series.track, at: time, reading });
                }
                series.given = series.given.saturating_add(1);
                series.next = series.column.at(series.given);
            }
        }
        while let Some((track, point)) = self.points.next_if(|(_, point)| point.at <= at) {
            if let Some(reader) = &mut self.reader {
                let _ = reader.observe(*track, point.clone());
            }
        }
        if let Some(reader) = &mut self.reader {
            for sample in reader.samples_at(at) {
                // what the recording gives as samples, the reader does not speak for
                if !self.recording.has(sample.signal, sample.track) {
                    give(&sample);
                }
            }
        }
    }
}
