//! What a comparison of two policies promises, held against the engine: whenever it says that the new rules are at least
//! as tight, no history of samples makes them decide less.
//!
//! 256 cases run each time; `PROPTEST_CASES=20000 cargo test -p spark-core tighten -- --nocapture` runs a campaign and
//! prints how many of them were of interest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use rust_decimal::Decimal;
use spark_core::{
    Condition, Engine, Expression, Level, Plan, Policy, PolicyParts, Reading, Relation, Sample, Severity,
    SignalId, SourceSpan, Stage, Test, TimeSpan, Track, Trigger, TriggerId, Truth, tighten,
};

use crate::policies::*;
use crate::properties::{Moment, a_history, a_policy, instant, step};

/// Random choices, drawn in order; zeros once they are used up.
struct Dice<'a>(std::slice::Iter<'a, u32>);

impl Dice<'_> {
    fn below(&mut self, n: usize) -> usize {
        self.0.next().map_or(0, |roll| *roll as usize % n.max(1))
    }

    fn literal(&mut self) -> Expression {
        Expression::Literal(Decimal::new(i64::try_from(self.below(12)).unwrap() * 5, 1))
    }

    fn comparison(&mut self) -> Condition {
        let relation = [Relation::Above, Relation::AtMost, Relation::Below][self.below(3)];
        let left = Expression::Signal(SignalId(u32::try_from(self.below(3)).unwrap()));
        compare(left, relation, self.literal())
    }

    fn span(&mut self) -> TimeSpan {
        seconds(u32::try_from(self.below(7)).unwrap() * 15)
    }
}

fn size(condition: &Condition) -> usize {
    let mut nodes = 0;
    condition.visit(&mut |_| nodes += 1);
    nodes
}

/// Changes the node with that place, counted as `visit` does.
fn change_at(condition: Condition, place: &mut usize, dice: &mut Dice<'_>) -> Condition {
    if *place == 0 {
        *place = usize::MAX;
        return change(condition, dice);
    }
    *place -= 1;
    let mut each =
        |parts: Vec<Condition>| parts.into_iter().map(|part| change_at(part, place, dice)).collect();
    match condition {
        Condition::All(parts) => Condition::All(each(parts)),
        Condition::Any(parts) => Condition::Any(each(parts)),
        Condition::Not(inner) => Condition::Not(Box::new(change_at(*inner, place, dice))),
        Condition::Held { condition, duration } => {
            Condition::Held { condition: Box::new(change_at(*condition, place, dice)), duration }
        }
        Condition::Sequence { first, then, within } => {
            let first = Box::new(change_at(*first, place, dice));
            Condition::Sequence { first, then: Box::new(change_at(*then, place, dice)), within }
        }
        leaf => leaf,
    }
}

fn change(condition: Condition, dice: &mut Dice<'_>) -> Condition {
    match (dice.below(8), condition) {
        (0, condition) => Condition::Any(vec![condition, dice.comparison()]),
        (1, condition) => Condition::All(vec![dice.comparison(), condition]),
        (2, condition) => Condition::Held { condition: Box::new(condition), duration: dice.span() },
        (_, Condition::Compare(mut comparison)) => {
            let relations = [Relation::Above, Relation::AtLeast, Relation::Below, Relation::AtMost];
            comparison.test = match (comparison.test, dice.below(4)) {
                (Test::Is(_, right), 0) => Test::Is(relations[dice.below(4)], right),
                (Test::Is(relation, _), _) => Test::Is(relation, dice.literal()),
                (test, _) => test,
            };
            Condition::Compare(comparison)
        }
        (_, Condition::All(mut parts)) => {
            parts.remove(dice.below(parts.len()));
            Condition::All(parts)
        }
        (_, Condition::Any(mut parts)) => {
            parts.remove(dice.below(parts.len()));
            Condition::Any(parts)
        }
        (3 | 4, Condition::Held { condition, .. }) => *condition,
        (_, Condition::Held { condition, .. }) => Condition::Held { condition, duration: dice.span() },
        (_, Condition::Sequence { first, then, .. }) => {
            Condition::Sequence { first, then, within: dice.span() }
        }
        (_, Condition::Not(inner)) => *inner,
        (_, Condition::EveryExpectation) => Condition::EveryExpectation,
    }
}

fn somewhere(condition: &mut Condition, dice: &mut Dice<'_>) {
    let mut place = dice.below(size(condition));
    *condition = change_at(condition.clone(), &mut place, dice);
}

/// One change to rules, tighter or looser as it happens.
fn edit(parts: &mut PolicyParts, dice: &mut Dice<'_>) {
    let which = dice.below(parts.triggers.len());
    let kind = dice.below(16);
    if kind >= 14 {
        match dice.below(4) {
            0 => parts.signals[1].expectation = Some(simple(1, Relation::AtMost, "3")),
            1 => parts.signals[0].expectation.iter_mut().for_each(|c| somewhere(c, dice)),
            _ => parts.plans[0].proceed.iter_mut().for_each(|c| somewhere(c, dice)),
        }
        return;
    }
    let Some(trigger) = parts.triggers.get_mut(which) else { return };
    match kind {
        0 => trigger.unknown_rollback_after = (dice.below(4) > 0).then(|| dice.span()),
        1 => trigger.clear = None,
        2 => trigger.clear = Some(dice.comparison()),
        3 | 4 => trigger.clear.iter_mut().for_each(|clear| somewhere(clear, dice)),
        5 => trigger.given.iter_mut().for_each(|given| somewhere(given, dice)),
        6 => {
            let severity = [Severity::Warn, Severity::Hold, Severity::Rollback][dice.below(3)];
            if trigger.levels.iter().all(|level| level.severity != severity) {
                let condition = dice.comparison();
                trigger.levels.push(Level { severity, condition, span: SourceSpan::default() });
                trigger.levels.sort_by_key(|level| level.severity);
            }
        }
        7 => {
            let gone = dice.below(trigger.levels.len());
            trigger.levels.truncate(gone);
        }
        8 if trigger.levels.iter().all(|level| level.severity != Severity::Rollback) => {
            trigger.levels.last_mut().into_iter().for_each(|level| level.severity = Severity::Rollback);
        }
        9 if which > 0 => trigger.unless = vec![TriggerId(0)],
        _ => {
            let level = dice.below(trigger.levels.len());
            trigger.levels.get_mut(level).iter_mut().for_each(|level| somewhere(&mut level.condition, dice));
        }
    }
}

/// Histories beside the random ones: every signal at every instant, most often as it was before, sometimes unknown or
/// missing, sometimes with a longer time between two instants.
fn a_steady_history() -> impl Strategy<Value = Vec<Moment>> {
    proptest::collection::vec(any::<[u8; 4]>(), 8..40).prop_map(|rolls| {
        let mut values = [0i64; 3];
        let moment = |(place, roll): (usize, [u8; 4])| {
            let samples = (0u32..).zip(&mut values).zip(roll).filter_map(|((id, value), roll)| {
                if roll >= 160 {
                    *value = i64::from(roll % 16);
                }
                let reading = match *value {
                    13 => return None,
                    14 | 15 => Reading::NotANumber,
                    value => Reading::Value(Decimal::new(value * 5, 1)),
                };
                let at = instant(place);
                Some(Sample { signal: SignalId(id), track: Track::Canary, at, reading })
            });
            let samples = samples.collect();
            Moment { samples, stage: (roll[3] < 12).then_some(u32::from(roll[3] % 3)) }
        };
        rolls.into_iter().enumerate().map(moment).collect()
    })
}

/// Small triggers beside the random ones: those in which an edit matters.
fn a_small_trigger(place: u32) -> impl Strategy<Value = Trigger> {
    proptest::collection::vec(any::<u32>(), 24).prop_map(move |rolls| {
        let mut dice = Dice(rolls.iter());
        let mut levels = Vec::new();
        for severity in [Severity::Warn, Severity::Hold, Severity::Rollback] {
            if dice.below(3) > 0 {
                let simple = dice.comparison();
                let condition = match dice.below(10) {
                    0 => simple,
                    1 => Condition::All(vec![simple, dice.comparison()]),
                    2 => Condition::Any(vec![held(simple, 30), dice.comparison()]),
                    3 => Condition::All(vec![held(simple, 30), dice.comparison()]),
                    4 => Condition::Sequence {
                        first: Box::new(held(simple, 15)),
                        then: Box::new(dice.comparison()),
                        within: dice.span(),
                    },
                    5 => Condition::Sequence {
                        first: Box::new(simple),
                        then: Box::new(dice.comparison()),
                        within: dice.span(),
                    },
                    6 => held(Condition::All(vec![held(simple, 15), dice.comparison()]), 30),
                    7 => compare(Expression::Signal(SignalId(1)), Relation::Above, Expression::PreviousStage),
                    _ => Condition::Held { condition: Box::new(simple), duration: dice.span() },
                };
                levels.push((severity, condition));
            }
        }
        if levels.is_empty() {
            levels.push((Severity::Rollback, dice.comparison()));
        }
        let mut made = trigger(&format!("t{place}"), levels);
        made.clear = (dice.below(3) == 0).then(|| dice.comparison());
        made.given = (dice.below(6) == 0).then(|| dice.comparison());
        made.unknown_rollback_after = (dice.below(3) == 0).then(|| dice.span());
        made
    })
}

fn with_plan(policy: &Policy, small: Vec<Trigger>) -> PolicyParts {
    let mut parts = PolicyParts::from(policy.clone());
    if !small.is_empty() {
        parts.triggers = small;
    }
    // what is stale sooner makes shorter intervals evidence
    parts.signals[2].stale_after = seconds(16);
    let every = Condition::Held { condition: Box::new(Condition::EveryExpectation), duration: seconds(30) };
    parts.plans = vec![a_plan(Some(Condition::All(vec![every, simple(1, Relation::Below, "5")])))];
    parts
}

/// `plan canary` with three stages.
pub(crate) fn a_plan(proceed: Option<Condition>) -> Plan {
    let stage =
        |share_bp| Stage { share_bp, duration: seconds(60), approval: false, span: SourceSpan::default() };
    Plan {
        name: "canary".to_owned(),
        title: None,
        stages: vec![stage(100), stage(1_000), stage(10_000)],
        proceed,
        warmup: TimeSpan::ZERO,
        watch: TimeSpan::ZERO,
        span: SourceSpan::default(),
    }
}

static CASES: AtomicU64 = AtomicU64::new(0);
static TIGHTER: AtomicU64 = AtomicU64::new(0);
static DECIDED_MORE: AtomicU64 = AtomicU64::new(0);
static LOOSE_SHOWN: AtomicU64 = AtomicU64::new(0);

/// Runs both under one history; says whether new ever decided more, and whether it ever decided less.
fn compared(
    old: &Arc<Policy>,
    new: &Arc<Policy>,
    history: &[Moment],
    silent: Option<u32>,
) -> (bool, Option<String>) {
    let mut engines = [old, new].map(|policy| Engine::with_plan(policy.clone(), "canary"));
    let (mut more, mut less) = (false, None);
    for (place, moment) in history.iter().enumerate() {
        if let Some(silent) = silent.filter(|_| place == 3) {
            for engine in &mut engines {
                let _ = engine.override_trigger(&format!("t{silent}"), at(200));
            }
        }
        let [before, after] = engines.each_mut().map(|engine| step(engine, place, moment));
        more |= after.verdict > before.verdict;
        let sooner = after.ready == Truth::True && before.ready != Truth::True;
        if after.verdict < before.verdict || sooner {
            less.get_or_insert_with(|| format!("at {place}: {before:?} became {after:?}"));
        }
    }
    (more, less)
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    /// Whatever is shown to be at least as tight decides at least as much, at every instant of every history, whatever is
    /// overridden, and is ready no sooner.
    fn never_decides_less(
        policy in a_policy(true, true),
        small in proptest::option::weighted(0.7, (a_small_trigger(0), a_small_trigger(1), a_small_trigger(2))),
        rolls in proptest::collection::vec(any::<u32>(), 4..40),
        histories in proptest::collection::vec(prop_oneof![1 => a_history(), 2 => a_steady_history()], 6),
        silent in proptest::option::weighted(0.3, 0..3u32),
    ) {
        let old = with_plan(&policy, small.map(|(a, b, c)| vec![a, b, c]).unwrap_or_default());
        let mut new = old.clone();
        let mut dice = Dice(rolls.iter());
        for _ in 0..=dice.below(2) {
            edit(&mut new, &mut dice);
        }
        let (old, Ok(new)) = (Arc::new(Policy::new(old).unwrap()), Policy::new(new)) else { return Ok(()) };
        let new = Arc::new(new);
        if old == new {
            return Ok(());
        }
        CASES.fetch_add(1, Ordering::Relaxed);
        let shown = tighten::compare(&old, &new, "canary");
        let runs: Vec<_> = histories.iter().map(|history| compared(&old, &new, history, silent)).collect();
        if let Ok(tightened) = shown {
            TIGHTER.fetch_add(1, Ordering::Relaxed);
            DECIDED_MORE.fetch_add(u64::from(runs.iter().any(|(more, _)| *more)), Ordering::Relaxed);
            for (_, less) in runs {
                prop_assert_eq!(less, None, "{:?}", tightened.changes);
            }
        } else {
            LOOSE_SHOWN.fetch_add(u64::from(runs.iter().any(|(_, less)| less.is_some())), Ordering::Relaxed);
        }
    }
}

/// What is shown to be tighter never decides less; and cases that are of interest are not rare, or that would say little.
#[test]
fn what_is_tighter_never_decides_less() {
    never_decides_less();
    let [cases, tighter, more, loose] =
        [&CASES, &TIGHTER, &DECIDED_MORE, &LOOSE_SHOWN].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{cases} changed policies: {tighter} shown tighter ({more} decided more), {loose} of the refused decided less"
    );
    assert!(tighter * 8 > cases && more * 40 > cases, "{cases} {tighter} {more} {loose}");
}
