//! What a part declares to the others, so that a change of it is noticed.

use super::document::Part;
use crate::ast::{CheckClause, File, Item, PlanClause};

/// Whether two parts declare the same.
pub(super) fn alike(a: &Part, b: &Part) -> bool {
    a.declared.same_as(&b.declared) && a.tree.blind == b.tree.blind && words(&a.tree) == words(&b.tree)
}

/// Whether a tree has a trigger that is named by its line.
pub(super) fn by_line(tree: &File) -> bool {
    tree.items.iter().any(|item| matches!(item, Item::Trigger(trigger) if trigger.name.is_none()))
}

/// The names of a tree, and what else others read of it.
fn words(tree: &File) -> Vec<String> {
    let items = tree.items.iter().map(|item| match item {
        Item::Edition { year, .. } => format!("edition {year}"),
        Item::Evaluate { every, .. } => format!("evaluate {}", every.value),
        Item::Use { path } => format!("use {}", path.value),
        Item::Signal(signal) => format!("signal {}", signal.name.text),
        Item::Trigger(trigger) => {
            format!("trigger {}", trigger.name.as_ref().map_or("", |name| name.text.as_str()))
        }
        Item::Plan(plan) => {
            let stages = plan.clauses.iter().map(|clause| match &clause.kind {
                PlanClause::Stage { share, .. } => share.value.to_string(),
                PlanClause::Warmup(_) | PlanClause::Watch(_) | PlanClause::Proceed(_) => String::new(),
            });
            format!("plan {} {} {}", plan.name.text, plan.broken, stages.collect::<Vec<_>>().join(" "))
        }
        // a test reads all that a check declares
        Item::Check(check) => {
            let clauses = check.clauses.iter().map(|clause| match &clause.kind {
                CheckClause::Measure { name, kind, unit } => {
                    let unit = unit.as_ref().map(|unit| (&unit.unit, &unit.per));
                    format!("{} {} {unit:?}", name.text, kind.text)
                }
                CheckClause::Else(word) => word.text.clone(),
                CheckClause::Evidence(name) => name.value.clone(),
                _ => String::new(),
            });
            format!("check {} {} {}", check.name.text, check.broken, clauses.collect::<Vec<_>>().join(" "))
        }
        Item::Test(test) => format!("test {}", test.title.value),
    });
    items.chain(tree.doubtful.iter().cloned()).collect()
}
