//! A live Prometheus over its HTTP API: instant queries for `run` and `decide`, range queries for history.
//!
//! Prometheus carries a value on for five minutes after its last scrape, so a dead exporter looks alive there.
//! An opaque query is therefore asked together with the `timestamp` of what it gives, and a sample has that time.
//! Where a query aggregates, that is the instant of the question; there, servers that know `lookback_delta` are
//! held to `stale after` by it. What Spark writes itself for `from metrics` has its own guard.
//!
//! An answer with warnings is a failed one: it may be partial. Prometheus' `infos` are remarks on style, such as
//! a counter without `_total`, and change nothing.

pub(crate) mod answer;
mod bounds;
mod join;
mod question;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use spark_core::metrics::LabelMatcher;
use spark_core::{Policy, Reading, Sample, SignalId, TimeSpan, Timestamp, Track};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::answer::Answer;
use self::question::{Question, When, questions};
use crate::http::{self, HttpClient, HttpConfig, HttpError, HttpFailure};

/// Most requests under way at once: Prometheus itself computes at most 20 queries at a time, and others ask too.
const REQUESTS_MAX: usize = 4;

/// Most points of a series that Prometheus gives in one answer (its own, fixed limit).
const POINTS_PER_ANSWER: u32 = 11_000;

/// Into how many pieces a query is divided that was not answered in time.
const PIECES: u32 = 8;

/// Fewest points that are asked for at once: an hour at 15 s is 240, and what cannot be computed for an hour within
/// the time that a user grants is not divided further.
const POINTS_MIN: u32 = 250;

/// Most instants of one range: half a million are three months at 15 s, and with 40 signals some gigabytes.
const STEPS_MAX: u32 = 500_000;

/// How long an instant query may take, below the default 15 s between evaluations.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where a Prometheus is and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusConfig {
    /// Its address, with the path before `/api/v1` where it has one.
    pub url: String,
    /// A file with a bearer token, read at each request.
    pub token_file: Option<PathBuf>,
    /// A PEM file with the certificates that may sign the server's.
    pub ca_file: Option<PathBuf>,
    /// The longest that an instant's queries may take together, and one range query alone.
    pub timeout: Duration,
    /// What series of the canary match, for `from metrics`.
    pub canary: Vec<LabelMatcher>,
    /// What series of the baseline match, for `from metrics`.
    pub baseline: Vec<LabelMatcher>,
}

impl PrometheusConfig {
    /// The Prometheus at `url`: no token, public certificates, 10 s, and the label `track` telling the baseline.
    pub fn new(url: impl Into<String>) -> Self {
        let matchers = |track| question::track_matchers(track);
        Self {
            url: url.into(),
            token_file: None,
            ca_file: None,
            timeout: TIMEOUT,
            canary: matchers(Track::Canary),
            baseline: matchers(Track::Baseline),
        }
    }
}

/// Why a Prometheus gave no history at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No query was answered.
    #[error("signal `{signal}`: {reason}")]
    Unanswered {
        /// The first signal without an answer.
        signal: String,
        /// Why.
        reason: String,
    },
    /// The range ends before it begins, its step is below a millisecond, or it has too many instants.
    #[error("{0}")]
    Range(String),
}

/// A live Prometheus.
#[derive(Debug, Clone)]
pub struct PrometheusSource {
    server: Arc<Server>,
}

#[derive(Debug)]
struct Server {
    config: PrometheusConfig,
    client: HttpClient,
    permits: Semaphore,
}

impl PrometheusSource {
    /// A source; nothing is asked yet.
    ///
    /// # Errors
    /// The file of certificates cannot be used.
    pub fn new(config: PrometheusConfig) -> Result<Self, HttpError> {
        let http = HttpConfig {
            token_file: config.token_file.clone(),
            ca_file: config.ca_file.clone(),
            ..HttpConfig::default()
        };
        let client = HttpClient::new(http.within(config.timeout))?;
        Ok(Self { server: Arc::new(Server { config, client, permits: Semaphore::new(REQUESTS_MAX) }) })
    }

    /// The samples of all signals that Prometheus has, as of `at`; what fails is a failed reading at `at`.
    ///
    /// It takes no longer than the configured timeout. Signals of other sources give nothing.
    pub async fn instant(&self, policy: &Policy, at: Timestamp) -> Vec<Sample> {
        let questions = questions(policy, &self.server.config);
        let mut jobs = JoinSet::new();
        let reach = Arc::new(Reach::default());
        for (place, question) in questions.iter().cloned().enumerate() {
            let (server, reach) = (Arc::clone(&self.server), Arc::clone(&reach));
            jobs.spawn(async move { (place, server.at_instant(&question, at, &reach).await) });
        }
        let mut found: Vec<Option<Vec<Sample>>> = vec![None; questions.len()];
        // dropping the rest of the jobs ends their requests
        let _ = tokio::time::timeout(self.server.config.timeout, async {
            while let Some(done) = jobs.join_next().await {
                let Ok((place, samples)) = done else { continue };
                if let Some(slot) = found.get_mut(place) {
                    *slot = Some(samples);
                }
            }
        })
        .await;
        let late = format!("no answer within {:?}", self.server.config.timeout);
        let answered = questions.iter().zip(found);
        answered
            .flat_map(|(question, samples)| samples.unwrap_or_else(|| question.failed(at, &late)))
            .collect()
    }

    /// The samples of all signals that Prometheus has, as asked at `from`, `from + step`, … up to `to`, by time.
    ///
    /// A query that fails gives failed readings at the instants it was asked for, and hides no other.
    ///
    /// # Errors
    /// No query was answered at all, or the range cannot be asked for.
    pub async fn range(
        &self,
        policy: &Policy,
        from: Timestamp,
        to: Timestamp,
        step: TimeSpan,
    ) -> Result<Vec<Sample>, SourceError> {
        self.range_told(policy, from, to, step, Arc::new(|_| {})).await.map(|(samples, _)| samples)
    }

    /// As [`range`](Self::range), with the pieces of the range that were not answered; `told` hears of every answer.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub async fn range_told(
        &self,
        policy: &Policy,
        from: Timestamp,
        to: Timestamp,
        step: TimeSpan,
        told: Arc<dyn Fn(Answered) + Send + Sync>,
    ) -> Result<(Vec<Sample>, Vec<Unheard>), SourceError> {
        let chunks = chunks(from, to, step)?;
        let questions = questions(policy, &self.server.config);
        let all = questions.len().saturating_mul(chunks.len());
        let count = Arc::new(Count { done: AtomicUsize::new(0), of: all, told });
        let mut jobs = JoinSet::new();
        let reach = Arc::new(Reach::default());
        for (place, question) in questions.iter().cloned().enumerate() {
            let (server, reach) = (Arc::clone(&self.server), Arc::clone(&reach));
            let (chunks, count) = (chunks.clone(), Arc::clone(&count));
            jobs.spawn(async move { (place, server.over_chunks(&question, &chunks, &reach, &count).await) });
        }
        let mut histories: Vec<Option<History>> = vec![None; questions.len()];
        while let Some(done) = jobs.join_next().await {
            let Ok((place, history)) = done else { continue };
            if let Some(slot) = histories.get_mut(place) {
                *slot = Some(history);
            }
        }
        let dead = |history: &Option<History>| history.as_ref().is_none_or(|h| !h.answered);
        if let Some((question, history)) = questions.iter().zip(&histories).next()
            && histories.iter().all(dead)
        {
            let reason = history.as_ref().and_then(|h| h.failure.clone());
            let reason = reason.unwrap_or_else(|| "the query was given up".to_owned());
            return Err(SourceError::Unanswered { signal: question.name.clone(), reason });
        }
        let (mut samples, mut unheard) = (Vec::new(), Vec::new());
        for history in histories.into_iter().flatten() {
            samples.extend(history.samples);
            unheard.extend(history.unheard);
        }
        samples.sort_by_key(|sample: &Sample| sample.at);
        Ok((samples, unheard))
    }
}

/// How many of a range's queries are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// How many were answered or failed.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

/// A piece of a range for which a signal's query was not answered: its readings there are failed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The signal.
    pub signal: String,
    /// The first instant of the piece.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// Why.
    pub words: String,
}

/// Counts a range's queries.
struct Count {
    done: AtomicUsize,
    of: usize,
    told: Arc<dyn Fn(Answered) + Send + Sync>,
}

impl Count {
    fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        (self.told)(Answered { done: count(done), of: count(self.of) });
    }
}

/// What the chunks of a range gave for one question.
#[derive(Debug, Clone, Default)]
struct History {
    samples: Vec<Sample>,
    answered: bool,
    failure: Option<String>,
    /// The pieces without an answer; those that follow each other for one reason are one.
    unheard: Vec<Unheard>,
}

impl History {
    fn unheard(&mut self, question: &Question, when: When, words: &str) {
        let Some(from) = when.instants().next() else { return };
        let to = when.instants().last().unwrap_or(from);
        match self.unheard.last_mut() {
            Some(last) if last.words == words => last.to = to,
            _ => self.unheard.push(Unheard {
                signal: question.name.clone(),
                from,
                to,
                words: words.to_owned(),
            }),
        }
    }
}

/// A query that was not answered.
enum Unanswered {
    /// Prometheus says no, and may say yes to another form of the query.
    Refused(String),
    /// There is no usable answer.
    Lost(String),
    /// There is none in time: less may be answered.
    Late(String),
}

impl Unanswered {
    fn words(self) -> String {
        match self {
            Self::Refused(words) | Self::Lost(words) | Self::Late(words) => words,
        }
    }
}

/// Whether the server was reached by the queries that belong together. A server that answers nothing at all is not
/// waited for again, query by query.
#[derive(Debug, Default)]
struct Reach {
    answered: AtomicBool,
    lost: AtomicUsize,
}

impl Reach {
    /// Takes note of what a request came to.
    fn note(&self, answered: &Result<http::Answer, HttpError>) {
        match answered {
            Ok(_) | Err(HttpError { failure: HttpFailure::Status { .. }, .. }) => {
                self.answered.store(true, Ordering::Relaxed);
            }
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether as many requests were lost as are under way at once, and none was answered.
    fn is_given_up(&self) -> bool {
        !self.answered.load(Ordering::Relaxed) && self.lost.load(Ordering::Relaxed) >= REQUESTS_MAX
    }
}

impl Server {
    async fn at_instant(&self, question: &Question, at: Timestamp, reach: &Reach) -> Vec<Sample> {
        match self.answer(question, When::At(at), reach).await {
            Ok(answer) => join::at_instant(question, &answer, at),
            Err(unanswered) => question.failed(at, &unanswered.words()),
        }
    }

    async fn over_chunks(
        &self,
        question: &Question,
        chunks: &[When],
        reach: &Reach,
        count: &Count,
    ) -> History {
        let mut history = History::default();
        let mut joined = join::Joined::default();
        let mut lost: Option<String> = None;
        let mut waiting: VecDeque<(When, bool)> = chunks.iter().map(|when| (*when, true)).collect();
        let mut most = POINTS_PER_ANSWER;
        while let Some((when, ends_chunk)) = waiting.pop_front() {
            if lost.is_none() && when.count() > most {
                let pieces = when.pieces(most);
                let last = pieces.len().saturating_sub(1);
                for (place, piece) in pieces.into_iter().enumerate().rev() {
                    waiting.push_front((piece, ends_chunk && place == last));
                }
                continue;
            }
            let answer = match &lost {
                // a source that was lost once is not waited for again, chunk by chunk
                Some(words) => Err(words.clone()),
                None => match self.answer(question, when, reach).await {
                    Ok(answer) => Ok(answer),
                    Err(Unanswered::Refused(words)) => Err(words),
                    Err(Unanswered::Late(_)) if when.count() > POINTS_MIN && !reach.is_given_up() => {
                        // less of it at a time, from here on: what was too much now is too much later
                        most = when.count().div_ceil(PIECES).max(POINTS_MIN);
                        waiting.push_front((when, ends_chunk));
                        continue;
                    }
                    Err(Unanswered::Lost(words) | Unanswered::Late(words)) => {
                        lost = Some(words.clone());
                        Err(words)
                    }
                },
            };
            match answer {
                Ok(answer) => {
                    history.answered = true;
                    joined.add(question, &answer, when, &mut history.samples);
                }
                Err(words) => {
                    history.unheard(question, when, &words);
                    let instants = when.instants();
                    history.samples.extend(instants.flat_map(|at| question.failed(at, &words)));
                    history.failure.get_or_insert(words);
                }
            }
            if ends_chunk {
                count.one_more();
            }
        }
        history
    }

    /// The answer to a question, an opaque one with its times where Prometheus can tell them.
    async fn answer(&self, question: &Question, when: When, reach: &Reach) -> Result<Answer, Unanswered> {
        if let Some(with_times) = question.with_times() {
            match self.ask(&with_times, question, when, reach).await {
                // a scalar has no time; and of a query that is wrong, the words are to be about its own text
                Err(Unanswered::Refused(_)) => {}
                other => return other,
            }
        }
        self.ask(&question.promql, question, when, reach).await
    }

    async fn ask(
        &self,
        promql: &str,
        question: &Question,
        when: When,
        reach: &Reach,
    ) -> Result<Answer, Unanswered> {
        let permit = self.permits.acquire().await;
        let base = self.config.url.trim_end_matches('/');
        if reach.is_given_up() {
            return Err(Unanswered::Lost(format!("{base} did not answer the queries before this one")));
        }
        let url = format!("{base}/api/v1/{}", when.endpoint());
        let timeout = format!("{}s", self.config.timeout.as_secs().max(1));
        let mut fields = vec![("query", promql.to_owned()), ("timeout", timeout)];
        fields.extend(when.fields());
        fields.extend(question.look_back().map(|seconds| ("lookback_delta", seconds)));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let answered = self.client.post_form(&url, "application/json", &fields).await;
        reach.note(&answered);
        drop(permit);
        let http = match answered {
            Ok(http) => http,
            Err(error) => return Err(unanswered(error)),
        };
        if http.media_type() != "application/json" {
            return Err(Unanswered::Lost(format!(
                "{url} answers `{}`: expected application/json, found `{}`",
                http.media_type(),
                http.excerpt()
            )));
        }
        let text = std::str::from_utf8(&http.body)
            .map_err(|_| Unanswered::Lost(format!("{url} answers bytes that are not UTF-8")))?;
        answer::parse(text).map_err(|error| match error.refused {
            Some(_) => Unanswered::Refused(error.problem),
            None => Unanswered::Lost(format!(
                "{url} answers what is not of Prometheus: {} at byte {}",
                error.problem, error.offset
            )),
        })
    }
}

/// Errors of Prometheus come with a status of their own and say why in their body.
fn unanswered(error: HttpError) -> Unanswered {
    if let HttpFailure::Status { body, .. } = &error.failure
        && let Ok(text) = std::str::from_utf8(body)
        && let Err(refusal) = answer::parse(text)
        && let Some(kind) = &refusal.refused
    {
        return match kind.as_str() {
            "bad_data" | "execution" => Unanswered::Refused(refusal.problem),
            "timeout" => Unanswered::Late(refusal.problem),
            _ => Unanswered::Lost(refusal.problem),
        };
    }
    match error.failure {
        HttpFailure::Silent(_) | HttpFailure::TooSlow(_) => Unanswered::Late(error.to_string()),
        _ => Unanswered::Lost(error.to_string()),
    }
}

fn chunks(from: Timestamp, to: Timestamp, step: TimeSpan) -> Result<Vec<When>, SourceError> {
    if to < from {
        return Err(SourceError::Range(format!("the range ends at {to}, before it begins at {from}")));
    }
    if step < TimeSpan::from_nanos(1_000_000) {
        return Err(SourceError::Range(format!("the step is {step}: at least 1ms is needed")));
    }
    let steps = to.since(from).nanos().checked_div(step.nanos()).unwrap_or_default();
    if steps >= i64::from(STEPS_MAX) {
        return Err(SourceError::Range(format!(
            "the range has {steps} steps of {step}, and at most {STEPS_MAX} are asked for: take a longer step"
        )));
    }
    Ok(When::Range { from, to, step }.pieces(POINTS_PER_ANSWER))
}

fn failed_sample(signal: SignalId, track: Track, at: Timestamp, words: &str) -> Sample {
    Sample { signal, track, at, reading: Reading::Failed(words.to_owned()) }
}

#[cfg(test)]
mod tests;
