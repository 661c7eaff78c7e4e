//! Items, one after the other: settings, blocks of one line, blocks of many, one-line triggers.

use std::ops::Range;

use super::WIDTH;
use super::flow::Flow;
use super::pieces::{Pieces, columns};
use super::shape::{ClauseShape, Nature, Shape, Style};
use super::sheet::{Cells, Entry, Written};
use crate::parser::Kind;

/// How far clauses stand to the right of their block.
const INDENT: usize = 2;
/// Most clauses that a signal has in one line: its type, its source, its expectation.
const SIGNAL_CLAUSES_MAX: usize = 3;
/// Most clauses that a trigger has in one line: a level, and what goes with it.
const TRIGGER_CLAUSES_MAX: usize = 2;

/// The comments and items of a file, as they are written.
pub(super) fn entries(pieces: &Pieces<'_>, shapes: &[Shape]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut next = 0;
    for shape in shapes {
        comments(pieces, next..shape.pieces.start, &mut entries);
        let mut blank = pieces.blank_before(shape.pieces.start);
        let written = item(pieces, shape);
        next = shape.pieces.end;
        if let Written::Text(text) = &written
            && goes_above(pieces, shape.pieces.clone(), text)
        {
            let comment = Written::Comment(pieces.text(next).to_owned());
            entries.push(Entry { blank, trailing: None, written: comment });
            (blank, next) = (false, next.saturating_add(1));
        }
        entries.push(Entry { blank, trailing: None, written });
    }
    comments(pieces, next..pieces.len(), &mut entries);
    entries
}

/// Whether the comment behind what stood on one line goes above it: that line takes several now, and the comment speaks of
/// all of them.
fn goes_above(pieces: &Pieces<'_>, range: Range<usize>, written: &str) -> bool {
    pieces.is_trailing(range.end) && written.contains('\n') && pieces.on_one_line(range)
}

/// The comments between items: one behind an item belongs to it.
fn comments(pieces: &Pieces<'_>, range: Range<usize>, entries: &mut Vec<Entry>) {
    for place in range {
        let text = pieces.text(place).to_owned();
        match entries.last_mut() {
            Some(entry) if pieces.is_trailing(place) => entry.trailing = Some(text),
            _ => {
                let written = Written::Comment(text);
                entries.push(Entry { blank: pieces.blank_before(place), trailing: None, written });
            }
        }
    }
}

fn item(pieces: &Pieces<'_>, shape: &Shape) -> Written {
    match shape.nature {
        Nature::Setting => setting(pieces, shape.pieces.clone()),
        Nature::Line => line(pieces, shape),
        Nature::Signal | Nature::Trigger | Nature::Plan | Nature::Check | Nature::Test => {
            match one_line(pieces, shape).filter(|cells| columns(&cells.plain()) <= WIDTH) {
                Some(cells) => Written::Row(shape.nature, cells),
                None => Written::Text(block(pieces, shape)),
            }
        }
    }
}

fn setting(pieces: &Pieces<'_>, range: Range<usize>) -> Written {
    let mut flow = Flow::new(pieces);
    flow.flat(range, INDENT);
    Written::Text(flow.finish())
}

/// A trigger without braces: its clauses go on where the one before ends, or they would be no part of it.
fn line(pieces: &Pieces<'_>, shape: &Shape) -> Written {
    let mut flow = Flow::new(pieces);
    for (place, clause) in shape.clauses.iter().enumerate() {
        let behind = shape.clauses.iter().skip(place.saturating_add(1));
        let suffix = behind.fold(0usize, |width, clause| {
            width.saturating_add(INDENT).saturating_add(pieces.width(clause.pieces.clone()))
        });
        if place > 0 {
            flow.gap(INDENT);
        }
        let start = opener(pieces, &mut flow, clause, None, INDENT);
        let indent = if place > 0 { INDENT } else { flow.column() };
        flow.lay(start..clause.pieces.end, clause.style, indent, suffix);
    }
    Written::Text(flow.finish())
}

/// A block in one line, where it may stand in one: without a title and comments, and with few clauses.
fn one_line(pieces: &Pieces<'_>, shape: &Shape) -> Option<Cells> {
    let levels = |clause: &&ClauseShape| {
        ["warn", "hold", "rollback"].iter().any(|word| pieces.is(clause.pieces.start, word))
    };
    let few = match shape.nature {
        Nature::Signal => shape.clauses.len() <= SIGNAL_CLAUSES_MAX,
        Nature::Trigger => {
            shape.clauses.len() <= TRIGGER_CLAUSES_MAX && shape.clauses.iter().filter(levels).count() <= 1
        }
        _ => false,
    };
    if !few || shape.titled || pieces.has_comment(shape.pieces.clone()) {
        return None;
    }
    let head = pieces.flat(shape.pieces.start..brace(pieces, shape));
    let Some((first, rest)) = shape.clauses.split_first() else {
        return Some(Cells { head, key: String::new(), tail: String::new(), gap: 0 });
    };
    let rest: Vec<String> = rest.iter().map(|clause| pieces.flat(clause.pieces.clone())).collect();
    let first = first.pieces.clone();
    Some(match shape.nature {
        Nature::Signal => Cells { head, key: pieces.flat(first), tail: rest.join("  "), gap: INDENT },
        _ => {
            let key = pieces.text(first.start).to_owned();
            let own = pieces.flat(first.start.saturating_add(1)..first.end);
            let tail: Vec<String> = std::iter::once(own).chain(rest).collect();
            Cells { head, key, tail: tail.join("  "), gap: 1 }
        }
    })
}

/// The brace that opens a block.
fn brace(pieces: &Pieces<'_>, shape: &Shape) -> usize {
    shape.pieces.clone().find(|place| pieces.is(*place, "{")).unwrap_or(shape.pieces.end)
}

/// A block with a clause on each line.
fn block(pieces: &Pieces<'_>, shape: &Shape) -> String {
    let mut flow = Flow::new(pieces);
    let open = brace(pieces, shape).saturating_add(1);
    let close = shape.pieces.end.saturating_sub(1);
    let shares = shares(pieces, shape);
    flow.flat(shape.pieces.start..open, INDENT);
    let mut next = open;
    for clause in &shape.clauses {
        inside_comments(pieces, &mut flow, next..clause.pieces.start, open);
        flow.line(INDENT, next_blank(pieces, clause.pieces.start, open));
        next = clause.pieces.end;
        let mut alone = Flow::new(pieces);
        alone.line(INDENT, false);
        self::clause(pieces, &mut alone, shape.nature, clause, shares);
        if goes_above(pieces, clause.pieces.clone(), alone.finish().trim_start()) {
            flow.comment_line(next, INDENT);
            next = next.saturating_add(1);
        }
        self::clause(pieces, &mut flow, shape.nature, clause, shares);
    }
    inside_comments(pieces, &mut flow, next..close, open);
    flow.line(0, false);
    flow.piece(close, INDENT);
    flow.finish()
}

/// A clause of a block, on the line that begins.
fn clause(
    pieces: &Pieces<'_>,
    flow: &mut Flow<'_, '_>,
    nature: Nature,
    clause: &ClauseShape,
    shares: Option<usize>,
) {
    let start = opener(pieces, flow, clause, key_column(nature), INDENT);
    let (rest, indent) = (start..clause.pieces.end, flow.column());
    match shares.filter(|_| pieces.is(clause.pieces.start, "stage")) {
        Some(widest) => stage(pieces, flow, rest, widest),
        None => flow.lay(rest, clause.style, indent, 0),
    }
}

/// Whether a blank line is kept before a piece: not behind the block's brace.
fn next_blank(pieces: &Pieces<'_>, place: usize, open: usize) -> bool {
    // a comment behind the brace stands on its line
    let first = (open..place).all(|place| pieces.is_trailing(place));
    !first && pieces.blank_before(place)
}

fn inside_comments(pieces: &Pieces<'_>, flow: &mut Flow<'_, '_>, range: Range<usize>, open: usize) {
    for place in range {
        flow.line(INDENT, next_blank(pieces, place, open));
        flow.piece(place, INDENT);
    }
}

/// Writes the word that opens a clause, and `when`; gives the place of what stands behind it.
fn opener(
    pieces: &Pieces<'_>,
    flow: &mut Flow<'_, '_>,
    clause: &ClauseShape,
    key: Option<usize>,
    indent: usize,
) -> usize {
    let Range { start, end } = clause.pieces;
    let behind = start.saturating_add(1);
    flow.piece(start, indent);
    if let Some(key) = key {
        flow.gap(key.saturating_sub(columns(pieces.text(start))).max(1));
    }
    if clause.style == Style::Condition && behind < end && pieces.is(behind, "when") {
        flow.piece(behind, indent);
        return behind.saturating_add(1);
    }
    behind
}

/// How far what a clause says stands behind the clause's start: the longest word of the block's clauses, and the space
/// behind it. It does not depend on the clauses that a block has, so that a new one moves no other.
fn key_column(nature: Nature) -> Option<usize> {
    match nature {
        Nature::Signal => Some("expect  ".len()),
        Nature::Trigger => Some("rollback ".len()),
        Nature::Check => Some("evidence ".len()),
        Nature::Test => Some("expect ".len()),
        Nature::Setting | Nature::Plan | Nature::Line => None,
    }
}

/// The columns of a plan's widest share, where all of its stages are plain. `needs approval` stands right behind its stage:
/// in a column of its own it would move with every other stage's length.
fn shares(pieces: &Pieces<'_>, shape: &Shape) -> Option<usize> {
    if shape.nature != Nature::Plan {
        return None;
    }
    let mut widest = 0;
    for clause in shape.clauses.iter().filter(|clause| pieces.is(clause.pieces.start, "stage")) {
        let share = clause.pieces.start.saturating_add(1);
        let plain = match clause.pieces.len() {
            4 => true,
            6 => pieces.is(clause.pieces.start.saturating_add(4), "needs"),
            _ => false,
        };
        if !plain || !pieces.is_kind(share, Kind::Number) {
            return None;
        }
        widest = widest.max(columns(pieces.text(share)));
    }
    Some(widest)
}

/// `stage 5%   for 15m`
fn stage(pieces: &Pieces<'_>, flow: &mut Flow<'_, '_>, range: Range<usize>, widest: usize) {
    flow.piece(range.start, INDENT);
    flow.gap(widest.saturating_sub(columns(pieces.text(range.start))).saturating_add(1));
    flow.flat(range.start.saturating_add(1)..range.end, INDENT);
}
