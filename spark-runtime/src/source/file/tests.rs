//! Rows of each format, and what is wrong with broken ones.

use spark_core::{Dimension, PerTime, PolicyParts, Signal, Source, SourceSpan, TimeSpan, Unit};

use super::*;

pub(super) fn policy() -> Policy {
    let signal = Signal {
        name: "p95".to_owned(),
        title: None,
        unit: Unit::of(Dimension::Duration),
        per: PerTime::Second,
        counter: false,
        source: Source::Push,
        scale: 1.into(),
        stale_after: TimeSpan::from_seconds(45),
        expectation: None,
        span: SourceSpan::default(),
    };
    let every = TimeSpan::from_seconds(15);
    Policy::new(PolicyParts { every, signals: vec![signal], triggers: vec![], plans: vec![], checks: vec![] })
        .unwrap()
}

/// A file or a line beyond its limit gives an error that names the limit, and nothing else.
#[test]
fn limits() {
    let limits = Limits { file_bytes: 60, line_bytes: 30, block_bytes: 7 };
    let read = |text: &str| {
        read_within("f.csv", text.as_bytes(), &policy(), &limits)
            .map(|records| records.len())
            .map_err(|error| error.to_string())
    };
    assert_eq!(read("time,signal,value\n0,p95,1\n"), Ok(1));
    let long_line = format!("time,signal,value\n0,p95,{}\n", "1".repeat(25));
    assert_eq!(read(&long_line), Err("f.csv:2:1: the line is longer than 30 bytes".to_owned()));
    let long_file = format!("time,signal,value\n{}", "0,p95,1\n".repeat(6));
    assert_eq!(read(&long_file), Err("f.csv: longer than 60 bytes: split it by time".to_owned()));
}

/// A format is told by its content; the extension speaks where the content is silent.
#[test]
fn formats() {
    use Format::*;
    for (name, text, expected) in [
        ("-", "time,signal,value\n", Csv),
        ("-", "\n \"signal\" , \"value\", \"time\"\n", Csv),
        ("x.om", "time,signal,value\n", OpenMetrics),
        ("-", "{\"time\":0}\n{\"status\":1}", JsonLines),
        ("-", "{\"time\":{\"status\":0}}", JsonLines),
        ("-", " {\"status\": tru", Matrix),
        ("-", "{\"resultType\":\"matrix\"", Matrix),
        ("x.jsonl", "garbage", JsonLines),
        ("x.csv", "garbage", Csv),
        ("x.csv", "# TYPE a gauge", OpenMetrics),
        ("-", "a_total{b=\"time,signal\"} 1 2", OpenMetrics),
        ("-", "a_total 1 2", OpenMetrics),
        ("-", "garbage", Unrecognized),
        ("-", "", Unrecognized),
    ] {
        assert_eq!(Format::of(name, text), expected, "{name} {text}");
    }
}

/// A stream is read to its end, and its failure is an error with the name.
#[test]
fn streams() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the pipe broke"))
        }
    }
    let mut text = "time,signal,value\n0,p95,450ms\n".as_bytes();
    assert_eq!(read_from("-", &mut text, &policy()).unwrap().len(), 1);
    let error = read_from("-", &mut Broken, &policy()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `-`: the pipe broke");
}

/// Pieces of CSV lines: plain ones, ones that only the rows' own reading understands, and broken ones.
const FIELDS: &[&str] = &[
    "0",
    "15",
    "1767226500",
    "1767226500.123456789",
    "1767226500.1234567891",
    "2026-01-01T00:15:00Z",
    "2026-01-01T00:15:00.25Z",
    "2026-01-01T00:15:60Z",
    "2026-01-01T24:15:00Z",
    "2026-01-01T01:15:00+01:00",
    "2026-02-30T00:00:00Z",
    "9000000000",
    "9000000001",
    "9223372037",
    "-5",
    "1e3",
    "p95",
    "other",
    "p95 ",
    " p95",
    "\"p95\"",
    "\"p95",
    "p\"95",
    "0.3",
    "0.30",
    "-0.0",
    "007",
    "5.",
    ".5",
    "+1",
    "1_000",
    "450ms",
    "3%",
    "NaN",
    "-Inf",
    "123456789012345678",
    "1234567890123456789",
    "0.000000000000000001",
    "79228162514264337593543950335",
    "1e40",
    "canary",
    "baseline",
    "",
    "canar",
    "baselines",
    "é",
    "\u{feff}0",
    "x\ry",
];

fn rows() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let field = || (0..FIELDS.len()).prop_map(|n| FIELDS[n].to_owned());
    let good = (0u32..400, prop_oneof![3 => Just("p95"), 1 => Just("other")], -50i32..50).prop_map(
        |(at, name, value)| match value {
            // times and names that are met again
            20.. => format!("17672265{:02},p95,{}", at / 9, i64::from(at).pow(3)),
            value => format!("{at},{name},0.{value}").replace("0.-", "-0."),
        },
    );
    let plain = prop_oneof![
        60 => good,
        4 => (0..16usize, 22..FIELDS.len()).prop_map(|(at, value)| format!("{},p95,{}", FIELDS[at], FIELDS[value])),
        1 => proptest::collection::vec(field(), 0..5).prop_map(|fields| fields.join(",")),
    ];
    let end = prop_oneof![20 => Just("\n"), 4 => Just("\r\n"), 1 => Just("\n\n"), 1 => Just("\r")];
    let header = prop_oneof![
        6 => Just("time,signal,value"), 1 => Just("value,time,track,signal"), 1 => Just(" \"signal\",value , time"),
        1 => Just("time,signal,value,time"), 1 => Just("time,signal"), 1 => Just("\u{feff}time,signal,value"), 1 => Just(""),
    ];
    let broken = prop_oneof![12 => Just(None), 1 => (0usize..300).prop_map(Some)];
    (header, proptest::collection::vec((plain, end), 0..40), broken).prop_map(|(header, rows, broken)| {
        let mut bytes = format!("{header}\n").into_bytes();
        for (row, end) in rows {
            bytes.extend(row.bytes().chain(end.bytes()));
        }
        if let Some(byte) = broken.and_then(|place| bytes.get_mut(place)) {
            *byte = 0xff;
        }
        bytes
    })
}

pub(super) fn samples(recording: &crate::replay::Recording) -> Vec<Option<(Timestamp, Reading)>> {
    let mut all = vec![];
    for track in Track::ALL {
        let Some(column) = recording.samples_of(spark_core::SignalId(0), track) else { continue };
        all.extend((0..column.len()).map(|place| column.at(place).zip(column.reading(place))));
        all.push(None);
    }
    all
}

/// A stream read in blocks gives what the whole text gives, record by record, or the same error at the same place.
fn check_stream(bytes: &[u8], block_bytes: usize, line_bytes: usize, file_bytes: usize) {
    let limits = Limits { file_bytes, line_bytes, block_bytes };
    let whole = read_within("f.csv", bytes, &policy(), &limits).map(crate::replay::Recording::new);
    let mut recorder = Recorder::default();
    let streamed =
        record_within("f.csv", &mut &*bytes, &policy(), &mut recorder, &limits).map(|()| recorder.finish());
    let text = String::from_utf8_lossy(bytes);
    match (whole, streamed) {
        (Ok(whole), Ok(streamed)) => {
            assert_eq!(samples(&whole), samples(&streamed), "{text}");
            let counts = |r: &crate::replay::Recording| {
                (r.samples(), r.dropped(), r.conflicts(), r.undeclared().clone())
            };
            assert_eq!(counts(&whole), counts(&streamed), "{text}");
            let every = TimeSpan::from_seconds(1);
            assert_eq!(whole.instants(every), streamed.instants(every), "{text}");
        }
        (whole, streamed) => {
            let words = |error: SampleFileError| error.to_string();
            assert_eq!(whole.map(|_| ()).map_err(words), streamed.map(|_| ()).map_err(words), "{text:?}");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]
    #[test]
    fn streams_equal_whole_texts(bytes in rows(), block in 1usize..80, line in 20usize..60, file in 200usize..4000) {
        check_stream(&bytes, block, line, file);
        check_stream(&bytes, 64, 1 << 20, 1 << 20);
        // what rows have in common is compared where as many bytes follow
        check_stream(&bytes, 1 << 16, 1 << 20, 1 << 20);
    }
}
