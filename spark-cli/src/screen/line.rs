//! A line of styled text that keeps to a width. What comes from elsewhere is made harmless here, whoever wrote it.

use anstyle::{AnsiColor, Style};

use crate::console::one_line;

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WAIT: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Characters of a text that are looked at: of marks that take no room, any number fits into a column.
const TEXT_CHARS_MAX: usize = 500;

/// What stands where a text was cut.
const CUT: char = '…';

/// A line of styled pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    /// The line with one more piece.
    pub(super) fn with(mut self, style: Style, text: impl AsRef<str>) -> Self {
        self.0.push((style, harmless(text.as_ref())));
        self
    }

    /// The columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// The line, cut to `columns`; with escape codes where `colour` is wanted.
    pub(crate) fn render(&self, columns: usize, colour: bool) -> String {
        let mut left = columns;
        let mut text = String::new();
        let whole = self.width() <= columns;
        for (style, piece) in &self.0 {
            let shown = if whole { piece.clone() } else { cut(piece, left) };
            left = left.saturating_sub(width(&shown));
            match colour && *style != PLAIN && !shown.is_empty() {
                true => text.push_str(&format!("{style}{shown}{style:#}")),
                false => text.push_str(&shown),
            }
            if !whole && left == 0 {
                break;
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn harmless(text: &str) -> String {
    let short: String = text.chars().take(TEXT_CHARS_MAX).collect();
    one_line(&short)
}

/// The columns that a text takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// A text that takes no more than so many columns.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let takes = width(c.encode_utf8(&mut [0; 4]));
        if takes > left {
            break;
        }
        left = left.saturating_sub(takes);
        shown.push(c);
    }
    if columns > 0 {
        shown.push(CUT);
    }
    shown
}

/// A text that takes exactly so many columns, from the left.
pub(super) fn left(text: &str, columns: usize) -> String {
    let text = cut(&harmless(text), columns);
    let missing = columns.saturating_sub(width(&text));
    format!("{text}{}", " ".repeat(missing))
}

/// A text that takes exactly so many columns, to the right.
pub(super) fn right(text: &str, columns: usize) -> String {
    let text = cut(&harmless(text), columns);
    let missing = columns.saturating_sub(width(&text));
    format!("{}{text}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No line is wider than it may be, whatever stands on it, and wide letters count twice.
    #[test]
    fn widths() {
        for (text, columns, expected) in [
            ("latency", 7, "latency"),
            ("latency", 4, "lat…"),
            ("市場の遅延", 5, "市場…"),
            ("a\u{1b}[2Jb", 20, "a\\u001b[2Jb"),
            ("a\u{1b}[31mb\u{1b}[0m", 40, "a\\u001b[31mb\\u001b[0m"),
            ("a\nb\tc", 9, "a\\u000ab…"),
            ("x", 0, ""),
        ] {
            let shown = Line::default().with(PLAIN, text).render(columns, true);
            assert_eq!(shown, expected, "{text:?}");
            assert!(width(&shown) <= columns, "{text:?}");
        }
        let marks = format!("e{}", "\u{301}".repeat(10_000));
        assert!(Line::default().with(PLAIN, marks).render(10, false).chars().count() <= TEXT_CHARS_MAX);
    }

    /// Colour adds nothing but colour.
    #[test]
    fn colours() {
        let line = Line::default().with(BAD, "ROLLBACK").with(PLAIN, " because ").with(GOOD, "latency");
        let coloured = line.render(20, true);
        assert!(coloured.contains("\u{1b}[31m"), "{coloured:?}");
        assert_eq!(console::strip_ansi_codes(&coloured), line.render(20, false));
    }
}
