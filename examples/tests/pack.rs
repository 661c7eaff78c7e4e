//! The pack decides what its tests say, in the engine that services embed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test; clippy knows only the tests themselves"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use spark_core::{
    Condition, Engine, Policy, PolicyParts, Quantity, Reading, Sample, SignalId, State, TimeSpan, Timestamp,
};
use spark_rules::Loaded;
use spark_rules::test::{Expected, Given, Moment, Series, Subject, TestCase};

fn load(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string());
    spark_rules::load(name, &read(name).unwrap(), &mut |path| read(path)).unwrap()
}

/// The policy with only what reads one of the given signals.
fn left(policy: &Policy, given: &BTreeSet<SignalId>) -> Policy {
    let mut parts: PolicyParts = policy.clone().into();
    for (place, signal) in parts.signals.iter_mut().enumerate() {
        if !given.contains(&SignalId(u32::try_from(place).unwrap())) {
            signal.expectation = None;
        }
    }
    let reads = |conditions: Vec<&Condition>| {
        let mut found = false;
        for condition in conditions {
            condition.comparisons(&mut |c| c.signals(&mut |id| found |= given.contains(&id)));
        }
        found
    };
    let before = std::mem::take(&mut parts.triggers);
    let kept: Vec<&spark_core::Trigger> = before
        .iter()
        .filter(|t| reads(t.levels.iter().map(|l| &l.condition).chain(&t.clear).chain(&t.given).collect()))
        .collect();
    parts.triggers = kept.iter().map(|trigger| (*trigger).clone()).collect();
    for trigger in &mut parts.triggers {
        let names = trigger.unless.iter().map(|id| &before[id.index()].name);
        let places = names.filter_map(|name| kept.iter().position(|t| &t.name == name));
        trigger.unless = places.map(|place| spark_core::TriggerId(u32::try_from(place).unwrap())).collect();
    }
    Policy::new(parts).unwrap()
}

/// The samples of a series up to `end`, in the three forms that the pack uses.
fn samples(given: &Given, every: TimeSpan, end: Timestamp) -> Vec<Sample> {
    let (mut found, mut start, mut level) =
        (Vec::new(), Timestamp::EPOCH, Quantity::parse("0").unwrap().value);
    for step in &given.steps {
        let until = step.duration.map_or(end.plus(every), |duration| start.plus(duration));
        let mut at = start;
        while at < until && at <= end {
            let value = match &step.series {
                Series::Value { value, .. } => Some(*value),
                Series::Rises { by } => {
                    level = level.checked_add(*by).unwrap();
                    Some(level)
                }
                Series::Nothing => None,
                other => panic!("the pack's tests have no {other:?}"),
            };
            found.extend(value.map(|value| Sample {
                signal: given.signal,
                track: given.track,
                at,
                reading: Reading::Value(value),
            }));
            at = at.plus(step.every.unwrap_or(every));
        }
        start = until;
    }
    found
}

/// What the engine showed at an instant.
struct Shown {
    decision: spark_core::Decision,
    states: BTreeMap<String, State>,
}

fn run(policy: &Policy, test: &TestCase, end: Timestamp) -> BTreeMap<Timestamp, Shown> {
    let every = policy.every();
    let given = test.given.iter().map(|given| given.signal).collect();
    let mut engine = Engine::new(Arc::new(left(policy, &given)));
    for sample in test.given.iter().flat_map(|given| samples(given, every, end)) {
        // samples ahead of an instant wait for it
        let _ = engine.observe(&sample);
    }
    let mut shown = BTreeMap::new();
    let mut at = Timestamp::EPOCH;
    while at <= end {
        let decision = engine.evaluate(at);
        let reports = engine.trigger_reports().into_iter().chain(engine.expectation_reports());
        let states = reports.map(|report| (report.name, report.state)).collect();
        shown.insert(at, Shown { decision, states });
        at = at.plus(every);
    }
    shown
}

fn check(name: &str) {
    let loaded = load(name);
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    assert!(!loaded.tests.is_empty(), "{name} has no tests");
    let policy = &loaded.policy;
    let subject = |subject: &Subject| match subject {
        Subject::Trigger(id) => policy.triggers()[id.index()].name.clone(),
        Subject::Expectation(id) => policy.signals()[id.index()].name.clone(),
    };
    let mut wrong = Vec::new();
    for test in &loaded.tests {
        let moments = test.expected.iter().map(|expected| match expected {
            Expected::State { at, .. } | Expected::Decision { at, .. } => *at,
        });
        let after = |span: TimeSpan| Timestamp::EPOCH.plus(span);
        let end = moments.map(|(Moment::At(at) | Moment::From(at))| after(at)).max().unwrap();
        let shown = run(policy, test, end);
        for expected in &test.expected {
            let so = |at: Timestamp| {
                let shown = &shown[&at];
                match expected {
                    Expected::State { subject: of, state, .. } => {
                        shown.states.get(&subject(of)) == Some(state)
                    }
                    Expected::Decision { verdict, because, .. } => {
                        let decision = &shown.decision;
                        let named = because.iter().all(|of| decision.because.contains(&subject(of)));
                        decision.verdict == *verdict && named
                    }
                }
            };
            let (Expected::State { at, .. } | Expected::Decision { at, .. }) = expected;
            let holds = match *at {
                Moment::At(at) => so(after(at)),
                Moment::From(at) => so(after(at)) && !so(after(at).minus(policy.every())),
            };
            if !holds {
                wrong.push(format!("{name}: {}: {expected:?}", test.title));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each golden signal goes on at its limit, waits beyond it, and waits without evidence.
#[test]
fn signals() {
    check("signals.rules");
}

/// Each trigger fires at its instant, stays quiet at its threshold, and says unknown without evidence.
#[test]
fn triggers() {
    check("triggers.rules");
}

/// Eight of eight go on, seven do not; and all tests of the pack hold for the pack as a whole.
#[test]
fn plan() {
    check("canary.rules");
}
