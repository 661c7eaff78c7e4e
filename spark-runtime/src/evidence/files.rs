//! What stands in the files that are derived from a journal: their fields, and how they are written.

use serde::{Deserialize, Serialize};
use spark_core::Timestamp;

/// `stages/N-rollout.json`: how a stage came about and ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRollout {
    /// Its place in the plan, from 0.
    pub stage: u32,
    /// Its share of traffic, as rules write it.
    pub share: String,
    /// When the share was asked for, by the first attempt.
    pub asked: Option<Timestamp>,
    /// When a probe saw it; its time counts from there.
    pub seen: Option<Timestamp>,
    /// When it was left.
    pub left: Option<Timestamp>,
    /// The keys of the steps that were taken in it.
    pub steps: Vec<String>,
    /// Who approved it, where the plan asks that.
    pub approved_by: Option<String>,
    /// How it was left: `served`, `promoted by …`, `rolled back because …`, `aborted by …`.
    pub ended: Option<String>,
}

/// A row of `data-points.csv`: a signal at the end of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPoint {
    /// The stage, from 1.
    pub stage: u32,
    /// Its share of traffic.
    pub share: String,
    /// When it was measured.
    pub at: Option<Timestamp>,
    /// The signal.
    pub signal: String,
    /// Its value, as rules write it; empty when it was not known.
    pub value: Option<String>,
    /// What it was held to.
    pub limit: Option<String>,
    /// `yes`, `no`, or `unknown`.
    pub met: String,
    /// Why it was not known.
    pub cause: Option<String>,
}

/// A line of `words.jsonl`: what an operator said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// When it was heard.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What, as it is typed: `hold`, `override api_latency until …`.
    pub word: String,
    /// Why.
    pub because: String,
    /// The stage in which it was heard, from 1.
    pub stage: Option<u32>,
}

/// One attempt at a step, in `actions/NN-….json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; none where a crash came first.
    pub ended: Option<Timestamp>,
    /// `succeeded`, `failed`, or `unknown`.
    pub end: String,
    /// How it ended, in words.
    pub status: String,
    /// What was run.
    pub command: Vec<String>,
    /// The first part of what it said.
    pub output: String,
}

/// `actions/NN-….json`: a step with all attempts at it, and what a probe saw of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionRecord {
    /// Its key, `EPOCH.NUMBER`.
    pub key: String,
    /// `set share` or `roll back`.
    pub step: String,
    /// The stage, from 0.
    pub stage: u32,
    /// The share that it asks for, in hundredths of a percent.
    pub share_bp: u16,
    /// Why, where it goes back.
    pub because: Vec<String>,
    /// The attempts, in order.
    pub attempts: Vec<AttemptRecord>,
    /// When a probe saw its effect.
    pub seen: Option<Timestamp>,
    /// From the first intent to that, in milliseconds.
    pub took_ms: Option<u64>,
}

/// `after/hour-NN.json`: an hour of the day after a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourLog {
    /// Which, from 0.
    pub hour: u32,
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// How often was decided.
    pub evaluations: u64,
    /// How often the decision was not proceed.
    pub held: u64,
    /// Each signal's worst value in it.
    pub signals: Vec<super::SignalSummary>,
    /// What changed, in words.
    pub changes: Vec<String>,
}

/// `after/stability.json`: the day after a release in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stability {
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// How often was decided.
    pub evaluations: u64,
    /// How often the decision was not proceed.
    pub held: u64,
    /// Whether no hour had anything but proceed.
    pub stable: bool,
    /// Each signal's worst value.
    pub signals: Vec<super::SignalSummary>,
}

/// The rows of `data-points.csv`, with a header.
///
/// # Errors
/// Never for these rows; csv's error otherwise.
pub fn data_points_csv(points: &[DataPoint]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for point in points {
        writer.serialize(point)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// `release-note.md`: the release in one line.
pub fn release_note(release: &str, plan: &str, from: Timestamp, to: Timestamp, result: &str) -> String {
    format!("{release} on plan {plan}: {result} ({from} to {to}, {})\n", to.since(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a table keeps what stands in it, commas and quotes included.
    #[test]
    fn csv() {
        let point = DataPoint {
            stage: 1,
            share: "1%".to_owned(),
            at: Timestamp::parse("2026-01-05T09:45:00Z"),
            signal: "p95".to_owned(),
            value: Some("120ms".to_owned()),
            limit: Some("200ms".to_owned()),
            met: "yes".to_owned(),
            cause: Some("a \"b\", c".to_owned()),
        };
        let bytes = data_points_csv(std::slice::from_ref(&point)).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            "stage,share,at,signal,value,limit,met,cause\n\
             1,1%,2026-01-05T09:45:00Z,p95,120ms,200ms,yes,\"a \"\"b\"\", c\"\n"
        );
        let read: Vec<DataPoint> =
            csv::Reader::from_reader(&bytes[..]).deserialize().map(Result::unwrap).collect();
        assert_eq!(read, [point]);
    }

    /// The release in one line says what, how, and for how long.
    #[test]
    fn one_line() {
        let at = |text| Timestamp::parse(text).unwrap();
        let note = release_note(
            "1.4.2",
            "standard",
            at("2026-01-05T09:30:00Z"),
            at("2026-01-05T10:45:00Z"),
            "completed",
        );
        assert_eq!(
            note,
            "1.4.2 on plan standard: completed (2026-01-05T09:30:00Z to 2026-01-05T10:45:00Z, 1h15m)\n"
        );
    }
}
