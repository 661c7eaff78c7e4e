//! Text that is written piece by piece: what fits stands on a line, what does not is broken at its loosest joints.

use std::ops::Range;

use super::WIDTH;
use super::pieces::{Pieces, columns};
use super::shape::Style;

/// How far a part of what is broken stands to the right of it.
const STEP: usize = 2;

/// The lines of one item as they are written.
pub(super) struct Flow<'p, 't> {
    pieces: &'p Pieces<'t>,
    out: String,
    column: usize,
    /// The line that begins before the next piece.
    pending: Option<Line>,
    /// The space before the next piece, where it is not one.
    gap: Option<usize>,
}

/// A line that is to begin.
#[derive(Debug, Clone, Copy)]
struct Line {
    indent: usize,
    blank: bool,
}

impl<'p, 't> Flow<'p, 't> {
    pub(super) fn new(pieces: &'p Pieces<'t>) -> Self {
        Self { pieces, out: String::new(), column: 0, pending: None, gap: Some(0) }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// What comes next begins a line.
    pub(super) fn line(&mut self, indent: usize, blank: bool) {
        self.pending = Some(Line { indent, blank });
    }

    /// What comes next stands so many columns behind, unless it begins a line.
    pub(super) fn gap(&mut self, columns: usize) {
        self.gap = Some(columns);
    }

    /// The column at which the next piece would stand.
    pub(super) fn column(&self) -> usize {
        match self.pending {
            Some(line) => line.indent,
            None => self.column.saturating_add(self.gap.unwrap_or(1)),
        }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column = self.column.saturating_add(columns(text));
        self.gap = None;
    }

    fn spaces(&mut self, count: usize) {
        self.put(&" ".repeat(count));
    }

    fn begin(&mut self) {
        if let Some(line) = self.pending.take() {
            self.out.push_str(if line.blank { "\n\n" } else { "\n" });
            self.column = 0;
            self.spaces(line.indent);
            self.gap = Some(0);
        }
    }

    /// Writes a piece. What stands behind a comment goes on at `indent`.
    pub(super) fn piece(&mut self, place: usize, indent: usize) {
        if self.pieces.is_comment(place) {
            return self.comment(place, indent);
        }
        self.begin();
        let glued = self.pieces.get(place).is_some_and(|piece| piece.glued);
        let gap = self.gap.unwrap_or(usize::from(!glued));
        self.spaces(gap);
        self.put(self.pieces.text(place));
    }

    fn comment(&mut self, place: usize, indent: usize) {
        if !self.pieces.is_trailing(place) {
            return self.comment_line(place, indent);
        }
        self.pending = None;
        self.spaces(STEP);
        self.put(self.pieces.text(place));
        self.line(indent, false);
    }

    /// Writes a comment on a line of its own.
    pub(super) fn comment_line(&mut self, place: usize, indent: usize) {
        let line = self.pending.take();
        self.line(line.map_or(indent, |line| line.indent), line.is_some_and(|line| line.blank));
        self.begin();
        self.put(self.pieces.text(place));
        self.line(indent, false);
    }

    /// Writes pieces in one line, as far as there are no comments in them.
    pub(super) fn flat(&mut self, range: Range<usize>, indent: usize) {
        for place in range {
            self.piece(place, indent);
        }
    }

    /// Writes pieces in one line if they fit with the `suffix` columns that follow; else broken, what is broken off at
    /// `indent`.
    pub(super) fn lay(&mut self, range: Range<usize>, style: Style, indent: usize, suffix: usize) {
        let width = self.column().saturating_add(self.pieces.width(range.clone())).saturating_add(suffix);
        let fits = width <= WIDTH && !self.pieces.has_comment(range.clone());
        if fits || matches!(style, Style::Whole { .. }) {
            return self.flat(range, indent);
        }
        let cuts = self.cuts(range.clone(), style);
        if !cuts.is_empty() {
            return self.broken(range, &cuts, style, indent, suffix);
        }
        match self.group(range.clone()) {
            Some(inside) => {
                let inner = indent.saturating_add(STEP);
                self.flat(range.start..inside.start, inner);
                self.line(inner, false);
                self.lay(inside.clone(), style, inner, 0);
                self.line(indent, false);
                self.flat(inside.end..range.end, indent);
            }
            None => self.flat(range, indent),
        }
    }

    /// Writes the parts between the cuts, each on its line.
    fn broken(&mut self, range: Range<usize>, cuts: &[usize], style: Style, indent: usize, suffix: usize) {
        let inner = indent.saturating_add(STEP);
        let mut start = range.start;
        for end in cuts.iter().copied().chain([range.end]) {
            let behind = if end == range.end { suffix } else { 0 };
            let mut part = start..end;
            if start != range.start {
                self.line(indent, false);
                if ["and", "or", "then", "because"].iter().any(|word| self.pieces.is(start, word)) {
                    self.piece(start, inner);
                    part.start = start.saturating_add(1);
                }
            }
            // what is broken at joints of its own stands apart from its neighbours, parentheses do not need to
            let own = if self.cuts(part.clone(), style).is_empty() { indent } else { inner };
            self.lay(part, style, own, behind);
            start = end;
        }
    }

    /// The pieces before which a range is broken: its loosest joints.
    fn cuts(&self, range: Range<usize>, style: Style) -> Vec<usize> {
        let is = |place: usize, text: &str| self.pieces.is(place, text);
        let (mut then, mut or, mut and, mut comma) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut because = Vec::new();
        let mut depth = 0usize;
        // of how many `between` the `and` is still to come
        let mut between = 0usize;
        for place in range.clone() {
            if is(place, "(") || is(place, "{") {
                depth = depth.saturating_add(1);
            } else if is(place, ")") || is(place, "}") {
                depth = depth.saturating_sub(1);
            } else if depth > 0 || place == range.start {
            } else if is(place, "then") {
                then.push(place);
            } else if is(place, "because") {
                because.push(place);
            } else if is(place, "or") {
                or.push(place);
            } else if is(place, "between") {
                between = between.saturating_add(1);
            } else if is(place, "and") && between > 0 {
                between = between.saturating_sub(1);
            } else if is(place, "and") {
                and.push(place);
            } else if is(place, ",") {
                let next = self.pieces.word_from(place.saturating_add(1));
                if next < range.end && !is(next, "then") {
                    comma.push(next);
                }
            }
        }
        if style == Style::Condition {
            return [then, or, and].into_iter().find(|cuts| !cuts.is_empty()).unwrap_or_default();
        }
        if style == Style::List && !because.is_empty() {
            return because;
        }
        let mut all = [then, or, and, comma].concat();
        all.sort_unstable();
        all
    }

    /// The inside of the first parentheses in a range that can be broken.
    fn group(&self, range: Range<usize>) -> Option<Range<usize>> {
        let mut depth = 0usize;
        let mut open = range.start;
        for place in range {
            if self.pieces.is(place, "(") {
                if depth == 0 {
                    open = place.saturating_add(1);
                }
                depth = depth.saturating_add(1);
            } else if self.pieces.is(place, ")") {
                depth = depth.saturating_sub(1);
                if depth == 0 && self.breaks(open..place) {
                    return Some(open..place);
                }
            }
        }
        None
    }

    fn breaks(&self, range: Range<usize>) -> bool {
        !self.cuts(range.clone(), Style::Condition).is_empty() || self.group(range).is_some()
    }
}
