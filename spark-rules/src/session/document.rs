//! A file that is being edited: its text, cut into the parts that the parser reads alone.

use std::ops::Range;

use spark_core::SourceSpan as Span;

use super::declare;
use super::lines::{self, Encoding, LinePosition};
use super::remark::Remark;
use crate::ast::{File, Item};
use crate::check::{Declared, Texts};
use crate::limits::TEXT_BYTES_MAX;
use crate::parser::{Piece, pieces};

/// A part of a file: a block, as a rule, with what is known of it. Its spans count from its start.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: u32,
    /// Where it begins in the file.
    pub(super) start: usize,
    pub(super) length: usize,
    /// The file's line that it begins with, from 0.
    pub(super) line: u32,
    lines: u32,
    /// Where in the file the text ends that decided about it.
    reach: usize,
    pub(super) tree: File,
    pub(super) declared: Declared,
    /// What its reading found wrong.
    pub(super) read: Vec<Remark>,
    /// What its check against the declarations found wrong.
    pub(super) checked: Vec<Remark>,
    /// What the check of the whole policy said of it, as long as that is not outdated.
    pub(super) settled: Option<Vec<Remark>>,
    /// What that check warned of before a declaration elsewhere changed.
    pub(super) kept: Vec<Remark>,
}

/// Numbers for parts, each given once.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u32,
}

impl Numbers {
    fn take(&mut self) -> u32 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }
}

/// A file in parts.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    /// INVARIANT: they cover the text, in order, without a gap.
    pub(super) parts: Vec<Part>,
    /// The files that it includes, as they are written.
    pub(super) uses: Vec<String>,
    /// How often it was changed.
    pub(super) version: u64,
    /// Whether an editor has it open, so that the disk does not count.
    pub(super) open: bool,
}

/// What an edit did.
#[derive(Debug)]
pub(super) struct Reread {
    /// The parts that were read again.
    pub(super) parts: Range<usize>,
    /// Whether there are other parts than before, or they have other numbers.
    pub(super) moved: bool,
    /// Whether it may declare something else than before.
    pub(super) declares: bool,
}

impl Document {
    pub(super) fn new(text: String, numbers: &mut Numbers) -> Self {
        let mut document = Self { text, parts: Vec::new(), uses: Vec::new(), version: 0, open: false };
        document.parts = document.read(0, &mut |_| numbers.take(), &mut |_| true);
        document.count_lines(0);
        document.uses = document.find_uses();
        document
    }

    /// Replaces bytes of the text. Bytes outside of it, or inside of a character, are moved to where they may be.
    pub(super) fn edit(&mut self, range: Range<usize>, new: &str, numbers: &mut Numbers) -> Reread {
        let start = lines::floor(&self.text, range.start);
        let end = lines::floor(&self.text, range.end).max(start);
        self.version = self.version.saturating_add(1);
        // an empty file has a part too
        let touched = |part: &Part| part.reach > start;
        let first = self.parts.iter().position(touched).unwrap_or(self.parts.len().saturating_sub(1));
        self.text.replace_range(start..end, new);
        let new_end = start.saturating_add(new.len());
        let from = self.parts.get(first).map_or(0, |part| part.start);
        // where the rest of the text stands now that begins with the old part's start
        let moved = |old: usize| old.saturating_sub(end).saturating_add(new_end);
        let mut kept = self.parts.len();
        let parts = std::mem::take(&mut self.parts);
        // a part keeps its number, so that what is said elsewhere of its declarations stays true
        let mut reused = parts.iter().enumerate().skip(first);
        let mut number = |start: usize| {
            let replaced = start.checked_sub(new_end).map_or(end, |behind| behind.saturating_add(end));
            let part = reused.next().filter(|(place, part)| *place == first || part.start < replaced);
            part.map_or_else(|| numbers.take(), |(_, part)| part.id)
        };
        let again = self.read(from, &mut number, &mut |next| {
            let old = next.checked_sub(new_end).map(|behind| behind.saturating_add(end));
            let same = old.and_then(|old| parts.binary_search_by_key(&old, |part| part.start).ok());
            match same.filter(|place| *place > first) {
                Some(place) => {
                    kept = place;
                    false
                }
                None => true,
            }
        });
        self.parts = parts;
        let fresh = first..first.saturating_add(again.len());
        let old: Vec<Part> = self.parts.splice(first..kept, std::iter::empty()).collect();
        for part in self.parts.iter_mut().skip(first) {
            part.start = moved(part.start);
            part.reach = if part.reach == usize::MAX { usize::MAX } else { moved(part.reach) };
        }
        let moved = old.len() != again.len();
        let lines = |parts: &[Part]| parts.iter().map(|part| u64::from(part.lines)).sum::<u64>();
        let shifted = lines(&old) != lines(&again);
        let declares = moved
            || old.iter().zip(&again).any(|(a, b)| !declare::alike(a, b))
            // a one-line trigger is named by its line
            || shifted && self.parts.iter().chain(&again).any(|part| declare::by_line(&part.tree));
        self.parts.splice(first..first, again);
        self.count_lines(first);
        if moved || old.iter().any(uses) || self.parts.get(fresh.clone()).unwrap_or(&[]).iter().any(uses) {
            self.uses = self.find_uses();
        }
        Reread { parts: fresh, moved, declares }
    }

    /// Reads parts from a byte on, for as long as `more` wants.
    fn read(
        &self,
        from: usize,
        number: &mut dyn FnMut(usize) -> u32,
        more: &mut dyn FnMut(usize) -> bool,
    ) -> Vec<Part> {
        // what is too long is told by the check of the whole, and not read
        let readable = if self.text.len() > TEXT_BYTES_MAX { "" } else { self.text.as_str() };
        let rest = readable.get(from..).unwrap_or("");
        let found = pieces(rest, &mut |start| number(from.saturating_add(start)), &mut |next| {
            more(from.saturating_add(next))
        });
        let mut start = from;
        let mut parts: Vec<Part> = Vec::with_capacity(found.len());
        for piece in found {
            let part = Part::of(piece, start, &self.text);
            start = start.saturating_add(part.length);
            parts.push(part);
        }
        if let Some(part) = parts.last_mut().filter(|_| readable.is_empty()) {
            part.length = self.text.len();
            part.lines = lines::count(&self.text);
        }
        parts
    }

    /// Counts the lines again from a part on.
    fn count_lines(&mut self, first: usize) {
        let before = first.checked_sub(1).and_then(|place| self.parts.get(place));
        let mut line = before.map_or(0, |part| part.line.saturating_add(part.lines));
        for part in self.parts.iter_mut().skip(first) {
            part.line = line;
            line = line.saturating_add(part.lines);
        }
    }

    fn find_uses(&self) -> Vec<String> {
        let items = self.parts.iter().flat_map(|part| &part.tree.items);
        items
            .filter_map(|item| match item {
                Item::Use { path } => Some(path.value.clone()),
                _ => None,
            })
            .collect()
    }

    /// The part that a byte is in.
    pub(super) fn part_at(&self, byte: usize) -> Option<&Part> {
        let behind = self.parts.partition_point(|part| part.start <= byte);
        self.parts.get(behind.saturating_sub(1))
    }

    /// The text of a part.
    pub(super) fn text_of(&self, part: &Part) -> &str {
        self.text.get(part.start..part.start.saturating_add(part.length)).unwrap_or("")
    }

    /// A span of a part, in the file. It may go on behind the part, to the word that should have been another.
    pub(super) fn range(&self, part: &Part, span: Span) -> Range<usize> {
        let place = |byte: u32| lines::floor(&self.text, part.start.saturating_add(byte as usize));
        place(span.start)..place(span.end)
    }

    /// The byte at a place.
    pub(super) fn offset(&self, at: LinePosition, encoding: Encoding) -> usize {
        let behind = self.parts.partition_point(|part| part.line <= at.line);
        let Some(part) = self.parts.get(behind.saturating_sub(1)) else { return 0 };
        // the line may go on in parts behind, but none begins within it
        let inside = LinePosition { line: at.line.saturating_sub(part.line), ..at };
        part.start.saturating_add(lines::offset(self.text_of(part), inside, encoding))
    }

    /// The place of a byte.
    pub(super) fn position(&self, byte: usize, encoding: Encoding) -> LinePosition {
        let Some(part) = self.part_at(byte) else { return LinePosition::default() };
        let inside = byte.saturating_sub(part.start);
        let at = lines::position(self.text_of(part), inside, encoding);
        LinePosition { line: at.line.saturating_add(part.line), ..at }
    }
}

impl Part {
    fn of(piece: Piece, start: usize, text: &str) -> Self {
        let own = text.get(start..start.saturating_add(piece.length)).unwrap_or("");
        let rest = text.get(start..).unwrap_or("");
        let reach = start.saturating_add(piece.reach);
        Self {
            id: piece.tree.number,
            start,
            length: piece.length,
            line: 0,
            lines: lines::count(own),
            // at the text's end, whatever is appended may belong to it
            reach: if piece.reach >= rest.len() { usize::MAX } else { reach },
            declared: Declared::of(&Own(rest), &piece.tree),
            read: Remark::mistakes(piece.problems),
            tree: piece.tree,
            checked: Vec::new(),
            settled: None,
            kept: Vec::new(),
        }
    }
}

fn uses(part: &Part) -> bool {
    part.tree.blind || part.tree.items.iter().any(|item| matches!(item, Item::Use { .. }))
}

/// The text of one part.
struct Own<'a>(&'a str);

impl Texts for Own<'_> {
    fn text(&self, span: Span) -> &str {
        self.0.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn line(&self, _: Span) -> u32 {
        0
    }

    fn included(&self, _: u32) -> Option<&str> {
        None
    }
}
