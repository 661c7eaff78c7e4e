//! Text of others in a page: nothing in it is markup or a script.

/// Text between tags, or in an attribute in double quotes.
pub(in super::super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // no reader of HTML takes other control characters
            letter if letter.is_control() && !matches!(letter, '\n' | '\t') => out.push('\u{FFFD}'),
            letter => out.push(letter),
        }
    }
    out
}

/// JSON inside of a `script` element: it cannot end it, nor open a comment in it.
pub(super) fn json(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    /// What looks like markup stays text, between tags, in attributes and in data.
    #[test]
    fn markup_is_text() {
        let attack = "</script><script>alert(1)</script><!-- \" onload='x' & \u{0}";
        let text = super::text(attack);
        assert!(!text.contains(['<', '>', '"', '\'', '\u{0}']), "{text}");
        assert_eq!(super::text("a < b && \"c\""), "a &lt; b &amp;&amp; &quot;c&quot;");
        let json = super::json(&serde_json::to_string(attack).unwrap());
        assert!(!json.contains(['<', '>', '&']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), attack);
    }
}
