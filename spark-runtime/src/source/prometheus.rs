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
mod range;

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
pub use self::range::{Answered, Unheard};
use self::range::{Count, History, chunks};
use crate::http::{self, AllowedHost, HttpClient, HttpConfig, HttpError, HttpFailure, shown_address};

/// Most requests under way at once: Prometheus itself computes at most 20 queries at a time, and others ask too.
const REQUESTS_MAX: usize = 4;

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
    /// The only servers that may be asked; any, where there is no list.
    pub allow: Option<Vec<AllowedHost>>,
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
            allow: None,
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
            allow: config.allow.clone(),
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
            let shown = shown_address(base);
            return Err(Unanswered::Lost(format!("{shown} did not answer the queries before this one")));
        }
        let url = format!("{base}/api/v1/{}", when.endpoint());
        let shown = shown_address(&url);
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
                "{shown} answers `{}`: expected application/json, found `{}`",
                http.media_type(),
                http.excerpt()
            )));
        }
        let text = std::str::from_utf8(&http.body)
            .map_err(|_| Unanswered::Lost(format!("{shown} answers bytes that are not UTF-8")))?;
        answer::parse(text).map_err(|error| match error.refused {
            Some(_) => Unanswered::Refused(error.problem),
            None => Unanswered::Lost(format!(
                "{shown} answers what is not of Prometheus: {} at byte {}",
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

fn failed_sample(signal: SignalId, track: Track, at: Timestamp, words: &str) -> Sample {
    Sample { signal, track, at, reading: Reading::Failed(words.to_owned()) }
}

#[cfg(test)]
mod tests;
