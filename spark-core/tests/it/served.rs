//! What serves a stage, where the loop is late: an action that takes long keeps it from deciding in time.

use spark_core::rollout::{Ended, Fact, Pace, Rollout, RolloutState, Step};
use spark_core::{Decision, Plan, SourceSpan, Stage, TimeSpan, Timestamp, Truth, Verdict};

const REACH: TimeSpan = TimeSpan::from_seconds(1);

fn millis(n: i64) -> Timestamp {
    Timestamp::from_millis(n)
}

fn decided(at: i64) -> Fact {
    let decision = Decision {
        at: millis(at),
        verdict: Verdict::Proceed,
        because: Vec::new(),
        ready: Truth::True,
        changes: Vec::new(),
        overridden: Vec::new(),
    };
    Fact::Decided { decision }
}

fn rollout() -> Rollout {
    let stage = |share_bp| Stage {
        share_bp,
        duration: TimeSpan::from_seconds(1),
        approval: false,
        span: SourceSpan::default(),
    };
    let plan = Plan {
        name: "canary".to_owned(),
        title: None,
        stages: vec![stage(500), stage(10_000)],
        proceed: None,
        warmup: TimeSpan::ZERO,
        watch: TimeSpan::ZERO,
        span: SourceSpan::default(),
    };
    Rollout::new(&plan, Pace::default(), REACH, millis(0), 1)
}

/// The first share is asked for at `intent`, and seen at `seen`; then these instants are decided.
fn after(intent: i64, seen: i64, instants: &[i64]) -> Rollout {
    let mut rollout = rollout();
    let id = {
        rollout.apply(&decided(intent)).unwrap();
        rollout.step_id()
    };
    let step = Step::SetShare { stage: 0, share_bp: 500 };
    let facts = [
        Fact::Intent { at: millis(intent), id, attempt: 1, step },
        Fact::Outcome {
            at: millis(seen),
            id,
            end: Ended::Succeeded,
            status: String::new(),
            command: Vec::new(),
            output: String::new(),
        },
        Fact::Probed { at: millis(seen), share_bp: Some(500), words: String::new() },
    ];
    for fact in facts.into_iter().chain(instants.iter().copied().map(decided)) {
        rollout.apply(&fact).unwrap();
    }
    rollout
}

/// A stage serves from the moment at which its share was seen: an instant before it, decided late, adds nothing of its own.
#[test]
fn no_time_before_the_share_was_seen() {
    let cases: [(i64, &[i64], i64); 5] = [
        (400, &[500], 0),
        (874, &[500], 0),
        (874, &[500, 900], 26),
        (874, &[500, 600, 900, 1_000], 126),
        // the last is nearer to the share than the stage is long, however many came before
        (874, &[100, 200, 300, 400, 500, 600, 700, 800, 1_800], 926),
    ];
    for (seen, instants, served) in cases {
        let rollout = after(0, seen, instants);
        let expected = TimeSpan::from_nanos(served * 1_000_000);
        assert_eq!(rollout.served(), expected, "seen at {seen}, decided at {instants:?}");
        assert_eq!(rollout.state(), RolloutState::Stage { stage: 0 }, "seen at {seen}, {instants:?}");
    }
    // and with a second of it, the stage is left
    let left = after(0, 874, &[500, 900, 1_874]);
    assert_eq!(left.state(), RolloutState::Entering { stage: 1, attempt: 1 });
}
