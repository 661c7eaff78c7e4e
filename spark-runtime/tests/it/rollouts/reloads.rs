//! Rules that are replaced while a release runs.

use std::sync::Arc;

use spark_core::rollout::{Ending, Fact, RuleText, Step};
use spark_core::{Condition, Policy, PolicyParts, Relation};
use spark_runtime::runner::NewRules;

use super::{EVERY, Walk, Walked, compare, policy};

/// The policy with another threshold of its trigger.
fn with_threshold(threshold: &str) -> Arc<Policy> {
    let old = policy();
    let mut triggers = old.triggers().to_vec();
    triggers[0].levels[0].condition = Condition::Held {
        condition: Box::new(compare(Relation::Above, threshold)),
        duration: EVERY.times(3),
    };
    let (signals, plans) = (old.signals().to_vec(), old.plans().to_vec());
    Arc::new(Policy::new(PolicyParts { every: EVERY, signals, triggers, plans, checks: vec![] }).unwrap())
}

/// Stricter rules are taken by a running release, as if they had been there from the start; looser and bad ones are not,
/// and it is said. The record gives the same again.
#[test]
fn reloads() {
    let at_look = |wanted: usize, result: Result<Arc<Policy>, String>| {
        let mut looks = 0;
        Box::new(move || {
            looks += 1;
            let rules = vec![RuleText { name: "new.rules".to_owned(), text: "edition 2026\n".to_owned() }];
            (looks == wanted).then(|| result.clone().map(|policy| NewRules { rules, policy }))
        })
    };
    let noted = |walked: &Walked| {
        walked.facts.iter().find_map(|fact| match fact {
            Fact::Noted { words, .. } => Some(words.clone()),
            _ => None,
        })
    };
    // for four instants before the look: under the stricter rule that is too long already
    let script = |n| Some(if n < 3 { 120 } else { 350 });
    let stricter = Walk { reload: at_look(8, Ok(with_threshold("300ms"))), ..Walk::of(script) }.walk();
    assert_eq!(*stricter.ending(), Ending::RolledBack { stage: 0, because: vec!["latency".to_owned()] });
    let place = |wanted: &dyn Fn(&Fact) -> bool| stricter.facts.iter().position(wanted).unwrap();
    let loaded = place(&|fact| matches!(fact, Fact::Reloaded { .. }));
    let rolled = place(&|fact| matches!(fact, Fact::Intent { step: Step::RollBack { .. }, .. }));
    let between = &stricter.facts[loaded..rolled];
    let decisions = between.iter().filter(|fact| matches!(fact, Fact::Decided { .. })).count();
    assert_eq!(decisions, 1, "what was seen before counts");
    let looser = Walk { reload: at_look(3, Ok(with_threshold("500ms"))), ..Walk::of(|_| Some(450)) }.walk();
    assert_eq!(*looser.ending(), Ending::RolledBack { stage: 0, because: vec!["latency".to_owned()] });
    assert!(noted(&looser).unwrap().contains("KEEPS"), "{:?}", noted(&looser));
    let bad = Walk { reload: at_look(3, Err("no rules".to_owned())), ..Walk::of(|_| Some(120)) }.walk();
    assert_eq!(*bad.ending(), Ending::Completed);
    assert!(noted(&bad).unwrap().ends_with("no rules"));
}
