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

/// `given` that is not true makes levels unknown, clocks and all; a level once reached stays.
#[test]
fn given() {
    let guarded = |given| {
        let mut made = trigger("t", vec![(Severity::Rollback, held(above("4"), 30))]);
        made.given = Some(given);
        made
    };
    // the value 9 is above 4 and not enough evidence: it adds nothing to the clock
    check(vec![guarded(simple(0, Relation::Below, "9"))], "5 5 9 5 5 5 9 1", "pp?pRRR.");
    check(vec![guarded(simple(0, Relation::Below, "9"))], "9 9 9 9 1", "????.");
}

/// `unknown hold, then rollback after d` asks for rollback once unknown has lasted that long; what is only false in
/// `given` never counts.
#[test]
fn unknown_escalates() {
    let mut impatient = trigger("t", vec![(Severity::Hold, above("4"))]);
    impatient.unknown_rollback_after = Some(seconds(30));
    let verdicts = |made: &Trigger, values: &[&str]| -> String {
        let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], vec![made.clone()]));
        let decide = |(place, value): (usize, &&str)| {
            let second = u32::try_from(place).unwrap() * 15;
            engine.observe(&sample(0, second, value));
            match engine.evaluate(at(second)).verdict {
                Verdict::Proceed => 'p',
                Verdict::Hold => 'h',
                Verdict::Rollback => 'R',
            }
        };
        values.iter().enumerate().map(decide).collect()
    };
    assert_eq!(verdicts(&impatient, &["1", "NaN", "NaN", "NaN", "NaN", "1"]), "phhRRp");
    assert_eq!(verdicts(&impatient, &["NaN", "NaN", "1", "NaN", "NaN", "NaN"]), "hhphhR");
    impatient.given = Some(simple(0, Relation::Above, "0"));
    assert_eq!(verdicts(&impatient, &["0", "0", "0", "0", "1"]), "hhhhp");
}

/// `baseline` is the whole left side on the stable version at the same instant.
#[test]
fn baseline() {
    let triple = spark_core::Expression::Arithmetic {
        operator: spark_core::Operator::Multiply,
        left: Box::new(spark_core::Expression::Literal(number("3"))),
        right: Box::new(spark_core::Expression::Baseline),
    };
    let condition = compare(spark_core::Expression::Signal(spark_core::SignalId(0)), Relation::Above, triple);
    let made = trigger("t", vec![(Severity::Rollback, condition)]);
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], vec![made]));
    let mut shown = String::new();
    for (place, (canary, stable)) in
        [("3", None), ("3", Some("1")), ("3.1", Some("1")), ("3.1", Some("2"))].iter().enumerate()
    {
        let second = u32::try_from(place).unwrap() * 15;
        engine.observe(&sample(0, second, canary));
        if let Some(stable) = stable {
            engine.observe(&spark_core::Sample {
                track: spark_core::Track::Baseline,
                ..sample(0, second, stable)
            });
        }
        let _ = engine.evaluate(at(second));
        shown.push(state(engine.trigger_reports()[0].state));
    }
    assert_eq!(shown, "?.R.");
}

/// `previous stage` is the mean over the stage before; in the first stage, and without one, the level is left out.
#[test]
fn previous_stage() {
    let condition = compare(
        spark_core::Expression::Signal(spark_core::SignalId(0)),
        Relation::Above,
        spark_core::Expression::PreviousStage,
    );
    let made = trigger("t", vec![(Severity::Hold, condition)]);
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], vec![made]));
    let mut shown = String::new();
    // the mean of the second stage is 3.5; the fourth is known at no instant
    let history = [
        (None, "9"),
        (Some(0), "9"),
        (None, "1"),
        (Some(1), "5"),
        (None, "2"),
        (None, "4"),
        (None, "3"),
        (Some(2), "3.6"),
        (None, "3.5"),
        (Some(3), "NaN"),
        (Some(4), "3"),
    ];
    for (place, (stage, value)) in history.into_iter().enumerate() {
        let second = u32::try_from(place).unwrap() * 15;
        if let Some(stage) = stage {
            engine.enter_stage(stage);
        }
        engine.observe(&sample(0, second, value));
        let _ = engine.evaluate(at(second));
        shown.push(state(engine.trigger_reports()[0].state));
    }
    assert_eq!(shown, ".......h.??");
}

/// A quotient that does not end is not above itself: exactly 50 a minute are not more than `50/min`.
#[test]
fn endless_quotients() {
    let per_minute = |literal: &str| {
        let threshold = spark_core::Quantity::parse(literal).unwrap().value;
        let rate = window(WindowFunction::Rate, 0, 60);
        trigger(
            "t",
            vec![(
                Severity::Hold,
                compare(rate, Relation::Above, spark_core::Expression::Literal(threshold)),
            )],
        )
    };
    // 12.5 in 15 s, from a counter far above zero
    check(vec![per_minute("50/min")], "1000 1012.5 1025 1037.5 1050 1062.5 1076 1100", "????..hh");
    check(vec![per_minute("49.9999/min")], "1000 1012.5 1025 1037.5 1050 1062.5", "????hh");
    let threshold = spark_core::Expression::Literal(spark_core::Quantity::parse("50/min").unwrap().value);
    let above = compare(spark_core::Expression::Signal(spark_core::SignalId(0)), Relation::Above, threshold);
    check(
        vec![trigger("t", vec![(Severity::Hold, above)])],
        "0.833333333333333 0.8333333333333333 0.83333333333333333333333333 0.8333334",
        "...h",
    );
}

/// A trigger whose `given` reads a stage before the first is left out, as a level that reads it is.
#[test]
fn given_of_a_stage_before_the_first() {
    let mut made = trigger("t", vec![(Severity::Rollback, above("4"))]);
    let (left, right) =
        (spark_core::Expression::Signal(spark_core::SignalId(0)), spark_core::Expression::PreviousStage);
    made.given = Some(compare(left, Relation::Above, right));
    let mut engine = Engine::new(policy(vec![signal("p95", Dimension::Duration)], vec![made]));
    let mut shown = String::new();
    for (place, (stage, value)) in [(0, "5"), (0, "5"), (1, "5"), (1, "6")].into_iter().enumerate() {
        let second = u32::try_from(place).unwrap() * 15;
        if place % 2 == 0 {
            engine.enter_stage(stage);
        }
        engine.observe(&sample(0, second, value));
        let _ = engine.evaluate(at(second));
        shown.push(state(engine.trigger_reports()[0].state));
    }
    assert_eq!(shown, "..?R");
}

/// A plan that the policy does not have is never ready, and a state is restored under its own policy alone.
#[test]
fn mistaken_plans_and_policies() {
    let under = |threshold| {
        let expected = spark_core::Signal {
            expectation: Some(simple(0, Relation::AtMost, threshold)),
            ..signal("p95", Dimension::Duration)
        };
        policy(vec![expected], Vec::new())
    };
    let mut engine = Engine::with_plan(under("1"), "no such plan");
    engine.observe(&sample(0, 0, "1"));
    let decision = engine.evaluate(at(0));
    assert_eq!((decision.verdict, decision.ready), (Verdict::Proceed, spark_core::Truth::Unknown));
    let engine = Engine::new(under("1"));
    assert!(Engine::restore(under("1"), engine.save()).is_ok());
    // of the same shape, and yet another
    assert_eq!(
        Engine::restore(under("100"), engine.save()).err(),
        Some(spark_core::RestoreError::OtherPolicy)
    );
}
