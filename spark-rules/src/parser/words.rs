//! Text → words, by the grammar. The only place that knows pest.

use pest::Parser as _;

use crate::limits::PIECE_BYTES;

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The words of a text and its comments' spans, in order.
pub(crate) fn split(text: &str) -> (Vec<Token>, Vec<(u32, u32)>) {
    let mut tokens = Vec::with_capacity(text.len() / 4);
    let mut comments = Vec::new();
    let mut rest = text;
    let mut offset = 0usize;
    while !rest.is_empty() {
        let (piece, tail) = cut(rest);
        split_piece(piece, offset, &mut tokens, &mut comments);
        offset = offset.saturating_add(piece.len());
        rest = tail;
    }
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    tokens.push(Token { kind: Kind::End, start: end, end });
    (tokens, comments)
}

/// A piece of whole lines of about `PIECE_BYTES`, and the rest.
fn cut(text: &str) -> (&str, &str) {
    let long_enough = text.as_bytes().get(PIECE_BYTES..).unwrap_or(&[]);
    match long_enough.iter().position(|byte| *byte == b'\n') {
        Some(place) => {
            let end = place.saturating_add(PIECE_BYTES).saturating_add(1);
            text.split_at_checked(end).unwrap_or((text, ""))
        }
        None => (text, ""),
    }
}

fn split_piece(piece: &str, offset: usize, tokens: &mut Vec<Token>, comments: &mut Vec<(u32, u32)>) {
    // the grammar's last rule takes any character, so that it cannot fail; if it did, the piece is one odd word
    let Ok(pairs) = Grammar::parse(Rule::text, piece) else {
        let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
        let end = at(offset.saturating_add(piece.len()));
        return tokens.push(Token { kind: Kind::Other, start: at(offset), end });
    };
    for pair in pairs {
        let span = pair.as_span();
        let place = |byte: usize| u32::try_from(byte.saturating_add(offset)).unwrap_or(u32::MAX);
        let (start, end) = (place(span.start()), place(span.end()));
        let kind = match pair.as_rule() {
            Rule::word => Kind::Word,
            Rule::number => Kind::Number,
            Rule::symbol => Kind::Symbol,
            Rule::quoted => Kind::Quoted,
            Rule::odd_quoted => Kind::OddQuoted,
            Rule::open_quote => Kind::OpenQuote,
            Rule::comment => {
                comments.push((start, end));
                continue;
            }
            Rule::EOI => continue,
            _ => Kind::Other,
        };
        tokens.push(Token { kind, start, end });
    }
}
