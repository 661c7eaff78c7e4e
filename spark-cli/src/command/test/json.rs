//! Results for programs: docs/schemas/test.schema.json.

use serde::Serialize;
use serde_json::{Value, json};
use spark_core::{Quantity, SourceSpan, TimeSpan};
use spark_rules::Files;
use spark_rules::mutate::{Fate, Judged, hunk};
use spark_rules::test::coverage::Coverage;
use spark_rules::test::{Check, CheckState, Expected, Outcome, Row, Shown, TestCase, found_text};

use super::{Suite, mutants, total};

/// A test; keys in the order of the alphabet, as in all that Spark writes.
#[derive(Serialize)]
struct Test<'a> {
    column: u32,
    error: Option<String>,
    evaluations: u64,
    expectations: Vec<Expectation<'a>>,
    file: &'a str,
    left_out: &'a [String],
    line: u32,
    passed: bool,
    rules: String,
    samples: u64,
    title: &'a str,
}

#[derive(Serialize)]
struct Expectation<'a> {
    at: TimeSpan,
    because: Option<&'a [String]>,
    column: u32,
    decision: Option<&'a str>,
    file: &'a str,
    line: u32,
    message: Option<String>,
    passed: bool,
    reached: Option<Vec<Reached>>,
    state: Option<&'a str>,
    subject: Option<&'a str>,
    text: String,
    timeline: Option<Vec<Value>>,
}

#[derive(Serialize)]
struct Reached {
    from: TimeSpan,
    to: TimeSpan,
}

#[derive(Serialize)]
struct Report<'a> {
    coverage: Option<Value>,
    failed: usize,
    mutants: Option<Value>,
    passed: usize,
    tests: Vec<Test<'a>>,
}

pub(super) fn report(suites: &[Suite]) -> serde_json::Result<String> {
    let all = || suites.iter().flat_map(Suite::outcomes);
    let failed = all().filter(|(_, outcome)| !outcome.passed()).count();
    let tests = suites
        .iter()
        .flat_map(|suite| suite.outcomes().map(move |(case, outcome)| test(suite, case, outcome)));
    let covered = suites.iter().any(|suite| suite.coverage.is_some());
    let mutated = suites.iter().any(|suite| suite.mutants.is_some());
    let report = Report {
        coverage: covered.then(|| coverages(suites)),
        failed,
        mutants: mutated.then(|| all_mutants(suites)),
        passed: all().count().saturating_sub(failed),
        tests: tests.collect(),
    };
    serde_json::to_string(&report)
}

fn test<'a>(suite: &'a Suite, case: &'a TestCase, outcome: &'a Outcome) -> Test<'a> {
    let checks = outcome.checks.iter().zip(&case.expected);
    let files = &suite.loaded.files;
    let position = files.position(case.span);
    Test {
        column: position.column,
        error: outcome.broken.as_ref().map(ToString::to_string),
        evaluations: outcome.evaluations,
        expectations: checks.map(|(check, expected)| expectation(suite, expected, check)).collect(),
        file: files.name(case.span.file),
        left_out: &outcome.left_out,
        line: position.line,
        passed: outcome.passed(),
        rules: suite.path.display().to_string(),
        samples: outcome.samples,
        title: &case.title,
    }
}

fn expectation<'a>(suite: &'a Suite, expected: &Expected, check: &'a Check) -> Expectation<'a> {
    let files = &suite.loaded.files;
    let span = expected.span();
    let position = files.position(span);
    let written: Vec<&str> = files.text(span).split_whitespace().collect();
    let (state, decision, because) = match &check.shown {
        Shown::State(state) => (Some(state.as_str()), None, None),
        Shown::Decision(verdict, because) => (None, Some(verdict.as_str()), Some(because.as_slice())),
        Shown::Judged(judged) => (Some(CheckState::of(judged).as_str()), None, None),
        Shown::LeftOut | Shown::NoExpectation => (None, None, None),
    };
    let timeline = check.timeline.as_ref();
    let reached = |(from, to): &(TimeSpan, TimeSpan)| Reached { from: *from, to: *to };
    Expectation {
        at: check.at,
        because,
        column: position.column,
        decision,
        file: files.name(span.file),
        line: position.line,
        message: (!check.holds).then(|| found_text(&suite.loaded, expected, check)),
        passed: check.holds,
        reached: timeline.map(|timeline| timeline.reached.iter().map(reached).collect()),
        state,
        subject: timeline.and_then(|timeline| timeline.subject.as_deref()),
        text: written.join(" "),
        timeline: timeline.map(|timeline| timeline.rows.iter().map(row).collect()),
    }
}

fn row(row: &Row) -> Value {
    let text = |value: Option<Quantity>| value.map(|value| value.to_string());
    json!({
        "at": row.at,
        "state": row.state.map(spark_core::State::as_str),
        "value": text(row.value),
        "margin": text(row.margin),
        "cause": row.cause,
        "decision": row.verdict.as_str(),
        "because": row.because,
        "differs": row.differs,
    })
}

fn coverages(suites: &[Suite]) -> Value {
    let found = suites.iter().filter_map(|suite| Some((suite, suite.coverage.as_ref()?)));
    let points: Vec<Value> = found.flat_map(|(suite, coverage)| points(suite, coverage)).collect();
    let total = total(suites);
    json!({ "seen": total.seen, "of": total.of, "percent": percent(total.hundredths()), "points": points })
}

fn points(suite: &Suite, coverage: &Coverage) -> Vec<Value> {
    let files = &suite.loaded.files;
    let points = coverage.points.iter().map(|point| {
        located(
            files,
            point.span,
            json!({
                "rules": suite.path.display().to_string(),
                "block": point.block.kind(),
                "name": point.block.name(),
                "kind": point.kind,
                "what": point.what,
                "tests": point.seen,
                "excluded": point.excluded,
            }),
        )
    });
    points.collect()
}

/// A percentage as a number with two places.
fn percent(hundredths: u32) -> f64 {
    f64::from(hundredths) / 100.0
}

fn all_mutants(suites: &[Suite]) -> Value {
    let judged = || suites.iter().filter_map(|suite| Some((suite, suite.mutants.as_ref()?)));
    let all: Vec<Judged> = judged().flat_map(|(_, judged)| judged.clone()).collect();
    let count = mutants::count(&all);
    let each: Vec<Value> =
        judged().flat_map(|(suite, judged)| judged.iter().map(move |judged| mutant(suite, judged))).collect();
    json!({
        "noticed": count.noticed,
        "survived": count.survived,
        "equivalent": count.equivalent,
        "refused": count.refused,
        "each": each,
    })
}

fn mutant(suite: &Suite, Judged { mutant, fate }: &Judged) -> Value {
    let (word, by, why) = match fate {
        Fate::Noticed { by } => ("noticed", Some(by), None),
        Fate::Survived { .. } => ("survived", None, Some(&mutant.notice)),
        Fate::Equivalent(why) => ("equivalent", None, Some(why)),
        Fate::Refused(why) => ("refused", None, Some(why)),
    };
    let files = &suite.loaded.files;
    located(
        files,
        mutant.span,
        json!({
            "rules": suite.path.display().to_string(),
            "block": mutant.block.kind(),
            "name": mutant.block.name(),
            "kind": mutant.kind.as_str(),
            "what": mutant.what,
            "fate": word,
            "noticed_by": by,
            "why": why,
            "diff": hunk(files, mutant),
        }),
    )
}

/// An object with the place of a piece of rule text beside its own keys.
fn located(files: &Files, span: SourceSpan, value: Value) -> Value {
    let position = files.position(span);
    let mut object = serde_json::Map::new();
    object.insert("file".to_owned(), files.name(span.file).into());
    object.insert("line".to_owned(), position.line.into());
    object.insert("column".to_owned(), position.column.into());
    if let Value::Object(own) = value {
        object.extend(own);
    }
    Value::Object(object)
}
