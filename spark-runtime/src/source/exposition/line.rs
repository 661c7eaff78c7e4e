//! One line of an exposition.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use spark_core::{Reading, Timestamp, decimal};

use super::{Format, LABELS_MAX};

/// The metric types of both formats.
const TYPES: [&str; 9] =
    ["counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"];

/// What is wrong, at a byte.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) offset: usize,
    pub(super) problem: String,
}

impl Problem {
    pub(super) fn new(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into() }
    }
}

/// A place in a line.
pub(super) struct Cursor<'a> {
    text: &'a str,
    // INVARIANT: a boundary of a character of `text`
    place: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, place: 0 }
    }

    pub(super) const fn place(&self) -> usize {
        self.place
    }

    pub(super) const fn at_end(&self) -> bool {
        self.place >= self.text.len()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.place..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.place = self.place.saturating_add(c.len_utf8());
        Some(c)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.place = self.place.saturating_add(end);
        rest.get(..end).unwrap_or_default()
    }

    pub(super) fn blanks(&mut self) {
        self.take_while(|c| c == ' ' || c == '\t');
    }

    fn word(&mut self) -> &'a str {
        self.take_while(|c| c != ' ' && c != '\t')
    }

    /// What stands here, for an error.
    fn found(&self) -> String {
        match self.peek() {
            Some(c) => format!("found `{}`", c.escape_debug()),
            None => "found the end of the line".to_owned(),
        }
    }

    fn expected(&self, what: &str) -> Problem {
        Problem::new(self.place, format!("expected {what}, {}", self.found()))
    }

    /// Text in double quotes, in which `\\`, `\"` and `\n` are escapes.
    fn quoted(&mut self) -> Result<String, Problem> {
        if !self.eat('"') {
            return Err(self.expected("text in double quotes"));
        }
        let mut text = String::new();
        loop {
            let place = self.place;
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some(c @ ('\\' | '"')) => text.push(c),
                    _ => {
                        return Err(Problem::new(
                            place,
                            "expected one of the escapes `\\\\`, `\\\"` and `\\n`",
                        ));
                    }
                },
                Some(c) => text.push(c),
                None => return Err(self.expected("the closing `\"`")),
            }
        }
    }
}

fn is_name(text: &str, colons: bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// A line that begins with `#`: descriptions are checked as far as a broken body would show in them.
pub(super) fn comment(cursor: &mut Cursor<'_>) -> Result<(), Problem> {
    cursor.blanks();
    if cursor.word() != "TYPE" {
        return Ok(());
    }
    cursor.blanks();
    let start = cursor.place();
    let plain = if cursor.peek() == Some('"') {
        cursor.quoted()?;
        true
    } else {
        is_name(cursor.word(), true)
    };
    if !plain {
        return Err(Problem::new(start, "expected a metric's name after `# TYPE`"));
    }
    cursor.blanks();
    let place = cursor.place();
    let word = cursor.word();
    if !TYPES.contains(&word) {
        let problem = format!("expected a metric's type such as counter, gauge or histogram, found `{word}`");
        return Err(Problem::new(place, problem));
    }
    Ok(())
}

/// A metric's name and labels: `name`, `name{label="value"}` or `{"any name",label="value"}`.
pub(super) fn series(cursor: &mut Cursor<'_>) -> Result<(String, BTreeMap<String, String>), Problem> {
    let start = cursor.place();
    let name = cursor.take_while(|c| !matches!(c, ' ' | '\t' | '{'));
    let mut name = (!name.is_empty()).then(|| name.to_owned());
    if name.as_deref().is_some_and(|name| !is_name(name, true)) {
        return Err(Problem::new(start, "expected a metric's name: letters, digits, `_` and `:`"));
    }
    cursor.blanks();
    let mut labels = BTreeMap::new();
    if cursor.eat('{') {
        in_braces(cursor, &mut name, &mut labels)?;
    }
    match name {
        Some(name) => Ok((name, labels)),
        None => Err(Problem::new(start, "expected a metric's name")),
    }
}

fn in_braces(
    cursor: &mut Cursor<'_>,
    name: &mut Option<String>,
    labels: &mut BTreeMap<String, String>,
) -> Result<(), Problem> {
    loop {
        cursor.blanks();
        if cursor.eat('}') {
            return Ok(());
        }
        let start = cursor.place();
        let quoted = cursor.peek() == Some('"');
        let label = if quoted {
            cursor.quoted()?
        } else {
            cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned()
        };
        if !quoted && !is_name(&label, false) {
            return Err(Problem::new(
                start,
                format!("expected a label's name or `}}`, {}", Cursor { place: start, ..*cursor }.found()),
            ));
        }
        cursor.blanks();
        if cursor.eat('=') {
            cursor.blanks();
            let value = cursor.quoted()?;
            if labels.len() >= LABELS_MAX {
                return Err(Problem::new(start, format!("there are more than {LABELS_MAX} labels")));
            }
            if labels.insert(label.clone(), value).is_some() {
                return Err(Problem::new(start, format!("the label `{label}` stands twice")));
            }
        } else if quoted && name.is_none() && labels.is_empty() && !label.is_empty() {
            *name = Some(label);
        } else {
            return Err(cursor.expected("`=`"));
        }
        cursor.blanks();
        if !cursor.eat(',') {
            return if cursor.eat('}') { Ok(()) } else { Err(cursor.expected("`,` or `}`")) };
        }
    }
}

/// The value after a series.
pub(super) fn value(cursor: &mut Cursor<'_>) -> Result<Reading, Problem> {
    cursor.blanks();
    let place = cursor.place();
    let word = cursor.word();
    let reading = if word.contains('_') { None } else { Reading::from_float_text(word) };
    reading.ok_or_else(|| match word {
        "" => Problem::new(place, "expected a value, found the end of the line"),
        _ => Problem::new(place, format!("expected a number, NaN, +Inf or -Inf, found `{word}`")),
    })
}

/// The time after a value, where there is one: milliseconds, or in OpenMetrics seconds with a fraction.
pub(super) fn time(cursor: &mut Cursor<'_>, format: Format) -> Result<Option<Timestamp>, Problem> {
    cursor.blanks();
    let place = cursor.place();
    if cursor.at_end() || (format == Format::OpenMetrics && cursor.peek() == Some('#')) {
        return Ok(None);
    }
    let word = cursor.word();
    let number = if word.contains('_') { None } else { decimal::parse_exact(word) };
    let at = number.and_then(|number| match format {
        Format::OpenMetrics => Timestamp::from_unix_seconds(number),
        Format::Prometheus if number.scale() == 0 => {
            Timestamp::from_unix_seconds(number.checked_div(Decimal::ONE_THOUSAND)?)
        }
        Format::Prometheus => None,
    });
    let unit = match format {
        Format::OpenMetrics => "seconds",
        Format::Prometheus => "whole milliseconds",
    };
    match at {
        Some(at) => Ok(Some(at)),
        None => Err(Problem::new(
            place,
            format!("expected a time in {unit} since 1970, up to the year 2262, found `{word}`"),
        )),
    }
}

/// The end of a line; OpenMetrics may have an exemplar there, which is passed over.
pub(super) fn end(cursor: &mut Cursor<'_>, format: Format) -> Result<(), Problem> {
    cursor.blanks();
    if format == Format::OpenMetrics && cursor.eat('#') {
        cursor.blanks();
        if cursor.peek() == Some('{') {
            return Ok(());
        }
        return Err(cursor.expected("an exemplar's labels in braces"));
    }
    if cursor.at_end() { Ok(()) } else { Err(cursor.expected("the end of the line")) }
}
