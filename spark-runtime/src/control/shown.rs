//! A trigger or a signal, as plain data.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use spark_core::{Engine, Quantity, Report, Severity, State, TimeSpan, Timestamp, TriggerId};

/// Values that are kept of each signal, one a decision: at one every 15 seconds, the last ten minutes.
pub const RECENT_MAX: usize = 40;

/// A trigger or a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it shows.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// The deciding comparison's left side, in its unit.
    pub value: Option<String>,
    /// What it is compared with.
    pub limit: Option<String>,
    /// The signed distance to it; negative when it is crossed.
    pub margin: Option<String>,
    /// The same in percent of the limit; none for a limit of zero.
    #[serde(
        serialize_with = "rust_decimal::serde::str_option::serialize",
        deserialize_with = "decimal_or_none"
    )]
    pub margin_percent: Option<Decimal>,
    /// Why it is unknown.
    pub cause: Option<String>,
    /// What would change it, in words.
    pub would_change: Option<String>,
    /// Until when an operator has silenced it.
    pub overridden_until: Option<Timestamp>,
    /// The level whose condition is true and waits for its `for`.
    pub waits: Option<Waits>,
    /// Of a signal, its values at the last decisions in the unit's base, oldest first; null where it was unknown.
    pub recent: Vec<Option<String>>,
}

/// A condition that has to stay true for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// What is asked for then.
    pub level: Severity,
    /// How long it has been true.
    pub held: TimeSpan,
    /// How long it has to be.
    pub needs: TimeSpan,
}

/// A decimal text, or none: the reader of rust_decimal takes no null within a flattened map.
fn decimal_or_none<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Decimal>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

/// The values of signals at the last decisions.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent(BTreeMap<String, VecDeque<Option<Decimal>>>);

impl Recent {
    fn push(&mut self, report: &Report) -> Vec<Option<String>> {
        let values = self.0.entry(report.name.clone()).or_default();
        if values.len() >= RECENT_MAX {
            values.pop_front();
        }
        values.push_back(report.value.filter(|_| report.state != State::Unknown).map(|value| value.value));
        values.iter().map(|value| value.map(|value| value.normalize().to_string())).collect()
    }
}

/// Every signal with an expectation, at the last decision.
pub(super) fn signals(engine: &Engine, recent: &mut Recent) -> Vec<Shown> {
    let policy = engine.policy();
    let shown = |report: Report| {
        let title = policy.signal_id(&report.name).and_then(|id| policy.signal(id)?.title.clone());
        let recent = recent.push(&report);
        Shown { recent, ..Shown::of(report, title) }
    };
    engine.expectation_reports().into_iter().map(shown).collect()
}

/// Every trigger, at the last decision.
pub(super) fn triggers(engine: &Engine) -> Vec<Shown> {
    let declared = engine.policy().triggers();
    let shown = |(place, report): (u32, Report)| {
        let id = TriggerId(place);
        let title = declared.get(id.index()).and_then(|trigger| trigger.title.clone());
        let waits = waits(engine, id, report.state);
        Shown { waits, ..Shown::of(report, title) }
    };
    (0_u32..).zip(engine.trigger_reports()).map(shown).collect()
}

/// The next higher level whose condition is true, and not yet for long enough.
fn waits(engine: &Engine, trigger: TriggerId, state: State) -> Option<Waits> {
    [Severity::Rollback, Severity::Hold, Severity::Warn].into_iter().find_map(|level| {
        let higher = state.level().is_none_or(|reached| level > reached);
        let (held, needs) = engine.level_closeness(trigger, level)?.held?;
        (higher && !held.is_zero() && held < needs).then_some(Waits { level, held, needs })
    })
}

impl Shown {
    /// What a report says.
    fn of(report: Report, title: Option<String>) -> Self {
        let text = |quantity: Option<Quantity>| quantity.map(|quantity| quantity.to_string());
        Self {
            name: report.name,
            title,
            state: report.state,
            since: report.since,
            value: text(report.value),
            limit: text(report.threshold),
            margin: text(report.margin),
            margin_percent: report.margin_percent,
            cause: report.cause,
            would_change: report.would_change,
            overridden_until: report.overridden_until,
            waits: None,
            recent: Vec::new(),
        }
    }
}
