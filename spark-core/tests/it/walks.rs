//! Walks: what happens to a rollout, word by word, and where it is then.
#![expect(clippy::panic, reason = "a walk that cannot be walked says at which word")]

use proptest::prelude::*;
use spark_core::rollout::{Due, Ended, Ending, Fact, Freeze, Pace, Rollout, RolloutState, Step, Word};
use spark_core::{Decision, Plan, SourceSpan, Stage, TimeSpan, Timestamp, Truth, Verdict};

/// Three stages of 10 s, the second behind an approval; 5 s of warm-up after each step, and 20 s of watching. A share has
/// 6 s to be seen and a rollback 12 s, with 2 s between attempts; decisions that are more than 5 s apart serve nothing.
fn rollout() -> Rollout {
    let stage = |share_bp, approval| Stage {
        share_bp,
        duration: TimeSpan::from_seconds(10),
        approval,
        span: SourceSpan::default(),
    };
    let plan = Plan {
        name: "canary".to_owned(),
        title: None,
        stages: vec![stage(500, false), stage(2_500, true), stage(10_000, false)],
        proceed: None,
        warmup: TimeSpan::from_seconds(5),
        watch: TimeSpan::from_seconds(20),
        span: SourceSpan::default(),
    };
    let pace = Pace {
        verify_within: TimeSpan::from_seconds(6),
        rollback_within: TimeSpan::from_seconds(12),
        retry_after: TimeSpan::from_seconds(2),
        probe_every: TimeSpan::from_seconds(30),
        hour: Pace::HOUR,
    };
    Rollout::new(&plan, pace, TimeSpan::from_seconds(5), at(0), 1)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn decision(at: Timestamp, verdict: Verdict, ready: Truth) -> Fact {
    let because = if verdict == Verdict::Rollback { vec!["t".to_owned()] } else { Vec::new() };
    Fact::Decided {
        decision: Decision { at, verdict, because, ready, changes: Vec::new(), overridden: Vec::new() },
    }
}

fn said(at: Timestamp, said: Word) -> Fact {
    Fact::Word { at, by: "kim".to_owned(), because: String::new(), said }
}

fn probed(at: Timestamp, share_bp: Option<u16>) -> Fact {
    Fact::Probed { at, share_bp, words: String::new() }
}

fn outcome(rollout: &Rollout, at: Timestamp, end: Ended) -> Fact {
    let (id, status) = (rollout.step_id(), String::new());
    Fact::Outcome { at, id, end, status, command: Vec::new(), output: String::new() }
}

/// The fact that a word of a walk stands for; none where it stands for the passing of time, or for what is not due.
fn fact(rollout: &Rollout, now: Timestamp, word: &str) -> Option<Fact> {
    Some(match word {
        "proceed" => decision(now, Verdict::Proceed, Truth::True),
        "unready" => decision(now, Verdict::Proceed, Truth::Unknown),
        "hold" => decision(now, Verdict::Hold, Truth::True),
        "rollback" => decision(now, Verdict::Rollback, Truth::True),
        "say-hold" => said(now, Word::Hold),
        "say-resume" => said(now, Word::Resume),
        "say-approve" => said(now, Word::Approve),
        "say-promote" => said(now, Word::Promote),
        "say-abort" => said(now, Word::Abort),
        "say-rollback" => said(now, Word::Rollback { reason: "slow".to_owned(), stage: None }),
        "freeze" => {
            let freeze = Freeze { until: now.plus(TimeSpan::from_seconds(60)), because: String::new() };
            Fact::Frozen { at: now, freeze: Some(freeze) }
        }
        "thaw" => Fact::Frozen { at: now, freeze: None },
        "step" => Fact::ClockStepped { at: now, by_millis: 5_000 },
        "lost" => Fact::Unrecorded { at: now, reason: "EIO".to_owned() },
        "resumed" => Fact::Resumed { at: now, fence: rollout.fence() + 1, clock: None },
        "intent" => match rollout.due(now) {
            Due::Act { id, attempt, step } => Fact::Intent { at: now, id, attempt, step },
            _ => return None,
        },
        "done" => outcome(rollout, now, Ended::Succeeded),
        "failed" => outcome(rollout, now, Ended::Failed),
        "silent" => outcome(rollout, now, Ended::Unknown),
        "seen" => match rollout.due(now) {
            Due::Probe { expected_bp } => probed(now, Some(expected_bp)),
            _ => return None,
        },
        "gone" => probed(now, Some(7)),
        "blind" => probed(now, None),
        "end" => match rollout.due(now) {
            Due::Finish(ending) => Fact::End { at: now, ending },
            _ => return None,
        },
        _ => return None,
    })
}

fn shown(rollout: &Rollout, now: Timestamp) -> String {
    let state = match rollout.state() {
        RolloutState::Scheduled { .. } => "scheduled".to_owned(),
        RolloutState::Waiting { stage, approval: true } => format!("approve{}", stage + 1),
        RolloutState::Waiting { stage, .. } => format!("wait{}", stage + 1),
        RolloutState::Entering { stage, attempt } => format!("enter{}.{attempt}", stage + 1),
        RolloutState::Stage { stage } => format!("stage{}", stage + 1),
        RolloutState::Watching { .. } => "watch".to_owned(),
        RolloutState::RollingBack { attempt, .. } => format!("back.{attempt}"),
        RolloutState::Ended(Ending::Completed) => "completed".to_owned(),
        RolloutState::Ended(Ending::RolledBack { .. }) => "rolled-back".to_owned(),
        RolloutState::Ended(Ending::Unverified { .. }) => "UNVERIFIED".to_owned(),
        RolloutState::Ended(Ending::Aborted { .. }) => "aborted".to_owned(),
    };
    let due = match rollout.due(now) {
        Due::Wait(_) => "",
        Due::Act { .. } => "!",
        Due::Probe { .. } => "?",
        Due::Finish(_) => "#",
    };
    format!("{state}{due}")
}

/// A walk is words, `+N` seconds that pass in between, and `=state` where it is then, with `!` for a step that is due, `?` for
/// a look, `#` for the end, and `@N` for seconds served; `-word` has to be refused, and changes nothing. `enters` is a step
/// done and seen, and `serves` fifteen good seconds: the warm-up, and a stage's time.
fn check(walk: &str) {
    let (mut rollout, mut now) = (rollout(), at(0));
    let mut facts = Vec::new();
    let walk = walk
        .replace("enters", "intent done seen")
        .replace("serves", "+1 proceed +4 proceed +5 proceed +5 proceed");
    for word in walk.split_whitespace() {
        let place = format!("`{word}` at {} s of: {walk}", now.nanos() / 1_000_000_000);
        if let Some(seconds) = word.strip_prefix('+') {
            now = now.plus(TimeSpan::from_seconds(seconds.parse().unwrap()));
        } else if let Some(state) = word.strip_prefix('=') {
            assert_eq!(shown(&rollout, now), state, "{place}");
        } else if let Some(seconds) = word.strip_prefix('@') {
            assert_eq!(rollout.served(), TimeSpan::from_seconds(seconds.parse().unwrap()), "{place}");
        } else if let Some(refused) = word.strip_prefix('-') {
            let before = rollout.clone();
            let fact = fact(&rollout, now, refused);
            assert!(fact.is_none_or(|fact| rollout.apply(&fact).is_err()), "{place}: taken");
            assert_eq!(rollout, before, "{place}: changed");
        } else {
            let fact = fact(&rollout, now, word).unwrap_or_else(|| panic!("{place}: not due in {rollout:?}"));
            rollout.apply(&fact).unwrap_or_else(|error| panic!("{place}: {error}"));
            facts.push(fact);
        }
    }
    let mut again = self::rollout();
    facts.iter().for_each(|fact| again.apply(fact).unwrap());
    assert_eq!(again, rollout, "{walk}");
}

/// From the first decision to the end: warm-up serves nothing, a stage behind an approval waits for it, and 100 % is watched.
#[test]
fn to_the_end() {
    check(
        "=scheduled proceed =enter1.1! intent =enter1.1 done =enter1.1? seen =stage1 +1 proceed +4 proceed @0 +5 proceed @5 =stage1 +5 proceed =approve2",
    );
    check(
        "proceed enters serves =approve2 +1 proceed =approve2 say-approve =enter2.1! enters =stage2 serves =enter3.1! enters serves =watch",
    );
    check(
        "proceed enters say-approve serves enters serves enters serves =watch +5 proceed +5 proceed +5 proceed =watch? seen +5 proceed =completed# end =completed -resumed -say-hold -proceed",
    );
    // watching asks for a look now and then, and rolls back as a stage does
    check(
        "proceed enters say-approve serves enters serves enters serves =watch +30 =watch? seen hold +5 rollback =back.1!",
    );
}

/// Only good time serves: not hold, not unready evidence without its word, not a gap in which nobody looked, not a step of the clock.
#[test]
fn good_time() {
    let begun = "proceed enters +5 proceed +5 proceed @5";
    check(&format!("{begun} +2 hold +2 hold +1 proceed @5 +5 proceed =approve2"));
    check(&format!("{begun} +6 proceed @5 +5 proceed =approve2"));
    check(&format!("{begun} +5 unready =stage1 +1 proceed =approve2"));
    check(&format!("{begun} step @0 +5 proceed @0 +5 proceed @5 =stage1"));
    check(&format!("{begun} +1 resumed =stage1? seen +1 proceed @5 =stage1 +5 proceed =approve2"));
    check(&format!(
        "{begun} +1 resumed =stage1? blind +1 proceed @5 +2 =stage1? seen +1 proceed +5 proceed =approve2"
    ));
}

/// Operators: hold keeps, resume lets go on with the next good decision, promote skips time and nothing else, abort leaves.
#[test]
fn words() {
    let second = "proceed enters serves say-approve enters =stage2";
    check(&format!(
        "{second} say-hold -say-hold serves @0 =stage2 say-resume -say-resume =stage2 serves =enter3.1!"
    ));
    check(&format!(
        "{second} -say-promote +1 proceed say-promote =enter3.1! enters =stage3 +1 proceed =stage3"
    ));
    check(&format!("{second} +1 unready -say-promote +1 hold -say-promote freeze +1 proceed -say-promote"));
    check(
        "proceed enters +1 proceed say-promote =approve2 +1 proceed =approve2 -say-promote say-approve =enter2.1!",
    );
    check(&format!("{second} say-abort =aborted# -proceed -say-rollback -rollback end -resumed"));
    check(&format!(
        "{second} say-rollback =back.1! -say-rollback -say-hold -say-abort -say-promote enters =rolled-back#"
    ));
    check(
        "-say-promote -say-resume say-hold proceed =wait1 say-resume =wait1 +1 proceed =enter1.1! say-hold =wait1",
    );
    check("say-abort =aborted#");
    // an approval is for one stage, and is given once
    check("-say-approve proceed enters say-approve -say-approve serves =enter2.1! enters -say-approve");
}

/// A freeze lets nothing be entered, lets a rollback through, and its end needs no new word.
#[test]
fn freezes() {
    check("freeze proceed =wait1 thaw =wait1 +1 proceed =enter1.1!");
    check("proceed enters say-approve freeze serves =stage1 @10 thaw =enter2.1! freeze =wait2 thaw =wait2");
    check("proceed enters freeze +1 rollback =back.1! enters =rolled-back#");
}

/// Each attempt at a raise follows a decision that lets it; unknown traffic is looked at again and never raised further.
#[test]
fn attempts() {
    let second = "proceed enters say-approve serves =enter2.1! intent";
    check(&format!("{second} failed gone =enter2.2 +2 =enter2.2! enters =stage2"));
    check(&format!("{second} failed gone +1 hold =wait2 +1 =wait2? gone +2 gone =back.1!"));
    check(&format!("{second} failed gone say-hold =wait2"));
    check(&format!("{second} failed blind +1 =enter2.1 +1 =enter2.1? blind +4 =enter2.1? blind =back.1!"));
    check(&format!("{second} done gone +2 intent done gone +4 intent done gone =back.1!"));
    check(&format!("{second} +1 resumed =enter2.1? seen =stage2"));
    check(&format!("{second} rollback =back.1! -done"));
    check("proceed intent silent blind +1 hold =enter1.1 +1 =enter1.1? gone =enter1.2 +2 =enter1.2!");
    // nothing begins against a decision to roll back; what was tried is taken back
    check("rollback =wait1 +1 hold =enter1.1!");
    check("proceed intent failed gone say-hold =wait1 +2 rollback =back.1!");
}

/// A rollback is done where its probe sees no traffic, and past its time it is unverified, loudly, and taken up by the next runner.
#[test]
fn rollbacks() {
    let back = "proceed enters +1 rollback =back.1! intent";
    check(&format!("{back} done =back.1? seen =rolled-back# end =rolled-back -resumed"));
    check(&format!("{back} failed seen =rolled-back#"));
    check(&format!("{back} done gone =back.2 +2 =back.2! enters =rolled-back#"));
    check(&format!(
        "{back} done blind +2 =back.1? blind +2 blind +2 blind +2 blind +2 blind +2 =back.1? blind =UNVERIFIED#"
    ));
    check(&format!(
        "{back} silent blind +12 =back.2! intent silent blind =UNVERIFIED# end resumed =back.1! enters =rolled-back#"
    ));
    check(&format!("{back} +100 resumed =back.1? seen =rolled-back#"));
    // whoever takes it up too late tries it once before it gives up
    check(&format!("{back} +100 resumed =back.1? gone =back.2 +2 =back.2! intent done seen =rolled-back#"));
    check(&format!("{back} done +100 resumed blind +2 =back.2! intent done blind =UNVERIFIED#"));
    // in the warm-up, and at once
    check("proceed enters rollback =back.1! hold =back.1! proceed =back.1! freeze =back.1!");
    // an order that raises may be on its way: no traffic is not enough until the rollback got through
    check(
        "proceed intent +1 resumed say-rollback intent failed =back.1? seen =back.2 +2 =back.2! intent done seen =rolled-back#",
    );
    check("proceed intent silent rollback intent failed +13 seen =UNVERIFIED#");
}

/// Traffic that is elsewhere twice in a row goes back; what cannot be seen does not serve, and does not go back either.
#[test]
fn drifts() {
    let first = "proceed enters +1 proceed +30 =stage1?";
    check(&format!("{first} gone =stage1 +2 =stage1? gone =back.1!"));
    check(&format!("{first} gone +2 seen +30 gone =stage1"));
    check(&format!("{first} blind +2 blind +2 blind =stage1 +1 proceed @0 +5 proceed @0"));
}

/// Without its journal nothing advances, and what was under way is taken back.
#[test]
fn unrecorded() {
    check("proceed enters lost serves =stage1 +1 rollback =back.1! enters =rolled-back#");
    check("proceed intent lost =back.1!");
    check("proceed lost =wait1 +1 proceed =wait1");
}

const WORDS: [&str; 23] = [
    "proceed",
    "proceed",
    "unready",
    "hold",
    "rollback",
    "say-hold",
    "say-resume",
    "say-approve",
    "say-promote",
    "say-abort",
    "say-rollback",
    "freeze",
    "thaw",
    "step",
    "resumed",
    "intent",
    "done",
    "failed",
    "silent",
    "seen",
    "gone",
    "blind",
    "end",
];

proptest! {
    /// Any fact in any state is refused and changes nothing, or keeps what a rollout holds to; what was taken gives the same
    /// state again, also where it was written down in between.
    #[test]
    fn any_fact_anywhere(walk in prop::collection::vec((0..WORDS.len() + 8, 0_u32..7), 1..200)) {
        let (mut rollout, mut now) = (rollout(), at(0));
        let (mut facts, mut fresh, mut back) = (Vec::new(), false, false);
        for (place, seconds) in walk {
            now = now.plus(TimeSpan::from_seconds(seconds));
            // what is due is done more often than not, else few walks come far
            let due = match rollout.due(now) {
                Due::Act { .. } => "intent",
                Due::Probe { .. } => "seen",
                Due::Finish(_) => "end",
                Due::Wait(_) if matches!(rollout.state(), RolloutState::Entering { .. } | RolloutState::RollingBack { .. }) => "done",
                Due::Wait(_) => "proceed",
            };
            let word = WORDS.get(place).copied().unwrap_or(due);
            let Some(fact) = fact(&rollout, now, word) else { continue };
            let before = rollout.clone();
            if rollout.apply(&fact).is_err() {
                prop_assert_eq!(&rollout, &before, "{} was refused", word);
                continue;
            }
            match &fact {
                Fact::Decided { decision } => fresh = decision.verdict == Verdict::Proceed && decision.ready == Truth::True,
                Fact::Resumed { .. } => fresh = false,
                Fact::Intent { step: Step::SetShare { stage, .. }, .. } => {
                    prop_assert!(*stage == 0 || fresh, "raised without proceed");
                    prop_assert!(!back, "raised after a rollback was begun");
                    prop_assert!(!before.is_held() && !before.is_frozen(), "raised at hold");
                }
                Fact::Intent { step: Step::RollBack { .. }, .. } => back = true,
                _ => {}
            }
            prop_assert!(rollout.served() >= TimeSpan::ZERO);
            if before.is_over() {
                let again = matches!(before.state(), RolloutState::Ended(Ending::Unverified { .. }));
                prop_assert!(again && word == "resumed", "{} after the end", word);
            }
            facts.push(fact);
        }
        let mut again = self::rollout();
        for fact in &facts {
            again.apply(fact).unwrap();
        }
        prop_assert_eq!(&again, &rollout);
    }
}
