//! From what was found to what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::words::{failing, unit_words};
use super::{Check, CheckMeasure, CheckVerdict};
use crate::condition::{Comparison, Condition, Expression};
use crate::decision::{Report, State, Truth};
use crate::engine::Engine;
use crate::policy::{Policy, PolicyParts};
use crate::quantity::{Dimension, Quantity, Unit};
use crate::signal::{Reading, Sample, Signal, SignalId, Source, SourceSpan, Track};
use crate::time::{TimeSpan, Timestamp};

/// What a probe found for one measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A quantity, in the measure's unit.
    Value(Quantity),
    /// True or false.
    Flag(bool),
    /// Nothing, and why, in words for people.
    Missing(String),
}

impl From<Quantity> for Finding {
    fn from(value: Quantity) -> Self {
        Self::Value(value)
    }
}

impl From<bool> for Finding {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// What a check says of what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a check that nobody heeds protects nothing"]
pub struct Judged {
    /// What it says.
    pub verdict: CheckVerdict,
    /// Whether its condition is true, false or not known. Where it is not known, the verdict is that of a failure.
    pub truth: Truth,
    /// Why it is not known, in words; empty where it is.
    pub causes: Vec<String>,
    /// The value that decides; none where it is not known, or a flag.
    pub value: Option<Quantity>,
    /// What it is compared with.
    pub threshold: Option<Quantity>,
    /// The distance to the threshold: positive while the condition holds, negative where it does not.
    pub margin: Option<Quantity>,
    /// The same in percent of the threshold; none for a threshold of zero.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub margin_percent: Option<Decimal>,
    /// All of it in a line: what was found where it passes, what is not as it must be where it does not, or what is not
    /// known.
    pub words: String,
}

impl Judged {
    /// Whether it is not known how the check stands. That never passes.
    pub fn is_unknown(&self) -> bool {
        self.truth == Truth::Unknown
    }
}

/// What a measure is worth, or why that is not known.
type Worth = Result<Decimal, String>;

impl Check {
    /// Judges what a probe found, by the names of the measures. What is missing, or in another unit, is unknown; what is
    /// no measure of the check is not looked at. It is pure, and cannot fail.
    pub fn judge(&self, found: &BTreeMap<String, Finding>) -> Judged {
        let worths = self.worths(found);
        let engine = match self.engine(&worths) {
            Ok(engine) => engine,
            Err(error) => return self.unanswered(&error.to_string()),
        };
        let reports = engine.expectation_reports();
        // the last of them is the whole condition, those before it are what `and` joins
        let Some(whole) = reports.last() else { return self.unanswered("it was not evaluated") };
        let (verdict, truth) = match whole.state {
            State::Ok => (CheckVerdict::Pass, Truth::True),
            State::Unknown => (self.severity.into(), Truth::Unknown),
            _ => (self.severity.into(), Truth::False),
        };
        let causes = if truth == Truth::Unknown { self.causes(&worths, whole) } else { Vec::new() };
        let words = match truth {
            Truth::True => self.found_words(&worths),
            Truth::Unknown => format!("unknown: {}", causes.join("; ")),
            Truth::False => {
                let parts = self.parts().into_iter().zip(&reports);
                let failed = parts.filter(|(_, report)| !matches!(report.state, State::Ok | State::Unknown));
                failed
                    .map(|(part, _)| failing(self, engine.policy(), part, &worths))
                    .collect::<Vec<_>>()
                    .join("; ")
            }
        };
        let shown = |quantity: Option<Quantity>| quantity.filter(|_| !self.is_flag(whole.span));
        Judged {
            verdict,
            truth,
            causes,
            value: shown(whole.value),
            threshold: shown(whole.threshold),
            margin: shown(whole.margin),
            margin_percent: whole.margin_percent.filter(|_| !self.is_flag(whole.span)),
            words,
        }
    }

    /// Each comparison of its condition, by its place, and what it is worth on what a probe found; a flag alone is one.
    pub fn comparisons(&self, found: &BTreeMap<String, Finding>) -> Vec<(SourceSpan, Truth)> {
        let Ok(engine) = self.engine(&self.worths(found)) else { return Vec::new() };
        let all: BTreeMap<SourceSpan, Truth> =
            engine.comparisons().map(|(span, truth)| (span, truth.unwrap_or(Truth::Unknown))).collect();
        all.into_iter().collect()
    }

    /// What is said where the probe brought nothing: it failed, or took longer than it may. `why` is in words for people.
    pub fn unanswered(&self, why: &str) -> Judged {
        Judged {
            verdict: self.severity.into(),
            truth: Truth::Unknown,
            causes: vec![why.to_owned()],
            value: None,
            threshold: None,
            margin: None,
            margin_percent: None,
            words: format!("unknown: {why}"),
        }
    }

    /// Its measures as signals, in their order, so that what is done with conditions of signals can be done with its own.
    pub fn signals(&self) -> Vec<Signal> {
        self.measures.iter().map(|measure| signal(measure, None)).collect()
    }

    fn worths(&self, found: &BTreeMap<String, Finding>) -> Vec<Worth> {
        self.measures.iter().map(|measure| worth(measure, found.get(&measure.name))).collect()
    }

    /// The conditions that all have to be true.
    fn parts(&self) -> Vec<&Condition> {
        match &self.condition {
            Condition::All(parts) => parts.iter().collect(),
            other => vec![other],
        }
    }

    /// An engine at one instant. The measures are its signals; what `and` joins, and then the whole, are expectations.
    fn engine(&self, worths: &[Worth]) -> Result<Engine, crate::PolicyError> {
        let mut signals = self.signals();
        let wholes = self.parts().into_iter().chain([&self.condition]);
        signals.extend(wholes.enumerate().map(|(place, condition)| {
            // no measure has a blank in its name
            let nothing = CheckMeasure::value(&format!("part {place}"), Unit::of(Dimension::Number));
            signal(&nothing, Some(condition.clone()))
        }));
        let parts = PolicyParts {
            every: ONE_LOOK,
            signals,
            triggers: Vec::new(),
            plans: Vec::new(),
            checks: Vec::new(),
        };
        let mut engine = Engine::new(Arc::new(Policy::new(parts)?));
        for (place, worth) in (0u32..).zip(worths) {
            if let Ok(value) = worth {
                let reading = Reading::Value(*value);
                let (signal, track, at) = (SignalId(place), Track::Canary, Timestamp::EPOCH);
                engine.observe(&Sample { signal, track, at, reading });
            }
        }
        let _ = engine.evaluate(Timestamp::EPOCH);
        Ok(engine)
    }

    /// Why the whole is not known: the measures that it reads and that are not there, or a calculation.
    fn causes(&self, worths: &[Worth], whole: &Report) -> Vec<String> {
        let mut read = BTreeSet::new();
        self.condition.comparisons(&mut |comparison: &Comparison| {
            comparison.signals(&mut |id| {
                read.insert(id.index());
            });
        });
        let missing: Vec<String> = worths
            .iter()
            .enumerate()
            .filter(|(place, _)| read.contains(place))
            .filter_map(|(_, worth)| worth.as_ref().err().cloned())
            .collect();
        match missing.is_empty() {
            true => vec![whole.cause.clone().unwrap_or_else(|| "a calculation has no result".to_owned())],
            false => missing,
        }
    }

    /// Each measure and what was found.
    fn found_words(&self, worths: &[Worth]) -> String {
        let known = self.measures.iter().zip(worths).filter_map(|(measure, worth)| {
            let value = worth.as_ref().ok()?;
            Some(format!("`{}` is {}", measure.name, measure.shown(*value)))
        });
        known.collect::<Vec<_>>().join(", ")
    }

    /// Whether the comparison at a place is that of a flag.
    fn is_flag(&self, span: SourceSpan) -> bool {
        let mut flag = false;
        self.condition.comparisons(&mut |comparison| {
            if let (true, Expression::Signal(id)) = (comparison.span == span, &comparison.left) {
                flag |= self.measures.get(id.index()).is_some_and(|measure| measure.flag);
            }
        });
        flag
    }
}

/// A check looks once: the time between evaluations of its engine is never waited for.
const ONE_LOOK: TimeSpan = TimeSpan::from_seconds(1);

fn signal(measure: &CheckMeasure, expectation: Option<Condition>) -> Signal {
    Signal {
        name: measure.name.clone(),
        title: None,
        unit: measure.unit,
        per: measure.per,
        counter: false,
        source: Source::Push,
        scale: Decimal::ONE,
        stale_after: ONE_LOOK,
        expectation,
        span: SourceSpan::default(),
    }
}

/// What a measure is worth in its base unit.
fn worth(measure: &CheckMeasure, found: Option<&Finding>) -> Worth {
    let name = &measure.name;
    let other = |what: &str| {
        let wanted = if measure.flag { "true or false".to_owned() } else { unit_words(measure.unit) };
        Err(format!("`{name}` was measured as {what}, and must be {wanted}"))
    };
    match found {
        None => Err(format!("`{name}` was not measured")),
        Some(Finding::Missing(why)) => Err(format!("`{name}` was not measured: {why}")),
        Some(Finding::Flag(flag)) if measure.flag => Ok(if *flag { Decimal::ONE } else { Decimal::ZERO }),
        Some(Finding::Flag(_)) => other("true or false"),
        Some(Finding::Value(value)) if !measure.flag && same_unit(value.unit, measure.unit) => {
            Ok(value.value)
        }
        Some(Finding::Value(value)) => other(&format!("{value}, {}", unit_words(value.unit))),
    }
}

/// Whether values of both units may stand for each other: a plain number is written as a count is.
fn same_unit(a: Unit, b: Unit) -> bool {
    let plain = |unit: Unit| match unit.dimension {
        Dimension::Count => Unit { dimension: Dimension::Number, ..unit },
        _ => unit,
    };
    plain(a) == plain(b)
}

impl CheckMeasure {
    /// A value of it as people read it.
    pub(super) fn shown(&self, value: Decimal) -> String {
        match self.flag {
            true if value.is_zero() => "false".to_owned(),
            true => "true".to_owned(),
            false => Quantity::new(value, self.unit).shown_per(self.per).to_string(),
        }
    }
}
