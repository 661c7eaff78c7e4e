//! Rows of each format, and what is wrong with broken ones.

use spark_core::{Dimension, PerTime, PolicyParts, Signal, Source, SourceSpan, TimeSpan, Unit};

use super::*;

fn policy() -> Policy {
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
    let limits = Limits { file_bytes: 60, line_bytes: 30 };
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
