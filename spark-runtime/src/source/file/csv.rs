//! CSV with the header `time,signal,value` and an optional `track`, in any order.

use std::borrow::Cow;

use spark_core::{Policy, SignalId};

use super::row::{Field, KEYS, Row, Signals};
use super::{Malformed, Record};

/// Whether a first line is meant as a header: it names at least one of the columns, beside others.
pub(super) fn looks_like_a_header(line: &str) -> bool {
    line.contains(',') && line.split(',').any(|field| KEYS.contains(&unquoted(field).as_str()))
}

fn unquoted(field: &str) -> String {
    field.trim().trim_matches('"').trim().to_owned()
}

pub(super) fn read(text: &str, policy: &Policy) -> Result<Vec<Record>, Malformed> {
    let mut rows = Rows::of(policy);
    let mut records = Vec::new();
    rows.read(text, &mut |record| records.push(record))?;
    rows.end()?;
    Ok(records)
}

/// Rows on their way: the header, once it was seen, says which field is what.
pub(super) struct Rows<'p> {
    signals: Signals<'p>,
    columns: Option<Columns>,
}

impl<'p> Rows<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        Self { signals: Signals::of(policy), columns: None }
    }

    /// Which field is what, by place among [`KEYS`]; nothing before the header.
    pub(super) fn order(&self) -> Option<Vec<usize>> {
        let columns = self.columns.as_ref()?;
        let places = [Some(columns.time), Some(columns.signal), Some(columns.value), columns.track];
        (0..columns.count).map(|field| places.iter().position(|place| *place == Some(field))).collect()
    }

    pub(super) fn signal(&self, name: &str) -> Option<SignalId> {
        self.signals.get(name).map(|(id, _)| id)
    }

    /// Reads whole lines.
    pub(super) fn read(&mut self, text: &str, each: &mut dyn FnMut(Record)) -> Result<(), Malformed> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut row = csv::StringRecord::new();
        loop {
            let start = skip_line_ends(text, offset_of(reader.position().byte()));
            let more = reader
                .read_record(&mut row)
                .map_err(|error| Malformed::new(start, format!("this is no CSV: {error}")))?;
            if !more {
                return Ok(());
            }
            let end = offset_of(reader.position().byte());
            let line = Line { start, raw: text.get(start..end).unwrap_or_default() };
            // a line of blanks is as empty as one without
            if row.len() == 1 && row.get(0) == Some("") && !line.raw.contains('"') {
                continue;
            }
            line.check_quotes()?;
            match &self.columns {
                None => self.columns = Some(Columns::of(&row, &line)?),
                Some(columns) => {
                    let row = columns.row(&row, &line)?;
                    // where a field starts matters only in an error: until then its place stands for it
                    each(self.signals.record(&row).map_err(|wrong| Malformed {
                        offset: line.field_start(wrong.offset),
                        problem: wrong.problem,
                    })?);
                }
            }
        }
    }

    /// Ends the file: without a header it is none.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self.columns {
            Some(_) => Ok(()),
            None => Err(Malformed::new(0, "the file is empty: expected the header `time,signal,value`")),
        }
    }
}

fn offset_of(byte: u64) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}

/// The reader's position stands before the line ends that it skips.
fn skip_line_ends(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start.saturating_add(rest.len().saturating_sub(rest.trim_start_matches(['\r', '\n']).len()))
}

/// The bytes of one row.
struct Line<'a> {
    start: usize,
    raw: &'a str,
}

impl Line<'_> {
    /// Where the field with that place starts, blanks and an opening quote skipped; the row's end where it has
    /// fewer fields.
    fn field_start(&self, place: usize) -> usize {
        let mut quoted = false;
        let mut left = place;
        let mut at = 0usize;
        for (offset, c) in self.raw.char_indices() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => {
                    if left == 0 {
                        break;
                    }
                    left = left.saturating_sub(1);
                    at = offset.saturating_add(1);
                }
                _ => {}
            }
        }
        if left > 0 {
            at = self.raw.trim_end().len();
        }
        let rest = self.raw.get(at..).unwrap_or_default();
        let blank = rest.len().saturating_sub(rest.trim_start_matches([' ', '\t', '"']).len());
        self.start.saturating_add(at).saturating_add(blank)
    }

    /// A quote opens a field, closes it before a comma or the line's end, or is doubled; it never spans lines.
    fn check_quotes(&self) -> Result<(), Malformed> {
        if !self.raw.contains('"') {
            return Ok(());
        }
        let malformed =
            |offset: usize, problem: &str| Err(Malformed::new(self.start.saturating_add(offset), problem));
        let mut opened: Option<usize> = None;
        let mut field_is_blank = true;
        let mut chars = self.raw.trim_end_matches(['\r', '\n']).char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            match (c, opened) {
                ('"', Some(_)) if chars.next_if(|(_, next)| *next == '"').is_some() => {}
                ('"', Some(_)) => {
                    opened = None;
                    while chars.next_if(|(_, next)| *next == ' ').is_some() {}
                    if let Some((after, _)) = chars.next_if(|(_, next)| *next != ',') {
                        return malformed(after, "text after a closing quote: expected a comma");
                    }
                }
                ('"', None) if field_is_blank => opened = Some(offset),
                ('"', None) => return malformed(offset, "a quote within a field: quote the whole field"),
                ('\n' | '\r', Some(start)) => return malformed(start, UNCLOSED),
                (',', None) => field_is_blank = true,
                (c, None) if !c.is_whitespace() => field_is_blank = false,
                _ => {}
            }
        }
        match opened {
            Some(start) => malformed(start, UNCLOSED),
            None => Ok(()),
        }
    }
}

const UNCLOSED: &str = "this quote is not closed on its line";

/// Which column holds what.
struct Columns {
    time: usize,
    signal: usize,
    value: usize,
    track: Option<usize>,
    count: usize,
}

impl Columns {
    fn of(header: &csv::StringRecord, line: &Line<'_>) -> Result<Self, Malformed> {
        let mut places = [None; KEYS.len()];
        for (place, name) in header.iter().enumerate() {
            let offset = line.field_start(place);
            let slot = KEYS.iter().position(|key| *key == name).and_then(|key| places.get_mut(key));
            match slot {
                Some(Some(_)) => {
                    return Err(Malformed::new(offset, format!("the column `{name}` stands twice")));
                }
                Some(slot) => *slot = Some(place),
                None => {
                    let shown = crate::http::excerpt(name.as_bytes());
                    let problem = format!("`{shown}` is no column: expected time, signal, value and track");
                    return Err(Malformed::new(offset, problem));
                }
            }
        }
        let [time, signal, value, track] = places;
        let needed = |place: Option<usize>, name: &str| {
            let end = line.field_start(header.len());
            let problem = format!("the header lacks the column `{name}`: expected `time,signal,value`");
            place.ok_or_else(|| Malformed::new(end, problem))
        };
        Ok(Self {
            time: needed(time, "time")?,
            signal: needed(signal, "signal")?,
            value: needed(value, "value")?,
            track,
            count: header.len(),
        })
    }

    fn row<'r>(&self, row: &'r csv::StringRecord, line: &Line<'_>) -> Result<Row<'r>, Malformed> {
        if row.len() != self.count {
            let first_wrong = line.field_start(row.len().min(self.count));
            let problem = format!("found {} fields: expected {}, as the header has", row.len(), self.count);
            return Err(Malformed::new(first_wrong, problem));
        }
        let field =
            |place: usize| Field { text: Cow::Borrowed(row.get(place).unwrap_or_default()), offset: place };
        Ok(Row {
            time: field(self.time),
            signal: field(self.signal),
            value: field(self.value),
            track: self.track.map(field),
        })
    }
}
