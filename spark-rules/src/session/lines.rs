//! Lines and characters as editors count them. A line ends with `\n`, `\r\n` or a lone `\r`.

use std::ops::Range;

/// What an editor counts in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// Code units of UTF-16, which every editor knows.
    #[default]
    Utf16,
    /// Code points.
    Utf32,
}

impl Encoding {
    /// How much a character counts.
    fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A place as an editor names it, both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LinePosition {
    /// The line.
    pub line: u32,
    /// How far into the line, in the editor's encoding.
    pub character: u32,
}

/// How many lines end in a text.
pub(super) fn count(text: &str) -> u32 {
    u32::try_from(ends(text).count()).unwrap_or(u32::MAX)
}

/// The bytes just behind each line's end.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter_map(|(at, byte)| {
        let next = at.saturating_add(1);
        (*byte == b'\n' || *byte == b'\r' && bytes.get(next) != Some(&b'\n')).then_some(next)
    })
}

/// The bytes of a line without its end; the last line where there are not so many.
fn line(text: &str, number: u32) -> Range<usize> {
    let start = match number.checked_sub(1) {
        None => 0,
        Some(before) => ends(text).nth(before as usize).unwrap_or(text.len()),
    };
    let rest = text.get(start..).unwrap_or("");
    let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
    start..start.saturating_add(length)
}

/// The byte at a place of a text; the line's end where the line is not so long.
pub(super) fn offset(text: &str, at: LinePosition, encoding: Encoding) -> usize {
    let range = line(text, at.line);
    let mut left = at.character as usize;
    let mut byte = range.start;
    for c in text.get(range).unwrap_or("").chars() {
        match left.checked_sub(encoding.width(c)) {
            Some(rest) if left > 0 => left = rest,
            _ => break,
        }
        byte = byte.saturating_add(c.len_utf8());
    }
    byte
}

/// The place of a byte of a text.
pub(super) fn position(text: &str, byte: usize, encoding: Encoding) -> LinePosition {
    let before = text.get(..floor(text, byte)).unwrap_or("");
    // an end that the byte stands in the middle of has not ended the line
    let split = before.ends_with('\r') && text.as_bytes().get(before.len()) == Some(&b'\n');
    let ended = if split { before.get(..before.len().saturating_sub(1)).unwrap_or("") } else { before };
    let mut at = LinePosition::default();
    let mut start = 0;
    for end in ends(ended) {
        at.line = at.line.saturating_add(1);
        start = end;
    }
    let inside = ended.get(start..).unwrap_or("").chars();
    let width = inside.map(|c| encoding.width(c)).fold(0usize, usize::saturating_add);
    at.character = u32::try_from(width).unwrap_or(u32::MAX);
    at
}

/// The last boundary of a character that is not behind `byte`.
pub(super) fn floor(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters count as the editor counts them, and what lies outside of a line is its end.
    #[test]
    fn positions() {
        let text = "a\u{1F600}b\r\nc\rd\n";
        for (line, character, encoding, byte) in [
            (0, 0, Encoding::Utf16, 0),
            (0, 1, Encoding::Utf16, 1),
            (0, 3, Encoding::Utf16, 5),
            (0, 5, Encoding::Utf8, 5),
            (0, 2, Encoding::Utf32, 5),
            (0, 4, Encoding::Utf16, 6),
            (1, 0, Encoding::Utf16, 8),
            (1, 1, Encoding::Utf16, 9),
            (2, 0, Encoding::Utf16, 10),
            (3, 0, Encoding::Utf16, 12),
        ] {
            let at = LinePosition { line, character };
            assert_eq!(offset(text, at, encoding), byte, "{at:?} {encoding:?}");
            assert_eq!(position(text, byte, encoding), at, "{byte} {encoding:?}");
        }
        for (line, character, byte) in [(0, 99, 6), (0, 2, 1), (9, 9, 12), (1, 99, 9)] {
            assert_eq!(
                offset(text, LinePosition { line, character }, Encoding::Utf16),
                byte,
                "{line}:{character}"
            );
        }
        assert_eq!(
            position(text, 7, Encoding::Utf16),
            LinePosition { line: 0, character: 4 },
            "inside of an end"
        );
    }
}
