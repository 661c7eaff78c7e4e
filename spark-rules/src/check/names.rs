//! What is declared, and what names stand for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use spark_core::{SignalId, SourceSpan as Span, TriggerId};

use super::{Blocks, Checker, Named};
use crate::ast::{Expression, ExpressionKind, File, Item, Name, SignalClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::parser::reference_near;

/// What a one-line trigger is called: `line_N`, in an included file `FILE_line_N`.
pub(crate) fn line_name(included: Option<&str>, line: u32) -> String {
    let Some(name) = included else { return format!("line_{line}") };
    let base = name.rsplit('/').next().unwrap_or(name);
    let stem = base.strip_suffix(".rules").unwrap_or(base);
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{plain}_line_{line}")
}

impl<'t> Checker<'t> {
    /// The blocks of all files; one-line triggers get their names.
    pub(super) fn gather(&mut self, trees: impl IntoIterator<Item = &'t File>) -> Blocks<'t> {
        let mut blocks = Blocks::default();
        for tree in trees {
            let mut last_line: Option<(u32, Span)> = None;
            for item in &tree.items {
                match item {
                    Item::Signal(signal) => blocks.signals.push(signal),
                    Item::Plan(plan) => blocks.plans.push(plan),
                    Item::Check(check) => blocks.checks.push(check),
                    Item::Test(test) => blocks.tests.push(test),
                    Item::Trigger(trigger) => match &trigger.name {
                        Some(name) => blocks.triggers.push((Cow::Borrowed(&name.text), trigger)),
                        None => {
                            let line = self.texts.line(trigger.span);
                            match last_line {
                                Some((last, first)) if last == line => self.problems.tell(
                                    Diagnostic::error(
                                        codes::E0502,
                                        trigger.span,
                                        "two one-line triggers stand on one line",
                                    )
                                    .also(first, "the first")
                                    .help("give each a line of its own: it is named by its line"),
                                ),
                                _ => {
                                    let name = line_name(self.texts.included(tree.number), line);
                                    blocks.triggers.push((Cow::Owned(name), trigger));
                                }
                            }
                            last_line = Some((line, trigger.span));
                        }
                    },
                    Item::Edition { .. } | Item::Evaluate { .. } | Item::Use { .. } => {}
                }
            }
        }
        blocks
    }

    /// Enters all names; one that stands twice is told at its second place.
    pub(super) fn declare(&mut self, blocks: &Blocks<'t>) {
        self.names.reserve(blocks.signals.len().saturating_add(blocks.triggers.len()));
        for (place, signal) in blocks.signals.iter().enumerate() {
            let named = Named::Signal(u32::try_from(place).unwrap_or(u32::MAX));
            self.enter(Cow::Borrowed(&signal.name.text), signal.name.span, named);
            self.signal_names.push(&signal.name.text);
            self.signal_types.push(signal.clauses.iter().find_map(|clause| match &clause.kind {
                SignalClause::Is(name) => Some(name.span),
                _ => None,
            }));
        }
        for (place, (name, trigger)) in blocks.triggers.iter().enumerate() {
            let named = Named::Trigger(u32::try_from(place).unwrap_or(u32::MAX));
            let span = trigger.name.as_ref().map_or(trigger.span, |name| name.span);
            self.enter(name.clone(), span, named);
            self.trigger_names.push(name.clone());
        }
        for (place, plan) in blocks.plans.iter().enumerate() {
            match self.plans.get(&plan.name.text) {
                Some((_, first)) => {
                    let (first, name) = (*first, &plan.name.text);
                    self.twice("plans", name, plan.name.span, first);
                }
                None => {
                    self.plans.insert(plan.name.text.clone(), (place, plan.name.span));
                }
            }
        }
        let mut checks: HashMap<&str, Span> = HashMap::new();
        for check in &blocks.checks {
            match checks.get(check.name.text.as_str()) {
                Some(first) => self.twice("checks", &check.name.text, check.name.span, *first),
                None => {
                    checks.insert(&check.name.text, check.name.span);
                }
            }
        }
        let mut titles: HashMap<&str, Span> = HashMap::new();
        for test in &blocks.tests {
            match titles.get(test.title.value.as_str()) {
                Some(first) => self.twice("tests", &test.title.value, test.title.span, *first),
                None => {
                    titles.insert(&test.title.value, test.title.span);
                }
            }
        }
    }

    fn enter(&mut self, name: Cow<'t, str>, span: Span, named: Named) {
        let (name, (first, place)) = match self.names.entry(name) {
            Entry::Vacant(vacant) => {
                vacant.insert((named, span));
                return;
            }
            Entry::Occupied(occupied) => (occupied.key().clone(), *occupied.get()),
        };
        match (first, named) {
            (Named::Signal(_), Named::Signal(_)) => self.twice("signals", &name, span, place),
            (Named::Trigger(_), Named::Trigger(_)) => self.twice("triggers", &name, span, place),
            _ => self.problems.tell(
                Diagnostic::error(
                    codes::E0202,
                    span,
                    format!("a signal and a trigger are both called `{name}`"),
                )
                .also(place, "the other one")
                .help("give one of them another name: both appear as reasons of a decision"),
            ),
        }
    }

    /// The diagnostic with the place that says what the signal is: "`errors` is declared a ratio here".
    pub(super) fn declared_here(&self, told: Box<Diagnostic>, signal: Option<SignalId>) -> Box<Diagnostic> {
        let place = signal.map(SignalId::index);
        let name = place.and_then(|place| self.signal_names.get(place).copied());
        let span = place.and_then(|place| self.signal_types.get(place).copied().flatten());
        let Some((name, span)) = name.zip(span) else { return told };
        let kind = self.texts.text(span);
        let kind = if matches!(kind, "bytes" | "money") { kind.to_owned() } else { format!("a {kind}") };
        told.also(span, format!("`{name}` is declared {kind} here"))
    }

    /// The signal that an expression reads first.
    pub(super) fn first_signal(&self, expression: &Expression) -> Option<SignalId> {
        let named = |name: &str| match self.names.get(name) {
            Some((Named::Signal(id), _)) => Some(SignalId(*id)),
            _ => None,
        };
        match &expression.kind {
            ExpressionKind::Name(name) => named(name),
            ExpressionKind::Call(call) => call.of.first().and_then(|name| named(&name.text)),
            _ => expression.parts().find_map(|part| self.first_signal(part)),
        }
    }

    pub(super) fn twice(&mut self, kind: &str, name: &str, span: Span, first: Span) {
        self.problems.tell(
            Diagnostic::error(codes::E0202, span, format!("two {kind} are called `{name}`"))
                .also(first, "the first")
                .help("give one of them another name, or take it away"),
        );
    }

    /// The signal that a name in a condition stands for.
    pub(super) fn signal_named(&mut self, text: &str, span: Span) -> Option<SignalId> {
        match self.names.get(text) {
            Some((Named::Signal(id), _)) => Some(SignalId(*id)),
            Some((Named::Trigger(_), place)) => {
                let message = format!("`{text}` is a trigger: conditions read signals");
                let diagnostic = Diagnostic::error(codes::E0210, span, message).also(*place, "declared here");
                self.problems.tell(diagnostic.help("a trigger is named by `unless`"));
                None
            }
            None if self.doubtful(text) => None,
            None if self.outer.is_some() => {
                self.no_measure(text, span);
                None
            }
            None => {
                let diagnostic =
                    Diagnostic::error(codes::E0201, span, format!("no signal is called `{text}`"));
                let diagnostic = self.problems.suggesting(diagnostic, text, &self.signal_names, "signals");
                self.problems.tell(match reference_near(text) {
                    Some(meant) => diagnostic
                        .help(format!("did you mean `{meant}`?"))
                        .maybe(vec![Edit::replace(span, meant)]),
                    None => diagnostic,
                });
                None
            }
        }
    }

    /// The trigger that a name in `unless` stands for.
    pub(super) fn trigger_named(&mut self, name: &Name) -> Option<TriggerId> {
        match self.names.get(name.text.as_str()) {
            Some((Named::Trigger(id), _)) => Some(TriggerId(*id)),
            Some((Named::Signal(_), place)) => {
                let message = format!("`{}` is a signal: `unless` names triggers", name.text);
                let diagnostic =
                    Diagnostic::error(codes::E0210, name.span, message).also(*place, "declared here");
                self.problems.tell(diagnostic.help("for a condition write `and not …` in the level"));
                None
            }
            None if self.doubtful(&name.text) => None,
            None => {
                let message = format!("no trigger is called `{}`", name.text);
                let diagnostic = Diagnostic::error(codes::E0201, name.span, message);
                let names: Vec<&str> = self.trigger_names.iter().map(|name| &**name).collect();
                let diagnostic = self.problems.suggesting(diagnostic, &name.text, &names, "triggers");
                self.problems.tell(diagnostic);
                None
            }
        }
    }

    /// The trigger or the signal that a name in a test stands for.
    pub(super) fn anything_named(&mut self, name: &Name) -> Option<Named> {
        if let Some((named, _)) = self.names.get(name.text.as_str()) {
            return Some(*named);
        }
        if self.doubtful(&name.text) {
            return None;
        }
        let message = format!("no trigger and no signal is called `{}`", name.text);
        let diagnostic = Diagnostic::error(codes::E0201, name.span, message);
        if name.text == "decision" {
            let help = "what is decided is `proceed`, `hold` or `rollback`; a trigger's states have its name before them";
            self.problems.tell(diagnostic.help(help));
            return None;
        }
        let mut names: Vec<&str> = self.trigger_names.iter().map(|name| &**name).collect();
        names.extend(&self.signal_names);
        let diagnostic = self.problems.suggesting(diagnostic, &name.text, &names, "triggers and signals");
        self.problems.tell(diagnostic);
        None
    }
}
