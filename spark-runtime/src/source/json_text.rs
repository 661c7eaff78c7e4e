//! What readers of JSON share: an error's words without Rust in them, and its place in the text.

/// An error's words for a reader; its place is said elsewhere.
pub(crate) fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words);
    let words = match words.strip_prefix("EOF while parsing ") {
        Some(what) => format!("the text ends within {what}"),
        None => words.to_owned(),
    };
    crate::http::excerpt(words.as_bytes())
}

/// The byte of `text` that an error of reading it is about. serde counts lines and columns from 1, columns in
/// bytes; at the end of the text it gives the last byte.
pub(crate) fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let line_start: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
    line_start.saturating_add(error.column().saturating_sub(1)).min(text.len())
}

/// Where a part that was borrowed from `whole` starts in it.
pub(crate) fn offset_within(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()).min(whole.len())
}
