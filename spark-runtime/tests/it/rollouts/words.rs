//! What operators say to a rollout, and what it answers.

use std::sync::Arc;

use spark_core::rollout::{Ending, Fact, RolloutState, Word};
use spark_core::{Policy, PolicyParts, Timestamp};

use super::{EVERY, Walk, policy};

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
            checks: vec![],
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
