//! What stood around an instant at which something is not as expected.

use std::ops::ControlFlow;

use spark_core::{Policy, Report, TimeSpan};

use super::kept::Kept;
use super::outcome::{Check, Row, Shown, Timeline};
use super::run::{instant_of, is_as_expected, name_of, shown};
use super::series::Events;
use super::walk::{Instant, Restarts, walk};
use super::{Expected, Subject, TestCase};
use crate::limits::{LOOK_ON_MAX, TEST_EVALUATIONS_MAX};

/// Instants shown before the one that differs, and after it: enough to see what came, few enough to be read.
const ROWS_BEFORE: u32 = 4;
/// See [`ROWS_BEFORE`].
const ROWS_AFTER: u32 = 3;
/// Most runs in which it was as expected that are kept: the first few say when, and the rest is flapping.
const RUNS_MAX: usize = 16;

/// Adds a timeline to each check that does not hold. The test is walked a second time, and on to the end of its series: what
/// was expected may have come later.
pub(super) fn add(policy: &Policy, kept: &Kept, case: &TestCase, checks: &mut [Check]) {
    let timely = checks.iter().zip(&case.expected).filter(|(_, e)| !matches!(e, Expected::Check { .. }));
    if timely.map(|(check, _)| check).all(|check| check.holds) {
        return;
    }
    let end = end(policy, case, checks);
    let mut timelines: Vec<Option<Timeline>> = checks
        .iter()
        .zip(&case.expected)
        .map(|(check, expected)| {
            if matches!(expected, Expected::Check { .. }) {
                return None;
            }
            let subject = (!check.holds).then(|| subject(policy, kept, case, expected, check))?;
            Some(Timeline { subject, rows: Vec::new(), reached: Vec::new(), until: end })
        })
        .collect();
    let every = policy.every();
    let walked = walk(kept, case, end, Restarts::AsWritten, &mut |instant| {
        for ((check, expected), timeline) in checks.iter().zip(&case.expected).zip(&mut timelines) {
            let Some(timeline) = timeline else { continue };
            if is_as_expected(policy, expected, &shown(policy, kept, expected, instant)) {
                reach(timeline, instant.at, every);
            }
            let near = instant.at >= check.at.minus(every.times(ROWS_BEFORE))
                && instant.at <= check.at.plus(every.times(ROWS_AFTER));
            if near {
                let row = row(timeline.subject.as_deref(), instant, instant.at == check.at);
                timeline.rows.push(row);
            }
        }
        ControlFlow::Continue(())
    });
    // what was walked once can be walked again; where it cannot, there is nothing to show
    if walked.is_ok() {
        for (check, timeline) in checks.iter_mut().zip(timelines) {
            check.timeline = timeline;
        }
    }
}

/// The last instant that is looked at: the end of the series, not too far after what is expected.
fn end(policy: &Policy, case: &TestCase, checks: &[Check]) -> TimeSpan {
    let every = policy.every();
    let expected = checks.iter().map(|check| check.at).max().unwrap_or(TimeSpan::ZERO);
    let series = case.given.iter().filter_map(|given| Events::end(given, every)).max();
    let some_rows = expected.plus(every.times(ROWS_AFTER));
    let wanted = series.unwrap_or(TimeSpan::ZERO).max(some_rows);
    let intervals = u32::try_from(TEST_EVALUATIONS_MAX).unwrap_or(u32::MAX).saturating_sub(1);
    let most = expected.plus(every.times(LOOK_ON_MAX)).min(every.times(intervals));
    instant_of(wanted.min(most), every)
}

/// Whom a timeline is about: the one that was expected; of a decision a reason that is missing, else one that is there, else
/// whom the test speaks of.
fn subject(
    policy: &Policy,
    kept: &Kept,
    case: &TestCase,
    expected: &Expected,
    check: &Check,
) -> Option<String> {
    let name = |subject: &Subject| {
        kept.has(*subject).then(|| name_of(policy, *subject)).flatten().map(str::to_owned)
    };
    match (expected, &check.shown) {
        (Expected::Decision { because, .. }, Shown::Decision(_, reasons)) => {
            let names = || because.iter().filter_map(name);
            let others = || case.expected.iter().flat_map(Expected::subjects).find_map(name);
            let missing = names().find(|name| !reasons.contains(name));
            missing.or_else(|| reasons.first().cloned()).or_else(|| names().next()).or_else(others)
        }
        (Expected::State { subject, .. }, _) => name(subject),
        (Expected::Decision { .. } | Expected::Check { .. }, _) => None,
    }
}

fn reach(timeline: &mut Timeline, at: TimeSpan, every: TimeSpan) {
    let runs = timeline.reached.len();
    match timeline.reached.last_mut() {
        Some((_, last)) if last.plus(every) == at => *last = at,
        _ if runs < RUNS_MAX => timeline.reached.push((at, at)),
        _ => {}
    }
}

fn row(subject: Option<&str>, instant: &Instant<'_>, differs: bool) -> Row {
    let engine = instant.engine;
    let report: Option<Report> = subject.and_then(|name| {
        let mut reports = engine.trigger_reports().into_iter().chain(engine.expectation_reports());
        reports.find(|report| report.name == name)
    });
    let decision = instant.decision;
    Row {
        at: instant.at,
        state: report.as_ref().map(|report| report.state),
        value: report.as_ref().and_then(|report| report.value),
        margin: report.as_ref().and_then(|report| report.margin),
        margin_percent: report.as_ref().and_then(|report| report.margin_percent),
        cause: report.and_then(|report| report.cause),
        verdict: decision.verdict(),
        because: decision.because().map(str::to_owned).collect(),
        differs,
    }
}
