//! Blocks: braces, clauses, and how to go on behind one that is broken.

use spark_core::SourceSpan as Span;

use super::words::Kind;
use super::{Parse, Parser, Skip};
use crate::ast::{Clause, Text};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::{listed, nearest};

/// What the words of a block's clauses mean to it.
pub(super) struct Shape<C> {
    /// "a trigger"
    pub(super) what: &'static str,
    pub(super) words: &'static [&'static str],
    pub(super) clause: fn(&mut Parser<'_>, Span) -> Parse<C>,
}

/// What a plan's block is called.
const PLAN: &str = "a plan";

impl Parser<'_> {
    /// `{ clauses }`, and whether one of them was broken.
    pub(super) fn block<C>(&mut self, shape: &Shape<C>) -> Parse<(Vec<Clause<C>>, bool)> {
        if self.symbol_ahead(1, "{") {
            let before = self.token_at(self.at.saturating_sub(1));
            self.after_key(self.text_of(before));
        }
        let open = self.peek_span();
        if !self.eat_symbol("{") {
            let clause = self.peek().kind == Kind::Word && shape.words.contains(&self.peek_text());
            let before = self.last_end();
            let problem = Diagnostic::error(
                codes::E0103,
                self.last_span(),
                format!("expected `{{` to open {}, found {}", shape.what, self.found()),
            );
            if self.at_symbol(":") && shape.words.contains(&self.text_of(self.ahead(1))) {
                let span = self.peek_span();
                self.tell(problem.help("open the block").machine(vec![Edit::replace(span, " {")]));
                self.bump();
                return Ok(self.clauses(shape, open));
            }
            if !clause {
                self.tell(problem.help(format!("the clauses of {} stand in braces", shape.what)));
                self.skip_unopened();
                return Err(Skip);
            }
            self.tell(problem.help("open the block").machine(vec![Edit::insert(before, " {")]));
        }
        Ok(self.clauses(shape, open))
    }

    /// What stands behind a block's name: its title and its clauses, and whether something of it was broken. The block
    /// stays all the same: its name is declared.
    pub(super) fn body<C>(&mut self, shape: &Shape<C>) -> (Option<Text>, Vec<Clause<C>>, bool) {
        let open = self.peek_span();
        let swallowed = self.swallows_brace();
        match self.optional_text() {
            Ok(title) => match self.block(shape) {
                Ok((clauses, broken)) => (title, clauses, broken),
                Err(Skip) => (title, Vec::new(), true),
            },
            Err(Skip) if swallowed => (None, self.clauses(shape, open).0, true),
            Err(Skip) => {
                self.skip_unopened();
                (None, Vec::new(), true)
            }
        }
    }

    /// Whether a quote that is not closed has the block's brace in it: `trigger a "API latency {`.
    pub(super) fn swallows_brace(&self) -> bool {
        self.peek().kind == Kind::OpenQuote && self.peek_text().trim_end().ends_with('{')
    }

    /// The clauses up to the block's end, and whether one of them was broken.
    fn clauses<C>(&mut self, shape: &Shape<C>, open: Span) -> (Vec<Clause<C>>, bool) {
        let mut clauses = Vec::new();
        let mut broken = false;
        loop {
            if self.eat_symbol("}") {
                return (clauses, broken);
            }
            let line = shape.what != "a trigger" && self.first_on_line() && self.at_one_line();
            if self.at_end() || self.at_item() || line {
                // what broke a clause may have swallowed the brace, as an open quote does
                if !broken && self.text_in(open) == "{" {
                    self.unclosed(open, shape.what);
                }
                return (clauses, true);
            }
            let word = self.peek_span();
            let before = self.at;
            match self.clause(shape) {
                Ok(kind) => clauses.push(Clause { kind, span: self.since(word), word }),
                Err(Skip) => {
                    broken = true;
                    let inside = self.open_braces(before);
                    if self.at == before {
                        self.skip_one();
                    }
                    self.skip_to_clause(shape.words, inside);
                }
            }
        }
    }

    /// Skips the body of a block that no brace opens: its clauses would say nothing that helps.
    fn skip_unopened(&mut self) {
        if self.first_on_line() || self.at_item() {
            return;
        }
        if !self.at_symbol("(") {
            return self.skip_braces();
        }
        let mut depth = 0usize;
        while !self.at_end() && !self.at_item() {
            if self.at_symbol("(") {
                depth = depth.saturating_add(1);
            } else if self.at_symbol(")") {
                depth = depth.saturating_sub(1);
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }

    pub(super) fn unclosed(&mut self, open: Span, what: &str) {
        let end = self.last_end();
        let problem = Diagnostic::error(
            codes::E0103,
            self.last_span(),
            format!("expected `}}` to close {what}, found {}", self.found()),
        )
        .also(open, "opened here")
        .help("close the block")
        .machine(vec![Edit::insert(end, "\n}")]);
        self.tell(problem);
    }

    /// Skips a word, or a whole pair of braces.
    pub(super) fn skip_one(&mut self) {
        if !self.eat_symbol("{") {
            self.bump();
            return;
        }
        let mut depth = 1usize;
        while depth > 0 && !self.at_end() && !self.at_item() {
            if self.at_symbol("{") {
                depth = depth.saturating_add(1);
            } else if self.at_symbol("}") {
                depth = depth.saturating_sub(1);
            }
            self.bump();
        }
    }

    /// How many braces of a selector are open, from a place to here.
    pub(super) fn open_braces(&self, from: usize) -> usize {
        let mut open = 0usize;
        for token in self.tokens.get(from..self.at).unwrap_or(&[]) {
            match self.text_of(*token) {
                "{" => open = open.saturating_add(1),
                "}" => open = open.saturating_sub(1),
                _ => {}
            }
        }
        open
    }

    /// Skips to the next clause or the block's end; `inside` so many braces that belong to the broken clause.
    pub(super) fn skip_to_clause(&mut self, words: &[&str], mut inside: usize) {
        while !self.at_end() && !self.at_item() && !self.at_clause(words) {
            match self.at_symbol("}") {
                true if inside == 0 => return,
                true => {
                    inside = inside.saturating_sub(1);
                    self.bump();
                }
                false => self.skip_one(),
            }
        }
    }

    /// Whether a clause begins here: `hold` and its kin only before `when`, `expect` only where it is first on its line
    /// or begins what an expectation begins with.
    pub(super) fn at_clause(&self, words: &[&str]) -> bool {
        let word = self.peek_text();
        // what is said of the words before must not hide it
        if words.contains(&"warmup") && self.at_plan_clause_otherwise() {
            return true;
        }
        if self.peek().kind != Kind::Word || !words.contains(&word) {
            return false;
        }
        match word {
            "warn" | "hold" | "rollback" | "clear" => matches!(self.text_of(self.ahead(1)), "when" | "if"),
            "at" => self.word_ahead(1, "stage"),
            "is" => self.ahead(1).kind == Kind::Word,
            "unknown" => self.word_ahead(1, "hold"),
            "pass" => matches!(self.text_of(self.ahead(1)), "when" | "if" | ":"),
            // a signal may be called so
            "warmup" | "watch" => matches!(self.ahead(1).kind, Kind::Number),
            _ => true,
        }
    }

    pub(super) fn clause<C>(&mut self, shape: &Shape<C>) -> Parse<C> {
        // a clause that was given up may have stood deep
        self.nesting = 0;
        let span = self.peek_span();
        if self.foreign_comment() || self.inverted() {
            return self.told();
        }
        // `5% for 15m`
        if shape.what == PLAN && self.peek().kind == Kind::Number {
            let problem =
                Diagnostic::error(codes::E0104, span, format!("expected `stage` before {}", self.found()));
            return self
                .refuse(problem.help("write `stage`").machine(vec![Edit::insert(span.start, "stage ")]));
        }
        if self.at_symbol(".") && self.text_of(self.ahead(1)).starts_with('.') {
            let problem = Diagnostic::error(codes::E0105, span, "`..` is no sign of rules");
            return self.refuse(problem.help(match shape.what {
                "a test" => "values that rise evenly are written `from 200ms to 400ms over 5m`",
                _ => "a range is written `between 200ms and 400ms`",
            }));
        }
        if [";", ",", ".", "->"].iter().any(|sign| self.at_symbol(sign)) {
            let next = self.ahead(1);
            let ends = next.kind == Kind::End
                || shape.words.contains(&self.text_of(next))
                || (matches!(self.text_of(next), "for" | "then") && !self.at_symbol("->"))
                || self.symbol_ahead(1, "}");
            if !ends && shape.what == "a trigger" {
                let message = format!("conditions are joined by `and` or `or`, found {}", self.found());
                let problem = Diagnostic::error(codes::E0105, span, message).help("write `and` or `or`");
                return self.refuse(problem);
            }
            let message = format!("{} between clauses is not needed", self.found());
            let problem = Diagnostic::error(codes::E0105, span, message)
                .help("take it away: a clause ends where the next begins")
                .machine(vec![Edit::replace(span, "")]);
            return self.refuse(problem);
        }
        let otherwise = shape.what == PLAN && self.at_plan_clause_otherwise();
        if otherwise || self.peek().kind == Kind::Word && shape.words.contains(&self.peek_text()) {
            return (shape.clause)(self, span);
        }
        self.after_clause(shape.what, shape.words);
        Err(Skip)
    }

    /// What stands here is neither a clause of the block nor part of the one before.
    pub(super) fn after_clause(&mut self, what: &str, words: &[&'static str]) {
        let span = self.peek_span();
        if self.at_symbol(")") {
            let problem = Diagnostic::error(codes::E0126, span, "this `)` closes nothing");
            return self.tell(problem.help("take it away").machine(vec![Edit::replace(span, "")]));
        }
        if self.peek().kind != Kind::Word {
            let problem = self.unexpected(&format!("the next clause of {what}, or `}}`"));
            let problem = problem.help(format!("{what} has {}", listed(shown(words).iter().copied())));
            return self.tell(problem);
        }
        let word = self.peek_text();
        let near = nearest(word, words.iter().copied());
        if self.foreign_clause(what) {
            return;
        }
        let types = crate::check::TYPES.contains(&word);
        if what == "a signal" && types {
            let problem =
                Diagnostic::error(codes::E0104, span, format!("expected `is` before the type `{word}`"));
            let edit = vec![Edit::insert(span.start, "is ")];
            return self.tell(problem.help("write `is`").machine(edit));
        }
        let told_before = self.problems.last().is_some_and(|last| last.span.end == self.last_end());
        if near.is_empty() && lowered(word, words).is_none() && !self.first_on_line() {
            if told_before {
                return;
            }
            let problem = Diagnostic::error(codes::E0104, span, format!("`{word}` belongs to nothing here"));
            return self.tell(problem.help(match what {
                "a plan" | "a test" => format!("take it away, or write the next clause of {what}, or `}}`"),
                _ => format!("take it away, or write `and`, `or`, `for`, the next clause of {what}, or `}}`"),
            }));
        }
        let problem = Diagnostic::error(codes::E0104, span, format!("`{word}` is no clause of {what}"));
        let all = format!("{what} has {}", listed(shown(words).iter().copied()));
        self.tell(match (near.as_slice(), lowered(word, words)) {
            (_, Some(known)) => {
                problem.help(format!("write `{known}`")).machine(vec![Edit::replace(span, known)])
            }
            ([best], _) => {
                problem.help(format!("did you mean `{best}`?")).machine(vec![Edit::replace(span, *best)])
            }
            ([], _) => problem.help(all),
            (several, _) => problem.help(format!("did you mean {}?", listed(several.iter().copied()))),
        });
    }

    /// `is:` or `is =`: a sign that other languages put behind a key.
    pub(super) fn after_key(&mut self, key: &str) {
        let sign = [":", "="].into_iter().find(|sign| self.at_symbol(sign));
        if let Some(sign) = sign {
            let span = self.peek_span();
            // `for=5m` would become one word
            let stuck = span.start == self.last_end() && self.ahead(1).start == span.end;
            let gap = if stuck && self.ahead(1).kind != Kind::Symbol { " " } else { "" };
            self.tell(
                Diagnostic::error(codes::E0105, span, format!("`{sign}` after `{key}` is not needed"))
                    .help("take it away")
                    .machine(vec![Edit::replace(span, gap)]),
            );
            self.bump();
        }
    }
}

/// Clause words as they open their clause.
fn shown<'w>(words: &[&'w str]) -> Vec<&'w str> {
    words
        .iter()
        .map(|word| match *word {
            "warn" => "warn when",
            "hold" => "hold when",
            "rollback" => "rollback when",
            "clear" => "clear when",
            "proceed" => "proceed when",
            "pass" => "pass when",
            "stale" => "stale after",
            "at" => "at stage",
            other => other,
        })
        .collect()
}

/// A word that is known in lower case.
fn lowered(word: &str, words: &[&'static str]) -> Option<&'static str> {
    words.iter().copied().find(|known| known.eq_ignore_ascii_case(word))
}
