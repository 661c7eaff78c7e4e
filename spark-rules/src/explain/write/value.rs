//! Values that are computed.

use spark_core::{Dimension, Operator, Unit};

use super::Writer;
use crate::ast::{Call, Expression, ExpressionKind};
use crate::explain::words;

/// A value without parentheses round it.
fn bare(expression: &Expression) -> &Expression {
    let mut inner = expression;
    while let ExpressionKind::Group(next) = &inner.kind {
        inner = next;
    }
    inner
}

/// Whether it reads `baseline` or `previous stage`.
fn reference(expression: &Expression) -> bool {
    match &expression.kind {
        ExpressionKind::Baseline | ExpressionKind::PreviousStage => true,
        _ => expression.parts().any(reference),
    }
}

/// Whether the operators bind alike, so that they are read from left to right.
fn alike(a: Operator, b: Operator) -> bool {
    let sum = |operator| matches!(operator, Operator::Add | Operator::Subtract);
    sum(a) == sum(b)
}

impl Writer<'_> {
    pub(super) fn value(&mut self, expression: &Expression) -> String {
        let expression = bare(expression);
        match &expression.kind {
            ExpressionKind::Name(name) => self.named(name),
            ExpressionKind::Literal(value) => self.literal(value, expression.span),
            ExpressionKind::Call(call) => self.call(call),
            ExpressionKind::Binary(operator, left, right) => self.binary(*operator, left, right),
            ExpressionKind::Times(times) => {
                let (factor, of) = &**times;
                let text = self.source(factor.span);
                let number = text.strip_suffix('x').unwrap_or(text);
                let number = match spark_core::Quantity::parse(number) {
                    Ok(read) if read == factor.value && !number.contains(char::is_whitespace) => {
                        number.to_owned()
                    }
                    _ => factor.value.to_string(),
                };
                format!("{number}x {}", self.operand(of))
            }
            ExpressionKind::Negate(inner) => format!("the negative of {}", self.operand(inner)),
            ExpressionKind::Baseline => "its baseline".to_owned(),
            ExpressionKind::PreviousStage => "its mean over the stage before".to_owned(),
            // neither passes the checker, nor stands in it a group
            ExpressionKind::Group(_) | ExpressionKind::Wrong => self.source(expression.span).to_owned(),
        }
    }

    /// A value inside of a calculation.
    fn operand(&mut self, expression: &Expression) -> String {
        let text = self.value(expression);
        match bare(expression).kind {
            ExpressionKind::Binary(..) => format!("({text})"),
            _ => text,
        }
    }

    fn binary(&mut self, operator: Operator, left: &Expression, right: &Expression) -> String {
        let share = matches!(&bare(right).kind, ExpressionKind::Literal(value) if value.unit == Unit::of(Dimension::Ratio));
        let relative = share && matches!(operator, Operator::Add | Operator::Subtract) && reference(left);
        let left = match &bare(left).kind {
            ExpressionKind::Binary(inner, ..) if alike(*inner, operator) => self.value(left),
            _ => self.operand(left),
        };
        let of_that = if relative { " of that" } else { "" };
        format!("{left} {} {}{of_that}", words::operator(operator), self.operand(right))
    }

    fn call(&mut self, call: &Call) -> String {
        let names: Vec<String> = call.of.iter().map(|name| self.named(&name.text)).collect();
        let over = self.length(&call.over);
        format!("{} {} over the last {over}", words::function(&call.function.text), names.join(" with "))
    }
}
