//! Signals, triggers and plans.

use spark_core::{Severity, Signal};

use super::{Writer, listed, span_text, subject};
use crate::ast::{self, CheckClause, Clause, PlanClause, SignalClause, Source, SourceUnit, TriggerClause};
use crate::explain::{rule, words};

impl Writer<'_> {
    /// `name` is the policy's: that of a one-line trigger is made from its place.
    pub(in crate::explain) fn trigger(&mut self, name: &str, tree: &ast::Trigger) -> String {
        self.told.insert(name.to_owned());
        let mut parts: Vec<(u8, String)> = tree
            .clauses
            .iter()
            .map(|clause| (place(clause), clause))
            .map(|(at, clause)| (at, self.trigger_clause(clause)))
            .collect();
        for (at, default) in [
            (CLEAR, "comes back as soon as what raised it no longer holds"),
            (UNKNOWN, "while unknown it holds"),
        ] {
            if !parts.iter().any(|(other, _)| *other == at) {
                parts.push((at, default.to_owned()));
            }
        }
        parts.sort_by_key(|(at, _)| *at);
        let parts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
        let title = tree.title.as_ref().map(|title| &title.value);
        format!("{} {}.", subject(name, title), parts.join("; "))
    }

    fn trigger_clause(&mut self, clause: &Clause<TriggerClause>) -> String {
        match &clause.kind {
            TriggerClause::Level(severity, condition) => {
                let does = match severity {
                    Severity::Warn => "warns",
                    Severity::Hold => "holds the release",
                    Severity::Rollback => "rolls the release back",
                };
                format!("{does} when {}", self.condition(condition))
            }
            TriggerClause::Clear(condition) => format!("comes back when {}", self.condition(condition)),
            TriggerClause::Given(condition) => {
                format!("judges only while {} (otherwise it is unknown)", self.condition(condition))
            }
            TriggerClause::Unless(names) => {
                let names: Vec<String> = names.iter().map(|name| self.named(&name.text)).collect();
                format!("says nothing while {} shows the same level or a higher one", listed(&names, "or"))
            }
            TriggerClause::Unknown(None) => "while unknown it holds".to_owned(),
            TriggerClause::Unknown(Some(after)) => {
                format!("while unknown it holds, and rolls back after {}", self.length(after))
            }
            TriggerClause::Runbook(text) => format!("has the runbook {}", rule::quoted(&text.value)),
            TriggerClause::Owner(text) => format!("is owned by {}", rule::quoted(&text.value)),
        }
    }

    pub(in crate::explain) fn signal(&mut self, signal: &Signal, tree: &ast::Signal) -> String {
        self.told.insert(signal.name.clone());
        let mut kind = String::new();
        let mut from = String::new();
        let mut believed = span_text(signal.stale_after);
        let mut expected = String::new();
        for clause in &tree.clauses {
            match &clause.kind {
                SignalClause::Is(name) => kind = words::a_type(&name.text).to_owned(),
                SignalClause::From { source, unit } => from = self.from(source, unit.as_ref()),
                SignalClause::StaleAfter(length) => believed = self.length(length),
                SignalClause::Expect(compare) => {
                    let test = self.against(&compare.test);
                    expected = format!("; it is expected to be {test} (the release holds while it is not)");
                }
            }
        }
        let title = tree.title.as_ref().map(|title| &title.value);
        let subject = subject(&signal.name, title);
        format!("{subject} is {kind}, {from}; each sample is believed for {believed}{expected}.")
    }

    pub(in crate::explain) fn check(&mut self, tree: &ast::Check) -> String {
        let mut measures = Vec::new();
        let [mut phase, mut probe, mut pass, mut says, mut within, mut rest] = [const { String::new() }; 6];
        for clause in &tree.clauses {
            match &clause.kind {
                CheckClause::In(word) => phase.clone_from(&word.text),
                CheckClause::Probe(name) => probe = subject(&name.text, None),
                CheckClause::Measure { name, kind, unit } => {
                    // a measure may be called as a signal is, which may have a title
                    self.told.insert(name.text.clone());
                    let unit =
                        unit.as_ref().map_or_else(String::new, |unit| format!(" in {}", unit_text(unit)));
                    measures.push(format!(
                        "{} ({}{unit})",
                        subject(&name.text, None),
                        words::a_type(&kind.text)
                    ));
                }
                CheckClause::Pass(_) => {}
                CheckClause::Else(word) => says.clone_from(&word.text),
                CheckClause::Within(length) => within = self.length(length),
                CheckClause::Evidence(name) => {
                    rest.push_str(&format!("; keeps its evidence in {}", rule::quoted(&name.value)));
                }
                CheckClause::Runbook(text) => {
                    rest.push_str(&format!("; has the runbook {}", rule::quoted(&text.value)));
                }
                CheckClause::Owner(text) => {
                    rest.push_str(&format!("; is owned by {}", rule::quoted(&text.value)))
                }
            }
        }
        // measures may stand behind the condition that reads them
        for clause in &tree.clauses {
            if let CheckClause::Pass(condition) = &clause.kind {
                pass = self.condition(condition);
            }
        }
        let title = tree.title.as_ref().map(|title| &title.value);
        format!(
            "{} asks the probe {probe} in {phase}, within {within}, for {}; passes when {pass}{}{says}{rest}.",
            subject(&tree.name.text, title),
            measures.join(", "),
            words::OTHERWISE,
        )
    }

    fn from(&self, source: &Source, unit: Option<&SourceUnit>) -> String {
        let source = match source {
            Source::Metrics(metrics) => {
                let over = metrics.over.as_ref();
                let over =
                    over.map_or_else(String::new, |over| format!(" over the last {}", self.length(over)));
                format!("computed from the metrics {}{over}", fenced(&rule::metrics(&metrics.root)))
            }
            Source::Prometheus(query) => format!("asked of Prometheus as {}", rule::quoted(&query.value)),
            Source::Sql(query) => format!("asked of a database as {}", rule::quoted(&query.value)),
            Source::Push => "handed in by push".to_owned(),
        };
        let Some(unit) = unit else { return source };
        format!("{source} in {}", unit_text(unit))
    }

    pub(in crate::explain) fn plan(&mut self, tree: &ast::Plan) -> String {
        let mut stages = Vec::new();
        let (mut warmup, mut proceed, mut watch) = (String::new(), String::new(), String::new());
        for clause in &tree.clauses {
            match &clause.kind {
                PlanClause::Stage { share, duration, approval } => {
                    let (share, time) = (self.literal(&share.value, share.span), self.length(duration));
                    let asked = approval.map_or("", |_| words::APPROVED);
                    stages.push(match stages.is_empty() {
                        true => format!("sends {share} of the traffic to the new version for {time}{asked}"),
                        false => format!("then {share} for {time}{asked}"),
                    });
                }
                PlanClause::Warmup(length) => {
                    let (before, behind) = words::WARMUP;
                    warmup = format!("{before}{}{behind}", self.length(length));
                }
                PlanClause::Watch(length) => watch = format!("{}{}", words::WATCH, self.length(length)),
                PlanClause::Proceed(condition) => {
                    proceed = format!(", provided that {}", self.condition(condition));
                }
            }
        }
        let title = tree.title.as_ref().map(|title| &title.value);
        format!(
            "{} {}{warmup}; a stage is left once its time is served and the decision is proceed{proceed}{watch}.",
            subject(&tree.name.text, title),
            stages.join(", ")
        )
    }
}

/// The unit behind `in`, as rules write it.
fn unit_text(unit: &SourceUnit) -> String {
    match (unit.unit.as_str(), unit.per.as_deref()) {
        // as rules say it of what has none
        ("", None) => "1".to_owned(),
        (unit, None) => unit.to_owned(),
        ("", Some(per)) => format!("1/{per}"),
        (unit, Some(per)) => format!("{unit}/{per}"),
    }
}

const CLEAR: u8 = 3;
const UNKNOWN: u8 = 6;

/// The order in which a trigger's clauses are told.
const fn place(clause: &Clause<TriggerClause>) -> u8 {
    match clause.kind {
        TriggerClause::Level(Severity::Warn, _) => 0,
        TriggerClause::Level(Severity::Hold, _) => 1,
        TriggerClause::Level(Severity::Rollback, _) => 2,
        TriggerClause::Clear(_) => CLEAR,
        TriggerClause::Given(_) => 4,
        TriggerClause::Unless(_) => 5,
        TriggerClause::Unknown(_) => UNKNOWN,
        TriggerClause::Runbook(_) => 7,
        TriggerClause::Owner(_) => 8,
    }
}

/// Text between backticks, more of them than stand in it.
fn fenced(text: &str) -> String {
    let most = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(most.saturating_add(1));
    match most {
        0 => format!("{fence}{text}{fence}"),
        _ => format!("{fence} {text} {fence}"),
    }
}
