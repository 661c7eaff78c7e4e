//! Bands in characters: the height tells, not the colour.

use spark_core::{State, Verdict};
use spark_runtime::replay::{Band, Rank};

use crate::console::{Console, faint};

/// Width where there is no terminal.
const WIDTH: usize = 80;
/// A strip is never narrower, and never wider than can be told apart.
const WIDTH_MIN: usize = 20;
const WIDTH_MAX: usize = 200;

pub(super) const LEGEND: &str = "▁ ok, proceed   ▂ pending   ▃ warn   ▅ hold   █ rollback   ? unknown";
const LEGEND_GAP: &str = "   ";

/// The columns of the terminal, where there is one.
pub(super) fn terminal() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Pieces in lines of so many columns; all but the first piece stand behind `indent` where they begin a line.
pub(super) fn wrapped(pieces: &[String], gap: &str, indent: usize, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        let length = |text: &str| text.chars().count();
        match lines.last_mut() {
            Some(line)
                if length(line).saturating_add(length(gap)).saturating_add(length(piece)) <= columns =>
            {
                line.push_str(gap);
                line.push_str(piece);
            }
            Some(_) => lines.push(format!("{:indent$}{piece}", "")),
            None => lines.push(piece.clone()),
        }
    }
    lines
}

/// What stands for something in a strip.
pub(super) trait Glyph: Rank {
    fn glyph(self) -> char;
}

impl Glyph for State {
    fn glyph(self) -> char {
        match self {
            Self::Ok => '▁',
            Self::Pending => '▂',
            Self::Warn => '▃',
            Self::Unknown => '?',
            Self::Hold => '▅',
            Self::Rollback => '█',
        }
    }
}

impl Glyph for Verdict {
    fn glyph(self) -> char {
        match self {
            Self::Proceed => '▁',
            Self::Hold => '▅',
            Self::Rollback => '█',
        }
    }
}

/// A band beside a name of `indent` characters.
pub(super) fn text<T: Glyph>(band: &Band<T>, indent: usize) -> String {
    let width = terminal().unwrap_or(WIDTH).saturating_sub(indent).clamp(WIDTH_MIN, WIDTH_MAX);
    band.narrowed(width).into_iter().map(|cell| cell.map_or(' ', Glyph::glyph)).collect()
}

/// Prints named bands below each other, with what their characters mean.
pub(super) fn print(console: &mut Console, strips: &[(String, String)]) {
    let width = strips.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, strip) in strips {
        console.line(format!("{name:width$}  {strip}"));
    }
    let mut legend: Vec<String> = LEGEND.split(LEGEND_GAP).map(str::to_owned).collect();
    if let Some(first) = legend.first_mut() {
        first.insert_str(0, &format!("{:width$}  ", ""));
    }
    let columns = terminal().unwrap_or(usize::MAX);
    for line in wrapped(&legend, LEGEND_GAP, width.saturating_add(2), columns) {
        console.line(faint(&line));
    }
}
