//! Signals and triggers by their names.

use spark_core::{Dimension, Policy, PolicyError, PolicyParts, Relation, Severity, SignalId, TriggerId};

use super::policies::{EVERY, signal, simple, trigger};

fn parts(signals: &[&str], triggers: &[&str]) -> PolicyParts {
    let level = || vec![(Severity::Hold, simple(0, Relation::Above, "4"))];
    PolicyParts {
        every: EVERY,
        signals: signals.iter().map(|name| signal(name, Dimension::Duration)).collect(),
        triggers: triggers.iter().map(|name| trigger(name, level())).collect(),
        plans: vec![],
        checks: vec![],
    }
}

/// Each signal and each trigger is found by its name, wherever it is declared, and nothing else is.
#[test]
fn found() {
    let (signals, triggers) = (["pool", "a", "p95", "zed", "Pool"], ["b", "storm", "aa"]);
    let policy = Policy::new(parts(&signals, &triggers)).unwrap();
    for (name, place) in signals.iter().zip(0..) {
        assert_eq!(policy.signal_id(name), Some(SignalId(place)), "{name}");
        assert_eq!((policy.trigger_id(name), policy.trigger(name)), (None, None), "{name}");
    }
    for (name, place) in triggers.iter().zip(0..) {
        assert_eq!(policy.trigger_id(name), Some(TriggerId(place)), "{name}");
        assert_eq!(policy.trigger(name).unwrap().name, *name);
        assert_eq!(policy.signal_id(name), None, "{name}");
    }
    for name in ["", "po", "pools", "zz", "0"] {
        assert_eq!((policy.signal_id(name), policy.trigger_id(name)), (None, None), "{name}");
    }
}

/// No name stands twice among signals and triggers.
#[test]
fn once() {
    for (signals, triggers, twice) in
        [(&["a", "b", "a"][..], &["c"][..], "a"), (&["a"], &["c", "b", "c"], "c"), (&["a", "b"], &["b"], "b")]
    {
        assert_eq!(Policy::new(parts(signals, triggers)), Err(PolicyError::DuplicateName(twice.to_owned())));
    }
}
