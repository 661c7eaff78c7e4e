//! What stands in the files that are derived from a journal: their fields, and how they are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spark_core::rollout::{ClockAnchor, RolloutState, Seen};
use spark_core::{Decision, TimeSpan, Timestamp, Track};

use super::text::{cell, markdown};
use crate::audit::Counts;

/// `result.json`: how a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseResult {
    /// The release.
    pub release: String,
    /// The version of Spark that wrote the files of this folder.
    pub spark: String,
    /// The plan that it walked.
    pub plan: String,
    /// When it began.
    pub began: Timestamp,
    /// The last thing that is recorded.
    pub ended: Timestamp,
    /// How it ended, in words; none where it is not over.
    pub result: Option<String>,
    /// Where it is.
    pub state: RolloutState,
    /// The canary's share that was measured last, in hundredths of a percent; none where it is not known.
    pub share_bp: Option<u16>,
    /// Stages whose share was seen.
    pub stages_entered: u32,
    /// Stages of the plan.
    pub stages_planned: u32,
    /// The last decision.
    pub decision: Option<Decision>,
    /// How traffic was taken back, where it was.
    pub rollback: Option<RollbackTimes>,
    /// What the journal holds.
    pub counts: Counts,
    /// Why the journal does not tell everything, where it does not.
    pub unrecorded: Option<String>,
}

/// How long a rollback took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackTimes {
    /// The stage's place in the plan, from 0.
    pub stage: u32,
    /// Why.
    pub because: Vec<String>,
    /// When what asked for it held: the instant of the decision, the word, or the measurement.
    pub held_at: Timestamp,
    /// When the first attempt began.
    pub asked_at: Option<Timestamp>,
    /// When a probe saw that the canary had no traffic.
    pub effective_at: Option<Timestamp>,
    /// From the first to the last of these, in milliseconds.
    pub took_ms: Option<u64>,
    /// How many attempts were made.
    pub attempts: u32,
}

/// `before/release.json`: the release's tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseTag {
    /// The release.
    pub release: String,
    /// The plan that it is to walk.
    pub plan: String,
    /// When it began.
    pub began: Timestamp,
    /// T-0: when the first stage may be entered.
    pub opens: Timestamp,
    /// The shares of its stages, as rules write them.
    pub stages: Vec<String>,
    /// The signals that are held to something.
    pub signals: Vec<String>,
    /// The triggers.
    pub triggers: Vec<String>,
    /// The digest of the rules that it is pinned to: what `sha256sum` of their files, and of that, gives.
    pub rules: String,
}

/// `run-of-show.json`: a part of the day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowEntry {
    /// By the day's clock: `T-30`.
    pub clock: String,
    /// When it was due.
    pub due: Timestamp,
    /// What it is.
    pub title: String,
    /// When it came, where the rollout knows it.
    pub came: Option<Timestamp>,
}

/// `clock.json`: what is known of the clocks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clocks {
    /// Each runner, in order.
    pub runners: Vec<RunnerClock>,
    /// Each time at which a wall clock was set.
    pub steps: Vec<ClockStep>,
    /// Those beyond the ones that are listed.
    pub more_steps: u64,
}

/// How a runner's clock was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerClock {
    /// The runner's fencing token.
    pub fence: u64,
    /// When it took the rollout.
    pub at: Timestamp,
    /// How its clock was set; none where it did not say.
    pub clock: Option<ClockAnchor>,
}

/// A wall clock that was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStep {
    /// When, by the time since boot.
    pub at: Timestamp,
    /// By how much, in milliseconds.
    pub by_ms: i64,
}

/// A line of `sources.jsonl`: a time in which a signal gave no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceGap {
    /// The signal.
    pub signal: String,
    /// Of which version.
    pub track: Track,
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
    /// How many times.
    pub times: u64,
    /// Why, at the first instant.
    pub cause: String,
    /// Why at the last one, where it was told otherwise.
    pub last_cause: Option<String>,
}

/// A line of `notes.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What.
    pub words: String,
}

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
    /// The good time that it served.
    pub served: TimeSpan,
    /// The keys of the steps that were taken in it.
    pub steps: Vec<String>,
    /// Who approved it, where the plan asks that.
    pub approved_by: Option<String>,
    /// How it was left: `served`, `promoted by …`, `rolled back because …`, `aborted by …`.
    pub ended: Option<String>,
}

/// `stages/N-database.json` and `stages/N-pgbouncer.json`: what probes found when a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageHealth {
    /// The stage's place in the plan, from 0.
    pub stage: u32,
    /// What each probe found, in the order in which it was told.
    pub looks: Vec<HealthLook>,
}

/// What a probe found when a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthLook {
    /// When it had looked.
    pub at: Timestamp,
    /// The probe, by its name in the configuration.
    pub probe: String,
    /// Its values, by their names.
    pub values: BTreeMap<String, Seen>,
    /// What else it saw.
    pub details: serde_json::Value,
    /// Why it did not answer, where it did not; then nothing of it is known.
    pub unanswered: Option<String>,
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
    /// Attempts beyond the ones that are listed; the journal has them.
    pub more_attempts: u32,
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
    /// How many samples were observed.
    pub samples: u64,
    /// Each signal's worst value in it.
    pub signals: Vec<SignalWorst>,
    /// What changed, in words.
    pub changes: Vec<String>,
    /// Changes beyond the ones that are listed; `decisions.jsonl` has them.
    pub more_changes: u64,
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
    pub signals: Vec<SignalWorst>,
}

/// A signal's worst value in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalWorst {
    /// The value that was nearest to its limit, or farthest beyond; none where none was known.
    #[serde(flatten)]
    pub worst: super::SignalSummary,
    /// When.
    pub at: Option<Timestamp>,
    /// At how many instants it was not known.
    pub unknown: u64,
}

/// The rows of `data-points.csv`, with a header. What a spreadsheet would run has a `'` before it.
///
/// # Errors
/// Never for these rows; csv's error otherwise.
pub fn data_points_csv(points: &[DataPoint]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if points.is_empty() {
        writer.write_record(["stage", "share", "at", "signal", "value", "limit", "met", "cause"])?;
    }
    for point in points {
        let text = |text: &Option<String>| text.as_deref().map(|text| cell(text).into_owned());
        writer.serialize(DataPoint {
            stage: point.stage,
            share: cell(&point.share).into_owned(),
            at: point.at,
            signal: cell(&point.signal).into_owned(),
            value: text(&point.value),
            limit: text(&point.limit),
            met: point.met.clone(),
            cause: text(&point.cause),
        })?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// `release-note.md`: the release in one line.
pub fn release_note(release: &str, plan: &str, from: Timestamp, to: Timestamp, result: &str) -> String {
    let (release, plan, result) = (markdown(release), markdown(plan), markdown(result));
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
