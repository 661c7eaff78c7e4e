//! Sample files: what is good reads as it was meant, what is bad says where and why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use spark_core::{Policy, Reading, SignalId, Track};
use spark_runtime::replay::{Recorder, Recording};
use spark_runtime::source::file::{Record, read, record_file};

use crate::policies::every_type;

fn files(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(kind);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn shown_reading(reading: &Reading) -> String {
    reading.value().map_or_else(|| format!("{reading:?}"), |value| value.to_string())
}

fn shown(policy: &Policy, record: &Record) -> String {
    let track = |track: &Track| if *track == Track::Baseline { " (baseline)" } else { "" };
    match record {
        Record::Sample(sample) => {
            let name = &policy.signal(sample.signal).unwrap().name;
            format!("{} {name}{} {}", sample.at, track(&sample.track), shown_reading(&sample.reading))
        }
        Record::Point(of, point) => {
            let labels: Vec<_> = point.labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
            let labels = labels.join(",");
            format!(
                "{} point {}{{{labels}}}{} {}",
                point.at,
                point.metric,
                track(of),
                shown_reading(&point.reading)
            )
        }
        Record::Undeclared { name, track: of, at, .. } => format!("{at} undeclared {name}{}", track(of)),
    }
}

/// Every format gives the exact values, units, times and tracks that stand in the file, in its order.
#[test]
fn good_files() {
    let policy = every_type();
    let mut text = String::new();
    for path in files("good") {
        let name = name_of(&path);
        let records = read(name, &std::fs::read(&path).unwrap(), &policy).unwrap();
        writeln!(text, "{name}").unwrap();
        for record in &records {
            writeln!(text, "  {}", shown(&policy, record)).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

/// Every malformed file is an error with file, line and column, what was found, and what was expected.
#[test]
fn bad_files() {
    let policy = every_type();
    let mut text = String::new();
    for path in files("bad") {
        let name = name_of(&path);
        match read(name, &std::fs::read(&path).unwrap(), &policy) {
            Ok(records) => panic!("{name} reads as {records:?}"),
            Err(error) => writeln!(text, "{error}").unwrap(),
        }
    }
    insta::assert_snapshot!(text);
}

/// A good file that breaks off at any byte never gives more than it holds, and never panics.
#[test]
fn broken_off() {
    let policy = every_type();
    for path in files("good").into_iter().chain(files("bad")) {
        let bytes = std::fs::read(&path).unwrap();
        let whole = read(name_of(&path), &bytes, &policy).map_or(usize::MAX, |records| records.len());
        for end in 0..bytes.len() {
            if let Ok(records) = read(name_of(&path), &bytes[..end], &policy) {
                assert!(records.len() <= whole, "{} up to byte {end}", path.display());
            }
        }
    }
}

/// The format is told without a name, as on standard input.
#[test]
fn without_a_name() {
    let policy = every_type();
    for path in files("good") {
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(read("-", &bytes, &policy), read(name_of(&path), &bytes, &policy), "{}", path.display());
    }
}

/// A file that is gone about in gives the recording of its bytes.
#[test]
fn from_a_file() {
    let policy = every_type();
    for path in files("good") {
        let expected = Recording::new(read(name_of(&path), &std::fs::read(&path).unwrap(), &policy).unwrap());
        let mut recorder = Recorder::default();
        record_file("-", &mut std::fs::File::open(&path).unwrap(), &policy, &mut recorder).unwrap();
        let found = recorder.finish();
        for signal in (0..8).map(SignalId) {
            for track in Track::ALL {
                let column = |recording: &Recording| {
                    let column = recording.samples_of(signal, track)?;
                    Some((0..column.len()).map(|n| (column.at(n), column.reading(n))).collect::<Vec<_>>())
                };
                assert_eq!(column(&found), column(&expected), "{}", path.display());
            }
        }
        assert_eq!(found.samples(), expected.samples(), "{}", path.display());
    }
}
