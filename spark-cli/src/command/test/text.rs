//! Results for people.

use anstyle::{AnsiColor, Style};
use spark_rules::test::{Outcome, TestCase, failure_text};

use super::{Suite, coverage, mutants};
use crate::console::{Console, faint, some};

pub(super) fn report(console: &mut Console, suites: &[Suite]) {
    for suite in suites {
        for (case, outcome) in suite.outcomes() {
            test(console, suite, case, outcome);
        }
    }
    for suite in suites {
        if let Some(found) = &suite.coverage {
            coverage::print(console, suite, found);
        }
        if let Some(judged) = &suite.mutants {
            mutants::print(console, suite, judged);
        }
    }
    if console.quiet() {
        return;
    }
    for suite in suites.iter().filter(|suite| suite.loaded.tests.is_empty()) {
        console.note(format!("`{}` has no test", suite.path.display()));
    }
    summary(console, suites);
}

fn test(console: &mut Console, suite: &Suite, case: &TestCase, outcome: &Outcome) {
    if !outcome.passed() {
        let text = failure_text(&suite.loaded, case, outcome);
        console.line(format!("{} {}", failed("FAILED"), text.trim_end()));
        console.line("");
        return;
    }
    if console.verbose() {
        let files = &suite.loaded.files;
        let place = format!("{}:{}", files.name(case.span.file), files.position(case.span).line);
        let left_out = match outcome.left_out.is_empty() {
            true => String::new(),
            false => format!("; without {}", outcome.left_out.join(", ")),
        };
        let (evaluations, samples) =
            (some(outcome.evaluations, "evaluation"), some(outcome.samples, "sample"));
        let took = format!("({evaluations}, {samples}{left_out})");
        console.line(format!("{}     {place}: {}  {}", passed("ok"), case.title, faint(&took)));
    }
}

fn summary(console: &mut Console, suites: &[Suite]) {
    let all = || suites.iter().flat_map(Suite::outcomes);
    let (count, wrong) = (all().count(), all().filter(|(_, outcome)| !outcome.passed()).count());
    if count == 0 {
        return;
    }
    let evaluations: u64 = all().map(|(_, outcome)| outcome.evaluations).sum();
    console.line(match wrong {
        0 => format!(
            "{} {}  {}",
            some(count, "test"),
            passed("passed"),
            faint(&format!("({})", some(evaluations, "evaluation")))
        ),
        wrong => format!("{wrong} of {} {}", some(count, "test"), failed("failed")),
    });
}

/// Something that is well.
pub(super) fn passed(text: &str) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

/// Something that is not.
pub(super) fn failed(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
