//! JSON lines: one object a line with the keys `time`, `signal`, `value` and an optional `track`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use spark_core::Policy;

use super::row::{Field, Row, Signals};
use super::{Malformed, Record};
use crate::source::json_text::{offset_of, offset_within, words};

/// A line. Numbers stay text: a binary float in between would change them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow)]
    time: &'a RawValue,
    #[serde(borrow)]
    signal: &'a RawValue,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow, default)]
    track: Option<&'a RawValue>,
}

pub(super) fn read(text: &str, policy: &Policy) -> Result<Vec<Record>, Malformed> {
    let signals = Signals::of(policy);
    let mut records = Vec::new();
    let mut start = 0usize;
    for line in text.split('\n') {
        if !line.trim().is_empty() {
            let at = |offset: usize| start.saturating_add(offset);
            // a derived reader would take an array for an object
            if !line.trim_start().starts_with('{') {
                return Err(Malformed::new(start, EXPECTED));
            }
            let object: Object<'_> = serde_json::from_str(line)
                .map_err(|error| Malformed::new(at(offset_of(line, &error)), words(&error)))?;
            let record = row_of(line, &object).and_then(|row| signals.record(&row));
            records.push(record.map_err(|wrong| Malformed { offset: at(wrong.offset), ..wrong })?);
        }
        start = start.saturating_add(line.len()).saturating_add(1);
    }
    Ok(records)
}

fn row_of<'a>(line: &'a str, object: &Object<'a>) -> Result<Row<'a>, Malformed> {
    Ok(Row {
        time: field(line, object.time, Kind::TextOrNumber)?,
        signal: field(line, object.signal, Kind::Text)?,
        value: field(line, object.value, Kind::TextOrNumber)?,
        track: object.track.map(|raw| field(line, raw, Kind::Text)).transpose()?,
    })
}

const EXPECTED: &str = "this line is no object: expected one such as {\"time\":\"2026-01-01T00:15:00Z\",\"signal\":\"p95\",\"value\":0.2}";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    TextOrNumber,
}

fn field<'a>(line: &'a str, raw: &'a RawValue, kind: Kind) -> Result<Field<'a>, Malformed> {
    let json = raw.get();
    let offset = offset_within(line, json);
    if json.starts_with('"') {
        let text: Cow<'a, str> =
            serde_json::from_str(json).map_err(|error| Malformed::new(offset, words(&error)))?;
        let inside = offset.saturating_add(1);
        return Ok(Field { text: Cow::Owned(text.trim().to_owned()), offset: inside });
    }
    let number = json.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if number && kind == Kind::TextOrNumber {
        return Ok(Field { text: Cow::Borrowed(json), offset });
    }
    let expected = if kind == Kind::Text { "a string" } else { "a number or a string" };
    let shown = crate::http::excerpt(json.as_bytes());
    Err(Malformed::new(offset, format!("found `{shown}`: expected {expected}")))
}
