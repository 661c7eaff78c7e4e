//! What each word is, for colours.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Session;
use super::walk::{Means, Met, walk};
use crate::parser::{Kind, split};

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paint {
    /// A reserved word.
    Keyword,
    /// A signal.
    Signal,
    /// A trigger.
    Trigger,
    /// A plan.
    Plan,
    /// A function of a window.
    Function,
    /// A type, a state or a decision.
    Choice,
    /// A value.
    Number,
    /// Text in quotes.
    Text,
    /// A comment.
    Comment,
    /// A sign.
    Sign,
    /// A word of a source: a metric, a label.
    Source,
}

/// A word with what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Painted {
    /// Its bytes; never more than a line.
    pub range: Range<usize>,
    /// What it is.
    pub paint: Paint,
    /// Whether it is declared here.
    pub declares: bool,
}

impl Session {
    /// The words of a range of a file that have a colour, in order.
    pub fn painted(&self, path: &str, range: Range<usize>) -> Vec<Painted> {
        let Some(document) = self.documents.get(path) else { return Vec::new() };
        let mut found = Vec::new();
        for part in &document.parts {
            if part.start > range.end || part.start.saturating_add(part.length) < range.start {
                continue;
            }
            let mut known: BTreeMap<u32, (Paint, bool)> = BTreeMap::new();
            // `no-go` is one word of three
            let mut joined: BTreeMap<u32, u32> = BTreeMap::new();
            walk(&part.tree, &mut |met| {
                let of = |means| match means {
                    Means::Signal => Paint::Signal,
                    Means::Trigger | Means::Either => Paint::Trigger,
                    Means::Plan | Means::Check => Paint::Plan,
                    // what a condition reads, as a signal is
                    Means::Measure(_) => Paint::Signal,
                };
                let (span, paint, declares) = match met {
                    Met::Declared(means, name) => (name.span, of(means), true),
                    Met::Used(Means::Either, name, span) if self.is_signal(path, name) => {
                        (span, Paint::Signal, false)
                    }
                    Met::Used(means, _, span) => (span, of(means), false),
                    Met::Function(name) => (name.span, Paint::Function, false),
                    Met::Choice(span) => {
                        joined.insert(span.start, span.end);
                        (span, Paint::Choice, false)
                    }
                    _ => return,
                };
                known.insert(span.start, (paint, declares));
            });
            let text = document.text_of(part);
            let (tokens, comments) = split(text);
            let (mut source, mut painted_to) = (false, 0);
            for token in tokens {
                if token.start < painted_to {
                    continue;
                }
                let word = text.get(token.start as usize..token.end as usize).unwrap_or("");
                if word == "metrics" {
                    source = true;
                } else if matches!(word, "over" | "in" | "stale" | "expect" | "is" | "}") {
                    // a selector's brace may end the source too early, which only costs a colour
                    source = source && word == "}";
                }
                let (paint, declares) = match (known.get(&token.start), token.kind) {
                    (Some(known), _) => *known,
                    (None, Kind::Word) if source && word != "metrics" => (Paint::Source, false),
                    (None, Kind::Word) => (Paint::Keyword, false),
                    (None, Kind::Number) => (Paint::Number, false),
                    (None, Kind::Symbol) => (Paint::Sign, false),
                    (None, Kind::Quoted | Kind::OddQuoted | Kind::OpenQuote) => (Paint::Text, false),
                    (None, Kind::Other | Kind::End) => continue,
                };
                let place = |byte: u32| part.start.saturating_add(byte as usize);
                let whole = joined.get(&token.start).copied().filter(|end| {
                    let word = text.get(token.start as usize..*end as usize);
                    word.is_some_and(|word| !word.contains(char::is_whitespace))
                });
                painted_to = whole.unwrap_or(token.end).max(token.end);
                found.push(Painted { range: place(token.start)..place(painted_to), paint, declares });
            }
            let place = |byte: u32| part.start.saturating_add(byte as usize);
            found.extend(comments.into_iter().map(|(start, end)| Painted {
                range: place(start)..place(end),
                paint: Paint::Comment,
                declares: false,
            }));
        }
        found.retain(|word| word.range.start < range.end && word.range.end > range.start);
        found.sort_by_key(|word| word.range.start);
        found
    }
}
