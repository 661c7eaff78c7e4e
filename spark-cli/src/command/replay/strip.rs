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

/// The columns of the terminal, where there is one.
pub(super) fn columns() -> usize {
    match console::Term::stdout().size_checked() {
        Some((_, columns)) => usize::from(columns),
        None => WIDTH,
    }
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
    let width = columns().saturating_sub(indent).clamp(WIDTH_MIN, WIDTH_MAX);
    band.narrowed(width).into_iter().map(|cell| cell.map_or(' ', Glyph::glyph)).collect()
}

/// Prints named bands below each other, with what their characters mean.
pub(super) fn print(console: &mut Console, strips: &[(String, String)]) {
    let width = strips.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, strip) in strips {
        console.line(format!("{name:width$}  {strip}"));
    }
    console.line(faint(&format!("{:width$}  {LEGEND}", "")));
}
