//! PromQL as a tree with places, as far as an import has to know it: the text of what it does not know is kept.
//!
//! A parser of one's own, since an imported query is kept as it was written, and the trees of others have no places in the text.

use std::ops::Range;

use rust_decimal::Decimal;
use spark_core::decimal::parse_exact;

use crate::promql::{Lexeme, Token, is_aggregation, tokens};

/// Deepest nesting: what people write has ten levels.
const DEPTH_MAX: usize = 100;

/// An expression and its bytes in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expr {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Number(Decimal),
    /// A number that a decimal does not hold, or text.
    Other,
    /// With its metric's name, where it has one; `true` for a range.
    Selector {
        metric: Option<String>,
        range: bool,
        /// Whether it has `offset` or `@`.
        moved: bool,
    },
    Call {
        function: String,
        arguments: Vec<Expr>,
    },
    Aggregate {
        function: String,
        arguments: Vec<Expr>,
        /// The labels that it leaves; none without `by`.
        labels: Option<Vec<String>>,
        without: bool,
    },
    Binary {
        operator: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
        /// `bool`, and with it 1 or 0.
        returns_bool: bool,
        /// `on()` with nothing in it.
        on_nothing: bool,
    },
    Negate(Box<Expr>),
    Paren(Box<Expr>),
    Subquery(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Unless,
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    NotEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    /// `%` and `atan2`.
    Other,
}

impl Operator {
    /// How tightly it binds, and the word.
    fn read(token: &Token) -> Option<(u8, Self)> {
        Some(match (token.kind, token.word.to_ascii_lowercase().as_str()) {
            (Lexeme::Name, "or") => (1, Self::Or),
            (Lexeme::Name, "and") => (2, Self::And),
            (Lexeme::Name, "unless") => (2, Self::Unless),
            (Lexeme::Sign, ">") => (3, Self::Above),
            (Lexeme::Sign, ">=") => (3, Self::AtLeast),
            (Lexeme::Sign, "<") => (3, Self::Below),
            (Lexeme::Sign, "<=") => (3, Self::AtMost),
            (Lexeme::Sign, "==") => (3, Self::Equal),
            (Lexeme::Sign, "!=") => (3, Self::NotEqual),
            (Lexeme::Sign, "+") => (4, Self::Add),
            (Lexeme::Sign, "-") => (4, Self::Subtract),
            (Lexeme::Sign, "*") => (5, Self::Multiply),
            (Lexeme::Sign, "/") => (5, Self::Divide),
            (Lexeme::Sign, "%") | (Lexeme::Name, "atan2") => (5, Self::Other),
            (Lexeme::Sign, "^") => (6, Self::Power),
            _ => return None,
        })
    }

    pub(super) const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Above | Self::AtLeast | Self::Below | Self::AtMost | Self::Equal | Self::NotEqual
        )
    }
}

/// Reads an expression.
///
/// # Errors
/// It is no PromQL, or none that is known; in words.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut tokens = tokens(text)?;
    tokens.retain(|token| token.kind != Lexeme::Comment);
    let mut parser = Parser { tokens: &tokens, place: 0, depth: 0 };
    let expr = parser.expression(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(format!("`{}` cannot stand there", token.word)),
    }
}

/// A query on one line, its comments left out.
pub(super) fn one_line(text: &str) -> String {
    let Ok(tokens) = tokens(text) else { return text.split_whitespace().collect::<Vec<_>>().join(" ") };
    let mut out = String::new();
    let mut end = None;
    for token in tokens.iter().filter(|token| token.kind != Lexeme::Comment) {
        if end.is_some_and(|end| token.span.start > end) {
            out.push(' ');
        }
        match token.kind {
            Lexeme::Text => out.push_str(&token.word),
            // no text of a label's value is changed
            Lexeme::Matchers if token.word.contains(['"', '\'', '`']) => {
                out.push_str(&token.word.replace(['\n', '\r'], " "));
            }
            _ => out.push_str(&token.word.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
        end = Some(token.span.end);
    }
    out
}

struct Parser<'t> {
    tokens: &'t [Token],
    place: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place)
    }

    fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is_sign(word))
    }

    fn is_word(&self, words: &[&str]) -> bool {
        self.peek().is_some_and(|token| {
            token.kind == Lexeme::Name && words.contains(&token.word.to_ascii_lowercase().as_str())
        })
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.place).cloned();
        self.place = self.place.saturating_add(1);
        token
    }

    fn expect(&mut self, word: &str) -> Result<Token, String> {
        match self.next() {
            Some(token) if token.word == word => Ok(token),
            Some(token) => Err(format!("expected `{word}`, found `{}`", token.word)),
            None => Err(format!("expected `{word}` at its end")),
        }
    }

    fn expression(&mut self, binding: u8) -> Result<Expr, String> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        let mut left = self.unary()?;
        let mut links = 0_usize;
        while let Some((tightness, operator)) = self.peek().and_then(Operator::read) {
            if tightness < binding.saturating_add(1) {
                break;
            }
            links = links.saturating_add(1);
            if links > DEPTH_MAX {
                return Err(format!("it has a chain of more than {DEPTH_MAX} operators"));
            }
            let power = self.next().is_some_and(|token| token.word == "^");
            let (returns_bool, on_nothing) = self.modifiers()?;
            // powers are read from the right
            let right = self.expression(if power { tightness.saturating_sub(1) } else { tightness })?;
            let span = left.span.start..right.span.end;
            let kind = Kind::Binary {
                operator,
                left: Box::new(left),
                right: Box::new(right),
                returns_bool,
                on_nothing,
            };
            left = Expr { kind, span };
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(left)
    }

    fn modifiers(&mut self) -> Result<(bool, bool), String> {
        let mut found = (false, false);
        loop {
            if self.is_word(&["bool"]) {
                self.next();
                found.0 = true;
            } else if self.is_word(&["on", "ignoring", "group_left", "group_right"]) {
                let on = self.next().is_some_and(|token| token.word.eq_ignore_ascii_case("on"));
                if self.is("(") {
                    let labels = self.labels()?;
                    found.1 |= on && labels.is_empty();
                }
            } else {
                return Ok(found);
            }
        }
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut labels = Vec::new();
        loop {
            match self.next() {
                Some(token) if token.word == ")" => return Ok(labels),
                Some(token) if token.word == "," => {}
                Some(token) if matches!(token.kind, Lexeme::Name | Lexeme::Text) => labels.push(token.word),
                _ => return Err("a list of labels is not closed".to_owned()),
            }
        }
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.is("-") || self.is("+") {
            let sign = self.next();
            let start = sign.as_ref().map_or(0, |sign| sign.span.start);
            let inner = self.expression(5)?;
            let span = start..inner.span.end;
            let kind = match sign.is_some_and(|sign| sign.word == "-") {
                true => Kind::Negate(Box::new(inner)),
                false => Kind::Paren(Box::new(inner)),
            };
            return Ok(Expr { kind, span });
        }
        let inner = self.primary()?;
        self.postfix(inner)
    }

    fn postfix(&mut self, mut inner: Expr) -> Result<Expr, String> {
        loop {
            if let Some(token) = self.peek().filter(|token| token.kind == Lexeme::Range).cloned() {
                self.next();
                inner.span.end = token.span.end;
                let subquery = token.word.contains(':');
                inner = match (&mut inner.kind, subquery) {
                    (Kind::Selector { range, .. }, false) if !*range => {
                        *range = true;
                        inner
                    }
                    (_, true) => {
                        let span = inner.span.clone();
                        Expr { kind: Kind::Subquery(Box::new(inner)), span }
                    }
                    _ => return Err("only a selector has a range".to_owned()),
                };
            } else if self.is_word(&["offset"]) {
                self.next();
                if self.is("-") || self.is("+") {
                    self.next();
                }
                let by = self.next().ok_or("an `offset` has no length")?;
                inner.span.end = by.span.end;
                mark_moved(&mut inner);
            } else if self.is("@") {
                self.next();
                let at = self.next().ok_or("an `@` has no time")?;
                inner.span.end = at.span.end;
                if self.is("(") {
                    self.next();
                    inner.span.end = self.expect(")")?.span.end;
                }
                mark_moved(&mut inner);
            } else {
                return Ok(inner);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let token = self.next().ok_or("it ends where a value was expected")?;
        let span = token.span.clone();
        match token.kind {
            Lexeme::Number => {
                let kind = number(&token.word).map_or(Kind::Other, Kind::Number);
                Ok(Expr { kind, span })
            }
            Lexeme::Text => Ok(Expr { kind: Kind::Other, span }),
            Lexeme::Matchers => {
                Ok(Expr { kind: Kind::Selector { metric: None, range: false, moved: false }, span })
            }
            Lexeme::Sign if token.word == "(" => {
                let inner = self.expression(0)?;
                let end = self.expect(")")?.span.end;
                Ok(Expr { kind: Kind::Paren(Box::new(inner)), span: span.start..end })
            }
            Lexeme::Name => self.named(token),
            _ => Err(format!("`{}` cannot stand there", token.word)),
        }
    }

    fn named(&mut self, token: Token) -> Result<Expr, String> {
        let lower = token.word.to_ascii_lowercase();
        let start = token.span.start;
        if is_aggregation(&lower) && (self.is("(") || self.is_word(&["by", "without"])) {
            return self.aggregate(lower, start);
        }
        if self.is("(") {
            let (arguments, end) = self.arguments()?;
            return Ok(Expr { kind: Kind::Call { function: lower, arguments }, span: start..end });
        }
        if matches!(lower.as_str(), "inf" | "nan") {
            return Ok(Expr { kind: Kind::Other, span: token.span });
        }
        let mut end = token.span.end;
        if let Some(braces) = self.peek().filter(|next| next.kind == Lexeme::Matchers) {
            end = braces.span.end;
            self.next();
        }
        let kind = Kind::Selector { metric: Some(token.word), range: false, moved: false };
        Ok(Expr { kind, span: start..end })
    }

    fn arguments(&mut self) -> Result<(Vec<Expr>, usize), String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.is(")") {
            return Ok((arguments, self.expect(")")?.span.end));
        }
        loop {
            arguments.push(self.expression(0)?);
            if self.is(",") {
                self.next();
                continue;
            }
            return Ok((arguments, self.expect(")")?.span.end));
        }
    }

    fn aggregate(&mut self, function: String, start: usize) -> Result<Expr, String> {
        let mut grouping = None;
        if self.is_word(&["by", "without"]) {
            let without = self.next().is_some_and(|token| token.word.eq_ignore_ascii_case("without"));
            grouping = Some((without, self.labels()?));
        }
        let (arguments, mut end) = self.arguments()?;
        if grouping.is_none() && self.is_word(&["by", "without"]) {
            let without = self.next().is_some_and(|token| token.word.eq_ignore_ascii_case("without"));
            grouping = Some((without, self.labels()?));
            end = self
                .place
                .checked_sub(1)
                .and_then(|last| self.tokens.get(last))
                .map_or(end, |token| token.span.end);
        }
        let (without, labels) = match grouping {
            Some((without, labels)) => (without, Some(labels)),
            None => (false, None),
        };
        Ok(Expr { kind: Kind::Aggregate { function, arguments, labels, without }, span: start..end })
    }
}

fn mark_moved(expr: &mut Expr) {
    if let Kind::Selector { moved, .. } = &mut expr.kind {
        *moved = true;
    }
}

/// A number as PromQL writes it: also a length of time, which is one of seconds.
fn number(word: &str) -> Option<Decimal> {
    let plain = word.replace('_', "");
    if let Some(value) = parse_exact(&plain) {
        return Some(value);
    }
    if let Some(hex) = plain.to_ascii_lowercase().strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Decimal::from);
    }
    super::length(word).map(|span| span.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Precedence, associativity and places are those of PromQL.
    #[test]
    fn trees() {
        let shown = |text: &str| show(&parse(text).unwrap(), text);
        fn show(expr: &Expr, text: &str) -> String {
            match &expr.kind {
                Kind::Binary { left, right, .. } => {
                    format!("[{} {}]", show(left, text), show(right, text))
                }
                _ => text[expr.span.clone()].to_owned(),
            }
        }
        assert_eq!(shown("a > 1 and b or c"), "[[[a 1] b] c]");
        assert_eq!(shown("a or b and c > d + 2 * e"), "[a [b [c [d [2 e]]]]]");
        assert_eq!(shown("a - b - c"), "[[a b] c]");
        assert_eq!(shown("a ^ b ^ c"), "[a [b c]]");
        assert_eq!(shown("-a * 2"), "[-a 2]");
        assert_eq!(
            shown("sum by (x) (rate(a{b=\"}\"}[5m])) > bool 1e-3"),
            "[sum by (x) (rate(a{b=\"}\"}[5m])) 1e-3]"
        );
        assert_eq!(shown("sum(a) by (x) / on(x) group_left b offset -5m"), "[sum(a) by (x) b offset -5m]");
        assert_eq!(shown("max_over_time(a[5m:1m] @ end()) < 5"), "[max_over_time(a[5m:1m] @ end()) 5]");
        for wrong in ["", "a >", "(a", "a b", "a{b=\"", "1 +", "sum(", "a[5m", "$x", "a > > b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&format!("a{}", " + a".repeat(10_000))).is_err());
        assert!(parse(&"-".repeat(10_000)).is_err());
    }

    /// Layout and comments go, what stands in quotes stays.
    #[test]
    fn lines() {
        assert_eq!(one_line("a # b\n  >\n  5"), "a > 5");
        assert_eq!(one_line("a{b=\"x  y\"}\n/ b"), "a{b=\"x  y\"} / b");
    }
}
