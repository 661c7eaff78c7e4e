//! The words of a PromQL query with their places, for what is imported and for queries that get guards.

use std::ops::Range;

/// Aggregations that leave one series without `by` and `without`.
pub(crate) const AGGREGATIONS: [&str; 9] =
    ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"];

/// Aggregations that leave several.
const PICKING: [&str; 5] = ["topk", "bottomk", "count_values", "limitk", "limit_ratio"];

/// Whether a word in lower case names an aggregation.
pub(crate) fn is_aggregation(word: &str) -> bool {
    AGGREGATIONS.contains(&word) || PICKING.contains(&word)
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lexeme {
    Name,
    /// A number or a length of time.
    Number,
    /// In quotes of any kind.
    Text,
    /// `{…}` with all that is in it.
    Matchers,
    /// `[…]`
    Range,
    /// `# …` to the end of the line.
    Comment,
    /// An operator, a parenthesis, or a character that PromQL does not have.
    Sign,
}

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Lexeme,
    pub(crate) word: String,
    /// Its bytes.
    pub(crate) span: Range<usize>,
}

impl Token {
    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Lexeme::Sign && self.word == sign
    }
}

/// Splits a query.
///
/// # Errors
/// A text, a selector or a range in it is not closed; in words.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start.saturating_add(c.len_utf8());
        let kind = match c {
            c if c.is_ascii_whitespace() => continue,
            '#' => {
                while let Some((at, c)) = chars.next_if(|(_, next)| *next != '\n') {
                    end = at.saturating_add(c.len_utf8());
                }
                Lexeme::Comment
            }
            '"' | '\'' | '`' => {
                end = closed(&mut chars, c).ok_or("a text in it is not closed")?;
                Lexeme::Text
            }
            '{' | '[' => {
                end = enclosed(&mut chars, c)?;
                if c == '{' { Lexeme::Matchers } else { Lexeme::Range }
            }
            c if c.is_ascii_alphabetic() || matches!(c, '_' | ':') => {
                while let Some((at, _)) =
                    chars.next_if(|(_, next)| next.is_ascii_alphanumeric() || matches!(next, '_' | ':'))
                {
                    end = at.saturating_add(1);
                }
                Lexeme::Name
            }
            // also a length of time, whose letters are no name
            c if c.is_ascii_digit() || c == '.' => {
                let mut before = c;
                while let Some((at, next)) = chars.next_if(|(_, next)| {
                    next.is_ascii_alphanumeric()
                        || matches!(next, '.' | '_')
                        || (matches!(next, '+' | '-') && matches!(before, 'e' | 'E'))
                }) {
                    before = next;
                    end = at.saturating_add(1);
                }
                Lexeme::Number
            }
            '>' | '<' | '=' | '!' => {
                if let Some((at, _)) = chars.next_if(|(_, next)| matches!(next, '=' | '~')) {
                    end = at.saturating_add(1);
                }
                Lexeme::Sign
            }
            _ => Lexeme::Sign,
        };
        let word = text.get(start..end).unwrap_or("").to_owned();
        tokens.push(Token { kind, word, span: start..end });
    }
    Ok(tokens)
}

/// The end of what stands between braces or brackets.
fn enclosed(chars: &mut impl Iterator<Item = (usize, char)>, open: char) -> Result<usize, String> {
    let close = if open == '{' { '}' } else { ']' };
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == close => return Ok(at.saturating_add(1)),
            '"' | '\'' | '`' => {
                closed(chars, c).ok_or("a text in it is not closed")?;
            }
            _ => {}
        }
    }
    Err(format!("`{open}` is not closed in it"))
}

/// The end of a text in quotes.
fn closed(chars: &mut impl Iterator<Item = (usize, char)>, quote: char) -> Option<usize> {
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return at.checked_add(1);
        }
        if c == '\\' && quote != '`' {
            chars.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in quotes, in braces and behind `#` is one word each; nothing that is not closed is read.
    #[test]
    fn words() {
        let shown =
            |text: &str| tokens(text).map(|all| all.into_iter().map(|token| token.word).collect::<Vec<_>>());
        let query = "sum by (a) (x{b=\"}\"}[5m:1m]) >= bool 1e-3 # ü)\n$ 'it\\'s'";
        let words = [
            "sum",
            "by",
            "(",
            "a",
            ")",
            "(",
            "x",
            "{b=\"}\"}",
            "[5m:1m]",
            ")",
            ">=",
            "bool",
            "1e-3",
            "# ü)",
            "$",
            "'it\\'s'",
        ];
        assert_eq!(shown(query).unwrap(), words);
        for (wrong, why) in [
            ("x{a=\"", "a text in it is not closed"),
            ("x{a", "`{` is not closed in it"),
            ("x[5m", "`[` is not closed in it"),
        ] {
            assert_eq!(shown(wrong).unwrap_err(), why);
        }
    }
}
