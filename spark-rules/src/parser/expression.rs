//! Values that are computed: sums, products, functions of windows, references.

use spark_core::{Operator, SourceSpan as Span, WindowFunction};

use super::words::Kind;
use super::{Parse, Parser, RESERVED};
use crate::ast::{Call, Condition, ConditionKind, Expression, ExpressionKind, Length, Literal, Name};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::TREE_MAX;
use crate::suggest::{listed, nearest};

/// The functions of windows, quantiles aside.
const FUNCTIONS: &[&str] = &[
    "avg",
    "min",
    "max",
    "sum",
    "count",
    "p95",
    "stddev",
    "increase",
    "rate",
    "delta",
    "slope",
    "correlation",
];

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

    fn expression(&mut self, kind: ExpressionKind, span: Span, below: u16) -> Parse<Expression> {
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
                sign @ ("×" | "÷" | "·") => {
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
                if let Some(times) = self.times()? {
                    return Ok(Operand::Value(times));
                }
            }
            Kind::Word => return self.word_value(text, start).map(Operand::Value),
            _ => {}
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
            let problem = self.unexpected("`)`").also(open, "opened here");
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
        let stuck = text.strip_suffix('x').filter(|number| !number.is_empty());
        let apart = self.word_ahead(1, "x") || self.word_ahead(1, "times");
        if stuck.is_none() && !apart {
            return Ok(None);
        }
        self.bump();
        if apart {
            self.bump();
        }
        let sign = Span { start: token.end.saturating_sub(u32::from(stuck.is_some())), ..self.since(start) };
        let number = stuck.unwrap_or(text);
        let factor = match spark_core::Quantity::parse(number) {
            Ok(value) if !number.contains(['e', 'E']) => value,
            _ => {
                let problem = Diagnostic::error(codes::E0106, start, format!("`{text}` is no multiple"))
                    .help("a multiple is a plain number: `3x baseline`");
                return self.refuse(problem);
            }
        };
        let reference = self.at_word("baseline")
            || (self.at_word("previous") && self.word_ahead(1, "stage"))
            || self.at_symbol("(");
        if !reference {
            // `3x p95` is `3 * p95`, and taken as that
            let problem = Diagnostic::error(
                codes::E0101,
                self.peek_span(),
                format!("expected `baseline` or `previous stage` after `x`, found {}", self.found()),
            )
            .help("`x` multiplies a reference; anything else is multiplied by `*`")
            .machine(vec![Edit::replace(sign, " *")]);
            self.tell(problem);
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
        if RESERVED.contains(&text) {
            let problem =
                self.unexpected("a value: a signal's name, or a number with its unit such as `300ms`");
            return self.refuse(problem);
        }
        if matches!(text, "true" | "false") {
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

    /// `avg(p95 over 5m)`
    fn call(&mut self) -> Parse<Expression> {
        let token = self.bump();
        let function = Name { text: self.text_of(token).to_owned(), span: self.span_of(token) };
        if WindowFunction::parse(&function.text).is_none() && function.text != "correlation" {
            return self.unknown_function(&function);
        }
        self.bump();
        let mut of = vec![self.argument(&function)?];
        while self.at_symbol(",") && self.ahead(1).kind != Kind::Number {
            self.bump();
            of.push(self.argument(&function)?);
        }
        let over = self.over(&function, &of)?;
        let span = self.since(function.span);
        self.expression(ExpressionKind::Call(Box::new(Call { function, of, over })), span, 0)
    }

    fn argument(&mut self, function: &Name) -> Parse<Name> {
        let name = self.name("a signal's name")?;
        if matches!(self.peek_text(), "*" | "/" | "+" | "-" | ">" | "<" | "(") {
            let message = format!("`{}` takes a signal by its name, not a calculation", function.text);
            let problem = Diagnostic::error(codes::E0207, self.peek_span(), message)
                .help("calculate outside: `2 * avg(p95 over 5m)`, or in the signal's source");
            return self.refuse(problem);
        }
        Ok(name)
    }

    /// `over 5m)`, and the ways of other languages to say it.
    fn over(&mut self, function: &Name, of: &[Name]) -> Parse<Length> {
        if self.eat_word("over") {
            let over = self.window_or_assumed("the window's length, such as `5m`")?;
            self.expect_symbol(")", &format!("to close `{}(`", function.text))?;
            return Ok(over);
        }
        let end = self.last_end();
        let before = Span { start: end, end: self.peek().start, file: self.number };
        let missing = |message: String, span: Span| Diagnostic::error(codes::E0121, span, message);
        let needs = format!("`{}` needs the length of its window", function.text);
        let bracket = self.at_symbol("[");
        if (self.at_symbol(",") || bracket) && self.ahead(1).kind == Kind::Number {
            let sign = self.peek_span();
            let gap = Span { start: end, end: self.ahead(1).start, ..sign };
            self.bump();
            let length = self.window_or_assumed("the window's length, such as `5m`")?;
            let mut edits = vec![Edit::replace(gap, " over ")];
            if bracket && self.at_symbol("]") {
                edits.push(Edit::replace(self.peek_span(), ""));
                self.bump();
            }
            let problem = missing(
                format!(
                    "a window is written with `over`, found `{}`",
                    self.text.get(sign.start as usize..sign.end as usize).unwrap_or("")
                ),
                sign,
            );
            self.tell(problem.help("write `over` before the window's length").machine(edits));
            self.expect_symbol(")", &format!("to close `{}(`", function.text))?;
            return Ok(length);
        }
        if self.peek().kind == Kind::Number {
            let span = self.peek_span();
            let length = self.window_or_assumed("the window's length, such as `5m`")?;
            let problem = missing(format!("{needs} behind `over`"), span);
            self.tell(problem.help("write `over` before it").machine(vec![Edit::replace(before, " over ")]));
            self.expect_symbol(")", &format!("to close `{}(`", function.text))?;
            return Ok(length);
        }
        if !self.at_symbol(")") {
            let problem = self.unexpected("`over` and the window's length");
            return self.refuse(problem);
        }
        let signals = of.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(", ");
        let close = self.bump();
        if self.at_word("over") && self.ahead(1).kind == Kind::Number {
            let start = self.peek_span();
            self.bump();
            let length = self.window_or_assumed("the window's length, such as `5m`")?;
            let whole = Span { start: close.start, end: self.last_end(), ..start };
            let text = self.text.get(length.span.start as usize..length.span.end as usize).unwrap_or("");
            let problem = missing("the window stands behind the parentheses".to_owned(), start)
                .help("put it inside")
                .machine(vec![Edit::replace(whole, format!(" over {text})"))]);
            self.tell(problem);
            return Ok(length);
        }
        let problem = missing(needs, function.span)
            .help(format!("write `{}({signals} over 5m)`", function.text))
            .maybe(vec![Edit::insert(close.start, " over 5m")]);
        self.tell(problem);
        Ok(Length { value: super::value::ASSUMED, span: function.span })
    }

    fn unknown_function(&mut self, function: &Name) -> Parse<Expression> {
        let near = nearest(&function.text, FUNCTIONS.iter().copied());
        let problem = Diagnostic::error(
            codes::E0201,
            function.span,
            format!("no function is called `{}`", function.text),
        );
        let all = format!("functions of a window are {}", listed(FUNCTIONS.iter().copied()));
        self.refuse(match near.as_slice() {
            [best] => problem
                .help(format!("did you mean `{best}`?"))
                .machine(vec![Edit::replace(function.span, *best)]),
            [] => problem.help(format!("{all}; `p50` to `p99.9` are quantiles")),
            several => problem.help(format!("did you mean {}?", listed(several.iter().copied()))),
        })
    }
}
