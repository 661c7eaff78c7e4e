//! YAML as text: what is written is read back as the same text by every YAML reader.

use std::fmt::Write as _;

/// Text as a YAML scalar on one line: plain words stay plain, the rest is quoted.
pub(super) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.'))
        && !is_word(text);
    if plain {
        return text.to_owned();
    }
    quoted(text)
}

/// Text in quotes.
pub(super) fn quoted(text: &str) -> String {
    let simple = |c: char| !c.is_control() && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    if text.chars().all(simple) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if simple(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Words that some reader takes for something else than text.
fn is_word(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf", "nan"];
    words.contains(&text.to_ascii_lowercase().as_str())
}

/// Text for an annotation, which Prometheus reads as a template: braces in it stay braces.
pub(super) fn untemplated(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}
