//! Text → words, as the grammar says. The only place that knows pest.

use pest::Parser as _;

use super::scan::scan;

/// The derive makes an enum of the grammar's rules.
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(super) struct Grammar;
}

use grammar::{Grammar, Rule};

/// What kind of word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Number,
    Symbol,
    /// Text in straight double quotes.
    Quoted,
    /// Text in other quotes.
    OddQuoted,
    /// A quote that is not closed on its line.
    OpenQuote,
    /// What no rule begins with.
    Other,
    /// The end of the file.
    End,
}

/// A word of the text: bytes `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The words of a text and its comments' spans, in order.
///
/// Lines in plain letters, which are nearly all, are cut by `scan`; every other line by the grammar. No word crosses a line,
/// so that both see what a cut of the whole would see.
pub(crate) fn split(text: &str) -> (Vec<Token>, Vec<(u32, u32)>) {
    let mut words = Words { tokens: Vec::with_capacity(text.len() / 4), comments: Vec::new() };
    let mut at = 0usize;
    while at < text.len() {
        let Err(odd) = scan(text, at, &mut words) else { break };
        let rest = text.get(odd..).unwrap_or("");
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        words.cut(line, odd);
        at = odd.saturating_add(line.len().max(1));
    }
    let end = place(text.len());
    words.tokens.push(Token { kind: Kind::End, start: end, end });
    (words.tokens, words.comments)
}

/// What was cut so far.
pub(super) struct Words {
    pub(super) tokens: Vec<Token>,
    pub(super) comments: Vec<(u32, u32)>,
}

impl Words {
    /// Cuts a line, which begins at byte `offset`, by the grammar.
    fn cut(&mut self, line: &str, offset: usize) {
        let at = |byte: usize| place(byte.saturating_add(offset));
        // the grammar's last rule takes any character, so that it cannot fail; if it did, the line is one odd word
        let Ok(pairs) = Grammar::parse(Rule::text, line) else {
            return self.tokens.push(Token { kind: Kind::Other, start: at(0), end: at(line.len()) });
        };
        for pair in pairs {
            let span = pair.as_span();
            let (start, end) = (at(span.start()), at(span.end()));
            let kind = match pair.as_rule() {
                Rule::word => Kind::Word,
                Rule::number => Kind::Number,
                Rule::symbol => Kind::Symbol,
                Rule::quoted => Kind::Quoted,
                Rule::odd_quoted => Kind::OddQuoted,
                Rule::open_quote => Kind::OpenQuote,
                Rule::comment => {
                    self.comments.push((start, end));
                    continue;
                }
                Rule::EOI => continue,
                _ => Kind::Other,
            };
            self.tokens.push(Token { kind, start, end });
        }
    }
}

/// A byte's place, as spans keep it.
pub(super) fn place(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the grammar alone cuts from a text as a whole.
    fn by_grammar(text: &str) -> Words {
        let mut words = Words { tokens: Vec::new(), comments: Vec::new() };
        words.cut(text, 0);
        words
    }

    /// A text is cut as the grammar cuts it.
    fn check(text: &str) {
        let (tokens, comments) = split(text);
        let grammar = by_grammar(text);
        let (end, tokens) = tokens.split_last().unwrap();
        assert_eq!((end.kind, end.start as usize), (Kind::End, text.len()), "{text:?}");
        assert_eq!(tokens, grammar.tokens, "{text:?}");
        assert_eq!(comments, grammar.comments, "{text:?}");
    }

    /// Words that begin alike, numbers with what sticks to them, signs of two letters, quotes that do not close: each is cut
    /// as the grammar cuts it, alone and with something behind it.
    #[test]
    fn as_the_grammar() {
        let words = [
            "p99",
            "p99.9",
            "p99.9x",
            "p99.",
            "p9.9.9",
            "pp9.9",
            "p.9",
            "_a1",
            "a:b",
            "a:",
            "a:1",
            "a::b",
            "a:é",
            "é",
            "aé",
            "a\u{301}",
            "1",
            "1.",
            "1.5",
            ".5",
            ".",
            "..5",
            "1.5.5",
            "1_000",
            "400ms",
            "1h30m",
            "0.5%",
            "1e5",
            "10µs",
            "10μs",
            "5µ%",
            "3x",
            "1µé",
            "1/s",
            "1/sec",
            "1/secs",
            "1/seconds",
            "1/secondsx",
            "1/secx",
            "1/min",
            "1/mins",
            "1/minx",
            "1/mi",
            "1/m",
            "1/h",
            "1/hr",
            "1/hrs",
            "1/hou",
            "1/day",
            "1/days",
            "1/dayss",
            "1/d_",
            "1/d1",
            "1/sé",
            "1/",
            "1//s",
            "1/ s",
            "10MiB/min",
            ".5/s",
            "1/s/s",
            "=~",
            "!~",
            "==",
            "===",
            "!=",
            ">=",
            "=>",
            "=<",
            "<>",
            "<=>",
            "&&",
            "&&&",
            "||",
            "->",
            "-->",
            "//",
            "--",
            "/*",
            "*/",
            "*/*",
            "{",
            "}",
            "?",
            "@",
            "$",
            "^",
            "~",
            "≥",
            "−",
            "\\",
            "\u{0}",
            "\u{7f}",
            "\u{feff}",
            "\u{a0}",
            "\u{2028}",
            "😀",
            "\"\"",
            "\"a b\"",
            "\"é😀\"",
            "\"a\\\"b\"",
            "\"a\\\\\"",
            "\"a\\",
            "\"a\\é\"",
            "\"open",
            "\"",
            "\"\\",
            "\"a\\\n\"",
            "'a'",
            "'open",
            "`a`",
            "`open",
            "“a”",
            "“open",
            "«a»",
            "‘a’",
            "#",
            "# é \" '",
            "#\r",
            "\r",
            "\t",
            "\n",
            " ",
        ];
        for word in words {
            for behind in ["", " ", "\n", "a", "1", ".", "é", "\"", "/s", "=", "\r\n", ":b", "#c", "'"] {
                check(&format!("{word}{behind}"));
                check(&format!("a {word}{behind}\nb > 5%\n{behind}{word}"));
            }
        }
    }

    proptest! {
        /// Any text is cut as the grammar cuts it.
        #[test]
        fn as_the_grammar_anywhere(text in any::<String>()) {
            check(&text);
        }

        /// So is text of what rules are made of, broken anywhere.
        #[test]
        fn as_the_grammar_in_pieces(words in proptest::collection::vec(piece(), 0..40)) {
            check(&words.concat());
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        let piece = "[ -~]{1,3}|[a-z:._/0-9%]{1,6}|p[0-9]{1,2}\\.[0-9a-z]|[0-9.]{1,3}(ms|%|µs|h|/[a-z]{1,7})|\"[^\"]{0,5}\"?|[=!<>~&|*/-]{1,3}|#[^\n]{0,4}\n|[ \n\r\t]|['`“”«»‘’é×−]";
        proptest::string::string_regex(piece).unwrap()
    }
}
