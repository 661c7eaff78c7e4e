//! Values with units, and what people write instead of them.

use spark_core::quantity::scale_of;
use spark_core::{Currency, Dimension, PerTime, Quantity, QuantityError, SourceSpan as Span, TimeSpan};

use super::words::{Kind, Token};
use super::{Parse, Parser};
use crate::ast::{Length, Literal};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::nearest;

/// Units that people write, and what rules call them.
const ALIASES: &[(&str, &str)] = &[
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("S", "s"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("H", "h"),
    ("day", "d"),
    ("days", "d"),
    ("D", "d"),
    ("msec", "ms"),
    ("msecs", "ms"),
    ("millis", "ms"),
    ("millisecond", "ms"),
    ("milliseconds", "ms"),
    ("MS", "ms"),
    ("Ms", "ms"),
    ("usec", "us"),
    ("micros", "us"),
    ("microseconds", "us"),
    ("μs", "us"),
    ("percent", "%"),
    ("pct", "%"),
    ("kb", "KB"),
    ("mb", "MB"),
    ("gb", "GB"),
    ("tb", "TB"),
    ("kib", "KiB"),
    ("mib", "MiB"),
    ("gib", "GiB"),
    ("byte", "B"),
    ("bytes", "B"),
    ("b", "B"),
    ("K", "k"),
];

/// A length that could not be read, where something must stand for it. No policy is made from it.
pub(super) const ASSUMED: TimeSpan = TimeSpan::from_nanos(1);

/// Units for a message.
const UNITS: &str =
    "us, ms, s, m, h, d; %; B, KB, MB, GB, KiB, MiB, GiB; k; /s, /min, /h, /d; or a currency such as USDT";

fn alias(unit: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(wrong, _)| *wrong == unit).map(|(_, right)| *right)
}

fn is_unit(word: &str) -> bool {
    !word.is_empty() && (scale_of(word).is_some() || alias(word).is_some() || matches!(word, "M" | "mo"))
}

/// Number and what sticks to it.
fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

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

    fn quoted_value(&self) -> Option<String> {
        let token = self.peek();
        let quoted = matches!(token.kind, Kind::Quoted | Kind::OddQuoted);
        let inner = self.text_of(token).trim_matches(['"', '“', '”', '„', '\'', '`', '‘', '’']).trim();
        (quoted && inner.starts_with(|c: char| c.is_ascii_digit()) && Quantity::parse(inner).is_ok())
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

    /// `1,000ms`, `1,5s`, `1 000ms`: a comma may be meant as a point or as nothing, so that no fix is sure.
    fn refuse_grouped(&mut self, token: Token) -> Parse<()> {
        let comma = self.at_symbol(",") && self.peek().start == token.end;
        let next = if comma { self.ahead(1) } else { self.peek() };
        let stuck = !comma || next.start == self.peek().end;
        if next.kind != Kind::Number || !stuck {
            return Ok(());
        }
        let (first, rest) = (self.text_of(token).to_owned(), self.text_of(next).to_owned());
        let start = self.span_of(token);
        if comma {
            self.bump();
        }
        self.bump();
        let problem = Diagnostic::error(
            codes::E0106,
            self.since(start),
            "a number is written without commas and spaces",
        );
        let problem = match comma {
            true => problem.help(format!(
                "write `{first}{rest}` or `{first}_{rest}`, or with a point: `{first}.{rest}`"
            )),
            false => problem.help(format!("write `{first}{rest}` or `{first}_{rest}`")),
        };
        self.refuse(problem)
    }

    /// A unit behind a space: right for money, else told.
    fn spaced_unit(&mut self, number: &str, span: Span) -> Option<Parse<Literal>> {
        let next = self.peek();
        let word = self.text_of(next);
        let percent = next.kind == Kind::Symbol && word == "%";
        if next.kind != Kind::Word && !percent {
            return None;
        }
        if !percent && !is_unit(word) {
            Currency::new(word)?;
            self.bump();
            let mut text = format!("{number} {word}");
            let per = self.text_of(self.ahead(1));
            if self.at_symbol("/") && PerTime::parse(per).is_some() && self.ahead(1).start == self.peek().end
            {
                self.bump();
                self.bump();
                text = format!("{text}/{per}");
            }
            return Some(self.quantity(&text, self.since(span)));
        }
        self.bump();
        let mut unit = word.to_owned();
        if self.at_symbol("/") && PerTime::parse(self.text_of(self.ahead(1))).is_some() {
            self.bump();
            let per = self.bump();
            unit = format!("{unit}/{}", self.text_of(per));
        }
        let whole = self.since(span);
        let meant = format!("{number}{}", alias(&unit).unwrap_or(&unit));
        let problem = Diagnostic::error(
            codes::E0106,
            whole,
            format!("`{number} {unit}` is no value: the unit sticks to its number"),
        );
        Some(match Quantity::parse(&meant) {
            Ok(value) => {
                self.tell(
                    problem.help(format!("write `{meant}`")).machine(vec![Edit::replace(whole, meant)]),
                );
                Ok(Literal { value, span: whole })
            }
            Err(_) => self.quantity(&meant, whole),
        })
    }

    fn quantity(&mut self, text: &str, span: Span) -> Parse<Literal> {
        let exponent = split_number(text).1.starts_with(['e', 'E']);
        match Quantity::parse(text) {
            Ok(value) if !exponent => Ok(Literal { value, span }),
            Ok(value) => {
                let plain = value.to_string();
                let problem =
                    Diagnostic::error(codes::E0106, span, format!("`{text}` is written with an exponent"))
                        .help(format!("write `{plain}`"))
                        .machine(vec![Edit::replace(span, plain)]);
                self.tell(problem);
                Ok(Literal { value, span })
            }
            Err(QuantityError::UnknownUnit { unit }) => self.unknown_unit(text, &unit, span),
            Err(QuantityError::Inexact(number)) => {
                let message = format!("`{number}` cannot be kept exactly: a value has at most 28 digits");
                self.refuse(Diagnostic::error(codes::E0106, span, message))
            }
            Err(_) => {
                let message = format!("`{}` is no value", super::shortened(text));
                let problem = Diagnostic::error(codes::E0106, span, message)
                    .help("expected a number with its unit, such as `450ms`, `3%`, `50/min` or `10MiB`");
                self.refuse(problem)
            }
        }
    }

    fn unknown_unit(&mut self, text: &str, unit: &str, span: Span) -> Parse<Literal> {
        let (number, _) = split_number(text);
        let (amount, per) = text.split_once('/').map_or((text, None), |(amount, per)| (amount, Some(per)));
        let (_, word) = split_number(amount);
        let problem =
            Diagnostic::error(codes::E0106, span, format!("`{text}` has no unit that rules know: `{unit}`"));
        if matches!(word, "M" | "mo" | "month" | "months") {
            let help = match word {
                "M" => {
                    format!("a minute is `{number}m`, a million bytes `{number}MB`, 2^20 bytes `{number}MiB`")
                }
                _ => "there is no month: write days, such as `30d`".to_owned(),
            };
            return self.refuse(problem.help(help));
        }
        let known = |word: &str| scale_of(word).is_some() || Currency::new(word).is_some();
        let meant_unit = if known(word) { Some(word) } else { alias(word) };
        let meant_per = per.map(|per| if PerTime::parse(per).is_some() { Some(per) } else { alias(per) });
        let meant = match (meant_unit, meant_per) {
            (Some(unit), None) => Some(format!("{number}{unit}")),
            (Some(unit), Some(Some(per))) => {
                Some(format!("{number}{unit}/{}", if per == "m" { "min" } else { per }))
            }
            _ => None,
        };
        if let Some((meant, value)) =
            meant.and_then(|meant| Some((meant.clone(), Quantity::parse(&meant).ok()?)))
        {
            self.tell(problem.help(format!("write `{meant}`")).machine(vec![Edit::replace(span, meant)]));
            return Ok(Literal { value, span });
        }
        let near = nearest(word, ["us", "ms", "KB", "MB", "GB", "KiB", "MiB", "GiB"]);
        let help = match near.first() {
            Some(best) => format!("did you mean `{number}{best}`? units are {UNITS}"),
            None => format!("units are {UNITS}"),
        };
        self.refuse(problem.help(help))
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
            return self.refuse(problem);
        }
        Ok(length)
    }

    /// A length of time.
    pub(super) fn length_or_zero(&mut self, what: &str) -> Parse<Length> {
        let start = self.at;
        self.after_key_colon();
        let Literal { value, span } = self.literal(what)?;
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or("").to_owned();
        if value.unit.per_time || value.unit.dimension != Dimension::Duration {
            let plain = value.unit.dimension == Dimension::Number && !value.unit.per_time;
            let problem = match plain {
                true => Diagnostic::error(
                    codes::E0204,
                    span,
                    format!("`{written}` has no unit: expected a length of time"),
                )
                .help(format!("did you mean `{written}s` or `{written}m`?"))
                .maybe(vec![Edit::replace(span, format!("{written}m"))]),
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
        if self.at_symbol(":") {
            let before = self.token_at(self.at.saturating_sub(1));
            let key = self.text_of(before);
            self.after_key(key);
        }
    }
}
