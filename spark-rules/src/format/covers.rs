//! What comments cover that allow a warning: the same words before and after.
//!
//! At the end of a line an allow covers that line, and a line may become several. Such a comment goes on a line of its own
//! above the clause that has all that it covers, else above the block: then it covers no less than before. Where it covers
//! more, or where it spoke of several blocks on one line, it is told.

use std::collections::BTreeMap;
use std::ops::Range;

use spark_core::SourceSpan as Span;

use super::pieces::Pieces;
use crate::ast::{File, Item};
use crate::diagnostic::{Edit, apply};
use crate::files::Files;
use crate::lint::{allow_covers, item_spans};

/// An allow that covers other words than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strayed {
    /// The comment.
    pub comment: String,
    /// Its line in the new layout, from 1.
    pub line: u32,
    /// Whether all that it covered is still covered, and something else besides.
    pub wider: bool,
}

/// An allow and the words that it covers, by their places in the text.
struct Covered {
    comment: Span,
    words: Range<usize>,
}

/// The allows of a text, in order.
fn covered(text: &str, tree: &File) -> Vec<Covered> {
    let mut covers = allow_covers(text, tree).peekable();
    if covers.peek().is_none() {
        return Vec::new();
    }
    let starts: Vec<(u32, bool)> = Pieces::of(text).words().collect();
    let place = |byte: u32| starts.partition_point(|(start, _)| *start < byte);
    // nothing is told of a brace that closes a block
    let closes = |place: usize| starts.get(place).is_some_and(|(_, closes)| *closes);
    covers
        .map(|(comment, cover)| {
            let mut words = place(cover.start)..place(cover.end);
            while !words.is_empty() && closes(words.start) {
                words.start = words.start.saturating_add(1);
            }
            while !words.is_empty() && closes(words.end.saturating_sub(1)) {
                words.end = words.end.saturating_sub(1);
            }
            if words.is_empty() {
                words = 0..0;
            }
            Covered { comment, words }
        })
        .collect()
}

/// The text with those allows above what they cover that would cover something else in this layout; none where all is well.
pub(super) fn settled(text: &str, tree: &File, laid: &str, laid_tree: &File) -> Option<String> {
    let before = covered(text, tree);
    if before.is_empty() {
        return None;
    }
    // a layout keeps the order of comments
    let after = covered(laid, laid_tree);
    let starts: Vec<u32> = Pieces::of(text).words().map(|(start, _)| start).collect();
    let mut above: BTreeMap<u32, String> = BTreeMap::new();
    let mut edits = Vec::new();
    let moved = before.iter().zip(&after).filter(|(before, after)| before.words != after.words);
    for (before, _) in moved {
        let last = before.words.end.checked_sub(1).and_then(|last| starts.get(last));
        let Some((first, last)) =
            starts.get(before.words.start).zip(last).filter(|_| !before.words.is_empty())
        else {
            continue;
        };
        let Some(target) = target(tree, *first, *last) else { continue };
        let words = text.get(before.comment.start as usize..before.comment.end as usize).unwrap_or("");
        let lines = above.entry(target).or_default();
        lines.push_str(words.trim_end());
        lines.push('\n');
        edits.push(Edit { text: String::new(), ..line_of(text, before.comment) });
    }
    if edits.is_empty() {
        return None;
    }
    for (target, lines) in above {
        let line = text.get(..target as usize).unwrap_or("").rsplit('\n').next().unwrap_or("");
        let opens = line.trim_matches(['\u{FEFF}', ' ', '\t']).is_empty();
        let text = if opens { lines } else { format!("\n{lines}") };
        edits.push(Edit { start: target, end: target, text });
    }
    Some(apply(text, &edits))
}

/// What goes with a comment: the comment, and its line where it has one of its own.
fn line_of(text: &str, comment: Span) -> Edit {
    let Span { start, end, .. } = comment;
    let whole = Edit { start, end, text: String::new() };
    let before = text.get(..start as usize).unwrap_or("");
    let line = before.rsplit('\n').next().unwrap_or("");
    let behind = text.get(end as usize..).unwrap_or("").find('\n');
    let Some(behind) = behind.filter(|_| line.trim_matches(['\u{FEFF}', ' ', '\t']).is_empty()) else {
        return whole;
    };
    let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let end = end.saturating_add(length(behind)).saturating_add(1);
    Edit { start: start.saturating_sub(length(line.trim_start_matches('\u{FEFF}').len())), end, ..whole }
}

/// Where the clause begins that has the words from `first` to `last`, else the block; none where these are of several.
fn target(tree: &File, first: u32, last: u32) -> Option<u32> {
    let has = |span: &Span| span.start <= first && last < span.end;
    // items stand in the order of the text
    let next = tree.items.partition_point(|item| item_spans(item).0.start <= first);
    let item = next.checked_sub(1).and_then(|place| tree.items.get(place))?;
    let (whole, clauses) = item_spans(item);
    if !has(&whole) {
        return None;
    }
    let braces = match item {
        Item::Trigger(trigger) => trigger.name.is_some(),
        Item::Signal(_) | Item::Plan(_) | Item::Check(_) | Item::Test(_) => true,
        Item::Edition { .. } | Item::Evaluate { .. } | Item::Use { .. } => false,
    };
    let clause = clauses.iter().find(|clause| braces && has(clause));
    Some(clause.map_or(whole.start, |clause| clause.start))
}

/// The allows that cover other words in the new layout.
pub(super) fn strayed(text: &str, tree: &File, laid: &str, laid_tree: &File) -> Vec<Strayed> {
    let before = covered(text, tree);
    if before.is_empty() {
        return Vec::new();
    }
    let words = |text: &str, span: Span| {
        text.get(span.start as usize..span.end as usize).unwrap_or("").trim_end().to_owned()
    };
    // an allow may have gone above others: those of the same words and the same cover are the same
    let mut known: BTreeMap<String, Vec<Range<usize>>> = BTreeMap::new();
    for Covered { comment, words: range } in before {
        known.entry(words(text, comment)).or_default().push(range);
    }
    let mut strayed = Vec::new();
    for Covered { comment, words: range } in covered(laid, laid_tree) {
        let key = words(laid, comment);
        let Some(ranges) = known.get_mut(&key) else { continue };
        match ranges.iter().position(|known| *known == range) {
            Some(place) => {
                ranges.remove(place);
            }
            None => strayed.push((comment, key, range)),
        }
    }
    let mut files = Files::default();
    let number = files.add("", laid);
    strayed
        .into_iter()
        .map(|(comment, words, range)| {
            let was = known.get(&words).map_or(&[][..], Vec::as_slice);
            let wider =
                was.iter().all(|was| range.start <= was.start && was.end <= range.end || was.is_empty());
            let line = files.position(Span { file: number, ..comment }).line;
            Strayed { comment: words, line, wider }
        })
        .collect()
}
