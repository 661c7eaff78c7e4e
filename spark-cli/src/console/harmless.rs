//! Text that does nothing to a terminal but stand there, apart from our own colours.
//!
//! Names, titles, labels and answers of servers come from elsewhere. A control character among them would move the
//! cursor, hide a line or set a window's title, and a sign that turns the direction of reading would make a reader see
//! another text than is there. So each is shown as JSON writes it (`\u001b`), which is also right within JSON.

use std::borrow::Cow;

use spark_runtime::harmless::{self, write_out};

/// The codes of colours and weights that are our own: none hides, blinks or turns anything around.
const OWN_CODES: &[&str] =
    &["", "0", "1", "2", "4", "22", "31", "32", "33", "34", "35", "36", "91", "92", "93", "94", "95", "96"];

/// The text, with every control character and every turn of direction written out; colours of ours stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = rest.get(c.len_utf8()..).unwrap_or_default();
        if let Some(code) = own_code(rest) {
            let (shown, after) = rest.split_at_checked(code).unwrap_or((rest, ""));
            out.push_str(shown);
            rest = after;
            continue;
        }
        match is_harmful(c) {
            true => write_out(&mut out, c),
            false => out.push(c),
        }
        rest = behind;
    }
    Cow::Owned(out)
}

/// Whether all of it is letters, digits and signs of ASCII, and line ends: seen without going through its characters.
fn is_plain(text: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
    // no early end within a piece: what a compiler makes vectors of
    text.as_bytes().chunks(256).all(|piece| piece.iter().fold(true, |all, byte| all & plain(byte)))
}

/// The text as one line, without any colour: for a screen, on which every column is counted.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match harmless::is_harmful(c) {
            true => write_out(&mut out, c),
            false => out.push(c),
        }
    }
    out
}

/// How long the colour of ours is that the text begins with.
fn own_code(text: &str) -> Option<usize> {
    let (codes, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    codes.split(';').all(|code| OWN_CODES.contains(&code)).then(|| codes.len().saturating_add(3))
}

/// Whether a character does something else than stand there, the ends of our own lines aside.
fn is_harmful(c: char) -> bool {
    harmless::is_harmful(c) && !matches!(c, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text stays as it is, our colours too, and everything else that a terminal would obey is written out.
    #[test]
    fn texts() {
        for (text, expected) in [
            ("plain — ünïcode ✓\n\tindented", "plain — ünïcode ✓\n\tindented"),
            ("\u{1b}[1m\u{1b}[31mred\u{1b}[0m", "\u{1b}[1m\u{1b}[31mred\u{1b}[0m"),
            ("\u{1b}[1;31mred\u{1b}[m", "\u{1b}[1;31mred\u{1b}[m"),
            ("\u{1b}[8mhidden", "\\u001b[8mhidden"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("\u{1b}[31;8m", "\\u001b[31;8m"),
            ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
            ("\u{9b}8m\u{85}", "\\u009b8m\\u0085"),
            ("a\rb\u{8}\u{7f}\0", "a\\u000db\\u0008\\u007f\\u0000"),
            ("\u{202e}evil\u{2069}", "\\u202eevil\\u2069"),
            ("\u{1b}", "\\u001b"),
            ("\u{1b}[", "\\u001b["),
        ] {
            assert_eq!(harmless(text), expected, "{text:?}");
        }
    }
}
