//! Files, blocks and clauses.

use spark_core::{Severity, SourceSpan as Span};

use super::words::Kind;
use super::{Parse, Parser, Skip};
use crate::ast::{
    Clause, Item, Plan, PlanClause, Signal, SignalClause, Source, SourceUnit, Test, Trigger, TriggerClause,
};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::{listed, nearest};

const TOP: &[&str] =
    &["edition", "evaluate", "use", "signal", "trigger", "plan", "test", "warn", "hold", "rollback"];
const SIGNAL: &[&str] = &["is", "from", "stale", "expect"];
const TRIGGER: &[&str] =
    &["warn", "hold", "rollback", "clear", "given", "unless", "unknown", "runbook", "owner"];
/// What may follow a one-line trigger's level on its line.
const LINE: &[&str] = &["clear", "given", "unless", "unknown", "runbook", "owner"];
const PLAN: &[&str] = &["stage", "proceed"];
const TEST: &[&str] = &["given", "expect", "at"];

/// What the words of a block's clauses mean to it.
struct Shape<C> {
    /// "a trigger"
    what: &'static str,
    words: &'static [&'static str],
    clause: fn(&mut Parser<'_>, Span) -> Parse<C>,
}

impl Parser<'_> {
    /// The whole file.
    pub(super) fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.at_end() {
            let before = self.at;
            match self.item() {
                Ok(item) => items.push(item),
                Err(Skip) => {
                    if self.at == before {
                        self.bump();
                    }
                    self.skip_to_item();
                }
            }
        }
        items
    }

    fn item(&mut self) -> Parse<Item> {
        self.nesting = 0;
        let start = self.peek_span();
        let token = self.peek();
        let word = if token.kind == Kind::Word { self.peek_text() } else { "" };
        match word {
            "edition" => self.edition(start),
            "evaluate" => {
                self.bump();
                self.expect_word("every", "after `evaluate`")?;
                let every = self.length("a length of time, such as `15s`")?;
                Ok(Item::Evaluate { every, span: self.since(start) })
            }
            "use" => {
                self.bump();
                let path = self.quoted("a file in quotes, such as `\"latency.rules\"`")?;
                Ok(Item::Use { path })
            }
            "signal" | "trigger" | "plan" | "test" => self.block_called(word, start),
            "warn" | "hold" | "rollback" => self.one_line(start).map(Item::Trigger),
            _ => self.no_item(word, start),
        }
    }

    /// A block by its word, which may have been misspelt.
    fn block_called(&mut self, word: &str, start: Span) -> Parse<Item> {
        match word {
            "signal" => self.signal(start).map(Item::Signal),
            "trigger" => self.trigger(start).map(Item::Trigger),
            "plan" => self.plan(start).map(Item::Plan),
            _ => self.test(start).map(Item::Test),
        }
    }

    fn edition(&mut self, start: Span) -> Parse<Item> {
        self.bump();
        let token = self.peek();
        if token.kind != Kind::Number {
            let problem = self.unexpected("the edition's year, as in `edition 2026`");
            return self.refuse(problem);
        }
        self.bump();
        Ok(Item::Edition { year: self.text_of(token).to_owned(), span: self.since(start) })
    }

    fn no_item(&mut self, word: &str, start: Span) -> Parse<Item> {
        let span = self.peek_span();
        if self.foreign_comment() {
            return Err(Skip);
        }
        if self.at_symbol("}") {
            let problem = Diagnostic::error(codes::E0103, span, "this `}` closes nothing")
                .help("take it away")
                .machine(vec![Edit::replace(span, "")]);
            return self.refuse(problem);
        }
        let near = nearest(word, TOP.iter().copied());
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
                "a file has `edition 2026`, `evaluate every …`, `use \"…\"`, and blocks: `signal`, `trigger`, `plan`, `test`, or \
                 `rollback when …` in one line",
            ),
        };
        self.tell(problem);
        let next = self.ahead(1).kind;
        match near.first().copied() {
            Some(best @ ("signal" | "trigger" | "plan" | "test"))
                if matches!(next, Kind::Word | Kind::Quoted) =>
            {
                self.block_called(best, start)
            }
            Some(_) => Err(Skip),
            None => {
                self.skip_braces();
                Err(Skip)
            }
        }
    }

    /// `//` or `--` at the start of a line; skips to the line's end.
    fn foreign_comment(&mut self) -> bool {
        let sign = ["//", "--", "/*"].into_iter().find(|sign| self.at_symbol(sign));
        let Some(sign) = sign.filter(|_| self.first_on_line()) else { return false };
        let span = self.peek_span();
        self.tell(
            Diagnostic::error(codes::E0105, span, format!("`{sign}` does not start a comment"))
                .help("a comment starts with `#`")
                .machine(vec![Edit::replace(span, "#")]),
        );
        self.bump();
        while !self.at_end() && !self.first_on_line() {
            self.bump();
        }
        true
    }

    /// Skips a block of an unknown kind, so that its clauses say nothing.
    fn skip_braces(&mut self) {
        if !self.at_symbol("{") {
            self.bump();
        }
        while !self.at_end() && !self.at_symbol("{") && !self.first_on_line() && !self.at_item() {
            self.bump();
        }
        if !self.at_symbol("{") {
            return;
        }
        let mut depth = 0usize;
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
    fn at_item(&self) -> bool {
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
            "test" | "use" => matches!(next, Kind::Quoted | Kind::OddQuoted | Kind::OpenQuote),
            "edition" => next == Kind::Number,
            "evaluate" => self.word_ahead(1, "every"),
            _ => false,
        }
    }

    /// Whether a one-line trigger begins here.
    fn at_one_line(&self) -> bool {
        self.peek().kind == Kind::Word
            && matches!(self.peek_text(), "warn" | "hold" | "rollback")
            && self.word_ahead(1, "when")
    }

    /// Skips to what may begin a block or a setting: its word, or any word that is first on its line outside of braces,
    /// which may be one that is misspelt.
    fn skip_to_item(&mut self) {
        let mut depth = 0usize;
        while !self.at_end() && !self.at_item() && !self.at_one_line() {
            if depth == 0 && self.first_on_line() && self.peek().kind == Kind::Word {
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
    fn header<T>(&mut self, read: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        let result = read(self);
        if result.is_err() {
            self.skip_braces();
        }
        result
    }

    fn signal(&mut self, start: Span) -> Parse<Signal> {
        self.bump();
        let name = self.header(|parser| parser.name("a signal's name"))?;
        let title = self.header(Self::optional_text)?;
        let shape = Shape { what: "a signal", words: SIGNAL, clause: |p, at| p.signal_clause(at) };
        let (clauses, broken) = self.block(&shape)?;
        Ok(Signal { name, title, clauses, span: self.since(start), broken })
    }

    fn trigger(&mut self, start: Span) -> Parse<Trigger> {
        self.bump();
        let name = self.header(|parser| parser.name("a trigger's name"))?;
        let title = self.header(Self::optional_text)?;
        let shape = Shape { what: "a trigger", words: TRIGGER, clause: |p, at| p.trigger_clause(at) };
        let (clauses, broken) = self.block(&shape)?;
        Ok(Trigger { name: Some(name), title, clauses, span: self.since(start), broken })
    }

    fn plan(&mut self, start: Span) -> Parse<Plan> {
        self.bump();
        let name = self.header(|parser| parser.name("a plan's name"))?;
        let title = self.header(Self::optional_text)?;
        let shape = Shape { what: "a plan", words: PLAN, clause: |p, at| p.plan_clause(at) };
        let (clauses, broken) = self.block(&shape)?;
        Ok(Plan { name, title, clauses, span: self.since(start), broken })
    }

    fn test(&mut self, start: Span) -> Parse<Test> {
        self.bump();
        let title = self.header(|parser| parser.quoted("the test's title in quotes"))?;
        let shape = Shape { what: "a test", words: TEST, clause: |p, at| p.test_clause(at) };
        let (clauses, _) = self.block(&shape)?;
        Ok(Test { title, clauses, span: self.since(start) })
    }

    /// `rollback when … given … unless …` on one line.
    fn one_line(&mut self, start: Span) -> Parse<Trigger> {
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

    /// `{ clauses }`, and whether one of them was broken.
    fn block<C>(&mut self, shape: &Shape<C>) -> Parse<(Vec<Clause<C>>, bool)> {
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
            if !clause {
                return self.refuse(problem.help(format!("the clauses of {} stand in braces", shape.what)));
            }
            self.tell(problem.help("open the block").machine(vec![Edit::insert(before, " {")]));
        }
        let mut clauses = Vec::new();
        let mut broken = false;
        loop {
            if self.eat_symbol("}") {
                return Ok((clauses, broken));
            }
            let line = shape.what != "a trigger" && self.first_on_line() && self.at_one_line();
            if self.at_end() || self.at_item() || line {
                // what broke a clause may have swallowed the brace, as an open quote does
                if !broken {
                    self.unclosed(open, shape.what);
                }
                return Ok((clauses, true));
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

    fn unclosed(&mut self, open: Span, what: &str) {
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
    fn skip_one(&mut self) {
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
    fn open_braces(&self, from: usize) -> usize {
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
    fn skip_to_clause(&mut self, words: &[&str], mut inside: usize) {
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
    fn at_clause(&self, words: &[&str]) -> bool {
        let word = self.peek_text();
        if self.peek().kind != Kind::Word || !words.contains(&word) {
            return false;
        }
        match word {
            "warn" | "hold" | "rollback" | "clear" => matches!(self.text_of(self.ahead(1)), "when" | "if"),
            "at" => self.word_ahead(1, "stage"),
            "is" => self.ahead(1).kind == Kind::Word,
            "unknown" => self.word_ahead(1, "hold"),
            _ => true,
        }
    }

    fn clause<C>(&mut self, shape: &Shape<C>) -> Parse<C> {
        // a clause that was given up may have stood deep
        self.nesting = 0;
        let span = self.peek_span();
        if self.foreign_comment() {
            return Err(Skip);
        }
        if self.at_symbol(";") || self.at_symbol(",") {
            let message = format!("{} between clauses is not needed", self.found());
            let problem = Diagnostic::error(codes::E0105, span, message)
                .help("take it away: a clause ends where the next begins")
                .machine(vec![Edit::replace(span, "")]);
            return self.refuse(problem);
        }
        if self.peek().kind == Kind::Word && shape.words.contains(&self.peek_text()) {
            return (shape.clause)(self, span);
        }
        self.after_clause(shape.what, shape.words);
        Err(Skip)
    }

    /// What stands here is neither a clause of the block nor part of the one before.
    fn after_clause(&mut self, what: &str, words: &[&'static str]) {
        let span = self.peek_span();
        if self.peek().kind != Kind::Word {
            let problem = self.unexpected(&format!("the next clause of {what}, or `}}`"));
            let problem = problem.help(format!("{what} has {}", listed(shown(words).iter().copied())));
            return self.tell(problem);
        }
        let word = self.peek_text();
        let near = nearest(word, words.iter().copied());
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
            self.tell(
                Diagnostic::error(codes::E0105, span, format!("`{sign}` after `{key}` is not needed"))
                    .help("take it away")
                    .machine(vec![Edit::replace(span, "")]),
            );
            self.bump();
        }
    }

    fn signal_clause(&mut self, start: Span) -> Parse<SignalClause> {
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

    fn source(&mut self) -> Parse<SignalClause> {
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
    fn source_unit(&mut self) -> Parse<SourceUnit> {
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

    fn trigger_clause(&mut self, _start: Span) -> Parse<TriggerClause> {
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
            "given" => Ok(TriggerClause::Given(self.condition()?)),
            "unless" => {
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
    fn when(&mut self, word: &str) -> Parse<()> {
        self.after_key(word);
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

    fn expect_when(&mut self, word: &str) -> Parse<()> {
        let relation = matches!(self.text_of(self.ahead(1)), ">" | ">=" | "<" | "<=" | "==" | "!=");
        if self.peek().kind == Kind::Word && relation && !self.at_word("when") {
            let end = self.last_end();
            let message = format!("expected `when` after `{word}`, found {}", self.found());
            self.tell(
                Diagnostic::error(codes::E0101, self.peek_span(), message)
                    .help("put `when` before the condition")
                    .machine(vec![Edit::insert(end, " when")]),
            );
            return Ok(());
        }
        self.expect_word("when", &format!("after `{word}`"))
    }

    /// `unknown hold, then rollback after 10m`
    fn unknown(&mut self) -> Parse<TriggerClause> {
        self.expect_word("hold", "after `unknown`")?;
        if !self.eat_symbol(",") && !self.at_word("then") {
            return Ok(TriggerClause::Unknown(None));
        }
        self.expect_word("then", "after `unknown hold,`")?;
        self.expect_word("rollback", "after `then`")?;
        self.expect_word("after", "behind `rollback`")?;
        Ok(TriggerClause::Unknown(Some(self.length_or_zero("a length of time, such as `10m`")?)))
    }

    fn plan_clause(&mut self, _start: Span) -> Parse<PlanClause> {
        if self.eat_word("stage") {
            let share = self.literal("a share of the traffic, such as `5%`")?;
            self.expect_word("for", "after a stage's share")?;
            let duration = self.length("a length of time, such as `15m`")?;
            return Ok(PlanClause::Stage { share, duration });
        }
        self.bump();
        self.when("proceed")?;
        Ok(PlanClause::Proceed(self.condition()?))
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
