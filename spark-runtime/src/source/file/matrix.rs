//! The JSON of Prometheus' `query_range`, whole or its `data` alone; `__name__` names the signal.

use std::collections::BTreeSet;

use spark_core::{Policy, Sample};

use super::row::{Signals, read_track};
use super::{Malformed, Record};
use crate::source::prometheus::answer::{self, Series};

pub(super) use crate::source::prometheus::answer::looks_like_an_answer;

pub(super) fn read(text: &str, policy: &Policy) -> Result<Vec<Record>, Malformed> {
    let answer = answer::parse(text).map_err(|error| Malformed::new(error.offset, error.problem))?;
    if let Some(warning) = answer.warnings.first() {
        let place = text.find("\"warnings\"").unwrap_or(0);
        let shown = crate::http::excerpt(warning.as_bytes());
        return Err(Malformed::new(place, format!("prometheus warns: {shown}; the result may not be whole")));
    }
    let signals = Signals::of(policy);
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    for series in &answer.series {
        let malformed = |problem: String| Malformed::new(series.offset, problem);
        let Some(name) = series.labels.get("__name__") else {
            return Err(malformed("the series has no `__name__`, which names the signal".to_owned()));
        };
        let track = series.labels.get("track").map(String::as_str).unwrap_or_default();
        let track = read_track(track).map_err(malformed)?;
        if !seen.insert((name, track)) {
            let problem = format!("a second series of `{name}` for the {}: aggregate them", track.as_str());
            return Err(malformed(problem));
        }
        push(&mut records, &signals, name, track, series);
    }
    Ok(records)
}

fn push(
    records: &mut Vec<Record>,
    signals: &Signals<'_>,
    name: &str,
    track: spark_core::Track,
    series: &Series,
) {
    let declared = signals.get(name);
    records.extend(series.points.iter().map(|(at, reading)| match declared {
        Some((id, signal)) => Record::Sample(Sample {
            signal: id,
            track,
            at: *at,
            reading: reading.clone().scaled(signal.scale),
        }),
        None => Record::Undeclared { name: name.to_owned(), track, at: *at, reading: reading.clone() },
    }));
}
