//! What a row of CSV and a line of JSON have in common: time, signal, value, track.

use std::borrow::Cow;
use std::collections::BTreeMap;

use spark_core::{Policy, Sample, Signal, SignalId, Track};

use super::value::{read_any_value, read_time, read_value};
use super::{Malformed, Record};

/// The names of the columns or keys.
pub(super) const KEYS: [&str; 4] = ["time", "signal", "value", "track"];

/// A field and the byte of the file at which it starts.
pub(super) struct Field<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) offset: usize,
}

impl Field<'_> {
    fn malformed(&self, problem: String) -> Malformed {
        Malformed::new(self.offset, problem)
    }
}

/// A row before it is understood.
pub(super) struct Row<'a> {
    pub(super) time: Field<'a>,
    pub(super) signal: Field<'a>,
    pub(super) value: Field<'a>,
    pub(super) track: Option<Field<'a>>,
}

/// A policy's signals by name.
pub(super) struct Signals<'p> {
    by_name: BTreeMap<&'p str, (SignalId, &'p Signal)>,
}

impl<'p> Signals<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        let ids = (0u32..).map(SignalId);
        let by_name =
            ids.zip(policy.signals()).map(|(id, signal)| (signal.name.as_str(), (id, signal))).collect();
        Self { by_name }
    }

    pub(super) fn get(&self, name: &str) -> Option<(SignalId, &'p Signal)> {
        self.by_name.get(name).copied()
    }

    pub(super) fn record(&self, row: &Row<'_>) -> Result<Record, Malformed> {
        let at = read_time(&row.time.text).map_err(|problem| row.time.malformed(problem))?;
        let track = match &row.track {
            Some(field) => read_track(&field.text).map_err(|problem| field.malformed(problem))?,
            None => Track::Canary,
        };
        if row.signal.text.is_empty() {
            return Err(row.signal.malformed("the signal's name is empty".to_owned()));
        }
        let Some((id, signal)) = self.get(&row.signal.text) else {
            let reading = read_any_value(&row.value.text).map_err(|problem| row.value.malformed(problem))?;
            return Ok(Record::Undeclared { name: row.signal.text.clone().into_owned(), track, at, reading });
        };
        let reading = read_value(&row.value.text, signal).map_err(|problem| row.value.malformed(problem))?;
        Ok(Record::Sample(Sample { signal: id, track, at, reading }))
    }
}

/// Reads a track; nothing at all is the canary.
pub(super) fn read_track(text: &str) -> Result<Track, String> {
    if text.is_empty() {
        return Ok(Track::Canary);
    }
    let found = Track::ALL.into_iter().find(|track| track.as_str() == text);
    found.ok_or_else(|| format!("`{text}` is no track: expected canary or baseline"))
}
