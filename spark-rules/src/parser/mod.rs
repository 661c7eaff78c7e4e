//! Text → tree. Every mistake of a file is found in one run: a clause that cannot be read is skipped up to the next
//! one, a block without its end stops where the next begins, and what was skipped says nothing more.

mod approval;
mod block;
mod call;
mod check;
mod clause;
mod condition;
mod expression;
mod file;
mod foreign;
mod habits;
mod joined;
mod looked;
mod metrics;
mod number;
mod piece;
mod plan;
mod relation;
mod scan;
mod series;
mod text;
mod value;
mod worded;
mod words;

use spark_core::SourceSpan as Span;

use crate::ast::File;
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::{DIAGNOSTICS_MAX, NESTING_MAX};
use crate::suggest::nearest;
#[cfg(test)]
pub(crate) use call::WINDOW_FUNCTIONS;
pub(crate) use check::WORDS as CHECK_WORDS;
pub(crate) use expression::reference_near;
pub(crate) use number::alias;
pub(crate) use piece::{Piece, pieces};
pub(crate) use words::{Kind, Token, split};

/// What could not be read was told; the caller skips on.
#[derive(Debug)]
struct Skip;

type Parse<T> = Result<T, Skip>;

/// Words that have a meaning where a name may stand, so that no name can be one.
pub(crate) const RESERVED: &[&str] = &[
    "and", "or", "not", "for", "then", "within", "between", "over", "when", "baseline", "warn", "hold",
    "rollback", "clear", "given", "unless", "unknown", "runbook", "owner", "expect", "proceed", "is", "from",
    "stale", "stage", "edition", "evaluate", "use", "signal", "trigger", "plan", "test",
];

/// Whether no name can be this word.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Reads a file. `number` is its place among the files. With it come the mistakes, and how many more there are than are
/// told.
pub(crate) fn parse(number: u32, text: &str) -> (File, Vec<Diagnostic>, usize) {
    let (tokens, comments) = words::split(text);
    let mut parser = Parser::new(number, text, tokens);
    let items = parser.items();
    let comments = comments.into_iter().map(|(start, end)| Span { file: number, start, end }).collect();
    let (doubtful, blind) = (parser.doubtful, parser.blind);
    (File { number, items, comments, doubtful, blind }, parser.problems, parser.untold)
}

struct Parser<'a> {
    text: &'a str,
    number: u32,
    /// INVARIANT: the last one is `Kind::End`.
    tokens: Vec<Token>,
    at: usize,
    /// The last word that was looked at.
    reach: std::cell::Cell<usize>,
    nesting: u16,
    /// Whether what is read stands in a check.
    in_check: bool,
    problems: Vec<Diagnostic>,
    /// Mistakes beyond those that are told.
    untold: usize,
    /// Names of blocks that could not be read.
    doubtful: Vec<String>,
    /// Whether a file that is included is not known.
    blind: bool,
}

impl<'a> Parser<'a> {
    /// The place behind the letter that begins here: a space may have several bytes.
    fn behind(&self, at: u32) -> u32 {
        let rest = self.text.get(at as usize..).unwrap_or("");
        let bytes = rest.chars().next().map_or(0, char::len_utf8);
        at.saturating_add(u32::try_from(bytes).unwrap_or(0))
    }

    fn token_at(&self, place: usize) -> Token {
        self.reach.set(self.reach.get().max(place));
        let end = || Token { kind: Kind::End, start: self.text_end(), end: self.text_end() };
        self.tokens.get(place).copied().unwrap_or_else(end)
    }

    fn text_end(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    fn peek(&self) -> Token {
        self.token_at(self.at)
    }

    fn ahead(&self, by: usize) -> Token {
        self.token_at(self.at.saturating_add(by))
    }

    fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    fn span_of(&self, token: Token) -> Span {
        Span { file: self.number, start: token.start, end: token.end }
    }

    fn peek_text(&self) -> &'a str {
        self.text_of(self.peek())
    }

    fn peek_span(&self) -> Span {
        self.span_of(self.peek())
    }

    fn bump(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at = self.at.saturating_add(1);
        }
        token
    }

    fn at_end(&self) -> bool {
        self.peek().kind == Kind::End
    }

    fn word_ahead(&self, by: usize, word: &str) -> bool {
        let token = self.ahead(by);
        token.kind == Kind::Word && self.text_of(token) == word
    }

    fn at_word(&self, word: &str) -> bool {
        self.word_ahead(0, word)
    }

    fn at_symbol(&self, symbol: &str) -> bool {
        self.symbol_ahead(0, symbol)
    }

    fn symbol_ahead(&self, by: usize, symbol: &str) -> bool {
        let token = self.ahead(by);
        token.kind == Kind::Symbol && self.text_of(token) == symbol
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        if found {
            self.bump();
        }
        found
    }

    /// The span from `start` to the end of the last word that was read.
    fn since(&self, start: Span) -> Span {
        let last = self.token_at(self.at.saturating_sub(1));
        Span { file: self.number, start: start.start, end: last.end.max(start.start) }
    }

    /// The end of the last word that was read.
    fn last_end(&self) -> u32 {
        match self.at {
            0 => 0,
            at => self.token_at(at.saturating_sub(1)).end,
        }
    }

    /// The last word that was read.
    fn last_span(&self) -> Span {
        self.span_of(self.token_at(self.at.saturating_sub(1)))
    }

    /// Whether a line ends between the word before and the one ahead.
    fn first_on_line(&self) -> bool {
        let between = self.text.get(self.last_end() as usize..self.peek().start as usize);
        self.at == 0 || between.is_some_and(|gap| gap.contains('\n'))
    }

    #[expect(clippy::boxed_local, reason = "diagnostics are built in boxes, see `Diagnostic::error`")]
    fn tell(&mut self, diagnostic: Box<Diagnostic>) {
        match self.problems.len() < DIAGNOSTICS_MAX {
            true => self.problems.push(*diagnostic),
            false => self.untold = self.untold.saturating_add(1),
        }
    }

    fn refuse<T>(&mut self, diagnostic: Box<Diagnostic>) -> Parse<T> {
        self.tell(diagnostic);
        Err(Skip)
    }

    /// The word ahead as a reader sees it.
    fn found(&self) -> String {
        let token = self.peek();
        match token.kind {
            Kind::End => "the end of the file".to_owned(),
            _ => format!("`{}`", shortened(self.text_of(token))),
        }
    }

    /// "expected X, found Y" at the word ahead.
    fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        let span = match self.at_end() || self.first_on_line() {
            // what is missing is missing behind the last word, not on the next line
            true => Span { file: self.number, start: self.last_end(), end: self.last_end() },
            false => self.peek_span(),
        };
        Diagnostic::error(codes::E0101, span, format!("expected {expected}, found {}", self.found()))
    }

    fn expect_symbol(&mut self, symbol: &str, context: &str) -> Parse<()> {
        if self.eat_symbol(symbol) {
            return Ok(());
        }
        let problem = self.unexpected(&format!("`{symbol}` {context}"));
        self.refuse(if symbol == ")" { problem.coded(codes::E0126) } else { problem })
    }

    /// A reserved word that must stand here; a near miss is told with its fix and taken as meant.
    fn expect_word(&mut self, word: &str, context: &str) -> Parse<()> {
        if self.eat_word(word) {
            return Ok(());
        }
        let found = self.peek_text();
        let near = self.peek().kind == Kind::Word && nearest(found, [word]).contains(&word);
        let problem = self.unexpected(&format!("`{word}` {context}"));
        if !near {
            return self.refuse(problem);
        }
        let span = self.peek_span();
        let problem = if word == "when" { problem.coded(codes::E0122) } else { problem };
        self.tell(problem.help(format!("write `{word}`")).machine(vec![Edit::replace(span, word)]));
        self.bump();
        Ok(())
    }

    /// Goes one level deeper into parentheses or `not`.
    fn deeper(&mut self) -> Parse<()> {
        if self.nesting >= NESTING_MAX {
            let message = format!("this is nested more than {NESTING_MAX} deep");
            let problem = Diagnostic::error(codes::E0109, self.peek_span(), message)
                .help("split the condition into several triggers, or leave superfluous parentheses out");
            return self.refuse(problem);
        }
        self.nesting = self.nesting.saturating_add(1);
        Ok(())
    }

    fn shallower(&mut self) {
        self.nesting = self.nesting.saturating_sub(1);
    }
}

/// A word for a message: its first 40 characters.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}
