//! The clauses of a `check`, and what people write for them who come from elsewhere.

use spark_core::SourceSpan as Span;
use spark_core::check::{CheckPhase, CheckSeverity};

use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{CheckClause, Name};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::{listed, nearest};

/// What a check's block is called.
pub(super) const WHAT: &str = "a check";
/// The words that open its clauses. No measure may be called so: a condition would end there.
pub(crate) const WORDS: &[&str] =
    &["in", "probe", "measure", "pass", "else", "within", "evidence", "owner", "runbook"];

/// What people write of a flag behind `is`.
pub(super) const TRUTHS: &[&str] =
    &["true", "false", "yes", "no", "set", "unset", "present", "absent", "missing", "on", "off"];

/// What others call the phases.
const PHASES: &[(&str, CheckPhase)] = &[
    ("pre_flight", CheckPhase::Preflight),
    ("before", CheckPhase::Preflight),
    ("red_team", CheckPhase::RedTeam),
    ("red", CheckPhase::RedTeam),
    ("attack", CheckPhase::RedTeam),
    ("blast_radius", CheckPhase::Blast),
    ("blastradius", CheckPhase::Blast),
    ("canary", CheckPhase::Blast),
];

/// What others write where a check does not pass, and whether that is surely meant.
const OUTCOMES: &[(&str, CheckSeverity, bool)] = &[
    ("nogo", CheckSeverity::NoGo, true),
    ("no_go", CheckSeverity::NoGo, true),
    ("no go", CheckSeverity::NoGo, true),
    ("warning", CheckSeverity::Warn, true),
    ("warns", CheckSeverity::Warn, true),
    ("notify", CheckSeverity::Warn, false),
    ("info", CheckSeverity::Warn, false),
    ("fail", CheckSeverity::NoGo, false),
    ("fails", CheckSeverity::NoGo, false),
    ("failed", CheckSeverity::NoGo, false),
    ("error", CheckSeverity::NoGo, false),
    ("critical", CheckSeverity::NoGo, false),
    ("block", CheckSeverity::NoGo, false),
    ("stop", CheckSeverity::NoGo, false),
    ("abort", CheckSeverity::NoGo, false),
    ("hold", CheckSeverity::NoGo, false),
    ("rollback", CheckSeverity::NoGo, false),
];

impl Parser<'_> {
    /// Whether a clause of the check that is read begins here.
    pub(super) fn at_check_clause(&self) -> bool {
        self.in_check && self.at_clause(WORDS)
    }

    pub(super) fn check_clause(&mut self, _start: Span) -> Parse<CheckClause> {
        let word = self.peek_text();
        self.bump();
        if word == "pass" {
            self.when(word)?;
            return Ok(CheckClause::Pass(self.condition()?));
        }
        self.after_key(word);
        match word {
            "in" => self.phase(),
            "probe" => self.probe(),
            "measure" => self.measure(),
            "else" => self.outcome(),
            "within" => Ok(CheckClause::Within(self.length("a length of time, such as `5s`")?)),
            "evidence" => {
                let what = "the name that its evidence is kept under, in quotes, such as `\"pools.json\"`";
                Ok(CheckClause::Evidence(self.quoted(what)?))
            }
            "owner" => Ok(CheckClause::Owner(self.quoted("who answers for it, in quotes")?)),
            _ => Ok(CheckClause::Runbook(self.quoted("a link in quotes")?)),
        }
    }

    /// Words that may be joined by `-` or stand in quotes, as one span, and the same in small letters joined by `_`.
    pub(super) fn spoken(&mut self) -> Option<(Span, String)> {
        let start = self.peek_span();
        match self.peek().kind {
            Kind::Word => {
                self.bump();
            }
            Kind::Quoted | Kind::OddQuoted => {
                let span = self.pass(1);
                let inner = self.text_in(span).trim_matches(|c: char| !c.is_alphanumeric());
                return Some((span, inner.to_ascii_lowercase().replace(['-', ' '], "_")));
            }
            _ => return None,
        }
        while self.at_symbol("-") && self.ahead(1).kind == Kind::Word && self.peek().start == self.last_end()
        {
            self.pass(2);
        }
        let span = self.since(start);
        Some((span, self.text_in(span).to_ascii_lowercase().replace('-', "_")))
    }

    /// `in preflight`
    fn phase(&mut self) -> Parse<CheckClause> {
        if ["the", "phase"].iter().any(|word| self.at_word(word)) && self.ahead(1).kind == Kind::Word {
            self.tell_superfluous("in");
        }
        let all = || listed(CheckPhase::ALL.iter().map(|phase| phase.as_str()));
        let Some((span, said)) = self.spoken() else {
            let problem = self.unexpected(&format!("when the check is made: {}", all())).coded(codes::E0509);
            return self.refuse(problem);
        };
        let written = self.text_in(span);
        if CheckPhase::parse(written).is_some() {
            return Ok(CheckClause::In(Name { text: written.to_owned(), span }));
        }
        let known = CheckPhase::parse(&said).or(CheckPhase::parse(&said.replace('_', "")));
        let message = format!("no check is made in {}", quoted_once(written));
        let problem = Diagnostic::error(codes::E0509, span, message);
        let meant = PHASES.iter().find(|(word, _)| *word == said).map(|(_, phase)| *phase);
        let near = || nearest(&said, CheckPhase::ALL.iter().map(|phase| phase.as_str())).first().copied();
        self.tell(match (known, meant.map(CheckPhase::as_str).or_else(near)) {
            (Some(known), _) => {
                problem.help(format!("write `{known}`")).machine(vec![Edit::replace(span, known.as_str())])
            }
            (None, Some(near)) => {
                problem.help(format!("did you mean `{near}`?")).maybe(vec![Edit::replace(span, near)])
            }
            (None, None) => problem.help(format!("it is {}", all())),
        });
        self.told()
    }

    /// `else no-go`
    fn outcome(&mut self) -> Parse<CheckClause> {
        let both = "`no-go` or `warn`";
        if self.at_word("is") && self.ahead(1).kind == Kind::Word {
            self.tell_superfluous("else");
        }
        if self.at_check_clause() {
            let what = format!("what the check says where it does not pass: {both}");
            let problem = self.unexpected(&what).coded(codes::E0509);
            return self.refuse(problem);
        }
        let (start, two) = (self.peek_span(), self.words_ahead(0, &["no", "go"]));
        let spoken = match two {
            true => Some((self.pass(2), "nogo".to_owned())),
            false => self.spoken(),
        };
        let Some((span, said)) = spoken else {
            let problem = self.unexpected(&format!("what the check says where it does not pass: {both}"));
            return self.refuse(problem.coded(codes::E0509));
        };
        let span = Span { start: start.start, ..span };
        let written = self.text_in(span);
        if CheckSeverity::parse(written).is_some() {
            return Ok(CheckClause::Else(Name { text: written.to_owned(), span }));
        }
        let known = CheckSeverity::parse(&said.replace('_', "-"));
        let meant = OUTCOMES.iter().find(|(word, ..)| *word == said);
        let message = format!("no check says {}", quoted_once(written));
        let problem = Diagnostic::error(codes::E0509, span, message);
        self.tell(match (known, meant) {
            (Some(known), _) => {
                problem.help(format!("write `{known}`")).machine(vec![Edit::replace(span, known.as_str())])
            }
            (None, Some((_, known, true))) => {
                problem.help(format!("write `{known}`")).machine(vec![Edit::replace(span, known.as_str())])
            }
            (None, Some((_, near, false))) => problem
                .help(format!("did you mean `{near}`? A check comes before a release: it says {both}"))
                .maybe(vec![Edit::replace(span, near.as_str())]),
            (None, None) => problem.help(format!("it says {both}: whether the release must not begin")),
        });
        self.told()
    }

    /// A word that says nothing here, told and passed.
    fn tell_superfluous(&mut self, behind: &str) {
        let (span, end) = (self.peek_span(), self.ahead(1).start);
        let message = format!("{} behind `{behind}` is not needed", self.found());
        let edit = Edit { start: span.start, end, text: String::new() };
        self.tell(Diagnostic::error(codes::E0105, span, message).help("take it away").machine(vec![edit]));
        self.bump();
    }

    /// `probe pgbouncer`
    fn probe(&mut self) -> Parse<CheckClause> {
        // a configuration may call it by any word, `baseline` too
        let reserved = self.peek().kind == Kind::Word && super::RESERVED.contains(&self.peek_text());
        if reserved && !self.at_check_clause() {
            let span = self.pass(1);
            return Ok(CheckClause::Probe(Name { text: self.text_in(span).to_owned(), span }));
        }
        let name = self.name("a probe's name, such as `pgbouncer`")?;
        if self.at_symbol(",") || self.at_word("and") {
            let problem = Diagnostic::error(codes::E0105, self.peek_span(), "a check asks one probe");
            return self.refuse(problem.help("write a check for each: they are made side by side"));
        }
        Ok(CheckClause::Probe(name))
    }

    /// `measure saturation is ratio`
    fn measure(&mut self) -> Parse<CheckClause> {
        let types = crate::check::MEASURE_TYPES;
        // `measure ratio saturation`, as other languages declare things
        if types.contains(&self.peek_text()) && self.ahead(1).kind == Kind::Word && !self.word_ahead(1, "is")
        {
            let (kind, name) = (self.peek_text(), self.text_of(self.ahead(1)));
            let meant = format!("{name} is {kind}");
            let span = self.pass(2);
            let message = format!("`{kind}` stands before what it is the type of");
            self.tell(
                Diagnostic::error(codes::E0105, span, message)
                    .help(format!("write `measure {meant}`"))
                    .machine(vec![Edit::replace(span, meant)]),
            );
            return self.told();
        }
        let name = self.name("a measure's name")?;
        if WORDS.contains(&name.text.as_str()) {
            let message = format!("no measure can be called `{}`: it opens a clause of a check", name.text);
            let problem = Diagnostic::error(codes::E0120, name.span, message).help("choose another name");
            return self.refuse(problem);
        }
        if self.at_symbol(",") {
            let problem = Diagnostic::error(codes::E0105, self.peek_span(), "a `measure` names one measure");
            return self.refuse(problem.help("each has a clause of its own: it says what it is"));
        }
        self.measure_is(&name)?;
        let kind = self.type_name()?;
        let unit = match self.eat_word("in") {
            // the phase, on the line of a measure
            true if CheckPhase::parse(self.peek_text()).is_some() => {
                self.at = self.at.saturating_sub(1);
                None
            }
            true => Some(self.source_unit()?),
            false => None,
        };
        Ok(CheckClause::Measure { name, kind, unit })
    }

    /// The `is` of a measure; `:` and `=` for it, and none at all, are told and taken as meant.
    fn measure_is(&mut self, name: &Name) -> Parse<()> {
        if self.eat_word("is") {
            return Ok(());
        }
        let message = format!("expected `is` after `{}`, found {}", name.text, self.found());
        let (span, before) = (self.peek_span(), self.last_end());
        let sign = [":", "=", "as"].into_iter().find(|sign| self.words_ahead(0, &[sign]));
        if sign.is_some() {
            let gap = if span.start == before { " " } else { "" };
            let edit = Edit::replace(span, format!("{gap}is"));
            self.tell(Diagnostic::error(codes::E0105, span, message).help("write `is`").machine(vec![edit]));
            self.bump();
            return Ok(());
        }
        if self.peek().kind == Kind::Word && !self.first_on_line() && !self.at_check_clause() {
            let edit = Edit::insert(before, " is");
            self.tell(Diagnostic::error(codes::E0101, span, message).help("write `is`").machine(vec![edit]));
            return Ok(());
        }
        let problem = self.unexpected(&format!("`is` and a type after `{}`", name.text)).coded(codes::E0119);
        self.refuse(problem.help(format!("say what it is, as in `measure {} is ratio`", name.text)))
    }
}

/// Words between backticks, without quotes of their own.
fn quoted_once(written: &str) -> String {
    format!("`{}`", written.trim_matches('"'))
}
