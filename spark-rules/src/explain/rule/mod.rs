//! Parts of a policy as rule text, for policies that no text was read from, and the pieces that rule text is put together
//! from.

mod metrics;
mod piece;
mod value;

use spark_core::check::Check;
use spark_core::quantity::scale_of;
use spark_core::{
    Condition, Dimension, Expression, PerTime, Plan, Policy, PolicyParts, Severity, Signal, SignalId, Source,
    Trigger, Unit,
};

pub(super) use metrics::metrics;
pub(super) use piece::{Truth, Value};
use value::Comparing;

pub(super) use crate::quote::quoted;

/// The opening of a block: `trigger a "title"`.
pub(super) fn opening(word: &str, name: &str, title: Option<&str>) -> String {
    match title {
        Some(title) => format!("{word} {name} {}", quoted(title)),
        None => format!("{word} {name}"),
    }
}

/// A block with its clauses.
pub(super) fn block(opening: &str, clauses: &[String]) -> String {
    format!("{opening} {{ {} }}", clauses.join(" "))
}

pub(super) fn trigger(policy: &Policy, trigger: &Trigger) -> String {
    let mut clauses: Vec<String> = trigger
        .levels
        .iter()
        .map(|level| format!("{} when {}", level.severity.as_str(), condition(policy, &level.condition)))
        .collect();
    clauses.extend(trigger.clear.iter().map(|clear| format!("clear when {}", condition(policy, clear))));
    clauses.extend(trigger.given.iter().map(|given| format!("given {}", condition(policy, given))));
    let others: Vec<&str> = trigger
        .unless
        .iter()
        .filter_map(|id| policy.triggers().get(id.index()))
        .map(|other| other.name.as_str())
        .collect();
    if !others.is_empty() {
        clauses.push(format!("unless {}", others.join(", ")));
    }
    let after = trigger.unknown_rollback_after;
    clauses.extend(after.map(|after| unknown(Some(&after.to_string()))));
    clauses.extend(trigger.runbook.iter().map(|text| format!("runbook {}", quoted(text))));
    clauses.extend(trigger.owner.iter().map(|text| format!("owner {}", quoted(text))));
    block(&opening("trigger", &trigger.name, trigger.title.as_deref()), &clauses)
}

/// `unknown hold`, and after how long rollback.
pub(super) fn unknown(after: Option<&str>) -> String {
    match after {
        Some(after) => format!("{} hold, then rollback after {after}", "unknown"),
        None => format!("unknown {}", Severity::Hold.as_str()),
    }
}

/// `stage 25% for 15m`, and whether a person has to approve before it.
pub(super) fn stage(share: &str, duration: &str, approval: bool) -> String {
    format!("stage {share} for {duration}{}", if approval { " needs approval" } else { "" })
}

pub(super) fn plan(policy: &Policy, plan: &Plan) -> String {
    let mut clauses: Vec<String> = plan
        .stages
        .iter()
        .map(|stage| self::stage(&stage.share_text(), &stage.duration.to_string(), stage.approval))
        .collect();
    let lengths = [("warmup", plan.warmup), ("watch", plan.watch)];
    clauses.extend(
        lengths
            .iter()
            .filter(|(_, length)| !length.is_zero())
            .map(|(word, length)| format!("{word} {length}")),
    );
    clauses.extend(plan.proceed.iter().map(|proceed| format!("proceed when {}", condition(policy, proceed))));
    block(&opening("plan", &plan.name, plan.title.as_deref()), &clauses)
}

pub(super) fn check(check: &Check) -> String {
    let parts = PolicyParts {
        every: check.within,
        signals: check.signals(),
        triggers: Vec::new(),
        plans: Vec::new(),
        checks: Vec::new(),
    };
    // a check of a policy has one; else it is nothing that rules can write
    let Ok(policy) = Policy::new(parts) else { return String::new() };
    let mut clauses = vec![format!("in {}", check.phase), format!("probe {}", check.probe)];
    for (measure, signal) in check.measures.iter().zip(policy.signals()) {
        let kind = if measure.flag { "flag" } else { type_word(signal) };
        let unit = match (measure.unit.per_time, measure.unit.dimension) {
            (true, Dimension::Number | Dimension::Count) if measure.per == PerTime::Second => String::new(),
            (true, _) => match source_unit(&per_time(signal)) {
                Some(unit) => format!(" in {unit}"),
                None => return String::new(),
            },
            (false, Dimension::Money(currency)) => format!(" in {}", currency.as_str()),
            (false, _) => String::new(),
        };
        clauses.push(format!("measure {} is {kind}{unit}", measure.name));
    }
    let flag = |id: SignalId| check.measures.get(id.index()).is_some_and(|measure| measure.flag);
    clauses.push(format!("pass when {}", truth_of(&policy, &check.condition, &flag).text));
    clauses.push(format!("else {}", check.severity));
    clauses.push(format!("within {}", check.within));
    clauses.push(format!("evidence {}", quoted(&check.evidence)));
    clauses.extend(check.runbook.iter().map(|text| format!("runbook {}", quoted(text))));
    clauses.extend(check.owner.iter().map(|text| format!("owner {}", quoted(text))));
    block(&opening("check", &check.name, check.title.as_deref()), &clauses)
}

/// The signal as if its source counted in what it is shown per.
fn per_time(signal: &Signal) -> Signal {
    let scale = rust_decimal::Decimal::ONE.checked_div(signal.per.seconds().into());
    Signal { scale: scale.unwrap_or(rust_decimal::Decimal::ONE), ..signal.clone() }
}

pub(super) fn signal(policy: &Policy, signal: &Signal) -> String {
    let source = match &signal.source {
        Source::Metrics(expression) => {
            let over = expression.over.map_or_else(String::new, |over| format!(" over {over}"));
            format!("metrics {}{over}", metrics(&expression.root))
        }
        Source::Prometheus { query } => format!("prometheus {}", quoted(query)),
        Source::Sql { query } => format!("sql {}", quoted(query)),
        Source::Push => "push".to_owned(),
    };
    let unit = source_unit(signal).map_or_else(String::new, |unit| format!(" in {unit}"));
    let mut clauses = vec![
        format!("is {}", type_word(signal)),
        format!("from {source}{unit}"),
        format!("stale after {}", signal.stale_after),
    ];
    if let Some(Condition::Compare(comparison)) = &signal.expectation {
        clauses.push(format!("expect {}", Comparing::new(policy, comparison).test()));
    }
    block(&opening("signal", &signal.name, signal.title.as_deref()), &clauses)
}

fn type_word(signal: &Signal) -> &'static str {
    match (signal.counter, signal.unit) {
        (true, _) => "counter",
        (false, Unit { per_time: true, .. }) => "rate",
        (false, Unit { dimension, .. }) => match dimension {
            Dimension::Number => "number",
            Dimension::Count => "count",
            Dimension::Ratio => "ratio",
            Dimension::Duration => "duration",
            Dimension::Bytes => "bytes",
            Dimension::Money(_) => "money",
        },
    }
}

/// The unit behind `in` that makes the signal's unit and scale; none where the base unit is meant, and where no unit
/// makes them.
fn source_unit(signal: &Signal) -> Option<String> {
    let Unit { dimension, per_time } = signal.unit;
    let units: &[&str] = match &dimension {
        Dimension::Number | Dimension::Count => &[""],
        Dimension::Ratio => &["", "%"],
        Dimension::Duration => &["s", "us", "ms", "m", "h", "d", "ns"],
        Dimension::Bytes => &["B", "KiB", "MiB", "GiB", "TiB", "KB", "MB", "GB", "TB"],
        Dimension::Money(currency) => &[currency.as_str()],
    };
    let times = [PerTime::Second, PerTime::Minute, PerTime::Hour, PerTime::Day];
    let scale =
        |unit: &str| scale_of(unit).map_or(Some(rust_decimal::Decimal::ONE), |(factor, _)| Some(factor));
    let unit = |unit: &str| -> Option<String> {
        let factor = scale(unit)?;
        if !per_time {
            return (factor == signal.scale).then(|| unit.to_owned());
        }
        let per = times.into_iter().find(|per| {
            *per == signal.per
                && factor.checked_div(per.seconds().into()).is_some_and(|scale| scale == signal.scale)
        })?;
        Some(format!("{}/{}", if unit.is_empty() { "1" } else { unit }, per.as_str()))
    };
    units.iter().find_map(|word| unit(word)).filter(|unit| !unit.is_empty())
}

fn condition(policy: &Policy, condition: &Condition) -> String {
    truth_of(policy, condition, &|_| false).text
}

/// `flag`: whether a signal is true or false.
fn truth_of(policy: &Policy, condition: &Condition, flag: &dyn Fn(SignalId) -> bool) -> Truth {
    let truth = |policy: &Policy, part: &Condition| truth_of(policy, part, flag);
    let parts = |parts: &[Condition]| parts.iter().map(|part| truth(policy, part)).collect();
    match condition {
        Condition::Compare(comparison) if matches!(comparison.left, Expression::Signal(id) if flag(id)) => {
            Truth::flag(&Comparing::new(policy, comparison).left())
        }
        Condition::Compare(comparison) => {
            let comparing = Comparing::new(policy, comparison);
            Truth::compare(&comparing.left(), &comparing.test())
        }
        Condition::All(all) => Truth::all(parts(all)),
        Condition::Any(any) => Truth::any(parts(any)),
        Condition::Not(inner) => Truth::not(truth(policy, inner)),
        Condition::Held { condition, duration } => {
            Truth::held(truth(policy, condition), &duration.to_string())
        }
        Condition::Sequence { first, then, within } => {
            Truth::sequence(truth(policy, first), truth(policy, then), &within.to_string())
        }
        Condition::EveryExpectation => Truth::every_expectation(),
    }
}
