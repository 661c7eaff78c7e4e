//! Engines that are told again what they were told.

use std::sync::Arc;

use proptest::prelude::*;
use spark_core::{
    Decision, Dimension, Engine, Policy, PolicyParts, Recollection, Relation, Severity, Verdict, tighten,
};

use crate::policies::*;
use crate::properties::{Moment, a_history, a_policy, instant};

/// Tells both the same things.
fn tell(engine: &mut Engine, kept: &mut Recollection, place: usize, moment: &Moment) -> Decision {
    if let Some(stage) = moment.stage {
        engine.enter_stage(stage);
        kept.entered_stage(stage);
    }
    for sample in &moment.samples {
        let became = engine.observe(sample);
        kept.observed(sample, became);
    }
    kept.evaluated(instant(place));
    engine.evaluate(instant(place))
}

fn saved(engine: &Engine) -> String {
    serde_json::to_string(&(engine.save(), engine.trigger_reports(), engine.expectation_reports())).unwrap()
}

/// The same rules with a signal more, in front: every handle is another.
fn renumbered(policy: &Policy) -> Arc<Policy> {
    let mut parts = serde_json::to_value(PolicyParts::from(policy.clone())).unwrap();
    renumber(&mut parts);
    let mut parts: PolicyParts = serde_json::from_value(parts).unwrap();
    parts.signals.insert(0, signal("new", Dimension::Duration));
    Arc::new(Policy::new(parts).unwrap())
}

/// Adds one to every handle of a signal.
fn renumber(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                match inner {
                    serde_json::Value::Number(id) if ["signal", "a", "b"].contains(&key.as_str()) => {
                        *inner = (id.as_u64().unwrap() + 1).into();
                    }
                    inner => renumber(inner),
                }
            }
        }
        serde_json::Value::Array(all) => all.iter_mut().for_each(renumber),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// An engine that is told again is the same, byte for byte, overrides included; and goes on the same.
    #[test]
    fn told_again_it_is_the_same(policy in a_policy(true, true), history in a_history(), word in 0..20usize, lasts in 0..20usize, ends in 0..40usize) {
        let mut engine = Engine::with_plan(policy.clone(), "canary");
        let mut kept = Recollection::new(&policy);
        for (place, moment) in history.iter().enumerate() {
            if place == word {
                engine.override_trigger("t1", instant(word + lasts)).unwrap();
                kept.overridden("t1", instant(word + lasts));
            }
            if place == ends {
                engine.end_override("t1").unwrap();
                kept.override_ended("t1");
            }
            let _ = tell(&mut engine, &mut kept, place, moment);
        }
        let again = kept.replay_into(policy, Some("canary")).unwrap();
        prop_assert_eq!(saved(&engine), saved(&again));
    }

    /// Under rules whose signals stand in another order it decides the same, also what it is told after the reload.
    #[test]
    fn signals_are_known_by_name(policy in a_policy(true, true), history in a_history(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(history.len());
        let other = renumbered(&policy);
        let mut plain = Engine::new(policy.clone());
        let mut reloaded = Engine::new(policy.clone());
        let mut kept = Recollection::new(&policy);
        for (place, moment) in history.iter().enumerate() {
            let mut moment = moment.clone();
            let expected = tell(&mut plain, &mut Recollection::default(), place, &moment);
            if place == cut {
                reloaded = kept.replay_into(other.clone(), None).unwrap();
                kept.continue_under(&other);
            }
            if place >= cut {
                moment.samples.iter_mut().for_each(|sample| sample.signal.0 += 1);
            }
            prop_assert_eq!(expected, tell(&mut reloaded, &mut kept, place, &moment));
        }
        // and back: what was told under both is known by its names
        prop_assert_eq!(saved(&plain), saved(&kept.replay_into(policy, None).unwrap()));
    }
}

/// A reload decides as if the new rules had been there from the start: a `for` that is new has run since then.
#[test]
fn a_new_clock_has_run() {
    let rules = |more: bool| {
        let mut triggers = vec![trigger("far", vec![(Severity::Rollback, simple(0, Relation::Above, "9"))])];
        if more {
            let late = held(simple(0, Relation::Above, "4"), 60);
            triggers.push(trigger("late", vec![(Severity::Rollback, late)]));
        }
        let mut parts =
            PolicyParts::from((*policy(vec![signal("p95", Dimension::Duration)], triggers)).clone());
        parts.plans = vec![crate::tighten::a_plan(None)];
        Arc::new(Policy::new(parts).unwrap())
    };
    let (old, new) = (rules(false), rules(true));
    let mut engine = Engine::with_plan(old.clone(), "canary");
    let mut kept = Recollection::new(&old);
    for place in 0..5 {
        let samples = vec![sample(0, place * 15, "5")];
        let decision = tell(&mut engine, &mut kept, place as usize, &Moment { samples, stage: None });
        assert_eq!(decision.verdict, Verdict::Proceed);
    }
    assert_eq!(tighten::compare(&old, &new, "canary").unwrap().changes, ["trigger `late` is new"]);
    let reloaded = kept.replay_into(new, Some("canary")).unwrap();
    assert_eq!(reloaded.last().unwrap().verdict(), Verdict::Rollback);
}

/// A day of 30 series takes what the limit's words say.
#[test]
fn a_day_is_small() {
    let signals: Vec<_> = (0..30).map(|n| signal(&format!("s{n}"), Dimension::Duration)).collect();
    let level =
        |n| trigger(&format!("t{n}"), vec![(Severity::Rollback, held(simple(n, Relation::Above, "9"), 300))]);
    let policy = policy(signals, (0..30).map(level).collect());
    let mut engine = Engine::new(policy.clone());
    let mut kept = Recollection::new(&policy);
    for place in 0..24 * 60 * 4 {
        let samples = (0..30).map(|id| sample(id, place * 15, "5.25")).collect();
        let _ = tell(&mut engine, &mut kept, place as usize, &Moment { samples, stage: None });
    }
    let (entries, bytes) = kept.size().unwrap();
    assert_eq!(entries, 24 * 60 * 4 * 31);
    assert!(entries * 40 < 7 << 20 && bytes < 13 << 20, "{bytes} bytes, growth included");
    let again = kept.replay_into(policy, None).unwrap();
    assert_eq!(again.save(), engine.save());
}
