//! Values that are computed: their types, and the same as data of the core.

use rust_decimal::Decimal;
use spark_core::{
    Expression as Value, Operator, PerTime, Quantity, SignalId, SourceSpan as Span, WindowFunction,
};

use super::Checker;
use super::units::{Type, calculated, of, windowed};
use crate::ast::{Expression, ExpressionKind, Length, Name};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::parser::alias;

/// A value with what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) kind: Type,
    /// None where something in it is wrong.
    pub(super) value: Option<Value>,
    /// The literal, if it is nothing but one.
    pub(super) literal: Option<Quantity>,
    /// The time that it is shown per, where a literal or a signal in it says one.
    pub(super) per: Option<PerTime>,
    /// Whether it reads a signal.
    pub(super) reads_signal: bool,
    /// Whether it has `baseline` or `previous stage` in it.
    pub(super) reference: bool,
}

impl Typed {
    fn wrong() -> Self {
        Self {
            kind: Type::Wrong,
            value: None,
            literal: None,
            per: None,
            reads_signal: true,
            reference: false,
        }
    }

    fn leaf(kind: Type, value: Value) -> Self {
        Self { kind, value: Some(value), literal: None, per: None, reads_signal: false, reference: false }
    }
}

/// Where an expression stands: references mean the left side, so that they need its type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Left,
    Right(Type),
}

impl Checker<'_> {
    pub(super) fn expression(&mut self, expression: &Expression, side: Side) -> Typed {
        match &expression.kind {
            ExpressionKind::Name(name) => match self.signal_named(name, expression.span) {
                Some(id) if self.signals.get(id.index()).is_some_and(|info| info.flag) => {
                    let message = format!("`{name}` is a flag: it is true or false by itself, and no value");
                    let problem = Diagnostic::error(codes::E0510, expression.span, message);
                    self.problems.tell(problem.help(format!("write `{name}` or `not {name}`")));
                    Typed::wrong()
                }
                Some(id) => self.signal_value(id),
                None => Typed::wrong(),
            },
            ExpressionKind::Literal(quantity) => Typed {
                literal: Some(*quantity),
                per: quantity.unit.per_time.then_some(quantity.per),
                ..Typed::leaf(Type::of_literal(quantity), Value::Literal(quantity.value))
            },
            ExpressionKind::Call(call) => self.call(&call.function, &call.of, call.over),
            ExpressionKind::Wrong => Typed::wrong(),
            ExpressionKind::Group(inner) => self.expression(inner, side),
            ExpressionKind::Negate(inner) => {
                let inner = self.expression(inner, side);
                let value = inner
                    .value
                    .map(|value| arithmetic(Operator::Subtract, Value::Literal(Decimal::ZERO), value));
                Typed { value, literal: None, ..inner }
            }
            ExpressionKind::Baseline => self.reference(expression, side, Value::Baseline),
            ExpressionKind::PreviousStage => self.reference(expression, side, Value::PreviousStage),
            ExpressionKind::Times(times) => {
                let (factor, inner) = &**times;
                let inner = self.expression(inner, side);
                if !inner.reference && inner.kind != Type::Wrong {
                    self.problems.tell(
                        Diagnostic::error(
                            codes::E0211,
                            expression.span,
                            "`x` multiplies `baseline` or `previous stage`",
                        )
                        .help("anything else is multiplied by `*`"),
                    );
                    return Typed::wrong();
                }
                let number = Type::of_literal(&factor.value);
                let kind = self.operation(Operator::Multiply, number, inner.kind, expression);
                let value = inner
                    .value
                    .map(|value| arithmetic(Operator::Multiply, Value::Literal(factor.value.value), value));
                Typed { kind, value, literal: None, ..inner }
            }
            ExpressionKind::Binary(operator, left, right) => {
                self.binary(expression, *operator, left, right, side)
            }
        }
    }

    pub(super) fn signal_value(&self, id: SignalId) -> Typed {
        let info = self.signals.get(id.index());
        let unit = info.and_then(|info| info.unit);
        Typed {
            per: info.filter(|_| unit.is_some_and(|unit| unit.per_time)).map(|info| info.per),
            reads_signal: true,
            ..Typed::leaf(unit.map_or(Type::Wrong, Type::Of), Value::Signal(id))
        }
    }

    fn reference(&mut self, expression: &Expression, side: Side, value: Value) -> Typed {
        match side {
            Side::Right(kind) => Typed { reference: true, ..Typed::leaf(kind, value) },
            Side::Left => {
                let text = self.written(expression.span).to_owned();
                self.problems.tell(
                    Diagnostic::error(
                        codes::E0303,
                        expression.span,
                        format!("`{text}` stands on the left side of a comparison"),
                    )
                    .help(format!(
                        "turn the comparison round, as in `p95 > 2x {text}`: it stands for the whole other side"
                    )),
                );
                Typed::wrong()
            }
        }
    }

    fn binary(
        &mut self,
        whole: &Expression,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        side: Side,
    ) -> Typed {
        let a = self.expression(left, side);
        if let Some(rate) = self.spaced_rate(whole, operator, &a, right) {
            return rate;
        }
        let b = self.expression(right, side);
        let sum = matches!(operator, Operator::Add | Operator::Subtract);
        let share = b.literal.filter(|literal| {
            sum && a.reference && Type::of_literal(literal) == of(spark_core::Dimension::Ratio)
        });
        if let Some(share) = share {
            return self.relative(whole, operator, a, share);
        }
        let zero = b.literal.is_some_and(|literal| literal.value.is_zero());
        if operator == Operator::Divide && zero {
            self.problems.tell(Diagnostic::error(codes::E0304, right.span, "nothing can be divided by zero"));
            return Typed::wrong();
        }
        if sum
            && calculated(operator, a.kind, b.kind).is_none()
            && let Some(literal) = b.literal
        {
            return self.wrong_summand((&a, left), literal, right);
        }
        let kind = self.operation_of(operator, (a.kind, left), (b.kind, right), whole);
        let value = a.value.zip(b.value).map(|(a, b)| arithmetic(operator, a, b));
        Typed {
            kind,
            value: value.filter(|_| kind != Type::Wrong),
            literal: None,
            per: a.per.or(b.per),
            reads_signal: a.reads_signal || b.reads_signal,
            reference: a.reference || b.reference,
        }
    }

    /// `50 / min`: a rate that is written apart.
    fn spaced_rate(
        &mut self,
        whole: &Expression,
        operator: Operator,
        number: &Typed,
        per: &Expression,
    ) -> Option<Typed> {
        let ExpressionKind::Name(word) = &per.kind else { return None };
        let literal = number
            .literal
            .filter(|_| operator == Operator::Divide && !self.names.contains_key(word.as_str()))?;
        let time = PerTime::parse(alias(word).unwrap_or(word))?;
        let amount = self
            .written(Span { end: per.span.start, ..whole.span })
            .trim_end()
            .trim_end_matches('/')
            .trim_end();
        let meant = format!("{amount}/{}", time.as_str());
        let value = Quantity::parse(&meant).ok().filter(|_| !literal.unit.per_time)?;
        let message = format!("`{}` is no value: a rate is written without spaces", self.written(whole.span));
        self.problems.tell(
            Diagnostic::error(codes::E0106, whole.span, message)
                .help(format!("write `{meant}`"))
                .machine(vec![Edit::replace(whole.span, meant)]),
        );
        let leaf = Typed::leaf(Type::of_literal(&value), Value::Literal(value.value));
        Some(Typed { literal: Some(value), per: Some(time), ..leaf })
    }

    /// A literal that cannot be added: `baseline + 5`, `p95 + 10%`.
    fn wrong_summand(
        &mut self,
        (a, left): (&Typed, &Expression),
        literal: Quantity,
        right: &Expression,
    ) -> Typed {
        let (subject, written) = (self.written(left.span).to_owned(), self.written(right.span).to_owned());
        let diagnostic =
            self.wrong_literal(&subject, a.kind, &written, (literal, right), self.first_signal(left));
        let share = of(spark_core::Dimension::Ratio);
        self.problems.tell(match (Type::of_literal(&literal) == share, a.reference && a.kind == share) {
            (true, _) => diagnostic.help(format!(
                "`{written}` is relative to `baseline` and `previous stage` alone; elsewhere multiply, as in `1.1 * {subject}`"
            )),
            // a share that is added to a reference is relative, which may be another value than was meant
            (false, true) => Box::new(Diagnostic { fix: None, ..*diagnostic })
                .help(format!("`{subject} + 10%` is relative, × 1.1; a share itself cannot be added")),
            (false, false) if literal.unit == spark_core::Unit::of(spark_core::Dimension::Number) => diagnostic,
            (false, false) => diagnostic
                .help(format!("both must have one unit: write {}, such as `{}`", a.kind.named(), a.kind.example())),
        });
        Typed::wrong()
    }

    /// `baseline + 10%` is `baseline * 1.1`, for ratios too.
    fn relative(
        &mut self,
        whole: &Expression,
        operator: Operator,
        reference: Typed,
        share: Quantity,
    ) -> Typed {
        let factor = match operator {
            Operator::Subtract => Decimal::ONE.checked_sub(share.value),
            _ => Decimal::ONE.checked_add(share.value),
        };
        let Some(factor) = factor else {
            let message = "this share is too large to be added";
            self.problems.tell(Diagnostic::error(codes::E0106, whole.span, message));
            return Typed::wrong();
        };
        let value =
            reference.value.map(|value| arithmetic(Operator::Multiply, value, Value::Literal(factor)));
        Typed { value, literal: None, ..reference }
    }

    fn operation(&mut self, operator: Operator, a: Type, b: Type, whole: &Expression) -> Type {
        self.operation_of(operator, (a, whole), (b, whole), whole)
    }

    fn operation_of(
        &mut self,
        operator: Operator,
        (a, left): (Type, &Expression),
        (b, right): (Type, &Expression),
        whole: &Expression,
    ) -> Type {
        if let Some(kind) = calculated(operator, a, b) {
            return kind;
        }
        let (verb, joint, help) = match operator {
            Operator::Add => ("added", "and", "both must have one unit"),
            Operator::Subtract => ("subtracted", "and", "both must have one unit"),
            Operator::Multiply => (
                "multiplied",
                "and",
                "one of them must be a plain number or a ratio, or a rate and a duration",
            ),
            Operator::Divide => {
                ("divided", "by", "divide by a number, by a duration, or by a value of the same unit")
            }
        };
        let (code, message) = match operator {
            Operator::Divide => {
                (codes::E0211, format!("{} cannot be {verb} {joint} {}", a.named(), b.named()))
            }
            Operator::Multiply => {
                (codes::E0211, format!("{} {joint} {} cannot be {verb}", a.named(), b.named()))
            }
            _ => (codes::E0203, format!("{} {joint} {} cannot be {verb}", a.named(), b.named())),
        };
        let mut diagnostic = Diagnostic::error(code, whole.span, message).help(help);
        if left.span != whole.span {
            diagnostic = diagnostic.also(left.span, format!("this is {}", a.named()));
            diagnostic = diagnostic.also(right.span, format!("this is {}", b.named()));
            for (side, other) in [(left, right), (right, left)] {
                let signal = self.first_signal(side);
                if side.span == left.span || signal != self.first_signal(other) {
                    diagnostic = self.declared_here(diagnostic, signal);
                }
            }
        }
        self.problems.tell(diagnostic);
        Type::Wrong
    }

    fn call(&mut self, function: &Name, names: &[Name], over: Length) -> Typed {
        let ids: Vec<Option<SignalId>> =
            names.iter().map(|name| self.signal_named(&name.text, name.span)).collect();
        let correlation = function.text == "correlation";
        let wanted = if correlation { 2 } else { 1 };
        if ids.len() != wanted {
            let needs = if correlation { "two signals" } else { "one signal" };
            let message = format!("`{}` needs {needs}, found {}", function.text, ids.len());
            let example = if correlation { "correlation(p95, pool over 15m)" } else { "avg(p95 over 5m)" };
            let diagnostic = Diagnostic::error(codes::E0207, function.span, message);
            self.problems.tell(diagnostic.help(format!("write it as in `{example}`")));
            return Typed::wrong();
        }
        let over = over.value;
        let mut ids = ids.into_iter();
        let Some(first) = ids.next().flatten() else { return Typed::wrong() };
        if correlation {
            let Some(second) = ids.next().flatten() else { return Typed::wrong() };
            if first == second {
                let diagnostic = Diagnostic::error(
                    codes::E0207,
                    function.span,
                    "a signal is always correlated with itself",
                );
                self.problems.tell(diagnostic.help("`correlation` needs two signals"));
                return Typed::wrong();
            }
            let value = Value::Correlation { a: first, b: second, over };
            return Typed { reads_signal: true, ..Typed::leaf(of(spark_core::Dimension::Number), value) };
        }
        let Some(window) = WindowFunction::parse(&function.text) else { return Typed::wrong() };
        let Some(info) = self.signals.get(first.index()) else { return Typed::wrong() };
        let Some(unit) = info.unit else { return Typed::wrong() };
        let per = info.per;
        match windowed(window, unit) {
            Ok(kind) => Typed {
                per: kind.unit().per_time.then_some(per),
                reads_signal: true,
                ..Typed::leaf(kind, Value::Window { function: window, signal: first, over })
            },
            Err(why) => {
                let signal = names.first().map_or("", |name| name.text.as_str());
                let message = format!(
                    "`{}` does not fit `{signal}`, which is {}",
                    function.text,
                    Type::Of(unit).named()
                );
                let near = matches!(window, WindowFunction::Rate | WindowFunction::Increase);
                let diagnostic = Diagnostic::error(codes::E0207, function.span, message).help(why);
                let diagnostic = self.declared_here(diagnostic, Some(first));
                self.problems.tell(match near {
                    true => diagnostic.maybe(vec![Edit::replace(function.span, "avg")]),
                    false => diagnostic,
                });
                Typed::wrong()
            }
        }
    }
}

fn arithmetic(operator: Operator, left: Value, right: Value) -> Value {
    Value::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }
}
