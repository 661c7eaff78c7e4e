//! The rules, at a speed: the same policy with every length of time divided.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use spark_core::check::Check;
use spark_core::rollout::RuleText;
use spark_core::{
    Comparison, Condition, Expression, Plan, Policy, PolicyParts, Source, Stage, Test, TimeSpan, Trigger,
};

use super::Failure;
use crate::fault::Fault;

/// The name of the plan that most rows are measured under: its first stage lasts a minute.
pub(super) const PLAN: &str = "table";

/// The plan whose first stage lasts as long as the rules' own stages do, for what is compared with the stage before.
pub(super) const LONG_PLAN: &str = "table after a whole stage";

const MINUTE: TimeSpan = TimeSpan::from_seconds(60);

/// Rules that are ready to be measured with.
#[derive(Debug, Clone)]
pub(super) struct Pack {
    pub(super) policy: Arc<Policy>,
    pub(super) texts: Vec<RuleText>,
    speed: u32,
}

impl Pack {
    /// Reads rules with what they `use`, and divides their lengths of time by `speed`.
    ///
    /// # Errors
    /// A file that cannot be read, rules with mistakes.
    pub(super) fn read(path: &Path, speed: u32) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| {
            format!(
                "`{name}` cannot be read: {error}; expected the pack: run this in the repository's folder"
            )
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut used = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
        let loaded =
            spark_rules::load_bytes(&name, &bytes, &mut used).map_err(|failed| failed.to_string())?;
        let files = &loaded.files;
        let texts = (0_u32..)
            .take(files.len())
            .map(|file| RuleText { name: files.name(file).to_owned(), text: files.source(file).to_owned() })
            .collect();
        let policy = Policy::new(faster(loaded.policy.into(), speed))?;
        Ok(Self { policy: Arc::new(policy), texts, speed })
    }

    /// A length of time of the rules, as it is at this speed.
    pub(super) fn at_speed(&self, span: TimeSpan) -> TimeSpan {
        divided(span, self.speed)
    }

    /// The trigger that a fault is for: the one whose title begins with its id.
    pub(super) fn meant(&self, fault: Fault) -> Result<String, Failure> {
        let id = fault.switch().trigger;
        let has_id = |trigger: &&Trigger| {
            trigger.title.as_deref().is_some_and(|title| title.split(' ').next() == Some(id))
        };
        let found = self.policy.triggers().iter().find(has_id);
        Ok(found
            .ok_or_else(|| format!("no trigger of the rules has a title that begins with `{id}`"))?
            .name
            .clone())
    }
}

/// All lengths of time divided: windows, `for`, `within`, `stale after`, `then rollback after`, the stages and the rhythm. What values are
/// compared with stays, be it a duration or a rate.
fn faster(parts: PolicyParts, speed: u32) -> PolicyParts {
    let PolicyParts { every, mut signals, mut triggers, mut plans, checks } = parts;
    for signal in &mut signals {
        shorten(&mut signal.stale_after, speed);
        if let Source::Metrics(expression) = &mut signal.source
            && let Some(over) = &mut expression.over
        {
            shorten(over, speed);
        }
        signal.expectation.iter_mut().for_each(|condition| hasten(condition, speed));
    }
    for trigger in &mut triggers {
        let Trigger { levels, clear, given, unknown_rollback_after, .. } = trigger;
        let conditions = levels.iter_mut().map(|level| &mut level.condition).chain(clear).chain(given);
        conditions.for_each(|condition| hasten(condition, speed));
        unknown_rollback_after.iter_mut().for_each(|after| shorten(after, speed));
    }
    for plan in &mut plans {
        plan.stages.iter_mut().for_each(|stage| shorten(&mut stage.duration, speed));
        plan.proceed.iter_mut().for_each(|condition| hasten(condition, speed));
        shorten(&mut plan.warmup, speed);
        shorten(&mut plan.watch, speed);
    }
    if let Some(like) = plans.first() {
        let whole = like.stages.first().map_or(TimeSpan::ZERO, |stage| stage.duration);
        let minute = divided(MINUTE, speed);
        let own = [walk(like, PLAN, minute, speed), walk(like, LONG_PLAN, whole, speed)];
        plans.extend(own);
    }
    // nothing is probed here
    drop::<Vec<Check>>(checks);
    PolicyParts { every: divided(every, speed), signals, triggers, plans, checks: Vec::new() }
}

/// A plan of two stages: in the first the canary shows that it is well, in the second its fault is switched on. It goes on when every signal
/// has met its expectation for a minute, and not for five: twenty rows are to be had in an hour.
fn walk(like: &Plan, name: &str, first: TimeSpan, speed: u32) -> Plan {
    let stage = |share_bp, duration| Stage { share_bp, duration, approval: false, span: like.span };
    let proceed = Condition::Held {
        condition: Box::new(Condition::EveryExpectation),
        duration: divided(MINUTE, speed),
    };
    Plan {
        name: name.to_owned(),
        title: None,
        // a day: whoever measures ends it
        stages: vec![stage(2_500, first), stage(5_000, TimeSpan::from_seconds(86_400))],
        proceed: Some(proceed),
        warmup: TimeSpan::ZERO,
        watch: TimeSpan::ZERO,
        span: like.span,
    }
}

fn hasten(condition: &mut Condition, speed: u32) {
    match condition {
        Condition::Compare(comparison) => {
            let Comparison { left, test, .. } = comparison.as_mut();
            look_back_less(left, speed);
            match test {
                Test::Is(_, right) => look_back_less(right, speed),
                Test::Between(low, high) => {
                    [low, high].into_iter().for_each(|end| look_back_less(end, speed))
                }
            }
        }
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter_mut().for_each(|part| hasten(part, speed));
        }
        Condition::Not(inner) => hasten(inner, speed),
        Condition::Held { condition, duration } => {
            shorten(duration, speed);
            hasten(condition, speed);
        }
        Condition::Sequence { first, then, within } => {
            shorten(within, speed);
            hasten(first, speed);
            hasten(then, speed);
        }
        Condition::EveryExpectation => {}
    }
}

fn look_back_less(expression: &mut Expression, speed: u32) {
    match expression {
        Expression::Window { over, .. } | Expression::Correlation { over, .. } => shorten(over, speed),
        Expression::Arithmetic { left, right, .. } => {
            look_back_less(left, speed);
            look_back_less(right, speed);
        }
        Expression::Signal(_) | Expression::Literal(_) | Expression::Baseline | Expression::PreviousStage => {
        }
    }
}

fn shorten(span: &mut TimeSpan, speed: u32) {
    *span = divided(*span, speed);
}

fn divided(span: TimeSpan, speed: u32) -> TimeSpan {
    TimeSpan::from_nanos(span.nanos().checked_div(i64::from(speed)).unwrap_or(span.nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r"
edition 2026
evaluate every 15s
signal p95 { is duration  from metrics p95(latency_seconds) over 1m  stale after 45s  expect <= 200ms }
signal conns { is count  from push }
trigger slow {
  rollback when (p95 > 400ms and slope(conns over 5m) > 2/min) for 5m
  clear when p95 < 280ms for 2m
  given delta(conns over 10m) < 4
  unknown hold, then rollback after 10m
}
plan canary { stage 5% for 15m  stage 100% for 15m  proceed when every signal meets its expectation for 5m }
";

    /// Each fault has its trigger in the shipped pack, by the id in the trigger's title.
    #[test]
    fn the_pack_knows_every_fault() {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/canary.rules");
        let pack = Pack::read(&rules, 6).unwrap();
        let meant: std::collections::BTreeSet<String> =
            Fault::ALL.into_iter().map(|fault| pack.meant(fault).unwrap()).collect();
        assert_eq!(meant.len(), 20);
        assert!(pack.texts.len() > 4, "{:?}", pack.texts.iter().map(|text| &text.name).collect::<Vec<_>>());
        let nowhere = Pack::read(Path::new("no/such.rules"), 1).unwrap_err().to_string();
        assert!(nowhere.contains("`no/such.rules` cannot be read"), "{nowhere}");
    }

    /// At a speed every length of time is divided, and nothing that a value is compared with.
    #[test]
    fn lengths_of_time_are_divided_and_limits_stay() {
        let policy = |text: &str| -> PolicyParts {
            spark_rules::load("r.rules", text, &mut |_| Err("nothing else".to_owned())).unwrap().policy.into()
        };
        let mut fast = faster(policy(RULES), 5);
        let long = fast.plans.pop().unwrap();
        assert_eq!((long.name.as_str(), long.stages[0].duration), (LONG_PLAN, TimeSpan::from_seconds(180)));
        assert_eq!(fast.plans.pop().unwrap().name, PLAN);
        let by_hand = [
            ("every 15s", "every 3s"),
            ("over 1m", "over 12s"),
            ("after 45s", "after 9s"),
            ("over 5m", "over 1m"),
            ("for 5m", "for 1m"),
            ("for 2m", "for 24s"),
            ("over 10m", "over 2m"),
            ("after 10m", "after 2m"),
            ("for 15m", "for 3m"),
        ];
        let slow = by_hand.iter().fold(RULES.to_owned(), |text, (from, to)| text.replace(from, to));
        // the places in the text differ
        let plain = |parts: &PolicyParts| {
            let json = serde_json::to_value(parts).unwrap();
            fn without_places(value: &mut serde_json::Value) {
                match value {
                    serde_json::Value::Object(fields) => {
                        fields.retain(|name, _| name != "span");
                        fields.values_mut().for_each(without_places);
                    }
                    serde_json::Value::Array(items) => items.iter_mut().for_each(without_places),
                    _ => {}
                }
            }
            let mut json = json;
            without_places(&mut json);
            json
        };
        assert_eq!(plain(&fast), plain(&policy(&slow)));
    }
}
