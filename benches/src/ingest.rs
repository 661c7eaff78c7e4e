//! Sample files into columns: CSV beside the csv crate, and Parquet beside the parquet crate, on the same rows.
//!
//! Spark's side is what `replay` does: names checked against the rules, late and repeated samples judged, values kept
//! exactly, in columns that can be searched. The peers keep times and floats in lists, a list a signal, and judge nothing.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::reader::ColumnReader;
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use spark_core::{Policy, SignalId, Timestamp, Track};
use spark_runtime::replay::{Recorder, Recording};
use spark_runtime::source::file::{record_file, record_from};

use crate::cpu::cost;
use crate::process::{Scratch, ratio, spread};

const PAIRS: usize = 7;
const SIGNALS: u32 = 8;
const SECONDS: u32 = 100_000;
const START: u32 = 1_767_225_600;

/// A row: second after the start, signal, thousandths.
type Row = (u32, u32, u32);

/// Times the reading of 800,000 rows: CSV with Unix seconds and with RFC 3339, and Parquet.
pub(crate) fn run() -> Result<String, String> {
    let policy = policy()?;
    let rows = rows();
    let folder = Scratch::new()?;
    let mut table = format!(
        "ingest, {} rows of {SIGNALS} signals into columns (CPU time, medians of {PAIRS} interleaved pairs)\n",
        rows.len()
    );
    for (name, dated) in [("CSV, Unix seconds", false), ("CSV, RFC 3339", true)] {
        let text = csv_of(&rows, dated);
        let ours = || {
            let mut recorder = Recorder::default();
            record_from("rows.csv", &mut text.as_bytes(), &policy, &mut recorder).map_err(words)?;
            Ok(recorder.finish())
        };
        let line = compare(name, "csv crate", text.len(), rows.len(), ours, || by_csv_crate(&text, dated))?;
        let _ = writeln!(table, "{line}");
    }
    let path = folder.path("rows.parquet");
    let values = rows.iter().map(|(at, n, value)| (*at, *n, f64::from(*value) / 1_000.0));
    write_parquet(&path, &names(SIGNALS), Compression::SNAPPY, values)?;
    let bytes = std::fs::metadata(&path).map_err(words)?.len();
    let ours = || {
        let mut recorder = Recorder::default();
        let mut file = std::fs::File::open(&path).map_err(words)?;
        record_file("rows.parquet", &mut file, &policy, &mut recorder).map_err(words)?;
        Ok(recorder.finish())
    };
    let size = usize::try_from(bytes).unwrap_or(usize::MAX);
    let theirs = || by_parquet_crate(&path);
    table.push_str(&compare("Parquet, snappy", "parquet crate", size, rows.len(), ours, theirs)?);
    Ok(table)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn compare(
    what: &str,
    peer: &str,
    bytes: usize,
    rows: usize,
    ours: impl Fn() -> Result<Recording, String>,
    theirs: impl Fn() -> Result<Vec<Series>, String>,
) -> Result<String, String> {
    let (found, expected) = (sums(&ours()?), theirs()?.iter().map(Series::sums).collect::<Vec<_>>());
    if found != expected {
        return Err(format!("{what}: Spark read {found:?}, the {peer} {expected:?}"));
    }
    let (mut spark, mut crates) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        spark.push(cost(&ours)?);
        crates.push(cost(&theirs)?);
    }
    let speed = |times: &[std::time::Duration]| {
        let seconds = spread(times).0.as_secs_f64();
        format!("{:.2} GB/s, {:>4.1} M rows/s", bytes as f64 / 1e9 / seconds, rows as f64 / 1e6 / seconds)
    };
    Ok(format!(
        "{what:<18} Spark {}   {peer} {}   {:>5.1} x",
        speed(&spark),
        speed(&crates),
        ratio(&crates, &spark)
    ))
}

fn policy() -> Result<Policy, String> {
    let mut rules = String::from("edition 2026\nevaluate every 1s\n");
    for n in 0..SIGNALS {
        let _ = writeln!(rules, "signal latency_{n} {{ is duration from push expect < 1s }}");
    }
    spark_rules::load("ingest.rules", &rules, &mut |name| Err(format!("no `{name}`")))
        .map(|loaded| loaded.policy)
        .map_err(|failed| format!("{failed:?}").chars().take(2_000).collect())
}

fn rows() -> Vec<Row> {
    let mut seed: u64 = 1;
    let mut value = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((seed >> 33) % 900).unwrap_or(0)
    };
    (0..SECONDS).flat_map(|at| (0..SIGNALS).map(move |n| (at, n))).map(|(at, n)| (at, n, value())).collect()
}

fn csv_of(rows: &[Row], dated: bool) -> String {
    let mut text = String::from("time,signal,value\n");
    for (at, n, value) in rows {
        let (day, hours, minutes, seconds) = (at / 86_400, at / 3_600 % 24, at / 60 % 60, at % 60);
        let _ = match dated {
            true => writeln!(
                text,
                "2026-01-{:02}T{hours:02}:{minutes:02}:{seconds:02}Z,latency_{n},0.{value:03}",
                day.saturating_add(1)
            ),
            false => writeln!(text, "{},latency_{n},0.{value:03}", START.saturating_add(*at)),
        };
    }
    text
}

/// The names of so many signals.
pub(crate) fn names(signals: u32) -> Vec<String> {
    (0..signals).map(|n| format!("latency_{n}")).collect()
}

/// Writes rows (second after the start, signal's place, value) as other programs do: microseconds, dictionaries, a million
/// rows a group.
pub(crate) fn write_parquet(
    path: &std::path::Path,
    signals: &[String],
    compression: Compression,
    mut rows: impl Iterator<Item = (u32, u32, f64)>,
) -> Result<(), String> {
    let schema = "message m { required int64 time (TIMESTAMP(MICROS,true)); required byte_array signal (STRING); required double value; }";
    let schema = Arc::new(parse_message_type(schema).map_err(words)?);
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let file = std::fs::File::create(path).map_err(words)?;
    let mut writer = SerializedFileWriter::new(file, schema, properties).map_err(words)?;
    let names: Vec<ByteArray> = signals.iter().map(|name| name.as_str().into()).collect();
    loop {
        let (mut times, mut named, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (at, n, value) in rows.by_ref().take(1 << 20) {
            times.push(i64::from(START.saturating_add(at)).saturating_mul(1_000_000));
            named.extend(names.get(usize::try_from(n).unwrap_or(0)).cloned());
            values.push(value);
        }
        if times.is_empty() {
            return writer.close().map(drop).map_err(words);
        }
        let mut group = writer.next_row_group().map_err(words)?;
        let none = "a column is missing";
        let mut column = group.next_column().map_err(words)?.ok_or(none)?;
        column.typed::<Int64Type>().write_batch(&times, None, None).map_err(words)?;
        column.close().map_err(words)?;
        let mut column = group.next_column().map_err(words)?.ok_or(none)?;
        column.typed::<ByteArrayType>().write_batch(&named, None, None).map_err(words)?;
        column.close().map_err(words)?;
        let mut column = group.next_column().map_err(words)?.ok_or(none)?;
        column.typed::<DoubleType>().write_batch(&values, None, None).map_err(words)?;
        column.close().map_err(words)?;
        group.close().map_err(words)?;
    }
}

/// What must be equal of a series: how many samples, the sum of their times, and of their values in thousandths.
type Sums = (usize, i64, i64);

fn sums(recording: &Recording) -> Vec<Sums> {
    let columns = (0..SIGNALS).filter_map(|n| recording.samples_of(SignalId(n), Track::Canary));
    let thousandths = |value: rust_decimal::Decimal| {
        let value = value.checked_mul(1_000.into());
        value.and_then(|value| i64::try_from(value.trunc().mantissa()).ok()).unwrap_or(i64::MIN)
    };
    columns
        .map(|column| {
            let values = (0..column.len()).filter_map(|place| column.reading(place)?.value());
            let times = (0..column.len()).filter_map(|place| column.at(place));
            (
                column.len(),
                times.fold(0i64, |sum, at| sum.wrapping_add(at.nanos())),
                values.fold(0i64, |sum, value| sum.wrapping_add(thousandths(value))),
            )
        })
        .collect()
}

/// A peer's column.
#[derive(Debug, Default)]
struct Series {
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Series {
    fn sums(&self) -> Sums {
        let times = self.times.iter().fold(0i64, |sum, at| sum.wrapping_add(*at));
        let values =
            self.values.iter().fold(0i64, |sum, value| sum.wrapping_add((value * 1e3).round() as i64));
        (self.values.len(), times, values)
    }
}

/// Series by name, in the order in which they came.
#[derive(Default)]
struct ByName {
    places: HashMap<Vec<u8>, usize>,
    series: Vec<Series>,
}

impl ByName {
    fn push(&mut self, name: &[u8], at: i64, value: f64) {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.series.push(Series::default());
                let place = self.series.len().saturating_sub(1);
                self.places.insert(name.to_vec(), place);
                place
            }
        };
        if let Some(series) = self.series.get_mut(place) {
            series.times.push(at);
            series.values.push(value);
        }
    }
}

fn by_csv_crate(text: &str, dated: bool) -> Result<Vec<Series>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut row = csv::ByteRecord::new();
    let mut found = ByName::default();
    while reader.read_byte_record(&mut row).map_err(words)? {
        let field = |n| row.get(n).unwrap_or_default();
        let number = |n| std::str::from_utf8(field(n)).unwrap_or_default();
        let at = match dated {
            true => Timestamp::parse(number(0)).ok_or("no time")?.nanos(),
            false => number(0).parse::<i64>().map_err(words)?.saturating_mul(1_000_000_000),
        };
        found.push(field(1), at, number(2).parse().map_err(words)?);
    }
    Ok(found.series)
}

fn by_parquet_crate(path: &std::path::Path) -> Result<Vec<Series>, String> {
    let reader = SerializedFileReader::new(std::fs::File::open(path).map_err(words)?).map_err(words)?;
    let mut found = ByName::default();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(words)?;
        let columns = [0, 1, 2].map(|n| group.get_column_reader(n));
        let [
            Ok(ColumnReader::Int64ColumnReader(mut times)),
            Ok(ColumnReader::ByteArrayColumnReader(mut names)),
            Ok(ColumnReader::DoubleColumnReader(mut values)),
        ] = columns
        else {
            return Err("other columns than were written".to_owned());
        };
        loop {
            let (mut at, mut named, mut value) = (Vec::new(), Vec::new(), Vec::new());
            times.read_records(8_192, None, None, &mut at).map_err(words)?;
            names.read_records(8_192, None, None, &mut named).map_err(words)?;
            values.read_records(8_192, None, None, &mut value).map_err(words)?;
            if at.is_empty() {
                break;
            }
            for ((at, name), value) in at.iter().zip(&named).zip(&value) {
                found.push(name.data(), at.saturating_mul(1_000), *value);
            }
        }
    }
    Ok(found.series)
}
