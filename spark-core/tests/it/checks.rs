//! Checks: what is found, and what is said of it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use spark_core::check::{
    Check, CheckMeasure, CheckPhase, CheckSeverity, CheckVerdict, Finding, Judged, is_evidence_name,
};
use spark_core::{
    Comparison, Condition, Dimension, Expression, Operator, PerTime, Policy, PolicyError, PolicyParts,
    Quantity, Relation, SignalId, SourceSpan, Test, TimeSpan, Unit,
};

use crate::policies::{EVERY, number};

/// `saturation` (a ratio), `waiting` (a count), `hsts` (a flag).
fn pool(condition: Condition) -> Check {
    Check {
        name: "pool".to_owned(),
        title: None,
        phase: CheckPhase::Preflight,
        probe: "pgbouncer".to_owned(),
        measures: vec![
            CheckMeasure::value("saturation", Unit::of(Dimension::Ratio)),
            CheckMeasure::value("waiting", Unit::of(Dimension::Count)),
            CheckMeasure::flag("hsts"),
        ],
        condition,
        severity: CheckSeverity::NoGo,
        within: TimeSpan::from_seconds(5),
        evidence: "pool.json".to_owned(),
        owner: None,
        runbook: None,
        span: SourceSpan::default(),
    }
}

fn compare(left: Expression, relation: Relation, right: &str, dimension: Dimension, place: u32) -> Condition {
    Condition::Compare(Box::new(Comparison {
        left,
        test: Test::Is(relation, Expression::Literal(number(right))),
        unit: Unit::of(dimension),
        per: PerTime::Second,
        span: SourceSpan { file: 0, start: place, end: place + 1 },
    }))
}

fn saturated(relation: Relation, limit: &str) -> Condition {
    compare(Expression::Signal(SignalId(0)), relation, limit, Dimension::Ratio, 1)
}

fn waiting(relation: Relation, limit: &str) -> Condition {
    compare(Expression::Signal(SignalId(1)), relation, limit, Dimension::Count, 2)
}

fn hsts() -> Condition {
    compare(Expression::Signal(SignalId(2)), Relation::Equal, "1", Dimension::Number, 3)
}

fn found(what: &[(&str, &str)]) -> BTreeMap<String, Finding> {
    let finding = |text: &str| match text {
        "true" => Finding::Flag(true),
        "false" => Finding::Flag(false),
        _ => match text.strip_prefix('!') {
            Some(why) => Finding::Missing(why.to_owned()),
            None => Finding::Value(Quantity::parse(text).unwrap()),
        },
    };
    what.iter().map(|(name, text)| ((*name).to_owned(), finding(text))).collect()
}

fn judge(condition: Condition, what: &[(&str, &str)]) -> Judged {
    pool(condition).judge(&found(what))
}

fn check(condition: Condition, what: &[(&str, &str)], verdict: CheckVerdict, words: &str) {
    let judged = judge(condition, what);
    assert_eq!((judged.verdict, judged.words.as_str()), (verdict, words), "{what:?}");
    assert_eq!(judged.is_unknown(), words.starts_with("unknown: "), "{what:?}");
    assert_eq!(judged.is_unknown(), !judged.causes.is_empty(), "{what:?}");
}

/// What passes says what was found, what does not says what is not as it must be, and what is unknown why.
#[test]
fn verdicts() {
    use CheckVerdict::{NoGo, Pass};
    let both = || Condition::All(vec![saturated(Relation::Below, "0.9"), waiting(Relation::Equal, "0")]);
    let ok = "`saturation` is 41%, `waiting` is 0";
    check(both(), &[("saturation", "41%"), ("waiting", "0")], Pass, ok);
    check(both(), &[("saturation", "90%"), ("waiting", "0")], NoGo, "`saturation` is 90%, not < 90%");
    let all = "`saturation` is 95%, not < 90%; `waiting` is 4, not == 0";
    check(both(), &[("saturation", "95%"), ("waiting", "4")], NoGo, all);
    // a value that is surely wrong decides, whatever else is not known
    check(both(), &[("saturation", "95%")], NoGo, "`saturation` is 95%, not < 90%");
    check(both(), &[("saturation", "41%")], NoGo, "unknown: `waiting` was not measured");
    let why = "unknown: `saturation` was not measured: no route to host; `waiting` was not measured";
    check(both(), &[("saturation", "!no route to host")], NoGo, why);
    let unit = "unknown: `saturation` was measured as 5s, a duration, and must be a ratio";
    check(both(), &[("saturation", "5s"), ("waiting", "0")], NoGo, unit);
    let unit = "unknown: `saturation` was measured as true or false, and must be a ratio";
    check(both(), &[("saturation", "true"), ("waiting", "0")], NoGo, unit);
    // what is no measure of the check is not looked at
    check(both(), &[("saturation", "41%"), ("waiting", "0"), ("else", "5s")], Pass, ok);
}

/// Kleene: what is not known decides nothing that the rest decides.
#[test]
fn either_is_enough() {
    use CheckVerdict::{NoGo, Pass};
    let either = || Condition::Any(vec![saturated(Relation::Below, "0.9"), waiting(Relation::Equal, "0")]);
    check(either(), &[("waiting", "0")], Pass, "`waiting` is 0");
    check(either(), &[("waiting", "3")], NoGo, "unknown: `saturation` was not measured");
    let words = "`saturation` is 95%, `waiting` is 3: not `saturation < 90% or waiting == 0`";
    check(either(), &[("saturation", "95%"), ("waiting", "3")], NoGo, words);
}

/// A flag is true or false, and said so.
#[test]
fn flags() {
    use CheckVerdict::{NoGo, Pass};
    check(hsts(), &[("hsts", "true")], Pass, "`hsts` is true");
    check(hsts(), &[("hsts", "false")], NoGo, "`hsts` is false");
    check(Condition::Not(Box::new(hsts())), &[("hsts", "true")], NoGo, "`hsts` is true");
    check(
        hsts(),
        &[("hsts", "1")],
        NoGo,
        "unknown: `hsts` was measured as 1, a number, and must be true or false",
    );
    let judged = judge(hsts(), &[("hsts", "false")]);
    assert_eq!((judged.value, judged.threshold, judged.margin), (None, None, None));
    let mixed = Condition::All(vec![
        Condition::Any(vec![hsts(), waiting(Relation::Equal, "0")]),
        Condition::Not(Box::new(Condition::All(vec![hsts(), saturated(Relation::Above, "0.5")]))),
    ]);
    let words = "`saturation` is 60%, `hsts` is true: not `not (hsts and saturation > 50%)`";
    check(mixed, &[("hsts", "true"), ("saturation", "60%"), ("waiting", "1")], NoGo, words);
}

/// The value that decides comes with its distance: positive while all is well.
#[test]
fn margins() {
    let shown = |judged: &Judged| {
        let text =
            |quantity: Option<Quantity>| quantity.map_or("-".to_owned(), |quantity| quantity.to_string());
        format!("{} {} {}", text(judged.value), text(judged.threshold), text(judged.margin))
    };
    let judged = judge(saturated(Relation::Below, "0.9"), &[("saturation", "41%")]);
    assert_eq!(shown(&judged), "41% 90% 49%");
    let judged = judge(saturated(Relation::Below, "0.9"), &[("saturation", "95%")]);
    assert_eq!(shown(&judged), "95% 90% -5%");
    assert_eq!(judged.margin_percent, Some(Decimal::new(-56, 1)));
    assert_eq!(shown(&judge(saturated(Relation::Below, "0.9"), &[])), "- - -");
}

/// A calculation without a result is unknown, with its cause.
#[test]
fn calculations() {
    let quotient = Expression::Arithmetic {
        operator: Operator::Divide,
        left: Box::new(Expression::Signal(SignalId(0))),
        right: Box::new(Expression::Signal(SignalId(1))),
    };
    let condition = || compare(quotient.clone(), Relation::Below, "0.5", Dimension::Ratio, 1);
    let words = "unknown: a division by zero, or samples that do not vary";
    check(condition(), &[("saturation", "5%"), ("waiting", "0")], CheckVerdict::NoGo, words);
    let words = "`saturation` is 50%, `waiting` is 1: not `saturation / waiting < 50%`";
    check(condition(), &[("saturation", "50%"), ("waiting", "1")], CheckVerdict::NoGo, words);
}

/// A check that only warns says so, also where nothing is known; it never passes there.
#[test]
fn warnings() {
    let warn = Check { severity: CheckSeverity::Warn, ..pool(saturated(Relation::Below, "0.9")) };
    let judged = warn.judge(&found(&[("saturation", "95%")]));
    assert_eq!((judged.verdict, judged.is_unknown()), (CheckVerdict::Warn, false));
    let judged = warn.judge(&BTreeMap::new());
    assert_eq!((judged.verdict, judged.is_unknown()), (CheckVerdict::Warn, true));
    let judged = warn.unanswered("it did not answer within 5s");
    assert_eq!(judged.words, "unknown: it did not answer within 5s");
    assert_eq!((judged.verdict, judged.is_unknown()), (CheckVerdict::Warn, true));
}

fn policy(checks: Vec<Check>) -> Result<Policy, PolicyError> {
    Policy::new(PolicyParts { every: EVERY, signals: vec![], triggers: vec![], plans: vec![], checks })
}

/// What no check can be is refused with its name, and asked all the same it is unknown.
#[test]
fn refused() {
    let ok = || pool(saturated(Relation::Below, "0.9"));
    let parts = serde_json::to_string(&policy(vec![ok()]).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&parts).unwrap(), policy(vec![ok()]).unwrap());
    let held = Condition::Held { condition: Box::new(ok().condition), duration: EVERY };
    let baseline = Condition::Compare(Box::new(Comparison {
        left: Expression::Signal(SignalId(0)),
        test: Test::Is(Relation::Below, Expression::Baseline),
        unit: Unit::of(Dimension::Ratio),
        per: PerTime::Second,
        span: SourceSpan::default(),
    }));
    let far = compare(Expression::Signal(SignalId(7)), Relation::Below, "1", Dimension::Count, 1);
    let twice = CheckMeasure::flag("saturation");
    let many = (0..33).map(|place| CheckMeasure::flag(&format!("m{place}"))).collect();
    for (broken, why) in [
        (Check { measures: vec![], ..ok() }, "check `pool` has no measure"),
        (Check { measures: many, ..ok() }, "check `pool` has more than 32 measures"),
        (Check { measures: vec![twice.clone(), twice], ..ok() }, "check `pool` has two measures of one name"),
        (Check { condition: far, ..ok() }, "check `pool` reads a measure that it does not have"),
        (Check { condition: held, ..ok() }, "check `pool` reads more than one look shows"),
        (Check { condition: baseline, ..ok() }, "check `pool` reads more than one look shows"),
        (Check { within: TimeSpan::ZERO, ..ok() }, "check `pool` gives its probe no time"),
        (
            Check { evidence: "../a.json".to_owned(), ..ok() },
            "check `pool` keeps its evidence in a file that cannot be",
        ),
    ] {
        assert_eq!(policy(vec![broken]).unwrap_err().to_string(), why);
    }
    assert_eq!(policy(vec![ok(), ok()]).unwrap_err().to_string(), "the name `pool` stands twice");
    let shared = Check { name: "other".to_owned(), evidence: "POOL.json".to_owned(), ..ok() };
    let why = "check `other` keeps its evidence in the file of another check";
    assert_eq!(policy(vec![ok(), shared]).unwrap_err().to_string(), why);
    // no policy has it, and whoever makes it by hand is told that nothing is known
    let far = compare(Expression::Signal(SignalId(900)), Relation::Below, "1", Dimension::Count, 1);
    let judged = pool(far).judge(&found(&[("saturation", "41%")]));
    assert_eq!((judged.verdict, judged.is_unknown()), (CheckVerdict::NoGo, true));
}

/// An evidence file's name is one everywhere, and no path.
#[test]
fn evidence_names() {
    for name in ["pools.json", "a.txt", "2-b_c.d.jsonl", "A.json"] {
        assert!(is_evidence_name(name), "{name}");
    }
    let long = format!("{}.json", "a".repeat(96));
    for name in [
        "",
        ".json",
        "pools",
        "pools.yaml",
        "a/b.json",
        "a\\b.json",
        "..json",
        ".hidden.json",
        "-a.json",
        "a b.json",
        "ö.json",
        "a\0.json",
        "a.JSON",
        &long,
    ] {
        assert!(!is_evidence_name(name), "{name}");
    }
}
