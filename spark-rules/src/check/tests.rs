//! `test` blocks: names and units. Running them is another matter.

use rust_decimal::Decimal;
use spark_core::{Plan, SignalId, SourceSpan as Span, State, TimeSpan, Track, TriggerId, Verdict};

use super::{Checker, Named};
use crate::ast::{self, Name, StepKind, TestClause};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::test::{Expected, Given, Moment, Series, Subject, TestCase, TestStage, TestStep};

impl Checker<'_> {
    pub(super) fn test(&mut self, tree: &ast::Test, plans: &[Plan], checks: &[&ast::Check]) -> TestCase {
        let mut test = TestCase {
            title: tree.title.value.clone(),
            given: Vec::new(),
            found: Vec::new(),
            stages: Vec::new(),
            expected: Vec::new(),
            span: tree.span,
        };
        self.refuse_empty(&tree.title, "title");
        let mut seen: Vec<((SignalId, Track), Span)> = Vec::new();
        let mut entered = Vec::new();
        for clause in &tree.clauses {
            match &clause.kind {
                TestClause::Given { signal, baseline, steps, whole } => {
                    let Some(id) = self.signal_named(&signal.text, signal.span) else { continue };
                    let track = if *baseline { Track::Baseline } else { Track::Canary };
                    if *whole && let Some((_, first)) = seen.iter().find(|(key, _)| *key == (id, track)) {
                        let message = format!("`{}` is given twice", signal.text);
                        let problem =
                            Diagnostic::error(codes::E0118, signal.span, message).also(*first, "first here");
                        self.problems.tell(problem.help(
                            "one `given` may have several pieces: `200ms for 10m, then 450ms for 10m`",
                        ));
                        continue;
                    }
                    if *whole {
                        seen.push(((id, track), signal.span));
                    }
                    self.refuse_unreached(steps);
                    let mut steps: Vec<TestStep> =
                        steps.iter().filter_map(|step| self.step(step, id)).collect();
                    let last = steps.len().saturating_sub(1);
                    for step in steps.iter_mut().take(last).filter(|step| is_no_value(&step.series)) {
                        step.once |= step.duration.is_none();
                    }
                    test.given.push(Given { signal: id, track, steps, span: clause.span });
                }
                TestClause::GivenMeasure { check, measure, found } => {
                    test.found.extend(self.found(&test.found, (check, measure), found, clause.span, checks));
                }
                TestClause::ExpectCheck { name, state } => {
                    let state = self.check_state(name, state, checks);
                    test.expected.extend(state.map(|state| Expected::Check {
                        check: name.text.clone(),
                        state,
                        span: clause.span,
                    }));
                }
                TestClause::AtStage { share, plan, from } => {
                    let from = from.map_or(TimeSpan::ZERO, |from| from.value);
                    let may_be = self.stage(*share, plan.as_ref(), plans);
                    entered.push(Entered { may_be, share: share.span, from, span: clause.span });
                }
                TestClause::ExpectState { name, state, at } => {
                    let subject = self.subject(name);
                    let state = state_of(&state.text);
                    test.expected.extend(subject.zip(state).map(|(subject, state)| Expected::State {
                        subject,
                        state,
                        at: moment(*at),
                        span: clause.span,
                    }));
                }
                TestClause::ExpectDecision { decision, at, because } => {
                    let because = because.iter().filter_map(|name| self.subject(name)).collect();
                    test.expected.extend(verdict_of(&decision.text).map(|verdict| Expected::Decision {
                        verdict,
                        at: moment(*at),
                        because,
                        span: clause.span,
                    }));
                }
            }
        }
        test.stages = self.walked(&entered, plans);
        test
    }

    /// The stages that a test is in, of one plan, each further on than those before it.
    fn walked(&mut self, entered: &[Entered], plans: &[Plan]) -> Vec<TestStage> {
        // a plan that has all of them is meant where a share alone does not say which
        let has_all = |plan: usize| {
            entered.iter().all(|one| one.may_be.is_empty() || one.may_be.iter().any(|(own, _)| *own == plan))
        };
        let mut stages: Vec<(TestStage, Span)> = Vec::new();
        for Entered { may_be, share, from, span } in entered {
            let fitting: Vec<_> = match may_be.as_slice() {
                [one] => vec![*one],
                several => several.iter().copied().filter(|(plan, _)| has_all(*plan)).collect(),
            };
            let fitting = if fitting.is_empty() { may_be.clone() } else { fitting };
            let Some((plan, stage)) = fitting.first().copied() else { continue };
            if fitting.len() > 1 {
                let names: Vec<String> = fitting
                    .iter()
                    .filter_map(|(plan, _)| Some(format!("`{}`", plans.get(*plan)?.name)))
                    .collect();
                let written = self.written(*share).to_owned();
                let name = plans.get(plan).map_or("", |plan| plan.name.as_str());
                let message = format!("`{written}` is a stage of several plans: {}", names.join(", "));
                self.problems.tell(
                    Diagnostic::error(codes::E0506, *share, message)
                        .help(format!("say which one, as in `at stage {written} of {name}`")),
                );
                return Vec::new();
            }
            stages.push((TestStage { plan, stage, from: *from, span: *span }, *share));
        }
        let mut in_time: Vec<&(TestStage, Span)> = stages.iter().collect();
        in_time.sort_by_key(|(stage, _)| stage.from);
        for ((first, before), (next, share)) in
            in_time.iter().zip(in_time.iter().skip(1)).map(|(a, b)| (*a, *b))
        {
            if first.plan == next.plan && first.stage < next.stage {
                continue;
            }
            let (written, was) = (self.written(*share).to_owned(), self.written(*before).to_owned());
            let (message, help) = match first.plan == next.plan {
                true => (
                    format!("stage `{written}` from {} does not come after stage `{was}`", next.from),
                    "a test goes through the stages of a plan in their order: write another test for another way",
                ),
                false => (
                    format!("stage `{written}` is not of the plan that stage `{was}` is of"),
                    "a test goes through the stages of one plan: write a test for each",
                ),
            };
            self.problems.tell(
                Diagnostic::error(codes::E0506, *share, message).also(*before, "the stage before").help(help),
            );
            break;
        }
        stages.into_iter().map(|(stage, _)| stage).collect()
    }

    fn subject(&mut self, name: &Name) -> Option<Subject> {
        Some(match self.anything_named(name)? {
            Named::Signal(id) => Subject::Expectation(SignalId(id)),
            Named::Trigger(id) => Subject::Trigger(TriggerId(id)),
        })
    }

    /// Tells of the first piece of a series that comes after one that never ends.
    fn refuse_unreached(&mut self, steps: &[ast::Step]) {
        let endless = |step: &ast::Step| {
            let goes_on = matches!(
                step.kind,
                StepKind::Value { .. } | StepKind::Ramp { .. } | StepKind::Rises { .. } | StepKind::Nothing
            );
            // a restart takes no time, and one `NaN` between two pieces is one
            step.length.is_none() && !step.once && goes_on
        };
        let found = steps.iter().zip(steps.iter().skip(1)).find(|(step, _)| endless(step));
        let Some((before, unreached)) = found else { return };
        let (first, second) = (self.written(before.span), self.written(unreached.span));
        let message = format!("`{second}` is never reached: `{first}` goes on to the end of the test");
        let help = format!("say how long it lasts, as in `{first} for 10m, then {second}`");
        self.problems.tell(
            Diagnostic::error(codes::E0506, unreached.span, message)
                .also(before.span, "this has no length")
                .help(help),
        );
    }

    fn step(&mut self, step: &ast::Step, signal: SignalId) -> Option<TestStep> {
        let series = match &step.kind {
            StepKind::Value { value, noise } => {
                let value = self.value_of(*value, signal);
                let noise = match noise {
                    Some(noise) => self.value_of(*noise, signal),
                    None => Some(Decimal::ZERO),
                };
                Series::Value { value: value?, noise: noise? }
            }
            StepKind::Ramp { from, to } => {
                let (from, to) = (self.value_of(*from, signal), self.value_of(*to, signal));
                Series::Ramp { from: from?, to: to? }
            }
            StepKind::Rises { by, down } => {
                let mut by = self.value_of(*by, signal)?;
                if *down {
                    by.set_sign_negative(!by.is_sign_negative());
                }
                Series::Rises { by }
            }
            StepKind::Nothing => Series::Nothing,
            StepKind::NotANumber => Series::NotANumber,
            StepKind::Infinite { negative } => Series::Infinite { negative: *negative },
            StepKind::Restart => Series::Restart,
            StepKind::Error(words) => {
                Series::Failed(words.as_ref().map_or("the source failed", |words| &words.value).to_owned())
            }
        };
        Some(TestStep {
            series,
            duration: step.length.map(|length| length.value),
            every: step.every.map(|length| length.value),
            once: step.once,
            span: step.span,
        })
    }

    /// The places of the plans that may be meant, each with that of its stage with that share.
    fn stage(&mut self, share: ast::Literal, plan: Option<&Name>, plans: &[Plan]) -> Vec<(usize, usize)> {
        let Some(wanted) = self.share(share) else { return Vec::new() };
        let place = match plan {
            None => None,
            Some(name) => match self.plans.get(&name.text) {
                Some((place, _)) => Some(*place),
                None if self.doubtful(&name.text) => return Vec::new(),
                None => {
                    let message = format!("no plan is called `{}`", name.text);
                    let problem = Diagnostic::error(codes::E0201, name.span, message);
                    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
                    let problem = self.problems.suggesting(problem, &name.text, &names, "plans");
                    self.problems.tell(problem);
                    return Vec::new();
                }
            },
        };
        let found: Vec<_> = plans
            .iter()
            .enumerate()
            .filter(|(number, _)| place.is_none_or(|place| place == *number))
            .filter_map(|(number, plan)| {
                let stage = plan.stages.iter().position(|stage| stage.share_bp == wanted)?;
                Some((number, stage))
            })
            .collect();
        if found.is_empty() && !self.plans_broken && self.doubtful.is_some() {
            let written = self.written(share.span).to_owned();
            let whose = plan
                .map_or("no plan".to_owned(), |plan| format!("plan `{}` has no stage, so none", plan.text));
            let message = match plan {
                Some(plan) => format!("plan `{}` has no stage `{written}`", plan.text),
                None => format!("{whose} has a stage `{written}`"),
            };
            let problem = Diagnostic::error(codes::E0506, share.span, message);
            self.problems.tell(problem.help("name a stage of a plan by its share"));
        }
        found
    }
}

/// An `at stage` as it was read.
struct Entered {
    /// The places of the plans that it may mean, each with that of the stage.
    may_be: Vec<(usize, usize)>,
    share: Span,
    from: TimeSpan,
    span: Span,
}

/// What between two pieces that say nothing of its length is one sample.
const fn is_no_value(series: &Series) -> bool {
    matches!(series, Series::NotANumber | Series::Infinite { .. } | Series::Failed(_))
}

const fn moment(at: ast::Moment) -> Moment {
    match at.first {
        true => Moment::From(at.time.value),
        false => Moment::At(at.time.value),
    }
}

fn state_of(word: &str) -> Option<State> {
    [State::Unknown, State::Ok, State::Pending, State::Warn, State::Hold, State::Rollback]
        .into_iter()
        .find(|state| state.as_str() == word)
}

fn verdict_of(word: &str) -> Option<Verdict> {
    [Verdict::Proceed, Verdict::Hold, Verdict::Rollback].into_iter().find(|verdict| verdict.as_str() == word)
}
