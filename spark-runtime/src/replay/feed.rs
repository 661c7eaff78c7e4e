//! What a recording gives engines up to an instant: each record once, and what `from metrics` makes of its points.

use std::collections::BTreeSet;
use std::sync::Arc;

use spark_core::metrics::MetricsReader;
use spark_core::{Policy, Sample, SignalId, Timestamp, Track};

use super::Recording;
use crate::source::file::Record;

#[derive(Debug)]
pub(super) struct Feed<'a> {
    /// What computes `from metrics` from the recording's points, where it has any.
    reader: Option<MetricsReader>,
    /// What the recording gives as samples: the reader does not speak for it.
    given: &'a BTreeSet<(SignalId, Track)>,
    records: std::iter::Peekable<std::slice::Iter<'a, Record>>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(policy: &Arc<Policy>, recording: &'a Recording) -> Self {
        Self {
            reader: recording.has_points().then(|| MetricsReader::new(Arc::clone(policy))),
            given: recording.given(),
            records: recording.records().iter().peekable(),
        }
    }

    /// Gives every sample up to `at` that was not given before.
    pub(super) fn until(&mut self, at: Timestamp, give: &mut dyn FnMut(&Sample)) {
        while let Some(record) = self.records.next_if(|record| record.at() <= at) {
            match record {
                // what is kept was decided by the recording, in the order of its files
                Record::Sample(sample) => give(sample),
                Record::Point(track, point) => {
                    if let Some(reader) = &mut self.reader {
                        let _ = reader.observe(*track, point.clone());
                    }
                }
                Record::Undeclared { .. } => {}
            }
        }
        if let Some(reader) = &mut self.reader {
            for sample in reader.samples_at(at) {
                if !self.given.contains(&(sample.signal, sample.track)) {
                    give(&sample);
                }
            }
        }
    }
}
