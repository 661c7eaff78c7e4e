//! The words and comments of a file in their order, with what stood between them: all that a layout is made from.

use std::ops::Range;

use crate::parser::{Kind, split};

/// A word or a comment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: What,
    /// How many lines end between the piece before and this one.
    pub(super) lines: usize,
    /// Whether it stands right behind the word before, without a space.
    pub(super) glued: bool,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Word(Kind),
    Comment,
}

/// All pieces of a text.
pub(super) struct Pieces<'t> {
    text: &'t str,
    list: Vec<Piece>,
}

impl<'t> Pieces<'t> {
    /// Cuts a text into its pieces.
    pub(super) fn of(text: &'t str) -> Self {
        let (words, comments) = split(text);
        let words = words.into_iter().filter(|word| word.kind != Kind::End);
        let mut spans: Vec<(usize, usize, What)> =
            words.map(|word| (word.start as usize, word.end as usize, What::Word(word.kind))).collect();
        spans.extend(comments.into_iter().map(|(start, end)| (start as usize, end as usize, What::Comment)));
        spans.sort_by_key(|(start, ..)| *start);
        let mut before = 0;
        let list = spans
            .into_iter()
            .map(|(start, end, what)| {
                let gap = text.get(before..start).unwrap_or("");
                before = end;
                let lines = gap.matches('\n').count();
                Piece { start, end, what, lines, glued: false }
            })
            .collect();
        Self { text, list }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<Piece> {
        self.list.get(place).copied()
    }

    /// Joins a piece to the one before.
    pub(super) fn glue(&mut self, place: usize) {
        if let Some(piece) = self.list.get_mut(place) {
            piece.glued = true;
        }
    }

    /// The text of a piece; of a comment, without the space at its end.
    pub(super) fn text(&self, place: usize) -> &'t str {
        let Some(piece) = self.list.get(place) else { return "" };
        let text = self.text.get(piece.start..piece.end).unwrap_or("");
        if piece.what == What::Comment { text.trim_end() } else { text }
    }

    /// The texts of all comments, or of all else.
    pub(super) fn texts(&self, comments: bool) -> impl Iterator<Item = &'t str> {
        (0..self.len()).filter(move |place| self.is_comment(*place) == comments).map(|place| self.text(place))
    }

    /// Where each word begins, and whether it is a brace that closes.
    pub(super) fn words(&self) -> impl Iterator<Item = (u32, bool)> {
        let words = (0..self.len()).filter(|place| !self.is_comment(*place));
        words.filter_map(|place| {
            let start = u32::try_from(self.list.get(place)?.start).ok()?;
            Some((start, self.is(place, "}")))
        })
    }

    pub(super) fn is_comment(&self, place: usize) -> bool {
        self.list.get(place).is_some_and(|piece| piece.what == What::Comment)
    }

    /// Whether a piece is a comment behind something on its line.
    pub(super) fn is_trailing(&self, place: usize) -> bool {
        place > 0 && self.list.get(place).is_some_and(|piece| piece.what == What::Comment && piece.lines == 0)
    }

    pub(super) fn is_kind(&self, place: usize, kind: Kind) -> bool {
        self.list.get(place).is_some_and(|piece| piece.what == What::Word(kind))
    }

    /// Whether a piece is this word or sign, and not text in quotes or a comment.
    pub(super) fn is(&self, place: usize, text: &str) -> bool {
        let plain = matches!(
            self.list.get(place).map(|piece| piece.what),
            Some(What::Word(Kind::Word | Kind::Symbol))
        );
        plain && self.text(place) == text
    }

    /// Whether all of a range stands on one line.
    pub(super) fn on_one_line(&self, range: Range<usize>) -> bool {
        self.list.get(range).unwrap_or(&[]).iter().skip(1).all(|piece| piece.lines == 0)
    }

    /// Whether a blank line stands before a piece.
    pub(super) fn blank_before(&self, place: usize) -> bool {
        self.list.get(place).is_some_and(|piece| piece.lines > 1)
    }

    /// The first piece that begins at a byte or behind it.
    pub(super) fn from(&self, byte: u32) -> usize {
        self.list.partition_point(|piece| piece.start < byte as usize)
    }

    /// The first word at a place or behind it.
    pub(super) fn word_from(&self, place: usize) -> usize {
        (place..self.len()).find(|place| !self.is_comment(*place)).unwrap_or(self.len())
    }

    pub(super) fn has_comment(&self, range: Range<usize>) -> bool {
        self.list.get(range).unwrap_or(&[]).iter().any(|piece| piece.what == What::Comment)
    }

    /// The pieces of a range in one line.
    pub(super) fn flat(&self, range: Range<usize>) -> String {
        let mut line = String::new();
        let first = range.start;
        for place in range {
            let glued = self.get(place).is_some_and(|piece| piece.glued);
            if place != first && !glued {
                line.push(' ');
            }
            line.push_str(self.text(place));
        }
        line
    }

    /// The columns that a range takes in one line.
    pub(super) fn width(&self, range: Range<usize>) -> usize {
        let first = range.start;
        range.fold(0usize, |width, place| {
            let gap = usize::from(place != first && !self.get(place).is_some_and(|piece| piece.glued));
            width.saturating_add(gap).saturating_add(columns(self.text(place)))
        })
    }
}

/// The columns that a text takes: one for a character.
pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}
