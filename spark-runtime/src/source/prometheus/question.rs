//! What is asked of Prometheus for a policy's signals.

use rust_decimal::Decimal;
use spark_core::metrics::{LabelMatch, LabelMatcher, PromqlOptions, to_promql};
use spark_core::{Policy, Sample, SignalId, Source, TimeSpan, Timestamp, Track};

use super::{PrometheusConfig, failed_sample};

/// Prometheus' own look-back, unless its operator changed it. It is shortened, never lengthened.
const LOOK_BACK: TimeSpan = TimeSpan::from_seconds(300);

/// The label that tells a value from its time in one answer.
pub(super) const PART: &str = "spark_part";

/// The value of [`PART`] of values.
pub(super) const VALUE: &str = "value";

/// The value of [`PART`] of times.
pub(super) const TIME: &str = "time";

/// One query for one signal.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) signal: SignalId,
    pub(super) name: String,
    pub(super) scale: Decimal,
    stale_after: TimeSpan,
    pub(super) promql: String,
    /// Which track the answer is of; `None` where its labels tell.
    pub(super) track: Option<Track>,
    /// Whether some comparison reads the signal's baseline.
    pub(super) baseline_is_read: bool,
}

/// The questions of a policy, in the order of its signals.
pub(super) fn questions(policy: &Policy, config: &PrometheusConfig) -> Vec<Question> {
    let read = policy.baseline_signals();
    let mut questions = Vec::new();
    for (id, signal) in (0u32..).map(SignalId).zip(policy.signals()) {
        let baseline_is_read = read.contains(&id);
        let question = |promql: String, track| Question {
            signal: id,
            name: signal.name.clone(),
            scale: signal.scale,
            stale_after: signal.stale_after,
            promql,
            track,
            baseline_is_read,
        };
        match &signal.source {
            Source::Prometheus { query } => questions.push(question(query.clone(), None)),
            Source::Metrics(expression) => {
                let promql = |matchers: &[LabelMatcher]| {
                    let options = PromqlOptions { matchers: matchers.to_vec(), ..PromqlOptions::of(signal) };
                    to_promql(expression, &options)
                };
                questions.push(question(promql(&config.canary), Some(Track::Canary)));
                if baseline_is_read {
                    questions.push(question(promql(&config.baseline), Some(Track::Baseline)));
                }
            }
            Source::Sql { .. } | Source::Push => {}
        }
    }
    questions
}

/// The matchers that tell a track's series by the label `track`.
pub(super) fn track_matchers(track: Track) -> Vec<LabelMatcher> {
    let operator = match track {
        Track::Canary => LabelMatch::NotEqual,
        Track::Baseline => LabelMatch::Equal,
    };
    vec![LabelMatcher { label: "track".to_owned(), operator, value: Track::Baseline.as_str().to_owned() }]
}

impl Question {
    /// An opaque query together with the time of each series' sample, in one question, so that no scrape comes
    /// between the two; `None` for a query of Spark's own, which has its guard.
    pub(super) fn with_times(&self) -> Option<String> {
        if self.track.is_some() {
            return None;
        }
        // on lines of its own: the query may end in a comment
        let query = &self.promql;
        Some(format!(
            "label_replace(\n{query}\n, \"{PART}\", \"{VALUE}\", \"\", \"\") or \
             label_replace(timestamp(\n{query}\n), \"{PART}\", \"{TIME}\", \"\", \"\")"
        ))
    }

    /// The look-back for an opaque query, in seconds: a value that an aggregation reads is as old as `stale after`
    /// at most. A millisecond more, as Prometheus 3 leaves out the window's start.
    pub(super) fn look_back(&self) -> Option<String> {
        let wanted = self.stale_after.plus(TimeSpan::from_nanos(1_000_000));
        (self.track.is_none() && wanted < LOOK_BACK).then(|| wanted.seconds().to_string())
    }

    /// The failed readings that stand for an answer which did not come.
    pub(super) fn failed(&self, at: Timestamp, words: &str) -> Vec<Sample> {
        let tracks: &[Track] = match (self.track, self.baseline_is_read) {
            (Some(Track::Canary), _) | (None, false) => &[Track::Canary],
            (Some(Track::Baseline), _) => &[Track::Baseline],
            (None, true) => &Track::ALL,
        };
        tracks.iter().map(|track| failed_sample(self.signal, *track, at, words)).collect()
    }
}

/// The instants that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    At(Timestamp),
    Range { from: Timestamp, to: Timestamp, step: TimeSpan },
}

impl When {
    pub(super) const fn endpoint(self) -> &'static str {
        match self {
            Self::At(_) => "query",
            Self::Range { .. } => "query_range",
        }
    }

    pub(super) fn fields(self) -> Vec<(&'static str, String)> {
        match self {
            Self::At(at) => vec![("time", at.unix_seconds().to_string())],
            Self::Range { from, to, step } => vec![
                ("start", from.unix_seconds().to_string()),
                ("end", to.unix_seconds().to_string()),
                ("step", step.seconds().to_string()),
            ],
        }
    }

    /// How many instants it asks for.
    pub(super) fn count(self) -> u32 {
        let Self::Range { from, to, step } = self else { return 1 };
        let steps = to.since(from).nanos().checked_div(step.nanos()).unwrap_or_default();
        u32::try_from(steps).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The same in pieces of at most so many instants, in order.
    pub(super) fn pieces(self, most: u32) -> Vec<Self> {
        let (Self::Range { from, step, .. }, count, most) = (self, self.count(), most.max(1)) else {
            return vec![self];
        };
        let mut pieces = Vec::new();
        let mut first = 0u32;
        while first < count {
            let end = first.saturating_add(most.saturating_sub(1)).min(count.saturating_sub(1));
            pieces.push(Self::Range {
                from: from.plus(step.times(first)),
                to: from.plus(step.times(end)),
                step,
            });
            first = end.saturating_add(1);
        }
        pieces
    }

    /// All of them.
    pub(super) fn instants(self) -> impl Iterator<Item = Timestamp> {
        let (from, to, step) = match self {
            Self::At(at) => (at, at, TimeSpan::ZERO),
            Self::Range { from, to, step } => (from, to, step),
        };
        std::iter::successors(Some(from), move |at| (!step.is_zero()).then(|| at.plus(step)))
            .take_while(move |at| *at <= to)
    }
}
