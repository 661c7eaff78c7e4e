//! From scraped points to samples of signals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ceiling::Ceilings;
use super::evaluate::Evaluation;
use super::expression::{MetricsExpression, MetricsNode, Selector};
use super::matching::Patterns;
use super::series::{Full, Store};
use crate::decision::Observed;
use crate::policy::Policy;
use crate::signal::{Reading, Sample, Signal, SignalId, Source, Track};
use crate::time::{TimeSpan, Timestamp};

/// The label that says which version a series is of; it is taken off before series are matched.
pub(super) const TRACK_LABEL: &str = "track";

/// Failures of one track that wait to be read. One comes with each scrape, and each evaluation reads them all.
const FAILURES_MAX: usize = 1_000;

/// One point of one series, as an exposition gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricPoint {
    /// The metric's name.
    pub metric: String,
    /// Its labels, the name aside.
    pub labels: BTreeMap<String, String>,
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured.
    pub reading: Reading,
}

/// Computes the samples of `from metrics` signals from scraped points.
///
/// It sees every point with a time up to the instant that is asked for; points may be observed ahead of it. A
/// signal that is a bare selector of one series passes that series' points on with their own times; any other is
/// computed at the instant, like an instant query of Prometheus. A value that cannot be computed is a failed
/// reading with its cause.
#[derive(Debug, Clone)]
pub struct MetricsReader {
    policy: Arc<Policy>,
    /// Whether a signal whose metrics were never seen is a failure of its source.
    live: bool,
    signals: Vec<Prepared>,
    /// The metrics that some signal reads.
    metrics: BTreeSet<String>,
    /// How far back any signal can see.
    reach: TimeSpan,
    canary: Scraped,
    baseline: Scraped,
    /// The last instant that was asked for.
    read_to: Option<Timestamp>,
}

/// A signal made ready.
#[derive(Debug, Clone)]
struct Prepared {
    id: SignalId,
    patterns: Patterns,
    metrics: Vec<String>,
}

/// What was scraped of one track.
#[derive(Debug, Clone, Default)]
struct Scraped {
    store: Store,
    failures: BTreeMap<Timestamp, String>,
    /// The newest point that found no place.
    lost: Option<(Timestamp, Full)>,
}

impl MetricsReader {
    /// A reader for recorded points: a signal none of whose metrics was seen yet gives nothing.
    pub fn new(policy: Arc<Policy>) -> Self {
        let mut signals = Vec::new();
        let mut all = BTreeSet::new();
        let mut reach = TimeSpan::ZERO;
        for (place, signal) in (0_u32..).zip(policy.signals()) {
            let Source::Metrics(expression) = &signal.source else { continue };
            let mut metrics = Vec::new();
            expression.root.metrics(&mut |metric| metrics.push(metric));
            all.extend(metrics.iter().cloned());
            reach = reach.max(expression.over.unwrap_or_default().plus(signal.stale_after));
            let patterns = Patterns::of(&expression.root);
            signals.push(Prepared { id: SignalId(place), patterns, metrics });
        }
        Self {
            policy,
            live: false,
            signals,
            metrics: all,
            reach,
            canary: Scraped::default(),
            baseline: Scraped::default(),
            read_to: None,
        }
    }

    /// A reader for live scrapes: a canary's signal whose metrics were not scraped is a failed reading.
    pub fn live(policy: Arc<Policy>) -> Self {
        Self { live: true, ..Self::new(policy) }
    }

    /// The metrics that some signal reads; points of others are not kept.
    pub const fn metrics(&self) -> &BTreeSet<String> {
        &self.metrics
    }

    /// How high quantiles can read, by the canary's series that are kept now.
    pub fn ceilings(&self) -> Ceilings {
        let mut ceilings = Ceilings::new(&self.policy);
        for metric in ceilings.metrics() {
            for labels in self.canary.store.labels_of(&metric) {
                ceilings.see_series(&metric, labels);
            }
        }
        ceilings
    }

    /// Takes a point in. A label `track="baseline"` sends it to the baseline, whatever `track` says.
    pub fn observe(&mut self, track: Track, point: MetricPoint) -> Observed {
        if !self.metrics.contains(&point.metric) {
            return Observed::Undeclared;
        }
        let mut labels = point.labels;
        labels.retain(|_, value| !value.is_empty());
        let track = match labels.remove(TRACK_LABEL) {
            Some(label) if label == Track::Baseline.as_str() => Track::Baseline,
            _ => track,
        };
        let scraped = self.scraped(track);
        scraped.store.observe(&point.metric, labels, point.at, point.reading).unwrap_or_else(|full| {
            let newest = scraped.lost.map_or(point.at, |(at, _)| at.max(point.at));
            scraped.lost = Some((newest, full));
            Observed::Late
        })
    }

    /// Says that a track could not be read at an instant: all its metrics signals fail there with this reason.
    pub fn fail(&mut self, track: Track, at: Timestamp, reason: impl Into<String>) {
        let failures = &mut self.scraped(track).failures;
        failures.entry(at).or_insert_with(|| reason.into());
        if failures.len() > FAILURES_MAX {
            failures.pop_first();
        }
    }

    /// The samples that are new at `at`, in order of time, signal and track. Instants must not go back.
    pub fn samples_at(&mut self, at: Timestamp) -> Vec<Sample> {
        let mut samples = Vec::new();
        for track in Track::ALL {
            let failures = {
                let waiting = &mut self.scraped(track).failures;
                let later = waiting.split_off(&Timestamp::from_nanos(at.nanos().saturating_add(1)));
                std::mem::replace(waiting, later)
            };
            for prepared in &self.signals {
                let Some(signal) = self.policy.signal(prepared.id) else { continue };
                let sample = |at, reading| Sample { signal: prepared.id, track, at, reading };
                samples
                    .extend(failures.iter().map(|(at, reason)| sample(*at, Reading::Failed(reason.clone()))));
                let mut read = self.read(track, prepared, signal, at);
                read.retain(|(at, _)| !failures.contains_key(at));
                samples.extend(read.into_iter().map(|(at, reading)| sample(at, reading)));
            }
            let horizon = at.minus(self.reach);
            self.scraped(track).store.prune(horizon);
        }
        self.read_to = Some(at);
        samples.sort_by_key(|sample| (sample.at, sample.signal, sample.track));
        samples
    }

    const fn scraped(&mut self, track: Track) -> &mut Scraped {
        match track {
            Track::Canary => &mut self.canary,
            Track::Baseline => &mut self.baseline,
        }
    }

    /// What a signal gives between the last instant and this one.
    fn read(
        &self,
        track: Track,
        prepared: &Prepared,
        signal: &Signal,
        at: Timestamp,
    ) -> Vec<(Timestamp, Reading)> {
        let scraped = match track {
            Track::Canary => &self.canary,
            Track::Baseline => &self.baseline,
        };
        let Source::Metrics(expression) = &signal.source else { return Vec::new() };
        let known = prepared.metrics.iter().any(|metric| scraped.store.family(metric, at).is_some());
        let expected = track == Track::Canary && (self.live || prepared.metrics.is_empty());
        if !(known || expected) {
            return Vec::new();
        }
        if let Some((lost_at, full)) = scraped.lost
            && lost_at.plus(self.reach) >= at
        {
            let reason = format!("more than {} {} were scraped: select fewer", full.limit, full.of);
            return vec![(at, Reading::Failed(reason))];
        }
        if let MetricsNode::Select(selector) = &expression.root
            && let Some(points) = self.one_series(scraped, prepared, selector, at)
        {
            let scale = |(at, reading): (Timestamp, Reading)| (at, reading.scaled(signal.scale));
            return points.into_iter().map(scale).collect();
        }
        vec![(at, compute(scraped, prepared, signal, expression, at))]
    }

    /// The new points of the one series that a selector matches; `None` where it matches none or several.
    fn one_series(
        &self,
        scraped: &Scraped,
        prepared: &Prepared,
        selector: &Selector,
        at: Timestamp,
    ) -> Option<Vec<(Timestamp, Reading)>> {
        let start = at.minus(self.reach);
        let family = scraped.store.family(&selector.metric, at)?;
        let mut matching = family.series().filter(|(labels, series)| {
            prepared.patterns.matches(selector, labels) && series.newest(at).is_some_and(|(t, _)| *t > start)
        });
        let (_, series) = matching.next()?;
        if matching.next().is_some() {
            return None;
        }
        let since = self.read_to.unwrap_or(Timestamp::from_nanos(i64::MIN));
        Some(series.within(since, at).to_vec())
    }
}

fn compute(
    scraped: &Scraped,
    prepared: &Prepared,
    signal: &Signal,
    expression: &MetricsExpression,
    at: Timestamp,
) -> Reading {
    let evaluation = Evaluation {
        store: &scraped.store,
        patterns: &prepared.patterns,
        at,
        over: expression.over,
        stale_after: signal.stale_after,
        counter: signal.counter,
    };
    match evaluation.value(expression) {
        Ok(number) => number.into_reading().scaled(signal.scale),
        Err(cause) => Reading::Failed(cause.to_string()),
    }
}

#[cfg(test)]
impl MetricsReader {
    /// Makes a track's store as full as it may be.
    pub(super) fn fill(&mut self, track: Track) {
        self.scraped(track).store = Store::full();
    }
}
