//! Foreign text, made safe to be kept and shown: bounded, valid, without secrets and without control characters.

use super::Secret;
use crate::harmless::is_harmful;

/// What stands in an output instead of a secret.
const HIDDEN: &str = "[secret]";

/// Shortest secret that is searched for in outputs: a shorter one would be found everywhere, and tell by its gaps what
/// it is.
const SEARCHED_BYTES_MIN: usize = 4;

/// Characters of a foreign text that stand in one line of words.
const EXCERPT_CHARS: usize = 200;

/// The start of a foreign text, on one line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    // four bytes a character at most: no more of a large text is looked at
    let head = bytes.get(..EXCERPT_CHARS.saturating_mul(4)).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    let mut chars = text.chars().map(|c| if is_harmful(c) { ' ' } else { c });
    for c in chars.by_ref().take(EXCERPT_CHARS) {
        if !(c == ' ' && (shown.is_empty() || shown.ends_with(' '))) {
            shown.push(c);
        }
    }
    let shown = shown.trim_end();
    match chars.next().is_some() || bytes.len() > head.len() {
        true => format!("{shown}…"),
        false => shown.to_owned(),
    }
}

/// The first part of an output as text of at most `most` bytes, and how many of its bytes are not in it.
///
/// `total` bytes were read, of which `bytes` are the first: at least `most` and the longest secret together, or all.
pub(crate) fn kept(bytes: &[u8], total: u64, most: usize, secrets: &[Secret]) -> (String, u64) {
    let hidden = hide(bytes, secrets);
    let mut text = String::new();
    let mut taken: usize = 0;
    'pieces: for (piece, from) in &hidden {
        for chunk in piece.utf8_chunks() {
            for c in chunk.valid().chars().chain((!chunk.invalid().is_empty()).then_some('\u{fffd}')) {
                let c = if hostile(c) { '\u{fffd}' } else { c };
                if text.len().saturating_add(c.len_utf8()) > most {
                    break 'pieces;
                }
                text.push(c);
            }
        }
        taken = taken.saturating_add(*from);
    }
    // a piece that was cut counts by the text that stands there: near enough for "how much is missing"
    let kept = match taken == bytes.len() {
        true => taken,
        false => text.len().max(taken),
    };
    (text, total.saturating_sub(u64::try_from(kept).unwrap_or(u64::MAX)))
}

/// The pieces of a text with its secrets hidden, each with how many bytes it stands for.
fn hide<'a>(bytes: &'a [u8], secrets: &[Secret]) -> Vec<(&'a [u8], usize)> {
    let mut pieces = Vec::new();
    let (mut begun, mut place) = (0, 0);
    while let Some(rest) = bytes.get(place..).filter(|rest| !rest.is_empty() && !secrets.is_empty()) {
        let longest = secrets.iter().map(|secret| at_start(secret, rest)).max().unwrap_or(0);
        if longest == 0 {
            place = place.saturating_add(1);
            continue;
        }
        let before = bytes.get(begun..place).unwrap_or_default();
        pieces.push((before, before.len()));
        pieces.push((HIDDEN.as_bytes(), longest));
        place = place.saturating_add(longest);
        begun = place;
    }
    let last = bytes.get(begun..).unwrap_or_default();
    pieces.push((last, last.len()));
    pieces
}

/// How many bytes a secret takes at the start of a text; zero where it does not stand there.
fn at_start(secret: &Secret, bytes: &[u8]) -> usize {
    let secret = secret.expose().as_bytes();
    if secret.len() >= SEARCHED_BYTES_MIN && bytes.starts_with(secret) { secret.len() } else { 0 }
}

/// A text with its secrets hidden.
pub(crate) fn without(text: &str, secrets: &[Secret]) -> String {
    let pieces: Vec<u8> =
        hide(text.as_bytes(), secrets).into_iter().flat_map(|(piece, _)| piece).copied().collect();
    String::from_utf8_lossy(&pieces).into_owned()
}

/// Whether a character moves the cursor, changes the colour or turns the direction of what is read.
pub(crate) fn hostile(c: char) -> bool {
    is_harmful(c) && c != '\n' && c != '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept is text of bounded length, whatever bytes came, and what is missing is counted.
    #[test]
    fn outputs() {
        for (bytes, most, expected, missing) in [
            (&b"out\n"[..], 10, "out\n", 0),
            (b"", 10, "", 0),
            (b"a\xffb", 10, "a\u{fffd}b", 0),
            (b"\x1b[31mred\x07", 20, "\u{fffd}[31mred\u{fffd}", 0),
            (b"abcdef", 4, "abcd", 2),
            ("ab\u{202e}cd".as_bytes(), 10, "ab\u{fffd}cd", 0),
            ("äöü".as_bytes(), 3, "ä", 4),
            (b"\xff\xff\xff\xff", 6, "\u{fffd}\u{fffd}", 0),
        ] {
            let (text, dropped) = kept(bytes, bytes.len() as u64, most, &[]);
            assert_eq!(text, expected);
            assert!(dropped >= missing && dropped <= bytes.len() as u64, "{expected}: {dropped}");
        }
        assert_eq!(kept(b"abcd", 1_000_000, 4, &[]), ("abcd".to_owned(), 999_996));
    }

    /// A secret stands in no output, though it lies across the end of what is kept.
    #[test]
    fn secrets_are_hidden() {
        let secrets = ["hunter2", "hunter2-long", "ab"].map(Secret::new);
        let shown = |text: &str, most| kept(text.as_bytes(), text.len() as u64, most, &secrets).0;
        assert_eq!(shown("x hunter2 hunter2-long y ab", 100), "x [secret] [secret] y ab");
        for most in 0..40 {
            let text = shown("0123456789 hunter2 hunter2 and more of it", most);
            assert!(!text.contains("hu") && text.len() <= most, "{text}");
        }
        assert_eq!(without("token=hunter2", &secrets), "token=[secret]");
    }

    /// Foreign text in a line of words is one line of bounded length.
    #[test]
    fn excerpts() {
        assert_eq!(excerpt(b"  <html>\r\n\x1b[31m  x\0y "), "<html> [31m x y");
        assert_eq!(excerpt("ä".repeat(100_000).as_bytes()).chars().count(), EXCERPT_CHARS + 1);
    }
}
