//! Clauses as people write them who come from elsewhere: each is read as it was meant, told once, and passed.

use spark_core::SourceSpan as Span;

use super::words::Kind;
use super::{Parse, Parser, Skip, foreign};
use crate::ast::Text;
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Words of a Prometheus rule file that stand before a colon.
const PROMETHEUS_KEYS: &[&str] = &[
    "groups",
    "alert",
    "expr",
    "record",
    "rules",
    "labels",
    "annotations",
    "for",
    "keep_firing_for",
    "rule_files",
];

impl<'a> Parser<'a> {
    /// Whether these words stand so many words ahead.
    pub(super) fn words_ahead(&self, by: usize, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(place, word)| self.text_of(self.ahead(by.saturating_add(place))) == *word)
    }

    /// The first of these phrases that stands so many words ahead.
    pub(super) fn phrase_ahead<'t, T>(
        &self,
        by: usize,
        phrases: &'t [T],
        words: impl Fn(&T) -> &'static [&'static str],
    ) -> Option<&'t T> {
        let next = self.text_of(self.ahead(by));
        // nearly no phrase begins with the word that is there
        phrases
            .iter()
            .find(|phrase| words(phrase).first() == Some(&next) && self.words_ahead(by, words(phrase)))
    }

    pub(super) fn text_in(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// So many words as one span, passed.
    pub(super) fn pass(&mut self, count: usize) -> Span {
        let start = self.peek_span();
        for _ in 0..count {
            self.bump();
        }
        self.since(start)
    }

    /// Text that should stand in quotes and does not: it is taken up to where it surely ends.
    pub(super) fn unquoted(&mut self, what: &str) -> Option<Text> {
        let start = self.peek_span();
        if !matches!(self.peek().kind, Kind::Word | Kind::Number)
            || self.first_on_line()
            || what.contains("file")
        {
            return None;
        }
        let rest = self.text.get(start.start as usize..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("");
        let is_clause = super::RESERVED.contains(&self.peek_text());
        let end = match what {
            _ if is_clause => 0,
            _ if what.contains("title") => line.find('{').unwrap_or(0),
            _ if what.contains("query") => query_end(line),
            _ => line.find(|c: char| c.is_whitespace() || c == '}').unwrap_or(line.len()),
        };
        let written = line.get(..end).unwrap_or("").trim_end();
        if written.is_empty() {
            return None;
        }
        let end = start.start.saturating_add(u32::try_from(written.len()).unwrap_or(u32::MAX));
        let span = Span { end, ..start };
        let quoted = format!("\"{}\"", written.replace('\\', "\\\\").replace('"', "\\\""));
        self.tell(
            Diagnostic::error(
                codes::E0131,
                span,
                format!("expected {what}, found `{}`", super::shortened(written)),
            )
            .help("put it in quotes")
            .maybe(vec![Edit::replace(span, quoted)]),
        );
        while !self.at_end() && self.peek().start < end {
            self.bump();
        }
        Some(Text { value: written.to_owned(), span })
    }

    /// `if p95 > 400ms then rollback`, `when …`: told with the clause that is meant, and passed.
    pub(super) fn inverted(&mut self) -> bool {
        if !matches!(self.peek_text(), "if" | "when" | "IF" | "If" | "When") || self.peek().kind != Kind::Word
        {
            return false;
        }
        let start = self.peek_span();
        let word = self.peek_text();
        self.bump();
        let from = self.peek_span();
        let (mut upto, mut level) = (from.start, None);
        while !self.at_end() && !self.first_on_line() && !self.at_symbol("}") {
            let text = self.peek_text();
            if let Some(found) =
                ["rollback", "hold", "warn"].into_iter().find(|known| text.eq_ignore_ascii_case(known))
            {
                level = Some(found);
                self.bump();
                break;
            }
            if !matches!(text, "then" | "," | ":" | "=>" | "->" | "{") {
                upto = self.peek().end;
            }
            self.bump();
        }
        let whole = self.since(start);
        let condition = self.text_in(Span { end: upto.max(from.start), ..from }).to_owned();
        let meant = format!("{} when {condition}", level.unwrap_or("rollback"));
        let head = Span { end: start.start.saturating_add(u32::try_from(word.len()).unwrap_or(0)), ..start };
        let problem = Diagnostic::error(codes::E0105, head, format!("a clause does not begin with `{word}`"));
        self.tell(match condition.is_empty() {
            true => problem.help("a trigger says first what it asks for: `rollback when p95 > 400ms`"),
            false => problem
                .help("a trigger says first what it asks for, then when")
                .maybe(vec![Edit::replace(whole, meant)]),
        });
        true
    }

    /// YAML where a block should stand (`- alert: HighLatency`): told once, and passed up to what can be read.
    pub(super) fn other_tool(&mut self) -> bool {
        let dash = usize::from(self.at_symbol("-") || self.at_symbol("--"));
        let key = self.text_of(self.ahead(dash));
        let word = self.ahead(dash).kind == Kind::Word;
        let colon = self.symbol_ahead(dash.saturating_add(1), ":");
        let own = ["signal", "trigger", "plan", "test", "edition", "evaluate", "use"].contains(&key);
        let braces = self.at_symbol("{") || self.at_symbol("[");
        if self.words_ahead(0, &["<", "<", "<"]) || self.words_ahead(0, &["==", "==", "=="]) {
            let span = self.pass(3);
            self.tell(
                Diagnostic::error(codes::E0128, span, "a merge is not finished here")
                    .help("keep one of both sides, and take the marks away"),
            );
            while !self.at_end() && !self.first_on_line() {
                self.bump();
            }
            return true;
        }
        if word && self.symbol_ahead(dash.saturating_add(1), "=") && !own {
            let span = self.peek_span();
            self.tell(
                Diagnostic::error(codes::E0128, span, "rules have no variables")
                    .help("write the value where it is compared"),
            );
            self.pass(2);
            return true;
        }
        if !braces && !(word && colon && (!own || dash > 0)) {
            return false;
        }
        let span = if braces { self.peek_span() } else { self.span_of(self.ahead(dash)) };
        let problem = match (braces, PROMETHEUS_KEYS.contains(&key)) {
            (true, _) => Diagnostic::error(codes::E0128, span, format!("expected a block, found {}", self.found()))
                .help("rules are neither JSON nor TOML: a block begins with its word, `trigger api_latency { rollback when … }`"),
            (false, true) => Diagnostic::error(codes::E0128, span, "this is a rule of Prometheus")
                .help("`spark import prometheus FILE` makes triggers of it; by hand, write `trigger api_latency { rollback when p95 > 400ms for 5m }`"),
            (false, false) => Diagnostic::error(codes::E0128, span, format!("`{key}:` is YAML, which rules are not"))
                .help("a block begins with its word and has braces: `trigger api_latency { rollback when p95 > 400ms for 5m }`"),
        };
        self.tell(problem);
        self.bump();
        while !self.at_end() && !((self.at_item() || self.at_one_line()) && self.first_on_line()) {
            self.bump();
        }
        true
    }

    /// A word of plain English or of another tool where a clause should begin, with what is written here.
    pub(super) fn foreign_clause(&mut self, what: &str) -> bool {
        let (word, span) = (self.peek_text(), self.peek_span());
        let Some((_, own, help)) = foreign::clause(what, word) else { return false };
        let message = match what {
            "a file" => format!("expected a block or a setting, found `{word}`"),
            _ => format!("`{word}` is no clause of {what}"),
        };
        let problem = Diagnostic::error(codes::E0104, span, message).help(help);
        self.tell(match own {
            Some(own) => problem.maybe(vec![Edit::replace(span, own)]),
            None => problem,
        });
        true
    }

    /// A word that leads to a number: where it is left out, it is put in; one of `others` is taken as meant.
    pub(super) fn lead_in(&mut self, word: &'static str, context: &str, others: &[&str]) -> Parse<()> {
        if self.eat_word(word) {
            return Ok(());
        }
        let message = format!("expected `{word}` {context}, found {}", self.found());
        let (span, before) = (self.peek_span(), self.last_end());
        if self.peek().kind == Kind::Number && !self.first_on_line() {
            self.tell(
                Diagnostic::error(codes::E0124, span, message)
                    .help(format!("write `{word}` before it"))
                    .machine(vec![Edit::insert(before, format!(" {word}"))]),
            );
            return Ok(());
        }
        if others.contains(&self.peek_text()) && self.ahead(1).kind == Kind::Number {
            // a comma has no space before it
            let gap = if span.start == before { " " } else { "" };
            self.tell(
                Diagnostic::error(codes::E0105, span, message)
                    .help(format!("write `{word}`"))
                    .maybe(vec![Edit::replace(span, format!("{gap}{word}"))]),
            );
            self.bump();
            return Ok(());
        }
        let near = !crate::suggest::nearest(self.peek_text(), [word]).is_empty();
        if !near {
            let problem = self.unexpected(&format!("`{word}` {context}"));
            return self.refuse(problem.coded(codes::E0124));
        }
        self.expect_word(word, context)
    }

    /// `all signals are healthy`, where `every signal meets its expectation` is meant.
    pub(super) fn every_expectation_otherwise(&mut self) -> bool {
        let verb = self.text_of(self.ahead(2));
        let near = self.word_ahead(1, "signal")
            && (verb == "meets" || !crate::suggest::nearest(verb, ["meets"]).is_empty());
        let all = self.at_word("all") || self.at_word("each") || (self.at_word("every") && !near);
        if !all || self.ahead(1).kind != Kind::Word || self.word_ahead(1, "for") {
            return false;
        }
        let start = self.peek_span();
        while self.peek().kind == Kind::Word
            && !matches!(self.peek_text(), "for" | "and" | "or" | "then")
            && !(self.first_on_line() && self.peek().start > start.start)
        {
            self.bump();
        }
        let span = self.since(start);
        let own = "every signal meets its expectation";
        self.tell(
            Diagnostic::error(codes::E0105, span, format!("`{}` is written otherwise", self.text_in(span)))
                .help(format!("write `{own}`, in the `proceed when` of a plan"))
                .maybe(vec![Edit::replace(span, own)]),
        );
        true
    }

    /// A word between a level and its condition that says nothing: `rollback after 5m when`, `rollback the release when`.
    pub(super) fn before_when(&mut self, word: &str) -> Parse<()> {
        if self.at_word("when") || self.at_word("if") || self.first_on_line() {
            return Ok(());
        }
        let far = (1..6).find(|by| {
            matches!(self.text_of(self.ahead(*by)), "when" | "if") && self.ahead(*by).kind == Kind::Word
        });
        let Some(far) = far else { return Ok(()) };
        let inner = (0..far).any(|by| {
            matches!(self.text_of(self.ahead(by)), "{" | "}" | ">" | "<" | ">=" | "<=" | "==" | "!=")
        });
        if inner {
            return Ok(());
        }
        let after = self.at_word("after") || self.at_word("for");
        let span = self.pass(far);
        let message = format!("expected `when` after `{word}`, found `{}`", self.text_in(span));
        let problem = Diagnostic::error(codes::E0122, span, message);
        self.tell(match after {
            true => problem.help(format!("how long stands at the end: `{word} when p95 > 400ms for 5m`")),
            false => problem.help("take it away").maybe(vec![Edit::replace(span, "")]),
        });
        Ok(())
    }

    /// Gives a clause up that was told.
    pub(super) fn told<T>(&self) -> Parse<T> {
        Err(Skip)
    }
}

/// Where a query without quotes ends on its line: before what can only belong to the rules.
fn query_end(line: &str) -> usize {
    let next = [" expect ", " stale after ", " is ", " in "].iter().filter_map(|word| line.find(word)).min();
    let close = line.trim_end().strip_suffix('}').map(|rest| rest.trim_end().len());
    // a brace that the line opens closes there too
    let open = line.matches('{').count() >= line.matches('}').count();
    let end = if open { line.len() } else { close.unwrap_or(line.len()) };
    next.unwrap_or(end).min(end)
}
