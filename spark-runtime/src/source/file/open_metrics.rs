//! OpenMetrics text with timestamps, feeding `from metrics` expressions. Its own limits are those of a scrape.

use spark_core::Track;

use super::{Malformed, Record};
use crate::source::exposition::{Format, Untimed, parse};

pub(super) fn read(text: &str) -> Result<Vec<Record>, Malformed> {
    let points = parse(text.as_bytes(), Format::OpenMetrics, Untimed::Refuse)
        .map_err(|error| Malformed::new(error.offset, error.problem))?;
    let record = |point: spark_core::metrics::MetricPoint| {
        let baseline = point.labels.get("track").is_some_and(|label| label == Track::Baseline.as_str());
        Record::Point(if baseline { Track::Baseline } else { Track::Canary }, point)
    };
    Ok(points.into_iter().map(record).collect())
}
