//! The checks of a phase, made side by side as far as they do not disturb each other, and what they say together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use spark_core::check::{Check, CheckPhase, CheckVerdict, Finding, Judged};
use spark_core::{Quantity, Timestamp, Truth};
use tokio::task::JoinSet;

use super::conceal::{conceal, secrets};
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

/// A time to the millisecond, as people read it.
fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A time that was taken.
fn in_words(took: Duration) -> String {
    Value::span(whole_millis(took)).to_string()
}

/// Makes the checks of a phase, each probe once; `told` is told of each check when it is done.
///
/// Probes run side by side, but for those that load what they ask: these come after the others, one after the other, so that
/// none is measured under the load of another. All of them together take no longer than the phase's budget.
pub async fn check(
    phase: CheckPhase,
    checks: &[Check],
    probes: &BTreeMap<String, ProbeKind>,
    release: Option<&str>,
    told: &mut (dyn FnMut(&CheckReport) + Send),
) -> PhaseReport {
    let of_phase: Vec<&Check> = checks.iter().filter(|check| check.phase == phase).collect();
    let begun = Instant::now();
    let at = Timestamp::from_nanos(super::deadline::now());
    let mut reports = made(&of_phase, probes, release, phase.budget().to_std(), told).await;
    reports.sort_by_key(|report| of_phase.iter().position(|check| check.name == report.check));
    let verdict = reports.iter().map(|report| report.judged.verdict).max().unwrap_or(CheckVerdict::NoGo);
    let took = in_words(begun.elapsed());
    PhaseReport { phase, release: release.map(str::to_owned), at, took, verdict, checks: reports }
}

/// The probes that run at the same time, each with the longest that a check gives it, and when they have to be done.
struct Turn {
    probes: Vec<(String, ProbeKind, Duration)>,
    until: Duration,
}

/// The turns within a budget. Those that run alone keep what they may take, out of at most half of it: a probe with a generous
/// deadline must not leave all others without any time.
fn turns(wanted: Vec<(String, ProbeKind, Duration)>, budget: Duration) -> Vec<Turn> {
    let (alone, beside): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(_, kind, _)| kind.alone());
    let kept = alone.iter().fold(Duration::ZERO, |sum, (.., within)| sum.saturating_add(*within));
    let kept = kept.min(budget.checked_div(2).unwrap_or_default());
    let first = Turn { probes: beside, until: budget.saturating_sub(kept) };
    let others = alone.into_iter().map(|probe| Turn { probes: vec![probe], until: budget });
    std::iter::once(first).chain(others).collect()
}

/// The reports of the checks, in the order in which they are done.
async fn made(
    checks: &[&Check],
    probes: &BTreeMap<String, ProbeKind>,
    release: Option<&str>,
    budget: Duration,
    told: &mut (dyn FnMut(&CheckReport) + Send),
) -> Vec<CheckReport> {
    let begun = Instant::now();
    let secrets = secrets(probes);
    let mut reports = Vec::with_capacity(checks.len());
    let mut report = |name: &str, result: Result<Probed, ProbeError>| {
        let nothing = |error| Probed {
            at: Timestamp::from_nanos(super::deadline::now()),
            took: Duration::ZERO,
            result: Err(error),
        };
        let probed = conceal(result.unwrap_or_else(nothing), &secrets);
        for check in checks.iter().filter(|check| check.probe == name) {
            let report = judged(check, &probed);
            told(&report);
            reports.push(report);
        }
    };
    let mut wanted: Vec<(String, ProbeKind, Duration)> = Vec::new();
    let mut missing: BTreeSet<&str> = BTreeSet::new();
    for check in checks {
        let within = check.within.to_std();
        match (wanted.iter_mut().find(|(name, ..)| *name == check.probe), probes.get(&check.probe)) {
            (Some((.., longest)), _) => *longest = within.max(*longest),
            (None, Some(kind)) => {
                let kind = release.map_or_else(|| kind.clone(), |release| kind.clone().of_release(release));
                wanted.push((check.probe.clone(), kind, within));
            }
            (None, None) => drop(missing.insert(&check.probe)),
        }
    }
    for name in missing {
        report(name, Err(ProbeError::Setting(no_probe(name, probes))));
    }
    for turn in turns(wanted, budget) {
        let left = whole_millis(turn.until.saturating_sub(begun.elapsed()));
        let mut waited: BTreeSet<String> = BTreeSet::new();
        let mut jobs = JoinSet::new();
        for (name, kind, within) in turn.probes {
            if left.is_zero() {
                report(&name, Err(ProbeError::NoTurn(budget)));
                continue;
            }
            waited.insert(name.clone());
            jobs.spawn(async move { (name, probe(&kind, within.min(left)).await) });
        }
        while let Some(done) = jobs.join_next().await {
            // one that came to a bad end is told of below
            if let Ok((name, probed)) = done {
                waited.remove(&name);
                report(&name, Ok(probed));
            }
        }
        for name in waited {
            report(&name, Err(ProbeError::Unanswered("the probe came to a bad end".to_owned())));
        }
    }
    reports
}

/// Why there is no probe of a name.
fn no_probe(name: &str, probes: &BTreeMap<String, ProbeKind>) -> String {
    let known: Vec<String> = probes.keys().map(|name| format!("`{name}`")).collect();
    match known.is_empty() {
        true => format!("the configuration has no probe `{name}`, and no other"),
        false => format!("the configuration has no probe `{name}`: it has {}", known.join(", ")),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::routing::post;
    use spark_core::TimeSpan;

    use super::super::{Burst, Program, Web};
    use super::*;

    /// Checks that pass where their probes answer at all.
    fn checks(names: &[&str], within: &str) -> Vec<Check> {
        let one = |name: &&str| {
            format!(
                "check {name} {{ in redteam  probe {name}  measure n is count  pass when n >= 0  else no-go  within {within}  evidence \"{name}.json\" }}\n"
            )
        };
        let text = format!("edition 2026\n{}", names.iter().map(one).collect::<String>());
        let none = &mut |_: &str| Err("no other file".to_owned());
        spark_rules::load("checks.rules", &text, none).unwrap().policy.checks().to_vec()
    }

    fn program(script: &str) -> ProbeKind {
        Program::plain(["sh", "-c", script].map(str::to_owned).to_vec()).into()
    }

    /// A probe that loads a path of a service, `times` requests at once.
    fn burst(port: u16, path: &str, times: u32) -> ProbeKind {
        let web = Web {
            token_file: None,
            ca_file: None,
            timeout: TimeSpan::from_seconds(30),
            allow: vec![format!("127.0.0.1:{port}").parse().unwrap()],
        };
        Burst {
            url: format!("http://127.0.0.1:{port}/{path}"),
            key_header: "idempotency-key".to_owned(),
            headers: Vec::new(),
            body: "a".to_owned(),
            other_body: "b".to_owned(),
            times,
            web,
        }
        .into()
    }

    async fn serve(app: Router) -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        port
    }

    async fn report(
        checks: &[Check],
        probes: Vec<(&str, ProbeKind)>,
        budget: Duration,
    ) -> BTreeMap<String, String> {
        let of_phase: Vec<&Check> = checks.iter().collect();
        let probes = probes.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        let reports = made(&of_phase, &probes, None, budget, &mut |_| {}).await;
        assert_eq!(reports.len(), checks.len());
        reports.into_iter().map(|report| (report.check, report.judged.words)).collect()
    }

    /// Probes that load what they ask run when all others are done, in the order of the rules, and never two of them at once.
    #[tokio::test]
    async fn loaders_run_alone() {
        let (seen, quiet): (Arc<Mutex<Vec<String>>>, _) = (Arc::default(), tempfile::tempdir().unwrap());
        let (log, folder, busy) = (Arc::clone(&seen), quiet.path().join("done"), Arc::new(AtomicU32::new(0)));
        let answer = move |axum::extract::Path(path): axum::extract::Path<String>| async move {
            let at_once = busy.fetch_add(1, Ordering::SeqCst);
            let quiet_is_done = folder.exists();
            tokio::time::sleep(Duration::from_millis(20)).await;
            busy.fetch_sub(1, Ordering::SeqCst);
            log.lock().unwrap().push(format!("{path} {quiet_is_done} {}", at_once < 4));
            "x"
        };
        let port = serve(Router::new().route("/{path}", post(answer))).await;
        let done = quiet.path().join("done").display().to_string();
        let slow = program(&format!("sleep 0.4; touch {done}; echo '{{\"values\":{{\"n\":1}}}}'"));
        let probes =
            vec![("second", burst(port, "second", 4)), ("first", burst(port, "first", 4)), ("slow", slow)];
        report(&checks(&["first", "slow", "second"], "30s"), probes, Duration::from_secs(60)).await;
        let expected: Vec<String> =
            ["first", "second"].iter().flat_map(|path| vec![format!("{path} true true"); 6]).collect();
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    /// A phase ends with its budget, whatever its probes do: those beside each other leave time for those that run alone, and one
    /// whose turn does not come is unknown.
    #[tokio::test]
    async fn at_the_budget() {
        let hang = || post(|| async { std::future::pending::<()>().await });
        let port = serve(Router::new().route("/a", hang()).route("/b", hang())).await;
        let probes =
            || vec![("a", burst(port, "a", 2)), ("b", burst(port, "b", 2)), ("hangs", program("sleep 100"))];
        let begun = Instant::now();
        let told = report(&checks(&["a", "b", "hangs"], "9s"), probes(), Duration::from_secs(2)).await;
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        let cut = |name: &str| told[name].strip_prefix("unknown: no answer within ").map(str::to_owned);
        assert!(cut("hangs").unwrap().ends_with("ms"), "half of two seconds is kept: {told:?}");
        assert!(cut("a").is_some(), "{told:?}");
        assert_eq!(told["b"], "unknown: it was not its turn within the 2s that all checks of the phase have");
        // where they need less than half, the others have what is left
        let told = report(&checks(&["hangs", "a"], "1s"), probes(), Duration::from_secs(30)).await;
        assert_eq!((told["hangs"].as_str(), told["a"].as_str()), {
            let cut = "unknown: no answer within 1s";
            (cut, cut)
        });
    }
}
