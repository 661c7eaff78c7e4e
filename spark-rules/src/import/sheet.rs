//! The imported rules while they are put together: signals, triggers, and what is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use spark_core::{Relation, Severity, TimeSpan};

use super::condition::{Condition, read};
use super::infer::{Inferred, Measure, Recorded, infer};
use super::names::{snake, unique, without_severity};
use super::promql::parse;
use super::read::{AlertRule, Found};
use super::write::place;
use super::{ImportOptions, Imported, Summary};

/// How often what the checker refuses is taken out; each round takes at least one trigger.
const ROUNDS_MAX: usize = 20;

/// A signal while rules are read.
#[derive(Debug, Clone)]
pub(super) struct Signal {
    pub(super) name: String,
    pub(super) query: String,
    pub(super) measure: Measure,
    pub(super) why: String,
    pub(super) stale: Option<TimeSpan>,
}

/// The signals, each query once.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) all: Vec<Signal>,
    names: BTreeSet<String>,
}

impl Signals {
    /// The place of the signal with this query, which is added where it is new.
    pub(super) fn add(
        &mut self,
        name: &str,
        query: String,
        measure: Measure,
        why: String,
        stale: Option<TimeSpan>,
    ) -> usize {
        let known = self.all.iter().position(|signal| signal.query == query && signal.stale == stale);
        known.unwrap_or_else(|| {
            let name = unique(name, "value", &mut self.names);
            self.all.push(Signal { name, query, measure, why, stale });
            self.all.len().saturating_sub(1)
        })
    }

    pub(super) fn measure(&self, place: usize) -> Option<Measure> {
        self.all.get(place).map(|signal| signal.measure)
    }

    pub(super) fn mark(&self) -> usize {
        self.all.len()
    }

    /// Takes back what was added since.
    pub(super) fn forget(&mut self, mark: usize) {
        for signal in self.all.drain(mark.min(self.all.len())..) {
            self.names.remove(&signal.name);
        }
    }
}

/// A level that an alert became.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) rule: usize,
    pub(super) severity: Severity,
    pub(super) condition: Condition,
    pub(super) held: Option<TimeSpan>,
    opaque: bool,
}

/// A trigger.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) name: String,
    pub(super) levels: Vec<Level>,
    /// Why it is only a comment, where it is.
    refused: Option<String>,
}

/// The imported rules while they are put together.
pub(super) struct Sheet<'o> {
    pub(super) found: Found,
    options: &'o ImportOptions,
    pub(super) signals: Signals,
    pub(super) triggers: Vec<Trigger>,
    /// By rule: why it is a comment alone.
    refused: BTreeMap<usize, String>,
}

impl<'o> Sheet<'o> {
    pub(super) fn new(found: Found, options: &'o ImportOptions) -> Self {
        let mut sheet = Self {
            found,
            options,
            signals: Signals::default(),
            triggers: Vec::new(),
            refused: BTreeMap::new(),
        };
        sheet.convert();
        sheet
    }

    fn recorded(&self) -> Recorded {
        let mut recorded = Recorded::new();
        // one may read another that stands before it
        for rule in &self.found.records {
            if let Ok(expr) = parse(&rule.expr) {
                let inferred: Inferred = infer(&expr, &recorded, rust_decimal::Decimal::ONE);
                recorded.insert(rule.name.clone(), inferred);
            }
        }
        recorded
    }

    fn convert(&mut self) {
        let recorded = self.recorded();
        let mut names = BTreeSet::new();
        let alerts = std::mem::take(&mut self.found.alerts);
        for (place, rule) in alerts.iter().enumerate() {
            let read = parse(&rule.expr)
                .and_then(|expr| read(&expr, &rule.expr, &snake(&rule.name), &recorded, &mut self.signals));
            let (condition, opaque) = match read {
                Ok(read) => read,
                Err(reason) => {
                    self.refused.insert(place, reason);
                    continue;
                }
            };
            let severity = self.severity(rule);
            let level = Level { rule: place, severity, condition, held: rule.held, opaque };
            match self.partner(&alerts, &level) {
                Some(partner) => {
                    if let Some(trigger) = self.triggers.get_mut(partner) {
                        trigger.levels.push(level);
                        trigger.levels.sort_by_key(|level| level.severity);
                        // several levels have one name that says none of them
                        let shared = without_severity(&trigger.name);
                        let told = rule.said(&["trigger"]).is_some();
                        if !told && !shared.is_empty() && !names.contains(&shared) {
                            trigger.name = unique(&shared, "alert", &mut names);
                        }
                    }
                }
                None => {
                    let said =
                        rule.said(&["trigger"]).filter(|name| !name.contains("{{")).unwrap_or(&rule.name);
                    let name = unique(&snake(said), "alert", &mut names);
                    self.triggers.push(Trigger { name, levels: vec![level], refused: None });
                }
            }
        }
        self.found.alerts = alerts;
        // a signal and a trigger never share a name
        for signal in &mut self.signals.all {
            if names.contains(&signal.name) {
                signal.name = unique(&format!("{}_value", signal.name), "value", &mut names);
            } else {
                names.insert(signal.name.clone());
            }
        }
    }

    /// The trigger that a level belongs to: one over the same signal in the same direction, whose alert has the same name
    /// but for its severity.
    fn partner(&self, alerts: &[AlertRule], level: &Level) -> Option<usize> {
        let Condition::Compare { signal, relation, .. } = &level.condition else { return None };
        let rises = |relation: &Relation| matches!(relation, Relation::Above | Relation::AtLeast);
        let name = |rule: usize| {
            let rule = alerts.get(rule)?;
            Some(without_severity(&snake(rule.said(&["trigger"]).unwrap_or(&rule.name))))
        };
        self.triggers.iter().position(|trigger| {
            let free = trigger.levels.iter().all(|known| known.severity != level.severity);
            let same = trigger.levels.iter().all(|known| {
                matches!(&known.condition, Condition::Compare { signal: other, relation: side, .. }
                    if other == signal && rises(side) == rises(relation))
                    && name(known.rule) == name(level.rule)
            });
            free && same && !level.opaque
        })
    }

    fn severity(&self, rule: &AlertRule) -> Severity {
        let Some(word) = rule.said(&["severity", "priority", "level", "page"]) else { return Severity::Hold };
        if let Some(level) = self.options.levels.get(word) {
            return *level;
        }
        match word.to_ascii_lowercase().as_str() {
            // as this project's own export says it; elsewhere it is a warning
            "warn" if rule.said(&["trigger"]).is_some() => Severity::Warn,
            "critical" | "crit" | "page" | "emergency" | "emerg" | "fatal" | "disaster" | "error"
            | "high" | "rollback" | "p0" | "p1" | "sev0" | "sev1" | "true" => Severity::Rollback,
            "info" | "informational" | "notice" | "low" | "debug" | "none" | "p3" | "p4" | "p5" | "sev3"
            | "sev4" => Severity::Warn,
            _ => Severity::Hold,
        }
    }

    pub(super) fn imported(mut self) -> Imported {
        let mut tests = super::unit_tests::written(&self);
        let mut text = String::new();
        for _ in 0..ROUNDS_MAX {
            let (written, places) = self.text(&tests.texts);
            text = written;
            let failed = match crate::load("imported.rules", &text, &mut |name| Err(format!("no `{name}`"))) {
                Ok(loaded) => {
                    if super::unit_tests::keep_what_holds(&loaded, &mut tests) {
                        break;
                    }
                    continue;
                }
                Err(failed) => failed,
            };
            self.refuse(&failed, &places, &mut tests.texts);
        }
        if let Ok(formatted) = crate::format::format("imported.rules", &text) {
            text = formatted.text;
        }
        let summary = self.summary([self.found.tests.len(), tests.texts.len()]);
        let mut not_imported: Vec<_> =
            self.refusals().into_iter().map(|(rule, reason)| format!("{}: {reason}", place(rule))).collect();
        not_imported.extend(self.found.odd.iter().cloned());
        not_imported.extend(tests.skipped);
        Imported { text, summary, not_imported }
    }

    /// Takes out what the checker found mistakes in.
    fn refuse(&mut self, failed: &crate::Failed, places: &[(usize, Range<usize>)], tests: &mut Vec<String>) {
        let mut any = false;
        for diagnostic in failed.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()) {
            let at = diagnostic.span.start as usize;
            for (trigger, _) in places.iter().filter(|(_, range)| range.contains(&at)) {
                if let Some(trigger) = self.triggers.get_mut(*trigger) {
                    trigger.refused.get_or_insert_with(|| diagnostic.message.clone());
                    any = true;
                }
            }
        }
        if any {
            return;
        }
        // a mistake of no trigger: tests are the rest that may have one
        if !tests.is_empty() {
            tests.clear();
            return;
        }
        for trigger in &mut self.triggers {
            trigger.refused.get_or_insert_with(|| "the rules around it have mistakes".to_owned());
        }
    }

    /// The rules that are comments alone, with the reason.
    pub(super) fn refusals(&self) -> Vec<(&AlertRule, String)> {
        let mut refused = self.refused.clone();
        for trigger in &self.triggers {
            if let Some(reason) = &trigger.refused {
                refused.extend(trigger.levels.iter().map(|level| (level.rule, reason.clone())));
            }
        }
        let rules = refused.into_iter();
        rules.filter_map(|(rule, reason)| Some((self.found.alerts.get(rule)?, reason))).collect()
    }

    fn summary(&self, tests: [usize; 2]) -> Summary {
        let kept = || self.triggers.iter().filter(|trigger| trigger.refused.is_none());
        let levels = || kept().flat_map(|trigger| &trigger.levels);
        let opaque = levels().filter(|level| level.opaque).count();
        let odd = self.found.odd_rules;
        Summary {
            rules: self.found.alerts.len().saturating_add(odd),
            levels: levels().count().saturating_sub(opaque),
            opaque,
            not_imported: self.refusals().len().saturating_add(odd),
            triggers: kept().count(),
            recording: self.found.records.len(),
            tests,
        }
    }
}

impl Trigger {
    /// Whether it stands in the text.
    pub(super) const fn is_written(&self) -> bool {
        self.refused.is_none()
    }
}
