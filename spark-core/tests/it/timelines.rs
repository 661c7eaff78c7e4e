//! Timelines: samples and instants in, states and verdicts out, a letter an instant.

use spark_core::{Condition, Dimension, Engine, Relation, Severity, State, Trigger, Verdict, WindowFunction};

use crate::policies::*;

fn state(state: State) -> char {
    match state {
        State::Unknown => '?',
        State::Ok => '.',
        State::Pending => 'p',
        State::Warn => 'w',
        State::Hold => 'h',
        State::Rollback => 'R',
    }
}

/// One signal `0`, a value an instant (`-` none, `x` a failed source); expected: a state an instant.
fn check(triggers: Vec<Trigger>, values: &str, expected: &str) {
    let name = triggers.last().unwrap().name.clone();
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], triggers));
    let mut shown = String::new();
    for (place, value) in values.split_whitespace().enumerate() {
        let second = u32::try_from(place).unwrap() * 15;
        if value != "-" {
            engine.observe(&sample(0, second, value));
        }
        let decision = engine.evaluate(at(second));
        let report = engine.trigger_reports().into_iter().find(|report| report.name == name).unwrap();
        shown.push(state(report.state));
        let asks = match report.state {
            State::Rollback => Verdict::Rollback,
            State::Hold | State::Pending | State::Unknown => Verdict::Hold,
            State::Ok | State::Warn => Verdict::Proceed,
        };
        assert!(decision.verdict >= asks, "{values} at {place}: {decision:?}");
    }
    assert_eq!(shown, expected, "{values}");
}

fn above(threshold: &str) -> Condition {
    simple(0, Relation::Above, threshold)
}

/// Levels go up when their condition has held, and down when it is false, its `for` aside.
#[test]
fn levels() {
    let levels = || {
        vec![trigger(
            "t",
            vec![(Severity::Hold, held(above("3"), 30)), (Severity::Rollback, held(above("4"), 60))],
        )]
    };
    check(levels(), "1 1 1", "...");
    check(levels(), "1 3 3.5 3.5 3.5 3.5 1", "..pphh.");
    check(levels(), "5 5 5 5 5 5 3.5 3 ", "pphhRRh.");
    // one sample is believed for 45 s, no longer: it never satisfies `for 1m`
    check(levels(), "5 - - - - -", "pphhhh");
    check(vec![trigger("t", vec![(Severity::Rollback, held(above("4"), 60))])], "5 - - - - -", "pppp??");
    // a lost scrape, or two, does not save a bad release
    check(
        vec![trigger("t", vec![(Severity::Rollback, held(above("4"), 45))])],
        "5 x 5 5 5 x 5 5",
        "p?ppp?pR",
    );
    check(vec![trigger("t", vec![(Severity::Warn, above("4"))])], "5 3 4 NaN", "w..?");
}

/// With `clear`, a level is left by it alone; unknown never clears.
#[test]
fn clears() {
    let mut latch = trigger("t", vec![(Severity::Rollback, above("4"))]);
    latch.clear = Some(held(simple(0, Relation::Below, "2"), 30));
    check(vec![latch.clone()], "5 3 3 1 1 1 1", "RRRRR..");
    check(vec![latch.clone()], "5 1 1 x x x x 1 1 1", "RRRRRRRRR.");
    check(vec![latch], "5 1 5 1 1 1", "RRRRR.");
    check(vec![trigger("t", vec![(Severity::Hold, above("4"))])], "5 x x x x 5 1", "hhhhhh.");
}

/// A window is known once 80 % of it is covered; it is left-open.
#[test]
fn windows() {
    let average = |relation, threshold: &str| {
        compare(
            window(WindowFunction::Avg, 0, 60),
            relation,
            spark_core::Expression::Literal(number(threshold)),
        )
    };
    check(vec![trigger("t", vec![(Severity::Hold, average(Relation::Above, "2"))])], "3 3 3 3 3 3", "????hh");
    check(
        vec![trigger("t", vec![(Severity::Hold, average(Relation::AtLeast, "2"))])],
        "9 2 2 2 2 2",
        "????hh",
    );
    check(
        vec![trigger("t", vec![(Severity::Hold, average(Relation::Above, "2"))])],
        "0.3 0.3 0.3 0.3 0.3 NaN 3",
        "????.??",
    );
}

/// While a trigger of its `unless` shows a level that is no lower, a trigger shows ok; what is higher speaks.
#[test]
fn unless() {
    let first = trigger("first", vec![(Severity::Hold, above("3")), (Severity::Rollback, above("6"))]);
    let mut second = trigger("second", vec![(Severity::Hold, above("2")), (Severity::Rollback, above("5"))]);
    second.unless = vec![spark_core::TriggerId(0)];
    check(vec![first, second], "1 2.5 4 5.5 7 2.5 x", ".h.R.hh");
}
