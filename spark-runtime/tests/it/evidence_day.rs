//! A release's whole day: five stages and 24 hours after them, its journal, and all the files that follow.
//!
//! `SPARK_EVIDENCE_EVERY_SECONDS=1` makes it the day of a release that is decided each second; with `--nocapture` it says
//! how long its files take, and how much memory.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use spark_core::rollout::{Controller, Due, Ended, Fact, Pace, RuleText, Start, Step, Word};
use spark_core::{
    Comparison, Condition, Dimension, Expression, Level, PerTime, Plan, Policy, PolicyParts, Quantity,
    Reading, Relation, Sample, Severity, SignalId, Source, SourceSpan, Stage, Test, TimeSpan, Timestamp,
    Track, Trigger, Unit,
};
use spark_runtime::evidence::{self, files};
use spark_runtime::harmless;

use crate::policies;

const SIGNALS: u32 = 8;

/// What nobody should say, and somebody will.
const HOSTILE: &str = "=cmd|' /C calc'!A0\u{1b}]0;owned\u{7}\n# heading <script>\u{202e}\u{9b}2J";

fn compare(signal: u32, relation: Relation, literal: &str) -> Condition {
    Condition::Compare(Box::new(Comparison {
        left: Expression::Signal(SignalId(signal)),
        test: Test::Is(relation, Expression::Literal(Quantity::parse(literal).unwrap().value)),
        unit: Unit::of(Dimension::Duration),
        per: PerTime::Second,
        span: SourceSpan::default(),
    }))
}

fn policy(every: TimeSpan) -> Arc<Policy> {
    let span = SourceSpan::default();
    let signals = (0..SIGNALS).map(|n| {
        let mut signal = policies::signal(&format!("s{n}"), Unit::of(Dimension::Duration), Source::Push);
        signal.stale_after = every.times(3);
        signal.expectation = Some(compare(n, Relation::AtMost, "200ms"));
        signal
    });
    let condition = Condition::Held {
        condition: Box::new(compare(0, Relation::Above, "400ms")),
        duration: every.times(3),
    };
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
    let minutes = TimeSpan::from_seconds(60);
    let stage = |share_bp| Stage { share_bp, duration: minutes.times(15), approval: false, span };
    let plan = Plan {
        name: "canary".to_owned(),
        title: None,
        stages: [100, 500, 2500, 5000, 10_000].map(stage).to_vec(),
        proceed: Some(Condition::EveryExpectation),
        warmup: TimeSpan::ZERO,
        watch: minutes.times(24 * 60),
        span,
    };
    let parts = PolicyParts {
        every,
        signals: signals.collect(),
        triggers: vec![trigger],
        plans: vec![plan],
        checks: vec![],
    };
    Arc::new(Policy::new(parts).unwrap())
}

/// A journal that is written without the code that reads it.
struct Journal {
    text: String,
    prev: String,
    seq: u64,
}

impl Journal {
    fn write(&mut self, fact: &Fact) {
        self.seq += 1;
        let record = harmless::json(serde_json::to_string(fact).unwrap());
        let (seq, ack, prev) = (self.seq, self.seq - 1, &self.prev);
        let line = format!(
            "{{\"v\":2,\"seq\":{seq},\"fence\":1,\"ack\":{ack},\"prev\":\"{prev}\",\"record\":{record}"
        );
        self.prev = Sha256::digest(&line).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        writeln!(self.text, "{line},\"sum\":\"{}\"}}", self.prev).unwrap();
    }
}

/// Walks a day; `value` says what each signal is at the instant with that number, in milliseconds.
fn walk(dir: &Path, every: TimeSpan, value: fn(i64, u32) -> Option<i64>) -> u64 {
    let policy = policy(every);
    let mut now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
    let start = Start {
        release: "day".to_owned(),
        at: now,
        opens: None,
        plan: "canary".to_owned(),
        pace: Pace::default(),
        fence: 1,
        clock: None,
        rules: vec![RuleText { name: "day.rules".to_owned(), text: "edition 2026\n".to_owned() }],
        policy,
    };
    let mut controller = Controller::begin(&start).unwrap();
    let mut journal = Journal { text: String::new(), prev: "0".repeat(64), seq: 0 };
    journal.write(&Fact::Start(Box::new(start)));
    let mut spoke = false;
    for number in 0_i64.. {
        let mut facts = Vec::new();
        for signal in 0..SIGNALS {
            let reading = match value(number, signal) {
                Some(millis) => Reading::Value(Decimal::new(millis, 3)),
                None => Reading::Failed(format!("{HOSTILE} at {number}")),
            };
            let sample = Sample { signal: SignalId(signal), track: Track::Canary, at: now, reading };
            let _ = controller.observe(&sample);
            facts.push(Fact::Sample(sample));
        }
        facts.push(Fact::Decided { decision: controller.evaluate(now) });
        if number > 3 && !std::mem::replace(&mut spoke, true) {
            let hostile =
                |said| Fact::Word { at: now, by: HOSTILE.to_owned(), because: HOSTILE.to_owned(), said };
            facts.extend([hostile(Word::Hold), hostile(Word::Resume)]);
        }
        for fact in facts {
            controller.apply(&fact).unwrap();
            journal.write(&fact);
        }
        loop {
            let due = match controller.due(now) {
                Due::Act { id, attempt, step } => {
                    let share = step.share_bp();
                    let back = matches!(step, Step::RollBack { .. });
                    vec![
                        Fact::Intent { at: now, id, attempt, step },
                        Fact::Outcome {
                            at: now,
                            id,
                            end: Ended::Succeeded,
                            status: HOSTILE.to_owned(),
                            command: vec![HOSTILE.to_owned()],
                            output: HOSTILE.repeat(if back { 100_000 } else { 1 }),
                        },
                        Fact::Probed { at: now, share_bp: Some(share), words: "seen".to_owned() },
                    ]
                }
                Due::Probe { expected_bp } => {
                    vec![Fact::Probed { at: now, share_bp: Some(expected_bp), words: "seen".to_owned() }]
                }
                Due::Finish(ending) => vec![Fact::End { at: now, ending }],
                Due::Wait(_) => break,
            };
            for fact in due {
                controller.apply(&fact).unwrap();
                journal.write(&fact);
            }
        }
        if controller.rollout().is_over() {
            break;
        }
        now = now.plus(every);
    }
    std::fs::write(dir.join("journal.jsonl"), &journal.text).unwrap();
    journal.seq
}

fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found.extend(names(&entry.path()).into_iter().map(|below| format!("{name}/{below}"))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("not known").to_owned()
}

/// A release of five stages and the night after leaves its 40 data points, 24 hours and a report, above 50 files in all,
/// and all of them follow from its journal.
#[test]
fn whole_day() {
    let seconds = std::env::var("SPARK_EVIDENCE_EVERY_SECONDS").map_or(60, |text| text.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("day");
    std::fs::create_dir(&dir).unwrap();
    // in the fifth hour of the night a signal is bad for an instant, and another not known
    let lines = walk(&dir, TimeSpan::from_seconds(seconds), |number, signal| match (number, signal) {
        (400, 1) => Some(250),
        (401..403, 2) => None,
        _ => Some(100 + (number * 7 + i64::from(signal) * 13) % 50),
    });
    let before = memory();
    let began = Instant::now();
    let derived = evidence::write_derived(&dir, None).unwrap();
    let wrote = began.elapsed();
    let began = Instant::now();
    let checked = evidence::check_derived(&dir, &mut |_: &Fact, _: &_| {}).unwrap();
    assert_eq!(checked.differences, []);
    let files = names(&dir);
    println!(
        "evidence of a day decided every {seconds} s: {lines} lines, {} files, written in {:.1} s, derived again in {:.1} s; \
         memory before {before}, after {}",
        files.len(),
        wrote.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        memory()
    );
    assert!(files.len() > 50, "{files:?}");
    assert_eq!(derived.chronicle.stages().len(), 5);
    let points = std::fs::read_to_string(dir.join("data-points.csv")).unwrap();
    assert_eq!(points.lines().count(), 41);
    assert_eq!(points.matches(",yes,").count(), 40, "{points}");
    for hour in 0..24 {
        assert!(files.contains(&format!("after/hour-{hour:02}.json")), "{files:?}");
    }
    assert!(!files.contains(&"after/hour-24.json".to_owned()));
    let stability = std::fs::read(dir.join("after/stability.json")).unwrap();
    let stability: files::Stability = serde_json::from_slice(&stability).unwrap();
    if seconds == 60 {
        assert_eq!(stability.held, 1 + 2, "bad at one instant, and unknown at two");
        assert_eq!(stability.signals[1].worst.value.as_deref(), Some("250ms"));
        assert_eq!((stability.signals[2].unknown, stability.stable), (2, false));
    }
    // the samples are those that decide, read by another program
    let samples = std::fs::read_to_string(dir.join("samples.csv")).unwrap();
    assert_eq!(samples.lines().count(), usize::try_from(derived.folded.counts.samples).unwrap() + 1);
    assert_eq!(std::fs::read_to_string(dir.join("sources.jsonl")).unwrap().lines().count(), 1);
}

/// Names, reasons and outputs that would take over a terminal, a spreadsheet or a page are text, and are bounded.
#[test]
fn hostile_words() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("day");
    std::fs::create_dir(&dir).unwrap();
    walk(&dir, TimeSpan::from_seconds(60), |number, signal| match (number, signal) {
        (30.., 0) => Some(450),
        (20..25, 1) => None,
        _ => Some(100),
    });
    evidence::write_derived(&dir, None).unwrap();
    for name in &names(&dir) {
        let text = std::fs::read_to_string(dir.join(name)).unwrap();
        let harmful = |c: char| c != '\n' && harmless::is_harmful(c);
        assert!(!text.chars().any(harmful), "{name}: {text}");
        if name.ends_with(".csv") {
            assert!(!text.contains("\n=") && !text.contains(",="), "{name}: {text}");
        }
        if name.ends_with(".md") {
            assert!(!text.contains("<script") && !text.contains("\n# heading"), "{name}: {text}");
        }
        assert!(text.len() < 20_000_000, "{name} has {} bytes", text.len());
    }
    let back = names(&dir).into_iter().find(|name| name.ends_with("-roll-back.json")).unwrap();
    let step: files::ActionRecord = serde_json::from_slice(&std::fs::read(dir.join(back)).unwrap()).unwrap();
    assert!(
        step.attempts[0].output.len() < 66_000 && step.attempts[0].output.ends_with("are in the journal)")
    );
    let checked = evidence::check_derived(&dir, &mut |_: &Fact, _: &_| {}).unwrap();
    assert_eq!(checked.differences, []);
}
