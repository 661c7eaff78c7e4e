//! What an editor shows between the words: thresholds in the base unit, and the names of one-line triggers.

use std::ops::Range;

use spark_core::{Dimension, Quantity};

use super::Session;
use super::walk::{Met, walk};

/// Most places behind the point that are shown: a third of a second is not read to its twenty-eighth.
const PLACES_MAX: u32 = 6;

/// A hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The byte before which it stands.
    pub at: usize,
    /// What it says.
    pub text: String,
}

impl Session {
    /// The hints of a range of a file, in order.
    pub fn hints(&self, path: &str, range: Range<usize>) -> Vec<Hint> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let mut found = Vec::new();
        for part in document
            .parts
            .iter()
            .filter(|part| part.start < range.end && part.start.saturating_add(part.length) >= range.start)
        {
            walk(&part.tree, &mut |met| {
                let Met::Threshold(value, span) = met else { return };
                let place = document.range(part, span);
                let written = document.text.get(place.clone()).unwrap_or("");
                if let Some(base) = base(&value)
                    .filter(|base| base.replace([' ', '='], "") != written.replace([' ', '_'], ""))
                {
                    found.push(Hint { at: place.end, text: base });
                }
            });
        }
        let lines = self.one_line_triggers(path).into_iter();
        found.extend(lines.map(|(name, place)| Hint { at: place.start, text: format!("{name}:") }));
        found.retain(|hint| range.start <= hint.at && hint.at <= range.end);
        found.sort_by_key(|hint| hint.at);
        found
    }
}

/// A value in its base unit behind a sign, where it has one that it can be written in otherwise.
pub(super) fn base(value: &Quantity) -> Option<String> {
    let exact = value.value.normalize();
    let number = match exact.scale() > PLACES_MAX {
        true => exact.round_sf(PLACES_MAX).unwrap_or(exact).normalize(),
        false => exact,
    };
    let sign = if number == exact { '=' } else { '≈' };
    let unit = match value.unit.dimension {
        Dimension::Duration => " s",
        Dimension::Ratio => "",
        Dimension::Bytes => " B",
        Dimension::Count | Dimension::Number if value.unit.per_time => "",
        Dimension::Count | Dimension::Number | Dimension::Money(_) => return None,
    };
    Some(match value.unit.per_time {
        true => format!("{sign} {number}{unit}/s"),
        false => format!("{sign} {number}{unit}"),
    })
}
