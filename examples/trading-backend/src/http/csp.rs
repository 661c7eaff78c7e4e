//! Reports of browsers about the content security policy, and what keeps a flood of them from becoming one of ours.
//!
//! A report costs its sender nothing, and anybody may send one. So each source has a budget, all of them together have one,
//! and the list of sources is bounded: what is beyond is turned away unread.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::Problem;
use super::reports::{Violation, keep};
use crate::service::Backend;

/// Reports of one source: a broken page sends a dozen each time it is opened.
const OF_ONE: Budget = Budget { burst: 100.0, per_second: 5.0 };

/// Reports of all sources.
const OF_ALL: Budget = Budget { burst: 400.0, per_second: 40.0 };

/// Most sources that are told apart; the rest shares one budget.
const SOURCES_MAX: usize = 1_024;

/// Time between two sweeps of a full list.
const SWEEP: Duration = Duration::from_secs(1);

/// Most violations in one request: browsers send them in batches.
const VIOLATIONS_MAX: usize = 20;

/// Longest text kept of a report.
const TEXT_MAX: usize = 200;

/// How long the table may take: the report is counted already.
const KEEP_WITHIN: Duration = Duration::from_millis(500);

#[derive(Clone, Copy)]
struct Budget {
    burst: f64,
    per_second: f64,
}

/// What is left of a budget, and when that was.
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(budget: Budget, now: Instant) -> Self {
        Self { left: budget.burst, at: now }
    }

    fn take(&mut self, budget: Budget, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * budget.per_second;
        (self.left, self.at) = ((self.left + gained).min(budget.burst), now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

/// Who has sent how much.
pub struct FloodControl(Mutex<Budgets>);

struct Budgets {
    all: Bucket,
    /// By source; `None` is everybody beyond the most that are told apart.
    sources: BTreeMap<Option<IpAddr>, Bucket>,
    /// When those who had been quiet were last forgotten.
    swept: Instant,
}

impl Default for FloodControl {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(Budgets { all: Bucket::full(OF_ALL, now), sources: BTreeMap::new(), swept: now }))
    }
}

impl FloodControl {
    /// Whether a source may send one more.
    pub fn admits(&self, source: IpAddr, now: Instant) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Budgets { all, sources, swept } = &mut *held;
        // not more than once a second: a flood from everywhere must not be one of sweeps
        if sources.len() >= SOURCES_MAX && now.saturating_duration_since(*swept) >= SWEEP {
            *swept = now;
            // who has been quiet for long enough has a full budget again, and need not be known
            let refill = Duration::from_secs_f64(OF_ONE.burst / OF_ONE.per_second);
            sources.retain(|_, bucket| now.saturating_duration_since(bucket.at) < refill);
        }
        let known = sources.contains_key(&Some(source)) || sources.len() < SOURCES_MAX;
        let one = sources.entry(known.then_some(source)).or_insert_with(|| Bucket::full(OF_ONE, now));
        // a source beyond its own budget takes nothing from the others'
        one.take(OF_ONE, now) && all.take(OF_ALL, now)
    }
}

/// `POST /csp-reports`: `application/csp-report`, or `application/reports+json` of the Reporting API.
pub(super) async fn report(
    State(backend): State<Arc<Backend>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    if !backend.flood.admits(source(peer.ip(), &headers), Instant::now()) {
        backend.metrics.csp_dropped.inc();
        return Err(Problem::passing(StatusCode::TOO_MANY_REQUESTS, "too many reports"));
    }
    let body = body.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let violations = violations(kind.split(';').next().unwrap_or("").trim(), &body)?;
    backend.metrics.csp_violations.inc_by(u64::try_from(violations.len()).unwrap_or(0));
    // kept for people who look later: that may fail without anybody waiting
    let _ = tokio::time::timeout(KEEP_WITHIN, keep(&backend, &violations)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Who sent it. Behind our proxy that is what the proxy says; a stranger's word about itself does not count.
fn source(peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    if peer.is_loopback() { last.unwrap_or(peer) } else { peer }
}

fn violations(kind: &str, body: &[u8]) -> Result<Vec<Violation>, Problem> {
    let bad = |why: &str| Problem::new(StatusCode::BAD_REQUEST, why);
    let value: Value = serde_json::from_slice(body).map_err(|error| bad(&format!("the body: {error}")))?;
    let found: Vec<Violation> = match kind {
        "application/csp-report" => {
            let report = value.get("csp-report").ok_or_else(|| bad("the body has no `csp-report`"))?;
            vec![violation(report, "effective-directive", "blocked-uri")]
        }
        "application/reports+json" => {
            let reports = value.as_array().ok_or_else(|| bad("the body is no list of reports"))?;
            let of_policy =
                |report: &&Value| report.get("type").and_then(Value::as_str) == Some("csp-violation");
            let bodies = reports.iter().filter(of_policy).filter_map(|report| report.get("body"));
            bodies
                .take(VIOLATIONS_MAX)
                .map(|body| violation(body, "effectiveDirective", "blockedURL"))
                .collect()
        }
        _ => {
            let expected = "expected `application/csp-report` or `application/reports+json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, expected));
        }
    };
    Ok(found)
}

fn violation(report: &Value, directive: &str, blocked: &str) -> Violation {
    // what is after `?` may be somebody's secret; what PostgreSQL cannot hold is left out
    let text = |name: &str| {
        let text = report.get(name).and_then(Value::as_str).unwrap_or("");
        text.split('?').next().unwrap_or("").chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
    };
    Violation { directive: text(directive), blocked: text(blocked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source has its budget, refilled with time; all have one together; and no number of sources takes memory.
    #[test]
    fn floods_are_held_back() {
        let flood = FloodControl::default();
        let now = Instant::now();
        let admitted = |source: [u8; 4], reports: u32, now: Instant| {
            (0..reports).filter(|_| flood.admits(IpAddr::from(source), now)).count()
        };
        assert_eq!(admitted([10, 0, 0, 1], 500, now), 100);
        assert_eq!(admitted([10, 0, 0, 2], 10, now), 10, "another source is not held for it");
        assert_eq!(admitted([10, 0, 0, 1], 500, now + Duration::from_secs(4)), 20);
        let many = (0..60_000_u32)
            .filter(|n| flood.admits(IpAddr::from(n.to_be_bytes()), now + Duration::from_secs(5)));
        assert!(many.count() <= 400, "all together have a budget");
        assert!(flood.0.lock().unwrap().sources.len() <= SOURCES_MAX + 1);
    }

    /// Both shapes of reports are read, and what is neither is refused.
    #[test]
    fn reports_are_read() {
        let old = br#"{"csp-report":{"effective-directive":"script-src-elem","blocked-uri":"https://x.example/a?token=1"}}"#;
        let found = violations("application/csp-report", old).unwrap();
        assert_eq!(
            (found[0].directive.as_str(), found[0].blocked.as_str()),
            ("script-src-elem", "https://x.example/a")
        );
        let new = br#"[{"type":"csp-violation","body":{"effectiveDirective":"img-src"}},{"type":"deprecation","body":{}}]"#;
        assert_eq!(violations("application/reports+json", new).unwrap().len(), 1);
        for (kind, body) in
            [("text/plain", "{}"), ("application/csp-report", "{}"), ("application/reports+json", "7")]
        {
            assert!(violations(kind, body.as_bytes()).is_err(), "{kind} {body}");
        }
    }
}
