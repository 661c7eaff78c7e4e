//! The live loop on a clock of its own: what it moves, what it records, and that the record gives the same again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spark_core::{
    Comparison, Condition, Dimension, Expression, Level, PerTime, Plan, Policy, PolicyParts, Quantity,
    Reading, Relation, Sample, Severity, SignalId, Source, SourceSpan, Stage, Test, TimeSpan, Timestamp,
    Track, Trigger, Unit,
};
use spark_runtime::action::{ActionOutcome, Actions, Measured, Order};
use spark_runtime::audit::{JOURNAL_NAME, JournalError, RuleText, replay_journal};
use spark_runtime::evidence::{self, EvidenceError, ReleaseId};
use spark_runtime::runner::{self, Clock, Ending, Outcome, Release, RunEvent, SampleSource};

use crate::policies;

const EVERY: TimeSpan = TimeSpan::from_nanos(100_000_000);

fn compare(relation: Relation, literal: &str) -> Condition {
    Condition::Compare(Box::new(Comparison {
        left: Expression::Signal(SignalId(0)),
        test: Test::Is(relation, Expression::Literal(Quantity::parse(literal).unwrap().value)),
        unit: Unit::of(Dimension::Duration),
        per: PerTime::Second,
        span: SourceSpan::default(),
    }))
}

/// `p95`, expected at most 200 ms; rolled back above 400 ms for 300 ms; three stages of 500 ms.
fn policy() -> Arc<Policy> {
    let span = SourceSpan::default();
    let mut p95 = policies::signal("p95", Unit::of(Dimension::Duration), Source::Push);
    p95.stale_after = EVERY.times(3);
    p95.expectation = Some(compare(Relation::AtMost, "200ms"));
    let condition =
        Condition::Held { condition: Box::new(compare(Relation::Above, "400ms")), duration: EVERY.times(3) };
    let trigger = Trigger {
        name: "latency".to_owned(),
        title: None,
        levels: vec![Level { severity: Severity::Rollback, condition, span }],
        clear: None,
        given: None,
        unless: vec![],
        unknown_rollback_after: None,
        runbook: None,
        owner: None,
        span,
    };
    let stage = |share_bp| Stage { share_bp, duration: EVERY.times(5), approval: false, span };
    let plan = Plan {
        name: "canary".to_owned(),
        title: None,
        stages: vec![stage(100), stage(2_500), stage(10_000)],
        proceed: Some(Condition::EveryExpectation),
        warmup: TimeSpan::ZERO,
        watch: TimeSpan::ZERO,
        span,
    };
    let parts = PolicyParts { every: EVERY, signals: vec![p95], triggers: vec![trigger], plans: vec![plan] };
    Arc::new(Policy::new(parts).unwrap())
}

/// A clock that is where it was last told to be.
#[derive(Clone, Default)]
struct TestClock(Arc<Mutex<Timestamp>>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut now = self.0.lock().unwrap();
        *now = at.max(*now);
    }
}

/// What p95 is at the instant with this number, in milliseconds; none hangs.
struct Script(fn(i64) -> Option<i64>);

impl SampleSource for Script {
    async fn samples(&mut self, at: Timestamp) -> Vec<Sample> {
        match self.0(at.nanos().div_euclid(EVERY.nanos())) {
            None => std::future::pending().await,
            Some(millis) => {
                let reading = Reading::Value(rust_decimal::Decimal::new(millis, 3));
                vec![Sample { signal: SignalId(0), track: Track::Canary, at, reading }]
            }
        }
    }
}

/// Traffic that remembers what was asked of it, and fails what it is told to fail.
#[derive(Clone, Default)]
struct Switch {
    asked: Arc<Mutex<Vec<String>>>,
    failing: &'static [&'static str],
}

impl Switch {
    fn answer(&self, asked: String) -> ActionOutcome {
        let fails = self.failing.contains(&asked.as_str());
        self.asked.lock().unwrap().push(asked);
        match fails {
            true => ActionOutcome::failed("exit status 3"),
            false => ActionOutcome::done("switched"),
        }
    }
}

impl Actions for Switch {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.answer(format!("{}%", order.percent()))
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.answer(format!("back because {}", order.reason))
    }

    async fn measure_share(&mut self, _order: &Order) -> Measured {
        Measured::unknown("this switch has no probe")
    }
}

struct Walked {
    outcome: Outcome,
    asked: Vec<String>,
    _dir: tempfile::TempDir,
}

impl Walked {
    fn folder(&self) -> &Path {
        self.outcome.evidence.path()
    }
}

/// A clock that was set back by a day just after the start, so that no instant ever comes.
struct SetBack;

impl Clock for SetBack {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}

/// Walks the plan; stops it after that many decisions.
fn walk(script: fn(i64) -> Option<i64>, failing: &'static [&'static str], stop_after: usize) -> Walked {
    walk_by(TestClock::default(), script, failing, stop_after)
}

fn walk_by(
    clock: impl Clock,
    script: fn(i64) -> Option<i64>,
    failing: &'static [&'static str],
    stop_after: usize,
) -> Walked {
    let dir = tempfile::tempdir().unwrap();
    let release = Release {
        id: ReleaseId::new("r1").unwrap(),
        policy: policy(),
        plan: "canary".to_owned(),
        rules: vec![RuleText { name: "dir/release.rules".to_owned(), text: "edition 2026\n".to_owned() }],
        evidence: dir.path().join("evidence"),
    };
    let switch = Switch { failing, ..Switch::default() };
    let decided = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&decided);
    let observer = move |event: &RunEvent<'_>| {
        if matches!(event, RunEvent::Decided { .. }) {
            seen.fetch_add(1, Ordering::SeqCst);
        }
    };
    let stop = async move {
        while decided.load(Ordering::SeqCst) < stop_after {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = runner::run(release, Script(script), switch.clone(), clock, observer, stop);
    let outcome = runtime.block_on(run).unwrap();
    let asked = switch.asked.lock().unwrap().clone();
    Walked { outcome, asked, _dir: dir }
}

/// A clock that was set back leaves no canary unwatched: the loop goes on at its own pace, and a bad one goes back.
#[test]
fn clock_set_back() {
    let walked = walk_by(SetBack, |_| Some(500), &[], 40);
    let because = vec!["latency".to_owned()];
    assert_eq!(walked.outcome.ending, Ending::RolledBack { stage: 0, because }, "{:?}", walked.asked);
    assert_eq!(walked.asked, ["1%", "back because latency"]);
}

/// A good release walks every stage to the end, and its journal gives the same decisions again.
#[test]
fn completes() {
    let walked = walk(|_| Some(120), &[], usize::MAX);
    assert_eq!(walked.outcome.ending, Ending::Completed);
    assert_eq!(walked.asked, ["1%", "25%", "100%"]);
    assert_eq!(walked.outcome.stages.len(), 3);
    for stage in &walked.outcome.stages {
        assert_eq!(stage.signals.len(), 1);
        assert_eq!(stage.signals[0].met, Some(true), "{stage:?}");
        assert_eq!(stage.signals[0].value.as_deref(), Some("120ms"));
        assert!(stage.left.is_some());
    }
    let told = replay_journal(walked.folder()).unwrap();
    assert_eq!(told.result.as_deref(), Some("completed"));
    let decisions: u64 = walked.outcome.stages.iter().map(|stage| stage.evaluations).sum();
    assert_eq!(told.decisions, decisions);
}

/// A bad release is taken back once, because of its trigger, and gets no more traffic.
#[test]
fn rolls_back() {
    let walked = walk(|n| Some(if n < 8 { 120 } else { 450 }), &[], usize::MAX);
    let because = vec!["latency".to_owned()];
    assert_eq!(walked.outcome.ending, Ending::RolledBack { stage: 1, because });
    assert_eq!(walked.asked, ["1%", "25%", "back because latency"]);
    let told = replay_journal(walked.folder()).unwrap();
    assert_eq!(told.result.as_deref(), Some("rolled back: latency"));
}

/// A share that cannot be set leaves nobody knowing where the traffic is: all of it is taken back.
#[test]
fn failed_share_goes_back() {
    let walked = walk(|_| Some(120), &["25%"], usize::MAX);
    let failure = "giving 25% to the canary failed: exit status 3";
    let because = vec![failure.to_owned()];
    assert_eq!(walked.outcome.ending, Ending::RolledBack { stage: 1, because });
    assert_eq!(walked.asked, ["1%", "25%", &format!("back because {failure}")]);
    replay_journal(walked.folder()).unwrap();
}

/// A rollback that fails is not tried again and not called a rollback: a person has to look.
#[test]
fn failed_rollback_is_a_failure() {
    let walked = walk(|_| Some(450), &["back because latency"], usize::MAX);
    let Ending::Failed { reason } = &walked.outcome.ending else { panic!("{:?}", walked.outcome.ending) };
    assert!(reason.contains("exit status 3") && reason.contains("may still get traffic"), "{reason}");
    assert_eq!(walked.asked, ["1%", "back because latency"]);
    replay_journal(walked.folder()).unwrap();
}

/// Stopping moves nothing, and the evidence says how far it came.
#[test]
fn stops() {
    let walked = walk(|_| Some(300), &[], 3);
    assert_eq!(walked.outcome.ending, Ending::Stopped);
    assert_eq!(walked.asked, ["1%"]);
    assert_eq!(walked.outcome.stages[0].signals[0].met, Some(false));
    assert_eq!(replay_journal(walked.folder()).unwrap().result.as_deref(), Some("stopped"));
}

/// A source that does not answer makes its signals unknown, which holds; the loop goes on.
#[test]
fn silent_source_holds() {
    let walked = walk(|_| None, &[], 3);
    assert_eq!(walked.outcome.ending, Ending::Stopped);
    let decision = walked.outcome.decision.as_ref().unwrap();
    assert_eq!(decision.verdict, spark_core::Verdict::Hold);
    assert_eq!(decision.because, ["latency", "p95"]);
    replay_journal(walked.folder()).unwrap();
}

/// A journal in which a decision, a sample or a step was changed, lost or cut off is found out.
#[test]
fn changed_journal() {
    let walked = walk(|n| Some(if n < 8 { 120 } else { 450 }), &[], usize::MAX);
    let path = walked.folder().join(JOURNAL_NAME);
    let good = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let find = |word: &str| lines.iter().position(|line| line.contains(word)).unwrap();
    let check = |text: String, what: &str| {
        assert!(text != good, "{what}");
        std::fs::write(&path, text).unwrap();
        let error = replay_journal(walked.folder()).expect_err(what);
        assert!(
            matches!(error, JournalError::Differs { .. } | JournalError::Malformed { .. }),
            "{what}: {error}"
        );
    };
    check(good.replacen("\"verdict\":\"rollback\"", "\"verdict\":\"hold\"", 1), "another verdict");
    check(good.replacen("{\"value\":\"0.450\"}", "{\"value\":\"0.120\"}", 1), "another value");
    check(good.replacen("\"share_bp\":2500", "\"share_bp\":5000", 1), "another share");
    check(good.replacen("\"seq\":3,", "\"seq\": 3,", 1), "other bytes");
    check(good.trim_end().to_owned(), "cut off");
    for word in ["\"fact\":\"sample\"", "\"fact\":\"step\"", "\"fact\":\"evaluate\"", "\"fact\":\"stage\""] {
        let mut fewer = lines.clone();
        fewer.remove(find(word));
        check(fewer.join("\n") + "\n", word);
    }
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    check(swapped.join("\n") + "\n", "two lines in another order");
    std::fs::write(&path, &good).unwrap();
    replay_journal(walked.folder()).unwrap();
}

/// Sealed evidence verifies; whatever is changed, lost, added or linked in it is found, and so is any other key.
#[test]
fn tampered_evidence() {
    let walked = walk(|_| Some(120), &[], usize::MAX);
    let key = evidence::throw_away_key().unwrap();
    let sealed = walked.outcome.seal(&key).unwrap();
    let folder = walked.folder();
    let public = evidence::public_key(&evidence::key_beside(folder)).unwrap();
    assert_eq!(evidence::verify(folder, &public).unwrap(), sealed);

    let untrue = |what: &str| {
        let error = evidence::verify(folder, &public).expect_err(what);
        assert!(error.is_untrue(), "{what}: {error}");
        error.to_string()
    };
    let journal = folder.join(JOURNAL_NAME);
    let good = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &good[..good.len() - 1]).unwrap();
    assert_eq!(untrue("shortened"), "the content is not what was sealed: `journal.jsonl` was changed");
    std::fs::remove_file(&journal).unwrap();
    assert_eq!(untrue("removed"), "the content is not what was sealed: `journal.jsonl` is missing");
    #[cfg(unix)]
    {
        let elsewhere = folder.parent().unwrap().join("elsewhere");
        std::fs::write(&elsewhere, &good).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &journal).unwrap();
        assert_eq!(untrue("linked"), "`journal.jsonl` cannot be evidence: it is a symbolic link");
        std::fs::remove_file(&journal).unwrap();
    }
    std::fs::write(&journal, &good).unwrap();
    std::fs::write(folder.join("stages/more.json"), "{}").unwrap();
    assert_eq!(untrue("added"), "the content is not what was sealed: `stages/more.json` was added");
    std::fs::remove_file(folder.join("stages/more.json")).unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    assert_eq!(untrue("folder"), "`empty` cannot be evidence: it is an empty folder");
    std::fs::remove_dir(folder.join("empty")).unwrap();
    evidence::verify(folder, &public).unwrap();

    let other = evidence::throw_away_key().unwrap().verifying_key();
    assert!(matches!(evidence::verify(folder, &other), Err(EvidenceError::BadSignature { .. })));
}

/// No byte of the seal can change, go or come unnoticed.
#[test]
fn every_byte_of_the_seal() {
    let walked = walk(|_| Some(120), &[], usize::MAX);
    let key = evidence::throw_away_key().unwrap();
    walked.outcome.seal(&key).unwrap();
    let path = walked.folder().join(evidence::SEAL_NAME);
    let good = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8], what: String| {
        std::fs::write(&path, bytes).unwrap();
        let error = evidence::verify(walked.folder(), &key.verifying_key()).expect_err(&what);
        assert!(error.is_untrue(), "{what}: {error}");
    };
    // the payload is one text under one signature: a sample of its bytes, and every other byte
    let payload = good.windows(11).position(|bytes| bytes == b"\"payload\":\"").unwrap() + 11;
    let payload_end = payload + good[payload..].iter().position(|byte| *byte == b'"').unwrap();
    let sampled = (0..good.len()).filter(|place| !(payload..payload_end).contains(place) || place % 37 == 0);
    for place in sampled {
        let mut changed = good.clone();
        changed[place] ^= 1;
        check(&changed, format!("byte {place} changed"));
    }
    check(&good[..good.len() - 1], "the last byte lost".to_owned());
    check(&[&good[..], b"\n"].concat(), "a byte more".to_owned());
    check(b"", "emptied".to_owned());
    std::fs::remove_file(&path).unwrap();
    let gone = evidence::verify(walked.folder(), &key.verifying_key());
    assert!(matches!(gone, Err(EvidenceError::NotSealed(_))));
}

/// A release's name stays within the evidence folder, and its evidence is written once.
#[test]
fn release_names() {
    for bad in ["", ".", "..", "../up", "a/b", "-x", "a b", "é", "1.0.pub", &"x".repeat(129)] {
        assert!(ReleaseId::new(bad).is_err(), "{bad}");
    }
    for good in ["1.2.3", "2026-01-05.1", "v1_rc-2", &"x".repeat(128)] {
        assert!(ReleaseId::new(good).is_ok(), "{good}");
    }
}

/// Keys are in the PEM that others read, the private half for its owner alone, and never overwritten.
#[test]
fn keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release.key");
    let (key, public) = evidence::keygen(&path).unwrap();
    assert_eq!(evidence::private_key(&path).unwrap().verifying_key(), key.verifying_key());
    // without the public half, as `openssl genpkey` writes it: OpenSSL 3.0 reads no other
    let text = std::fs::read_to_string(&path).unwrap();
    let body = text.lines().nth(1).unwrap();
    assert!(body.starts_with("MC4CAQAwBQYDK2VwBCIEI") && body.len() == 64, "not of version 1");
    assert_eq!(evidence::public_key(&public).unwrap(), key.verifying_key());
    assert!(std::fs::read_to_string(&public).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(matches!(evidence::keygen(&path), Err(EvidenceError::KeyExists(_))));
    std::fs::remove_file(&public).unwrap();
    assert!(matches!(evidence::keygen(&path), Err(EvidenceError::KeyExists(_))));
    assert!(matches!(evidence::public_key(&path), Err(EvidenceError::BadKey { .. })));
}
