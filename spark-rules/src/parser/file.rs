//! Files: settings, blocks, one-line triggers, and what stands where one of them should.

use spark_core::SourceSpan as Span;

use super::block::Shape;
use super::words::Kind;
use super::{Parse, Parser, Skip};
use crate::ast::{Check, Clause, Item, Plan, Signal, Test, Trigger};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::nearest;

pub(super) const TOP: &[&str] =
    &["edition", "evaluate", "use", "signal", "trigger", "plan", "check", "test", "warn", "hold", "rollback"];
const SIGNAL: &[&str] = &["is", "from", "stale", "expect"];
const TRIGGER: &[&str] =
    &["warn", "hold", "rollback", "clear", "given", "unless", "unknown", "runbook", "owner"];
/// What may follow a one-line trigger's level on its line.
const LINE: &[&str] = &["clear", "given", "unless", "unknown", "runbook", "owner"];
/// Words that open a clause of some block, and nothing else.
const CLAUSES: &[&str] = &[
    "is", "from", "stale", "expect", "clear", "given", "unless", "unknown", "runbook", "owner", "stage",
    "proceed", "at", "warmup", "watch", "in", "probe", "measure", "pass", "else", "within", "evidence",
];
const PLAN: &[&str] = &["stage", "warmup", "watch", "proceed"];
pub(super) const TEST: &[&str] = &["given", "expect", "at"];

impl Parser<'_> {
    /// The whole file.
    pub(super) fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.at_end() {
            self.next_item(&mut items);
        }
        items
    }

    pub(super) fn item(&mut self) -> Parse<Item> {
        self.nesting = 0;
        let start = self.peek_span();
        let token = self.peek();
        let word = if token.kind == Kind::Word { self.peek_text() } else { "" };
        match word {
            "edition" => self.edition(start),
            "evaluate" => {
                self.bump();
                self.after_key("evaluate");
                self.lead_in("every", "after `evaluate`", &["each", "per", "in", "at"])?;
                let every = self.length("a length of time, such as `15s`")?;
                Ok(Item::Evaluate { every, span: self.since(start) })
            }
            "use" => {
                self.bump();
                let path = self.quoted("a file in quotes, such as `\"latency.rules\"`");
                self.blind |= path.is_err();
                Ok(Item::Use { path: path? })
            }
            "signal" | "trigger" | "plan" | "check" | "test" => self.block_called(word, start),
            "warn" | "hold" | "rollback" => self.one_line(start).map(Item::Trigger),
            _ => self.no_item(word, start),
        }
    }

    /// A block by its word, which may have been misspelt.
    pub(super) fn block_called(&mut self, word: &str, start: Span) -> Parse<Item> {
        match word {
            "signal" => self.signal(start).map(Item::Signal),
            "trigger" => self.trigger(start).map(Item::Trigger),
            "plan" => self.plan(start).map(Item::Plan),
            "check" => self.check(start).map(Item::Check),
            _ => self.test(start).map(Item::Test),
        }
    }

    pub(super) fn edition(&mut self, start: Span) -> Parse<Item> {
        self.bump();
        self.after_key("edition");
        let token = self.peek();
        let inner = self.peek_text().trim_matches('"');
        if token.kind == Kind::Quoted && inner == "2026" {
            let span = self.peek_span();
            self.tell(
                Diagnostic::error(codes::E0105, span, "the edition's year stands in quotes")
                    .help("write it without quotes")
                    .machine(vec![Edit::replace(span, inner)]),
            );
            self.bump();
            return Ok(Item::Edition { year: inner.to_owned(), span: self.since(start) });
        }
        if token.kind != Kind::Number {
            let problem = self.unexpected("the edition's year, as in `edition 2026`");
            return self.refuse(problem);
        }
        self.bump();
        Ok(Item::Edition { year: self.text_of(token).to_owned(), span: self.since(start) })
    }

    pub(super) fn no_item(&mut self, word: &str, start: Span) -> Parse<Item> {
        let span = self.peek_span();
        if self.foreign_comment() || self.other_tool() || self.inverted() {
            return self.told();
        }
        if self.at_symbol("}") {
            let problem = Diagnostic::error(codes::E0103, span, "this `}` closes nothing")
                .help("take it away")
                .machine(vec![Edit::replace(span, "")]);
            return self.refuse(problem);
        }
        let near = nearest(word, TOP.iter().copied());
        let foreign = super::foreign::clause("a file", word);
        if let Some((_, own, _)) = foreign {
            self.foreign_clause("a file");
            let next = self.ahead(1).kind;
            return match own {
                Some(own @ ("signal" | "trigger" | "plan" | "check" | "test"))
                    if matches!(next, Kind::Word | Kind::Quoted) =>
                {
                    self.block_called(own, start)
                }
                _ => {
                    self.blind |= own == Some("use");
                    self.skip_braces();
                    self.told()
                }
            };
        }
        let mut problem = Diagnostic::error(
            codes::E0104,
            span,
            format!("expected a block or a setting, found {}", self.found()),
        );
        problem = match near.first() {
            Some(best) => {
                problem.help(format!("did you mean `{best}`?")).machine(vec![Edit::replace(span, *best)])
            }
            None => problem.help(
                "a file has `edition 2026`, `evaluate every …`, `use \"…\"`, and blocks: `signal`, `trigger`, `plan`, `check`, `test`, or \
                 `rollback when …` in one line",
            ),
        };
        self.tell(problem);
        let next = self.ahead(1).kind;
        match near.first().copied() {
            Some(best @ ("signal" | "trigger" | "plan" | "check" | "test"))
                if matches!(next, Kind::Word | Kind::Quoted) =>
            {
                self.block_called(best, start)
            }
            Some(_) => Err(Skip),
            None => {
                // whatever block that should be, its name is not told as unknown
                if next == Kind::Word {
                    self.doubtful.push(self.text_of(self.ahead(1)).to_owned());
                }
                self.skip_braces();
                Err(Skip)
            }
        }
    }

    /// `//`, `--` or `/*` where a clause or a block may stand; skips to the comment's end.
    pub(super) fn foreign_comment(&mut self) -> bool {
        let Some(sign) = ["//", "--", "/*"].into_iter().find(|sign| self.at_symbol(sign)) else {
            return false;
        };
        let span = self.peek_span();
        let problem = Diagnostic::error(codes::E0105, span, format!("`{sign}` does not start a comment"))
            .help("a comment starts with `#` and ends with its line");
        let fix = vec![Edit::replace(span, "#")];
        self.bump();
        while !self.at_end() && !self.first_on_line() {
            let closed = sign == "/*" && self.at_symbol("*/");
            self.bump();
            if closed && !self.first_on_line() && !self.at_end() {
                // what stands behind it is no comment
                self.tell(problem);
                return true;
            }
        }
        self.tell(problem.machine(fix));
        true
    }

    /// Skips a block of an unknown kind, so that its clauses say nothing.
    pub(super) fn skip_braces(&mut self) {
        if !self.at_symbol("{") {
            self.bump();
        }
        while !self.at_end() && !self.at_symbol("{") && !self.first_on_line() && !self.at_item() {
            self.bump();
        }
        if self.at_symbol("{") {
            self.skip_to_brace(0);
        }
    }

    /// Skips to the brace that closes what is so many braces deep.
    fn skip_to_brace(&mut self, mut depth: usize) {
        while !(self.at_end() || self.at_item() && self.first_on_line() && depth <= 1) {
            if self.at_symbol("{") {
                depth = depth.saturating_add(1);
            } else if self.at_symbol("}") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    self.bump();
                    return;
                }
            }
            self.bump();
        }
    }

    /// Whether a block or a setting begins here: its word, and what must follow it.
    pub(super) fn at_item(&self) -> bool {
        if self.peek().kind != Kind::Word {
            return false;
        }
        let next = self.ahead(1).kind;
        match self.peek_text() {
            "signal" => {
                let before = self.token_at(self.at.saturating_sub(1));
                let inside = self.at > 0 && self.text_of(before) == "every";
                !inside && matches!(next, Kind::Word | Kind::Quoted)
            }
            "trigger" | "plan" => matches!(next, Kind::Word | Kind::Quoted),
            // a trigger may be called so
            "check" => {
                let behind = self.ahead(2);
                matches!(next, Kind::Word | Kind::Quoted)
                    && !super::RESERVED.contains(&self.text_of(self.ahead(1)))
                    && (self.text_of(behind) == "{"
                        || matches!(behind.kind, Kind::Quoted | Kind::OddQuoted | Kind::OpenQuote))
            }
            "test" | "use" => matches!(next, Kind::Quoted | Kind::OddQuoted | Kind::OpenQuote),
            "edition" => next == Kind::Number,
            "evaluate" => self.word_ahead(1, "every"),
            _ => false,
        }
    }

    /// Whether a one-line trigger begins here.
    pub(super) fn at_one_line(&self) -> bool {
        self.peek().kind == Kind::Word
            && matches!(self.peek_text(), "warn" | "hold" | "rollback")
            && self.word_ahead(1, "when")
    }

    /// Skips to what may begin a block or a setting: its word, or any word that is first on its line outside of braces,
    /// which may be one that is misspelt; but not a clause's, which belongs to what was broken.
    pub(super) fn skip_to_item(&mut self) {
        let mut depth = 0usize;
        while !self.at_end() && !self.at_item() && !self.at_one_line() {
            let clause = CLAUSES.contains(&self.peek_text());
            if depth == 0 && self.first_on_line() && self.peek().kind == Kind::Word && !clause {
                return;
            }
            if self.at_symbol("{") {
                depth = depth.saturating_add(1);
            } else if self.at_symbol("}") {
                depth = depth.saturating_sub(1);
            }
            self.bump();
        }
    }

    /// What stands between a block's word and its brace. Where it cannot be read, the block is passed over: its
    /// clauses would say nothing that helps.
    pub(super) fn header<T>(&mut self, read: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        let swallowed = self.swallows_brace();
        let result = read(self);
        match result.is_err() {
            true if swallowed => {
                if self.swallows_brace() {
                    self.bump();
                }
                self.skip_to_brace(1);
            }
            true if !self.first_on_line() => self.skip_braces(),
            _ => {}
        }
        result
    }

    pub(super) fn signal(&mut self, start: Span) -> Parse<Signal> {
        self.bump();
        self.after_key("signal");
        let name = self.header(|parser| parser.name("a signal's name"))?;
        let shape = Shape { what: "a signal", words: SIGNAL, clause: |p, at| p.signal_clause(at) };
        let (title, clauses, broken) = self.body(&shape);
        Ok(Signal { name, title, clauses, span: self.since(start), broken })
    }

    pub(super) fn trigger(&mut self, start: Span) -> Parse<Trigger> {
        self.bump();
        self.after_key("trigger");
        let name = self.header(|parser| parser.name("a trigger's name"))?;
        let shape = Shape { what: "a trigger", words: TRIGGER, clause: |p, at| p.trigger_clause(at) };
        let (title, clauses, broken) = self.body(&shape);
        Ok(Trigger { name: Some(name), title, clauses, span: self.since(start), broken })
    }

    pub(super) fn plan(&mut self, start: Span) -> Parse<Plan> {
        self.bump();
        self.after_key("plan");
        let name = self.header(|parser| parser.name("a plan's name"))?;
        let shape = Shape { what: "a plan", words: PLAN, clause: |p, at| p.plan_clause(at) };
        let (title, clauses, broken) = self.body(&shape);
        Ok(Plan { name, title, clauses, span: self.since(start), broken })
    }

    pub(super) fn check(&mut self, start: Span) -> Parse<Check> {
        self.bump();
        self.after_key("check");
        let name = self.header(|parser| parser.name("a check's name"))?;
        let shape = Shape {
            what: super::check::WHAT,
            words: super::check::WORDS,
            clause: |p, at| p.check_clause(at),
        };
        self.in_check = true;
        let (title, clauses, broken) = self.body(&shape);
        self.in_check = false;
        Ok(Check { name, title, clauses, span: self.since(start), broken })
    }

    pub(super) fn test(&mut self, start: Span) -> Parse<Test> {
        self.bump();
        self.after_key("test");
        let title = self.header(|parser| parser.quoted("the test's title in quotes"))?;
        let shape = Shape { what: "a test", words: TEST, clause: |p, at| p.test_clause(at) };
        let (clauses, broken) = self.block(&shape)?;
        Ok(Test { title, clauses, span: self.since(start), broken })
    }

    /// `rollback when … given … unless …` on one line.
    pub(super) fn one_line(&mut self, start: Span) -> Parse<Trigger> {
        let mut clauses = Vec::new();
        let mut broken = false;
        loop {
            let word = self.peek_span();
            match self.trigger_clause(word) {
                Ok(kind) => clauses.push(Clause { kind, span: self.since(word), word }),
                Err(Skip) => {
                    broken = true;
                    while !self.at_end() && !self.first_on_line() && !LINE.contains(&self.peek_text()) {
                        self.bump();
                    }
                }
            }
            // the line may be broken inside of a clause, but its next clause starts where the last one ends
            let more =
                !self.first_on_line() && self.peek().kind == Kind::Word && LINE.contains(&self.peek_text());
            if !more {
                break;
            }
        }
        let trigger = Trigger { name: None, title: None, clauses, span: self.since(start), broken };
        if !self.at_end() && !self.first_on_line() && !broken && !self.at_item() && !self.at_one_line() {
            self.after_clause("a one-line trigger", LINE);
            while !self.at_end() && !self.first_on_line() {
                self.bump();
            }
        }
        Ok(trigger)
    }
}
