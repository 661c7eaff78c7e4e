//! The analysis beside the engine: what it says can never be is never met, whatever is measured.

use std::sync::Arc;

use proptest::prelude::*;
use rust_decimal::Decimal;
use spark_core::{
    Condition, Engine, Expression, Policy, PolicyParts, Reading as Value, Sample, SignalId, TimeSpan,
    Timestamp, Track, Truth,
};

use super::{CanBe, Proof, Ranges, equivalent, truth_of};

const HEAD: &str = "edition 2026
evaluate every 15s
signal p95 { is duration  from push }
signal errors { is ratio  from push }
signal requests { is counter  from push }
signal x { is number  from push }
signal drops { is rate  from metrics rate(drops_total) over 1m in 1/min }
";

/// Values near each other, on both sides of each other, so that random conditions often meet.
fn comparison() -> impl Strategy<Value = String> {
    let relation = prop::sample::select(vec![">", ">=", "<", "<=", "==", "!="]);
    let duration = prop::sample::select(vec!["0s", "100ms", "200ms", "300ms"]);
    let share = prop::sample::select(vec!["0%", "50%", "100%"]);
    let number = prop::sample::select(vec!["-1", "0", "1", "2", "(1 + 1)", "x"]);
    let count = prop::sample::select(vec!["0", "1", "2", "3", "4", "5"]);
    let rate = prop::sample::select(vec!["0/min", "1/min", "2/min", "1/s"]);
    let length = prop::sample::select(vec![
        "p95",
        "2 * p95",
        "p95 / 2",
        "-p95",
        "max(p95 over 1m)",
        "p95 + 100ms",
        "stddev(p95 over 1m)",
        "p95 * errors",
        "p95 - max(p95 over 1m)",
    ]);
    let part = prop::sample::select(vec![
        "errors",
        "avg(errors over 1m)",
        "stddev(errors over 1m)",
        "p90(errors over 2m)",
    ]);
    let plain = prop::sample::select(vec![
        "x",
        "2 * x",
        "0 - x",
        "x * x",
        "x / 3",
        "correlation(p95, x over 2m)",
        "p95 / max(p95 over 1m)",
    ]);
    let many = prop::sample::select(vec![
        "count(p95 over 1m)",
        "increase(requests over 1m)",
        "requests",
        "sum(requests over 1m)",
        "count(x over 3m)",
    ]);
    let reference = prop::sample::select(vec![
        "baseline",
        "2x baseline",
        "1x baseline",
        "baseline + 10%",
        "0.5x baseline",
        "baseline - 50ms",
    ]);
    prop_oneof![
        (length.clone(), relation.clone(), duration.clone()).prop_map(|(a, r, b)| format!("{a} {r} {b}")),
        (duration.clone(), relation.clone(), length.clone()).prop_map(|(a, r, b)| format!("{a} {r} {b}")),
        (part, relation.clone(), share.clone()).prop_map(|(a, r, b)| format!("{a} {r} {b}")),
        (plain, relation.clone(), number).prop_map(|(a, r, b)| format!("{a} {r} {b}")),
        (many, relation.clone(), count).prop_map(|(a, r, b)| format!("{a} {r} {b}")),
        (relation.clone(), rate).prop_map(|(r, b)| format!("drops {r} {b}")),
        (length, relation.clone(), reference).prop_map(|(a, r, b)| format!("{a} {r} {b}")),
        (duration.clone(), duration).prop_map(|(a, b)| format!("p95 between {a} and ({b} + 100ms)")),
        relation.prop_map(|r| format!("errors {r} 2x baseline")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.clone().prop_map(|part| if part.contains(" for ") {
                part
            } else {
                format!("(not ({part}))")
            }),
            inner.clone().prop_map(|part| format!("(({part}) for 30s)")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(({a}) then ({b}) within 1m)")),
        ]
    })
}

/// Values within what signals are taken to be, few of them, and some that are none.
fn series() -> impl Strategy<Value = Vec<[u8; 10]>> {
    prop::collection::vec(any::<[u8; 10]>(), 1..40)
}

fn reading(signal: usize, byte: u8) -> Option<Value> {
    let thousandths = |values: &[i64]| {
        let value = values.iter().cycle().nth(usize::from(byte)).copied().unwrap();
        Some(Value::Value(Decimal::new(value, 3)))
    };
    match (byte % 16, signal % 5) {
        (14, _) => Some(Value::NotANumber),
        (15, _) => None,
        (_, 0) => thousandths(&[0, 100, 200, 300, 50, 150, 250, 1000]),
        (_, 1) => thousandths(&[0, 500, 1000, 250, 1, 999]),
        (_, 2) => thousandths(&[0, 1000, 2000, 3000, 4000, 5000]),
        (_, 3) => thousandths(&[-2000, -1000, 0, 1000, 2000, 333]),
        _ => thousandths(&[0, 17, 33, 1000, 2000]),
    }
}

fn loaded(conditions: &[&str]) -> Option<Policy> {
    let triggers: Vec<String> = conditions
        .iter()
        .enumerate()
        .map(|(n, text)| format!("trigger t{n} {{ hold when {text} }}"))
        .collect();
    let text = format!("{HEAD}{}", triggers.join("\n"));
    crate::load("p.rules", &text, &mut |_| Err("none".to_owned())).ok().map(|loaded| loaded.policy)
}

fn ranges(policy: &Policy) -> Ranges {
    Ranges::of(policy.signals(), policy.triggers(), policy.plans(), [])
}

/// The truths of the triggers' levels, instant for instant.
fn truths(policy: &Policy, series: &[[u8; 10]]) -> Vec<Vec<Option<Truth>>> {
    let parts = PolicyParts::from(policy.clone());
    let policy = Arc::new(Policy::new(parts).unwrap());
    let mut engine = Engine::new(Arc::clone(&policy));
    let mut found = Vec::new();
    for (place, row) in series.iter().enumerate() {
        let at = Timestamp::EPOCH.plus(TimeSpan::from_seconds(15).times(u32::try_from(place).unwrap()));
        for (signal, byte) in row.iter().enumerate() {
            let track = if signal < 5 { Track::Canary } else { Track::Baseline };
            let id = SignalId(u32::try_from(signal % 5).unwrap());
            if let Some(reading) = reading(signal, *byte) {
                engine.observe(&Sample { signal: id, track, at, reading });
            }
        }
        let _ = engine.evaluate(at);
        let of = |n: usize| {
            engine.conditions(spark_core::TriggerId(u32::try_from(n).unwrap())).unwrap().levels[0].1
        };
        found.push((0..policy.triggers().len()).map(of).collect());
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// What can never be true is never true, and what can never be false never false.
    #[test]
    fn never_contradicted(text in condition(), series in series()) {
        let Some(policy) = loaded(&[&text]) else { return Ok(()) };
        let can = truth_of(&policy.triggers()[0].levels[0].condition, &ranges(&policy));
        for row in truths(&policy, &series) {
            prop_assert!(row[0] != Some(Truth::True) || can.yes, "{} is true, {:?}", text, can);
            prop_assert!(row[0] != Some(Truth::False) || can.no, "{} is false, {:?}", text, can);
        }
    }

    /// Conditions that are proved to be equivalent are so at every instant, unknown ones included.
    #[test]
    fn equivalent_ones_are(parts in prop::collection::vec(comparison(), 1..4), joints in prop::collection::vec(0u8..4, 4), drop in any::<prop::sample::Index>(), other in comparison(), series in series()) {
        let joined = |parts: &[String]| {
            let mut text = String::new();
            for (part, joint) in parts.iter().zip(&joints) {
                text = match (text.is_empty(), joint) {
                    (true, _) => part.clone(),
                    (_, 0) => format!("({text}) and {part}"),
                    (_, 1) => format!("({text}) or {part}"),
                    (_, 2) => format!("(({text}) for 30s) or {part}"),
                    _ => format!("({part}) and not ({})", text.replace("for 30s", "or x > 3")),
                };
            }
            text
        };
        let mut mutated = parts.clone();
        let place = drop.index(mutated.len());
        mutated[place] = match mutated[place].contains(">=") {
            true => mutated[place].replace(">=", ">"),
            false if mutated[place].contains('>') => mutated[place].replace('>', ">="),
            false => other,
        };
        let (a, b) = (joined(&parts), joined(&mutated));
        let Some(policy) = loaded(&[&a, &b]) else { return Ok(()) };
        let of = |n: usize| &policy.triggers()[n].levels[0].condition;
        if equivalent(of(0), of(1), &ranges(&policy)) == Proof::Proven {
            for row in truths(&policy, &series) {
                prop_assert_eq!(row[0], row[1], "{} is not {}", a, b);
            }
        }
    }
}

fn can(text: &str) -> CanBe {
    let policy = loaded(&[text]).unwrap();
    truth_of(&policy.triggers()[0].levels[0].condition, &ranges(&policy))
}

/// Proofs that are asked for are found.
#[test]
fn proofs() {
    for never in [
        "p95 > 400ms and p95 < 300ms",
        "errors > 100%",
        "p95 < 0s and x > 1",
        "avg(errors over 1m) > 100%",
        "stddev(errors over 1m) > 60%",
        "correlation(p95, x over 2m) > 1",
        "increase(requests over 1m) < 0",
        "count(p95 over 5m) < 5",
        "2 * p95 > 800ms and p95 < 300ms",
        "(p95 > 400ms or p95 < 100ms) and p95 between 200ms and 300ms",
        "p95 > 3x baseline and p95 < 2x baseline",
        "p95 > p95",
        "p95 != 1s and not (p95 > 1s or p95 < 1s)",
        "(p95 > 400ms for 30s) and p95 < 300ms",
        "p95 > 400ms then (p95 > 2s and p95 < 1s) within 1m",
        "x * x == 1 and x > 3 and x < 2",
        "drops < 0/min",
    ] {
        assert!(!can(never).yes && can(never).no, "{never}");
    }
    for always in
        ["p95 >= 0s", "errors <= 100%", "x > 1 or x <= 1", "not (requests < 0)", "count(p95 over 5m) > 5"]
    {
        assert!(can(always).yes && !can(always).no, "{always}");
    }
    for open in [
        "x > 1 or p95 <= 1s",
        "x < 0",
        "p95 < -1s",
        "p95 > 3x baseline or p95 < 2x baseline",
        "errors > 3x baseline",
        "p95 >= 0s for 30s",
        "p95 > 1.0000000000001s and p95 < 1.0000000000002s",
        "slope(p95 over 1m) < 0ms/min",
        "delta(requests over 1m) < 0",
        "count(p95 over 5m) > 6",
        "sum(errors over 1m) > 100%",
        "errors + errors > 150%",
        "p95 - 100ms < 0s",
    ] {
        assert_eq!(can(open), CanBe { yes: true, no: true }, "{open}");
    }
    for (a, b, expected) in [
        ("count(p95 over 5m) > 3", "count(p95 over 5m) >= 3", Proof::Proven),
        ("p95 > 300ms and p95 > 400ms", "p95 >= 300ms and p95 > 400ms", Proof::Proven),
        (
            "(count(p95 over 5m) > 3 for 30s) and x > 1",
            "(count(p95 over 5m) >= 3 for 30s) and x > 1",
            Proof::Proven,
        ),
        ("errors < 100%", "errors <= 100%", Proof::Unknown),
        ("errors > 50%", "errors >= 50%", Proof::Unknown),
        ("p95 > 300ms for 30s", "p95 > 300ms for 45s", Proof::Unknown),
        ("p95 > 300ms or x > 1", "p95 > 300ms or (x > 1 and p95 <= 300ms)", Proof::Unknown),
        ("p95 > 300ms", "p95 > 300ms and x == x", Proof::Unknown),
        ("p95 > 300ms and (p95 > 100ms for 30s)", "p95 > 300ms", Proof::Unknown),
    ] {
        let policy = loaded(&[a, b]).unwrap();
        let of = |n: usize| -> &Condition { &policy.triggers()[n].levels[0].condition };
        assert_eq!(equivalent(of(0), of(1), &ranges(&policy)), expected, "{a} beside {b}");
    }
    assert!(
        matches!(loaded(&["p95 > 1s"]).unwrap().triggers()[0].levels[0].condition, Condition::Compare(ref c) if matches!(c.left, Expression::Signal(_)))
    );
}
