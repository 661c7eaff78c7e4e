//! The clauses of a `test`: series that are given, and what is expected.

use spark_core::SourceSpan as Span;

use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{Moment, Step, StepKind, TestClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::{listed, nearest};

/// The states that a trigger or an expectation shows.
pub(crate) const STATES: &[&str] = &["ok", "pending", "warn", "hold", "rollback", "unknown"];
/// What is decided.
pub(crate) const DECISIONS: &[&str] = &["proceed", "hold", "rollback"];

impl Parser<'_> {
    pub(super) fn test_clause(&mut self, _start: Span) -> Parse<TestClause> {
        if self.eat_word("given") {
            return self.given();
        }
        if self.eat_word("at") {
            return self.at_stage();
        }
        self.bump();
        if self.at_word("decision") && self.ahead(1).kind == Kind::Word && !self.moment_ahead(2) {
            // a trigger may be called `decision`: then a state and a time follow
            self.bump();
            return self.expect_decision();
        }
        if self.at_word("decision") && DECISIONS.contains(&self.text_of(self.ahead(1))) {
            self.bump();
            return self.expect_decision();
        }
        if self.at_word("decision") && !STATES.contains(&self.text_of(self.ahead(1))) {
            self.bump();
            return self.expect_decision();
        }
        if DECISIONS.contains(&self.peek_text()) && self.moment_ahead(1) {
            let span = self.peek_span();
            let message = format!("expected a trigger or a signal, or `decision`, found {}", self.found());
            self.tell(
                Diagnostic::error(codes::E0134, span, message)
                    .help("write `decision` before it")
                    .machine(vec![Edit::insert(span.start, "decision ")]),
            );
            return self.expect_decision();
        }
        if (self.at_word("no") || self.at_word("nothing")) && !self.moment_ahead(2) {
            let problem =
                Diagnostic::error(codes::E0133, self.peek_span(), "a test says what is so, not what is not");
            return self.refuse(problem.help("write `expect decision proceed at 15m`"));
        }
        if let Some(check) = self.expect_check()? {
            return Ok(check);
        }
        let name = self.name("a trigger or a signal, or `decision`")?;
        let state = self.one_of(STATES, "a state")?;
        let at = self.moment()?;
        Ok(TestClause::ExpectState { name, state, at })
    }

    pub(super) fn moment_ahead(&self, by: usize) -> bool {
        self.word_ahead(by, "at") || self.word_ahead(by, "from")
    }

    fn expect_decision(&mut self) -> Parse<TestClause> {
        let decision = self.one_of(DECISIONS, "a decision")?;
        let at = self.moment()?;
        let mut because = Vec::new();
        if self.eat_word("because") {
            if self.at_word("of") {
                let (span, end) = (self.peek_span(), self.ahead(1).start);
                let edit = Edit { start: span.start, end, text: String::new() };
                self.tell(
                    Diagnostic::error(
                        codes::E0105,
                        span,
                        "`because` stands before the name alone, found `of`",
                    )
                    .help("take it away")
                    .machine(vec![edit]),
                );
                self.bump();
            }
            because.push(self.name("a trigger's or a signal's name")?);
            while self.eat_symbol(",") || self.eat_word("and") {
                because.push(self.name("a trigger's or a signal's name")?);
            }
        }
        Ok(TestClause::ExpectDecision { decision, at, because })
    }

    fn one_of(&mut self, words: &[&'static str], what: &str) -> Parse<crate::ast::Name> {
        let span = self.peek_span();
        let text = if self.peek().kind == Kind::Word { self.peek_text() } else { "" };
        if words.contains(&text) {
            self.bump();
            return Ok(crate::ast::Name { text: text.to_owned(), span });
        }
        self.before_state()?;
        let span = self.peek_span();
        let text = if self.peek().kind == Kind::Word { self.peek_text() } else { "" };
        if words.contains(&text) {
            self.bump();
            return Ok(crate::ast::Name { text: text.to_owned(), span });
        }
        let problem =
            self.unexpected(&format!("{what}: {}", listed(words.iter().copied()))).coded(codes::E0133);
        let foreign = super::foreign::STATES.iter().find(|(word, own)| *word == text && words.contains(own));
        if let Some((_, own)) = foreign {
            return self.refuse(
                problem.help(format!("did you mean `{own}`?")).maybe(vec![Edit::replace(span, *own)]),
            );
        }
        self.refuse(match nearest(text, words.iter().copied()).first() {
            Some(best) => {
                problem.help(format!("did you mean `{best}`?")).machine(vec![Edit::replace(span, *best)])
            }
            None => problem,
        })
    }

    /// `at 15m` or `from 15m`
    fn moment(&mut self) -> Parse<Moment> {
        let first = self.at_word("from");
        if first {
            self.bump();
        } else if self.at_word("after") && self.ahead(1).kind == Kind::Number {
            let (span, time) = (self.peek_span(), self.text_of(self.ahead(1)));
            let message = format!("expected `at` or `from` and a time, found {}", self.found());
            self.tell(
                Diagnostic::error(codes::E0105, span, message)
                    .help(format!(
                        "write `from {time}` where it must not be so just before, else `at {time}`"
                    ))
                    .maybe(vec![Edit::replace(span, "from")]),
            );
            self.bump();
        } else if self.at_word("at")
            || matches!(self.ahead(1).kind, Kind::Number)
            || self.peek().kind == Kind::Number
        {
            self.lead_in("at", "and a time", &["by", "@", "in", "within", "on", "for", "until"])?;
        } else {
            let problem = self.unexpected("`at` or `from` and a time, such as `at 15m`").coded(codes::E0124);
            return self.refuse(match self.at_word("because") {
                true => {
                    problem.help("`because` stands behind the time: `rollback at 15m because api_latency`")
                }
                false => problem.help("say when it must be so: `at 15m`; or since when: `from 15m`"),
            });
        }
        let time = self.length_or_zero("a time from the test's start, such as `15m`")?;
        Ok(Moment { time, first })
    }

    /// `at stage 25% of canary from 15m`
    fn at_stage(&mut self) -> Parse<TestClause> {
        let percent = self.peek_text().ends_with('%');
        if self.peek().kind == Kind::Number && !percent {
            let problem =
                Diagnostic::error(codes::E0105, self.last_span(), "a clause does not begin with its time");
            self.pass(1);
            self.eat_word("expect");
            return self
                .refuse(problem.help("the time stands at the end: `expect api_latency rollback at 15m`"));
        }
        self.lead_in("stage", "after `at`", &[])?;
        let share = self.literal("a stage's share, such as `25%`")?;
        let plan = match self.eat_word("of") {
            true => Some(self.name("a plan's name")?),
            false => None,
        };
        let from = match self.eat_word("from") {
            true => Some(self.length_or_zero("a time from the test's start, such as `15m`")?),
            false => None,
        };
        Ok(TestClause::AtStage { share, plan, from })
    }

    fn given(&mut self) -> Parse<TestClause> {
        if self.at_word("check") && self.ahead(1).kind == Kind::Word && self.symbol_ahead(2, ".") {
            self.tell_needless_check();
        }
        let signal = self.name("a signal's name")?;
        if self.at_symbol(".") && self.peek().start == self.last_end() && self.ahead(1).kind == Kind::Word {
            self.bump();
            return self.given_measure(signal);
        }
        self.before_value(&signal.text)?;
        let mut baseline = self.on_track()?;
        let mut steps = Vec::new();
        let mut joined = false;
        loop {
            let mut step = self.step(&signal.text, joined)?;
            joined = self.joined_step(&mut step)?;
            steps.push(step);
            if !joined && !self.at_symbol(",") && !self.at_word("then") {
                break;
            }
            self.eat_symbol(",");
            self.eat_word("then");
        }
        baseline |= self.on_track()?;
        let next = self.peek_text();
        let whole = self.at_end() || next == "}" || self.at_item() || super::file::TEST.contains(&next);
        Ok(TestClause::Given { signal, baseline, steps, whole })
    }

    /// `on baseline` (or `on canary`, which is what is meant without it).
    fn on_track(&mut self) -> Parse<bool> {
        if !self.eat_word("on") {
            return Ok(false);
        }
        let baseline = self.at_word("baseline");
        if !baseline && !self.at_word("canary") {
            let problem = self.unexpected("`baseline` or `canary` after `on`");
            return self.refuse(problem);
        }
        self.bump();
        Ok(baseline)
    }

    fn step(&mut self, signal: &str, told: bool) -> Parse<Step> {
        let start = self.peek_span();
        let mut length = None;
        let kind = match self.step_word() {
            Some(word) => {
                self.bump();
                self.word_step(word, &mut length)?
            }
            None if self.foreign_step().is_some() => {
                let (written, own) = (self.found(), self.foreign_step().unwrap_or(""));
                let problem = Diagnostic::error(codes::E0105, start, format!("{written} is written `{own}`"));
                if !told {
                    let edit = vec![Edit::replace(start, own)];
                    self.tell(problem.help(format!("write `{own}`")).machine(edit));
                }
                self.bump();
                self.word_step(own, &mut length)?
            }
            None if !self.at_value() => return self.no_step(signal),
            None => {
                let value = self.literal(
                    "a value, `from … to … over …`, `rises …`, `nothing`, `NaN`, `restart` or `error`",
                )?;
                self.eat_word("with");
                let noise = match self.eat_word("noise") {
                    true => Some(self.literal("how far the noise goes, such as `10ms`")?),
                    false => None,
                };
                StepKind::Value { value, noise }
            }
        };
        let mut step = Step { kind, length, every: None, once: false, span: start };
        self.step_rest(&mut step)?;
        step.span = self.since(start);
        Ok(step)
    }

    /// The word that opens a step, if one does.
    pub(super) fn step_word(&self) -> Option<&'static str> {
        let words = ["from", "rises", "falls", "nothing", "NaN", "Inf", "restart", "error"];
        words.into_iter().find(|word| self.at_word(word)).or_else(|| {
            let sign = self.at_symbol("+") || self.at_symbol("-");
            (sign && self.word_ahead(1, "Inf")).then_some("±Inf")
        })
    }

    /// What is meant by a word that opens no step here.
    pub(super) fn foreign_step(&self) -> Option<&'static str> {
        let steps = super::foreign::STEPS.iter();
        steps.clone().find(|(word, _)| self.at_word(word)).map(|(_, own)| *own)
    }

    /// `given p95 = 200ms`, `given p95 is 200ms`: told and passed.
    pub(super) fn before_value(&mut self, signal: &str) -> Parse<()> {
        let word = ["=", ":", "is", "at", "of", "=="].into_iter().find(|word| self.words_ahead(0, &[word]));
        let Some(word) = word else { return Ok(()) };
        let (span, gap) = (self.peek_span(), self.last_end());
        let edit = Edit { start: gap.min(span.start), end: span.end, text: String::new() };
        self.tell(
            Diagnostic::error(codes::E0105, span, format!("`{word}` after `{signal}` is not needed"))
                .help("take it away")
                .machine(vec![edit]),
        );
        self.bump();
        Ok(())
    }

    /// `expect api_latency is rollback`: what stands before a state, told and passed.
    pub(super) fn pass_before_state(&mut self) {
        let passed: &[&[&str]] = &[
            &["should", "be"],
            &["to", "be"],
            &["is"],
            &["be"],
            &["becomes"],
            &["goes"],
            &["shows"],
            &["=="],
            &["="],
            &[":"],
        ];
        if let Some(words) = passed.iter().find(|words| self.words_ahead(0, words)) {
            let gap = self.last_end();
            let span = self.pass(words.len());
            let edit = Edit { start: gap.min(span.start), end: span.end, text: String::new() };
            let message = format!("`{}` before a state is not needed", self.text_in(span));
            self.tell(
                Diagnostic::error(codes::E0105, span, message).help("take it away").machine(vec![edit]),
            );
        }
    }

    fn before_state(&mut self) -> Parse<()> {
        self.pass_before_state();
        if self.at_word("not") || self.at_word("no") {
            let problem =
                Diagnostic::error(codes::E0133, self.peek_span(), "a test says what is so, not what is not");
            return self
                .refuse(problem.help("name the state that it has instead: `expect api_latency ok at 15m`"));
        }
        Ok(())
    }

    fn word_step(&mut self, word: &str, length: &mut Option<crate::ast::Length>) -> Parse<StepKind> {
        Ok(match word {
            "from" => {
                let from = self.literal("the value to start from")?;
                self.expect_word("to", "in `from … to … over …`")?;
                let to = self.literal("the value to arrive at")?;
                if !self.eat_word("for") {
                    self.lead_in("over", "in `from … to … over …`", &["in", "within", "during"])?;
                }
                *length = Some(self.length("a length of time, such as `5m`")?);
                StepKind::Ramp { from, to }
            }
            "rises" | "falls" => {
                self.eat_word("by");
                StepKind::Rises { by: self.literal("by how much, such as `100`")?, down: word == "falls" }
            }
            "nothing" => StepKind::Nothing,
            "NaN" => StepKind::NotANumber,
            "Inf" => StepKind::Infinite { negative: false },
            "±Inf" => {
                let sign = self.token_at(self.at.saturating_sub(1));
                self.bump();
                StepKind::Infinite { negative: self.text_of(sign) == "-" }
            }
            "restart" => StepKind::Restart,
            _ => StepKind::Error(self.optional_text()?),
        })
    }

    /// `for 10m`, `every 15s`, `once`, in any order.
    pub(super) fn step_rest(&mut self, step: &mut Step) -> Parse<()> {
        loop {
            let span = self.peek_span();
            let lasting = ["until", "lasting", "during"].iter().any(|word| self.at_word(word));
            if lasting && self.ahead(1).kind == Kind::Number {
                let message = format!("a step lasts `for` a length of time, found {}", self.found());
                let problem = Diagnostic::error(codes::E0105, span, message).help("write `for`");
                self.tell(problem.maybe(vec![Edit::replace(span, "for")]));
                self.bump();
                step.length = Some(self.length("a length of time, such as `10m`")?);
            } else if self.peek().kind == Kind::Number && !self.first_on_line() && step.length.is_none() {
                self.bare_number(step)?;
            } else if self.at_word("for") || self.at_word("every") {
                let every = self.at_word("every");
                let word = self.peek_text();
                self.bump();
                let length = self.length("a length of time, such as `10m`")?;
                let place = if every { &mut step.every } else { &mut step.length };
                if place.replace(length).is_some() {
                    let problem =
                        Diagnostic::error(codes::E0118, span, format!("`{word}` stands twice in one step"));
                    return self.refuse(problem);
                }
            } else if self.eat_word("once") {
                step.once = true;
            } else {
                return Ok(());
            }
        }
    }
}
