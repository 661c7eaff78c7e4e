//! What a reader gets: the deciding comparison, its margin, the evidence, and what would change the state.

use rust_decimal::Decimal;

use super::Engine;
use super::deciding::Deciding;
use super::program::{LevelRoots, Node, Root};
use super::ruling::Details;
use super::runs::Covered;
use super::view::{Sides, View};
use crate::condition::{Comparison, Expression, Relation};
use crate::decision::{Evidence, Report, State, Truth};
use crate::quantity::Quantity;
use crate::signal::{SignalId, SourceSpan, Track};
use crate::time::{TimeSpan, Timestamp};
use crate::trigger::{Trigger, TriggerId};

impl Engine {
    pub(super) fn view(&self, at: Timestamp) -> View<'_> {
        View {
            policy: &self.policy,
            program: &self.program,
            histories: &self.state.histories,
            windows: &self.windows,
            stages: &self.state.stages,
            at,
        }
    }

    /// What is told of a trigger's state at the last instant, where it changed.
    pub(super) fn details(&self, trigger: TriggerId, at: Timestamp) -> Details {
        let place = trigger.index();
        let Some(memory) = self.remembered(place) else { return Details::default() };
        let view = self.view(at);
        let deciding = self.deciding_level(place, at).and_then(|(_, level)| view.deciding(&level.root));
        let (value, margin) = view.value_and_margin(deciding, memory.shown);
        Details { value, margin, cause: view.causes(memory.cause, memory.given) }
    }

    /// Everything about every trigger at the last instant, in the order of declaration; nothing before the first.
    pub fn trigger_reports(&self) -> Vec<Report> {
        let Some(last) = self.latest.at else { return Vec::new() };
        (0..self.policy.triggers().len()).filter_map(|place| self.trigger_report(place, last)).collect()
    }

    fn trigger_report(&self, place: usize, at: Timestamp) -> Option<Report> {
        let trigger = self.policy.triggers().get(place)?;
        let memory = self.remembered(place)?;
        let view = self.view(at);
        let level = self.deciding_level(place, at);
        let deciding = level.and_then(|(_, level)| view.deciding(&level.root));
        let (value, threshold, margin, margin_percent) = view.measured(deciding, memory.shown);
        let longest = level.map(|(_, level)| level.root.longest).unwrap_or_default();
        let overridden_until = self.overridden_until(TriggerId(u32::try_from(place).ok()?));
        let would_change = self.would_change(place, trigger, at);
        Some(Report {
            name: trigger.name.clone(),
            state: memory.shown,
            since: memory.since.unwrap_or(at),
            value,
            threshold,
            margin,
            margin_percent,
            evidence: deciding.map(|deciding| view.evidence(deciding.place, longest)).unwrap_or_default(),
            span: deciding
                .and_then(|deciding| view.comparison(deciding.place))
                .map_or(trigger.span, |c| c.span),
            cause: view.causes(memory.cause, memory.given),
            would_change: match (overridden_until, would_change) {
                (None, words) => words,
                (Some(until), None) => Some(overridden_words(until)),
                (Some(until), Some(words)) => Some(format!("{}; {words}", overridden_words(until))),
            },
            overridden_until,
        })
    }

    /// The level that a reader wants to know about: the one it is at; else the highest whose comparison is true;
    /// else the nearest.
    fn deciding_level(&self, place: usize, at: Timestamp) -> Option<(usize, &LevelRoots)> {
        let trigger = self.policy.triggers().get(place)?;
        let roots = self.program.triggers.get(place)?;
        let memory = self.remembered(place)?;
        let levels = || roots.levels.iter().enumerate().filter(|(_, level)| self.is_read(&level.root));
        if let Some(severity) = memory.shown.level() {
            return levels()
                .find(|(n, _)| trigger.levels.get(*n).is_some_and(|level| level.severity == severity));
        }
        let view = self.view(at);
        let running = |level: &LevelRoots| self.clock(level.run, at).is_some_and(|run| run.start().is_some());
        if memory.shown == State::Pending
            && let Some(level) = levels().rfind(|(_, level)| running(level))
        {
            return Some(level);
        }
        let deciding = |level: &LevelRoots| view.deciding(&level.root);
        levels().reduce(|best, next| match (deciding(best.1), deciding(next.1)) {
            (Some(a), Some(b)) if b.is_nearness(Relation::Below, &a) => next,
            (None, Some(_)) => next,
            _ => best,
        })
    }

    fn is_read(&self, root: &Root) -> bool {
        !(root.reads_previous_stage && self.state.stages.is_first())
    }

    /// Everything about every expectation at the last instant, in the order of declaration; nothing before the first.
    pub fn expectation_reports(&self) -> Vec<Report> {
        let Some(last) = self.latest.at else { return Vec::new() };
        let view = self.view(last);
        let roots =
            self.policy.signals().iter().zip(&self.program.expectations).zip(&self.state.expectations);
        roots
            .filter_map(|((signal, root), remembered)| {
                let (root, (met, since)) = (root.as_ref()?, (*remembered)?);
                let state = match met {
                    Truth::True => State::Ok,
                    Truth::False => State::Hold,
                    Truth::Unknown => State::Unknown,
                };
                let deciding = view.deciding(root);
                let (value, threshold, margin, margin_percent) = view.measured(deciding, state);
                // an expectation must hold: its margin is positive while it does
                let negated = |quantity: Quantity| Quantity { value: negate(quantity.value), ..quantity };
                let words = deciding.and_then(|d| view.comparison(d.place)).map(|c| view.words(c))?;
                let cause = deciding.and_then(|deciding| view.sides(deciding.place).err());
                Some(Report {
                    name: signal.name.clone(),
                    state,
                    since,
                    value,
                    threshold,
                    margin: margin.map(negated),
                    margin_percent: margin_percent.map(negate),
                    evidence: deciding.map(|d| view.evidence(d.place, TimeSpan::ZERO)).unwrap_or_default(),
                    span: deciding
                        .and_then(|d| view.comparison(d.place))
                        .map_or(SourceSpan::default(), |c| c.span),
                    cause: cause.filter(|_| state == State::Unknown).map(|cause| view.cause_words(cause)),
                    would_change: Some(match state {
                        State::Ok => format!("asks for hold as soon as `{words}` is not true"),
                        _ => format!("asks for nothing as soon as `{words}` is true"),
                    }),
                    overridden_until: None,
                })
            })
            .collect()
    }

    fn would_change(&self, place: usize, trigger: &Trigger, at: Timestamp) -> Option<String> {
        let view = self.view(at);
        let memory = self.remembered(place)?;
        let roots = self.program.triggers.get(place)?;
        let words = |root: &Root| {
            view.deciding(root).and_then(|deciding| view.comparison(deciding.place)).map(|c| view.words(c))
        };
        let severity = |n: usize| trigger.levels.get(n).map_or("", |level| level.severity.as_str());
        match memory.shown {
            State::Unknown => {
                let cause = view.causes(memory.cause, memory.given)?;
                Some(match trigger.unknown_rollback_after {
                    Some(after) => format!(
                        "is known again when this ends: {cause}; asks for rollback once it has lasted {after}"
                    ),
                    None => format!("is known again when this ends: {cause}"),
                })
            }
            State::Ok => {
                let (n, level) = self.deciding_level(place, at)?;
                let condition = words(&level.root)?;
                Some(match level.root.longest.is_zero() {
                    true => format!("goes to {} as soon as `{condition}` is true", severity(n)),
                    false => format!("goes to pending as soon as `{condition}` is true"),
                })
            }
            State::Pending => {
                let mut steps: Vec<String> = roots
                    .levels
                    .iter()
                    .enumerate()
                    .filter_map(|(n, level)| {
                        let (due, condition) = (self.due(level, at)?, words(&level.root)?);
                        Some(format!("goes to {} at {due} if `{condition}` stays true", severity(n)))
                    })
                    .collect();
                steps.push("back to ok as soon as it is false".to_owned());
                Some(steps.join("; "))
            }
            State::Warn | State::Hold | State::Rollback => {
                let upward = roots.levels.iter().enumerate().filter_map(|(n, level)| {
                    let higher =
                        trigger.levels.get(n).is_some_and(|l| Some(l.severity) > memory.shown.level());
                    let (due, condition) = (self.due(level, at).filter(|_| higher)?, words(&level.root)?);
                    Some(format!("goes to {} at {due} if `{condition}` stays true; ", severity(n)))
                });
                let upward: String = upward.collect();
                let leaves = match &roots.clear {
                    Some(clear) => {
                        let held = if clear.longest.is_zero() {
                            String::new()
                        } else {
                            format!(" for {}", clear.longest)
                        };
                        format!("clears once `{}` has been true{held}", words(clear)?)
                    }
                    None => format!(
                        "clears as soon as `{}` is false",
                        words(&self.deciding_level(place, at)?.1.root)?
                    ),
                };
                Some(format!("{upward}{leaves}"))
            }
        }
    }

    /// When a level with one running clock is reached if nothing changes.
    fn due(&self, level: &LevelRoots, at: Timestamp) -> Option<Timestamp> {
        // inside of anything else, the end of its clock is not yet the level's
        let Some(Node::Held { clock: place, .. }) = self.program.nodes.get(level.root.full) else {
            return None;
        };
        let (duration, _) = self.program.clocks.get(*place)?;
        let clock = self.clock(*place, at)?;
        clock.start()?;
        Some(at.plus(clock.missing(*duration)))
    }
}

fn overridden_words(until: Timestamp) -> String {
    format!("overridden until {until}: it asks for nothing before")
}

pub(super) fn negate(value: Decimal) -> Decimal {
    Decimal::ZERO.checked_sub(value).unwrap_or(value)
}

impl<'a> View<'a> {
    fn comparison(&self, place: usize) -> Option<&'a Comparison> {
        self.program.comparisons.get(place)
    }

    fn words(&self, comparison: &Comparison) -> String {
        super::cause::comparison_words(self.policy, comparison)
    }

    /// Value, threshold and margin of the deciding comparison, and the margin in percent; nothing where the state is unknown.
    pub(super) fn measured(
        &self,
        deciding: Option<Deciding>,
        state: State,
    ) -> (Option<Quantity>, Option<Quantity>, Option<Quantity>, Option<Decimal>) {
        let Some((comparison, sides)) = self.known(deciding, state) else { return (None, None, None, None) };
        let shown = |value| Some(shown(comparison, value));
        let (value, threshold) = sides.measured_first(comparison);
        let percent = sides
            .margin
            .checked_div(threshold.abs())
            .and_then(|part| part.checked_mul(Decimal::ONE_HUNDRED))
            .map(|percent| percent.round_dp(1).normalize());
        (shown(value), shown(threshold), shown(sides.margin), percent)
    }

    /// The same without what has to be divided.
    fn value_and_margin(
        &self,
        deciding: Option<Deciding>,
        state: State,
    ) -> (Option<Quantity>, Option<Quantity>) {
        let Some((comparison, sides)) = self.known(deciding, state) else { return (None, None) };
        let (value, _) = sides.measured_first(comparison);
        (Some(shown(comparison, value)), Some(shown(comparison, sides.margin)))
    }

    fn known(&self, deciding: Option<Deciding>, state: State) -> Option<(&'a Comparison, Sides)> {
        let deciding = deciding.filter(|_| state != State::Unknown)?;
        Some((self.comparison(deciding.place)?, deciding.sides?))
    }

    /// The canary's samples that the comparison at that place rests on: as far back as its windows and the `for` reach.
    fn evidence(&self, place: usize, held: TimeSpan) -> Evidence {
        let Some(comparison) = self.comparison(place) else { return Evidence::default() };
        let mut evidence = Evidence::default();
        let mut seen = Vec::new();
        for expression in comparison.expressions() {
            look_back(expression, &mut |signal, over| seen.push((signal, over)));
        }
        seen.sort_unstable();
        seen.dedup();
        for (signal, over) in seen {
            let stale = self.policy.signal(signal).map(|signal| signal.stale_after).unwrap_or_default();
            let over = over.plus(held);
            let over = if over.is_zero() { stale } else { over };
            self.add_evidence(&mut evidence, signal, over);
        }
        evidence
    }

    fn add_evidence(&self, evidence: &mut Evidence, signal: SignalId, over: TimeSpan) {
        let Some(history) = self.history(signal, Track::Canary) else { return };
        let Covered { count, oldest, newest, largest_gap } = history.times(self.at, over);
        let since_newest = newest.map(|newest| self.at.since(newest));
        evidence.largest_gap = evidence.largest_gap.max(largest_gap).max(since_newest);
        evidence.samples = evidence.samples.saturating_add(count);
        evidence.oldest = [evidence.oldest, oldest].into_iter().flatten().min();
        evidence.newest = evidence.newest.max(newest);
    }
}

impl Sides {
    /// The side that is measured, and the other: in `10 > connections` the threshold stands on the left.
    fn measured_first(&self, comparison: &Comparison) -> (Decimal, Decimal) {
        let mut measured = false;
        comparison.left.signals(&mut |_| measured = true);
        if measured { (self.left, self.right) } else { (self.right, self.left) }
    }
}

/// A value in a comparison's unit, as it is shown there.
const fn shown(comparison: &Comparison, value: Decimal) -> Quantity {
    Quantity::new(value, comparison.unit).shown_per(comparison.per)
}

/// Calls `see` for every signal of an expression with how far back it is read.
fn look_back(expression: &Expression, see: &mut impl FnMut(SignalId, TimeSpan)) {
    match expression {
        Expression::Signal(signal) => see(*signal, TimeSpan::ZERO),
        Expression::Window { signal, over, .. } => see(*signal, *over),
        Expression::Correlation { a, b, over } => {
            see(*a, *over);
            see(*b, *over);
        }
        Expression::Arithmetic { left, right, .. } => {
            look_back(left, see);
            look_back(right, see);
        }
        Expression::Literal(_) | Expression::Baseline | Expression::PreviousStage => {}
    }
}
