//! Results in JUnit's XML, as CI servers read it: one suite for each file, one case for each test.

use spark_rules::test::{Outcome, TestCase, failure_text};

use super::Suite;
use crate::command::markup::escaped;

pub(super) fn report(suites: &[Suite]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = || suites.iter().flat_map(Suite::outcomes);
    text.push_str(&format!("<testsuites name=\"spark test\" {}>\n", counts(all())));
    for suite in suites {
        let name = escaped(&suite.path.display().to_string());
        text.push_str(&format!("  <testsuite name=\"{name}\" {}>\n", counts(suite.outcomes())));
        for (case, outcome) in suite.outcomes() {
            text.push_str(&testcase(suite, case, outcome));
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// A test that could not be run is an error, one that does not hold a failure. Some servers want a time; it is always none,
/// so that the same tests give the same bytes.
fn counts<'a>(outcomes: impl Iterator<Item = (&'a TestCase, &'a Outcome)>) -> String {
    let (mut tests, mut failures, mut errors) = (0u64, 0u64, 0u64);
    for (_, outcome) in outcomes {
        tests = tests.saturating_add(1);
        match (&outcome.broken, outcome.passed()) {
            (Some(_), _) => errors = errors.saturating_add(1),
            (None, false) => failures = failures.saturating_add(1),
            (None, true) => {}
        }
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" time=\"0\"")
}

fn testcase(suite: &Suite, case: &TestCase, outcome: &Outcome) -> String {
    let files = &suite.loaded.files;
    let file = escaped(files.name(case.span.file));
    let line = files.position(case.span).line;
    let title = escaped(&case.title);
    // `classname` is what servers group by, and may not be missing
    let open = format!(
        "    <testcase name=\"{title}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\" time=\"0\""
    );
    if outcome.passed() {
        return format!("{open}/>\n");
    }
    let word = if outcome.broken.is_some() { "error" } else { "failure" };
    let failed = outcome.checks.iter().filter(|check| !check.holds).count();
    let message = match &outcome.broken {
        Some(broken) => broken.to_string(),
        None => format!("{failed} of {} expectations do not hold", outcome.checks.len()),
    };
    let body = escaped(&failure_text(&suite.loaded, case, outcome));
    format!("{open}>\n      <{word} message=\"{}\">{body}</{word}>\n    </testcase>\n", escaped(&message))
}
