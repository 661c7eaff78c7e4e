//! Names that a layout changes: a one-line trigger is called by its line.

use std::collections::HashMap;

use spark_core::SourceSpan as Span;

use crate::ast::{File, Item, Name, TestClause, TriggerClause};
use crate::check::line_name;
use crate::diagnostic::Edit;
use crate::files::Files;

/// The name of a one-line trigger, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// What it was called.
    pub from: String,
    /// What it is called now.
    pub to: String,
}

/// The lines of a file's one-line triggers, in order.
pub(super) fn lines(tree: &File, text: &str) -> Vec<u32> {
    let mut files = Files::default();
    let number = files.add("", text);
    let triggers = tree.items.iter().filter_map(|item| match item {
        Item::Trigger(trigger) if trigger.name.is_none() => Some(trigger.span),
        _ => None,
    });
    triggers.map(|span| files.position(Span { file: number, ..span }).line).collect()
}

/// The one-line triggers that go to another line.
pub(super) fn renamed(before: &[u32], after: &[u32]) -> Vec<Renamed> {
    let pairs = before.iter().zip(after).filter(|(before, after)| before != after);
    pairs
        .map(|(before, after)| Renamed { from: line_name(None, *before), to: line_name(None, *after) })
        .collect()
}

/// The edits that make a file's references to its one-line triggers follow them. In a file that others include such a
/// trigger's name begins with the file's; a name that a block has is that block's.
pub(super) fn edits(tree: &File, file: &str, before: &[u32], after: &[u32]) -> Vec<Edit> {
    let mut moved: HashMap<String, String> = HashMap::new();
    for (from, to) in before.iter().zip(after).filter(|(from, to)| from != to) {
        // of two on one line, which is a mistake, the first is meant
        for included in [None, Some(file)] {
            moved.entry(line_name(included, *from)).or_insert_with(|| line_name(included, *to));
        }
    }
    for name in tree.items.iter().filter_map(declared) {
        moved.remove(&name.text);
    }
    let referred = tree.items.iter().flat_map(references);
    referred.filter_map(|name| Some(Edit::replace(name.span, moved.get(&name.text)?.clone()))).collect()
}

fn declared(item: &Item) -> Option<&Name> {
    match item {
        Item::Signal(signal) => Some(&signal.name),
        Item::Trigger(trigger) => trigger.name.as_ref(),
        _ => None,
    }
}

/// The names of triggers that an item refers to.
fn references(item: &Item) -> Vec<&Name> {
    match item {
        Item::Trigger(trigger) => trigger
            .clauses
            .iter()
            .filter_map(|clause| match &clause.kind {
                TriggerClause::Unless(names) => Some(names),
                _ => None,
            })
            .flatten()
            .collect(),
        Item::Test(test) => test
            .clauses
            .iter()
            .flat_map(|clause| match &clause.kind {
                TestClause::ExpectState { name, .. } => std::slice::from_ref(name),
                TestClause::ExpectDecision { because, .. } => because.as_slice(),
                TestClause::Given { .. }
                | TestClause::GivenMeasure { .. }
                | TestClause::AtStage { .. }
                | TestClause::ExpectCheck { .. } => &[],
            })
            .collect(),
        _ => Vec::new(),
    }
}
