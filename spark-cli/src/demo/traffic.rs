//! Real HTTP traffic, as [`load`](super::load) says what to send: bounded in rate, number and time, loopback only.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use spark_core::Track;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

use super::Failure;
use super::load::{Sender, Shot, Split, USERS_PER_SECOND};

/// Longest that traffic lasts, whatever happens to the demo: its 90 s and some.
const LASTS_AT_MOST: Duration = Duration::from_secs(120);

/// The time between two ticks of the load.
const TICK: Duration = Duration::from_micros(1_000_000 / USERS_PER_SECOND as u64);

/// Most orders on their way at once: 250 a second at half a second each are 125; above twice that, they are shed.
const IN_FLIGHT_MAX: usize = 256;

/// Longest wait for an answer; the service answers within 2 s unless it is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The time over which [`Traffic::experience`] looks back at most.
const REMEMBERED_FOR: Duration = Duration::from_secs(2);

/// Where the two versions take orders and reports.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    /// The stable version: `http://127.0.0.1:PORT`.
    pub(crate) baseline: String,
    /// The new one.
    pub(crate) canary: String,
}

/// What users met lately, whichever version answered them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Experience {
    /// How many orders were answered.
    pub(crate) answered: usize,
    /// The 95th percentile of how long they took, exactly.
    pub(crate) p95: Duration,
}

/// The traffic, with its one control: the canary's share.
#[derive(Debug)]
pub(crate) struct Traffic {
    share_bp: AtomicU16,
    stopped: AtomicBool,
    sent: AtomicU64,
    shed: AtomicU64,
    lost: AtomicU64,
    /// When users' orders were answered, and how long each took; the oldest first, not older than a bit.
    lately: Mutex<VecDeque<(Instant, Duration)>>,
}

impl Traffic {
    /// Starts sending; the canary gets nothing yet.
    ///
    /// # Errors
    /// There can be no HTTP client.
    pub(crate) fn start(to: Addresses) -> Result<Arc<Self>, Failure> {
        let client = client()?;
        let traffic = Arc::new(Self {
            share_bp: AtomicU16::new(0),
            stopped: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            lately: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&traffic).send(client, to));
        Ok(traffic)
    }

    /// Sends this share of users to the canary from now on: hundredths of a percent, at most 10,000.
    pub(crate) fn set_share(&self, share_bp: u16) {
        self.share_bp.store(share_bp.min(10_000), Ordering::Relaxed);
    }

    /// The canary's share now, in hundredths of a percent.
    pub(crate) fn share(&self) -> u16 {
        self.share_bp.load(Ordering::Relaxed)
    }

    /// Sends nothing more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// How many orders were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many orders were not sent because too many were on their way, and how many got no answer.
    pub(crate) fn shed_and_lost(&self) -> (u64, u64) {
        (self.shed.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// What users met lately, at most two seconds back; none where nobody was answered.
    pub(crate) fn experience(&self, over: Duration) -> Option<Experience> {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = lately.iter().filter(|(at, _)| at.elapsed() <= over);
        p95(recent.map(|(_, took)| *took).collect())
    }

    async fn send(self: Arc<Self>, client: reqwest::Client, to: Addresses) {
        let started = Instant::now();
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        let mut split = Split::default();
        let mut ticks = interval(TICK);
        // a stall must not be followed by a flood
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !self.stopped.load(Ordering::Relaxed) && started.elapsed() < LASTS_AT_MOST {
            ticks.tick().await;
            for shot in split.tick(self.share()) {
                let Ok(permit) = Arc::clone(&in_flight).try_acquire_owned() else {
                    self.shed.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                let (traffic, client) = (Arc::clone(&self), client.clone());
                let base = match shot.track {
                    Track::Canary => to.canary.clone(),
                    Track::Baseline => to.baseline.clone(),
                };
                tokio::spawn(async move {
                    traffic.fire(&client, &base, shot).await;
                    drop(permit);
                });
            }
        }
    }

    async fn fire(&self, client: &reqwest::Client, base: &str, shot: Shot) {
        let Ok(body) = serde_json::to_vec(&shot.order) else { return };
        let mut request = client.post(format!("{base}/orders")).body(body);
        if let Some(key) = shot.key {
            request = request.header("idempotency-key", key);
        }
        if shot.sender == Sender::Probe {
            request = request.header("x-probe", "1");
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        match request.send().await {
            Ok(_) if shot.sender == Sender::User => self.remember(started.elapsed()),
            Ok(_) => {}
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        if shot.csp_report {
            let report = client.post(format!("{base}/csp-report"));
            // a report that is lost is lost in a real browser, too
            let _ = report.body(r#"{"csp-report":{"violated-directive":"img-src"}}"#).send().await;
        }
    }

    fn remember(&self, took: Duration) {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.push_back((Instant::now(), took));
        while lately.front().is_some_and(|(at, _)| at.elapsed() > REMEMBERED_FOR) {
            lately.pop_front();
        }
    }
}

/// A client for the two versions: loopback, plain HTTP, no proxy.
fn client() -> Result<reqwest::Client, Failure> {
    // reqwest is built without a provider of its own, though nothing here uses TLS; one may be there already
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(std::iter::empty())
        .timeout(ANSWER_WITHIN)
        .build()
        .map_err(|error| Failure(format!("there can be no HTTP client: {error}")))
}

/// Posts nothing to an address, to be answered with success.
///
/// # Errors
/// It is not.
pub(crate) async fn post(url: &str) -> Result<(), Failure> {
    let answer = client()?.post(url).send().await.and_then(reqwest::Response::error_for_status);
    answer.map(|_| ()).map_err(|error| Failure(format!("`{url}` did not answer: {error}")))
}

/// The text at an address.
///
/// # Errors
/// There is none.
pub(crate) async fn get(url: &str) -> Result<String, Failure> {
    let failed = |error: reqwest::Error| Failure(format!("`{url}` did not answer: {error}"));
    let answer = client()?.get(url).send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(failed)?.text().await.map_err(failed)
}

/// The 95th percentile by nearest rank.
fn p95(mut took: Vec<Duration>) -> Option<Experience> {
    took.sort_unstable();
    let rank = took.len().saturating_mul(95).div_ceil(100);
    let p95 = *took.get(rank.checked_sub(1)?)?;
    Some(Experience { answered: took.len(), p95 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The percentile is the nearest rank's, and nothing without orders.
    #[test]
    fn experience() {
        assert_eq!(p95(Vec::new()), None);
        let took = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(p95(took), Some(Experience { answered: 100, p95: Duration::from_millis(95) }));
        assert_eq!(p95(vec![Duration::from_secs(1)]).map(|e| e.p95), Some(Duration::from_secs(1)));
    }
}
