//! Functions of windows: `avg(p95 over 5m)`, and what people write instead.

use spark_core::{SourceSpan as Span, WindowFunction};

use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{Call, Expression, ExpressionKind, Length, Name};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::{listed, nearest};

/// The functions of windows, a quantile for all.
pub(crate) const WINDOW_FUNCTIONS: &[&str] = &[
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

/// Names from elsewhere for what rules call otherwise.
const FOREIGN: &[(&str, &str)] = &[
    ("mean", "avg"),
    ("average", "avg"),
    ("median", "p50"),
    ("stdev", "stddev"),
    ("std", "stddev"),
    ("irate", "rate"),
    ("deriv", "slope"),
    ("idelta", "delta"),
    ("avg_over_time", "avg"),
    ("min_over_time", "min"),
    ("max_over_time", "max"),
    ("sum_over_time", "sum"),
    ("count_over_time", "count"),
    ("stddev_over_time", "stddev"),
];

impl Parser<'_> {
    /// `avg(p95 over 5m)`
    pub(super) fn call(&mut self) -> Parse<Expression> {
        let token = self.bump();
        let function = Name { text: self.text_of(token).to_owned(), span: self.span_of(token) };
        if WindowFunction::parse(&function.text).is_none() && function.text != "correlation" {
            return self.unknown_function(&function);
        }
        self.bump();
        // `rate(messages[5m])` names its function: `over` reads the window
        let windowed = self.windowed_name(0);
        if !windowed && self.peek().kind == Kind::Word && self.symbol_ahead(1, "[") {
            let signal = self.peek_text();
            let message = format!("the window of `{}` is no single length", function.text);
            let problem = Diagnostic::error(codes::E0121, self.span_of(self.ahead(1)), message);
            let help = format!("write its length alone, as in `{}({signal} over 5m)`", function.text);
            return self.refuse(problem.help(help));
        }
        if !windowed && let Some(selected) = self.selector_in_condition() {
            let selected = selected?;
            while !self.at_end() && !self.first_on_line() && !self.eat_symbol(")") {
                self.bump();
            }
            return Ok(selected);
        }
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
        let aggregates = matches!(function.text.as_str(), "sum" | "avg" | "min" | "max" | "count");
        if aggregates && let Some(problem) = self.aggregated(&function.text) {
            return self.refuse(problem);
        }
        let name = self.name("a signal's name")?;
        if matches!(self.peek_text(), "*" | "/" | "+" | "-" | ">" | "<" | "(") {
            let message = format!("`{}` takes a signal by its name, not a calculation", function.text);
            let problem = Diagnostic::error(codes::E0207, self.peek_span(), message)
                .help("calculate outside: `2 * avg(p95 over 5m)`, or in the signal's source");
            return self.refuse(problem);
        }
        Ok(name)
    }

    /// Whether `messages[5m])` stands so many words ahead.
    fn windowed_name(&self, by: usize) -> bool {
        let is = |far: usize, sign: &str| self.symbol_ahead(by.saturating_add(far), sign);
        self.ahead(by).kind == Kind::Word
            && self.ahead(by.saturating_add(2)).kind == Kind::Number
            && is(1, "[")
            && is(3, "]")
            && is(4, ")")
    }

    /// `sum(rate(messages[5m]))`: series are put together where a signal is declared.
    fn aggregated(&self, function: &str) -> Option<Box<Diagnostic>> {
        let inner = self.peek_text();
        if self.peek().kind != Kind::Word || !self.symbol_ahead(1, "(") {
            return None;
        }
        let metric = self.text_of(self.ahead(2));
        let plain = self.ahead(2).kind == Kind::Word && !self.symbol_ahead(3, "(");
        let metric = if plain { metric } else { "requests_total" };
        let length = match self.windowed_name(2) {
            true => self.text_of(self.ahead(4)),
            false => "5m",
        };
        let message = format!("`{function}` of `{inner}(…)`: a condition puts no series together");
        let kind = if inner == "increase" { "count" } else { "rate" };
        let problem = Diagnostic::error(codes::E0207, self.span_of(self.ahead(0)), message);
        Some(problem.help(match inner {
            "rate" | "irate" | "increase" => format!(
                "that stands in a signal, `signal traffic {{ is {kind}  from metrics {function}({}({metric})) over {length} }}`, and the condition compares it: `traffic > …`",
                if inner == "irate" { "rate" } else { inner }
            ),
            _ if let Some(help) = super::worded::promql(inner) => help.to_owned(),
            _ => format!(
                "calculate in the signal's source, as in `signal traffic {{ is rate  from metrics {function}(rate(requests_total)) over 5m }}`, and compare `traffic` here"
            ),
        }))
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
        if self.at_word("for") && self.ahead(1).kind == Kind::Number {
            let span = self.peek_span();
            self.bump();
            let length = self.window_or_assumed("the window's length, such as `5m`")?;
            let problem = missing("a window is written with `over`, found `for`".to_owned(), span);
            self.tell(problem.help("write `over`").machine(vec![Edit::replace(span, "over")]));
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
        let near = nearest(&function.text, WINDOW_FUNCTIONS.iter().copied());
        let problem = Diagnostic::error(
            codes::E0201,
            function.span,
            format!("no function is called `{}`", function.text),
        );
        let all = format!("functions of a window are {}", listed(WINDOW_FUNCTIONS.iter().copied()));
        if let Some(help) = super::worded::promql(&function.text) {
            return self.refuse(problem.help(help));
        }
        if let Some((_, own)) = FOREIGN.iter().find(|(word, _)| *word == function.text) {
            let mut edits = vec![Edit::replace(function.span, *own)];
            if !self.windowed_name(1) {
                return self.refuse(problem.help(format!("rules call it `{own}`")).maybe(edits));
            }
            // `avg_over_time(lag[5m])`, as a whole
            let (name, open, close) = (self.ahead(1), self.ahead(2), self.ahead(4));
            let gap = Span { end: self.ahead(3).start, ..self.span_of(open) };
            edits.extend([Edit::replace(gap, " over "), Edit::replace(self.span_of(close), "")]);
            let (signal, length) = (self.text_of(name), self.text_of(self.ahead(3)));
            let problem = problem.help(format!("rules write `{own}({signal} over {length})`"));
            return self.refuse(match function.text.ends_with("_over_time") {
                true => problem.machine(edits),
                false => problem.maybe(edits),
            });
        }
        self.refuse(match near.as_slice() {
            [best] => problem
                .help(format!("did you mean `{best}`?"))
                .machine(vec![Edit::replace(function.span, *best)]),
            [] => problem.help(format!("{all}; `p50` to `p99.9` are quantiles")),
            several => problem.help(format!("did you mean {}?", listed(several.iter().copied()))),
        })
    }
}
