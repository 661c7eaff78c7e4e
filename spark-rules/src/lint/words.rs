//! Older spellings: they are read, and nobody would write them today.

use spark_core::SourceSpan as Span;

use super::Linter;
use crate::ast;
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Units that are read, with the one that is written. After a slash `m` is read as a minute too, but `min` is written.
const UNITS: &[(&str, &str)] = &[("min", "m"), ("kB", "KB"), ("µs", "us")];

/// The time that a rate is per.
const PER: (&str, &str) = ("m", "min");

impl Linter<'_> {
    pub(super) fn words_of_signal(&mut self, tree: &ast::Signal) {
        self.words(tree.span);
    }

    pub(super) fn words_of_trigger(&mut self, tree: &ast::Trigger) {
        self.words(tree.span);
    }

    pub(super) fn words_of_plan(&mut self, tree: &ast::Plan) {
        self.words(tree.span);
    }

    pub(super) fn words_of_test(&mut self, tree: &ast::Test) {
        self.words(tree.span);
    }

    pub(super) fn words_of_block(&mut self, block: Span) {
        self.words(block);
    }

    fn words(&mut self, block: Span) {
        let text = self.written(block);
        // most blocks have none of them
        if !["min", "kB", "µs", "/m"].iter().any(|word| text.contains(word)) {
            return;
        }
        for (start, value) in values(text) {
            let Some(meant) = respelt(value) else { continue };
            let offset = |place: usize| block.start.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
            let span = Span { start: offset(start), end: offset(start.saturating_add(value.len())), ..block };
            let message = format!("`{value}` is an older spelling of `{meant}`");
            self.tell(
                Diagnostic::warning(codes::A0305, span, message)
                    .help(format!("write `{meant}`"))
                    .machine(vec![Edit::replace(span, meant)]),
            );
        }
    }
}

/// The values in a piece of rules, with their places: what starts with a digit outside of names, quotes and comments.
fn values(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, character)) = rest.next() {
        match character {
            '"' => {
                let mut escaped = false;
                for (_, inner) in rest.by_ref() {
                    match inner {
                        '"' | '\n' if !escaped => break,
                        _ => escaped = inner == '\\' && !escaped,
                    }
                }
            }
            '#' => {
                rest.by_ref().find(|(_, inner)| *inner == '\n');
            }
            _ if character.is_ascii_digit() || character.is_alphabetic() || character == '_' => {
                let part = |inner: char| inner.is_alphanumeric() || matches!(inner, '_' | '.' | '/');
                while rest.next_if(|(_, inner)| part(*inner)).is_some() {}
                let end = rest.peek().map_or(text.len(), |(end, _)| *end);
                if character.is_ascii_digit() {
                    found.extend(text.get(start..end).map(|value| (start, value)));
                }
            }
            _ => {}
        }
    }
    found
}

/// A value with its units as they are written today; none where they are.
fn respelt(value: &str) -> Option<String> {
    let (amount, per) = match value.split_once('/') {
        Some((amount, per)) => (amount, Some(per)),
        None => (value, None),
    };
    let mut written = String::with_capacity(value.len());
    let mut rest = amount;
    while !rest.is_empty() {
        let number =
            rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_'))).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at_checked(number)?;
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        written.push_str(digits);
        written.push_str(UNITS.iter().find(|(old, _)| *old == unit).map_or(unit, |(_, new)| new));
        if digits.is_empty() {
            return None;
        }
        rest = tail;
    }
    if let Some(per) = per {
        written.push('/');
        written.push_str(if per == PER.0 { PER.1 } else { per });
    }
    (written != value).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Older units are found in values, and in nothing else.
    #[test]
    fn spellings() {
        for (value, meant) in [
            ("5min", Some("5m")),
            ("1h30min", Some("1h30m")),
            ("50/min", None),
            ("50/m", Some("50/min")),
            ("10kB/m", Some("10KB/min")),
            ("1_000µs", Some("1_000us")),
            ("5m", None),
            ("1.5", None),
            ("3x", None),
            ("10", None),
        ] {
            assert_eq!(respelt(value).as_deref(), meant, "{value}");
        }
        let text = "p95 > 5min \"5min \\\" 5min\" # 5min\n x5min 3 kB 2kB min5";
        let found: Vec<&str> = values(text).into_iter().map(|(_, value)| value).collect();
        assert_eq!(found, ["5min", "3", "2kB"]);
    }
}
