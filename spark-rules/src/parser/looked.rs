//! The clauses of a `test` that are about checks: what a probe finds, and what the check says of it.

use spark_core::SourceSpan as Span;

use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{Found, Name, TestClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::{listed, nearest};

/// How a check may stand.
pub(crate) const CHECK_STATES: &[&str] = &["pass", "warn", "no-go", "unknown"];

/// What others write for how a check stands, and whether that is surely meant.
const FOREIGN: &[(&str, &str, bool)] = &[
    ("nogo", "no-go", true),
    ("no_go", "no-go", true),
    ("passes", "pass", true),
    ("passed", "pass", true),
    ("passing", "pass", true),
    ("warns", "warn", true),
    ("warning", "warn", true),
    ("ok", "pass", true),
    ("go", "pass", true),
    ("proceed", "pass", false),
    ("green", "pass", false),
    ("fail", "no-go", false),
    ("fails", "no-go", false),
    ("failed", "no-go", false),
    ("error", "no-go", false),
    ("rollback", "no-go", false),
    ("hold", "no-go", false),
    ("missing", "unknown", false),
];

/// What is written for true and false, with what rules write.
const FLAGS: &[(&str, bool)] =
    &[("true", true), ("false", false), ("yes", true), ("no", false), ("True", true), ("False", false)];

impl Parser<'_> {
    /// `given check pool.waiting 0`: the dot says it already.
    pub(super) fn tell_needless_check(&mut self) {
        let (span, end) = (self.peek_span(), self.ahead(1).start);
        let edit = Edit { start: span.start, end, text: String::new() };
        let message = "`check` before a check's measure is not needed";
        self.tell(Diagnostic::error(codes::E0105, span, message).help("take it away").machine(vec![edit]));
        self.bump();
    }

    /// What stands behind `given CHECK.`
    pub(super) fn given_measure(&mut self, check: Name) -> Parse<TestClause> {
        let measure = self.name("a measure's name")?;
        self.before_value(&measure.text)?;
        let start = self.peek_span();
        let word = if self.peek().kind == Kind::Word { self.peek_text() } else { "" };
        let found = if let Some((written, flag)) = FLAGS.iter().find(|(known, _)| *known == word) {
            let own = if *flag { "true" } else { "false" };
            if *written != own {
                let message = format!("`{written}` is written `{own}`");
                let edit = vec![Edit::replace(start, own)];
                let problem = Diagnostic::error(codes::E0105, start, message);
                self.tell(problem.help(format!("write `{own}`")).machine(edit));
            }
            self.bump();
            Found::Flag(*flag, start)
        } else if self.eat_word("nothing") {
            Found::Nothing(None)
        } else if self.eat_word("error") {
            Found::Nothing(self.optional_text()?)
        } else if self.step_word().is_some() {
            let message = format!("{} is no single value, and a check looks once", self.found());
            let problem = Diagnostic::error(codes::E0506, start, message);
            return self.refuse(problem.help("write one value, `nothing` or `error \"…\"`"));
        } else if let Some(own) = self.foreign_step().filter(|own| *own == "nothing") {
            let message = format!("{} is written `{own}`", self.found());
            let edit = vec![Edit::replace(start, own)];
            let problem = Diagnostic::error(codes::E0105, start, message);
            self.tell(problem.help(format!("write `{own}`")).machine(edit));
            self.bump();
            Found::Nothing(None)
        } else {
            Found::Value(self.literal("a value, `true`, `false`, `nothing` or `error`")?)
        };
        let more = ["for", "then", "every", "once", "noise", "on"].iter().find(|word| self.at_word(word));
        if let Some(more) = more {
            let message = format!("`{more}` stands behind what a check found, which is one look");
            let problem = Diagnostic::error(codes::E0506, self.peek_span(), message);
            return self
                .refuse(problem.help("write one value for each measure, and another test for another look"));
        }
        Ok(TestClause::GivenMeasure { check, measure, found })
    }

    /// `expect check pool no-go`; nothing where no check is meant. Without its `check` it is told and taken as meant.
    pub(super) fn expect_check(&mut self) -> Parse<Option<TestClause>> {
        // a trigger may be called `check`: then a state and a time follow
        let own = self.at_word("check") && self.ahead(1).kind == Kind::Word && !self.moment_ahead(2);
        let said =
            self.words_ahead(1, &["no", "-", "go"]) || self.word_ahead(1, "pass") && !self.moment_ahead(2);
        if !own && !said {
            return Ok(None);
        }
        let span = self.peek_span();
        if own {
            self.bump();
        } else {
            let message = format!("expected `check` before {}, which is how a check stands", self.found());
            let edit = vec![Edit::insert(span.start, "check ")];
            self.tell(Diagnostic::error(codes::E0134, span, message).help("write `check`").machine(edit));
        }
        let name = self.name("a check's name")?;
        let state = self.check_state()?;
        if self.moment_ahead(0) && self.ahead(1).kind == Kind::Number {
            let (before, first) = (self.last_end(), self.peek_span());
            let time = self.pass(2);
            let edit = Edit { start: before, end: time.end, text: String::new() };
            let problem = Diagnostic::error(codes::E0506, first, "a check is made at no time of a test");
            self.tell(problem.help("take the time away").machine(vec![edit]));
        }
        Ok(Some(TestClause::ExpectCheck { name, state }))
    }

    fn check_state(&mut self) -> Parse<Name> {
        self.pass_before_state();
        if self.at_word("not") {
            let message = "a test says what is so, not what is not";
            let problem = Diagnostic::error(codes::E0133, self.peek_span(), message);
            return self.refuse(problem.help("name how it stands instead: `expect check pool no-go`"));
        }
        let states = listed(CHECK_STATES.iter().copied());
        let what = format!("how the check stands: {states}");
        let two = self.words_ahead(0, &["no", "go"]);
        let spoken = if two { Some((self.pass(2), "no_go".to_owned())) } else { self.spoken() };
        let Some((span, said)) = spoken else {
            let problem = self.unexpected(&what).coded(codes::E0133);
            return self.refuse(problem);
        };
        let written = self.text_in(span);
        if CHECK_STATES.contains(&written) {
            return Ok(Name { text: written.to_owned(), span });
        }
        let dashed = said.replace('_', "-");
        let known = CHECK_STATES.iter().find(|state| **state == dashed).map(|state| (*state, true));
        let foreign = FOREIGN.iter().find(|(word, ..)| *word == said).map(|(_, own, sure)| (*own, *sure));
        let near = || nearest(&dashed, CHECK_STATES.iter().copied()).first().map(|near| (*near, true));
        match known.or(foreign).or_else(near) {
            Some((own, sure)) => self.misspelt(span, own, sure),
            None => {
                let problem =
                    Diagnostic::error(codes::E0133, span, format!("expected {what}, found `{written}`"));
                self.refuse(problem)
            }
        }
    }

    fn misspelt(&mut self, span: Span, own: &'static str, sure: bool) -> Parse<Name> {
        let message = format!("no check stands at `{}`", self.text_in(span));
        let problem = Diagnostic::error(codes::E0133, span, message);
        let edit = vec![Edit::replace(span, own)];
        self.tell(match sure {
            true => problem.help(format!("write `{own}`")).machine(edit),
            false => problem.help(format!("did you mean `{own}`?")).maybe(edit),
        });
        self.told()
    }
}
