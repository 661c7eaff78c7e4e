//! Rules on one line, for words that quote them: a message is one line, however what it speaks of was laid out.

/// A text without comments that end within it, and with one space where there is space, but for what stands in quotes.
pub(crate) fn one_line(text: String) -> String {
    if !text.contains(['\n', '\r', '\t']) && !text.contains("  ") {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text.as_str(), false);
    while let Some(next) = rest.chars().next() {
        let comment = if next == '#' && !quoted { rest.split_once('\n') } else { None };
        rest = comment.map_or_else(|| rest.get(next.len_utf8()..).unwrap_or(""), |(_, after)| after);
        let space = comment.is_some() || next == '\n' || (next.is_ascii_whitespace() && !quoted);
        // quoted text ends with its line
        quoted = (quoted != (next == '"' && comment.is_none())) && next != '\n';
        match space {
            true if line.is_empty() || line.ends_with(' ') => {}
            true => line.push(' '),
            false => line.push(next),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;

    /// Layout and comments leave the words that quote rules; what is in quotes stays.
    #[test]
    fn layout_is_left_out() {
        for (text, line) in [
            ("`p95 > 300ms` is it", "`p95 > 300ms` is it"),
            ("`expect  <= 150%`: always", "`expect <= 150%`: always"),
            ("`p95\n  >\r\n\t300ms` is", "`p95 > 300ms` is"),
            ("`p95 # why \"\n  > # x\n 1s` is", "`p95 > 1s` is"),
            ("`\"a  # b\"  c`", "`\"a  # b\" c`"),
            ("`# allow W0304` is  old", "`# allow W0304` is old"),
            ("`é\n漢`", "`é 漢`"),
        ] {
            assert_eq!(one_line(text.to_owned()), line);
        }
    }
}
