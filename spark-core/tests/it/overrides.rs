//! Overrides: what an operator silences, and that nothing else is silenced with it.

use std::sync::Arc;

use proptest::prelude::*;
use spark_core::{
    Dimension, Engine, Policy, PolicyParts, Relation, Severity, SignalId, State, Timestamp, Trigger,
    TriggerId, Truth, UnknownTrigger, Verdict,
};

use crate::policies::*;
use crate::properties::{Moment, a_history, a_policy, instant, step};

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

/// An overridden trigger still speaks for those that are `unless` it, up to its level; what is higher speaks.
#[test]
fn unless_sees_what_is_shown() {
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
    check(both(), "1 2.5 4 7", &[(0, "first", 9)], "phpR", "second  second");
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

/// What others ask for: a decision without the trigger at that place, from what the engine shows of all.
fn without(engine: &Engine, silent: u32) -> (Verdict, Vec<String>) {
    let policy = engine.policy().clone();
    let of_triggers = policy.triggers().iter().zip(0..).filter(|(_, place)| *place != silent);
    let asked = of_triggers
        .filter_map(|(trigger, place)| Some((engine.glance(TriggerId(place))?.asks?, trigger.name.clone())));
    let unmet = policy.signals().iter().zip(0..).filter_map(|(signal, place)| {
        let met = engine.expectation_closeness(SignalId(place))?.truth;
        (met != Truth::True).then(|| (Verdict::Hold, signal.name.clone()))
    });
    let asked: Vec<_> = asked.chain(unmet).collect();
    let verdict = asked.iter().map(|(asks, _)| *asks).max().unwrap_or(Verdict::Proceed);
    let mut because: Vec<_> =
        asked.into_iter().filter(|(asks, _)| *asks == verdict).map(|(_, name)| name).collect();
    because.sort_unstable();
    (verdict, because)
}

/// The policy without its last trigger, which no other is `unless`.
fn without_last(policy: &Policy) -> Arc<Policy> {
    let mut parts = PolicyParts::from(policy.clone());
    parts.triggers.pop();
    Arc::new(Policy::new(parts).unwrap())
}

fn replay(engine: &mut Engine, history: &[Moment]) -> Vec<(Verdict, Vec<String>)> {
    let told = |(place, moment)| {
        let decision = step(engine, place, moment);
        (decision.verdict, decision.because)
    };
    history.iter().enumerate().map(told).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// With an override the decision is what all others ask for, the states that are shown are the same, and after its
    /// end no trace is left.
    #[test]
    fn an_override_silences_one_voice(policy in a_policy(true, true), history in a_history(), silent in 0..3u32, from in 0..20usize, lasts in 0..20usize) {
        let (mut plain, mut overridden) = (Engine::new(policy.clone()), Engine::new(policy));
        let name = format!("t{silent}");
        for (place, moment) in history.iter().enumerate() {
            if place == from {
                overridden.override_trigger(&name, instant(from + lasts)).unwrap();
            }
            let (expected, found) = (step(&mut plain, place, moment), step(&mut overridden, place, moment));
            prop_assert_eq!(&expected.changes, &found.changes);
            prop_assert_eq!(expected.ready, found.ready);
            if (from..from + lasts).contains(&place) {
                prop_assert_eq!((found.verdict, found.because), without(&plain, silent));
                prop_assert_eq!(found.overridden, vec![name.clone()]);
            } else {
                prop_assert_eq!(expected, found);
            }
        }
        if history.len() > from + lasts {
            prop_assert_eq!(plain.save(), overridden.save());
        }
    }

    /// A trigger that no other is `unless`, overridden for good, decides as a policy without it.
    #[test]
    fn overridden_for_good(policy in a_policy(true, true), history in a_history()) {
        let mut fewer = Engine::new(without_last(&policy));
        let mut overridden = Engine::new(policy);
        overridden.override_trigger("t2", Timestamp::from_nanos(i64::MAX)).unwrap();
        prop_assert_eq!(replay(&mut overridden, &history), replay(&mut fewer, &history));
    }
}
