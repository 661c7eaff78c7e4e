//! Pieces of a series that others would join without a word: `20s 40s`, `500MB rises 10MB`, `0+10x20`. Each is told with
//! the words that a series has.

use spark_core::{Dimension, Quantity, Unit};

use super::words::{Kind, Token};
use super::{Parse, Parser, foreign};
use crate::ast::{Step, StepKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// The words that open a piece, as they may stand behind another without `then`.
const OPENING: &[&str] = &["rises", "falls", "from", "nothing", "NaN", "Inf", "restart", "error"];

impl Parser<'_> {
    /// A number behind a piece that says nothing of its length: a length without its `for`, or the next of a list.
    pub(super) fn bare_number(&mut self, step: &mut Step) -> Parse<()> {
        let (span, before) = (self.peek_span(), self.last_end());
        let number = self.peek_text();
        let duration = Unit::of(Dimension::Duration);
        let unit = |text: &str| Quantity::parse(text).ok().map(|value| value.unit);
        let first = self.text_in(step.span).to_owned();
        if unit(number) != Some(duration) || self.ahead(1).kind == Kind::Number {
            let message = format!("expected `for` and how long `{first}` lasts, found {}", self.found());
            let problem = Diagnostic::error(codes::E0124, span, message)
                .help(format!("values follow each other in steps: `{first} for 1m, then {number} for 1m`"));
            return self.refuse(problem);
        }
        let message = format!("expected `for` before how long a step lasts, found {}", self.found());
        let problem = Diagnostic::error(codes::E0124, span, message);
        let edit = vec![Edit::insert(before, " for")];
        let other = match &step.kind {
            StepKind::Value { value, .. } => {
                ![duration, Unit::of(Dimension::Number)].contains(&value.value.unit)
            }
            _ => false,
        };
        self.tell(match other {
            // what is no length of time is followed by none of its kind
            true => problem.help("write `for` before it").machine(edit),
            false => problem
                .help(format!(
                    "did you mean `for {number}`? several values are steps: `{first} for 1m, then {number}`"
                ))
                .maybe(edit),
        });
        step.length = Some(self.length("a length of time, such as `10m`")?);
        Ok(())
    }

    /// What goes on behind a piece without `then`: told, and read as it was meant. Whether another piece follows.
    pub(super) fn joined_step(&mut self, step: &mut Step) -> Parse<bool> {
        let plain = step.length.is_none() && step.every.is_none() && !step.once;
        let value = match &step.kind {
            StepKind::Value { value, noise: None } if plain => Some(*value),
            _ => None,
        };
        let written = self.text_in(step.span).to_owned();
        if let Some(value) = value {
            if self.at_word("to") {
                let span = self.peek_span();
                let message = format!("a series that goes from `{written}` to another value says `from`");
                self.tell(
                    Diagnostic::error(codes::E0101, span, message)
                        .help(format!("write `from {written} to … over 20m`"))
                        .machine(vec![Edit::insert(step.span.start, "from ")]),
                );
                self.bump();
                let (from, to) = (value, self.literal("the value to arrive at")?);
                self.lead_in("over", "in `from … to … over …`", &["in", "within", "during", "for"])?;
                step.length = Some(self.length("a length of time, such as `5m`")?);
                step.kind = StepKind::Ramp { from, to };
                return Ok(false);
            }
            if self.at_word("per") && self.ahead(1).kind == Kind::Number {
                let span = self.peek_span();
                let every = self.text_of(self.ahead(1));
                let message = format!("what grows by `{written}` again and again says `rises`");
                self.tell(
                    Diagnostic::error(codes::E0105, span, message)
                        .help(format!("write `rises {written} every {every}`"))
                        .maybe(vec![Edit::insert(step.span.start, "rises "), Edit::replace(span, "every")]),
                );
                self.bump();
                step.every = Some(self.length("a length of time, such as `15s`")?);
                step.kind = StepKind::Rises { by: value, down: false };
                self.step_rest(step)?;
                return Ok(false);
            }
            let sign = self.at_symbol("+") || self.at_symbol("-");
            if sign && let Some((by, count)) = repeated(self.text_of(self.ahead(1))) {
                let word = if self.at_symbol("-") { "falls" } else { "rises" };
                let whole = spark_core::SourceSpan { end: self.ahead(1).end, ..step.span };
                let message = format!("`{}` is a series of promtool", self.text_in(whole));
                let problem = Diagnostic::error(codes::E0105, whole, message).help(format!(
                    "rules say how often: `{written} once, then {word} {by} every 1m for {count}m`"
                ));
                return self.refuse(problem);
            }
        }
        let word = self.peek_text();
        let own = foreign::STEPS.iter().find(|(known, _)| *known == word).map_or(word, |(_, own)| own);
        if self.peek().kind != Kind::Word || !OPENING.contains(&own) {
            return Ok(false);
        }
        let moves = matches!(own, "rises" | "falls");
        let message = format!("`{own}` begins the next piece of a series: `then` stands before it");
        let (span, before) = (self.peek_span(), self.last_end());
        let problem = Diagnostic::error(codes::E0101, span, message);
        let edits = |between: &str| match own == word {
            true => vec![Edit::insert(before, between)],
            // told together with what the word is
            false => vec![Edit::insert(before, between), Edit::replace(span, own)],
        };
        let next = self.ahead(1);
        let by = if next.kind == Kind::Number { self.text_of(next) } else { "…" };
        self.tell(match (step.length.is_some() || step.once, moves) {
            (true, _) => problem.help(format!("write `, then {own}`")).machine(edits(", then")),
            (false, true) => problem
                .help(format!(
                    "say that `{written}` is its first value alone, as in `{written} once, then {own} {by} every 15s for 20m`"
                ))
                .maybe(edits(" once, then")),
            (false, false) => problem
                .help(format!("say how long `{written}` lasts, as in `{written} for 10m, then {own} …`"))
                .maybe(edits(" for 10m, then")),
        });
        // that it has no length is told
        step.once |= step.length.is_none();
        Ok(true)
    }

    /// What opens no piece of a series: `bogus`, `10x20`.
    pub(super) fn no_step<T>(&mut self, signal: &str) -> Parse<T> {
        let token: Token = self.peek();
        if token.kind == Kind::Number
            && let Some((value, count)) = repeated(self.peek_text())
        {
            let message = format!("`{}` is a series of promtool", self.peek_text());
            let problem = Diagnostic::error(codes::E0105, self.peek_span(), message);
            return self.refuse(
                problem.help(format!("rules say how long: `{value} for {count}m`, one every minute")),
            );
        }
        let problem = self
            .unexpected("a value, `from … to … over …`, `rises …`, `nothing`, `NaN`, `restart` or `error`");
        self.refuse(problem.help(format!(
            "as in `given {signal} 20 for 5m, then rises 10 every 15s for 10m, then nothing`, each in the signal's unit"
        )))
    }

    /// Whether a piece of a series may open with a value here.
    pub(super) fn at_value(&self) -> bool {
        let token = self.peek();
        match token.kind {
            Kind::Number => repeated(self.peek_text()).is_none(),
            Kind::Quoted | Kind::OddQuoted => true,
            _ => matches!(self.peek_text(), "+" | "-" | "−"),
        }
    }
}

/// `10x20` of promtool: how much, and how often.
fn repeated(text: &str) -> Option<(&str, &str)> {
    let (by, count) = text.split_once('x')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (number(by) && number(count)).then_some((by, count))
}
