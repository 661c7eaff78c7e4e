//! The live loop on a clock of its own: what it moves, what it records, and that the record gives the same again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use spark_core::rollout::{Controller, Ending, Fact, Pace, RolloutState, RuleText, Step, Word};
use spark_core::{
    Comparison, Condition, Dimension, Expression, Level, PerTime, Plan, Policy, PolicyParts, Quantity,
    Reading, Relation, Sample, Severity, SignalId, Source, SourceSpan, Stage, Test, TimeSpan, Timestamp,
    Track, Trigger, Unit,
};
use spark_runtime::action::{ActionOutcome, Actions, Measured, Order};
use spark_runtime::audit::fold;
use spark_runtime::evidence::{self, EvidenceError, ReleaseId};
use spark_runtime::release::{JOURNAL_NAME, Left, OpenRelease, read};
use spark_runtime::runner::{self, Clock, Inbox, NewRules, Ports, Release, RunEnd, SampleSource, Spoken};

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
        // whoever can go on does so first
        tokio::task::yield_now().await;
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

/// Traffic that remembers what was asked of it, and fails as it is told to.
#[derive(Clone, Default)]
struct Switch {
    asked: Arc<Mutex<Vec<String>>>,
    share: Arc<Mutex<u16>>,
    /// What fails, and how often; it does nothing then.
    failing: Arc<Mutex<Vec<(&'static str, u32)>>>,
    /// Whether the probe is blind.
    blind: bool,
}

impl Switch {
    fn answer(&self, asked: String, share_bp: u16) -> ActionOutcome {
        let mut failing = self.failing.lock().unwrap();
        let fault = failing.iter_mut().find(|(name, times)| *name == asked && *times > 0);
        self.asked.lock().unwrap().push(asked);
        match fault {
            Some((_, times)) => {
                *times -= 1;
                ActionOutcome::failed("exit status 3")
            }
            None => {
                *self.share.lock().unwrap() = share_bp;
                ActionOutcome::done("switched")
            }
        }
    }
}

impl Actions for Switch {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.answer(format!("{}%", order.percent()), order.share_bp)
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.answer(format!("back because {}", order.reason), 0)
    }

    async fn measure_share(&mut self, _: &Order) -> Measured {
        match self.blind {
            true => Measured::unknown("the probe is blind"),
            false => Measured::share(*self.share.lock().unwrap(), "the switch says so"),
        }
    }
}

/// Words that are said once that many decisions were made.
struct Speaker {
    words: Vec<(usize, Word)>,
    decided: Arc<AtomicUsize>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Inbox for Speaker {
    async fn next(&mut self) -> Spoken {
        loop {
            if let Some((after, word)) = self.words.first()
                && self.decided.load(Ordering::SeqCst) >= *after
            {
                let word = word.clone();
                self.words.remove(0);
                return Spoken { id: 1, by: "ada".to_owned(), because: "a test".to_owned(), word };
            }
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&mut self, spoken: &Spoken, answer: Result<String, String>) {
        let words = match answer {
            Ok(_) => format!("{} ok", spoken.word.as_str()),
            Err(refusal) => format!("{}: {refusal}", spoken.word.as_str()),
        };
        self.answers.lock().unwrap().push(words);
    }
}

/// A run to be made.
struct Walk {
    script: fn(i64) -> Option<i64>,
    switch: Switch,
    words: Vec<(usize, Word)>,
    stop_after: usize,
    dir: Arc<tempfile::TempDir>,
    policy: Arc<Policy>,
    reload: Box<dyn FnMut() -> Option<Result<NewRules, String>> + Send>,
}

struct Walked {
    left: Left,
    asked: Vec<String>,
    answers: Vec<String>,
    facts: Vec<Fact>,
    _dir: Arc<tempfile::TempDir>,
}

impl Walked {
    fn folder(&self) -> &Path {
        self.left.folder.path()
    }

    fn ending(&self) -> &Ending {
        let RunEnd::Ended(ending) = &self.left.end else { panic!("{:?}", self.left.end) };
        ending
    }
}

impl Walk {
    fn of(script: fn(i64) -> Option<i64>) -> Self {
        Self {
            script,
            switch: Switch::default(),
            words: Vec::new(),
            stop_after: usize::MAX,
            dir: Arc::new(tempfile::tempdir().unwrap()),
            policy: policy(),
            reload: Box::new(runner::no_reload),
        }
    }

    fn failing(self, name: &'static str, times: u32) -> Self {
        self.switch.failing.lock().unwrap().push((name, times));
        self
    }

    fn saying(mut self, after: usize, word: Word) -> Self {
        self.words.push((after, word));
        self
    }

    fn until(mut self, decisions: usize) -> Self {
        self.stop_after = decisions;
        self
    }

    fn walk(self) -> Walked {
        let id = ReleaseId::new("r1").unwrap();
        let open = OpenRelease::open(&self.dir.path().join("evidence"), &id).unwrap();
        let release = Release {
            id: "r1".to_owned(),
            policy: self.policy,
            plan: "canary".to_owned(),
            rules: vec![RuleText { name: "dir/release.rules".to_owned(), text: "edition 2026\n".to_owned() }],
            pace: Pace {
                verify_within: EVERY.times(20),
                rollback_within: EVERY.times(50),
                retry_after: EVERY,
                probe_every: EVERY.times(5),
            },
            opens: None,
        };
        let decided = Arc::new(AtomicUsize::new(0));
        let facts = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(Vec::new()));
        let (seen, kept) = (Arc::clone(&decided), Arc::clone(&facts));
        let observer = move |fact: &Fact, _: &Controller| {
            if matches!(fact, Fact::Decided { .. }) {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            kept.lock().unwrap().push(fact.clone());
        };
        let clock = TestClock::default();
        if let Some(folded) = &open.folded {
            *clock.0.lock().unwrap() = folded.last;
        }
        let inbox =
            Speaker { words: self.words, decided: Arc::clone(&decided), answers: Arc::clone(&answers) };
        let ports = Ports {
            source: Script(self.script),
            actions: self.switch.clone(),
            journal: open.journal,
            clock,
            inbox,
            observer,
            freeze: Box::new(|_| None),
            reload: self.reload,
            deadline: EVERY,
        };
        let stop_after = self.stop_after;
        let stop = async move {
            while decided.load(Ordering::SeqCst) < stop_after {
                tokio::task::yield_now().await;
            }
        };
        let begin = OpenRelease::begin(open.folded, || release);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let left = runtime.block_on(async {
            let outcome = runner::run(begin, ports, stop).await.unwrap();
            Left::of(outcome, open.folder).await.unwrap()
        });
        let asked = self.switch.asked.lock().unwrap().clone();
        let (answers, facts) = (answers.lock().unwrap().clone(), facts.lock().unwrap().clone());
        Walked { left, asked, answers, facts, _dir: self.dir }
    }
}

/// A good release walks every stage to the end, and its journal gives the same decisions again.
#[test]
fn completes() {
    let walked = Walk::of(|_| Some(120)).walk();
    assert_eq!(*walked.ending(), Ending::Completed);
    assert_eq!(walked.asked, ["1%", "25%", "100%"]);
    let stages = walked.left.chronicle.stages();
    assert_eq!(stages.len(), 3);
    for stage in stages {
        assert_eq!(stage.signals.len(), 1);
        assert_eq!(stage.signals[0].met, Some(true), "{stage:?}");
        assert_eq!(stage.signals[0].value.as_deref(), Some("120ms"));
        assert!(stage.left.is_some());
    }
    assert_eq!(walked.left.folded.ending, Some(Ending::Completed));
}

/// A bad release is taken back once, because of its trigger, and gets no more traffic.
#[test]
fn rolls_back() {
    let walked = Walk::of(|n| Some(if n < 9 { 120 } else { 450 })).walk();
    let because = vec!["latency".to_owned()];
    assert_eq!(*walked.ending(), Ending::RolledBack { stage: 1, because });
    assert_eq!(walked.asked, ["1%", "25%", "back because latency"]);
}

/// A step that failed is tried again under the same key once the traffic was measured, and not before.
#[test]
fn failed_share_is_tried_again() {
    let walked = Walk::of(|_| Some(120)).failing("25%", 2).walk();
    assert_eq!(*walked.ending(), Ending::Completed);
    assert_eq!(walked.asked, ["1%", "25%", "25%", "25%", "100%"]);
    let tries: Vec<_> = walked
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Intent { id, attempt, .. } => Some((id.number, *attempt)),
            Fact::Probed { .. } => Some((0, 0)),
            _ => None,
        })
        .skip_while(|(number, _)| *number != 2)
        .take(6)
        .collect();
    assert_eq!(tries, [(2, 1), (0, 0), (2, 2), (0, 0), (2, 3), (0, 0)]);
}

/// A share that no probe sees within its time is taken back.
#[test]
fn unseen_share_goes_back() {
    let walked = Walk::of(|_| Some(120)).failing("25%", u32::MAX).walk();
    let failure = "the canary's traffic is 1% where it should be 25%";
    assert_eq!(*walked.ending(), Ending::RolledBack { stage: 1, because: vec![failure.to_owned()] });
    assert_eq!(walked.asked.last().unwrap(), &format!("back because {failure}"));
}

/// A rollback that no probe sees is tried for as long as it may take, and is never called one: it is unverified, and taken up again.
#[test]
fn unverified_rollback() {
    let walk = Walk::of(|_| Some(450)).failing("back because latency", u32::MAX);
    let (dir, switch) = (Arc::clone(&walk.dir), walk.switch.clone());
    let walked = walk.walk();
    let because = vec!["latency".to_owned()];
    assert_eq!(*walked.ending(), Ending::Unverified { stage: 0, because: because.clone() });
    assert!(walked.asked.len() > 20, "{}", walked.asked.len());
    switch.failing.lock().unwrap().clear();
    let again = Walk { dir, switch, ..Walk::of(|_| Some(450)) }.walk();
    assert_eq!(*again.ending(), Ending::RolledBack { stage: 0, because });
}

/// Where nobody can measure the traffic, a rollback is never called done.
#[test]
fn blind_probe() {
    let walk = Walk::of(|_| Some(120));
    let walked = Walk { switch: Switch { blind: true, ..Switch::default() }, ..walk }.walk();
    let Ending::Unverified { stage: 0, because } = walked.ending() else { panic!("{:?}", walked.ending()) };
    assert_eq!(because[0], "the canary's traffic is not known where it should be 1%");
}

/// Stopping moves nothing, and whoever takes the rollout up again goes on in the same stage, the time served kept.
#[test]
fn stops_and_goes_on() {
    let walk = Walk::of(|_| Some(120)).until(4);
    let (dir, switch) = (Arc::clone(&walk.dir), walk.switch.clone());
    let walked = walk.walk();
    assert_eq!(walked.left.end, RunEnd::Stopped);
    assert_eq!(walked.asked, ["1%"]);
    let served = walked.left.folded.controller.rollout().served();
    assert!(!served.is_zero());
    let again = Walk { dir, switch, ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!(*again.ending(), Ending::Completed);
    assert_eq!(again.asked, ["1%", "25%", "100%"]);
    let all = read(again.folder()).unwrap();
    assert!(all.iter().any(|record| record.fence == 2), "the second runner has a fence of its own");
    assert!(fold(&all, &mut |_: &_, _: &_| {}).unwrap().controller.rollout().is_over());
}

/// Traffic that somebody took back while nobody ran is not given again.
#[test]
fn moved_while_nobody_ran() {
    let walk = Walk::of(|_| Some(120)).until(8);
    let (dir, switch) = (Arc::clone(&walk.dir), walk.switch.clone());
    let walked = walk.walk();
    assert_eq!(walked.asked, ["1%", "25%"]);
    *switch.share.lock().unwrap() = 0;
    let again = Walk { dir, switch, ..Walk::of(|_| Some(120)) }.walk();
    let Ending::RolledBack { because, .. } = again.ending() else { panic!("{:?}", again.ending()) };
    assert_eq!(because[0], "the canary's traffic is 0% where it should be 25%");
}

/// A source that does not answer makes its signals unknown, which holds; the loop goes on.
#[test]
fn silent_source_holds() {
    let walked = Walk::of(|_| None).until(3).walk();
    assert_eq!(walked.left.end, RunEnd::Stopped);
    let decision = walked.left.chronicle.decision().unwrap();
    assert_eq!(decision.verdict, spark_core::Verdict::Hold);
    assert_eq!(decision.because, ["latency", "p95"]);
}

/// An operator's words do what they say, and what they cannot mean is refused with its reason.
#[test]
fn operators_words() {
    let back = Word::Rollback { reason: "orders are lost".to_owned(), stage: Some(1) };
    let walked = Walk::of(|_| Some(120))
        .saying(2, Word::Hold)
        .saying(2, Word::Hold)
        .saying(2, Word::Promote)
        .saying(10, Word::Resume)
        .saying(10, Word::Approve)
        .saying(12, Word::Promote)
        .saying(14, back.clone())
        .walk();
    assert_eq!(
        walked.answers,
        [
            "hold ok",
            "hold: it is held already",
            "promote: it is held or frozen: say `resume` first, or wait until the freeze is over",
            "resume ok",
            "approve: no stage is waiting for approval, and the next one needs none",
            "promote ok",
            "rollback ok",
        ]
    );
    assert_eq!(walked.asked, ["1%", "25%", "back because ada: orders are lost"]);
}

/// Abort ends the rollout and leaves the traffic where it is.
#[test]
fn aborts() {
    let walked = Walk::of(|_| Some(120)).saying(3, Word::Abort).walk();
    assert_eq!(*walked.ending(), Ending::Aborted { by: "ada".to_owned(), share_bp: Some(100) });
    assert_eq!(walked.asked, ["1%"]);
}

/// A trigger that is overridden asks for nothing, and for everything once the time is over.
#[test]
fn overrides() {
    let until = Timestamp::EPOCH.plus(EVERY.times(40));
    let word = Word::Override { trigger: "latency".to_owned(), until };
    let walked = Walk::of(|n| Some(if n < 3 { 120 } else { 450 })).saying(2, word).walk();
    let back = walked.facts.iter().find_map(|fact| match fact {
        Fact::Decided { decision } if decision.verdict == spark_core::Verdict::Rollback => Some(decision.at),
        _ => None,
    });
    assert_eq!(back, Some(until));
    let unknown = Word::Override { trigger: "no_such".to_owned(), until };
    let walked = Walk::of(|_| Some(120)).saying(2, unknown).walk();
    assert_eq!(walked.answers, ["override: the rules have no trigger `no_such`"]);
}

/// A stage that needs approval waits for it, and nothing else is asked.
#[test]
fn approvals() {
    let gated = || {
        let policy = policy();
        let mut plans = policy.plans().to_vec();
        plans[0].stages[1].approval = true;
        let parts = PolicyParts {
            every: EVERY,
            signals: policy.signals().to_vec(),
            triggers: policy.triggers().to_vec(),
            plans,
        };
        Arc::new(Policy::new(parts).unwrap())
    };
    let waits = Walk { policy: gated(), ..Walk::of(|_| Some(120)) }.until(30).walk();
    assert_eq!(waits.asked, ["1%"]);
    let state = waits.left.folded.controller.rollout().state();
    assert_eq!(state, RolloutState::Waiting { stage: 1, approval: true });
    let approved = Walk { policy: gated(), ..Walk::of(|_| Some(120)) }.saying(20, Word::Approve).walk();
    assert_eq!(*approved.ending(), Ending::Completed);
}

/// The policy with another threshold of its trigger.
fn with_threshold(threshold: &str) -> Arc<Policy> {
    let old = policy();
    let mut triggers = old.triggers().to_vec();
    triggers[0].levels[0].condition = Condition::Held {
        condition: Box::new(compare(Relation::Above, threshold)),
        duration: EVERY.times(3),
    };
    let (signals, plans) = (old.signals().to_vec(), old.plans().to_vec());
    Arc::new(Policy::new(PolicyParts { every: EVERY, signals, triggers, plans }).unwrap())
}

/// Stricter rules are taken by a running release, as if they had been there from the start; looser and bad ones are not,
/// and it is said. The record gives the same again.
#[test]
fn reloads() {
    let at_look = |wanted: usize, result: Result<Arc<Policy>, String>| {
        let mut looks = 0;
        Box::new(move || {
            looks += 1;
            let rules = vec![RuleText { name: "new.rules".to_owned(), text: "edition 2026\n".to_owned() }];
            (looks == wanted).then(|| result.clone().map(|policy| NewRules { rules, policy }))
        })
    };
    let noted = |walked: &Walked| {
        walked.facts.iter().find_map(|fact| match fact {
            Fact::Noted { words, .. } => Some(words.clone()),
            _ => None,
        })
    };
    // for four instants before the look: under the stricter rule that is too long already
    let script = |n| Some(if n < 3 { 120 } else { 350 });
    let stricter = Walk { reload: at_look(8, Ok(with_threshold("300ms"))), ..Walk::of(script) }.walk();
    assert_eq!(*stricter.ending(), Ending::RolledBack { stage: 0, because: vec!["latency".to_owned()] });
    let place = |wanted: &dyn Fn(&Fact) -> bool| stricter.facts.iter().position(wanted).unwrap();
    let loaded = place(&|fact| matches!(fact, Fact::Reloaded { .. }));
    let rolled = place(&|fact| matches!(fact, Fact::Intent { step: Step::RollBack { .. }, .. }));
    let between = &stricter.facts[loaded..rolled];
    let decisions = between.iter().filter(|fact| matches!(fact, Fact::Decided { .. })).count();
    assert_eq!(decisions, 1, "what was seen before counts");
    let looser = Walk { reload: at_look(3, Ok(with_threshold("500ms"))), ..Walk::of(|_| Some(450)) }.walk();
    assert_eq!(*looser.ending(), Ending::RolledBack { stage: 0, because: vec!["latency".to_owned()] });
    assert!(noted(&looser).unwrap().contains("KEEPS"), "{:?}", noted(&looser));
    let bad = Walk { reload: at_look(3, Err("no rules".to_owned())), ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!(*bad.ending(), Ending::Completed);
    assert!(noted(&bad).unwrap().ends_with("no rules"));
}

/// A journal whose chain is whole and whose facts were changed is found out all the same.
#[test]
fn changed_facts() {
    let walked = Walk::of(|n| Some(if n < 9 { 120 } else { 450 })).walk();
    let records = read(walked.folder()).unwrap();
    let check = |change: &dyn Fn(&mut Vec<spark_runtime::journal::Record>), what: &str| {
        let mut changed = records.clone();
        change(&mut changed);
        assert_ne!(changed, records, "{what}");
        assert!(fold(&changed, &mut |_: &_, _: &_| {}).is_err(), "{what}");
    };
    let replace = |from: &'static str, to: &'static str| {
        move |records: &mut Vec<spark_runtime::journal::Record>| {
            let found = records.iter_mut().find(|record| record.json.contains(from)).unwrap();
            found.json = found.json.replacen(from, to, 1);
        }
    };
    check(&replace("\"verdict\":\"rollback\"", "\"verdict\":\"hold\""), "another verdict");
    check(&replace("{\"value\":\"0.450\"}", "{\"value\":\"0.120\"}"), "another value");
    check(&replace("\"share_bp\":2500}", "\"share_bp\":5000}"), "another share");
    for word in ["\"fact\":\"sample\"", "\"fact\":\"intent\"", "\"fact\":\"decided\"", "\"fact\":\"probed\""]
    {
        let remove = |records: &mut Vec<spark_runtime::journal::Record>| {
            let place = records.iter().position(|record| record.json.contains(word)).unwrap();
            records.remove(place);
        };
        check(&remove, word);
    }
}

/// Sealed evidence verifies; whatever is changed, lost, added or linked in it is found, and so is any other key.
#[test]
fn tampered_evidence() {
    let walked = Walk::of(|_| Some(120)).walk();
    let key = evidence::throw_away_key().unwrap();
    let sealed = walked.left.seal(&key).unwrap();
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
    assert!(
        untrue("shortened").starts_with("the content is not what was sealed: `journal.jsonl` was changed")
    );
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
    let walked = Walk::of(|_| Some(120)).walk();
    let key = evidence::throw_away_key().unwrap();
    walked.left.seal(&key).unwrap();
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
