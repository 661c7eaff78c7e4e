//! Text of others in HTML and in XML: nothing in it is markup.

/// Text between tags, or in an attribute in quotes. What neither HTML nor XML 1.0 can hold becomes U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What looks like markup stays text, between tags and in attributes, and no character breaks a document.
    #[test]
    fn markup_is_text() {
        let attack = "</script><script>alert(1)</script><!-- \" onload='x' & \u{0}";
        let text = escaped(attack);
        assert!(!text.contains(['<', '>', '"', '\'', '\u{0}']), "{text}");
        assert_eq!(
            escaped("a<b>&\"c\" \u{1}\u{fffe}\rü\n"),
            "a&lt;b&gt;&amp;&quot;c&quot; \u{fffd}\u{fffd}\u{fffd}ü\n"
        );
    }
}
