//! `from metrics` expressions.

use spark_core::metrics::{
    AggregateFunction, Aggregation, LabelMatch, LabelMatcher, MetricsNode, RangeFunction, Selector,
};
use spark_core::{Dimension, Operator, Quantile, Quantity, SourceSpan as Span, TimeSpan, Unit};

use super::value::ASSUMED;
use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{Length, Metrics, Name, Text};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::TREE_MAX;
use crate::suggest::{listed, nearest};

/// Names from PromQL for what rules call otherwise.
const FOREIGN: &[(&str, &str)] = &[("deriv", "slope"), ("irate", "rate"), ("idelta", "delta")];

/// What is gathered on the way.
#[derive(Default)]
struct Gathered {
    ranged: Vec<Name>,
    patterns: Vec<Text>,
    /// Windows that stand behind metrics, `[5m]`, and not behind the whole.
    windows: Vec<Span>,
    nodes: u16,
}

impl Parser<'_> {
    /// The expression behind `from metrics`, with its window.
    pub(super) fn metrics(&mut self) -> Parse<Metrics> {
        let start = self.peek_span();
        let mut gathered = Gathered::default();
        let root = self.metrics_sum(&mut gathered);
        let span = self.since(start);
        let over = match root.is_ok() && self.eat_word("over") {
            true => Some(self.length("the window's length, such as `1m`")?),
            false => None,
        };
        let root = root?;
        let over = self.windows_inside(&gathered.windows, span, over);
        Ok(Metrics { root, over, span, ranged: gathered.ranged, patterns: gathered.patterns })
    }

    /// Tells windows that stand behind metrics, `rate(a[5m])`, once for the expression; gives the window that is meant.
    fn windows_inside(&mut self, windows: &[Span], whole: Span, over: Option<Length>) -> Option<Length> {
        let Some(first) = windows.first().copied() else { return over };
        let inner = |span: Span| self.text_in(span).trim_start_matches('[').trim_end_matches(']').trim();
        let text = inner(first);
        let written = Quantity::parse(text).ok().filter(|value| value.unit == Unit::of(Dimension::Duration));
        let value = written.and_then(|value| TimeSpan::from_decimal_seconds(value.value));
        let value = value.filter(|value| !value.is_zero());
        let meant = over.or(Some(Length { value: value.unwrap_or(ASSUMED), span: first }));
        let problem =
            Diagnostic::error(codes::E0401, first, "the window stands behind the whole expression, once");
        let agree = windows.iter().all(|window| inner(*window) == text)
            && over.is_none_or(|over| Some(over.value) == value);
        if !agree {
            let help = "all of it looks over one window: take them away here, and write one, as in `over 5m`, behind it";
            self.tell(problem.help(help));
            return meant;
        }
        let mut edits: Vec<Edit> = windows.iter().map(|window| Edit::replace(*window, "")).collect();
        self.tell(match (over, value) {
            (Some(_), _) => problem.help("take it away here").machine(edits),
            (None, Some(_)) => {
                edits.push(Edit::insert(whole.end, format!(" over {text}")));
                problem
                    .help(format!("take it away here, and write `over {text}` behind the expression"))
                    .machine(edits)
            }
            (None, None) => problem.help("take it away here, and write a length behind it, as in `over 5m`"),
        });
        meant
    }

    fn metrics_error(&self, message: impl Into<String>) -> Box<Diagnostic> {
        Diagnostic::error(codes::E0401, self.peek_span(), message)
    }

    /// Counts a node: their number bounds the tree's height.
    fn metrics_node(&mut self, gathered: &mut Gathered) -> Parse<()> {
        gathered.nodes = gathered.nodes.saturating_add(1);
        if gathered.nodes > TREE_MAX {
            let problem = Diagnostic::error(
                codes::E0109,
                self.peek_span(),
                format!("this expression has more than {TREE_MAX} parts"),
            );
            return self.refuse(problem.help("compute it where the metrics are made"));
        }
        Ok(())
    }

    fn metrics_sum(&mut self, gathered: &mut Gathered) -> Parse<MetricsNode> {
        let mut left = self.metrics_product(gathered)?;
        loop {
            let operator = match self.peek_text() {
                "+" => Operator::Add,
                "-" => Operator::Subtract,
                _ => return Ok(left),
            };
            self.bump();
            let right = self.metrics_product(gathered)?;
            left = MetricsNode::Arithmetic { operator, left: Box::new(left), right: Box::new(right) };
        }
    }

    fn metrics_product(&mut self, gathered: &mut Gathered) -> Parse<MetricsNode> {
        let mut left = self.metrics_factor(gathered)?;
        loop {
            let operator = match self.peek_text() {
                "*" => Operator::Multiply,
                "/" => Operator::Divide,
                _ => return Ok(left),
            };
            self.bump();
            let zero = self.peek();
            let right = self.metrics_factor(gathered)?;
            if operator == Operator::Divide && matches!(&right, MetricsNode::Number(n) if n.is_zero()) {
                let span = self.span_of(zero);
                return self.refuse(Diagnostic::error(codes::E0304, span, "nothing can be divided by zero"));
            }
            left = MetricsNode::Arithmetic { operator, left: Box::new(left), right: Box::new(right) };
        }
    }

    fn metrics_factor(&mut self, gathered: &mut Gathered) -> Parse<MetricsNode> {
        self.metrics_node(gathered)?;
        let token = self.peek();
        match token.kind {
            Kind::Symbol if self.at_symbol("(") => {
                self.deeper()?;
                self.bump();
                let inner = self.metrics_sum(gathered)?;
                self.expect_symbol(")", "to close the parentheses")?;
                self.shallower();
                Ok(inner)
            }
            Kind::Symbol if self.at_symbol("-") && self.ahead(1).kind == Kind::Number => {
                self.bump();
                let number = self.metrics_number()?;
                let MetricsNode::Number(mut value) = number else { return Ok(number) };
                value.set_sign_negative(true);
                Ok(MetricsNode::Number(value))
            }
            Kind::Number => self.metrics_number(),
            Kind::Word if self.symbol_ahead(1, "(") || self.word_ahead(1, "by") => {
                self.metrics_call(gathered)
            }
            Kind::Word => self.selector(gathered).map(MetricsNode::Select),
            Kind::Quoted => {
                let problem = self.metrics_error("a metrics expression is written without quotes")
                    .help("write `from metrics rate(requests_total) over 1m`, or `from prometheus \"…\"` for PromQL");
                self.refuse(problem)
            }
            _ => {
                let problem = self.unexpected("a metric, a function of one, or a number");
                self.refuse(problem.coded(codes::E0401))
            }
        }
    }

    fn metrics_number(&mut self) -> Parse<MetricsNode> {
        let token = self.bump();
        let text = self.text_of(token);
        match spark_core::decimal::parse_exact(text) {
            Some(value) => Ok(MetricsNode::Number(value)),
            None => {
                let message =
                    format!("`{text}` is no plain number: metrics have no units until `in` names one");
                let problem = Diagnostic::error(codes::E0401, self.span_of(token), message);
                self.refuse(problem.help("write the number in the metric's own unit"))
            }
        }
    }

    fn metrics_call(&mut self, gathered: &mut Gathered) -> Parse<MetricsNode> {
        let token = self.peek();
        let name = Name { text: self.text_of(token).to_owned(), span: self.span_of(token) };
        if let Some(function) = AggregateFunction::ALL.into_iter().find(|known| known.as_str() == name.text) {
            return self.aggregate(function, gathered);
        }
        let ranged = RangeFunction::ALL.into_iter().find(|known| known.as_str() == name.text);
        let quantile = Quantile::parse(&name.text);
        if ranged.is_none() && quantile.is_none() && name.text != "age" {
            return self.unknown_metrics_function(&name);
        }
        self.bump();
        let mut by = self.by_labels()?;
        self.expect_symbol("(", &format!("after `{}`", name.text))?;
        let selector = self.function_selector(&name, gathered)?;
        self.expect_symbol(")", &format!("to close `{}(`", name.text))?;
        if quantile.is_some() && by.is_empty() {
            by = self.by_labels()?;
        } else if self.at_word("by") || !by.is_empty() && quantile.is_none() {
            let problem = self
                .metrics_error(format!(
                    "`{}` keeps every series apart, so that `by` has no meaning here",
                    name.text
                ))
                .help("write `sum by (instance) (rate(requests_total))`");
            return self.refuse(problem);
        }
        Ok(match (ranged, quantile) {
            (Some(function), _) => {
                gathered.ranged.push(name);
                MetricsNode::Range { function, selector }
            }
            (None, Some(quantile)) => {
                gathered.ranged.push(name);
                MetricsNode::HistogramQuantile { quantile, selector: self.histogram(selector), by }
            }
            (None, None) => MetricsNode::Age(selector),
        })
    }

    /// A histogram is named without `_bucket`; with it, the same is meant.
    fn histogram(&mut self, mut selector: Selector) -> Selector {
        if let Some(name) = selector.metric.strip_suffix("_bucket") {
            selector.metric = name.to_owned();
        }
        selector
    }

    fn unknown_metrics_function<T>(&mut self, name: &Name) -> Parse<T> {
        let ranged = RangeFunction::ALL.map(RangeFunction::as_str);
        let known: Vec<&str> = ranged
            .into_iter()
            .chain(AggregateFunction::ALL.map(AggregateFunction::as_str))
            .chain(["age", "p95"])
            .collect();
        let message = format!("no function of metrics is called `{}`", name.text);
        let problem = Diagnostic::error(codes::E0401, name.span, message);
        if name.text == "histogram_quantile" {
            return self.refuse(problem.help(
                "write `p95(http_request_duration_seconds) over 1m`: the histogram's name without `_bucket`",
            ));
        }
        let foreign = FOREIGN.iter().find(|(word, _)| *word == name.text).map(|(_, own)| *own);
        let near = nearest(&name.text, known.iter().copied());
        self.refuse(match (foreign, near.first()) {
            (Some(own), _) => {
                problem.help(format!("rules call it `{own}`")).maybe(vec![Edit::replace(name.span, own)])
            }
            (None, Some(best)) => {
                problem.help(format!("did you mean `{best}`?")).machine(vec![Edit::replace(name.span, *best)])
            }
            (None, None) => problem.help(format!(
                "there are {}; for anything else write `from prometheus \"…\"`",
                listed(known.iter().copied())
            )),
        })
    }

    fn aggregate(&mut self, function: AggregateFunction, gathered: &mut Gathered) -> Parse<MetricsNode> {
        let word = self.peek_text().to_owned();
        self.bump();
        let mut by = self.by_labels()?;
        self.deeper()?;
        self.expect_symbol("(", &format!("after `{word}`"))?;
        let of = self.metrics_sum(gathered)?;
        self.expect_symbol(")", &format!("to close `{word}(`"))?;
        self.shallower();
        if by.is_empty() {
            by = self.by_labels()?;
        }
        Ok(MetricsNode::Aggregate(Aggregation { function, by, of: Box::new(of) }))
    }

    /// `by (instance, path)`; none where there is no `by`.
    fn by_labels(&mut self) -> Parse<Vec<String>> {
        let mut labels = Vec::new();
        if !self.eat_word("by") {
            return Ok(labels);
        }
        if self.peek().kind == Kind::Word && !super::RESERVED.contains(&self.peek_text()) {
            let span = self.peek_span();
            let problem = self.metrics_error(format!("labels stand in parentheses, found {}", self.found()));
            let meant = format!("({})", self.peek_text());
            self.tell(problem.help(format!("write `{meant}`")).machine(vec![Edit::replace(span, meant)]));
            labels.push(self.peek_text().to_owned());
            self.bump();
            return Ok(labels);
        }
        self.expect_symbol("(", "after `by`")?;
        while !self.eat_symbol(")") {
            let token = self.peek();
            if token.kind != Kind::Word {
                let problem = self.unexpected("a label's name, or `)`");
                return self.refuse(problem.coded(codes::E0401));
            }
            labels.push(self.text_of(token).to_owned());
            self.bump();
            if !self.eat_symbol(",") && !self.at_symbol(")") {
                let problem = self.unexpected("`,` or `)` after a label's name");
                return self.refuse(problem.coded(codes::E0401));
            }
        }
        Ok(labels)
    }

    /// The selector inside of a function; a calculation or a window in it is told.
    fn function_selector(&mut self, function: &Name, gathered: &mut Gathered) -> Parse<Selector> {
        if self.peek().kind != Kind::Word || self.symbol_ahead(1, "(") {
            let message = format!("`{}` takes a metric, found {}", function.text, self.found());
            let problem =
                self.metrics_error(message).help(format!("write `{}(requests_total)`", function.text));
            return self.refuse(problem);
        }
        let selector = self.selector(gathered)?;
        let open = self.peek_span();
        if self.eat_symbol("[") {
            while !self.at_end() && !self.at_symbol("]") && !self.at_symbol(")") {
                self.bump();
            }
            self.eat_symbol("]");
            gathered.windows.push(self.since(open));
        }
        Ok(selector)
    }

    /// `http_requests_total{status=~"5.."}`
    fn selector(&mut self, gathered: &mut Gathered) -> Parse<Selector> {
        let token = self.bump();
        let metric = self.text_of(token).to_owned();
        if !metric.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':')) {
            let message = format!("`{metric}` is no metric's name");
            return self.refuse(Diagnostic::error(codes::E0401, self.span_of(token), message));
        }
        let mut matchers = Vec::new();
        if self.eat_symbol("{") {
            while !self.eat_symbol("}") {
                matchers.push(self.matcher(gathered)?);
                if !self.eat_symbol(",") && !self.at_symbol("}") {
                    let problem = self.unexpected("`,` or `}` after a label");
                    return self.refuse(problem.coded(codes::E0401));
                }
            }
        }
        Ok(Selector { metric, matchers })
    }

    fn matcher(&mut self, gathered: &mut Gathered) -> Parse<LabelMatcher> {
        let token = self.peek();
        if token.kind != Kind::Word {
            let problem = self.unexpected("a label, as in `status=~\"5..\"`, or `}`");
            return self.refuse(problem.coded(codes::E0401));
        }
        self.bump();
        let label = self.text_of(token).to_owned();
        let operator = match self.peek_text() {
            "=" => LabelMatch::Equal,
            "!=" => LabelMatch::NotEqual,
            "=~" => LabelMatch::Matches,
            "!~" => LabelMatch::NotMatches,
            "==" | ":" => {
                let span = self.peek_span();
                let problem =
                    self.metrics_error(format!("a label is matched by `=`, found {}", self.found()));
                self.tell(problem.help("write `=`").machine(vec![Edit::replace(span, "=")]));
                LabelMatch::Equal
            }
            _ => {
                let problem = self.unexpected("`=`, `!=`, `=~` or `!~` after a label");
                return self.refuse(problem.coded(codes::E0401));
            }
        };
        self.bump();
        let text = self.quoted("the label's value in quotes")?;
        if matches!(operator, LabelMatch::Matches | LabelMatch::NotMatches) {
            gathered.patterns.push(text.clone());
        }
        Ok(LabelMatcher { label, operator, value: text.value })
    }
}
