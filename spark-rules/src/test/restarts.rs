//! Restarts change nothing, shown on random tests.

use std::ops::ControlFlow;

use proptest::prelude::*;
use spark_core::TimeSpan;

use super::kept::{Kept, given};
use super::run::run_with;
use super::walk::Restarts;

const EVERY: TimeSpan = TimeSpan::from_seconds(15);

const RULES: &str = "edition 2026
evaluate every 15s
signal a { is duration  from push  expect <= 200ms }
signal b { is ratio  from push  expect <= baseline + 10% }
signal n { is counter  from push }
trigger held { hold when a > 300ms for 1m  rollback when a > 400ms for 2m  clear when a < 250ms for 1m }
trigger quiet { warn when b > 1%  hold when (a > 300ms and b > 2%) for 1m  unless held }
trigger order { hold when a > 300ms for 30s then b > 1% within 2m }
trigger grown { rollback when increase(n over 2m) > 50 or slope(a over 1m) > 1ms/s
  given count(n over 2m) >= 4  unknown hold, then rollback after 3m }
trigger creep { hold when a > 1.2x previous stage for 1m }
plan p { stage 5% for 5m  stage 25% for 5m }
";

/// A step of a duration, of a ratio or of a counter.
fn step(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    let kinds = values.iter().copied().chain(["nothing", "NaN", "error", "restart"]).collect::<Vec<_>>();
    (proptest::sample::select(kinds), 1u32..16)
        .prop_map(|(kind, length)| format!("{kind} for {}", EVERY.times(length)))
}

fn series(name: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = String> {
    let steps = proptest::collection::vec(step(values), 1..5);
    steps.prop_map(move |steps| format!("given {name} {}", steps.join(", then ")))
}

fn body() -> impl Strategy<Value = String> {
    let durations = &["200ms", "350ms", "450ms", "300ms noise 100ms", "rises 20ms"];
    let ratios = &["0.5%", "3%", "2% noise 2%"];
    let parts = (
        series("a", durations),
        series("b", ratios),
        series("b on baseline", ratios),
        series("n", &["rises 10", "rises 1", "rises 100 every 1m"]),
        proptest::option::of(0u32..30),
    );
    parts.prop_map(|(a, b, base, n, stage)| {
        let stage =
            stage.map(|at| format!("at stage 5%\nat stage 25% from {}", EVERY.times(at))).unwrap_or_default();
        format!("test \"t\" {{\n{a}\n{b}\n{base}\n{n}\n{stage}\nexpect decision hold at 12m\n}}\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// An engine that is saved to text and restored before every instant decides as one that never stopped.
    #[test]
    fn restarts_change_nothing(body in body()) {
        let text = format!("{RULES}{body}");
        let loaded = crate::load("t.rules", &text, &mut |_| Err("none".to_owned())).unwrap();
        let kept = Kept::new(&loaded.policy, &given(&loaded.tests[0])).unwrap();
        let seen = |restarts| {
            let mut seen = Vec::new();
            let outcome = run_with(&loaded.policy, Some(&kept), &loaded.tests[0], restarts, &mut |instant| {
                let reports = (instant.engine.trigger_reports(), instant.engine.expectation_reports());
                seen.push((instant.decision.to_decision(), reports));
                ControlFlow::Continue(())
            });
            (outcome, seen)
        };
        let (without, with) = (seen(Restarts::AsWritten), seen(Restarts::Everywhere));
        prop_assert_eq!(without.1.len(), 49);
        prop_assert_eq!(without, with);
    }
}
