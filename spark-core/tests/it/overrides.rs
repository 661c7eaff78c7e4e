//! Overrides: what an operator silences, and that nothing else is silenced with it.

use std::sync::Arc;

use proptest::prelude::*;
use spark_core::{
    Decision, Dimension, Engine, Policy, PolicyParts, Relation, Severity, State, Timestamp, Trigger,
    TriggerId, UnknownTrigger, Verdict,
};

use crate::policies::*;
use crate::properties::{a_history, a_policy, instant, step};

/// Two signals, a value of both an instant; `words` are overrides: at which instant, of which trigger, until when.
/// Expected: a verdict an instant, then the reasons.
fn check(triggers: Vec<Trigger>, values: &str, words: &[(u32, &str, u32)], expected: &str, because: &str) {
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], triggers));
    let (mut verdicts, mut reasons) = (String::new(), Vec::new());
    for (place, value) in (0..).zip(values.split_whitespace()) {
        engine.observe(&sample(0, place * 15, value));
        for (_, name, until) in words.iter().filter(|(given, ..)| *given == place) {
            engine.override_trigger(name, at(until * 15)).unwrap();
        }
        let decision = engine.evaluate(at(place * 15));
        verdicts.push(match decision.verdict {
            Verdict::Proceed => 'p',
            Verdict::Hold => 'h',
            Verdict::Rollback => 'R',
        });
        reasons.push(decision.because.join("+"));
    }
    assert_eq!(verdicts, expected, "{values} {words:?}");
    assert_eq!(reasons.join(" ").trim(), because, "{values} {words:?}");
}

fn fast() -> Trigger {
    trigger("fast", vec![(Severity::Rollback, held(simple(0, Relation::Above, "4"), 30))])
}

/// An overridden trigger asks for nothing before its time, and at its time for what it would have: its clock went on.
#[test]
fn silence_ends_at_once() {
    check(vec![fast()], "5 5 5 5 5 5", &[], "hhRRRR", "fast fast fast fast fast fast");
    check(vec![fast()], "5 5 5 5 5 5", &[(0, "fast", 4)], "ppppRR", "fast fast");
    check(vec![fast()], "5 5 5 5 5 5", &[(3, "fast", 4)], "hhRpRR", "fast fast fast  fast fast");
    // a later word replaces the earlier; one in the past overrides nothing
    check(vec![fast()], "5 5 5 5 5 5", &[(0, "fast", 6), (2, "fast", 3)], "pppRRR", "fast fast fast");
    check(vec![fast()], "5 5 5 5 5 5", &[(2, "fast", 1)], "hhRRRR", "fast fast fast fast fast fast");
}

/// Only what was named is silenced: another trigger on the same evidence asks, and so does one that cannot know.
#[test]
fn others_still_ask() {
    let other = trigger("other", vec![(Severity::Hold, simple(0, Relation::Above, "6"))]);
    let both = || vec![fast(), other.clone()];
    check(both(), "5 5 7 5", &[(0, "fast", 9)], "pphp", "other");
    check(both(), "5 NaN NaN 5", &[(0, "fast", 9)], "phhp", "other other");
    // an overridden trigger that cannot know is silent too: the operator has answered for it
    check(vec![fast()], "5 NaN NaN 5", &[(0, "fast", 9)], "pppp", "");
}

/// An overridden trigger speaks for nobody: one that is `unless` it, and was quiet, asks for itself.
#[test]
fn who_is_overridden_speaks_for_nobody() {
    let first = trigger("first", vec![(Severity::Hold, simple(0, Relation::Above, "3"))]);
    let mut second = trigger(
        "second",
        vec![
            (Severity::Hold, simple(0, Relation::Above, "2")),
            (Severity::Rollback, simple(0, Relation::Above, "6")),
        ],
    );
    second.unless = vec![TriggerId(0)];
    let both = || vec![first.clone(), second.clone()];
    check(both(), "1 2.5 4 7", &[], "phhR", "second first second");
    check(both(), "1 2.5 4 7", &[(0, "first", 9)], "phhR", "second second second");
    check(both(), "1 2.5 4 4", &[(0, "first", 3)], "phhh", "second second first");
}

/// Decisions, reports and glances say what is overridden, and until when; without overrides no byte changes.
#[test]
fn overrides_are_told() {
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], vec![fast()]));
    let told = |engine: &mut Engine, second| {
        engine.observe(&sample(0, second, "5"));
        let decision = engine.evaluate(at(second));
        let report = engine.trigger_reports().remove(0);
        let glance = engine.glance(TriggerId(0)).unwrap();
        (serde_json::to_string(&decision).unwrap(), report, glance)
    };
    let (decision, report, _) = told(&mut engine, 0);
    assert!(!decision.contains("overridden"), "{decision}");
    assert!(!serde_json::to_string(&report).unwrap().contains("overridden"));
    assert!(!serde_json::to_string(&engine.save()).unwrap().contains("overrides"));
    engine.override_trigger("fast", at(60)).unwrap();
    let (decision, report, glance) = told(&mut engine, 30);
    assert!(decision.ends_with(r#""overridden":["fast"]}"#), "{decision}");
    assert_eq!((report.overridden_until, glance.asks), (Some(at(60)), None));
    assert_eq!(report.state, State::Rollback, "it shows what it would ask for");
    assert_eq!(
        report.would_change.unwrap(),
        "overridden until 1970-01-01T00:01:00Z: it asks for nothing before; clears as soon as `p95 > 4s` is false"
    );
    let restored = Engine::restore(engine.policy().clone(), engine.save()).unwrap();
    assert_eq!(restored.overridden_until(TriggerId(0)), Some(at(60)));
    let (decision, report, glance) = told(&mut engine, 60);
    assert!(!decision.contains("overridden"), "{decision}");
    assert_eq!((report.overridden_until, glance.asks), (None, Some(Verdict::Rollback)));
    // an operator may end it before its time
    engine.override_trigger("fast", at(600)).unwrap();
    engine.end_override("fast").unwrap();
    assert_eq!(engine.evaluate(at(75)).verdict, Verdict::Rollback);
}

/// What is no trigger cannot be overridden: an unmet expectation is not silenced.
#[test]
fn only_triggers() {
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], vec![fast()]));
    for name in ["p95", "", "FAST"] {
        let refused = UnknownTrigger(name.to_owned());
        assert_eq!(engine.override_trigger(name, at(60)), Err(refused.clone()));
        assert_eq!(engine.end_override(name), Err(refused));
    }
    let words = UnknownTrigger("p95".to_owned()).to_string();
    assert_eq!(words, "there is no trigger `p95`: triggers can be overridden, expectations cannot");
}

/// The policy without the trigger of that name; those that are `unless` it are so no more.
fn without(policy: &Policy, name: &str) -> Arc<Policy> {
    let mut parts = PolicyParts::from(policy.clone());
    let gone = parts.triggers.iter().position(|trigger| trigger.name == name).unwrap();
    parts.triggers.remove(gone);
    for trigger in &mut parts.triggers {
        trigger.unless.retain(|id| id.index() != gone);
        trigger.unless.iter_mut().filter(|id| id.index() > gone).for_each(|id| id.0 -= 1);
    }
    Arc::new(Policy::new(parts).unwrap())
}

/// A decision but for the overridden trigger itself.
fn told(decision: Decision, but: &str) -> impl PartialEq + std::fmt::Debug {
    let changes = decision.changes.into_iter().filter(|change| change.name != but);
    let changes: Vec<_> = changes.map(|c| (c.name, c.state, c.since, c.value, c.margin, c.cause)).collect();
    (decision.verdict, decision.because, decision.ready, changes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// A trigger that is overridden for good decides nothing: the policy without it says the same, reasons and the
    /// states of all others included.
    #[test]
    fn overridden_for_good(policy in a_policy(true, true), history in a_history(), silent in 0..3u32) {
        let name = format!("t{silent}");
        let mut fewer = Engine::new(without(&policy, &name));
        let mut overridden = Engine::new(policy);
        overridden.override_trigger(&name, Timestamp::from_nanos(i64::MAX)).unwrap();
        for (place, moment) in history.iter().enumerate() {
            let (found, expected) = (step(&mut overridden, place, moment), step(&mut fewer, place, moment));
            prop_assert_eq!(&found.overridden, &vec![name.clone()]);
            prop_assert_eq!(told(found, &name), told(expected, &name));
        }
    }

    /// From the instant at which an override ends, all is decided as if there had been none.
    #[test]
    fn an_override_leaves_no_trace(policy in a_policy(true, true), history in a_history(), silent in 0..3u32, from in 0..20usize, lasts in 0..20usize) {
        let (mut plain, mut overridden) = (Engine::new(policy.clone()), Engine::new(policy));
        let name = format!("t{silent}");
        for (place, moment) in history.iter().enumerate() {
            if place == from {
                overridden.override_trigger(&name, instant(from + lasts)).unwrap();
            }
            let (expected, found) = (step(&mut plain, place, moment), step(&mut overridden, place, moment));
            let inside = (from..from + lasts).contains(&place);
            prop_assert_eq!(found.overridden.is_empty(), !inside);
            if !inside {
                prop_assert_eq!((expected.verdict, expected.because), (found.verdict, found.because));
            }
        }
    }

    /// `unless` says who speaks, never what is decided: the same policy without it gives the same verdicts, whatever is
    /// overridden.
    #[test]
    fn unless_decides_nothing(policy in a_policy(true, true), history in a_history(), silent in proptest::option::of(0..3u32)) {
        let mut parts = PolicyParts::from((*policy).clone());
        parts.triggers.iter_mut().for_each(|trigger| trigger.unless.clear());
        let (mut with, mut plain) = (Engine::new(policy), Engine::new(Arc::new(Policy::new(parts).unwrap())));
        if let Some(silent) = silent {
            let name = format!("t{silent}");
            with.override_trigger(&name, Timestamp::from_nanos(i64::MAX)).unwrap();
            plain.override_trigger(&name, Timestamp::from_nanos(i64::MAX)).unwrap();
        }
        for (place, moment) in history.iter().enumerate() {
            prop_assert_eq!(step(&mut with, place, moment).verdict, step(&mut plain, place, moment).verdict);
        }
    }
}
