//! Answers of a server, whole and broken.

use spark_core::{Dimension, PerTime, PolicyParts, Signal, Source, SourceSpan, Unit};

use super::*;

fn question(stale_after: u32) -> Question {
    let signal = Signal {
        name: "load".to_owned(),
        title: None,
        unit: Unit::of(Dimension::Number),
        per: PerTime::Second,
        counter: false,
        source: Source::Prometheus { query: "max(load1) # all".to_owned() },
        scale: 1.into(),
        stale_after: TimeSpan::from_seconds(stale_after),
        expectation: None,
        span: SourceSpan::default(),
    };
    let every = TimeSpan::from_seconds(15);
    let parts = PolicyParts { every, signals: vec![signal], triggers: vec![], plans: vec![], checks: vec![] };
    let policy = Policy::new(parts).unwrap();
    questions(&policy, &PrometheusConfig::new("http://localhost")).pop().unwrap()
}

/// An opaque query stands on lines of its own, so that a comment at its end hides nothing.
#[test]
fn queries_with_times() {
    let expected = "label_replace(\nmax(load1) # all\n, \"spark_part\", \"value\", \"\", \"\") or \
                    label_replace(timestamp(\nmax(load1) # all\n), \"spark_part\", \"time\", \"\", \"\")";
    assert_eq!(question(45).with_times().as_deref(), Some(expected));
}

/// The look-back is shortened to `stale after`, and never lengthened.
#[test]
fn look_back() {
    for (stale_after, expected) in [(45, Some("45.001")), (299, Some("299.001")), (300, None), (600, None)] {
        assert_eq!(question(stale_after).look_back().as_deref(), expected, "{stale_after}");
    }
}

/// A range is cut into answers of at most 11,000 points that follow each other without gap or overlap.
#[test]
fn ranges_are_cut() {
    let step = TimeSpan::from_seconds(15);
    for (points, parts) in [(1u32, 1), (11_000, 1), (11_001, 2), (22_000, 2), (30_000, 3)] {
        let to = Timestamp::EPOCH.plus(step.times(points - 1));
        let chunks = chunks(Timestamp::EPOCH, to, step).unwrap();
        assert_eq!(chunks.len(), parts, "{points}");
        let instants: Vec<_> = chunks.iter().flat_map(|chunk| chunk.instants()).collect();
        let expected: Vec<_> = (0..points).map(|place| Timestamp::EPOCH.plus(step.times(place))).collect();
        assert_eq!(instants, expected);
        assert!(chunks.iter().all(|chunk| chunk.instants().count() <= 11_000));
    }
}

/// Times that Prometheus tells are those of the samples; a repeated sample is one.
#[test]
fn samples_have_their_own_time() {
    let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"x","spark_part":"value"},"values":[[10,"1"],[20,"1"],[30,"2"],[40,"3"]]},
        {"metric":{"spark_part":"time"},"values":[[10,"7.5"],[20,"7.5"],[30,"27.125"],[40,"99"]]}]}}"#;
    let answer = answer::parse(text).unwrap();
    let at = |seconds: u32| Timestamp::EPOCH.plus(TimeSpan::from_seconds(seconds));
    let when = When::Range { from: at(10), to: at(40), step: TimeSpan::from_seconds(10) };
    let mut samples = Vec::new();
    join::Joined::default().add(&question(45), &answer, when, &mut samples);
    let shown: Vec<_> =
        samples.iter().map(|s| format!("{} {}", s.at.unix_seconds(), s.reading.value().unwrap())).collect();
    // a time that is later than the question is not believed
    assert_eq!(shown, ["7.5 1", "27.125 2", "40 3"]);
}
