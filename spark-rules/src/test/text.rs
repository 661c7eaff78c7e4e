//! A failed test in words, with what stood around the instant that differs.

use spark_core::{Quantity, State, TimeSpan, Verdict};

use super::outcome::{Check, Outcome, Row, Shown, Timeline};
use super::run::{instant_of, name_of};
use super::{CheckState, Expected, Moment, Subject, TestCase};
use crate::Loaded;

/// Significant digits of a shown number: a computed value may have 28.
const DIGITS: u32 = 9;
/// Most runs that are named: the rest says that it flaps, which a few show.
const RUNS_NAMED: usize = 3;
/// Most reasons of a decision that stand in a table: the columns after it have to stay in sight.
const REASONS_NAMED: usize = 3;

/// A failed test for people: where it stands, and for each expectation that does not hold what was expected, what was, and
/// what stood around it. Plain text, without colour.
pub fn failure_text(loaded: &Loaded, case: &TestCase, outcome: &Outcome) -> String {
    let mut text = format!("{}: {}\n", place(loaded, case.span), case.title);
    if let Some(broken) = &outcome.broken {
        text.push_str(&format!("  cannot be run: {broken}\n"));
    }
    for (check, expected) in outcome.checks.iter().zip(&case.expected).filter(|(check, _)| !check.holds) {
        let written = loaded.files.text(expected.span()).split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format!("\n  {written}  ({})\n", place(loaded, expected.span())));
        for line in found_text(loaded, expected, check).lines() {
            text.push_str(&format!("  {line}\n"));
        }
        let nothing_to_see = matches!(check.shown, Shown::LeftOut | Shown::NoExpectation);
        if let Some(timeline) = check.timeline.as_ref().filter(|_| !nothing_to_see) {
            text.push('\n');
            text.push_str(&table(timeline));
        }
    }
    text
}

/// What stood where something was expected, in words, and when it was as expected instead.
pub fn found_text(loaded: &Loaded, expected: &Expected, check: &Check) -> String {
    let policy = &loaded.policy;
    let name = |subject: &Subject| name_of(policy, *subject).unwrap_or("?").to_owned();
    let at = check.at;
    let mut words = match (expected, &check.shown) {
        (Expected::Check { check, .. }, Shown::Judged(judged)) => {
            let words = judged.words.strip_prefix("unknown: ").unwrap_or(&judged.words);
            return format!("`{check}` stands at {}: {words}", CheckState::of(judged));
        }
        (Expected::Check { check, .. }, shown) => {
            return format!("`{check}` stands at {}", shown_words(shown));
        }
        (Expected::State { subject, .. }, Shown::LeftOut) => {
            let name = name(subject);
            return format!("`{name}` takes no part in this test: it reads none of the given signals");
        }
        (Expected::State { subject, .. }, Shown::NoExpectation) => {
            return format!("`{}` has no `expect`, so it has no state", name(subject));
        }
        (Expected::State { subject, state, .. }, shown) => {
            let mut words = match check.before.as_ref().filter(|before| *before == shown) {
                Some(Shown::State(before)) if before == state => format!(
                    "`{}` was {state} before: `from` means so at {at}, and not at the instant before",
                    name(subject)
                ),
                _ => format!("at {at} `{}` was {}", name(subject), shown_words(shown)),
            };
            let possible = matches!(state, State::Ok | State::Hold | State::Unknown);
            if matches!(subject, Subject::Expectation(_)) && !possible {
                words.push_str(": an expectation is ok, hold or unknown");
            }
            words
        }
        (Expected::Decision { verdict, because, .. }, Shown::Decision(found, reasons)) => {
            let mut words = format!("at {at} the decision was {}", shown_words(&check.shown));
            let missing: Vec<String> = because
                .iter()
                .map(name)
                .filter(|name| found == verdict && !reasons.contains(name))
                .map(|name| format!("`{name}`"))
                .collect();
            if !missing.is_empty() {
                let did = if missing.len() == 1 { "does" } else { "do" };
                words.push_str(&format!("; {} {did} not ask for {verdict}", missing.join(" and ")));
            } else if found == verdict && check.before.is_some() {
                words = format!(
                    "the decision was {found} before: `from` means so at {at}, and not at the instant before"
                );
            }
            words
        }
        (Expected::Decision { .. }, shown) => format!("the decision was {}", shown_words(shown)),
    };
    words.push_str(&reached_words(expected, check));
    let (Moment::At(time) | Moment::From(time)) = expected.moment();
    if instant_of(time, policy.every()) != time {
        words.push_str(&format!(
            "\n{time} lies between two instants (evaluated every {}): what {at} showed stood there",
            policy.every()
        ));
    }
    words
}

/// When it was as expected instead.
fn reached_words(expected: &Expected, check: &Check) -> String {
    let Some(timeline) = &check.timeline else { return String::new() };
    let what = match expected {
        Expected::State { state, .. } => state.as_str().to_owned(),
        Expected::Check { state, .. } => state.as_str().to_owned(),
        Expected::Decision { verdict, because, .. } if because.is_empty() => verdict.as_str().to_owned(),
        Expected::Decision { .. } => "what was expected".to_owned(),
    };
    if timeline.reached.is_empty() {
        return format!("\n{what} was never reached (looked at until {})", timeline.until);
    }
    let run = |(from, to): &(TimeSpan, TimeSpan)| match (from == to, *to == timeline.until) {
        (true, _) => format!("at {from}"),
        (false, true) => format!("at {from} and stayed"),
        (false, false) => format!("at {from} and stayed to {to}"),
    };
    let mut runs: Vec<String> = timeline.reached.iter().take(RUNS_NAMED).map(run).collect();
    if timeline.reached.len() > RUNS_NAMED {
        runs.push("and again later".to_owned());
    }
    format!("\n{what} was reached {}", runs.join(", "))
}

fn shown_words(shown: &Shown) -> String {
    match shown {
        Shown::State(state) => state.as_str().to_owned(),
        Shown::LeftOut => "left out".to_owned(),
        Shown::NoExpectation => "nothing".to_owned(),
        Shown::Judged(judged) => CheckState::of(judged).as_str().to_owned(),
        Shown::Decision(verdict, because) => decision_words(*verdict, because),
    }
}

fn decision_words(verdict: Verdict, because: &[String]) -> String {
    match because.is_empty() {
        true => verdict.as_str().to_owned(),
        false => format!("{verdict} because {}", because.join(", ")),
    }
}

/// `file:line:column` of a piece of rule text.
fn place(loaded: &Loaded, span: spark_core::SourceSpan) -> String {
    let position = loaded.files.position(span);
    format!("{}:{}:{}", loaded.files.name(span.file), position.line, position.column)
}

/// A table of instants, the one that differs marked.
fn table(timeline: &Timeline) -> String {
    let subject = timeline.subject.as_deref();
    let mut heading = vec!["at"];
    heading.extend(subject.into_iter().flat_map(|subject| [subject, "value", "margin"]));
    heading.push("decision");
    if timeline.rows.iter().any(|row| row.cause.is_some()) {
        heading.push("unknown because");
    }
    let mut rows: Vec<Vec<String>> = vec![heading.into_iter().map(str::to_owned).collect()];
    rows.extend(timeline.rows.iter().map(|row| cells(row, subject.is_some())));
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let marks =
        std::iter::once(' ').chain(timeline.rows.iter().map(|row| if row.differs { '>' } else { ' ' }));
    let mut text = String::new();
    for (row, mark) in rows.iter().zip(marks) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = format!("    {mark} {}", cells.collect::<Vec<_>>().join("  "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cells(row: &Row, with_subject: bool) -> Vec<String> {
    let named: Vec<String> = row.because.iter().take(REASONS_NAMED).cloned().collect();
    let mut decision = decision_words(row.verdict, &named);
    let others = row.because.len().saturating_sub(named.len());
    if others > 0 {
        decision.push_str(&format!(" and {others} more"));
    }
    if !with_subject {
        return vec![row.at.to_string(), decision];
    }
    let margin = match (row.margin, row.margin_percent) {
        (Some(margin), Some(percent)) => format!("{} ({percent}%)", short(margin)),
        (margin, _) => margin.map_or("-".to_owned(), short),
    };
    vec![
        row.at.to_string(),
        row.state.map_or("-", State::as_str).to_owned(),
        row.value.map_or("-".to_owned(), short),
        margin,
        decision,
        row.cause.clone().unwrap_or_default(),
    ]
}

/// A value with as many digits as people read.
pub(crate) fn short(quantity: Quantity) -> String {
    let value = quantity.value.round_sf(DIGITS).unwrap_or(quantity.value);
    Quantity { value, ..quantity }.to_string()
}
