//! Makes the mutants of rules, from the tree as it was written.

use spark_core::{Relation, SourceSpan, TimeSpan};

use super::number::{doubled, stepped};
use super::{Kind, Mutant};
use crate::Loaded;
use crate::ast::{
    Against, CheckClause, Clause, Compare, Condition, ConditionKind, Expression, ExpressionKind, Item,
    Length, Name, SignalClause, TriggerClause,
};
use crate::diagnostic::{Edit, one_line};
use crate::files::Files;
use crate::parser;
use crate::test::coverage::Block;

/// Every mutant of rules, in the order of their text. What a plan says is left alone: no test can expect it.
pub fn mutants(loaded: &Loaded) -> Vec<Mutant> {
    let files = &loaded.files;
    let mut found = Vec::new();
    for number in 0..u32::try_from(files.len()).unwrap_or(u32::MAX) {
        let (tree, ..) = parser::parse(number, files.source(number));
        for item in &tree.items {
            let Some(block) = block_of(loaded, item) else { continue };
            let mut make = Make { files, every: loaded.policy.every(), block, found: Vec::new() };
            match item {
                Item::Signal(signal) => {
                    for clause in &signal.clauses {
                        if let SignalClause::Expect(compare) = &clause.kind {
                            make.compare(compare, Some(&signal.name.text));
                        }
                    }
                }
                Item::Trigger(trigger) => make.trigger(&trigger.clauses),
                Item::Check(check) => {
                    for clause in &check.clauses {
                        if let CheckClause::Pass(condition) = &clause.kind {
                            make.condition(condition);
                        }
                    }
                }
                _ => {}
            }
            found.append(&mut make.found);
        }
    }
    found.sort_by_key(|mutant: &Mutant| (mutant.span.file, mutant.span.start, mutant.span.end));
    found
}

/// The block that an item is in the policy.
fn block_of(loaded: &Loaded, item: &Item) -> Option<Block> {
    let policy = &loaded.policy;
    match item {
        Item::Signal(signal) => Some(Block::Signal(signal.name.text.clone())),
        Item::Check(check) => Some(Block::Check(check.name.text.clone())),
        Item::Trigger(trigger) => {
            let found = policy.triggers().iter().find(|known| known.span == trigger.span)?;
            Some(Block::Trigger(found.name.clone()))
        }
        _ => None,
    }
}

struct Make<'a> {
    files: &'a Files,
    every: TimeSpan,
    block: Block,
    found: Vec<Mutant>,
}

impl Make<'_> {
    fn add(&mut self, kind: Kind, span: SourceSpan, edits: Vec<Edit>, what: String, notice: String) {
        self.found.push(Mutant { kind, block: self.block.clone(), span, edits, what, notice });
    }

    fn text(&self, span: SourceSpan) -> String {
        one_line(self.files.text(span).to_owned())
    }

    fn trigger(&mut self, clauses: &[Clause<TriggerClause>]) {
        let mut levels: Vec<&Condition> = Vec::new();
        for clause in clauses {
            match &clause.kind {
                TriggerClause::Level(_, condition) => {
                    self.condition(condition);
                    levels.push(condition);
                }
                TriggerClause::Clear(condition) => {
                    self.condition(condition);
                    let notice = "no test has a level outlast its condition, which only `clear when` ends";
                    self.drop_clause(Kind::DroppedClear, clause, "`clear when`", notice);
                }
                TriggerClause::Given(condition) => {
                    self.condition(condition);
                    let notice = "no test has a level's condition with too little evidence for it";
                    self.drop_clause(Kind::DroppedGiven, clause, "`given`", notice);
                }
                TriggerClause::Unless(names) => self.unless(clause, names),
                TriggerClause::Unknown(Some(after)) => self.rollback_after(clause, *after),
                TriggerClause::Unknown(None) | TriggerClause::Runbook(_) | TriggerClause::Owner(_) => {}
            }
        }
        for (place, first) in levels.iter().enumerate() {
            for second in levels.iter().skip(place.saturating_add(1)) {
                self.swap(first, second);
            }
        }
    }

    fn swap(&mut self, first: &Condition, second: &Condition) {
        let (one, other) = (self.files.text(first.span).to_owned(), self.files.text(second.span).to_owned());
        let mut edits = vec![Edit::replace(first.span, other), Edit::replace(second.span, one)];
        edits.sort_by_key(|edit| edit.start);
        let span = if first.span.start < second.span.start { first.span } else { second.span };
        let notice = "no test tells the two levels apart";
        self.add(
            Kind::SwappedLevels,
            span,
            edits,
            "two levels with each other's condition".to_owned(),
            notice.to_owned(),
        );
    }

    fn drop_clause(&mut self, kind: Kind, clause: &Clause<TriggerClause>, name: &str, notice: &str) {
        let edit = self.without(clause.span);
        self.add(kind, clause.span, vec![edit], format!("without {name}"), notice.to_owned());
    }

    /// Takes a clause away, and its line with it where it stands alone.
    fn without(&self, span: SourceSpan) -> Edit {
        let source = self.files.source(span.file);
        let (from, to) = (span.start as usize, span.end as usize);
        let before = source.get(..from).and_then(|text| text.rsplit('\n').next()).unwrap_or("");
        let after = source.get(to..).unwrap_or("");
        let rest = after.split('\n').next().unwrap_or("");
        let alone = before.trim().is_empty() && rest.trim().is_empty() && after.len() > rest.len();
        let (start, end) = match alone {
            true => (from.saturating_sub(before.len()), to.saturating_add(rest.len()).saturating_add(1)),
            false => (from, to),
        };
        let byte = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Edit { start: byte(start), end: byte(end), text: String::new() }
    }

    fn unless(&mut self, clause: &Clause<TriggerClause>, names: &[Name]) {
        for dropped in names {
            let others: Vec<&str> = names
                .iter()
                .filter(|name| name.span != dropped.span)
                .map(|name| name.text.as_str())
                .collect();
            let edit = match others.is_empty() {
                true => self.without(clause.span),
                false => Edit::replace(clause.span, format!("unless {}", others.join(", "))),
            };
            let notice =
                format!("no test has it go to a level, or not know, while `{}` shows one", dropped.text);
            let what = format!("without `unless {}`", dropped.text);
            self.add(Kind::DroppedUnless, dropped.span, vec![edit], what, notice);
        }
    }

    fn rollback_after(&mut self, clause: &Clause<TriggerClause>, after: Length) {
        let edit = Edit::replace(clause.span, "unknown hold");
        let notice = format!("no test has it unknown for {}", after.value);
        let what = "without `then rollback after`".to_owned();
        self.add(Kind::DroppedRollbackAfter, clause.span, vec![edit], what, notice);
        let notice = format!(
            "no test expects rollback from {} after the first unknown instant, and not before",
            after.value
        );
        self.lengths(Kind::RollbackAfter, after, &notice);
    }

    fn lengths(&mut self, kind: Kind, length: Length, notice: &str) {
        let longer = length.value.plus(self.every);
        let shorter = length.value.minus(self.every);
        for value in [shorter, longer] {
            // a length of nothing is another mutant's business: the clause left out
            if value.is_zero() || length.value.is_zero() {
                continue;
            }
            let edit = Edit::replace(length.span, value.to_string());
            let what = format!("`{value}` for `{}`", self.text(length.span));
            self.add(kind, length.span, vec![edit], what, notice.to_owned());
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match &condition.kind {
            ConditionKind::Compare(compare) => self.compare(compare, None),
            ConditionKind::All(parts) | ConditionKind::Any(parts) => {
                self.connective(condition, parts);
                parts.iter().for_each(|part| self.condition(part));
            }
            // `not hsts` is the flag's one mutant
            ConditionKind::Not(inner) if matches!(inner.kind, ConditionKind::Bare(_)) => {
                let edit = Edit { start: condition.span.start, end: inner.span.start, text: String::new() };
                let notice = format!("no test depends on whether `{}` is true", self.text(inner.span));
                self.add(Kind::DroppedNot, condition.span, vec![edit], "without `not`".to_owned(), notice);
            }
            ConditionKind::Not(inner) => {
                let edit = Edit { start: condition.span.start, end: inner.span.start, text: String::new() };
                let notice = "no test depends on what follows `not`".to_owned();
                self.add(Kind::DroppedNot, condition.span, vec![edit], "without `not`".to_owned(), notice);
                self.condition(inner);
            }
            ConditionKind::Held(inner, length) => {
                let notice = "no test expects what it leads to from its very instant (`from`, not `at`), with the \
                              condition true for no longer than it must be";
                self.lengths(Kind::Length, *length, notice);
                self.condition(inner);
            }
            ConditionKind::Sequence(first, then, within) => {
                let notice = "no test has the second part turn true exactly that long after the first, and one evaluation later";
                self.lengths(Kind::Length, *within, notice);
                self.condition(first);
                self.condition(then);
            }
            ConditionKind::Group(inner) => self.condition(inner),
            ConditionKind::Bare(_) => {
                let written = self.text(condition.span);
                let edit = Edit::insert(condition.span.start, "not ");
                let notice = format!("no test depends on whether `{written}` is true");
                let what = format!("`not {written}` for `{written}`");
                self.add(Kind::AddedNot, condition.span, vec![edit], what, notice);
            }
            ConditionKind::EveryExpectation => {}
        }
    }

    fn connective(&mut self, condition: &Condition, parts: &[Condition]) {
        let (old, new) = match condition.kind {
            ConditionKind::All(_) => ("and", "or"),
            _ => ("or", "and"),
        };
        let gaps = parts.iter().zip(parts.iter().skip(1)).map(|(a, b)| SourceSpan {
            file: condition.span.file,
            start: a.span.end,
            end: b.span.start,
        });
        let edits: Option<Vec<Edit>> = gaps.map(|gap| self.replace_word(gap, old, new)).collect();
        let Some(edits) = edits else { return };
        let notice = "no test has one part true and the other false";
        self.add(Kind::Connective, condition.span, edits, format!("`{new}` for `{old}`"), notice.to_owned());
    }

    /// Replaces what stands between two parts; none where it is not there.
    fn replace_word(&self, gap: SourceSpan, old: &str, new: &str) -> Option<Edit> {
        let at = self.files.text(gap).find(old)?;
        let start = gap.start.saturating_add(u32::try_from(at).ok()?);
        let end = start.saturating_add(u32::try_from(old.len()).ok()?);
        Some(Edit { start, end, text: new.to_owned() })
    }

    fn compare(&mut self, compare: &Compare, of: Option<&str>) {
        let left = match (&compare.left, of) {
            (Some(left), _) => self.text(left.span),
            (None, name) => name.unwrap_or("?").to_owned(),
        };
        if let Some(expression) = &compare.left {
            self.literals(expression, &mut |_| unlike(&left));
        }
        match &compare.test {
            Against::Is(relation, right) => {
                self.relation(compare, *relation, right, &left);
                let alone = matches!(right.kind, ExpressionKind::Literal(_));
                let old = self.text(right.span);
                self.literals(right, &mut |change| match alone {
                    true => where_they_differ(&left, *relation, &old, change),
                    false => unlike(&left),
                });
            }
            Against::Between(low, high) => {
                for end in [low, high] {
                    self.literals(end, &mut |_| unlike(&left));
                }
            }
        }
    }

    fn relation(&mut self, compare: &Compare, relation: Relation, right: &Expression, left: &str) {
        let new = match relation {
            Relation::Above => Relation::AtLeast,
            Relation::AtLeast => Relation::Above,
            Relation::Below => Relation::AtMost,
            Relation::AtMost => Relation::Below,
            Relation::Equal => Relation::NotEqual,
            Relation::NotEqual => Relation::Equal,
        };
        let start = compare.left.as_ref().map_or(compare.span.start, |left| left.span.end);
        let gap = SourceSpan { file: compare.span.file, start, end: right.span.start };
        let Some(edit) = self.replace_word(gap, relation.as_str(), new.as_str()) else { return };
        let span = SourceSpan { file: gap.file, start: edit.start, end: edit.end };
        let what = format!("`{}` for `{}`", new.as_str(), relation.as_str());
        let notice =
            format!("no test has `{left}` at exactly {}, where it decides something", self.text(right.span));
        self.add(Kind::Relation, span, vec![edit], what, notice);
    }

    /// Moves and doubles every literal of an expression. `notice` says what would tell the change.
    fn literals(&mut self, expression: &Expression, notice: &mut dyn FnMut(&Change) -> String) {
        expression.visit(&mut |part| match &part.kind {
            ExpressionKind::Literal(_) => self.literal(part.span, notice),
            ExpressionKind::Times(times) => self.literal(times.0.span, notice),
            _ => {}
        });
    }

    fn literal(&mut self, span: SourceSpan, notice: &mut dyn FnMut(&Change) -> String) {
        let old = self.text(span);
        let changes = [
            (Kind::ThresholdStep, stepped(&old, false), false),
            (Kind::ThresholdStep, stepped(&old, true), true),
            (Kind::ThresholdDouble, doubled(&old), true),
        ];
        let mut made: Vec<String> = Vec::new();
        for (kind, new, up) in changes {
            // twice one is also one step from it
            let Some(new) = new.filter(|new| !made.contains(new)) else { continue };
            made.push(new.clone());
            let what = format!("`{new}` for `{old}`");
            let notice = notice(&Change { new: new.clone(), up });
            self.add(kind, span, vec![Edit::replace(span, new)], what, notice);
        }
    }
}

/// A literal that became another.
struct Change {
    new: String,
    up: bool,
}

fn unlike(left: &str) -> String {
    format!("no test has `{left}` where the two limits differ, and expects what follows from it")
}

/// The value at which a comparison with the old limit and one with the new differ.
fn where_they_differ(left: &str, relation: Relation, old: &str, change: &Change) -> String {
    let new = change.new.as_str();
    let at = match (relation, change.up) {
        (Relation::Above | Relation::AtMost, true) | (Relation::AtLeast | Relation::Below, false) => new,
        (Relation::Above | Relation::AtMost, false) | (Relation::AtLeast | Relation::Below, true) => old,
        (Relation::Equal | Relation::NotEqual, _) => old,
    };
    format!("no test has `{left}` at {at}, and expects what follows from it")
}
