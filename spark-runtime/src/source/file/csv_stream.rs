//! CSV in a stream, block by block, so that a file's length costs no memory.
//!
//! Most rows are plain: a time, a known signal, a number. They are read byte by byte here; every other line (the header,
//! quotes, units, blanks, anything wrong) goes to [`Rows`], so that there is one reading of what is not plain.

use std::collections::HashMap;
use std::io::Read;

use spark_core::{Policy, SignalId, Timestamp, Track};

use super::alike::{BYTES, Met, short_number};
use super::csv::Rows;
use super::digits::{number, time};
use super::{Limits, Malformed, SampleFileError};
use crate::replay::Recorder;

/// How much is read at once: more does not read faster, and this stays in the cache.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// A file's bytes: those that were read to tell its format, then the rest.
pub(super) struct Blocks<'a> {
    pub(super) name: &'a str,
    pub(super) stream: &'a mut dyn Read,
    pub(super) limits: &'a Limits,
    /// What was read and not used yet.
    pub(super) bytes: Vec<u8>,
    /// How many bytes were read in all.
    pub(super) total: usize,
    pub(super) ended: bool,
}

impl Blocks<'_> {
    /// Reads on until there is a block more, or the end.
    pub(super) fn fill(&mut self) -> Result<(), SampleFileError> {
        let mut filled = self.bytes.len();
        self.bytes.resize(filled.saturating_add(self.limits.block_bytes), 0);
        while filled < self.bytes.len() && !self.ended {
            let room = self.bytes.get_mut(filled..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    filled = filled.saturating_add(read);
                    self.total = self.total.saturating_add(read);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let file = self.name.to_owned();
                    return Err(SampleFileError::Unreadable { file, reason: error.to_string() });
                }
            }
            if self.total > self.limits.file_bytes {
                return Err(SampleFileError::TooLarge {
                    file: self.name.to_owned(),
                    limit: self.limits.file_bytes,
                });
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}

/// A place in the file: lines and bytes before it.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    lines: usize,
    bytes: usize,
}

/// Reads the rest of a CSV file into a recorder; where it fails, what the recorder has then is of no use.
pub(super) fn read(
    blocks: &mut Blocks<'_>,
    policy: &Policy,
    recorder: &mut Recorder,
) -> Result<(), SampleFileError> {
    let mut reader = Reader::of(policy, blocks.limits.line_bytes);
    let mut place = Place::default();
    if blocks.bytes.starts_with(b"\xef\xbb\xbf") {
        blocks.bytes.drain(..3);
        place.bytes = 3;
    }
    loop {
        let whole = match blocks.ended {
            true => blocks.bytes.len(),
            false => {
                blocks.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1))
            }
        };
        let lines = blocks.bytes.get(..whole).unwrap_or_default();
        let too_long = whole == 0 && blocks.bytes.len() > blocks.limits.line_bytes;
        let read = if too_long { Err(None) } else { reader.lines(lines, place.lines, recorder) };
        match read {
            Ok(lines) => place.lines = place.lines.saturating_add(lines),
            Err(found) => return Err(first_wrong(blocks, place, found)),
        }
        place.bytes = place.bytes.saturating_add(whole);
        blocks.bytes.drain(..whole);
        if blocks.ended {
            return reader.rows.end().map_err(|malformed| wrong(blocks.name, (1, 1), malformed.problem));
        }
        blocks.fill()?;
    }
}

fn wrong(file: &str, (line, column): (usize, usize), problem: String) -> SampleFileError {
    SampleFileError::Malformed { file: file.to_owned(), line, column, problem }
}

/// What is wrong with a row, and where; nothing where a line is too long, or not UTF-8.
type Wrong = Option<((usize, usize), String)>;

/// What is told of a file in which something is wrong: a byte that is not UTF-8 before a line that is too long, and
/// that before a row. All before the block is known to be right.
fn first_wrong(blocks: &mut Blocks<'_>, mut place: Place, row: Wrong) -> SampleFileError {
    let (mut column, mut line_bytes) = (1usize, 0usize);
    let mut long_line: Option<usize> = None;
    loop {
        let text = match std::str::from_utf8(&blocks.bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid =
                    blocks.bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok());
                let valid = valid.unwrap_or_default();
                let cut_off = error.error_len().is_none() && !blocks.ended;
                if !cut_off {
                    let lines = valid.matches('\n').count();
                    let tail = valid.rsplit('\n').next().unwrap_or_default().chars().count();
                    let column =
                        if lines == 0 { column.saturating_add(tail) } else { tail.saturating_add(1) };
                    let byte = blocks.bytes.get(valid.len()).copied().unwrap_or_default();
                    let bytes = place.bytes.saturating_add(valid.len());
                    let problem = format!("byte 0x{byte:02x}, {bytes} bytes into the file, is not UTF-8");
                    let line = place.lines.saturating_add(lines).saturating_add(1);
                    let found = wrong(blocks.name, (line, column), problem);
                    return longer_than_that(blocks).err().unwrap_or(found);
                }
                valid
            }
        };
        for character in text.chars() {
            if character == '\n' {
                (place.lines, column, line_bytes) = (place.lines.saturating_add(1), 1, 0);
                continue;
            }
            column = column.saturating_add(1);
            line_bytes = line_bytes.saturating_add(character.len_utf8());
            if line_bytes > blocks.limits.line_bytes {
                long_line.get_or_insert(place.lines.saturating_add(1));
            }
        }
        let seen = text.len();
        place.bytes = place.bytes.saturating_add(seen);
        blocks.bytes.drain(..seen);
        if blocks.ended {
            break;
        }
        if let Err(error) = blocks.fill() {
            return error;
        }
    }
    if let Some(line) = long_line {
        let problem = format!("the line is longer than {} bytes", blocks.limits.line_bytes);
        return wrong(blocks.name, (line, 1), problem);
    }
    let (place, problem) = row.unwrap_or_default();
    wrong(blocks.name, place, problem)
}

/// Reads to the end, for nothing but whether the file is too long, which comes before all else.
fn longer_than_that(blocks: &mut Blocks<'_>) -> Result<(), SampleFileError> {
    while !blocks.ended {
        blocks.bytes.clear();
        blocks.fill()?;
    }
    Ok(())
}

/// Time, signal and value, as places among [`KEYS`](super::row::KEYS): the order of columns that most files have.
const USUAL: &[usize] = &[0, 1, 2];

/// A signal as rows name it.
struct Named {
    name: Vec<u8>,
    /// The name as rows have it, where it is short.
    met: Option<Met>,
    signal: SignalId,
    /// By track: its place in the recorder.
    places: [Option<usize>; 2],
    /// The one that came after it last time.
    next: usize,
}

struct Reader<'p> {
    rows: Rows<'p>,
    /// By field: which of [`KEYS`](super::row::KEYS) it is.
    order: Vec<usize>,
    named: Vec<Named>,
    by_name: HashMap<Vec<u8>, usize>,
    /// The signal of the row before.
    last: usize,
    /// The time of the row before.
    time: Option<(Met, Timestamp)>,
    date: super::digits::Date,
    line_bytes: usize,
}

impl<'p> Reader<'p> {
    fn of(policy: &'p Policy, line_bytes: usize) -> Self {
        let rows = Rows::of(policy);
        let (named, by_name) = (Vec::new(), HashMap::new());
        let (order, date) = (Vec::new(), Default::default());
        Self { rows, order, named, by_name, last: 0, time: None, date, line_bytes }
    }

    /// Reads whole lines; gives how many.
    fn lines(&mut self, bytes: &[u8], before: usize, recorder: &mut Recorder) -> Result<usize, Wrong> {
        if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
            return Err(None);
        }
        let (mut start, mut lines) = (0usize, 0usize);
        let mut is_usual = self.order == USUAL;
        while start < bytes.len() {
            let read = match is_usual {
                true => self.alike(bytes, start, recorder).or_else(|| self.plain(bytes, start, recorder)),
                false => self.plain(bytes, start, recorder),
            };
            let end = match read {
                Some(end) => end,
                None => {
                    let rest = bytes.get(start..).unwrap_or_default();
                    let length = rest
                        .iter()
                        .position(|byte| *byte == b'\n')
                        .map_or(rest.len(), |end| end.saturating_add(1));
                    let line = before.saturating_add(lines).saturating_add(1);
                    self.other(rest.get(..length).unwrap_or_default(), line, recorder)?;
                    is_usual = self.order == USUAL;
                    start.saturating_add(length)
                }
            };
            if self.is_too_long(bytes.get(start..end)) {
                return Err(None);
            }
            (start, lines) = (end, lines.saturating_add(1));
        }
        Ok(lines)
    }

    /// Whether a line is too long; its end is not counted.
    fn is_too_long(&self, line: Option<&[u8]>) -> bool {
        let line = line.unwrap_or_default();
        line.len() > self.line_bytes && line.strip_suffix(b"\n").unwrap_or(line).len() > self.line_bytes
    }

    /// A line that is not plain, by the rows' own reading.
    fn other(&mut self, line: &[u8], number: usize, recorder: &mut Recorder) -> Result<(), Wrong> {
        if self.is_too_long(Some(line)) {
            return Err(None);
        }
        // behind a line's end, no mark of the order of bytes is skipped
        let text = format!("\n{}", std::str::from_utf8(line).unwrap_or_default());
        let read = self.rows.read(&text, &mut |record| recorder.take(record));
        if self.order.is_empty() {
            self.order = self.rows.order().unwrap_or_default();
        }
        read.map_err(|Malformed { offset, problem }| {
            let column = text.get(1..offset).map_or(1, |before| before.chars().count().saturating_add(1));
            Some(((number, column), problem))
        })
    }

    /// Takes a plain row in as [`Self::plain`] does, sooner: in the usual order of columns, where what it has in common with
    /// the rows before is compared at once. `None`, and nothing taken, where it is not so.
    fn alike(&mut self, bytes: &[u8], start: usize, recorder: &mut Recorder) -> Option<usize> {
        let window = |place: usize| bytes.get(place..)?.first_chunk::<BYTES>();
        let row = window(start)?;
        let known = self.time.as_ref().and_then(|(met, at)| Some((*at, met.begins(row)?)));
        let (at, length) = match known {
            Some(known) => known,
            None => {
                let (at, end) = time(bytes, start, &mut self.date)?;
                let field = bytes.get(start..end).filter(|_| bytes.get(end) == Some(&b','))?;
                self.time = Some((Met::new(field)?, at));
                (at, field.len().saturating_add(1))
            }
        };
        let place = start.saturating_add(length);
        let next = self.named.get(self.last)?.next;
        let named = self.named.get_mut(next)?;
        let place = place.saturating_add(named.met?.begins(window(place)?)?);
        let ((mantissa, scale), length) = short_number(*bytes.get(place..)?.first_chunk()?)?;
        let [canary, _] = &mut named.places;
        let series = *canary.get_or_insert_with(|| recorder.place(named.signal, Track::Canary));
        recorder.take_number(series, at, mantissa, scale);
        self.last = next;
        // the line's end is behind the number
        Some(place.saturating_add(length).saturating_add(1))
    }

    /// Takes a plain row in, and gives where the next line starts; `None`, and nothing taken, where it is not plain.
    fn plain(&mut self, bytes: &[u8], start: usize, recorder: &mut Recorder) -> Option<usize> {
        let (mut at, mut named, mut value, mut track) = (None, None, None, Track::Canary);
        let mut place = start;
        let last = self.order.len().checked_sub(1)?;
        for field in 0..=last {
            match self.order.get(field)? {
                0 => {
                    let (time, end) = time(bytes, place, &mut self.date)?;
                    (at, place) = (Some(time), end);
                }
                1 => {
                    let (found, end) = self.signal(bytes, place)?;
                    (named, place) = (Some(found), end);
                }
                2 => {
                    let (found, end) = number(bytes, place)?;
                    (value, place) = (Some(found), end);
                }
                _ => {
                    let rest = bytes.get(place..)?;
                    for one in Track::ALL {
                        if rest.starts_with(one.as_str().as_bytes()) {
                            track = one;
                            place = place.saturating_add(one.as_str().len());
                        }
                    }
                }
            }
            if field < last {
                if *bytes.get(place)? != b',' {
                    return None;
                }
                place = place.saturating_add(1);
            }
        }
        let end = match bytes.get(place) {
            Some(b'\n') => place.saturating_add(1),
            Some(b'\r') if bytes.get(place.saturating_add(1)) == Some(&b'\n') => place.saturating_add(2),
            None => place,
            Some(_) => return None,
        };
        let (at, named, (mantissa, scale)) = (at?, named?, value?);
        let known = self.named.get_mut(named)?;
        let slot = match track {
            Track::Canary => known.places.first_mut()?,
            Track::Baseline => known.places.last_mut()?,
        };
        let place = *slot.get_or_insert_with(|| recorder.place(known.signal, track));
        recorder.take_number(place, at, mantissa, scale);
        if let Some(before) = self.named.get_mut(self.last) {
            before.next = named;
        }
        self.last = named;
        Some(end)
    }

    /// The signal of a field, and where the field ends: first the one that came here last time.
    fn signal(&mut self, bytes: &[u8], start: usize) -> Option<(usize, usize)> {
        let rest = bytes.get(start..)?;
        if let Some(expected) = self.named.get(self.last).map(|last| last.next)
            && let Some(named) = self.named.get(expected)
            && rest.starts_with(&named.name)
            && matches!(rest.get(named.name.len()), Some(b',' | b'\n' | b'\r') | None)
        {
            return Some((expected, start.saturating_add(named.name.len())));
        }
        let length = rest.iter().position(|byte| matches!(byte, b',' | b'\n' | b'\r')).unwrap_or(rest.len());
        let name = rest.get(..length)?;
        let end = start.saturating_add(length);
        if let Some(known) = self.by_name.get(name) {
            return Some((*known, end));
        }
        let signal = self.rows.signal(std::str::from_utf8(name).ok()?)?;
        let place = self.named.len();
        self.by_name.insert(name.to_vec(), place);
        let met = Met::new(name);
        self.named.push(Named { name: name.to_vec(), met, signal, places: [None; 2], next: place });
        Some((place, end))
    }
}

/// Whether a file is CSV as far as its first block tells: the format is told by its first line and its name.
pub(super) fn is_csv(name: &str, bytes: &[u8], ended: bool) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or("")
        }
    };
    let has_a_line = valid.trim_start().contains('\n') || (ended && valid.len() == bytes.len());
    has_a_line && super::Format::of(name, valid) == super::Format::Csv
}
