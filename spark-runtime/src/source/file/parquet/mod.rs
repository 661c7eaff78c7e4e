//! Parquet: the columns of CSV, `time`, `signal`, `value` and an optional `track`, read page by page.
//!
//! What is plain (a time, a known signal, a number) is taken in as numbers; every other row is given as text to what
//! reads the rows of CSV, so that both formats mean the same. A row whose value is missing is no sample.
//!
//! No length is believed before its bytes are seen, and every one has a limit: a damaged or a hostile file is an error.

mod cell;
mod column;
mod footer;
mod names;
mod packed;
mod pages;
mod runs;
mod sink;
mod thrift;

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};

use spark_core::{Policy, SignalId, Timestamp, Track};

use self::cell::{Cell, Form, shortest};
use self::column::Column;
use self::footer::{Footer, Leaf, Logical, Physical};
use self::names::Names;
use self::runs::Pieces;
pub(super) use self::sink::Sink;
use super::row::{Field, KEYS, Row, Signals, read_track};
use super::{Record, SampleFileError};

/// First and last four bytes of a file.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";

/// Most bytes of a footer: 10,000 row groups of four columns, with their statistics, have some 6 MB.
const FOOTER_BYTES_MAX: u64 = 16 << 20;

/// Most columns: four are read, and a file with others is refused by their names.
const COLUMNS_MAX: usize = 64;

/// Most row groups: what is kept of one has some 200 bytes.
const ROW_GROUPS_MAX: usize = 1 << 16;

/// Most bytes of a page's header: its statistics may hold two texts.
const PAGE_HEADER_BYTES_MAX: u64 = 1 << 20;

/// Most bytes of a page, packed or not: writers aim at one megabyte. A page of each column stands in memory.
const PAGE_BYTES_MAX: u64 = 16 << 20;

/// Most values of a dictionary: writers give it up at a megabyte of them.
const DICTIONARY_MAX: usize = 1 << 20;

/// Most bytes of different names, 64 for each included: half a million signals.
const NAMES_BYTES_MAX: usize = 64 << 20;

/// Most rows: 30 days of 8 signals at one a second are 21 million. A few bytes can claim any number of equal rows.
const ROWS_MAX: u64 = 200_000_000;

/// Rows that are read at once: their cells stay in the cache.
const BATCH: usize = 1 << 10;

/// What a file is read from.
pub(super) trait SeekRead: Read + Seek {}

impl<T: Read + Seek> SeekRead for T {}

/// What is wrong with a file, and in which row and column where it is one's.
#[derive(Debug)]
struct Fault {
    place: Option<(u64, &'static str)>,
    problem: String,
    /// It could not be read at all.
    unread: bool,
}

impl Fault {
    fn file(problem: impl Into<String>) -> Self {
        Self { place: None, problem: problem.into(), unread: false }
    }

    fn cell(key: usize, problem: impl Into<String>) -> Self {
        let column = KEYS.get(key).copied().unwrap_or_default();
        Self { place: Some((0, column)), problem: problem.into(), unread: false }
    }

    fn in_row(self, row: u64) -> Self {
        Self { place: self.place.map(|(_, column)| (row, column)), ..self }
    }

    fn named(self, file: &str) -> SampleFileError {
        let (file, problem) = (file.to_owned(), self.problem);
        match self.place {
            _ if self.unread => SampleFileError::Unreadable { file, reason: problem },
            None => SampleFileError::Unusable { file, problem },
            Some((row, column)) => SampleFileError::MalformedRow { file, row, column, problem },
        }
    }
}

/// Reads exactly as many bytes as there is room for.
fn read_at(stream: &mut dyn SeekRead, place: u64, room: &mut [u8]) -> Result<(), Fault> {
    let unread = |error: std::io::Error| Fault { place: None, problem: error.to_string(), unread: true };
    stream.seek(SeekFrom::Start(place)).map_err(unread)?;
    stream.read_exact(room).map_err(unread)
}

/// Reads a Parquet file of so many bytes; where it fails, what the sink has then is of half a file.
pub(super) fn read(
    name: &str,
    stream: &mut dyn SeekRead,
    length: u64,
    policy: &Policy,
    sink: &mut impl Sink,
) -> Result<(), SampleFileError> {
    rows_of(stream, length, policy, sink).map_err(|fault| fault.named(name))
}

/// As [`read`], of bytes.
pub(super) fn read_bytes(
    name: &str,
    bytes: &[u8],
    policy: &Policy,
    sink: &mut impl Sink,
) -> Result<(), SampleFileError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    read(name, &mut std::io::Cursor::new(bytes), length, policy, sink)
}

fn rows_of(
    stream: &mut dyn SeekRead,
    length: u64,
    policy: &Policy,
    sink: &mut impl Sink,
) -> Result<(), Fault> {
    let mut magic = [0u8; 4];
    if length >= 4 {
        read_at(stream, 0, &mut magic)?;
    }
    if &magic != MAGIC {
        return Err(Fault::file("it does not begin as a Parquet file does, with `PAR1`"));
    }
    let footer = Footer::read(stream, length)?;
    let mut reader = Reader::of(&footer.leaves, policy)?;
    let rows = footer.groups.iter().fold(0u64, |sum, group| sum.saturating_add(group.rows));
    if rows > ROWS_MAX {
        return Err(Fault::file(format!("it has {rows} rows, more than {ROWS_MAX}: split it by time")));
    }
    for group in &footer.groups {
        let mut left = group.rows;
        for (column, chunk) in reader.columns.iter_mut().zip(&group.chunks) {
            if let (Some(column), Some(chunk)) = (column, chunk) {
                if chunk.values != group.rows {
                    return Err(Fault::file("its columns have different numbers of rows: it is damaged"));
                }
                column.begin(*chunk)?;
            }
        }
        while left > 0 {
            let taken = reader.some(stream, left, sink)?;
            left = left.saturating_sub(taken);
        }
    }
    Ok(())
}

/// A name as it was met: what it means as a signal and as a track.
struct Known {
    signal: Option<SignalId>,
    track: Option<Track>,
    /// By track.
    series: [SeriesPlace; 2],
}

/// A series as rows name it.
#[derive(Debug, Default)]
struct SeriesPlace {
    /// The sink's.
    place: Option<usize>,
    /// How many places after the point its last float had.
    places: usize,
}

struct Reader<'p> {
    signals: Signals<'p>,
    columns: [Option<Column>; KEYS.len()],
    names: Names,
    known: Vec<Known>,
    packed: Vec<u8>,
    pieces: Pieces,
    /// Rows before these.
    before: u64,
}

impl<'p> Reader<'p> {
    fn of(leaves: &[Leaf], policy: &'p Policy) -> Result<Self, Fault> {
        let mut columns = [const { None }; KEYS.len()];
        for leaf in leaves {
            let shown = crate::http::excerpt(leaf.name.as_bytes());
            let named = KEYS.iter().enumerate().zip(&mut columns).find(|((_, key), _)| **key == leaf.name);
            let Some(((key, name), slot)) = named else {
                return Err(Fault::file(format!(
                    "`{shown}` is no column: expected time, signal, value and track"
                )));
            };
            if slot.is_some() {
                return Err(Fault::file(format!("the column `{shown}` stands twice")));
            }
            let form = Form::of(key, leaf).map_err(|expected| {
                Fault::file(format!("the column `{shown}` is {}: expected {expected}", words(leaf)))
            })?;
            *slot = Some(Column::new(name, form, leaf));
        }
        if let Some((name, _)) = KEYS.iter().zip(&columns).take(3).find(|(_, column)| column.is_none()) {
            return Err(Fault::file(format!(
                "it lacks the column `{name}`: expected time, signal and value"
            )));
        }
        let (signals, names) = (Signals::of(policy), Names::default());
        Ok(Self {
            signals,
            columns,
            names,
            known: Vec::new(),
            packed: Vec::new(),
            pieces: Pieces::default(),
            before: 0,
        })
    }

    /// Reads some rows, at most so many, and says how many they were.
    fn some(&mut self, stream: &mut dyn SeekRead, most: u64, sink: &mut impl Sink) -> Result<u64, Fault> {
        let mut rows = usize::try_from(most).unwrap_or(BATCH).min(BATCH);
        for column in self.columns.iter_mut().flatten() {
            rows = rows.min(column.ready(stream, &mut self.packed, &mut self.names)?);
        }
        if self.runs(rows, sink)? {
            return Ok(u64::try_from(rows).unwrap_or(u64::MAX));
        }
        for column in self.columns.iter_mut().flatten() {
            column.read(rows, &mut self.names)?;
        }
        self.learn_names();
        let Self { signals, columns, names, known, before, .. } = self;
        let [Some(time), Some(signal), Some(value), track] = &*columns else { return Ok(most) };
        let mut tracks = track.iter().flat_map(Column::cells);
        let cells = time.cells().iter().zip(signal.cells()).zip(value.cells());
        for ((time, signal), value) in cells {
            *before = before.saturating_add(1);
            let row = (*time, *signal, *value, tracks.next().copied().unwrap_or(Cell::Missing));
            if plain(known, row, sink).is_none()
                && let Some(record) =
                    record(signals, columns, names, row).map_err(|fault| fault.in_row(*before))?
            {
                sink.record(record);
            }
        }
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }
}

impl Reader<'_> {
    /// Looks up what new names mean.
    fn learn_names(&mut self) {
        while let Some(name) = u32::try_from(self.known.len()).ok().and_then(|next| self.names.name(next)) {
            let signal = self.signals.get(name).map(|(id, _)| id);
            self.known.push(Known { signal, track: read_track(name).ok(), series: Default::default() });
        }
    }
}

/// What the columns say in a row, in the order of [`KEYS`].
type Cells = (Cell, Cell, Cell, Cell);

/// Unix seconds up to here fit a time with nanoseconds.
const SECONDS_MAX: i64 = 9_000_000_000;

/// Takes a plain row in; `None`, and nothing taken, where it is not plain.
fn plain(known: &mut [Known], (time, signal, value, track): Cells, sink: &mut impl Sink) -> Option<()> {
    let of = |name: u32| usize::try_from(name).ok();
    let nanos = match time {
        Cell::Time(nanos) => nanos,
        Cell::Number(seconds @ 0..=SECONDS_MAX, 0) => seconds.checked_mul(1_000_000_000)?,
        _ => return None,
    };
    let track = match track {
        Cell::Missing => Track::Canary,
        Cell::Name(name) => known.get(of(name)?)?.track?,
        _ => return None,
    };
    let Cell::Name(name) = signal else { return None };
    let Known { signal, series: [canary, baseline], .. } = known.get_mut(of(name)?)?;
    let SeriesPlace { place, places } = if track == Track::Canary { canary } else { baseline };
    let (mantissa, scale) = match value {
        Cell::Number(number, places) => (number, places),
        Cell::Double(value) => shortest(value, places)?,
        _ => return None,
    };
    sink.number(((*signal)?, track), place, Timestamp::from_nanos(nanos), mantissa, scale);
    Some(())
}

/// What a row says as one of CSV would; nothing where its value is missing.
fn record(
    signals: &Signals<'_>,
    columns: &[Option<Column>; KEYS.len()],
    names: &Names,
    (time, signal, value, track): Cells,
) -> Result<Option<Record>, Fault> {
    if value == Cell::Missing {
        return Ok(None);
    }
    let field = |offset: usize, cell: Cell| {
        let text = match cell {
            Cell::Name(name) => names.name(name).map(Cow::Borrowed),
            Cell::Beyond => {
                return Err(Fault::cell(
                    offset,
                    "the time is beyond the range: expected one from 1678 to 2261",
                ));
            }
            cell => columns
                .get(offset)
                .and_then(Option::as_ref)
                .and_then(|column| column.text(cell))
                .map(Cow::Owned),
        };
        Ok(text.map(|text| Field { text, offset }))
    };
    let needed = |offset: usize, cell: Cell| {
        field(offset, cell)?.ok_or_else(|| Fault::cell(offset, "it is null: expected a value in every row"))
    };
    let row = Row {
        time: needed(0, time)?,
        signal: needed(1, signal)?,
        value: needed(2, value)?,
        track: field(3, track)?,
    };
    signals.record(&row).map(Some).map_err(|wrong| Fault::cell(wrong.offset, wrong.problem))
}

/// What a column is, for an error.
fn words(leaf: &Leaf) -> String {
    let stored = match leaf.physical {
        Physical::Boolean => "BOOLEAN",
        Physical::Int32 => "INT32",
        Physical::Int64 => "INT64",
        Physical::Int96 => "INT96",
        Physical::Float => "FLOAT",
        Physical::Double => "DOUBLE",
        Physical::Bytes => "BYTE_ARRAY",
        Physical::Fixed => "FIXED_LEN_BYTE_ARRAY",
    };
    let meant = match leaf.logical {
        Logical::None => return stored.to_owned(),
        Logical::Text => "text",
        Logical::Integer { .. } => "an integer",
        Logical::Decimal { .. } => "DECIMAL",
        Logical::Time { utc: true, .. } => "a timestamp",
        Logical::Time { utc: false, .. } => "a timestamp without a zone",
        Logical::Other(name) => name,
    };
    format!("{stored} ({meant})")
}

#[cfg(test)]
mod tests;
