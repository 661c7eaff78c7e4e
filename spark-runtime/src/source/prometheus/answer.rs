//! The JSON of Prometheus' HTTP API: read strictly, with numbers kept as text.
//!
//! The same reader serves the live source and sample files, so that what is recorded reads as it did live.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use spark_core::decimal::parse_exact;
use spark_core::{Reading, Timestamp};

use crate::source::json_text::{offset_of, offset_within, words};

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Prometheus' own words on why the result may be less than whole.
    pub(crate) warnings: Vec<String>,
    /// The series; a scalar is one without labels.
    pub(crate) series: Vec<Series>,
}

/// A series of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Series {
    /// Its labels, its name among them.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its points, in time order.
    pub(crate) points: Vec<(Timestamp, Reading)>,
    /// The byte of the answer at which its labels start.
    pub(crate) offset: usize,
}

/// Why an answer gives nothing, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(crate) struct AnswerError {
    pub(crate) offset: usize,
    pub(crate) problem: String,
    /// Prometheus' own word for the kind of error, where it is Prometheus that says no.
    pub(crate) refused: Option<String>,
}

impl AnswerError {
    fn new(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into(), refused: None }
    }
}

/// The outer object; keys that are not known are other servers' statistics.
#[derive(Deserialize)]
struct Envelope<'a> {
    status: Option<Status>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    /// Said by servers that shard series.
    #[serde(rename = "isPartial", default)]
    is_partial: bool,
    // a bare `data` object, as tools print it
    #[serde(rename = "resultType")]
    result_type: Option<ResultType>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    result_type: ResultType,
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum ResultType {
    Matrix,
    Vector,
    Scalar,
    String,
}

#[derive(Deserialize)]
struct RawSeries<'a> {
    #[serde(borrow)]
    metric: &'a RawValue,
    value: Option<Point>,
    values: Option<Vec<Point>>,
    histogram: Option<IgnoredAny>,
    histograms: Option<IgnoredAny>,
}

/// The answer in `text`.
pub(crate) fn parse(text: &str) -> Result<Answer, AnswerError> {
    // a derived reader would take an array for an object
    let start = text.len().saturating_sub(text.trim_start().len());
    match text.get(start..).and_then(|rest| rest.chars().next()) {
        Some('{') => {}
        None => return Err(AnswerError::new(0, "the answer is empty")),
        Some(_) => {
            let problem = format!("expected an object, found `{}`", shown(text));
            return Err(AnswerError::new(start, problem));
        }
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|error| placed(text, text, &error))?;
    let Some(data) = bare_or_wrapped(&envelope)? else {
        let kind = envelope.error_type.unwrap_or_else(|| "error".to_owned());
        let words = shown(envelope.error.as_deref().unwrap_or("it does not say why"));
        let problem = format!("prometheus refuses ({}): {words}", shown(&kind));
        return Err(AnswerError { refused: Some(kind), ..AnswerError::new(0, problem) });
    };
    let mut warnings = envelope.warnings;
    if envelope.is_partial {
        warnings.push("the answer is partial".to_owned());
    }
    Ok(Answer { warnings, series: series_of(text, &data)? })
}

/// The data of an answer; `None` for an answer that is an error.
fn bare_or_wrapped<'a>(envelope: &Envelope<'a>) -> Result<Option<Data<'a>>, AnswerError> {
    let missing = |key: &str| AnswerError::new(0, format!("the answer lacks `{key}`"));
    match (envelope.status, &envelope.data) {
        (Some(Status::Error), _) => Ok(None),
        (Some(Status::Success), None) => Err(missing("data")),
        (None, Some(_)) => Err(missing("status")),
        (Some(Status::Success), Some(data)) => {
            Ok(Some(Data { result_type: data.result_type, result: data.result }))
        }
        (None, None) => {
            let result_type = envelope.result_type.ok_or_else(|| missing("status"))?;
            let result = envelope.result.ok_or_else(|| missing("result"))?;
            Ok(Some(Data { result_type, result }))
        }
    }
}

fn series_of(text: &str, data: &Data<'_>) -> Result<Vec<Series>, AnswerError> {
    let json = data.result.get();
    let inner = |error: serde_json::Error| placed(text, json, &error);
    match data.result_type {
        ResultType::String => {
            Err(AnswerError::new(offset_within(text, json), "the answer is a string: expected a number"))
        }
        ResultType::Scalar => {
            let point: Point = serde_json::from_str(json).map_err(inner)?;
            let offset = offset_within(text, json);
            Ok(vec![Series { labels: BTreeMap::new(), points: vec![(point.at, point.reading)], offset }])
        }
        ResultType::Matrix | ResultType::Vector => {
            let raw: Vec<RawSeries<'_>> = serde_json::from_str(json).map_err(inner)?;
            let matrix = data.result_type == ResultType::Matrix;
            raw.into_iter().map(|series| one_series(text, series, matrix)).collect()
        }
    }
}

fn one_series(text: &str, raw: RawSeries<'_>, matrix: bool) -> Result<Series, AnswerError> {
    let json = raw.metric.get();
    let offset = offset_within(text, json);
    let Labels(labels) = serde_json::from_str(json).map_err(|error| placed(text, json, &error))?;
    if raw.histogram.is_some() || raw.histograms.is_some() {
        let problem = "the series holds native histograms: take a quantile or a sum of it in the query";
        return Err(AnswerError::new(offset, problem));
    }
    let points = match (raw.values, raw.value, matrix) {
        (Some(points), None, true) => points,
        (None, Some(point), false) => vec![point],
        (_, _, true) => return Err(AnswerError::new(offset, "the series lacks `values`")),
        (_, _, false) => return Err(AnswerError::new(offset, "the series lacks `value`")),
    };
    if !points.is_sorted_by(|earlier, later| earlier.at < later.at) {
        return Err(AnswerError::new(offset, "the points of the series are not in time order"));
    }
    let points = points.into_iter().map(|point| (point.at, point.reading)).collect();
    Ok(Series { labels, points, offset })
}

/// Labels, each once.
struct Labels(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if labels.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("the label `{name}` stands twice")));
                    }
                }
                Ok(Labels(labels))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// `[1767226500.123, "0.25"]`
struct Point {
    at: Timestamp,
    reading: Reading,
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Point;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pair of a time and a value, as in [1767226500.123, \"0.25\"]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Point, A::Error> {
                let time: &'de RawValue =
                    pair.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let at = parse_exact(time.get()).and_then(Timestamp::from_unix_seconds).ok_or_else(|| {
                    A::Error::custom(format!("`{}` is no time: expected Unix seconds", shown(time.get())))
                })?;
                let FloatText(reading) =
                    pair.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                if pair.next_element::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::invalid_length(3, &self));
                }
                Ok(Point { at, reading })
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

/// A float as a string.
struct FloatText(Reading);

impl<'de> Deserialize<'de> for FloatText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = FloatText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string with a number, as in \"0.25\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FloatText, E> {
                let reading = Reading::from_float_text(text)
                    .ok_or_else(|| E::custom(format!("`{}` is no number", shown(text))))?;
                // digits that overflow a float are out of range, not infinite
                let digits = text.contains(|c: char| c.is_ascii_digit());
                Ok(FloatText(match reading {
                    Reading::Infinite { .. } if digits => Reading::OutOfRange,
                    other => other,
                }))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn shown(text: &str) -> String {
    crate::http::excerpt(text.as_bytes())
}

/// A parser's error in `part` of `whole`, with its place in the whole.
fn placed(whole: &str, part: &str, error: &serde_json::Error) -> AnswerError {
    AnswerError::new(offset_within(whole, part).saturating_add(offset_of(part, error)), words(error))
}

/// Whether the first object of `text` has a key that only an answer has; a broken object may be known by it too.
pub(crate) fn looks_like_an_answer(text: &str) -> bool {
    struct Keys<'k>(&'k mut bool);
    impl<'de> Visitor<'de> for Keys<'_> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                *self.0 |= matches!(key.as_str(), "status" | "data" | "resultType" | "result");
                if *self.0 {
                    // what follows may be long, and is read later
                    return Err(A::Error::custom("seen"));
                }
                map.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }
    let mut seen = false;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // an error is either the one above, or met again by the reader that is chosen
    let _ = deserializer.deserialize_map(Keys(&mut seen));
    seen
}
