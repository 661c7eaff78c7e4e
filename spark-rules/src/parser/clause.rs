//! The clauses of signals and triggers.

use spark_core::{Severity, SourceSpan as Span};

use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{SignalClause, Source, SourceUnit, TriggerClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::nearest;

impl Parser<'_> {
    pub(super) fn signal_clause(&mut self, start: Span) -> Parse<SignalClause> {
        let word = self.peek_text();
        self.bump();
        self.after_key(word);
        match word {
            "is" => Ok(SignalClause::Is(self.type_name()?)),
            "from" => self.source(),
            "stale" => {
                if self.at_symbol("-") && self.word_ahead(1, "after") {
                    let span = self.peek_span();
                    self.bump();
                    self.tell(
                        Diagnostic::error(codes::E0105, span, "`stale after` is written without `-`")
                            .help("write a space")
                            .machine(vec![Edit::replace(span, " ")]),
                    );
                }
                self.lead_in("after", "behind `stale`", &["for", "at", "in"])?;
                Ok(SignalClause::StaleAfter(self.length("a length of time, such as `45s`")?))
            }
            _ => self.expectation(start).map(SignalClause::Expect),
        }
    }

    /// A type behind `is`.
    pub(super) fn type_name(&mut self) -> Parse<crate::ast::Name> {
        if matches!(self.peek_text(), "a" | "an") && self.ahead(1).kind == Kind::Word {
            let (span, end) = (self.peek_span(), self.ahead(1).start);
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    span,
                    format!("`is` stands before the type alone, found {}", self.found()),
                )
                .help("take it away")
                .machine(vec![Edit { start: span.start, end, text: String::new() }]),
            );
            self.bump();
        }
        let token = self.peek();
        let inner = self.peek_text().trim_matches('"');
        let types = if self.in_check { crate::check::MEASURE_TYPES } else { crate::check::TYPES };
        if token.kind == Kind::Quoted && types.contains(&inner) {
            let span = self.span_of(token);
            self.bump();
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    span,
                    format!("the type {} stands in quotes", self.text_of(token)),
                )
                .help("write it without quotes")
                .machine(vec![Edit::replace(span, inner)]),
            );
            return Ok(crate::ast::Name { text: inner.to_owned(), span });
        }
        if token.kind != Kind::Word {
            let problem = self.unexpected("a type, such as `duration`");
            return self.refuse(problem.help(crate::check::types_help(types)));
        }
        self.bump();
        let text = self.text_of(token).to_owned();
        Ok(crate::ast::Name { text, span: self.span_of(token) })
    }

    pub(super) fn source(&mut self) -> Parse<SignalClause> {
        const SOURCES: &[&str] = &["metrics", "prometheus", "sql", "push"];
        let span = self.peek_span();
        let word = if self.peek().kind == Kind::Word { self.peek_text() } else { "" };
        let source = match word {
            "metrics" => {
                self.bump();
                Source::Metrics(self.metrics()?)
            }
            "prometheus" => {
                self.bump();
                Source::Prometheus(self.quoted("a PromQL query in quotes")?)
            }
            "sql" => {
                self.bump();
                Source::Sql(self.quoted("an SQL query in quotes")?)
            }
            "push" => {
                self.bump();
                Source::Push
            }
            _ => {
                let problem =
                    self.unexpected("a source: `metrics`, `prometheus`, `sql` or `push`").coded(codes::E0404);
                let lower = word.to_ascii_lowercase();
                let foreign = super::foreign::SOURCES.iter().find(|(known, _)| *known == lower);
                return self.refuse(match nearest(word, SOURCES.iter().copied()).first() {
                    None if foreign.is_some() => {
                        let own = foreign.map_or("", |(_, own)| own);
                        problem.help(format!("did you mean `{own}`?")).maybe(vec![Edit::replace(span, own)])
                    }
                    Some(best) => problem
                        .help(format!("did you mean `{best}`?"))
                        .machine(vec![Edit::replace(span, *best)]),
                    None => problem,
                });
            }
        };
        let unit = match self.eat_word("in") {
            true => Some(self.source_unit()?),
            false => None,
        };
        Ok(SignalClause::From { source, unit })
    }

    /// `ms`, `%`, `1/s`, `MiB/min`, `USDT`.
    pub(super) fn source_unit(&mut self) -> Parse<SourceUnit> {
        let start = self.peek_span();
        let token = self.peek();
        let text = self.text_of(token);
        let unit = match token.kind {
            Kind::Word => text,
            Kind::Symbol if text == "%" => text,
            Kind::Quoted => {
                let inner = text.trim_matches('"');
                self.tell(
                    Diagnostic::error(codes::E0105, start, format!("the unit {text} stands in quotes"))
                        .help("write it without quotes")
                        .machine(vec![Edit::replace(start, inner)]),
                );
                inner
            }
            Kind::Symbol if matches!(text, "$" | "€" | "£" | "¥") => {
                let code = match text {
                    "€" => "EUR",
                    "£" => "GBP",
                    "¥" => "JPY",
                    _ => "USD",
                };
                self.tell(
                    Diagnostic::error(
                        codes::E0205,
                        start,
                        format!("a currency is named by its code, found `{text}`"),
                    )
                    .help(format!("write `{code}`"))
                    .maybe(vec![Edit::replace(start, code)]),
                );
                code
            }
            Kind::Number if text == "1" || text.starts_with("1/") => "",
            _ => {
                let problem = self.unexpected("a unit, such as `ms`, `%`, `1/s`, `MiB` or `USDT`");
                return self.refuse(problem.coded(codes::E0106));
            }
        };
        self.bump();
        let mut per = text.strip_prefix("1/").filter(|_| token.kind == Kind::Number).map(str::to_owned);
        if per.is_none() && self.at_symbol("/") && self.ahead(1).kind == Kind::Word {
            self.bump();
            let word = self.bump();
            per = Some(self.text_of(word).to_owned());
        }
        Ok(SourceUnit { unit: unit.to_owned(), per, span: self.since(start) })
    }

    pub(super) fn trigger_clause(&mut self, _start: Span) -> Parse<TriggerClause> {
        let word = self.peek_text();
        let severity = match word {
            "warn" => Some(Severity::Warn),
            "hold" => Some(Severity::Hold),
            "rollback" => Some(Severity::Rollback),
            _ => None,
        };
        self.bump();
        if let Some(severity) = severity {
            self.when(word)?;
            return Ok(TriggerClause::Level(severity, self.condition()?));
        }
        self.after_key(word);
        match word {
            "clear" => {
                self.when(word)?;
                Ok(TriggerClause::Clear(self.condition()?))
            }
            "given" => {
                if matches!(self.peek_text(), "when" | "if" | "that") && self.ahead(1).kind != Kind::Symbol {
                    let span = self.peek_span();
                    let message = format!("`given` takes its condition without {}", self.found());
                    self.tell(
                        Diagnostic::error(codes::E0105, span, message)
                            .help("take it away")
                            .machine(vec![Edit::replace(span, "")]),
                    );
                    self.bump();
                }
                Ok(TriggerClause::Given(self.condition()?))
            }
            "unless" => {
                if self.sign_ahead(1) {
                    let problem = Diagnostic::error(
                        codes::E0210,
                        self.peek_span(),
                        "`unless` names triggers, and takes no condition",
                    );
                    return self.refuse(problem.help("for a condition write `and not …` in the level"));
                }
                let mut names = vec![self.name("a trigger's name")?];
                while self.eat_symbol(",") || self.eat_word("or") {
                    names.push(self.name("a trigger's name")?);
                }
                Ok(TriggerClause::Unless(names))
            }
            "unknown" => self.unknown(),
            "runbook" => Ok(TriggerClause::Runbook(self.quoted("a link in quotes")?)),
            _ => Ok(TriggerClause::Owner(self.quoted("who answers for it, in quotes")?)),
        }
    }

    /// `when` after a level; `if`, `:` and a second `when` are told and passed.
    pub(super) fn when(&mut self, word: &str) -> Parse<()> {
        let colon = (self.at_symbol(":") || self.at_symbol("="))
            && !matches!(self.text_of(self.ahead(1)), "when" | "if");
        if colon {
            let span = self.peek_span();
            let message = format!("expected `when` after `{word}`, found {}", self.found());
            let gap = if span.start == self.last_end() { " " } else { "" };
            let edit = Edit::replace(span, format!("{gap}when"));
            self.tell(
                Diagnostic::error(codes::E0122, span, message).help("write `when`").machine(vec![edit]),
            );
            self.bump();
            return Ok(());
        }
        self.after_key(word);
        self.before_when(word)?;
        let span = self.peek_span();
        let others = ["if", "whenever", "once", "while", "on", "where", "WHEN", "IF", "When"];
        if others.contains(&self.peek_text()) && self.ahead(1).kind != Kind::Symbol {
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    span,
                    format!("expected `when` after `{word}`, found {}", self.found()),
                )
                .help("write `when`")
                .machine(vec![Edit::replace(span, "when")]),
            );
            self.bump();
        } else {
            self.expect_when(word)?;
        }
        while (self.at_word("when") || self.at_word("if")) && !self.sign_ahead(1) {
            let span = self.peek_span();
            let message = match self.at_word("when") {
                true => "`when` stands twice",
                false => "`if` stands behind `when`",
            };
            let edit = Edit { start: span.start, end: self.ahead(1).start, text: String::new() };
            self.tell(
                Diagnostic::error(codes::E0105, span, message).help("take it away").machine(vec![edit]),
            );
            self.bump();
        }
        self.after_key("when");
        Ok(())
    }

    pub(super) fn expect_when(&mut self, word: &str) -> Parse<()> {
        if self.eat_word("when") {
            return Ok(());
        }
        if self.at_end() || self.at_symbol("}") {
            let problem =
                Diagnostic::error(codes::E0122, self.last_span(), format!("nothing stands behind `{word}`"));
            return self.refuse(problem.help(format!("write a condition, as in `{word} when p95 > 400ms`")));
        }
        let compared = self.phrase_ahead(0, super::foreign::RELATIONS, |(words, _)| words).is_some();
        if compared || self.sign_ahead(0) {
            let message = format!("expected `when` and what is compared, found {}", self.found());
            let problem = Diagnostic::error(codes::E0122, self.peek_span(), message);
            return self.refuse(problem.help(format!("write it as in `{word} when p95 > 400ms`")));
        }
        let ends = matches!(self.text_of(self.ahead(1)), "}" | "{") || self.ahead(1).kind == Kind::End;
        let value = (self.peek().kind == Kind::Word && !ends)
            || self.peek().kind == Kind::Number
            || self.at_symbol("(");
        let own =
            super::RESERVED.contains(&self.peek_text()) && !self.at_word("not") && !self.at_word("baseline");
        let near = !nearest(self.peek_text(), ["when"]).is_empty();
        if value && !own && !near {
            let end = self.last_end();
            let message = format!("expected `when` after `{word}`, found {}", self.found());
            self.tell(
                Diagnostic::error(codes::E0122, self.peek_span(), message)
                    .help("put `when` before the condition")
                    .machine(vec![Edit::insert(end, " when")]),
            );
            return Ok(());
        }
        self.expect_word("when", &format!("after `{word}`"))
    }

    /// `unknown hold, then rollback after 10m`
    pub(super) fn unknown(&mut self) -> Parse<TriggerClause> {
        if matches!(self.peek_text(), "rollback" | "proceed" | "warn" | "ok" | "ignore" | "pass" | "clear") {
            let message = format!("missing data cannot ask for {}", self.found());
            // what is written behind `rollback` stays
            let timed = self.word_ahead(1, "after") && self.ahead(2).kind == Kind::Number;
            let help = match self.peek_text() {
                "rollback" if timed => "they hold first: put `hold, then` before it",
                "rollback" => "they hold first: `unknown hold, then rollback after 10m`",
                _ => "what is not known may be bad: `unknown hold`",
            };
            let problem = Diagnostic::error(codes::E0132, self.peek_span(), message).help(help);
            return self.refuse(match self.at_word("rollback") {
                true if timed => problem.maybe(vec![Edit::insert(self.peek_span().start, "hold, then ")]),
                true => problem.maybe(vec![Edit::replace(self.peek_span(), "hold, then rollback after 10m")]),
                false => problem.maybe(vec![Edit::replace(self.peek_span(), "hold")]),
            });
        }
        if self.at_symbol("}") {
            let problem = Diagnostic::error(
                codes::E0132,
                self.last_span(),
                "`unknown` does not say what missing data ask for",
            );
            let at = self.last_end();
            return self.refuse(problem.help("write `unknown hold`").maybe(vec![Edit::insert(at, " hold")]));
        }
        self.expect_word("hold", "after `unknown`")?;
        if self.at_word("for") {
            let problem = Diagnostic::error(
                codes::E0132,
                self.peek_span(),
                "`unknown hold` holds until there are data again",
            );
            return self.refuse(
                problem.help("take `for …` away; to give up then: `unknown hold, then rollback after 10m`"),
            );
        }
        if !self.eat_symbol(",") && !self.at_word("then") {
            return Ok(TriggerClause::Unknown(None));
        }
        if self.at_word("rollback") {
            let (span, at) = (self.peek_span(), self.last_end());
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    span,
                    "expected `then` after `unknown hold,`, found `rollback`",
                )
                .help("write `then`")
                .machine(vec![Edit::insert(at, " then")]),
            );
        } else {
            self.expect_word("then", "after `unknown hold,`")?;
        }
        self.expect_word("rollback", "after `then`")?;
        self.lead_in("after", "behind `rollback`", &["in", "for", "within", "at"])?;
        Ok(TriggerClause::Unknown(Some(self.length_or_zero("a length of time, such as `10m`")?)))
    }
}
