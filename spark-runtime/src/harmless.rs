//! Characters that do something else than stand there: to a terminal, a page or a reader. Text of others is never shown or
//! kept with them as they are.

/// Whether a character does something else than stand there; a line's end and a tab do too.
pub fn is_harmful(c: char) -> bool {
    match c {
        // the turns of direction, the marks that nobody sees, and the line ends that only some know
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => true,
        '\u{2028}' | '\u{2029}' | '\u{feff}' => true,
        c => c.is_control(),
    }
}

/// Writes a character as JSON's escape: `\u001b`.
pub fn write_out(out: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}

/// JSON in which each harmful character is an escape. It says the same, since they can stand within strings alone; the line
/// ends of its layout stay.
pub fn json(text: String) -> String {
    if !text.chars().any(|c| c != '\n' && is_harmful(c)) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c != '\n' && is_harmful(c) {
            true => write_out(&mut out, c),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In JSON, what a terminal would act on is an escape, and the same is said.
    #[test]
    fn json_says_the_same() {
        let hostile = "\u{9b}2J\u{7f}\u{202e}\u{1b}\u{61c}\u{feff}\\\u{85}ok";
        let text = json(serde_json::to_string(hostile).unwrap());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }
}
