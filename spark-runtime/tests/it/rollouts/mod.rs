//! The live loop on a clock of its own: what it moves, what it records, and that the record gives the same again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use spark_core::rollout::{Controller, Ending, Fact, Pace, RuleText, Word};
use spark_core::{
    Comparison, Condition, Dimension, Expression, Level, PerTime, Plan, Policy, PolicyParts, Quantity,
    Reading, Relation, Sample, Severity, SignalId, Source, SourceSpan, Stage, Test, TimeSpan, Timestamp,
    Track, Trigger, Unit,
};
use spark_runtime::action::{ActionOutcome, Actions, Measured, Order};
use spark_runtime::evidence::{ReleaseId, Sealed, SecretKey};
use spark_runtime::release::{Left, OpenRelease, ReleaseError};
use spark_runtime::runner::{
    self, Clock, Inbox, Looks, NewRules, Ports, Release, RunEnd, SampleSource, Spoken,
};

use crate::policies;

mod files;
mod looks;
mod records;
mod reloads;
mod walks;
mod words;

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
    let parts = PolicyParts {
        every: EVERY,
        signals: vec![p95],
        triggers: vec![trigger],
        plans: vec![plan],
        checks: vec![],
    };
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
    look: Box<dyn FnMut(u32) -> Looks + Send>,
}

struct Walked {
    left: Left,
    asked: Vec<String>,
    answers: Vec<String>,
    facts: Vec<Fact>,
    dir: Arc<tempfile::TempDir>,
}

impl Walked {
    fn seal(&mut self, key: &SecretKey) -> Result<Sealed, ReleaseError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.left.seal(key))
    }

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
            look: Box::new(runner::no_look),
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
                hour: Pace::HOUR,
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
            look: self.look,
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
        Walked { left, asked, answers, facts, dir: self.dir }
    }
}
