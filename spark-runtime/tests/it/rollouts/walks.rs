//! What a rollout moves, on good and bad days.

use std::sync::Arc;

use spark_core::rollout::{Ending, Fact};
use spark_runtime::audit::fold;
use spark_runtime::release::read;
use spark_runtime::runner::RunEnd;

use super::{Switch, Walk};

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
    drop(walked);
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
    drop(walked);
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
    drop(walked);
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
