//! Values that are computed: sums, products, functions of windows, references.

use spark_core::{Dimension, Operator, Quantity, SourceSpan as Span};

use super::words::Kind;
use super::{Parse, Parser, RESERVED};
use crate::ast::{Condition, ConditionKind, Expression, ExpressionKind, Literal};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::TREE_MAX;
use crate::suggest::nearest;

/// Whether a value may stand before `x`: a plain number or a share.
fn scales(value: &Quantity) -> bool {
    !value.unit.per_time && matches!(value.unit.dimension, Dimension::Number | Dimension::Ratio)
}

/// The reference that a misspelt word was meant as.
pub(crate) fn reference_near(word: &str) -> Option<&'static str> {
    match nearest(word, ["baseline", "previous", "previous_stage"]).first().copied() {
        Some("baseline") => Some("baseline"),
        Some(_) => Some("previous stage"),
        None => matches!(word, "previous" | "previous_stage").then_some("previous stage"),
    }
}

/// What stands in parentheses is a value or a condition; only its inside says which.
pub(super) enum Operand {
    Value(Expression),
    Truth(Condition),
}

impl Parser<'_> {
    /// A value; a condition in its place is told.
    pub(super) fn value_sum(&mut self) -> Parse<Expression> {
        let operand = self.sum()?;
        self.value(operand)
    }

    fn value(&mut self, operand: Operand) -> Parse<Expression> {
        match operand {
            Operand::Value(value) => Ok(value),
            Operand::Truth(condition) => {
                let problem =
                    Diagnostic::error(codes::E0307, condition.span, "expected a value, found a condition")
                        .help("a condition is true or false; it cannot be calculated with");
                self.refuse(problem)
            }
        }
    }

    pub(super) fn expression(&mut self, kind: ExpressionKind, span: Span, below: u16) -> Parse<Expression> {
        let height = below.saturating_add(1);
        if height > TREE_MAX {
            let message = format!("this calculation's tree is more than {TREE_MAX} high");
            return self.refuse(Diagnostic::error(codes::E0109, span, message).help("split it up"));
        }
        Ok(Expression { kind, span, height })
    }

    fn binary(&mut self, operator: Operator, left: Expression, right: Expression) -> Parse<Expression> {
        let span = self.since(left.span);
        let below = left.height.max(right.height);
        self.expression(ExpressionKind::Binary(operator, Box::new(left), Box::new(right)), span, below)
    }

    /// `a + b - c`
    pub(super) fn sum(&mut self) -> Parse<Operand> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek_text() {
                "+" => Operator::Add,
                "-" | "−" => Operator::Subtract,
                "±" => {
                    let problem =
                        Diagnostic::error(codes::E0105, self.peek_span(), "`±` is no sign of calculation")
                            .help("write `between baseline - 10% and baseline + 10%`");
                    return self.refuse(problem);
                }
                _ => return Ok(left),
            };
            self.bump();
            let value = self.value(left)?;
            let right = self.product()?;
            let right = self.value(right)?;
            left = Operand::Value(self.binary(operator, value, right)?);
        }
    }

    /// `a * b / c`
    fn product(&mut self) -> Parse<Operand> {
        let mut left = self.factor()?;
        loop {
            let operator = match self.peek_text() {
                "*" => Operator::Multiply,
                "/" => Operator::Divide,
                sign @ ("×" | "÷" | "·" | "x") if sign != "x" || self.ahead(1).kind == Kind::Number => {
                    let right = if sign == "÷" { "/" } else { "*" };
                    let span = self.peek_span();
                    self.tell(
                        Diagnostic::error(codes::E0105, span, format!("`{sign}` is written `{right}`"))
                            .help(format!("write `{right}`"))
                            .machine(vec![Edit::replace(span, right)]),
                    );
                    if sign == "÷" { Operator::Divide } else { Operator::Multiply }
                }
                _ => return Ok(left),
            };
            self.bump();
            let value = self.value(left)?;
            let right = self.factor()?;
            let right = self.value(right)?;
            left = Operand::Value(self.binary(operator, value, right)?);
        }
    }

    fn factor(&mut self) -> Parse<Operand> {
        let token = self.peek();
        let start = self.span_of(token);
        let text = self.text_of(token);
        match token.kind {
            Kind::Symbol if text == "(" => return self.parentheses(),
            Kind::Symbol if matches!(text, "-" | "−") && self.ahead(1).kind != Kind::Number => {
                self.bump();
                self.deeper()?;
                let inner = self.factor()?;
                let inner = self.value(inner)?;
                self.shallower();
                let (span, below) = (self.since(start), inner.height);
                return self
                    .expression(ExpressionKind::Negate(Box::new(inner)), span, below)
                    .map(Operand::Value);
            }
            Kind::Number => {
                if let Some(value) = self.worded_value() {
                    return value.map(Operand::Value);
                }
                if let Some(times) = self.times()? {
                    return Ok(Operand::Value(times));
                }
            }
            Kind::Word => {
                if let Some(value) = self.worded_value() {
                    return value.map(Operand::Value);
                }
                if let Some(value) = self.selector_in_condition() {
                    return value.map(Operand::Value);
                }
                return self.word_value(text, start).map(Operand::Value);
            }
            Kind::Symbol if matches!(text, "+" | "-" | "−") => {}
            Kind::Quoted | Kind::OddQuoted if self.quoted_value().is_some() => {}
            _ => return self.missing_value(),
        }
        let before = self.at;
        let literal =
            match self.literal("a value: a signal's name, or a number with its unit such as `300ms`") {
                Ok(literal) => literal,
                // what was read and told is a value all the same: the rest of the condition is still checked
                Err(_) if self.at > before => {
                    let span = self.since(start);
                    return self.expression(ExpressionKind::Wrong, span, 0).map(Operand::Value);
                }
                Err(skip) => return Err(skip),
            };
        self.expression(ExpressionKind::Literal(literal.value), literal.span, 0).map(Operand::Value)
    }

    fn parentheses(&mut self) -> Parse<Operand> {
        let open = self.peek_span();
        self.deeper()?;
        self.bump();
        let inner = self.sequence()?;
        if !self.eat_symbol(")") {
            let end = self.last_end();
            let problem = Diagnostic::error(codes::E0126, open, "this `(` is not closed")
                .help("close it")
                .maybe(vec![Edit::insert(end, ")")]);
            return self.refuse(problem);
        }
        self.shallower();
        let (span, height) = (self.since(open), inner.height);
        Ok(match inner.kind {
            ConditionKind::Bare(value) => {
                let below = value.height;
                Operand::Value(self.expression(ExpressionKind::Group(value), span, below)?)
            }
            kind => {
                let inner = Condition { kind, span: inner.span, height };
                Operand::Truth(Condition {
                    kind: ConditionKind::Group(Box::new(inner)),
                    span,
                    height: height.saturating_add(1).min(TREE_MAX),
                })
            }
        })
    }

    /// `3x baseline`, `3 x baseline`; none where the number is no multiple.
    fn times(&mut self) -> Parse<Option<Expression>> {
        let token = self.peek();
        let start = self.span_of(token);
        let text = self.text_of(token);
        if let Some(number) = text.strip_suffix("xbaseline") {
            let meant = format!("{number}x baseline");
            let problem = Diagnostic::error(codes::E0106, start, format!("`{text}` needs a space"));
            self.bump();
            return self
                .refuse(problem.help(format!("write `{meant}`")).machine(vec![Edit::replace(start, meant)]));
        }
        let stuck = text.strip_suffix(['x', 'X']).filter(|number| !number.is_empty());
        let apart = ["x", "X", "times"].iter().any(|word| self.word_ahead(1, word));
        if stuck.is_none() && !apart {
            return Ok(None);
        }
        self.bump();
        let written = match apart {
            true => {
                let token = self.bump();
                self.text_of(token)
            }
            false => "x",
        };
        if written != "x" || text.ends_with('X') {
            let last = self.last_span();
            let sign = if apart { last } else { Span { start: last.end.saturating_sub(1), ..last } };
            self.tell(
                Diagnostic::error(codes::E0105, sign, "a multiple is written with `x`")
                    .help("write `x`")
                    .machine(vec![Edit::replace(sign, "x")]),
            );
        }
        let sign = Span { start: token.end.saturating_sub(u32::from(stuck.is_some())), ..self.since(start) };
        let number = stuck.unwrap_or(text);
        let factor = match Quantity::parse(number) {
            Ok(value) if !number.contains(['e', 'E']) && scales(&value) => value,
            _ => {
                let problem = Diagnostic::error(codes::E0106, start, format!("`{text}` is no multiple"))
                    .help("a multiple is a plain number: `3x baseline`");
                return self.refuse(problem);
            }
        };
        let reference = self.at_word("baseline")
            || (self.at_word("previous") && self.word_ahead(1, "stage"))
            || self.at_symbol("(");
        if !reference && self.no_reference(sign)? {
            self.bump();
            let span = self.since(start);
            return self.expression(ExpressionKind::Wrong, span, 0).map(Some);
        }
        let of = self.factor()?;
        let of = self.value(of)?;
        let span = self.since(start);
        if !reference {
            let left = self.expression(ExpressionKind::Literal(factor), start, 0)?;
            return self.binary(Operator::Multiply, left, of).map(Some);
        }
        let below = of.height;
        let literal = Literal { value: factor, span: start };
        self.expression(ExpressionKind::Times(Box::new((literal, of))), span, below).map(Some)
    }

    /// What stands behind `3x` is no reference: `3x p95` is `3 * p95`, and taken as that; a misspelt reference is
    /// passed over, which is what `true` says.
    fn no_reference(&mut self, sign: Span) -> Parse<bool> {
        let (span, token) = (self.peek_span(), self.peek());
        let message = format!("expected `baseline` or `previous stage` after `x`, found {}", self.found());
        let problem =
            Diagnostic::error(codes::E0105, if self.first_on_line() { sign } else { span }, message);
        let word = self.text_of(token);
        let name = token.kind == Kind::Word && !RESERVED.contains(&word);
        if name && let Some(meant) = reference_near(word) {
            self.tell(
                problem.help(format!("did you mean `{meant}`?")).maybe(vec![Edit::replace(span, meant)]),
            );
            return Ok(true);
        }
        if !name {
            return self.refuse(problem.help("a multiple stands before a reference: `3x baseline`"));
        }
        self.tell(
            problem
                .help("`x` multiplies a reference; anything else is multiplied by `*`")
                .machine(vec![Edit::replace(sign, " *")]),
        );
        Ok(false)
    }

    fn word_value(&mut self, text: &str, start: Span) -> Parse<Expression> {
        if text == "baseline" {
            self.bump();
            self.refuse_baseline_of()?;
            return self.expression(ExpressionKind::Baseline, start, 0);
        }
        if text == "previous" && self.word_ahead(1, "stage") {
            self.bump();
            self.bump();
            let span = self.since(start);
            return self.expression(ExpressionKind::PreviousStage, span, 0);
        }
        if self.symbol_ahead(1, "(") && !RESERVED.contains(&text) {
            return self.call();
        }
        if RESERVED.contains(&text) || self.at_plan_length() {
            return self.missing_value();
        }
        if matches!(text, "null" | "nil") {
            let problem = Diagnostic::error(codes::E0301, start, format!("`{text}` is no value"));
            let help =
                "data that are missing are unknown by themselves: `unknown hold, then rollback after 10m`";
            return self.refuse(problem.help(help));
        }
        // in a check it may be meant for a flag, and is told with it
        if matches!(text, "true" | "false") && !self.in_check {
            let problem = Diagnostic::error(codes::E0301, start, format!("`{text}` is no condition"))
                .help("a condition compares a signal: `p95 > 300ms`");
            return self.refuse(problem);
        }
        self.bump();
        self.expression(ExpressionKind::Name(text.to_owned()), start, 0)
    }

    /// `baseline(p95)`: the baseline is always that of the whole left side.
    fn refuse_baseline_of(&mut self) -> Parse<()> {
        if !self.at_symbol("(") {
            return Ok(());
        }
        let start = self.peek_span();
        while !self.at_end() && !self.at_symbol(")") && !self.at_symbol("}") {
            self.bump();
        }
        self.eat_symbol(")");
        let span = self.since(start);
        let problem = Diagnostic::error(codes::E0105, span, "`baseline` takes nothing in parentheses").help(
            "it stands for the comparison's whole left side, on the stable version: `p95 > 2x baseline`",
        );
        self.tell(problem.maybe(vec![Edit::replace(span, "")]));
        Ok(())
    }
}
