//! The checks of a phase, made side by side, and what they say together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use spark_core::check::{Check, CheckPhase, CheckVerdict, Finding, Judged};
use spark_core::{Quantity, Timestamp, Truth};
use tokio::task::JoinSet;

use super::{Measured, ProbeError, ProbeKind, Probed, Value, probe};

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Its name.
    pub check: String,
    /// What people call it.
    pub title: Option<String>,
    /// The probe that looked.
    pub probe: String,
    /// When.
    pub at: Timestamp,
    /// How long it took, in words.
    pub took: String,
    /// What it says.
    #[serde(flatten, serialize_with = "said")]
    pub judged: Judged,
    /// Its file among the evidence.
    pub evidence: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What to do where it fails.
    pub runbook: Option<String>,
    /// Everything that the probe measured; nothing where it did not answer.
    pub measured: Option<Measured>,
}

/// What a check says, its quantities as rules write them.
#[derive(Serialize)]
struct Said<'j> {
    verdict: CheckVerdict,
    truth: Truth,
    words: &'j str,
    causes: &'j [String],
    value: Option<String>,
    threshold: Option<String>,
    margin: Option<String>,
}

fn said<S: Serializer>(judged: &Judged, serializer: S) -> Result<S::Ok, S::Error> {
    let Judged { verdict, truth, causes, value, threshold, margin, words, .. } = judged;
    let text = |quantity: &Option<Quantity>| quantity.map(|quantity| quantity.to_string());
    let (value, threshold, margin) = (text(value), text(threshold), text(margin));
    Said { verdict: *verdict, truth: *truth, words, causes, value, threshold, margin }.serialize(serializer)
}

/// A phase whose checks were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhaseReport {
    /// The phase.
    pub phase: CheckPhase,
    /// The release, where there is one.
    pub release: Option<String>,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in words.
    pub took: String,
    /// The worst of its checks. A phase without checks says no-go: it rests on nothing.
    pub verdict: CheckVerdict,
    /// Its checks, in the order of the rules.
    pub checks: Vec<CheckReport>,
}

/// A time that was taken, to the millisecond.
fn in_words(took: Duration) -> String {
    Value::span(Duration::from_millis(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))).to_string()
}

/// Makes the checks of a phase, each probe once and all side by side; `told` is told of each check when it is done.
pub async fn check(
    phase: CheckPhase,
    checks: &[Check],
    probes: &BTreeMap<String, ProbeKind>,
    release: Option<&str>,
    told: &mut (dyn FnMut(&CheckReport) + Send),
) -> PhaseReport {
    let begun = Instant::now();
    let at = Timestamp::from_nanos(super::deadline::now());
    let of_phase: Vec<&Check> = checks.iter().filter(|check| check.phase == phase).collect();
    let mut waited: BTreeMap<&str, Duration> = BTreeMap::new();
    for check in &of_phase {
        let longest = waited.entry(check.probe.as_str()).or_default();
        *longest = check.within.min(phase.budget()).to_std().max(*longest);
    }
    let mut jobs = JoinSet::new();
    let mut reports = Vec::with_capacity(of_phase.len());
    for (name, within) in waited {
        let Some(kind) = probes.get(name) else {
            let known: Vec<String> = probes.keys().map(|name| format!("`{name}`")).collect();
            let why = match known.is_empty() {
                true => format!("the configuration has no probe `{name}`, and no other"),
                false => format!("the configuration has no probe `{name}`: it has {}", known.join(", ")),
            };
            let missing = Probed { at, took: Duration::ZERO, result: Err(ProbeError::Setting(why)) };
            made(&of_phase, name, &missing, &mut reports, told);
            continue;
        };
        let kind = release.map_or_else(|| kind.clone(), |release| kind.clone().of_release(release));
        let name = name.to_owned();
        jobs.spawn(async move { (name, probe(&kind, within).await) });
    }
    while let Some(done) = jobs.join_next().await {
        // a probe that came to a bad end leaves its checks without a report, which is made below
        if let Ok((name, probed)) = done {
            made(&of_phase, &name, &probed, &mut reports, told);
        }
    }
    for check in &of_phase {
        if !reports.iter().any(|report: &CheckReport| report.check == check.name) {
            let result = Err(ProbeError::Unanswered("the probe came to a bad end".to_owned()));
            let report = judged(check, &Probed { at, took: Duration::ZERO, result });
            told(&report);
            reports.push(report);
        }
    }
    let place = |report: &CheckReport| of_phase.iter().position(|check| check.name == report.check);
    reports.sort_by_key(place);
    let verdict = reports.iter().map(|report| report.judged.verdict).max().unwrap_or(CheckVerdict::NoGo);
    let took = in_words(begun.elapsed());
    PhaseReport { phase, release: release.map(str::to_owned), at, took, verdict, checks: reports }
}

/// The reports of all checks of a probe.
fn made(
    checks: &[&Check],
    name: &str,
    probed: &Probed,
    reports: &mut Vec<CheckReport>,
    told: &mut (dyn FnMut(&CheckReport) + Send),
) {
    for check in checks.iter().filter(|check| check.probe == name) {
        let report = judged(check, probed);
        told(&report);
        reports.push(report);
    }
}

fn judged(check: &Check, probed: &Probed) -> CheckReport {
    let late = probed.took > check.within.to_std();
    let judged = match &probed.result {
        // another check gave the same probe longer: this one did not
        _ if late => check.unanswered(&format!("no answer within {}", check.within)),
        Err(error) => check.unanswered(&error.to_string()),
        Ok(measured) => {
            let names = check.measures.iter().map(|measure| measure.name.as_str());
            let found = names.map(|name| (name.to_owned(), finding(measured.value(name))));
            check.judge(&found.collect())
        }
    };
    CheckReport {
        check: check.name.clone(),
        title: check.title.clone(),
        probe: check.probe.clone(),
        at: probed.at,
        took: in_words(probed.took),
        judged,
        evidence: check.evidence.clone(),
        owner: check.owner.clone(),
        runbook: check.runbook.clone(),
        measured: probed.result.as_ref().ok().cloned(),
    }
}

fn finding(value: Value) -> Finding {
    match value {
        Value::Known(quantity) => Finding::Value(quantity),
        Value::Flag(so) => Finding::Flag(so),
        Value::Unknown(why) => Finding::Missing(why),
    }
}
