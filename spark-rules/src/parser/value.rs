//! Values with units, and what people write instead of them.

use rust_decimal::Decimal;
use spark_core::{Dimension, Quantity, SourceSpan as Span, TimeSpan, Unit};

use super::number::split_number;
use super::words::{Kind, Token};
use super::{Parse, Parser};
use crate::ast::{Length, Literal};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// A length that could not be read, where something must stand for it. No policy is made from it.
pub(super) const ASSUMED: TimeSpan = TimeSpan::from_nanos(1);

/// From how many on a length without its unit is taken as seconds: `for 120`, while `for 5` is taken as minutes.
const SECONDS_FROM: Decimal = Decimal::from_parts(30, 0, 0, false, 0);

impl Parser<'_> {
    /// A value with its unit: `what` as in "a value, such as `200ms`".
    pub(super) fn literal(&mut self, what: &str) -> Parse<Literal> {
        let start = self.peek_span();
        if let Some(inner) = self.quoted_value() {
            self.bump();
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    start,
                    format!(
                        "the value {} stands in quotes",
                        self.text_of(self.token_at(self.at.saturating_sub(1)))
                    ),
                )
                .help("write it without quotes")
                .machine(vec![Edit::replace(start, inner.clone())]),
            );
            return match Quantity::parse(&inner) {
                Ok(value) => Ok(Literal { value, span: start }),
                Err(_) => Err(super::Skip),
            };
        }
        let negative = self.at_symbol("-") || self.at_symbol("−");
        if negative || self.at_symbol("+") {
            self.bump();
        }
        let token = self.peek();
        if token.kind != Kind::Number {
            let problem = self.unexpected(what);
            return self.refuse(problem);
        }
        self.bump();
        let mut literal = self.number(token)?;
        if negative {
            literal.value.value.set_sign_negative(!literal.value.value.is_sign_negative());
            if literal.value.value.is_zero() {
                literal.value.value = rust_decimal::Decimal::ZERO;
            }
        }
        literal.span = Span { start: start.start, ..literal.span };
        Ok(literal)
    }

    pub(super) fn quoted_value(&self) -> Option<String> {
        let token = self.peek();
        if !matches!(token.kind, Kind::Quoted | Kind::OddQuoted) {
            return None;
        }
        let inner = self.text_of(token).trim_matches(['"', '“', '”', '„', '\'', '`', '‘', '’']).trim();
        (inner.starts_with(|c: char| c.is_ascii_digit()) && Quantity::parse(inner).is_ok())
            .then(|| inner.to_owned())
    }

    /// The value of a number that was just read, with what belongs to it behind a space.
    fn number(&mut self, token: Token) -> Parse<Literal> {
        let text = self.text_of(token);
        let span = self.span_of(token);
        let (_, unit) = split_number(text);
        self.refuse_grouped(token)?;
        if unit.is_empty()
            && let Some(literal) = self.spaced_unit(text, span)
        {
            return literal;
        }
        self.quantity(text, span)
    }

    /// As `length_or_zero`, inside of a condition, where zero means something (`for 0s` holds at once): one that was read
    /// and told is taken as some length, so that the rest of the condition is still checked.
    pub(super) fn length_or_assumed(&mut self, what: &str) -> Parse<Length> {
        self.assumed(|parser| parser.length_or_zero(what))
    }

    /// The same for a window: it is longer than zero.
    pub(super) fn window_or_assumed(&mut self, what: &str) -> Parse<Length> {
        self.assumed(|parser| parser.length(what))
    }

    fn assumed(&mut self, read: impl FnOnce(&mut Self) -> Parse<Length>) -> Parse<Length> {
        let (before, start) = (self.at, self.peek_span());
        match read(self) {
            Err(_) if self.at > before => Ok(Length { value: ASSUMED, span: self.since(start) }),
            other => other,
        }
    }

    /// A length of time that is longer than zero.
    pub(super) fn length(&mut self, what: &str) -> Parse<Length> {
        let length = self.length_or_zero(what)?;
        if length.value.is_zero() {
            let problem = Diagnostic::error(
                codes::E0309,
                length.span,
                "a length of time here must be longer than zero",
            );
            return self.refuse(problem.help(format!("write {what}")));
        }
        Ok(length)
    }

    /// A length of time.
    pub(super) fn length_or_zero(&mut self, what: &str) -> Parse<Length> {
        let start = self.at;
        self.after_key_colon();
        self.before_length()?;
        if !matches!(self.peek().kind, Kind::Number | Kind::Quoted | Kind::OddQuoted)
            && !matches!(self.peek_text(), "-" | "+" | "−")
        {
            let problem = self.unexpected(what).coded(codes::E0124);
            return self.refuse(problem);
        }
        let Literal { value, span } = self.literal(what)?;
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        if value.unit.per_time || value.unit.dimension != Dimension::Duration {
            // few are minutes, many are seconds
            let seconds = value.value >= SECONDS_FROM;
            let which = match value.value >= Decimal::from(60u32) {
                true => format!(", which is {},", Quantity::new(value.value, Unit::of(Dimension::Duration))),
                false => String::new(),
            };
            let plain = value.unit.dimension == Dimension::Number && !value.unit.per_time;
            let problem = match plain {
                true => Diagnostic::error(
                    codes::E0204,
                    span,
                    format!("`{written}` has no unit: expected a length of time"),
                )
                .help(match seconds {
                    true => format!("did you mean `{written}s`{which} or `{written}m`?"),
                    false => format!("did you mean `{written}m` or `{written}s`?"),
                })
                .maybe(vec![Edit::replace(span, format!("{written}{}", if seconds { "s" } else { "m" }))]),
                false => Diagnostic::error(codes::E0203, span, format!("`{written}` is no length of time"))
                    .help(format!("expected {what}")),
            };
            self.at = self.at.max(start);
            return self.refuse(problem);
        }
        let exact =
            TimeSpan::from_decimal_seconds(value.value).filter(|length| length.seconds() == value.value);
        match exact {
            Some(value) => Ok(Length { value, span }),
            None => {
                let message = format!(
                    "`{written}` is no length of time that can be kept: at least 1ns, at most 292 years"
                );
                self.refuse(Diagnostic::error(codes::E0106, span, message))
            }
        }
    }

    /// `for: 5m`
    fn after_key_colon(&mut self) {
        if self.at_symbol(":") || self.at_symbol("=") {
            let before = self.token_at(self.at.saturating_sub(1));
            let key = self.text_of(before);
            self.after_key(key);
        }
    }
}
