//! The words of lines in plain letters, cut byte by byte: what the grammar says, some twenty times as fast. A line with
//! anything else outside of its quotes and comments is the grammar's; a test holds both to each other.

use super::words::{Kind, Token, Words, place};

/// Signs of two letters, which come before those of one.
const TWO: &[&[u8; 2]] = &[
    b"=~", b"!~", b"==", b"!=", b">=", b"<=", b"=>", b"=<", b"<>", b"&&", b"||", b"->", b"//", b"--", b"/*",
    b"*/",
];

/// What may stand behind the `/` of a number.
const PER_TIME: &[&[u8]] = &[
    b"minutes", b"minute", b"mins", b"min", b"seconds", b"second", b"secs", b"sec", b"hours", b"hour",
    b"hrs", b"hr", b"days", b"day", b"s", b"m", b"h", b"d",
];

/// Cuts the lines from byte `from` on, where a line begins. Gives the first byte of the line that is the grammar's, and
/// leaves nothing of it among the words.
pub(super) fn scan(text: &str, from: usize, words: &mut Words) -> Result<(), usize> {
    let bytes = text.as_bytes();
    let (mut at, mut line) = (from, from);
    let mut known = (words.tokens.len(), words.comments.len());
    while let Some(byte) = bytes.get(at).copied() {
        let rest = bytes.get(at..).unwrap_or(&[]);
        let (kind, length) = match byte {
            b'\n' => {
                at = at.saturating_add(1);
                line = at;
                known = (words.tokens.len(), words.comments.len());
                continue;
            }
            b' ' | b'\t' | b'\r' => {
                at = at.saturating_add(1);
                continue;
            }
            b'#' => {
                let end = at.saturating_add(find(rest, b'\n'));
                words.comments.push((place(at), place(end)));
                at = end;
                continue;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => (Kind::Word, word(rest)),
            b'0'..=b'9' => (Kind::Number, number(rest)),
            b'.' if rest.get(1).is_some_and(u8::is_ascii_digit) => (Kind::Number, number(rest)),
            b'"' => (Kind::Quoted, quoted(rest)),
            _ => (Kind::Symbol, symbol(rest)),
        };
        let Some(length) = length else {
            words.tokens.truncate(known.0);
            words.comments.truncate(known.1);
            return Err(line);
        };
        let end = at.saturating_add(length);
        words.tokens.push(Token { kind, start: place(at), end: place(end) });
        at = end;
    }
    Ok(())
}

/// How many bytes come before the first `wanted`; all where there is none.
fn find(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().position(|byte| *byte == wanted).unwrap_or(bytes.len())
}

/// How many letters, digits and `_` are next; none where a letter that is not plain may go on with them.
fn run(bytes: &[u8]) -> Option<usize> {
    let length = bytes.iter().position(|byte| !is_word(*byte)).unwrap_or(bytes.len());
    plain(bytes, length)
}

/// The place, unless what stands there is no plain letter.
fn plain(bytes: &[u8], place: usize) -> Option<usize> {
    bytes.get(place).is_none_or(u8::is_ascii).then_some(place)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word(bytes: &[u8]) -> Option<usize> {
    let mut end = run(bytes)?;
    if bytes.get(end) == Some(&b'.')
        && let Some((b'p', digits)) = bytes.get(..end).and_then(<[u8]>::split_first)
        && !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
    {
        let behind = end.saturating_add(1);
        let more = bytes.get(behind..).unwrap_or(&[]);
        let digits = more.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            return Some(behind.saturating_add(digits));
        }
    }
    while bytes.get(end) == Some(&b':') {
        let behind = end.saturating_add(1);
        match plain(bytes, behind).and_then(|place| bytes.get(place)) {
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                end = behind.saturating_add(run(bytes.get(behind..).unwrap_or(&[]))?);
            }
            // the end, or what is no letter
            _ => return plain(bytes, behind).map(|_| end),
        }
    }
    Some(end)
}

fn number(bytes: &[u8]) -> Option<usize> {
    let mut end = 0usize;
    while let Some(byte) = bytes.get(end) {
        let point = *byte == b'.' && bytes.get(end.saturating_add(1)).is_some_and(u8::is_ascii_digit);
        if !(is_word(*byte) || *byte == b'%' || point) {
            break;
        }
        end = end.saturating_add(1);
    }
    if bytes.get(end) == Some(&b'/') {
        let behind = end.saturating_add(1);
        let length = run(bytes.get(behind..).unwrap_or(&[]))?;
        let over = behind.saturating_add(length);
        if bytes.get(behind..over).is_some_and(|unit| PER_TIME.contains(&unit)) {
            end = over;
        }
    }
    plain(bytes, end)
}

/// Text in quotes that close on the line.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut end = 1usize;
    loop {
        match bytes.get(end)? {
            b'"' => return Some(end.saturating_add(1)),
            b'\n' => return None,
            b'\\' if bytes.get(end.saturating_add(1)) == Some(&b'\n') => return None,
            b'\\' => end = end.saturating_add(2),
            _ => end = end.saturating_add(1),
        }
    }
}

fn symbol(bytes: &[u8]) -> Option<usize> {
    if let Some(two) = bytes.first_chunk::<2>()
        && TWO.contains(&two)
    {
        return Some(2);
    }
    bytes.first().filter(|byte| b"{}()[],;:=><!+-*/%&|.?@$^~".contains(byte)).map(|_| 1)
}
