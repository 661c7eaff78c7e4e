//! Runs a test: every expectation against what stood at its instant.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use spark_core::check::{Finding, Judged};
use spark_core::{Policy, State, TimeSpan};

use super::kept::{Kept, given};
use super::outcome::{Broken, Check, Outcome, Shown};
use super::timeline;
use super::walk::{Instant, Restarts, Taken, walk};
use super::{CheckState, Expected, Moment, Subject, TestCase};

/// Runs a test of a policy. It is pure: the same policy and test give the same outcome, on every platform. For many tests of
/// one policy, a [`Runner`](super::Runner) gives the same sooner.
pub fn run(policy: &Policy, case: &TestCase) -> Outcome {
    let kept = Kept::new(policy, &given(case));
    run_with(policy, kept.as_ref(), case, Restarts::AsWritten, &mut |_| ControlFlow::Continue(()))
}

/// As [`run`] with what of the policy takes part, and shows every instant up to the last that something is expected at.
pub(crate) fn run_with(
    policy: &Policy,
    kept: Option<&Kept>,
    case: &TestCase,
    restarts: Restarts,
    see: &mut dyn FnMut(&Instant<'_>) -> ControlFlow<()>,
) -> Outcome {
    let failed = |broken| Outcome {
        checks: Vec::new(),
        broken: Some(broken),
        evaluations: 0,
        samples: 0,
        left_out: Vec::new(),
    };
    let Some(kept) = kept else { return failed(Broken::NoPolicy) };
    match checks(policy, kept, case, restarts, see) {
        Err(broken) => failed(broken),
        Ok((mut checks, taken)) => {
            timeline::add(policy, kept, case, &mut checks);
            Outcome {
                checks,
                broken: None,
                evaluations: taken.evaluations,
                samples: taken.samples,
                left_out: kept.left_out(policy),
            }
        }
    }
}

/// Whether a test finds fault with a policy. It stops at the first thing that is not as expected.
pub(crate) fn finds_fault(policy: &Policy, kept: Option<&Kept>, case: &TestCase) -> bool {
    let Some(kept) = kept else { return true };
    let mut plan = Plan::new(policy, kept, case);
    let walked = walk(kept, case, end(policy, case), Restarts::AsWritten, &mut |instant| match plan
        .see(instant)
        .iter()
        .all(|place| plan.holds(*place))
    {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    });
    walked.is_err() || (0..case.expected.len()).any(|place| !plan.holds(place))
}

fn checks(
    policy: &Policy,
    kept: &Kept,
    case: &TestCase,
    restarts: Restarts,
    see: &mut dyn FnMut(&Instant<'_>) -> ControlFlow<()>,
) -> Result<(Vec<Check>, Taken), Broken> {
    if case.expected.is_empty() {
        return Err(Broken::ExpectsNothing);
    }
    let mut plan = Plan::new(policy, kept, case);
    let taken = walk(kept, case, end(policy, case), restarts, &mut |instant| {
        plan.see(instant);
        see(instant)
    })?;
    Ok((plan.checks(), taken))
}

/// The last instant at which something is expected.
fn end(policy: &Policy, case: &TestCase) -> TimeSpan {
    let latest =
        case.expected.iter().map(|expected| expected.moment().time()).max().unwrap_or(TimeSpan::ZERO);
    instant_of(latest, policy.every())
}

/// The instant that shows what stands at a time: that time, or the last instant before it.
pub(super) fn instant_of(time: TimeSpan, every: TimeSpan) -> TimeSpan {
    let beyond = time.nanos().checked_rem(every.nanos()).unwrap_or(0);
    TimeSpan::from_nanos(time.nanos().saturating_sub(beyond))
}

/// What an expectation waits for, and what it saw.
struct Slot {
    at: TimeSpan,
    /// The instant before, where that counts.
    before: Option<TimeSpan>,
    shown: Option<Shown>,
    shown_before: Option<Shown>,
}

/// The expectations of a test by the instants that they read.
struct Plan<'a> {
    policy: &'a Policy,
    kept: &'a Kept,
    case: &'a TestCase,
    slots: Vec<Slot>,
    /// The expectations that read an instant.
    due: BTreeMap<TimeSpan, Vec<usize>>,
}

impl<'a> Plan<'a> {
    fn new(policy: &'a Policy, kept: &'a Kept, case: &'a TestCase) -> Self {
        let every = policy.every();
        let mut due: BTreeMap<TimeSpan, Vec<usize>> = BTreeMap::new();
        let mut slots = Vec::with_capacity(case.expected.len());
        for (place, expected) in case.expected.iter().enumerate() {
            if let Expected::Check { check, .. } = expected {
                // a check is made at no instant
                let shown = judged(policy, case, check).map(|judged| Shown::Judged(Box::new(judged)));
                slots.push(Slot { at: TimeSpan::ZERO, before: None, shown, shown_before: None });
                continue;
            }
            let moment = expected.moment();
            let at = instant_of(moment.time(), every);
            // at the first instant nothing stood before
            let before = (matches!(moment, Moment::From(_)) && at >= every).then(|| at.minus(every));
            for instant in before.into_iter().chain([at]) {
                due.entry(instant).or_default().push(place);
            }
            slots.push(Slot { at, before, shown: None, shown_before: None });
        }
        Self { policy, kept, case, slots, due }
    }

    /// Takes an instant in; gives the expectations of which all is seen now.
    fn see(&mut self, instant: &Instant<'_>) -> Vec<usize> {
        let Some(places) = self.due.remove(&instant.at) else { return Vec::new() };
        let mut done = Vec::new();
        for place in places {
            let Some(expected) = self.case.expected.get(place) else { continue };
            let shown = shown(self.policy, self.kept, expected, instant);
            let Some(slot) = self.slots.get_mut(place) else { continue };
            if slot.at == instant.at {
                slot.shown = Some(shown);
                done.push(place);
            } else if slot.before == Some(instant.at) {
                slot.shown_before = Some(shown);
            }
        }
        done
    }

    fn holds(&self, place: usize) -> bool {
        let (Some(slot), Some(expected)) = (self.slots.get(place), self.case.expected.get(place)) else {
            return false;
        };
        let so = |shown: &Option<Shown>| {
            shown.as_ref().is_some_and(|shown| is_as_expected(self.policy, expected, shown))
        };
        so(&slot.shown) && !(slot.before.is_some() && so(&slot.shown_before))
    }

    fn checks(self) -> Vec<Check> {
        let holds: Vec<bool> = (0..self.slots.len()).map(|place| self.holds(place)).collect();
        let slots = self.slots.into_iter().zip(holds);
        slots
            .filter_map(|(slot, holds)| {
                let (shown, before) = (slot.shown?, slot.shown_before);
                Some(Check { holds, at: slot.at, shown, before, timeline: None })
            })
            .collect()
    }
}

/// What stands at an instant where something is expected.
pub(super) fn shown(policy: &Policy, kept: &Kept, expected: &Expected, instant: &Instant<'_>) -> Shown {
    match expected {
        // what it stands at is known before the first instant
        Expected::Check { .. } => Shown::LeftOut,
        Expected::Decision { .. } => {
            let because = instant.decision.because().map(str::to_owned).collect();
            Shown::Decision(instant.decision.verdict(), because)
        }
        Expected::State { subject, .. } => {
            if let Subject::Expectation(id) = subject
                && policy.signal(*id).is_some_and(|signal| signal.expectation.is_none())
            {
                return Shown::NoExpectation;
            }
            state(policy, kept, *subject, instant).map_or(Shown::LeftOut, Shown::State)
        }
    }
}

/// What a check says of what a test gives for it.
pub(crate) fn judged(policy: &Policy, case: &TestCase, check: &str) -> Option<Judged> {
    Some(policy.check(check)?.judge(&findings(case, check)))
}

/// What a test gives for a check, by the names of its measures.
pub(crate) fn findings(case: &TestCase, check: &str) -> BTreeMap<String, Finding> {
    let own = case.found.iter().filter(|found| found.check == check);
    own.map(|found| (found.measure.clone(), found.finding.clone())).collect()
}

/// The state of a trigger or an expectation; none where it is left out.
fn state(policy: &Policy, kept: &Kept, subject: Subject, instant: &Instant<'_>) -> Option<State> {
    match subject {
        Subject::Trigger(id) => instant.states.get(kept.place(id)?).copied(),
        Subject::Expectation(id) => {
            let name = &policy.signal(id)?.name;
            let reports = instant.engine.expectation_reports();
            reports.iter().find(|report| report.name == *name).map(|report| report.state)
        }
    }
}

/// Whether what stands is what was expected.
pub(super) fn is_as_expected(policy: &Policy, expected: &Expected, shown: &Shown) -> bool {
    match (expected, shown) {
        (Expected::State { state, .. }, Shown::State(shown)) => state == shown,
        (Expected::Check { state, .. }, Shown::Judged(judged)) => *state == CheckState::of(judged),
        (Expected::Decision { verdict, because, .. }, Shown::Decision(shown, reasons)) => {
            let named = |subject: &Subject| {
                name_of(policy, *subject).is_some_and(|name| reasons.iter().any(|reason| reason == name))
            };
            verdict == shown && because.iter().all(named)
        }
        _ => false,
    }
}

/// The name of a trigger, or of an expectation's signal.
pub(crate) fn name_of(policy: &Policy, subject: Subject) -> Option<&str> {
    match subject {
        Subject::Trigger(id) => policy.triggers().get(id.index()).map(|trigger| trigger.name.as_str()),
        Subject::Expectation(id) => policy.signal(id).map(|signal| signal.name.as_str()),
    }
}
