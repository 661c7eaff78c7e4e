//! The clauses of signals, triggers and plans.

use spark_core::{Severity, SourceSpan as Span};

use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{PlanClause, SignalClause, Source, SourceUnit, TriggerClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::nearest;

impl Parser<'_> {
    pub(super) fn signal_clause(&mut self, start: Span) -> Parse<SignalClause> {
        let word = self.peek_text();
        self.bump();
        self.after_key(word);
        match word {
            "is" => {
                let token = self.peek();
                if token.kind != Kind::Word {
                    let problem = self.unexpected("a type, such as `duration`");
                    return self.refuse(problem.help(crate::check::TYPES_HELP));
                }
                self.bump();
                let text = self.text_of(token).to_owned();
                Ok(SignalClause::Is(crate::ast::Name { text, span: self.span_of(token) }))
            }
            "from" => self.source(),
            "stale" => {
                self.expect_word("after", "behind `stale`")?;
                Ok(SignalClause::StaleAfter(self.length("a length of time, such as `45s`")?))
            }
            _ => self.expectation(start).map(SignalClause::Expect),
        }
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
                let problem = self.unexpected("a source: `metrics`, `prometheus`, `sql` or `push`");
                return self.refuse(match nearest(word, SOURCES.iter().copied()).first() {
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
            Kind::Number if text == "1" || text.starts_with("1/") => "",
            _ => {
                let problem = self.unexpected("a unit, such as `ms`, `%`, `1/s`, `MiB` or `USDT`");
                return self.refuse(problem);
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
                if self.at_word("when") || self.at_word("if") {
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
                let mut names = vec![self.name("a trigger's name")?];
                while self.eat_symbol(",") || self.eat_word("or") {
                    names.push(self.name("a trigger's name")?);
                }
                if self.sign_ahead(0) {
                    let problem =
                        self.unexpected("the next clause: `unless` names triggers, and takes no condition");
                    return self.refuse(problem.help("for a condition write `and not …` in the level"));
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
        self.after_key(word);
        self.before_when(word)?;
        let span = self.peek_span();
        if self.at_word("if") {
            self.tell(
                Diagnostic::error(codes::E0105, span, format!("expected `when` after `{word}`, found `if`"))
                    .help("write `when`")
                    .machine(vec![Edit::replace(span, "when")]),
            );
            self.bump();
        } else {
            self.expect_when(word)?;
        }
        while self.at_word("when") {
            let span = self.peek_span();
            self.tell(
                Diagnostic::error(codes::E0105, span, "`when` stands twice")
                    .help("take one away")
                    .machine(vec![Edit::replace(span, "")]),
            );
            self.bump();
        }
        Ok(())
    }

    pub(super) fn expect_when(&mut self, word: &str) -> Parse<()> {
        let value = matches!(self.peek().kind, Kind::Word | Kind::Number) || self.at_symbol("(");
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
            let help = match self.peek_text() {
                "rollback" => "they hold first: `unknown hold, then rollback after 10m`",
                _ => "what is not known may be bad: `unknown hold`",
            };
            let problem = Diagnostic::error(codes::E0132, self.peek_span(), message).help(help);
            return self.refuse(match self.at_word("rollback") {
                true => problem.maybe(vec![Edit::replace(self.peek_span(), "hold, then rollback after 10m")]),
                false => problem.maybe(vec![Edit::replace(self.peek_span(), "hold")]),
            });
        }
        self.expect_word("hold", "after `unknown`")?;
        if !self.eat_symbol(",") && !self.at_word("then") {
            return Ok(TriggerClause::Unknown(None));
        }
        self.expect_word("then", "after `unknown hold,`")?;
        self.expect_word("rollback", "after `then`")?;
        self.expect_word("after", "behind `rollback`")?;
        Ok(TriggerClause::Unknown(Some(self.length_or_zero("a length of time, such as `10m`")?)))
    }

    pub(super) fn plan_clause(&mut self, _start: Span) -> Parse<PlanClause> {
        if self.eat_word("stage") {
            let share = self.literal("a share of the traffic, such as `5%`")?;
            if self.at_symbol(",") || self.at_symbol(":") {
                self.after_key("a stage's share");
            }
            match self.peek().kind {
                Kind::Number => {
                    let message = format!("expected `for` after a stage's share, found {}", self.found());
                    let at = self.last_end();
                    self.tell(
                        Diagnostic::error(codes::E0124, self.peek_span(), message)
                            .help("write `for` before how long it lasts")
                            .machine(vec![Edit::insert(at, " for")]),
                    );
                }
                _ => self.expect_word("for", "after a stage's share")?,
            }
            let duration = self.length("a length of time, such as `15m`")?;
            return Ok(PlanClause::Stage { share, duration });
        }
        self.bump();
        self.when("proceed")?;
        Ok(PlanClause::Proceed(self.condition()?))
    }
}
