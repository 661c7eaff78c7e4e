//! Parquet files as another implementation writes them mean what the same rows mean in CSV; damaged ones are errors.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::super::tests::{policy, samples};
use super::super::{read, record_from};
use super::*;
use crate::replay::{Recorder, Recording};

/// How the rows are stored.
#[derive(Debug, Clone)]
struct Stored {
    time: usize,
    value: usize,
    optional: bool,
    tracks: bool,
    dictionary: bool,
    encoded: usize,
    codec: usize,
    second_version: bool,
    page_rows: usize,
    group_rows: usize,
}

const TIMES: [&str; 4] = [
    "int64 time (TIMESTAMP(MILLIS,true))",
    "int64 time (TIMESTAMP(MICROS,true))",
    "int64 time (TIMESTAMP_MILLIS)",
    "int64 time",
];
const VALUES: [&str; 6] = [
    "double value",
    "int64 value",
    "int64 value (DECIMAL(18,3))",
    "int32 value (DECIMAL(9,3))",
    "fixed_len_byte_array(5) value (DECIMAL(11,3))",
    "byte_array value (STRING)",
];
const SIGNALS: [&str; 3] = ["p95", "other", "p95 "];
const TRACKS: [&str; 3] = ["", "canary", "baseline"];

/// A row: seconds, signal, thousandths where there is a value, track.
type Given = (i64, usize, Option<i32>, usize);

fn stored() -> impl Strategy<Value = Stored> {
    let shape = (0..TIMES.len(), 0..VALUES.len(), any::<bool>(), any::<bool>());
    let pages = (any::<bool>(), 0usize..3, 0usize..3, any::<bool>(), 1usize..60, 1usize..200);
    (shape, pages).prop_map(
        |(
            (time, value, optional, tracks),
            (dictionary, encoded, codec, second_version, page_rows, group_rows),
        )| Stored {
            time,
            value,
            optional,
            tracks,
            dictionary,
            encoded,
            codec,
            second_version,
            page_rows,
            group_rows,
        },
    )
}

fn rows() -> impl Strategy<Value = Vec<Given>> {
    let value =
        prop_oneof![8 => (-5i32..5).prop_map(Some), 4 => any::<i32>().prop_map(Some), 1 => Just(None)];
    let row = (
        prop_oneof![20 => Just(1i64), 1 => -3i64..500],
        prop_oneof![9 => Just(0usize), 1 => 0usize..3],
        value,
        0usize..3,
    );
    proptest::collection::vec(row, 0..400).prop_map(|mut rows| {
        let mut at = 1_767_225_600i64;
        for row in &mut rows {
            at = row.0.saturating_add(at);
            row.0 = at;
        }
        rows
    })
}

/// Rows of one series after another, none of which lacks anything.
fn whole_rows() -> impl Strategy<Value = Vec<Given>> {
    let value =
        (-30i32..30, prop_oneof![6 => Just(1i32), 1 => Just(10), 1 => Just(100), 1 => Just(1_000_000)]);
    let value = value.prop_map(|(number, factor)| Some(number.wrapping_mul(factor)));
    let step = prop_oneof![30 => Just(1i64), 1 => -1i64..60];
    let piece = (prop_oneof![6 => Just(0usize), 1 => 0usize..3], 1usize..3);
    let piece = (piece, proptest::collection::vec((step, value), 1..200));
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| {
        let mut at = 1_767_225_600i64;
        let mut rows = Vec::new();
        for ((signal, track), piece) in pieces {
            for (step, value) in piece {
                at = at.saturating_add(step);
                rows.push((at, signal, value, track));
            }
        }
        rows
    })
}

fn thousandths(value: i32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", value.unsigned_abs() / 1_000, value.unsigned_abs() % 1_000)
}

/// The same rows as CSV.
fn csv(rows: &[Given], stored: &Stored) -> String {
    let mut text = "time,signal,value,track\n".to_owned();
    for (at, signal, value, track) in rows {
        let Some(value) = value.or((!stored.optional).then_some(0)) else { continue };
        let value = if stored.value == 1 { value.to_string() } else { thousandths(value) };
        let track = if stored.tracks { TRACKS[*track] } else { "" };
        writeln!(text, "{at},\"{}\",{value},{track}", SIGNALS[*signal]).unwrap();
    }
    text
}

fn written(rows: &[Given], stored: &Stored) -> Vec<u8> {
    let need = if stored.optional { "optional" } else { "required" };
    let track = if stored.tracks { "optional byte_array track (STRING);" } else { "" };
    let (time, value) = (TIMES[stored.time], VALUES[stored.value]);
    let schema = format!(
        "message m {{ required {time}; {need} {value}; {track} required byte_array signal (STRING); }}"
    );
    let mut properties = WriterProperties::builder()
        .set_compression([Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW][stored.codec])
        .set_dictionary_enabled(stored.dictionary)
        .set_writer_version(
            [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][usize::from(stored.second_version)],
        )
        .set_data_page_row_count_limit(stored.page_rows)
        .set_write_batch_size(stored.page_rows);
    if !stored.dictionary {
        let numbers = [Encoding::PLAIN, Encoding::DELTA_BINARY_PACKED, Encoding::BYTE_STREAM_SPLIT];
        let texts = [Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::PLAIN];
        let values = match stored.value {
            0 => [Encoding::PLAIN, Encoding::BYTE_STREAM_SPLIT, Encoding::PLAIN],
            1..=3 => numbers,
            4 => [Encoding::PLAIN; 3],
            _ => texts,
        };
        for (column, encodings) in [("time", numbers), ("value", values), ("signal", texts), ("track", texts)]
        {
            properties = properties.set_column_encoding(column.into(), encodings[stored.encoded]);
        }
    }
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
    for rows in rows.chunks(stored.group_rows) {
        let mut group = writer.next_row_group().unwrap();
        write_group(&mut group, rows, stored);
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn write_group(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, rows: &[Given], stored: &Stored) {
    macro_rules! column {
        ($kind:ty, $values:expr, $levels:expr) => {{
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<$kind>().write_batch(&$values, $levels, None).unwrap();
            column.close().unwrap();
        }};
    }
    type Bytes = parquet::data_type::ByteArrayType;
    let factor = [1_000i64, 1_000_000, 1_000, 1][stored.time];
    column!(Int64Type, rows.iter().map(|row| row.0.saturating_mul(factor)).collect::<Vec<_>>(), None);
    let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.2.is_some())).collect();
    let levels = stored.optional.then_some(&levels[..]);
    let values: Vec<i32> = rows.iter().filter_map(|row| row.2.or((!stored.optional).then_some(0))).collect();
    match stored.value {
        0 => column!(DoubleType, values.iter().map(|v| f64::from(*v) / 1_000.0).collect::<Vec<_>>(), levels),
        1 | 2 => column!(Int64Type, values.iter().map(|v| i64::from(*v)).collect::<Vec<_>>(), levels),
        3 => column!(Int32Type, values, levels),
        4 => {
            let five = |v: &i32| ByteArray::from(i64::from(*v).to_be_bytes()[3..].to_vec()).into();
            column!(FixedLenByteArrayType, values.iter().map(five).collect::<Vec<_>>(), levels);
        }
        _ => {
            column!(Bytes, values.iter().map(|v| thousandths(*v).as_str().into()).collect::<Vec<_>>(), levels)
        }
    }
    if stored.tracks {
        let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.3 != 0)).collect();
        let some = rows.iter().filter(|row| row.3 != 0);
        column!(Bytes, some.map(|row| TRACKS[row.3].into()).collect::<Vec<_>>(), Some(&levels[..]));
    }
    column!(Bytes, rows.iter().map(|row| SIGNALS[row.1].into()).collect::<Vec<_>>(), None);
}

fn check(rows: &[Given], stored: &Stored) {
    let (policy, file) = (policy(), written(rows, stored));
    // CSV cuts blanks off, Parquet's names are what they are
    let expected = read("f.csv", csv(rows, stored).as_bytes(), &policy).unwrap();
    let found = read("f.parquet", &file, &policy).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        match (found, expected) {
            (Record::Undeclared { name, at, reading, .. }, Record::Sample(sample)) if name == "p95 " => {
                assert_eq!((at, reading), (&sample.at, &sample.reading));
            }
            _ => assert_eq!(found, expected),
        }
    }
    let whole = Recording::new(found);
    let mut recorder = Recorder::default();
    record_from("-", &mut &*file, &policy, &mut recorder).unwrap();
    let streamed = recorder.finish();
    assert_eq!(samples(&whole), samples(&streamed));
    let counts = |r: &Recording| (r.samples(), r.dropped(), r.conflicts(), r.undeclared().clone());
    assert_eq!(counts(&whole), counts(&streamed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// However the rows are stored, they are those of the CSV, and read in a stream they make the same recording.
    #[test]
    fn means_what_csv_means(rows in rows(), stored in stored()) {
        check(&rows, &stored);
    }

    /// The same of rows that are read in runs.
    #[test]
    fn runs_mean_what_csv_means(rows in whole_rows(), mut stored in stored(), pages in 100usize..3_000) {
        (stored.page_rows, stored.group_rows) = (pages, 2_000);
        check(&rows, &stored);
    }

    /// A float is its shortest decimal text, whatever was guessed for the one before.
    #[test]
    fn floats_are_their_shortest_text(
        bits in any::<u64>(), number in -1_000_000_000_000_000i64..1_000_000_000_000_000, places in 0u32..20, guess in 0usize..20,
    ) {
        for value in [f64::from_bits(bits), number as f64 / 10f64.powi(places as i32), format!("{number}e-{places}").parse().unwrap()] {
            if let Some((number, places)) = shortest(value, &mut { guess }) {
                let decimal: Decimal = spark_core::decimal::parse_exact(&format!("{value:?}")).unwrap();
                prop_assert_eq!(Decimal::new(number, places), decimal, "{:?}", value);
            }
        }
    }
}

fn good_files() -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/good");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let parquet = paths.filter(|path| path.extension().is_some_and(|e| e == "parquet"));
    parquet.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Most memory of one read: a packed and an unpacked page a column, and a dictionary's cells.
const MEMORY_MAX: u64 = 96 << 20;

/// Whatever one byte of a file is changed to, it is read or is an error, with no more memory than its limits give.
#[test]
fn damaged_bytes() {
    let policy = policy();
    let files = good_files();
    assert!(files.len() > 8, "{}", files.len());
    for (path, whole) in files {
        for place in 0..whole.len() {
            for value in [0x7f, 0xff, whole[place] ^ 1] {
                let mut bytes = whole.clone();
                bytes[place] = value;
                let info = allocation_counter::measure(|| drop(read("f.parquet", &bytes, &policy)));
                assert!(info.bytes_max < MEMORY_MAX, "{} byte {place} as {value}: {info:?}", path.display());
            }
        }
    }
}
