//! Text of others in files for people: names, reasons, what commands said. None of it does anything to a terminal, a
//! table or a page but stand there.

use std::borrow::Cow;

use crate::harmless::{is_harmful, write_out};

/// Text as a part of a line of Markdown: no line's end, no escape codes, no links, no HTML.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '`' | '*' | '[' | ']' | '|' | '\\' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\t' => out.push(' '),
            c if is_harmful(c) => write_out(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// A cell of a table. What a spreadsheet would take for a formula gets a `'` before it, as spreadsheets write text.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    let formula = text.starts_with(['=', '@', '\t', '\r'])
        || (text.starts_with(['+', '-']) && !is_quantity(text.get(1..).unwrap_or_default()));
    if !formula && !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(1));
    if formula {
        out.push('\'');
    }
    for c in text.chars() {
        match is_harmful(c) {
            true => write_out(&mut out, c),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// As [`cell`], with the quotes that it needs between commas.
pub(super) fn quoted_cell(text: &str) -> Cow<'_, str> {
    let cell = cell(text);
    match cell.contains([',', '"']) {
        true => Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\""))),
        false => cell,
    }
}

/// The first part of a text, and whether it is all of it.
pub(super) fn first_part(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let ends = text.char_indices().map(|(start, c)| start.saturating_add(c.len_utf8()));
    let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or_default();
    let kept = text.get(..end).unwrap_or_default();
    let left = text.len().saturating_sub(kept.len());
    Cow::Owned(format!("{kept}\n({left} bytes more are in the journal)"))
}

/// A number with a unit behind it, as in `50ms`, `12.5%`, `3/min`: nothing that a spreadsheet could call.
fn is_quantity(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '%' | '/' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a spreadsheet would run is text; numbers with their units stay what they are.
    #[test]
    fn cells() {
        for (given, cell) in [
            ("120ms", "120ms"),
            ("-50ms", "-50ms"),
            ("-12.5%", "-12.5%"),
            ("+3 /min", "+3 /min"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("\t=1", "'\\u0009=1"),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("a\nb\u{1b}[2J", "a\\u000ab\\u001b[2J"),
            ("", ""),
        ] {
            assert_eq!(quoted_cell(given), cell, "{given:?}");
        }
    }

    /// In a page, a hostile name is a part of its line and nothing else.
    #[test]
    fn pages() {
        let hostile = "a\n# b <script> [x](http://y) `c` \u{1b}]0;t\u{7} \u{202e}d \u{9b}2J";
        assert_eq!(
            markdown(hostile),
            "a # b &lt;script> \\[x\\](http://y) \\`c\\` \\u001b\\]0;t\\u0007 \\u202ed \\u009b2J"
        );
    }

    /// A long text is cut between two characters, and says so.
    #[test]
    fn first_parts() {
        assert_eq!(first_part("ışık", 8), "ışık");
        assert_eq!(first_part("ışık", 3), "ı\n(5 bytes more are in the journal)");
    }
}
