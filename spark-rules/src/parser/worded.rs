//! Values as people write them who come from elsewhere: words for numbers, metrics in conditions, lengths in evaluations,
//! and values that are not there.

use super::words::Kind;
use super::{Parse, Parser, foreign};
use crate::ast::{Expression, ExpressionKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Functions of PromQL that a condition does not need or has otherwise, and what to do.
const PROMQL: &[(&str, &str)] = &[
    ("absent", "data that are missing are unknown by themselves: `unknown hold, then rollback after 10m`"),
    (
        "absent_over_time",
        "data that are missing are unknown by themselves: `unknown hold, then rollback after 10m`",
    ),
    (
        "histogram_quantile",
        "take the quantile where the signal is declared: `from metrics p95(http_seconds) over 1m`",
    ),
    ("quantile_over_time", "write the quantile as a function: `p95(pool over 5m)`"),
    ("abs", "write both sides: `drift > 5 or drift < -5`"),
    ("changes", "count in the signal's source: `from prometheus \"changes(up[5m])\"`"),
    ("resets", "count in the signal's source: `from prometheus \"resets(up[5m])\"`"),
    ("predict_linear", "compare the slope: `slope(rss over 15m) > 10MiB/min`"),
    ("time", "nothing here reads a clock; age is a signal's `from metrics age(last_run_timestamp_seconds)`"),
    ("now", "nothing here reads a clock; age is a signal's `from metrics age(last_run_timestamp_seconds)`"),
    ("topk", "aggregate in the signal's source"),
    ("ceil", "compare with the value itself"),
    ("floor", "compare with the value itself"),
    ("round", "compare with the value itself"),
];

/// What to do in place of a function of PromQL.
pub(super) fn promql(function: &str) -> Option<&'static str> {
    PROMQL.iter().find(|(word, _)| *word == function).map(|(_, help)| *help)
}

impl Parser<'_> {
    /// A value should stand here, and does not.
    pub(super) fn missing_value<T>(&mut self) -> Parse<T> {
        let (last, text) = (self.last_span(), self.text_in(self.last_span()));
        let opens =
            matches!(text, "when" | "given" | "if" | "(" | "and" | "or" | "not" | "&&" | "||" | "then");
        let sign = matches!(text, ">" | ">=" | "<" | "<=" | "==" | "!=" | "+" | "-" | "*" | "/" | "=");
        let next = self.peek_text();
        let joint = matches!(next, "and" | "or" | "&&" | "||" | "then" | "for");
        let ends = self.at_end()
            || self.at_plan_length()
            || matches!(next, "}" | ")")
            || (self.peek().kind == Kind::Word && super::RESERVED.contains(&next) && next != "not");
        let example = match sign {
            true => "a value, such as `300ms`",
            false => "a condition, such as `p95 > 300ms`",
        };
        if joint && opens && text != "not" {
            let message = format!("nothing stands before `{next}`");
            let problem = Diagnostic::error(codes::E0123, self.peek_span(), message);
            return self
                .refuse(problem.help("write a condition before it, such as `p95 > 300ms`, or take it away"));
        }
        if ends && (opens || sign) {
            let problem = Diagnostic::error(codes::E0123, last, format!("nothing stands behind `{text}`"));
            return self.refuse(problem.help(format!("write {example}")));
        }
        let sign_ahead =
            self.peek().kind == Kind::Symbol && matches!(next, ">" | ">=" | "<" | "<=" | "==" | "!=" | "=");
        if sign_ahead && opens {
            let problem =
                Diagnostic::error(codes::E0123, self.peek_span(), format!("nothing stands before `{next}`"));
            return self.refuse(problem.help(format!("say what is compared, as in `p95 {next} 300ms`")));
        }
        if matches!(next, "$" | "€" | "£" | "%") && self.ahead(1).kind == Kind::Number {
            let number = self.text_of(self.ahead(1)).to_owned();
            let (sign, span) = (next, self.pass(2));
            let message = format!("`{}` is no value: its unit stands behind the number", self.text_in(span));
            let unit = match sign {
                "%" => "%",
                "€" => " EUR",
                "£" => " GBP",
                _ => " USD",
            };
            let meant = format!("{number}{unit}");
            let problem = Diagnostic::error(codes::E0106, span, message).help(format!("write `{meant}`"));
            return self.refuse(match unit {
                "%" => problem.machine(vec![Edit::replace(span, meant)]),
                _ => problem.maybe(vec![Edit::replace(span, meant)]),
            });
        }
        if self.peek().kind == Kind::Quoted {
            let span = self.peek_span();
            let inner = next.trim_matches('"');
            let problem = Diagnostic::error(
                codes::E0120,
                span,
                format!("a signal's name stands without quotes, found {next}"),
            );
            return self.refuse(problem.help("take the quotes away").maybe(vec![Edit::replace(span, inner)]));
        }
        if matches!(next, "$" | "@") {
            let problem = Diagnostic::error(codes::E0128, self.peek_span(), "rules have no variables");
            return self.refuse(problem.help("write the value itself, such as `300ms`"));
        }
        let problem = self.unexpected("a value: a signal's name, or a number with its unit such as `300ms`");
        self.refuse(problem.coded(codes::E0123))
    }

    /// `http_requests_total{status="500"}[5m]` in a condition: told, passed, and taken as some value.
    pub(super) fn selector_in_condition(&mut self) -> Option<Parse<Expression>> {
        let matcher = matches!(self.text_of(self.ahead(3)), "=" | "==" | "!=" | "=~" | "!~");
        let braces = self.symbol_ahead(1, "{") && self.ahead(2).kind == Kind::Word && matcher;
        let window = self.symbol_ahead(1, "[") && self.ahead(2).kind == Kind::Number;
        if self.word_ahead(1, "over") && self.ahead(2).kind == Kind::Number && self.word_ahead(3, "of") {
            let (function, length, signal) =
                (self.peek_text(), self.text_of(self.ahead(2)), self.text_of(self.ahead(4)));
            let meant = format!("{function}({signal} over {length})");
            let span = self.pass(5);
            let problem =
                Diagnostic::error(codes::E0121, span, "a function's signal and window stand in parentheses");
            self.tell(problem.help(format!("write `{meant}`")).maybe(vec![Edit::replace(span, meant)]));
            return Some(self.expression(ExpressionKind::Wrong, span, 0));
        }
        if !braces && !window {
            return None;
        }
        let start = self.peek_span();
        let name = self.peek_text();
        self.bump();
        while !self.at_end() && !self.first_on_line() && (self.at_symbol("{") || self.at_symbol("[")) {
            let close = if self.at_symbol("{") { "}" } else { "]" };
            while !self.at_end() && !self.first_on_line() && !self.eat_symbol(close) {
                self.bump();
            }
        }
        let span = self.since(start);
        self.tell(match braces {
            true => Diagnostic::error(codes::E0128, span, format!("`{name}{{…}}` selects metrics: a condition reads signals")).help(
                format!("declare it, as in `signal errors {{ is count  from metrics {name}{{…}} }}`, and write `errors` here"),
            ),
            false => Diagnostic::error(codes::E0121, span, format!("`{}` is a window without a function", self.text_in(span)))
                .help(format!("say what of it counts: `avg({name} over 5m)`, `max({name} over 5m)`")),
        });
        Some(self.expression(ExpressionKind::Wrong, span, 0))
    }

    /// `for five minutes`, `for at least 5m`: what stands before a length of time, told and passed.
    pub(super) fn before_length(&mut self) -> Parse<()> {
        let prefix = foreign::BEFORE_LENGTH.iter().find(|words| {
            self.peek().kind == Kind::Word
                && self.words_ahead(0, words)
                && matches!(self.ahead(words.len()).kind, Kind::Number | Kind::Word)
        });
        if let Some(words) = prefix {
            let end = self.ahead(words.len()).start;
            let span = self.pass(words.len());
            let message = format!("`{}` stands before a length of time", self.text_in(span));
            self.tell(
                Diagnostic::error(codes::E0105, span, message)
                    .help("take it away: a condition holds for at least the length that is written")
                    .machine(vec![Edit { start: span.start, end, text: String::new() }]),
            );
        }
        let word = self.peek_text();
        if let Some(refused) = self.counted_length() {
            return refused;
        }
        if self.peek().kind != Kind::Word {
            return Ok(());
        }
        let number = foreign::NUMBERS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
        let Some((_, digits)) = number else { return Ok(()) };
        let next = self.text_of(self.ahead(1));
        let unit =
            crate::parser::alias(next).or_else(|| matches!(next, "s" | "m" | "h" | "d").then_some(next));
        if unit.is_none() && matches!(word, "a" | "an") {
            return Ok(());
        }
        let span = self.pass(if unit.is_some() { 2 } else { 1 });
        let meant = format!("{digits}{}", unit.unwrap_or("m"));
        self.refuse(
            Diagnostic::error(codes::E0106, span, format!("`{}` is no length of time", self.text_in(span)))
                .help(format!("write it in digits, with its unit: `{meant}`"))
                .maybe(vec![Edit::replace(span, meant)]),
        )
    }

    /// `for 3 evaluations`, `for 00:05:00`, `for 1 hour 30 minutes`
    fn counted_length(&mut self) -> Option<Parse<()>> {
        if self.peek().kind != Kind::Number {
            return None;
        }
        let next = self.text_of(self.ahead(1));
        let plain = self.peek_text().bytes().all(|byte| byte.is_ascii_digit());
        if plain && foreign::COUNTS.contains(&next) {
            let span = self.pass(2);
            let message = format!("`{}` is no length of time", self.text_in(span));
            let problem = Diagnostic::error(codes::E0106, span, message).help(
                "say how long: four samples that come every `15s` last `45s` from the first to the last",
            );
            return Some(self.refuse(problem));
        }
        if plain && self.symbol_ahead(1, ":") && self.ahead(2).kind == Kind::Number {
            let mut count = 3;
            while self.symbol_ahead(count, ":") && self.ahead(count.saturating_add(1)).kind == Kind::Number {
                count = count.saturating_add(2);
            }
            let span = self.pass(count);
            let message = format!("`{}` is no length of time", self.text_in(span));
            let problem =
                Diagnostic::error(codes::E0106, span, message).help("write it with its units, as in `1h30m`");
            return Some(self.refuse(problem));
        }
        let unit = |by: usize| {
            let word = self.text_of(self.ahead(by));
            let known = crate::parser::alias(word).unwrap_or(word);
            (self.ahead(by).kind == Kind::Word && matches!(known, "d" | "h" | "m" | "min" | "s" | "ms"))
                .then_some(known)
        };
        let (mut count, mut meant) = (0usize, String::new());
        loop {
            let joined = usize::from(count > 0 && self.word_ahead(count, "and"));
            let at = count.saturating_add(joined);
            let number = self.text_of(self.ahead(at));
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let Some(unit) = unit(at.saturating_add(1)).filter(|_| digits) else { break };
            meant.push_str(number);
            meant.push_str(unit);
            count = at.saturating_add(2);
        }
        if count < 4 {
            return None;
        }
        let span = self.pass(count);
        let message = format!("`{}` is no length of time: units stick to their numbers", self.text_in(span));
        let problem = Diagnostic::error(codes::E0106, span, message)
            .help(format!("write `{meant}`"))
            .machine(vec![Edit::replace(span, meant)]);
        Some(self.refuse(problem))
    }

    /// `twice the baseline`, `10% above baseline`, `last stage`, `five percent`: told, and taken as some value.
    pub(super) fn worded_value(&mut self) -> Option<Parse<Expression>> {
        let start = self.peek_span();
        let word = self.peek_text();
        let reference = |by: usize| {
            let by = by.saturating_add(usize::from(self.word_ahead(by, "the") || self.word_ahead(by, "of")));
            match (self.text_of(self.ahead(by)), self.text_of(self.ahead(by.saturating_add(1)))) {
                ("baseline", _) => Some(("baseline", by.saturating_add(1))),
                ("previous" | "last" | "prior" | "earlier", "stage") => {
                    Some(("previous stage", by.saturating_add(2)))
                }
                _ => None,
            }
        };
        let multiple = foreign::MULTIPLES.iter().find(|(known, _)| *known == word).map(|(_, own)| *own);
        let number = foreign::NUMBERS.iter().find(|(known, _)| *known == word).map(|(_, own)| *own);
        let unit = number.and_then(|_| crate::parser::alias(self.text_of(self.ahead(1))));
        let (meant, count) = if let Some((own, (of, count))) = multiple.zip(reference(1)) {
            (format!("{own} {of}"), count)
        } else if let Some((of, count)) = reference(0).filter(|(_, count)| *count > 1 && word != "previous") {
            (of.to_owned(), count)
        } else if let Some((digits, unit)) = number.zip(unit) {
            (format!("{digits}{unit}"), 2)
        } else if self.peek().kind == Kind::Number && word.ends_with('%') {
            let two = usize::from(self.word_ahead(2, "than"));
            let sign = match self.text_of(self.ahead(1)) {
                "above" | "over" | "more" | "higher" => "+",
                "below" | "under" | "less" | "lower" => "-",
                _ => return None,
            };
            let (of, count) = reference(two.saturating_add(2))?;
            (format!("{of} {sign} {word}"), count)
        } else {
            return None;
        };
        let span = self.pass(count);
        self.tell(
            Diagnostic::error(codes::E0105, span, format!("`{}` is written otherwise", self.text_in(span)))
                .help(format!("write `{meant}`"))
                .maybe(vec![Edit::replace(span, meant)]),
        );
        let span = self.since(start);
        Some(self.expression(ExpressionKind::Wrong, span, 0))
    }
}
