//! Text → tree. Every mistake of a file is found in one run: a clause that cannot be read is skipped up to the next
//! one, a block without its end stops where the next begins, and what was skipped says nothing more.

mod block;
mod condition;
mod expression;
mod metrics;
mod series;
mod value;
mod words;

use spark_core::SourceSpan as Span;

use crate::ast::{File, Name, Text};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::{DIAGNOSTICS_MAX, NAME_BYTES_MAX, NESTING_MAX};
use crate::suggest::nearest;
use words::{Kind, Token};

/// What could not be read was told; the caller skips on.
#[derive(Debug)]
struct Skip;

type Parse<T> = Result<T, Skip>;

/// Words that have a meaning where a name may stand, so that no name can be one.
const RESERVED: &[&str] = &[
    "and", "or", "not", "for", "then", "within", "between", "over", "when", "baseline", "warn", "hold",
    "rollback", "clear", "given", "unless", "unknown", "runbook", "owner", "expect", "proceed", "is", "from",
    "stale", "stage", "edition", "evaluate", "use", "signal", "trigger", "plan", "test",
];

/// Reads a file. `number` is its place among the files.
pub(crate) fn parse(number: u32, text: &str) -> (File, Vec<Diagnostic>) {
    let (tokens, comments) = words::split(text);
    let mut parser = Parser { text, number, tokens, at: 0, nesting: 0, problems: Vec::new() };
    let items = parser.items();
    let comments = comments.into_iter().map(|(start, end)| Span { file: number, start, end }).collect();
    (File { number, items, comments }, parser.problems)
}

struct Parser<'a> {
    text: &'a str,
    number: u32,
    /// INVARIANT: the last one is `Kind::End`.
    tokens: Vec<Token>,
    at: usize,
    nesting: u16,
    problems: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn token_at(&self, place: usize) -> Token {
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
        if self.problems.len() < DIAGNOSTICS_MAX {
            self.problems.push(*diagnostic);
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
        let span = match self.at_end() {
            // an empty span at the end of a file shows nothing: point behind the last word
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
        self.refuse(problem)
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

    /// A name that is declared or used: `what` as in "a signal's name".
    fn name(&mut self, what: &str) -> Parse<Name> {
        let token = self.peek();
        let span = self.span_of(token);
        match token.kind {
            Kind::Word => {
                self.bump();
                self.checked_name(self.text_of(token), span, what)
            }
            Kind::Quoted | Kind::OddQuoted => self.quoted_name(what),
            Kind::Number => {
                let text = self.text_of(token);
                let message = format!("`{text}` is no name: {what} starts with a letter or `_`");
                self.refuse(Diagnostic::error(codes::E0120, span, message))
            }
            _ => {
                let problem = self.unexpected(what);
                self.refuse(problem)
            }
        }
    }

    fn checked_name(&mut self, text: &str, span: Span, what: &str) -> Parse<Name> {
        if RESERVED.contains(&text) {
            let message = format!("expected {what}, found the reserved word `{text}`");
            let problem = Diagnostic::error(codes::E0120, span, message).help("choose another name");
            self.at = self.at.saturating_sub(1);
            return self.refuse(problem);
        }
        if let Some(whole) = self.dashed(span) {
            let meant = whole.1.replace(['-', '.'], "_");
            let message = format!("`{}` is no name: names have letters, digits and `_`", whole.1);
            let problem = Diagnostic::error(codes::E0120, whole.0, message)
                .help(format!("write `{meant}`"))
                .maybe(vec![Edit::replace(whole.0, meant.clone())]);
            self.tell(problem);
            return Ok(Name { text: meant, span: whole.0 });
        }
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain || text.len() > NAME_BYTES_MAX {
            let message =
                format!("`{}` is no name: names have ASCII letters, digits and `_`", shortened(text));
            self.tell(Diagnostic::error(codes::E0120, span, message).help(format!(
                "text in quotes, such as a title, is any language; a name has at most {NAME_BYTES_MAX} bytes"
            )));
        }
        Ok(Name { text: text.to_owned(), span })
    }

    /// `api-latency` where a block is named: words joined by `-` or `.` without a space.
    fn dashed(&mut self, first: Span) -> Option<(Span, String)> {
        let opener = self.token_at(self.at.saturating_sub(2));
        let declared =
            opener.kind == Kind::Word && matches!(self.text_of(opener), "signal" | "trigger" | "plan");
        if !declared {
            return None;
        }
        let mut end = first.end;
        while (self.at_symbol("-") || self.at_symbol("."))
            && self.peek().start == end
            && matches!(self.ahead(1).kind, Kind::Word | Kind::Number)
            && self.ahead(1).start == self.peek().end
        {
            self.bump();
            end = self.bump().end;
        }
        let span = Span { end, ..first };
        (end != first.end)
            .then(|| (span, self.text.get(first.start as usize..end as usize).unwrap_or("").to_owned()))
    }

    fn quoted_name(&mut self, what: &str) -> Parse<Name> {
        let token = self.bump();
        let span = self.span_of(token);
        let inner: String = self
            .text_of(token)
            .chars()
            .map(|c| if c == ' ' || c == '-' { '_' } else { c })
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let starts = inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let message = format!("expected {what}, found text in quotes");
        let problem = Diagnostic::error(codes::E0120, span, message);
        if !starts || RESERVED.contains(&inner.as_str()) {
            return self
                .refuse(problem.help("a name is written without quotes; a title follows it in quotes"));
        }
        self.tell(
            problem
                .help("a name is written without quotes; a title may follow it in quotes")
                .maybe(vec![Edit::replace(span, inner.clone())]),
        );
        Ok(Name { text: inner, span })
    }

    /// Text in quotes, if there is some ahead.
    fn optional_text(&mut self) -> Parse<Option<Text>> {
        match self.peek().kind {
            Kind::Quoted | Kind::OddQuoted | Kind::OpenQuote => self.quoted("text in quotes").map(Some),
            _ => Ok(None),
        }
    }

    /// Text in quotes: `what` as in "a query in quotes".
    fn quoted(&mut self, what: &str) -> Parse<Text> {
        let token = self.peek();
        let span = self.span_of(token);
        let text = self.text_of(token);
        match token.kind {
            Kind::Quoted => {
                self.bump();
                let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
                let value = self.unescape(inner, span);
                Ok(Text { value, span })
            }
            Kind::OddQuoted => {
                self.bump();
                let mut chars = text.chars();
                chars.next();
                chars.next_back();
                let inner = chars.as_str().to_owned();
                let straight = format!("\"{}\"", inner.replace('\\', "\\\\").replace('"', "\\\""));
                self.tell(
                    Diagnostic::error(
                        codes::E0105,
                        span,
                        format!("`{}` is not in straight double quotes", shortened(text)),
                    )
                    .help("write straight double quotes")
                    .machine(vec![Edit::replace(span, straight)]),
                );
                Ok(Text { value: inner, span })
            }
            Kind::OpenQuote => {
                self.bump();
                let problem =
                    Diagnostic::error(codes::E0102, span, "this text has no closing quote on its line")
                        .label("opened here")
                        .help("close it with `\"` on the same line");
                self.refuse(problem)
            }
            _ => {
                let problem = self.unexpected(what);
                self.refuse(problem)
            }
        }
    }

    fn unescape(&mut self, inner: &str, span: Span) -> String {
        if !inner.contains('\\') {
            return inner.to_owned();
        }
        let mut value = String::with_capacity(inner.len());
        let mut chars = inner.char_indices();
        while let Some((place, c)) = chars.next() {
            if c != '\\' {
                value.push(c);
                continue;
            }
            match chars.next() {
                Some((_, '"')) => value.push('"'),
                Some((_, '\\')) => value.push('\\'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((next, other)) => {
                    let at = |byte: usize| {
                        span.start.saturating_add(1).saturating_add(u32::try_from(byte).unwrap_or(u32::MAX))
                    };
                    let odd = Span {
                        file: span.file,
                        start: at(place),
                        end: at(next.saturating_add(other.len_utf8())),
                    };
                    self.tell(
                        Diagnostic::error(
                            codes::E0113,
                            odd,
                            format!("`\\{other}` is no escape: expected `\\\"`, `\\\\`, `\\n` or `\\t`"),
                        )
                        .help("write a backslash itself twice")
                        .machine(vec![Edit::insert(odd.start, "\\")]),
                    );
                    value.push('\\');
                    value.push(other);
                }
                None => value.push('\\'),
            }
        }
        value
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
