//! Numbers with their units, and what people write instead of them.

use spark_core::quantity::scale_of;
use spark_core::{Currency, Dimension, PerTime, Quantity, QuantityError, SourceSpan as Span};

use super::words::{Kind, Token};
use super::{Parse, Parser};
use crate::ast::Literal;
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
    ("Kib", "KiB"),
    ("Mib", "MiB"),
    ("Gib", "GiB"),
    ("KIB", "KiB"),
    ("MIB", "MiB"),
    ("GIB", "GiB"),
];

/// Units for a message.
const UNITS: &str =
    "us, ms, s, m, h, d; %; B, KB, MB, GB, KiB, MiB, GiB; k; /s, /min, /h, /d; or a currency such as USDT";

pub(crate) fn alias(unit: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(wrong, _)| *wrong == unit).map(|(_, right)| *right)
}

fn is_unit(word: &str) -> bool {
    !word.is_empty() && (scale_of(word).is_some() || alias(word).is_some() || matches!(word, "M" | "mo"))
}

/// Number and what sticks to it.
pub(super) fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The unit that sticks to its number, without what it is per.
fn stuck_unit(text: &str) -> &str {
    let (amount, _) = text.split_once('/').unwrap_or((text, ""));
    split_number(amount).1
}

/// What is wrong with a length of several parts: `1m1h`, `5m30`.
fn parts_help(text: &str) -> Option<String> {
    let mut rest = text;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (number, tail) = split_number(rest);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        if tail.is_empty() && unit.is_empty() {
            let (_, before) = parts.last()?;
            let smaller = match *before {
                "d" => "h",
                "h" => "m",
                "m" | "min" => "s",
                _ => "ms",
            };
            return Some(format!("the last part has no unit: did you mean `{text}{smaller}`?"));
        }
        if number.is_empty() || !matches!(scale_of(unit), Some((_, Dimension::Duration))) {
            return None;
        }
        parts.push((number, unit));
        rest = tail;
    }
    (parts.len() > 1).then(|| "larger parts come first, each unit once, as in `1h30m`".to_owned())
}

impl Parser<'_> {
    /// `1,000ms`, `1,5s`, `1 000ms`: a comma may be meant as a point or as nothing, so that no fix is sure. `5.s`, `5$`.
    pub(super) fn refuse_grouped(&mut self, token: Token) -> Parse<()> {
        let (number, unit) = split_number(self.text_of(token));
        let start = self.span_of(token);
        let touches = |parser: &Self, by: usize| {
            let (before, next) =
                (parser.token_at(parser.at.saturating_add(by).saturating_sub(1)), parser.ahead(by));
            next.start == before.end
        };
        if self.at_symbol(".") && touches(self, 0) && unit.is_empty() {
            self.bump();
            let stuck = touches(self, 0) && self.peek().kind == Kind::Word;
            let word = if stuck { self.peek_text() } else { "" };
            if stuck {
                self.bump();
            }
            let span = self.since(start);
            let message = format!("`{number}.{word}` is no value: a point has digits on both sides");
            return self.refuse(
                Diagnostic::error(codes::E0106, span, message).help(format!("write `{number}{word}`")),
            );
        }
        if matches!(self.peek_text(), "$" | "€" | "£" | "¥") && touches(self, 0) {
            self.bump();
            let message = "money names its currency behind a space";
            return self.refuse(
                Diagnostic::error(codes::E0106, self.since(start), message)
                    .help(format!("write it as in `{number} USD`")),
            );
        }
        let comma = self.at_symbol(",") && touches(self, 0) && touches(self, 1);
        let next = if comma { self.ahead(1) } else { self.peek() };
        let spaced =
            !comma && !self.first_on_line() && self.text_of(next).starts_with(|c: char| c.is_ascii_digit());
        if next.kind != Kind::Number || !unit.is_empty() || !(comma || spaced) {
            return Ok(());
        }
        let rest = self.text_of(next).to_owned();
        if comma {
            self.bump();
        }
        self.bump();
        let span = self.since(start);
        let problem = Diagnostic::error(codes::E0106, span, "a number is written without commas and spaces");
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let pointed = format!("{number}.{rest}");
        self.refuse(match (comma, number.contains('.'), number == "0" || digits != 3) {
            (true, true, _) => problem.help(format!("write `{}.{rest}`", number.replace('.', ""))),
            (true, false, true) => {
                problem.help(format!("write `{pointed}`")).maybe(vec![Edit::replace(span, pointed)])
            }
            (true, false, false) => problem
                .help(format!("write `{number}{rest}` or `{number}_{rest}`, or with a point: `{pointed}`")),
            (false, ..) => problem.help(format!("write `{number}{rest}` or `{number}_{rest}`")),
        })
    }

    /// A unit behind a space: right for money, else told.
    pub(super) fn spaced_unit(&mut self, number: &str, span: Span) -> Option<Parse<Literal>> {
        let next = self.peek();
        let word = self.text_of(next);
        let percent = next.kind == Kind::Symbol && word == "%";
        if next.kind != Kind::Word && !percent {
            return None;
        }
        if !percent && !is_unit(word) {
            if let Some(found) = self.worded_unit(number, span) {
                return Some(found);
            }
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

    /// `50 per minute`, `0.10 usdt`: told with what is meant.
    fn worded_unit(&mut self, number: &str, span: Span) -> Option<Parse<Literal>> {
        let word = self.peek_text();
        let next = self.text_of(self.ahead(1));
        let per = (word == "per").then(|| PerTime::parse(alias(next).unwrap_or(next))).flatten();
        let capitals = word.to_ascii_uppercase();
        let cent = word == "per" && next == "cent";
        let after = self.ahead(1);
        // a misspelt clause has something behind it, a currency has not
        let closed =
            after.kind == Kind::End || matches!(next, "}" | ")" | "and" | "or" | "for" | "then" | ",");
        let currency = (3..=5).contains(&word.len())
            && capitals != word
            && word.bytes().all(|b| b.is_ascii_alphabetic())
            && !super::RESERVED.contains(&word)
            // `5 once` in a test's series, `score > 5 watch 24h` in a plan
            && !matches!(word, "once" | "watch")
            && !self.first_on_line()
            && closed;
        let meant = match (per, currency) {
            _ if cent => format!("{number}%"),
            (Some(per), _) => format!("{number}/{}", per.as_str()),
            (None, true) => format!("{number} {capitals}"),
            (None, false) => return None,
        };
        let value = Quantity::parse(&meant).ok()?;
        self.bump();
        if per.is_some() || cent {
            self.bump();
        }
        let whole = self.since(span);
        let message = format!(
            "`{}` is no value",
            self.text.get(whole.start as usize..whole.end as usize).unwrap_or("")
        );
        self.tell(
            Diagnostic::error(codes::E0106, whole, message)
                .help(format!("write `{meant}`"))
                .machine(vec![Edit::replace(whole, meant)]),
        );
        Some(Ok(Literal { value, span: whole }))
    }

    pub(super) fn quantity(&mut self, text: &str, span: Span) -> Parse<Literal> {
        let exponent = split_number(text).1.starts_with(['e', 'E']);
        match Quantity::parse(text) {
            // `400MS` would be money in MS: what is a unit in other letters is meant as one
            Ok(Quantity { unit, .. })
                if matches!(unit.dimension, Dimension::Money(_)) && alias(stuck_unit(text)).is_some() =>
            {
                self.unknown_unit(text, stuck_unit(text), span)
            }
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
            Err(QuantityError::Inexact(number)) if number.matches('.').count() < 2 => {
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
        let meant_unit = alias(word).or_else(|| known(word).then_some(word));
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
        if let Some(help) = parts_help(text) {
            return self.refuse(problem.help(help));
        }
        let near = nearest(word, ["us", "ms", "KB", "MB", "GB", "KiB", "MiB", "GiB"]);
        let help = match near.first() {
            Some(best) => format!("did you mean `{number}{best}`? units are {UNITS}"),
            None => format!("units are {UNITS}"),
        };
        self.refuse(problem.help(help))
    }
}
