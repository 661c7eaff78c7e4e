//! What may be written in a check, and of its measures in a test.

use spark_core::{Dimension, Unit};

use super::complete::{CompletionKind, List};
use super::context::Context;
use super::offer::{compares, units};
use super::outline::{Symbol, SymbolKind};
use crate::check::{MEASURE_TYPES, typical};

const RELATIONS: &[&str] = &["<", "<=", ">", ">=", "==", "!=", "between"];

/// Where a comparison begins.
fn begins(word: &str) -> bool {
    matches!(word, "when" | "and" | "or" | "not")
}

/// Values that a measure of a type may be compared with. Of money, only its currency is known.
fn values(kind: &str) -> &'static [&'static str] {
    typical(match kind {
        "duration" => Unit::of(Dimension::Duration),
        "ratio" => Unit::of(Dimension::Ratio),
        "count" => Unit::of(Dimension::Count),
        "bytes" => Unit::of(Dimension::Bytes),
        "number" => Unit::of(Dimension::Number),
        "rate" => Unit::per_time(Dimension::Count),
        _ => return &[],
    })
}

impl List<'_> {
    pub(super) fn check(&mut self, at: &Context<'_>) {
        let (before, last) = at.last();
        match (at.words.first().copied().unwrap_or(""), last) {
            ("in", "in") => self.choices(&["preflight", "redteam", "blast"], "when it is made"),
            ("measure", "measure") => {}
            ("measure", "is") => self.choices(MEASURE_TYPES, "what it is"),
            ("measure", "in") => self.choices(units(before), "its unit"),
            ("measure", _) if before == "measure" => self.words(&["is"]),
            ("else", "else") => self.choices(&["no-go", "warn"], "what it says where it does not pass"),
            ("within", "within") => ["5s", "10s", "30s", "1m", "5m"]
                .iter()
                .for_each(|length| self.add(length, CompletionKind::Value, "")),
            ("pass", "pass") => self.words(&["when"]),
            ("pass", _) => self.look(at),
            _ => {}
        }
        self.clauses(at);
    }

    /// What goes on in the condition of a check.
    fn look(&mut self, at: &Context<'_>) {
        let (before, last) = at.last();
        let begun = at.words.iter().rposition(|word| begins(word)).unwrap_or(0);
        let compared = at.words.iter().skip(begun).any(|word| compares(word) || *word == "between");
        match last {
            "and" if at.third() == "between" => self.compared(at),
            "when" | "and" | "or" | "not" | "(" => {
                self.measures(at.name);
                self.words(&["not"]);
            }
            "+" | "-" | "*" | "/" => self.measures(at.name),
            _ if compares(last) || last == "between" => self.compared(at),
            _ if before == "between" => self.words(&["and"]),
            _ if compared => self.words(&["and", "or"]),
            ")" => {
                self.words(RELATIONS);
                self.words(&["and", "or"]);
            }
            _ => match self.measure(at.name, last).as_deref() {
                Some("flag") | None => self.words(&["and", "or"]),
                Some(_) => self.words(RELATIONS),
            },
        }
    }

    /// What the measure on the left side can be compared with.
    fn compared(&mut self, at: &Context<'_>) {
        let end = at.words.iter().rposition(|word| compares(word) || *word == "between").unwrap_or(0);
        let left = at.words.get(..end).unwrap_or(&[]).iter().rev().take_while(|word| !begins(word));
        let found = left.filter_map(|word| Some((*word, self.measure(at.name, word)?))).last();
        let Some((own, kind)) = found else { return self.measures(at.name) };
        values(&kind).iter().for_each(|value| self.add(value, CompletionKind::Value, &kind));
        for other in self.measures_of(at.name) {
            if other.name != own && other.detail == kind {
                self.add(&other.name, CompletionKind::Signal, &other.detail);
            }
        }
    }

    /// What a test may say that a probe finds.
    pub(super) fn finds(&mut self, check: &str, measure: &str) {
        match self.measure(check, measure).as_deref() {
            Some("flag") => self.words(&["true", "false"]),
            Some(kind) => values(kind).iter().for_each(|value| self.add(value, CompletionKind::Value, kind)),
            None => {}
        }
        self.words(&["nothing", "error"]);
    }

    /// The measures of the check with a name.
    pub(super) fn measures(&mut self, check: &str) {
        for measure in self.measures_of(check) {
            self.add(&measure.name, CompletionKind::Signal, &measure.detail);
        }
    }

    /// What a measure of a check is.
    fn measure(&self, check: &str, name: &str) -> Option<String> {
        self.measures_of(check).into_iter().find(|measure| measure.name == name).map(|found| found.detail)
    }

    fn measures_of(&self, check: &str) -> Vec<Symbol> {
        let files = self.session.policy_files(self.path);
        let symbols = files.iter().flat_map(|path| self.session.symbols(path));
        let own = symbols.filter(|symbol| symbol.kind == SymbolKind::Check && symbol.name == check);
        own.flat_map(|symbol| symbol.children).collect()
    }
}
