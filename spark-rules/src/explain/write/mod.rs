//! Rule → English. What it writes, `read` reads: a phrase is changed in both.

mod clause;
mod condition;
mod value;

use std::collections::BTreeSet;

use spark_core::{Policy, Quantity, SourceSpan as Span, TimeSpan};

use crate::ast::Length;

/// Writes one sentence about one block.
pub(super) struct Writer<'a> {
    policy: &'a Policy,
    /// The block's text, which the tree's spans point into.
    text: &'a str,
    /// The signals and triggers whose title was told in this sentence.
    told: BTreeSet<String>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(policy: &'a Policy, text: &'a str) -> Self {
        Self { policy, text, told: BTreeSet::new() }
    }

    fn source(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// A name, with its title where it is met first.
    fn named(&mut self, name: &str) -> String {
        let title = self
            .policy
            .signals()
            .iter()
            .map(|signal| (&signal.name, &signal.title))
            .chain(self.policy.triggers().iter().map(|trigger| (&trigger.name, &trigger.title)))
            .find(|(other, _)| *other == name)
            .and_then(|(_, title)| title.as_ref());
        match title.filter(|_| self.told.insert(name.to_owned())) {
            Some(title) => subject(name, Some(title)),
            None => subject(name, None),
        }
    }

    /// A value as its author wrote it, where that is what it says; a comment may stand in it, or an odd sign.
    fn literal(&self, value: &Quantity, span: Span) -> String {
        let text = self.source(span);
        let plain = text.bytes().all(|b| !b.is_ascii_control() && b != b'#') && !text.contains("  ");
        let signed = text.starts_with('-') && !text.starts_with("- ")
            || text.starts_with(|c: char| c.is_ascii_digit());
        match plain && signed && Quantity::parse(text).is_ok_and(|read| read == *value) {
            true => text.to_owned(),
            false => value.to_string(),
        }
    }

    /// A length of time as its author wrote it.
    fn length(&self, length: &Length) -> String {
        let text = self.source(length.span);
        let read = Quantity::parse(text).ok().map(|read| read.value);
        match read == Some(length.value.seconds()) && !text.contains(char::is_whitespace) {
            true => text.to_owned(),
            false => span_text(length.value),
        }
    }
}

/// A length of time in its usual form.
fn span_text(value: TimeSpan) -> String {
    value.to_string()
}

/// A name and a title: `` `p95` ("API latency") ``.
fn subject(name: &str, title: Option<&String>) -> String {
    match title {
        Some(title) => format!("`{name}` ({})", super::rule::quoted(title)),
        None => format!("`{name}`"),
    }
}

/// Words in a list: `a`, `a or b`, `a, b or c`.
fn listed(words: &[String], last: &str) -> String {
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}
