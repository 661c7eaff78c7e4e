//! Sample files: CSV, JSON lines, the JSON of Prometheus' `query_range`, OpenMetrics text with timestamps, and Parquet.
//!
//! A file is read whole or not at all: the first malformed place is an error with its line and column, and
//! nothing is decided from the rows before it. Records come in the order of the file.
//!
//! CSV, JSON lines and Parquet have the same columns, which are Spark's own: their bare numbers are in the signal's base unit. A matrix and
//! OpenMetrics text hold a source's numbers, which `in ms` and its kin scale as they do live.

mod alike;
mod csv;
mod csv_stream;
mod digits;
mod json_lines;
mod matrix;
mod open_metrics;
mod parquet;
mod row;
mod value;

use std::io::Read;

use spark_core::metrics::MetricPoint;
use spark_core::{Policy, Reading, Sample, Timestamp, Track};

use crate::replay::Recorder;
use csv_stream::Blocks;

/// Longest file: a week of 40 signals every 15 s as CSV is about 75 MB, so this is more than a month of them.
/// Its text and its records stand in memory together, about three times as much; of CSV its samples alone. Parquet that
/// is not read from a pipe has a limit of rows instead.
pub const FILE_BYTES_MAX: usize = 512 << 20;

/// Longest line of a format that has lines: a row needs less than 200 bytes, a point with many labels some
/// thousands. A file beyond it is of another kind.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What a place in a sample file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A sample of a declared signal.
    Sample(Sample),
    /// A point of a metric, for `from metrics` expressions.
    Point(Track, MetricPoint),
    /// A sample of a name that no signal has: a file may hold more than one policy needs.
    Undeclared {
        /// The name.
        name: String,
        /// Of which version.
        track: Track,
        /// When it was measured.
        at: Timestamp,
        /// What was measured, in the base unit of its own unit.
        reading: Reading,
    },
}

impl Record {
    /// When it was measured.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Sample(sample) => sample.at,
            Self::Point(_, point) => point.at,
            Self::Undeclared { at, .. } => *at,
        }
    }
}

/// Why a sample file gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleFileError {
    /// It cannot be read.
    #[error("cannot read `{file}`: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It is longer than [`FILE_BYTES_MAX`].
    #[error("{file}: longer than {limit} bytes: split it by time")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit.
        limit: usize,
    },
    /// A place in it does not read.
    #[error("{file}:{line}:{column}: {problem}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What was found, and what was expected.
        problem: String,
    },
    /// A row of a format without lines does not read.
    #[error("{file}: row {row}, column `{column}`: {problem}")]
    MalformedRow {
        /// The file.
        file: String,
        /// The row, from 1.
        row: u64,
        /// The column.
        column: &'static str,
        /// What was found, and what was expected.
        problem: String,
    },
    /// A file of a format without lines is damaged, or has what is not read.
    #[error("{file}: {problem}")]
    Unusable {
        /// The file.
        file: String,
        /// What was found, and what was expected.
        problem: String,
    },
}

/// The records of a sample file, in its order; `name` is what errors call it.
///
/// The format is told by the content, and by the name's extension where the content leaves it open.
///
/// # Errors
/// The file is too long, or a place in it does not read; then it gives nothing at all.
pub fn read(name: &str, bytes: &[u8], policy: &Policy) -> Result<Vec<Record>, SampleFileError> {
    read_within(name, bytes, policy, &LIMITS)
}

/// As [`read`], from a stream such as standard input, of which no more is taken than the limit allows.
///
/// # Errors
/// As [`read`], and when the stream fails.
pub fn read_from(name: &str, stream: &mut dyn Read, policy: &Policy) -> Result<Vec<Record>, SampleFileError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    stream
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| SampleFileError::Unreadable { file: name.to_owned(), reason: error.to_string() })?;
    read(name, &bytes, policy)
}

/// Reads an open sample file into a recorder, as [`record_from`], and Parquet page by page: it costs no memory but a page a
/// column, and its samples. What cannot be gone about in, such as a pipe, is read as a stream.
///
/// # Errors
/// As [`record_from`].
pub fn record_file(
    name: &str,
    file: &mut std::fs::File,
    policy: &Policy,
    recorder: &mut Recorder,
) -> Result<(), SampleFileError> {
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map_or(0, |found| found.len());
    let mut head = Vec::new();
    let unreadable = |error: std::io::Error| SampleFileError::Unreadable {
        file: name.to_owned(),
        reason: error.to_string(),
    };
    if length > 0 {
        file.take(4).read_to_end(&mut head).map_err(unreadable)?;
        if is_parquet(name, &head) {
            return parquet::read(name, file, length, policy, recorder);
        }
    }
    record_from(name, &mut head.as_slice().chain(file), policy, recorder)
}

/// Whether a file is meant as Parquet: by its first bytes, or its name.
fn is_parquet(name: &str, bytes: &[u8]) -> bool {
    bytes.starts_with(parquet::MAGIC) || name.to_ascii_lowercase().ends_with(".parquet")
}

/// Reads a sample file from a stream into a recorder: CSV block by block, so that it costs no memory but its samples, and the
/// other formats whole, as [`read`] does. Parquet begins at its end: of a file, [`record_file`] keeps less.
///
/// # Errors
/// As [`read_from`]; what the recorder has then is of half a file, and decides nothing.
pub fn record_from(
    name: &str,
    stream: &mut dyn Read,
    policy: &Policy,
    recorder: &mut Recorder,
) -> Result<(), SampleFileError> {
    record_within(name, stream, policy, recorder, &LIMITS)
}

fn record_within(
    name: &str,
    stream: &mut dyn Read,
    policy: &Policy,
    recorder: &mut Recorder,
    limits: &Limits,
) -> Result<(), SampleFileError> {
    let mut blocks = Blocks { name, stream, limits, bytes: Vec::new(), total: 0, ended: false };
    blocks.fill()?;
    if csv_stream::is_csv(name, &blocks.bytes, blocks.ended) {
        return csv_stream::read(&mut blocks, policy, recorder);
    }
    while !blocks.ended {
        blocks.fill()?;
    }
    if is_parquet(name, &blocks.bytes) {
        return parquet::read_bytes(name, &blocks.bytes, policy, recorder);
    }
    let records = read_within(name, &blocks.bytes, policy, limits)?;
    records.into_iter().for_each(|record| recorder.take(record));
    Ok(())
}

struct Limits {
    file_bytes: usize,
    line_bytes: usize,
    block_bytes: usize,
}

const LIMITS: Limits =
    Limits { file_bytes: FILE_BYTES_MAX, line_bytes: LINE_BYTES_MAX, block_bytes: csv_stream::BLOCK_BYTES };

/// What is wrong at a byte of the text; the line and column are counted only once it is known.
#[derive(Debug)]
struct Malformed {
    offset: usize,
    problem: String,
}

impl Malformed {
    fn new(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into() }
    }
}

fn read_within(
    name: &str,
    bytes: &[u8],
    policy: &Policy,
    limits: &Limits,
) -> Result<Vec<Record>, SampleFileError> {
    if bytes.len() > limits.file_bytes {
        return Err(SampleFileError::TooLarge { file: name.to_owned(), limit: limits.file_bytes });
    }
    if is_parquet(name, bytes) {
        let mut records = Vec::new();
        return parquet::read_bytes(name, bytes, policy, &mut records).map(|()| records);
    }
    let whole = bytes.len();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.valid_up_to();
            let before = bytes.get(..offset).and_then(|valid| std::str::from_utf8(valid).ok());
            let byte = bytes.get(offset).copied().unwrap_or_default();
            let place = whole.saturating_sub(bytes.len()).saturating_add(offset);
            let problem = format!("byte 0x{byte:02x}, {place} bytes into the file, is not UTF-8");
            return Err(located(name, before.unwrap_or_default(), Malformed::new(offset, problem)));
        }
    };
    let format = Format::of(name, text);
    let read = match format {
        Format::Matrix => matrix::read(text, policy),
        _ => check_lines(text, limits.line_bytes).and_then(|()| match format {
            Format::Csv => csv::read(text, policy),
            Format::JsonLines => json_lines::read(text, policy),
            Format::OpenMetrics => open_metrics::read(text),
            _ => Err(Malformed::new(0, UNRECOGNIZED)),
        }),
    };
    read.map_err(|malformed| located(name, text, malformed))
}

const UNRECOGNIZED: &str = "this is no sample file: expected CSV with the header `time,signal,value`, JSON lines, \
                            the JSON of Prometheus' query_range, OpenMetrics text, or Parquet";

fn check_lines(text: &str, limit: usize) -> Result<(), Malformed> {
    let mut offset = 0usize;
    for line in text.split('\n') {
        if line.len() > limit {
            return Err(Malformed::new(offset, format!("the line is longer than {limit} bytes")));
        }
        offset = offset.saturating_add(line.len()).saturating_add(1);
    }
    Ok(())
}

/// Line and column of an error, both from 1, the column in characters.
fn located(name: &str, text: &str, malformed: Malformed) -> SampleFileError {
    let mut end = malformed.offset.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let before = text.get(..end).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |place| place.saturating_add(1));
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1);
    SampleFileError::Malformed { file: name.to_owned(), line, column, problem: malformed.problem }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
    Matrix,
    OpenMetrics,
    Unrecognized,
}

impl Format {
    fn of(name: &str, text: &str) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        let extension = extension.as_deref().unwrap_or_default();
        let content = text.trim_start();
        if content.starts_with(['{', '[']) {
            return match matrix::looks_like_an_answer(content) {
                true => Self::Matrix,
                false => Self::JsonLines,
            };
        }
        if content.starts_with('#') {
            return Self::OpenMetrics;
        }
        match extension {
            "csv" => return Self::Csv,
            "json" | "jsonl" | "ndjson" => return Self::JsonLines,
            "om" | "prom" | "metrics" | "openmetrics" => return Self::OpenMetrics,
            _ => {}
        }
        let first = content.lines().next().unwrap_or_default();
        // a metric's line has its name, then labels or a space; a header has a comma first
        let name_end = first.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        match name_end.and_then(|end| first.get(end..)).and_then(|rest| rest.chars().next()) {
            _ if csv::looks_like_a_header(first) => Self::Csv,
            Some('{' | ' ') if name_end != Some(0) => Self::OpenMetrics,
            _ => Self::Unrecognized,
        }
    }
}

#[cfg(test)]
mod tests;
