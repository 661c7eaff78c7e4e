//! Text of others in what is written: in quotes of rules, and in comments.

/// Text in quotes, as rules write it: what is read of it is the text again.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text in one line of a comment: whatever breaks lines or is not seen becomes a space.
pub(crate) fn comment(text: &str) -> String {
    let hidden =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    text.split(hidden).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is quoted is read as the same text, and a comment stays on its line.
    #[test]
    fn read_again() {
        let text = "a \"b\" \\ c\nd\te";
        let rules = format!("edition 2026\nsignal s {} {{ is number  from push }}\n", quoted(text));
        let loaded = crate::load("r.rules", &rules, &mut |_| Err(String::new())).unwrap();
        assert_eq!(loaded.policy.signals()[0].title.as_deref(), Some(text));
        assert_eq!(comment(" a\r\nb\u{2028}c\u{feff} "), "a b c");
    }
}
