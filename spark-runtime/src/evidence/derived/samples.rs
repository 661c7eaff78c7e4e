//! The samples as a table that `spark replay --samples` reads, and the times in which a signal gave none.

use std::collections::BTreeMap;

use spark_core::{Policy, Reading, Sample, SignalId, Track};

use super::super::EvidenceError;
use super::super::files::SourceGap;
use super::super::text::{first_part, quoted_cell};
use super::shelf::{Shelf, append_line};

const TABLE: &str = "samples.csv";
const GAPS: &str = "sources.jsonl";

/// How much is kept of why a signal gave no value.
const CAUSE_BYTES_MAX: usize = 1024;

/// What is gathered of the samples.
#[derive(Debug, Default)]
pub(super) struct Samples {
    begun: bool,
    gaps: BTreeMap<(SignalId, Track), SourceGap>,
    /// How many gaps there were.
    pub(super) gone: u64,
}

impl Samples {
    pub(super) fn on(
        &mut self,
        sample: &Sample,
        policy: &Policy,
        shelf: &mut dyn Shelf,
    ) -> Result<(), EvidenceError> {
        self.begin(shelf)?;
        let name = policy.signals().get(sample.signal.index()).map(|signal| signal.name.as_str());
        let Some(name) = name else { return Ok(()) };
        let value = match &sample.reading {
            Reading::Value(value) => value.to_string(),
            // replayed, it is as unknown as it was
            Reading::NotANumber | Reading::Failed(_) => "NaN".to_owned(),
            Reading::Infinite { negative: false } => "+Inf".to_owned(),
            Reading::Infinite { negative: true } => "-Inf".to_owned(),
            Reading::OutOfRange => "1e999".to_owned(),
        };
        let row = format!("{},{},{value},{}\n", sample.at, quoted_cell(name), sample.track.as_str());
        shelf.append(TABLE, row.as_bytes())?;
        let key = (sample.signal, sample.track);
        let cause = match &sample.reading {
            Reading::Value(_) => None,
            Reading::NotANumber => Some("not a number".into()),
            Reading::Infinite { .. } => Some("infinite".into()),
            Reading::OutOfRange => Some("a number beyond what a decimal holds".into()),
            Reading::Failed(why) => Some(first_part(why, CAUSE_BYTES_MAX)),
        };
        match (cause, self.gaps.get_mut(&key)) {
            (None, None) => Ok(()),
            // its words may differ at each instant, as `after 1.003s` does
            (Some(cause), Some(gap)) => {
                gap.to = sample.at;
                gap.times = gap.times.saturating_add(1);
                gap.last_cause = (gap.cause != cause).then(|| cause.into_owned());
                Ok(())
            }
            (Some(cause), None) => {
                self.gone = self.gone.saturating_add(1);
                let gap = SourceGap {
                    signal: name.to_owned(),
                    track: sample.track,
                    from: sample.at,
                    to: sample.at,
                    times: 1,
                    cause: cause.into_owned(),
                    last_cause: None,
                };
                self.gaps.insert(key, gap);
                Ok(())
            }
            (None, Some(_)) => match self.gaps.remove(&key) {
                Some(over) => append_line(shelf, GAPS, &over),
                None => Ok(()),
            },
        }
    }

    fn begin(&mut self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        shelf.append(TABLE, b"time,signal,value,track\n")
    }

    pub(super) fn write(&mut self, shelf: &mut dyn Shelf) -> Result<(), EvidenceError> {
        self.begin(shelf)?;
        shelf.append(GAPS, b"")?;
        std::mem::take(&mut self.gaps).values().try_for_each(|gap| append_line(shelf, GAPS, gap))
    }
}
