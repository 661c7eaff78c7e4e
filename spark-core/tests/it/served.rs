//! What serves a stage, where the loop is late or another runner takes over: an action that takes long keeps the loop from
//! deciding in time, and a decision grows old while nobody runs.

use spark_core::rollout::{Due, Ended, Ending, Fact, Freeze, Pace, Rollout, RolloutState, Step, Word};
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

fn resumed(at: i64, fence: u64) -> Fact {
    Fact::Resumed { at: millis(at), fence, clock: None }
}

fn probed(at: i64, share_bp: u16) -> Fact {
    Fact::Probed { at: millis(at), share_bp: Some(share_bp), words: String::new() }
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
        probed(seen, 500),
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

/// A runner that takes over enters no stage by the decision that it finds: the traffic is measured and a new one made first.
#[test]
fn no_step_by_an_old_decision() {
    const HOUR: i64 = 3_600_000;
    // the first stage
    let mut first = rollout();
    first.apply(&decided(0)).unwrap();
    assert!(matches!(first.due(millis(0)), Due::Act { .. }));
    first.apply(&resumed(HOUR, 2)).unwrap();
    assert_eq!(first.due(millis(HOUR)), Due::Wait(None));
    first.apply(&decided(HOUR + 100)).unwrap();
    assert!(matches!(first.due(millis(HOUR + 100)), Due::Act { attempt: 1, .. }));
    // a later one, whose traffic was taken back in between
    let mut later = after(0, 0, &[100, 1_100]);
    assert!(matches!(later.due(millis(1_100)), Due::Act { .. }));
    later.apply(&resumed(HOUR, 2)).unwrap();
    assert_eq!(later.due(millis(HOUR)), Due::Probe { expected_bp: 500 });
    later.apply(&probed(HOUR, 0)).unwrap();
    later.apply(&decided(HOUR + 100)).unwrap();
    assert_eq!(later.state(), RolloutState::Waiting { stage: 1, approval: false });
    later.apply(&probed(HOUR + 5_000, 0)).unwrap();
    assert!(matches!(later.state(), RolloutState::RollingBack { .. }), "{:?}", later.state());
}

/// A rollout whose second share was asked for, and whose runner was lost with that.
fn lost_in_the_second_step() -> Rollout {
    let mut rollout = after(0, 0, &[100, 1_100]);
    let (id, step) = (rollout.step_id(), Step::SetShare { stage: 1, share_bp: 10_000 });
    rollout.apply(&Fact::Intent { at: millis(1_100), id, attempt: 1, step }).unwrap();
    rollout.apply(&resumed(1_200, 2)).unwrap();
    rollout
}

/// So it is with a further attempt, which a look may find to be needed no more.
#[test]
fn no_further_attempt_without_a_look() {
    let mut lost = lost_in_the_second_step();
    lost.apply(&probed(1_200, 500)).unwrap();
    assert_eq!(lost.state(), RolloutState::Waiting { stage: 1, approval: false });

    let mut rollout = after(0, 0, &[100, 1_100]);
    let (id, step) = (rollout.step_id(), Step::SetShare { stage: 1, share_bp: 10_000 });
    let failed = Fact::Outcome {
        at: millis(1_200),
        id,
        end: Ended::Failed,
        status: String::new(),
        command: Vec::new(),
        output: String::new(),
    };
    for fact in [Fact::Intent { at: millis(1_100), id, attempt: 1, step }, failed, probed(1_200, 500)] {
        rollout.apply(&fact).unwrap();
    }
    assert!(matches!(rollout.due(millis(9_000)), Due::Act { attempt: 2, .. }));
    rollout.apply(&resumed(9_000, 3)).unwrap();
    assert_eq!(rollout.due(millis(9_000)), Due::Probe { expected_bp: 10_000 });
    // past the time in which a share has to be seen, it is taken back
    rollout.apply(&probed(70_000, 500)).unwrap();
    assert!(matches!(rollout.state(), RolloutState::RollingBack { .. }), "{:?}", rollout.state());
}

/// A release is complete only in the eyes of a runner that saw its traffic: one that finds the last decision without an
/// end looks once more.
#[test]
fn no_end_without_a_look() {
    let complete = || {
        let mut rollout = lost_in_the_second_step();
        for fact in [probed(1_200, 10_000), decided(1_300), decided(2_300)] {
            rollout.apply(&fact).unwrap();
        }
        assert_eq!(rollout.due(millis(2_300)), Due::Finish(Ending::Completed));
        rollout.apply(&resumed(9_000, 3)).unwrap();
        assert_eq!(rollout.due(millis(9_000)), Due::Probe { expected_bp: 10_000 });
        rollout
    };
    let mut good = complete();
    good.apply(&probed(9_000, 10_000)).unwrap();
    good.apply(&decided(9_100)).unwrap();
    assert_eq!(good.due(millis(9_100)), Due::Finish(Ending::Completed));
    let mut gone = complete();
    gone.apply(&probed(9_000, 0)).unwrap();
    gone.apply(&decided(9_100)).unwrap();
    gone.apply(&probed(14_000, 0)).unwrap();
    assert!(matches!(gone.state(), RolloutState::RollingBack { .. }), "{:?}", gone.state());
}

/// After a pause of its process a rollout goes on by no word and no end of a freeze alone: the decision from before the pause is old.
#[test]
fn no_step_after_a_pause() {
    let says = |at, said| Fact::Word {
        at: millis(at),
        by: "ops".to_owned(),
        because: "it is time".to_owned(),
        said,
    };
    let frozen = |at, until: Option<i64>| Fact::Frozen {
        at: millis(at),
        freeze: until.map(|until| Freeze { until: millis(until), because: "the night".to_owned() }),
    };
    for (pause, moves) in [(500, true), (1_000, true), (1_001, false), (3_600_000, false)] {
        let now = 600 + pause;
        let mut promoted = after(0, 0, &[100, 600]);
        promoted.apply(&says(now, Word::Promote)).unwrap();
        assert_eq!(matches!(promoted.due(millis(now)), Due::Act { .. }), moves, "promoted after {pause}");
        let mut thawed = after(0, 0, &[100]);
        for fact in [frozen(100, Some(now)), decided(1_100)] {
            thawed.apply(&fact).unwrap();
        }
        let now = 1_100 + pause;
        thawed.apply(&frozen(now, None)).unwrap();
        assert_eq!(matches!(thawed.due(millis(now)), Due::Act { .. }), moves, "thawed after {pause}");
    }
}
