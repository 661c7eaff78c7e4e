//! Watches tests, and remembers what they have seen.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use spark_core::{Policy, State, TriggerId, Truth, Verdict};

use super::points::keyed;
use super::{Coverage, Key, Value};
use crate::Loaded;
use crate::test::kept::{Kept, given};
use crate::test::outcome::Outcome;
use crate::test::run::{findings, run_with};
use crate::test::walk::{Instant, Restarts};
use crate::test::{Expected, TestCase};

/// Watches tests run, and knows afterwards what they have seen.
///
/// ```
/// let text = "edition 2026\nevaluate every 15s\nsignal p95 { is duration  from push }\n\
///   trigger slow { rollback when p95 > 400ms }\n\
///   test \"t\" { given p95 450ms for 1m, then nothing for 5m  expect slow rollback at 3m }";
/// let loaded = spark_rules::load("slow.rules", text, &mut |_| Err("no other file".to_owned())).unwrap();
/// let mut watch = spark_rules::test::coverage::Watch::default();
/// assert!(watch.run(&loaded, &loaded.tests[0]).passed());
/// let coverage = watch.coverage(&loaded);
/// let missing: Vec<&str> = coverage.missing().map(|point| point.what.as_str()).collect();
/// assert_eq!(missing, ["`p95 > 400ms` false", "`slow` ok", "`slow` unknown"]);
/// ```
#[derive(Debug, Default)]
pub struct Watch {
    /// By how many tests each was seen.
    seen: BTreeMap<Key, u32>,
}

impl Watch {
    /// Runs a test, as [`run`](crate::test::run) does, and watches it.
    pub fn run(&mut self, loaded: &Loaded, case: &TestCase) -> Outcome {
        let policy = &loaded.policy;
        let Some(kept) = Kept::new(policy, &given(case)) else { return crate::test::run(policy, case) };
        let mut sight =
            Sight { policy, kept: &kept, comparisons: Vec::new(), keys: BTreeSet::new(), before: Vec::new() };
        let outcome = run_with(policy, Some(&kept), case, Restarts::AsWritten, &mut |instant| {
            sight.see(instant);
            ControlFlow::Continue(())
        });
        sight.see_checks(case);
        for key in sight.all() {
            let count = self.seen.entry(key).or_default();
            *count = count.saturating_add(1);
        }
        outcome
    }

    /// What was seen of these rules until now.
    pub fn coverage(&self, loaded: &Loaded) -> Coverage {
        let points = keyed(loaded).into_iter().map(|(key, mut point)| {
            point.seen = self.seen.get(&key).copied().unwrap_or(0);
            point
        });
        Coverage { points: points.collect() }
    }
}

/// What one test has seen.
struct Sight<'a> {
    policy: &'a Policy,
    kept: &'a Kept,
    /// Of each comparison of the engine, in its order: whether it was true, false, unknown.
    comparisons: Vec<(spark_core::SourceSpan, [bool; 3])>,
    keys: BTreeSet<Key>,
    /// What the triggers showed at the instant before.
    before: Vec<State>,
}

impl Sight<'_> {
    fn see(&mut self, instant: &Instant<'_>) {
        if self.comparisons.is_empty() {
            self.comparisons = instant.engine.comparisons().map(|(span, _)| (span, [false; 3])).collect();
        }
        for ((_, seen), (_, truth)) in self.comparisons.iter_mut().zip(instant.engine.comparisons()) {
            let [was_true, was_false, was_unknown] = seen;
            match truth {
                Some(Truth::True) => *was_true = true,
                Some(Truth::False) => *was_false = true,
                Some(Truth::Unknown) => *was_unknown = true,
                None => {}
            }
        }
        for (place, original) in self.kept.originals.iter().enumerate() {
            self.see_trigger(instant, place, *original);
        }
        for stage in instant.stages {
            self.keys.insert(Key::Stage { plan: stage.plan, stage: stage.stage });
        }
        self.before = instant.states.to_vec();
    }

    /// What a test expects of checks, it has seen of them.
    fn see_checks(&mut self, case: &TestCase) {
        for (place, check) in (0u32..).zip(self.policy.checks()) {
            let expects = |expected: &Expected| matches!(expected, Expected::Check { check: name, .. } if *name == check.name);
            if !case.expected.iter().any(expects) {
                continue;
            }
            let found = findings(case, &check.name);
            for (span, truth) in check.comparisons(&found) {
                self.keys.insert(Key::Comparison(span, truth.into()));
            }
            self.keys.insert(Key::Stands(place, check.judge(&found).truth.into()));
        }
    }

    fn see_trigger(&mut self, instant: &Instant<'_>, place: usize, original: TriggerId) {
        let here = u32::try_from(place).unwrap_or(u32::MAX);
        let (Some(conditions), Some(state), Some(trigger)) = (
            instant.engine.conditions(TriggerId(here)),
            instant.states.get(place),
            self.policy.triggers().get(original.index()),
        ) else {
            return;
        };
        let id = original.0;
        if let Some(given) = conditions.given {
            self.keys.insert(Key::Given(id, given.into()));
        }
        match state {
            State::Ok => self.keys.insert(Key::Shows(id, Value::True)),
            State::Unknown => self.keys.insert(Key::Shows(id, Value::Unknown)),
            State::Pending => false,
            State::Warn => self.keys.insert(Key::Level(id, spark_core::Severity::Warn)),
            State::Hold => self.keys.insert(Key::Level(id, spark_core::Severity::Hold)),
            State::Rollback => self.keys.insert(Key::Level(id, spark_core::Severity::Rollback)),
        };
        let was_at_level = self.before.get(place).is_some_and(|before| before.level().is_some());
        if was_at_level && conditions.clear == Some(Truth::True) {
            self.keys.insert(Key::Cleared(id));
        }
        let asks_for_rollback = instant.decision.verdict() == Verdict::Rollback
            && *state != State::Rollback
            && instant.decision.because().any(|name| name == trigger.name);
        if asks_for_rollback {
            self.keys.insert(Key::GivenUp(id));
        }
        // at a level, or not knowing, and yet `ok`: somebody speaks for it
        let wants =
            conditions.levels.iter().any(|(_, truth)| matches!(truth, Some(Truth::True | Truth::Unknown)));
        if *state == State::Ok && wants {
            for other in &trigger.unless {
                let speaks = self.kept.place(*other).and_then(|place| instant.states.get(place));
                if speaks.is_some_and(|state| state.level().is_some()) {
                    self.keys.insert(Key::Quiet { trigger: id, speaking: other.0 });
                }
            }
        }
    }

    fn all(self) -> impl Iterator<Item = Key> {
        let comparisons = self.comparisons.into_iter().flat_map(|(span, seen)| {
            let values = Value::ALL.into_iter().zip(seen).filter(|(_, seen)| *seen);
            values.map(move |(value, _)| Key::Comparison(span, value)).collect::<Vec<_>>()
        });
        comparisons.chain(self.keys)
    }
}
