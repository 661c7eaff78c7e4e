//! Triggers: their levels' conditions, the level they are at, their state, what they ask for, and the alerts.

use std::collections::BTreeSet;

use spark_core::{Severity, Signal, SignalId, Trigger, TriggerId};

use super::conditions::{Readings, Scope};
use super::record::{Builder, Rule};
use super::text::{Binding, Promql, seconds};
use super::yaml::untemplated;

/// The recorded series of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TriggerSeries {
    /// What they begin with.
    pub(super) series: String,
    /// Its alerts: the level's word, or `unknown` or `lost`, and the alert's name.
    pub(super) alerts: Vec<(&'static str, String)>,
}

/// Labels or annotations.
type Words = Vec<(&'static str, String)>;

/// A level's number in `:level`.
const fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Warn => 1,
        Severity::Hold => 2,
        Severity::Rollback => 3,
    }
}

/// A level while it is built.
struct LevelSeries {
    severity: Severity,
    series: String,
    readings: Readings,
    clocks: Vec<String>,
}

impl Builder<'_> {
    /// Triggers ordered so that each stands after those that it is quiet for.
    pub(super) fn order(&self) -> Vec<TriggerId> {
        let triggers = self.loaded.policy.triggers();
        let mut ordered = Vec::new();
        let mut done = BTreeSet::new();
        // a policy has no circle, so each round finds at least one
        for _ in triggers {
            let before = ordered.len();
            for (id, trigger) in (0u32..).map(TriggerId).zip(triggers) {
                if !done.contains(&id) && trigger.unless.iter().all(|other| done.contains(other)) {
                    done.insert(id);
                    ordered.push(id);
                }
            }
            if ordered.len() == before {
                break;
            }
        }
        ordered
    }

    /// A signal's expectation: what is not met asks for hold.
    pub(super) fn expectation(&mut self, id: SignalId, signal: &Signal) {
        let Some(condition) = &signal.expectation else { return };
        let subject = format!("the expectation of `{}`", signal.name);
        let reasons = self.prepare(condition);
        let refused = !reasons.is_empty();
        for (span, reason) in reasons {
            self.refuse(subject.clone(), span, reason);
        }
        if refused {
            return;
        }
        let series = self.series(&signal.name);
        self.block(format!("{}: what it must meet", signal.name));
        let mut scope = Scope::new(format!("{series}:met"), None);
        match self.readings(condition, &mut scope) {
            Ok(readings) => {
                self.record_truth(&scope.series, &readings.full);
                self.record(format!("{series}:asks"), format!("vector(1) unless {} == 1", scope.series));
                self.expectations.insert(id);
            }
            Err(reason) => self.refuse(subject, signal.span, reason),
        }
    }

    /// A trigger with its alerts, or why there is none.
    pub(super) fn trigger(&mut self, id: TriggerId) {
        let Some(trigger) = self.loaded.policy.triggers().get(id.index()) else { return };
        let subject = format!("trigger `{}`", trigger.name);
        let mut reasons = Vec::new();
        let conditions = trigger.levels.iter().map(|level| &level.condition);
        for condition in conditions.chain(&trigger.clear).chain(&trigger.given) {
            reasons.extend(self.prepare(condition));
        }
        for other in &trigger.unless {
            if !self.triggers.contains_key(other) {
                let name = self.loaded.policy.triggers().get(other.index()).map_or("", |other| &other.name);
                reasons.push((trigger.span, format!("it is quiet for `{name}`, which is refused itself")));
            }
        }
        let refused = !reasons.is_empty();
        for (span, reason) in reasons {
            self.refuse(subject.clone(), span, reason);
        }
        if refused {
            return;
        }
        let blocks = self.blocks.len();
        match self.record_trigger(trigger) {
            Ok(recorded) => {
                self.triggers.insert(id, recorded);
            }
            Err(reason) => {
                self.blocks.truncate(blocks);
                self.refuse(subject, trigger.span, reason);
            }
        }
    }

    fn record_trigger(&mut self, trigger: &Trigger) -> Result<TriggerSeries, String> {
        let series = self.series(&trigger.name);
        let title = trigger.title.as_ref().map(|title| format!(" \"{title}\"")).unwrap_or_default();
        self.block(format!("trigger {}{title}", trigger.name));
        let given = match &trigger.given {
            Some(condition) => {
                let mut scope = Scope::new(format!("{series}:given"), None);
                let readings = self.readings(condition, &mut scope)?;
                self.record_truth(&scope.series, &readings.full);
                Some(scope.series)
            }
            None => None,
        };
        let mut levels = Vec::new();
        for level in &trigger.levels {
            self.block(self.cited(level.span));
            let name = format!("{series}:{}", level.severity.as_str());
            let mut scope = Scope::new(&name, given.as_deref());
            let readings = self.readings(&level.condition, &mut scope)?;
            self.record_truth(&name, &readings.full);
            levels.push(LevelSeries {
                severity: level.severity,
                series: name,
                readings,
                clocks: scope.clocks,
            });
        }
        let clear = match &trigger.clear {
            Some(condition) => {
                self.block(format!("trigger {}: clear", trigger.name));
                let mut scope = Scope::new(format!("{series}:clear"), given.as_deref());
                let readings = self.readings(condition, &mut scope)?;
                self.record_truth(&scope.series, &readings.full);
                Some(scope.series)
            }
            None => None,
        };
        self.block(format!("trigger {}: its level, its state and what it asks for", trigger.name));
        self.record_level(&series, &levels, clear.as_deref());
        self.record_state(trigger, &series, &levels, given.as_deref());
        Ok(self.alerts_of(trigger, series))
    }

    /// A level is left upward, or when it clears; what holds is the highest.
    fn record_level(&mut self, series: &str, levels: &[LevelSeries], clear: Option<&str>) {
        let level = format!("{series}:level");
        let mut parts = Vec::new();
        for found in levels.iter().rev() {
            let rank = rank(found.severity);
            parts.push(format!("{rank} * ({} == 1)", found.series));
            let cleared = match clear {
                Some(clear) => format!("{clear} == 1"),
                None if found.readings.has_for => found.readings.bare.no.within(Binding::Relation),
                None => format!("{} == 0", found.series),
            };
            parts.push(format!("{level} == {rank} unless {cleared}"));
        }
        self.record(&level, parts.join(" or "));
    }

    fn record_state(&mut self, trigger: &Trigger, series: &str, levels: &[LevelSeries], given: Option<&str>) {
        let level = format!("{series}:level");
        // a level that is not below the present one is unknown
        let missing = format!("{series}:missing");
        let unknown: Vec<_> = levels
            .iter()
            .map(|found| format!("absent({}) unless {level} > {}", found.series, rank(found.severity)))
            .collect();
        self.record(&missing, unknown.join(" or "));
        let mut goes_back = vec![format!("{level} == 3")];
        if let Some(after) = trigger.unknown_rollback_after {
            let since = format!("{series}:missing_since");
            let given = given.map(|given| format!(" unless {given} == 0")).unwrap_or_default();
            self.record(&since, format!("({since} or vector(time())) and {missing}{given}"));
            goes_back.push(format!("time() - {since} >= {}", seconds(after)));
        }
        let mut waits = vec![format!("{level} == 2")];
        for found in levels.iter().filter(|found| found.severity >= Severity::Hold) {
            waits.extend(found.clocks.iter().cloned());
        }
        waits.push(missing.clone());
        let quiet = (!trigger.unless.is_empty()).then(|| format!("{series}:quiet"));
        let asks = format!("{series}:asks");
        let asked = if quiet.is_some() { format!("{series}:asked") } else { asks.clone() };
        self.record(
            &asked,
            format!("2 * group({}) or group({})", goes_back.join(" or "), waits.join(" or ")),
        );
        let mut state = Vec::new();
        if let Some(quiet) = &quiet {
            self.record_quiet(trigger, quiet, &level, &asked);
            self.record(&asks, format!("{asked} unless {quiet}"));
            state.push(format!("0 * {quiet}"));
        }
        let pending: Vec<_> = levels
            .iter()
            .map(|found| match found.readings.has_for {
                true => found.readings.bare.yes.clone(),
                false => Promql::new(format!("{} == 1", found.series), Binding::Relation),
            })
            .collect();
        state.push(format!("{level} + 1"));
        state.push(format!("-1 * {missing}"));
        state.push(format!("group({})", Promql::any(&pending).text()));
        state.push("vector(0)".to_owned());
        self.record(format!("{series}:state"), state.join(" or "));
    }

    /// Another trigger speaks for this one: it shows a level that is no lower than this one's, and than what it asks for.
    fn record_quiet(&mut self, trigger: &Trigger, quiet: &str, level: &str, asked: &str) {
        let speaking: Vec<_> = trigger
            .unless
            .iter()
            .filter_map(|other| {
                let state = format!("{}:state", self.triggers.get(other)?.series);
                Some(format!("{state} > 1 unless {level} + 1 > {state} unless {asked} + 2 > {state}"))
            })
            .collect();
        self.record(quiet, format!("group({})", speaking.join(" or ")));
    }

    fn alerts_of(&mut self, trigger: &Trigger, series: String) -> TriggerSeries {
        let mut alerts = Vec::new();
        let state = format!("{series}:state");
        for level in trigger.levels.iter().rev() {
            let word = level.severity.as_str();
            let name = self.alerts.name(&alert_name(&trigger.name, word));
            let expr = format!("{state} == {}", rank(level.severity).saturating_add(1));
            let description = self.quote(level.span);
            self.push_alert(trigger, &name, expr, word, description);
            alerts.push((word, name));
        }
        let name = self.alerts.name(&alert_name(&trigger.name, "unknown"));
        let unknown = "unknown: too little, old or no evidence to tell";
        self.push_alert(trigger, &name, format!("{state} == -1"), "unknown", unknown.to_owned());
        alerts.push(("unknown", name));
        if let Some(after) = trigger.unknown_rollback_after {
            let name = self.alerts.name(&alert_name(&trigger.name, "lost"));
            let expr = format!("{series}:asks == 2 unless {state} == 4");
            let description = format!("unknown for {} or longer", super::text::duration(after));
            self.push_alert(trigger, &name, expr, Severity::Rollback.as_str(), description);
            alerts.push(("lost", name));
        }
        TriggerSeries { series, alerts }
    }

    fn push_alert(
        &mut self,
        trigger: &Trigger,
        name: &str,
        expr: String,
        severity: &str,
        description: String,
    ) {
        let (labels, annotations) = self.said(trigger, severity, &description);
        self.alert(Rule::Alert { name: name.to_owned(), expr, held: None, labels, annotations });
    }

    /// What an alert says: its labels and its annotations.
    pub(super) fn said(&self, trigger: &Trigger, severity: &str, description: &str) -> (Words, Words) {
        let mut labels = vec![("severity", severity.to_owned()), ("trigger", untemplated(&trigger.name))];
        labels.extend(trigger.owner.as_ref().map(|owner| ("owner", untemplated(owner))));
        let title = trigger.title.as_ref().unwrap_or(&trigger.name);
        let mut annotations =
            vec![("summary", untemplated(title)), ("description", untemplated(description))];
        annotations.extend(trigger.runbook.as_ref().map(|url| ("runbook_url", untemplated(url))));
        (labels, annotations)
    }

    /// The decision over all, where all is exported.
    pub(super) fn decision(&mut self) {
        if !self.refused.is_empty() {
            return;
        }
        let policy = &self.loaded.policy;
        let mut asks: Vec<_> = self
            .expectations
            .iter()
            .filter_map(|id| policy.signal(*id))
            .map(|s| self.series(&s.name))
            .collect();
        asks.extend(self.triggers.values().map(|trigger| trigger.series.clone()));
        if asks.is_empty() {
            return;
        }
        self.block("the decision: 0 proceed, 1 hold, 2 rollback");
        self.record(format!("{}:decision", self.options.prefix), highest(&asks));
    }
}

/// What is asked for by any of them: 0, 1 or 2.
pub(super) fn highest(series: &[String]) -> String {
    let names: Vec<_> = series.iter().map(|name| format!("{name}:asks")).collect();
    format!("max({{__name__=~\"{}\"}}) or vector(0)", names.join("|"))
}

/// The name of a trigger's alert.
pub(super) fn alert_name(trigger: &str, word: &str) -> String {
    format!("{}{}", camel(trigger), camel(word))
}

/// A name with each of its words capitalized.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.extend(letters);
    }
    if out.starts_with(|c: char| c.is_ascii_alphabetic()) || out.is_empty() {
        out
    } else {
        format!("Trigger{out}")
    }
}
