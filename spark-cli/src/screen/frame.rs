//! The layout: a status becomes lines, for a terminal of so many rows and columns. Pure.
//!
//! What an operator cannot do without comes first: where the rollout is, what is wrong, and what is asked. The rest is given the
//! rows that are left, so that a small terminal shows less of it and never a part of a line.

use spark_core::{State, Timestamp};
use spark_runtime::control::{Shown, Status};

use super::line::{Line, WAIT, width};
use super::rows::{Columns, signal_heading, signal_line, title, trigger_heading, trigger_line};
use super::words::{bar, head, history, place, show, verdict, warnings};

/// Columns of a terminal that does not say how wide it is.
pub(crate) const COLUMNS: usize = 80;

/// Rows of a terminal that does not say how high it is.
pub(crate) const ROWS: usize = 24;

/// Widest frame: beyond this, an eye loses the row between a name and its number.
const COLUMNS_MAX: usize = 120;

/// Signals that are shown: the golden ones are eight. `spark status` has all of them.
const SIGNALS_MAX: usize = 8;

/// Triggers that are shown, the nearest ones.
const TRIGGERS_MAX: usize = 8;

/// Warnings that are shown, the gravest ones first.
const WARNINGS_MAX: usize = 5;

/// Decisions, words and notes that are shown, the last ones.
const HISTORY_MAX: usize = 6;

/// The characters that bars and lines are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glyphs {
    pub(super) done: &'static str,
    pub(super) here: &'static str,
    pub(super) ahead: &'static str,
    pub(super) back: &'static str,
    pub(super) road: &'static str,
    pub(super) full: char,
    pub(super) empty: char,
    /// Eight heights, the lowest first.
    pub(super) heights: [char; 8],
    pub(super) gap: char,
}

impl Glyphs {
    /// For terminals that show Unicode.
    pub(crate) const UNICODE: Self = Self {
        done: "●",
        here: "◉",
        ahead: "○",
        back: "✗",
        road: "──",
        full: '█',
        empty: '░',
        heights: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        gap: '·',
    };
    /// For all others.
    pub(crate) const ASCII: Self = Self {
        done: "*",
        here: "@",
        ahead: "o",
        back: "x",
        road: "--",
        full: '#',
        empty: '.',
        heights: ['_', '.', ':', '-', '=', '+', '*', '#'],
        gap: '?',
    };
}

/// How it is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Now, by the rollout's clock.
    pub(crate) now: Timestamp,
    /// Columns of the terminal.
    pub(crate) columns: usize,
    /// Rows of the terminal.
    pub(crate) rows: usize,
    /// What it can draw with.
    pub(crate) glyphs: Glyphs,
    /// What is asked now.
    pub(crate) question: Option<String>,
}

impl Look {
    /// The columns that are used.
    pub(super) fn width(&self) -> usize {
        self.columns.min(COLUMNS_MAX)
    }
}

/// A part of the frame, and how many of its lines are shown.
struct Part {
    lines: Vec<Line>,
    shown: usize,
}

impl Part {
    fn of(lines: Vec<Line>) -> Self {
        Self { lines, shown: 0 }
    }
}

/// Where the parts stand, from the top.
const HEAD: usize = 0;
const BAR: usize = 1;
const PLACE: usize = 2;
const VERDICT: usize = 3;
const WARNINGS: usize = 4;
const SIGNALS: usize = 6;
const TRIGGERS: usize = 8;
const SHOW: usize = 10;
const HISTORY: usize = 11;
const QUESTION: usize = 12;

/// Who is given rows first, and how many it may have by then. The empty lines come last.
const GRANTS: [(usize, usize); 19] = [
    (QUESTION, 2),
    (PLACE, 1),
    (WARNINGS, 2),
    (VERDICT, 1),
    (BAR, 1),
    (TRIGGERS, 2),
    (SIGNALS, 3),
    (HEAD, 1),
    (SHOW, 1),
    (WARNINGS, WARNINGS_MAX),
    (HISTORY, 1),
    (SIGNALS, SIGNALS_MAX + 1),
    (TRIGGERS, 5),
    (HISTORY, 3),
    (5, 1),
    (7, 1),
    (9, 1),
    (TRIGGERS, TRIGGERS_MAX + 1),
    (HISTORY, HISTORY_MAX),
];

/// The frame: fewer lines than the terminal has rows, as the cursor stands below it.
pub(crate) fn frame(status: &Status, look: &Look) -> Vec<Line> {
    let mut parts: Vec<Part> = vec![
        Part::of(vec![head(status, look)]),
        Part::of(vec![bar(status, look)]),
        Part::of(vec![place(status, look)]),
        Part::of(vec![verdict(status)]),
        Part::of(warnings(status, look.now)),
        Part::of(vec![Line::default()]),
        Part::of(signals(status, look)),
        Part::of(vec![Line::default()]),
        Part::of(triggers(status, look)),
        Part::of(vec![Line::default()]),
        Part::of(show(status, look.now)),
        Part::of(history(status, look.now, HISTORY_MAX)),
        Part::of(question(look)),
    ];
    let mut left = look.rows.saturating_sub(1);
    for (place, most) in GRANTS {
        let Some(part) = parts.get_mut(place) else { continue };
        let more = part.lines.len().min(most).saturating_sub(part.shown).min(left);
        part.shown = part.shown.saturating_add(more);
        left = left.saturating_sub(more);
    }
    // of what happened, the last is what counts
    if let Some(history) = parts.get_mut(HISTORY) {
        let skipped = history.lines.len().saturating_sub(history.shown);
        history.lines.drain(..skipped);
    }
    parts.into_iter().flat_map(|part| part.lines.into_iter().take(part.shown)).collect()
}

/// The signals, in the order of the rules; where not all find room, those that are not as expected come first.
fn signals(status: &Status, look: &Look) -> Vec<Line> {
    let mut rows: Vec<&Shown> = status.signals.iter().collect();
    if rows.is_empty() {
        return Vec::new();
    }
    if rows.len() > SIGNALS_MAX || look.rows < ROWS {
        rows.sort_by_key(|row| row.state == State::Ok);
    }
    let columns = columns(status, look);
    let mut lines = vec![signal_heading(&status.signals, columns)];
    lines.extend(rows.into_iter().map(|row| signal_line(row, columns, look)));
    lines
}

/// The triggers, the nearest first.
fn triggers(status: &Status, look: &Look) -> Vec<Line> {
    let mut rows: Vec<&Shown> = status.triggers.iter().collect();
    if rows.is_empty() {
        return Vec::new();
    }
    rows.sort_by_key(|row| super::rows::nearness(row));
    let columns = columns(status, look);
    let mut lines = vec![trigger_heading(columns)];
    lines.extend(rows.into_iter().map(|row| trigger_line(row, columns, look)));
    lines
}

/// The columns of both tables: they stand below each other.
fn columns(status: &Status, look: &Look) -> Columns {
    let names = status.signals.iter().chain(&status.triggers).map(|row| width(title(row)));
    Columns::of(names.max().unwrap_or_default(), look)
}

fn question(look: &Look) -> Vec<Line> {
    let Some(question) = &look.question else { return Vec::new() };
    // a question that is cut asks for nothing: on a narrow terminal it takes two lines
    match question.rsplit_once("  ") {
        Some((asked, answers)) if width(question).saturating_add(2) > look.columns => {
            vec![
                Line::default().with(WAIT.bold(), format!(" {asked}")),
                Line::default().with(WAIT.bold(), format!(" {answers}")),
            ]
        }
        _ => vec![Line::default().with(WAIT.bold(), format!(" {question}"))],
    }
}

#[cfg(test)]
mod tests;
