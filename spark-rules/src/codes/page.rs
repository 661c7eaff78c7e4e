//! A code's page for a terminal.

/// How far rules stand in from the margin.
const INDENT: &str = "    ";

/// The page without its marks of Markdown: prose wrapped at `width` columns, rules and lists indented as they are.
pub(super) fn text(page: &str, width: usize) -> String {
    let mut result = String::new();
    let mut in_rules = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_rules = !in_rules;
            continue;
        }
        match (in_rules, line.trim_start_matches('#').trim_start()) {
            (true, _) if line.is_empty() => {}
            (true, _) => result.extend([INDENT, line]),
            (false, heading) if line.starts_with('#') => result.push_str(heading),
            (false, prose) => wrap(&mut result, prose, width),
        }
        result.push('\n');
    }
    result
}

/// Adds the words, as many to a line as fit; a longer word stands alone.
fn wrap(result: &mut String, prose: &str, width: usize) {
    let mut used: usize = 0;
    for word in prose.split_whitespace() {
        let length = word.chars().count();
        match used {
            0 => used = length,
            _ if used.saturating_add(length) < width => {
                result.push(' ');
                used = used.saturating_add(length).saturating_add(1);
            }
            _ => {
                result.push('\n');
                used = length;
            }
        }
        result.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prose is wrapped, rules stay as they are, and no mark of Markdown is left of headings and fences.
    #[test]
    fn for_a_terminal() {
        let page = "# E0000: a title\n\nfour words stand here\n\n## Wrong\n```rules\nedition 2026\n\nsignal  x\n```\n";
        let expected =
            "E0000: a title\n\nfour words\nstand here\n\nWrong\n    edition 2026\n\n    signal  x\n";
        assert_eq!(text(page, 10), expected);
    }
}
