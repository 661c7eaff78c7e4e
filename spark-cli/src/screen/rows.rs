//! The rows of signals and triggers.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use spark_core::{Quantity, State};
use spark_runtime::control::Shown;

use super::frame::{Glyphs, Look};
use super::line::{BAD, FAINT, GOOD, Line, PLAIN, WAIT, left, right};
use super::words::{clock_time, span};
use crate::table::shortened;

/// Widest name of a row.
pub(super) const NAME_MAX: usize = 30;

/// Narrowest name of a row that shows all there is to it; a name takes what is left of a narrower terminal.
const NAME_MIN: usize = 16;

/// Columns of a state's word: of the longest one, `rollback`.
const STATE: usize = 8;

/// Columns of a value, a limit and a margin.
const VALUE: usize = 9;

/// Columns of the line over the last minutes: with [`VALUE`] and [`NAME_MIN`], 80 columns hold it.
const SPARK: usize = 16;

/// Columns of the bar of a condition's `for`.
const HELD: usize = 8;

/// Columns of a row without its name, without limit and margin, and without its line.
const BASE: usize = STATE + VALUE + 3;
/// Columns of a limit and a margin.
const LIMIT: usize = 2 * (VALUE + 1);
/// Columns of the line, and what sets it apart.
const LINE: usize = SPARK + 2;

/// Significant digits of a shown value: what a person reads at a glance. `spark status` tells more, its JSON all.
const GLANCE_DIGITS: u32 = 4;

/// What a row has room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    name: usize,
    limit: bool,
    spark: bool,
}

impl Columns {
    /// The columns of rows whose names take so many.
    pub(super) fn of(names: usize, look: &Look) -> Self {
        let names = names.clamp(NAME_MIN, NAME_MAX);
        let room = look.width().saturating_sub(BASE);
        let (limit, spark, room) = if room >= NAME_MIN + LIMIT + LINE {
            (true, true, room.saturating_sub(LIMIT + LINE))
        } else if room >= NAME_MIN + LIMIT {
            (true, false, room.saturating_sub(LIMIT))
        } else {
            (false, false, room)
        };
        Self { name: names.min(room).max(4), limit, spark }
    }

    /// The columns of a state and a name.
    const fn first(self) -> usize {
        self.name.saturating_add(STATE + 1)
    }
}

/// The place of a state among those that people must see first.
pub(crate) const fn urgency(state: State) -> u8 {
    match state {
        State::Rollback => 0,
        State::Hold => 1,
        State::Warn => 2,
        State::Pending => 3,
        State::Unknown => 4,
        State::Ok => 5,
    }
}

/// Smaller is nearer: first what a trigger asks for, then how much of its `for` has passed, then the margin.
pub(super) fn nearness(row: &Shown) -> (u8, Decimal, Decimal) {
    let missing = row.waits.as_ref().map_or(Decimal::MAX, |waits| waits.needs.minus(waits.held).seconds());
    (urgency(row.state), missing, row.margin_percent.unwrap_or(Decimal::MAX))
}

/// What people call it.
pub(super) fn title(row: &Shown) -> &str {
    row.title.as_deref().unwrap_or(&row.name)
}

pub(super) fn signal_heading(rows: &[Shown], columns: Columns) -> Line {
    let met = rows.iter().filter(|row| row.state == State::Ok).count();
    let heading = format!("{met} of {} signals met", rows.len());
    let mut text = format!(" {} {}", left(&heading, columns.first()), right("value", VALUE));
    if columns.limit {
        text.push_str(&format!(" {} {}", right("expected", VALUE), right("margin", VALUE)));
    }
    if columns.spark {
        text.push_str("  last decisions");
    }
    Line::default().with(FAINT, text)
}

pub(super) fn signal_line(row: &Shown, columns: Columns, look: &Look) -> Line {
    let (word, style) = match row.state {
        State::Ok => ("ok", GOOD),
        State::Unknown => ("unknown", WAIT),
        _ => ("NOT MET", BAD),
    };
    let mut line = first(row, word, style, columns);
    if let (State::Unknown, Some(cause)) = (row.state, &row.cause) {
        return line.with(WAIT, format!("  {cause}"));
    }
    if columns.limit {
        line = line
            .with(FAINT, format!(" {}", right(&text(row.limit.as_deref()), VALUE)))
            .with(PLAIN, format!(" {}", right(&text(row.margin.as_deref()), VALUE)));
    }
    match columns.spark {
        true => line.with(style, format!("  {}", spark(row, look.glyphs))),
        false => line,
    }
}

/// The state, the name and the value of a row.
fn first(row: &Shown, word: &str, style: anstyle::Style, columns: Columns) -> Line {
    Line::default()
        .with(style, format!(" {}", left(word, STATE)))
        .with(PLAIN, format!(" {}", left(title(row), columns.name)))
        .with(style, format!(" {}", right(&text(row.value.as_deref()), VALUE)))
}

pub(super) fn trigger_heading(columns: Columns) -> Line {
    let heading = left("nearest triggers", columns.first());
    Line::default().with(FAINT, format!(" {heading} {}", right("value", VALUE)))
}

pub(super) fn trigger_line(row: &Shown, columns: Columns, look: &Look) -> Line {
    let style = match row.state {
        State::Ok => GOOD,
        State::Rollback => BAD,
        State::Unknown | State::Pending | State::Warn | State::Hold => WAIT,
    };
    let line = first(row, row.state.as_str(), style, columns);
    if let Some(until) = row.overridden_until {
        return line.with(FAINT, format!("  silenced until {}", clock_time(until, look.now)));
    }
    if let Some(waits) = &row.waits {
        let bar = held_bar(waits.held.seconds(), waits.needs.seconds(), look.glyphs);
        let words = format!("  {bar} {} of {} to ", span(waits.held), waits.needs);
        return line.with(WAIT, words).with(WAIT.bold(), waits.level.as_str());
    }
    match (row.state, &row.cause) {
        (State::Unknown, Some(cause)) => line.with(FAINT, format!("  {cause}")),
        (State::Ok, _) => match (&row.limit, &row.margin) {
            (Some(limit), Some(margin)) => {
                line.with(FAINT, format!("  {} to {}", glance(margin), glance(limit)))
            }
            _ => line,
        },
        _ => line.with(FAINT, format!("  since {}", clock_time(row.since, look.now))),
    }
}

fn text(value: Option<&str>) -> String {
    value.map_or_else(|| "-".to_owned(), glance)
}

fn glance(text: &str) -> String {
    shortened(text, GLANCE_DIGITS)
}

/// How much of a `for` has passed.
fn held_bar(held: Decimal, needs: Decimal, glyphs: Glyphs) -> String {
    bar_of(held, needs, HELD, glyphs)
}

/// A bar of so many cells; full only when all is there.
pub(super) fn bar_of(part: Decimal, whole: Decimal, cells: usize, glyphs: Glyphs) -> String {
    let count = part.checked_div(whole).and_then(|share| share.checked_mul(Decimal::from(cells)));
    let filled = count.and_then(|count| count.floor().to_usize()).unwrap_or(0).min(cells);
    let repeat = |glyph: char, times| std::iter::repeat_n(glyph, times);
    repeat(glyphs.full, filled).chain(repeat(glyphs.empty, cells.saturating_sub(filled))).collect()
}

/// The values of the last decisions. The highest cell is the limit, or the largest value where that is higher: a line that is
/// low is far from its limit.
fn spark(row: &Shown, glyphs: Glyphs) -> String {
    let values: Vec<Option<Decimal>> =
        row.recent.iter().map(|value| value.as_deref().and_then(|value| value.parse().ok())).collect();
    let limit = row.limit.as_deref().and_then(|limit| Quantity::parse(limit).ok()).map(|limit| limit.value);
    let top = values.iter().flatten().copied().chain(limit).max().unwrap_or_default();
    let bottom = values.iter().flatten().copied().min().unwrap_or_default().min(Decimal::ZERO);
    let steps = Decimal::from(glyphs.heights.len().saturating_sub(1));
    let height = |value: Decimal| {
        let (value, range) = (value.checked_sub(bottom)?, top.checked_sub(bottom)?);
        let place = value.checked_mul(steps)?.checked_div(range)?.round().to_usize()?;
        glyphs.heights.get(place).copied()
    };
    let lowest = glyphs.heights.first().copied().unwrap_or(' ');
    let skipped = values.len().saturating_sub(SPARK);
    let cell = |value: &Option<Decimal>| value.map_or(glyphs.gap, |value| height(value).unwrap_or(lowest));
    values.iter().skip(skipped).map(cell).collect()
}
