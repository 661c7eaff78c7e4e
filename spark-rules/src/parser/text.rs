//! Names, and text in quotes.

use spark_core::SourceSpan as Span;

use super::words::{Kind, Token};
use super::{Parse, Parser, RESERVED, shortened};
use crate::ast::{Name, Text};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::NAME_BYTES_MAX;

/// Words that stand before a name alone, so that what sticks to it belongs to it.
const DECLARING: &[&str] = &["signal", "trigger", "plan", "check", "probe", "measure"];

impl Parser<'_> {
    /// A name that is declared or used: `what` as in "a signal's name".
    pub(super) fn name(&mut self, what: &str) -> Parse<Name> {
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
                self.refuse(
                    Diagnostic::error(codes::E0120, span, message).help("begin with a letter, as in `p95`"),
                )
            }
            _ => {
                let problem = self.unexpected(what);
                self.refuse(problem.coded(codes::E0134))
            }
        }
    }

    pub(super) fn checked_name(&mut self, text: &str, span: Span, what: &str) -> Parse<Name> {
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
        let opener = self.token_at(self.at.saturating_sub(2));
        let declared = self.declares(opener);
        if declared && self.peek().kind == Kind::Word && self.symbol_ahead(1, "{") && !self.first_on_line() {
            let span = Span { end: self.bump().end, ..span };
            let meant = self.text_in(span).split_whitespace().collect::<Vec<_>>().join("_");
            let message = format!("`{}` is no name: a name is one word", self.text_in(span));
            let problem = Diagnostic::error(codes::E0120, span, message).help(format!("write `{meant}`"));
            self.tell(problem.maybe(vec![Edit::replace(span, meant.clone())]));
            return Ok(Name { text: meant, span });
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

    /// Whether the word before the one that was read last stands before a name that is declared; `expect check` does not.
    fn declares(&self, opener: Token) -> bool {
        let before = self.token_at(self.at.saturating_sub(3));
        DECLARING.contains(&self.text_of(opener)) && !matches!(self.text_of(before), "given" | "expect")
    }

    /// `api-latency` where a block is named: words joined by `-` or `.` without a space.
    pub(super) fn dashed(&mut self, first: Span) -> Option<(Span, String)> {
        let opener = self.token_at(self.at.saturating_sub(2));
        let declared = opener.kind == Kind::Word && self.declares(opener);
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

    pub(super) fn quoted_name(&mut self, what: &str) -> Parse<Name> {
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
    pub(super) fn optional_text(&mut self) -> Parse<Option<Text>> {
        match self.peek().kind {
            Kind::Quoted | Kind::OddQuoted | Kind::OpenQuote => self.quoted("text in quotes").map(Some),
            _ => Ok(None),
        }
    }

    /// Text in quotes: `what` as in "a query in quotes".
    pub(super) fn quoted(&mut self, what: &str) -> Parse<Text> {
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
            _ => match self.unquoted(what) {
                Some(text) => Ok(text),
                None => {
                    let problem = self.unexpected(what);
                    self.refuse(problem.coded(codes::E0131))
                }
            },
        }
    }

    pub(super) fn unescape(&mut self, inner: &str, span: Span) -> String {
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
