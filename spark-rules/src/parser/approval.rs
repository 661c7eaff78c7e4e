//! `needs approval` behind a stage, and what people write for it. Whom others ask to confirm stands between two stages, and
//! may be meant of either: that is refused with both readings, for the one that was not meant would let a release pass.

use spark_core::SourceSpan as Span;

use super::words::Kind;
use super::{Parse, Parser, foreign};
use crate::ast::{Length, Literal};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::suggest::nearest;

/// How a stage asks for a person.
pub(super) const HELP: &str =
    "the stage before which a person must approve says so: `stage 25% for 15m needs approval`";

/// Words that say who is asked, or that somebody is: nothing without one of them.
const APPROVAL: &[&str] = &[
    "approval",
    "approvals",
    "approve",
    "approved",
    "approves",
    "approving",
    "approver",
    "approvers",
    "needs_approval",
    "requires_approval",
    "manual_approval",
    "approval_needed",
    "approval_required",
    "signoff",
    "sign_off",
];

/// Words that may say so.
const PERHAPS: &[&str] = &[
    "manual",
    "manually",
    "gate",
    "gated",
    "pause",
    "paused",
    "confirm",
    "confirmed",
    "confirmation",
    "confirmations",
    "human",
];

/// Words that make one of the others a demand of the stage that they stand behind.
const DEMANDS: &[&str] = &[
    "needs",
    "need",
    "needing",
    "needed",
    "requires",
    "require",
    "requiring",
    "required",
    "wants",
    "with",
    "when",
    "if",
    "once",
    "only",
    "upon",
    "on",
    "by",
    "necessary",
    "must",
    "be",
    "to",
    "is",
    "has",
    "true",
    "yes",
];

/// Words round them that say nothing more.
const ROUND: &[&str] =
    &["a", "an", "the", "one", "explicit", "person", "operator", "first", "and", "for", "somebody"];

/// Words of something that stands between two stages.
const BETWEEN: &[&str] = &["then", "wait", "waits", "await", "awaits", "awaiting", "hold", "until"];

/// Words that do so where they stand alone: `gate`, and not `needs a gate`.
const ALONE: &[&str] = &["after", "pause", "paused", "gate", "gated"];

/// Words that take it back.
const NONE: &[&str] = &["no", "without", "not", "false", "never", "none"];

/// Signs that others put round it.
const SIGNS: &[&str] = &[",", "-", "->", "(", ")", "[", "]", ":", "=", "&", "&&"];

/// What the words behind a stage say of an approval.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Phrase {
    /// How many words they are.
    count: usize,
    /// They are `needs approval`.
    exact: bool,
    /// They have one of `APPROVAL`, or one that is misspelt.
    named: bool,
    /// They have one of `PERHAPS`.
    perhaps: bool,
    demands: bool,
    /// They have one of `BETWEEN`.
    between: bool,
    /// They have one of `ALONE`.
    alone: bool,
    none: bool,
    /// They ask for several.
    several: bool,
}

impl Parser<'_> {
    /// What stands ahead of an approval.
    fn approval_ahead(&self) -> Option<Phrase> {
        if self.word_ahead(0, "needs") && self.word_ahead(1, "approval") {
            return Some(Phrase { count: 2, exact: true, named: true, demands: true, ..Phrase::default() });
        }
        let mut phrase = Phrase::default();
        loop {
            let by = phrase.count;
            let token = self.ahead(by);
            let word = self.text_of(token).to_lowercase();
            let word = word.as_str();
            let has = |words: &[&str]| token.kind == Kind::Word && words.contains(&word);
            let next = self.ahead(by.saturating_add(1));
            let sign =
                token.kind == Kind::Symbol && SIGNS.contains(&word) && !(phrase.count > 0 && word == ",");
            let number = token.kind == Kind::Number && word.bytes().all(|byte| byte.is_ascii_digit());
            let count = (number || foreign::NUMBERS.iter().any(|(known, _)| *known == word && has(&[word])))
                && names_approval(self.text_of(next));
            // how long the stage lasts is no part of it
            let lasts = word == "for" && next.kind == Kind::Number;
            if lasts || !(sign || count || has(ROUND) || phrase.takes(&has, word)) {
                break;
            }
            phrase.several |= count && !matches!(word, "1" | "one" | "a" | "an");
            phrase.count = by.saturating_add(1);
        }
        let timed = self.ahead(phrase.count).kind == Kind::Number;
        (phrase.named || (phrase.perhaps && !timed)).then_some(phrase)
    }

    /// Whether what stands so many words ahead is no condition but an approval: `proceed when approved`.
    pub(super) fn approved_ahead(&self, by: usize) -> bool {
        let skip = usize::from(self.word_ahead(by, "manually") || self.word_ahead(by, "manual"));
        let by = by.saturating_add(skip);
        let behind = by.saturating_add(1);
        // a signal may be called so, and is compared
        let ends = self.ahead(behind).kind == Kind::End || self.ahead(behind).kind == Kind::Word;
        let next = self.text_of(self.ahead(behind));
        (ends || next == "}") && next != "between" && APPROVAL.contains(&self.text_of(self.ahead(by)))
    }

    /// `needs approval` before `for`: where it stands, and what follows it.
    pub(super) fn early_approval(&mut self) -> Option<(Span, u32)> {
        let phrase =
            self.approval_ahead().filter(|phrase| phrase.sure() && self.word_ahead(phrase.count, "for"))?;
        let next = self.ahead(phrase.count).start;
        Some((self.pass(phrase.count), next))
    }

    /// Tells of `stage 25% needs approval for 15m` once all of it is read.
    pub(super) fn misplaced_approval(&mut self, (span, next): (Span, u32)) -> Span {
        let message = format!("`{}` stands before how long the stage lasts", self.text_in(span));
        let edits = vec![
            Edit { start: span.start, end: next, text: String::new() },
            Edit::insert(self.last_end(), " needs approval"),
        ];
        self.tell(
            Diagnostic::error(codes::E0105, span, message)
                .help("write `needs approval` behind that: `stage 25% for 15m needs approval`")
                .machine(edits),
        );
        span
    }

    /// `needs approval` behind a stage, as it is written or as it is meant: its place. Where it cannot be read, it is told
    /// and passed: the stage itself is whole.
    pub(super) fn approval(&mut self, share: Literal, duration: Length) -> Parse<Option<Span>> {
        let Some(phrase) = self.approval_ahead() else {
            return self.needs_what().map(|()| None);
        };
        if self.first_on_line() || phrase.of_either() {
            self.either_stage(phrase, share, duration);
            return Ok(None);
        }
        let before = self.last_end();
        let mut span = self.pass(phrase.count);
        if !phrase.exact {
            span = self.with_what_is_told(span);
            self.told_approval(phrase, span, before);
        }
        self.approved_by();
        while let Some(again) = self.approval_ahead().filter(|again| again.sure() && !self.first_on_line()) {
            let twice = self.pass(again.count);
            self.tell(
                Diagnostic::error(codes::E0118, twice, format!("`{}` stands twice", self.text_in(twice)))
                    .also(span, "first here")
                    .help("take it away")
                    .machine(vec![Edit::replace(twice, "")]),
            );
        }
        Ok((!phrase.none).then_some(span))
    }

    /// `requires approval`, `approval needed`, `manual`: told with what is meant.
    fn told_approval(&mut self, phrase: Phrase, span: Span, before: u32) {
        let written = self.text_in(span);
        let gap = if span.start == before { " " } else { "" };
        let edits = vec![Edit::replace(span, format!("{gap}needs approval"))];
        let message = format!("`{written}` is written otherwise");
        let problem = Diagnostic::error(codes::E0105, span, message);
        self.tell(if phrase.none {
            let problem = problem.help("take it away: a stage that does not say `needs approval` needs none");
            problem.machine(vec![Edit::replace(span, "")])
        } else if phrase.several {
            problem
                .help("a stage needs one approval, of whoever may give it: write `needs approval`")
                .maybe(edits)
        } else if phrase.sure() {
            problem.help("write `needs approval`").machine(edits)
        } else {
            problem.help("where a person must approve before this stage, write `needs approval`").maybe(edits)
        });
    }

    /// What others tell whom they ask goes with it: `pause: {}`, `confirm "go on?"`.
    fn with_what_is_told(&mut self, span: Span) -> Span {
        let quoted = matches!(self.peek().kind, Kind::Quoted | Kind::OddQuoted) && !self.first_on_line();
        if self.at_symbol("{") || quoted {
            self.skip_one();
        }
        self.since(span)
    }

    /// An approval on a line of its own, or between two stages.
    fn either_stage(&mut self, phrase: Phrase, share: Literal, duration: Length) {
        let span = self.pass(phrase.count);
        let span = self.with_what_is_told(span);
        let stage = |share: Span, duration: Span| {
            format!("`stage {} for {} needs approval`", self.text_in(share), self.text_in(duration))
        };
        let before = stage(share.span, duration.span);
        let follows = self.at_word("stage")
            && self.ahead(1).kind == Kind::Number
            && self.word_ahead(2, "for")
            && self.ahead(3).kind == Kind::Number;
        let help = match follows {
            true => {
                let after = stage(self.span_of(self.ahead(1)), self.span_of(self.ahead(3)));
                format!("an approval stands behind its stage: write {before} or {after}")
            }
            false => format!("an approval stands behind its stage, on the same line: {before}"),
        };
        let message =
            format!("`{}` may be of the stage before it or of the one behind it", self.text_in(span));
        self.tell(Diagnostic::error(codes::E0135, span, message).help(help));
    }

    /// `needs` with something else behind it.
    fn needs_what(&mut self) -> Parse<()> {
        if self.first_on_line() || !(self.at_word("needs") || self.at_word("requires")) {
            return Ok(());
        }
        let word = self.peek_text();
        let start = self.peek_span();
        self.bump();
        let message = format!("expected `approval` after `{word}`, found {}", self.found());
        let ends = self.at_end() || self.first_on_line() || self.at_symbol("}");
        let stage = self.at_word("stage");
        if !ends && !stage {
            self.bump();
        }
        let span = self.since(start);
        let problem = Diagnostic::error(codes::E0101, span, message);
        self.refuse(match ends || stage {
            true => problem
                .help("write `needs approval`")
                .maybe(vec![Edit::replace(span, "needs approval")]),
            false => problem.help(
                "all that a stage can need is `needs approval`; what must be measured stands in `proceed when …`",
            ),
        })
    }

    /// `needs approval by "ops"`: rules do not know people.
    fn approved_by(&mut self) {
        let leads = ["by", "from", "of"].iter().any(|word| self.at_word(word));
        let named = matches!(self.ahead(1).kind, Kind::Word | Kind::Quoted | Kind::OddQuoted);
        if !leads || !named || self.first_on_line() {
            return;
        }
        let start = self.peek_span();
        self.pass(2);
        while !self.first_on_line()
            && (self.at_word("and") || self.at_word("or") || self.at_symbol(","))
            && matches!(self.ahead(1).kind, Kind::Word | Kind::Quoted)
        {
            self.pass(2);
        }
        let span = self.since(start);
        let message = format!("rules do not say who approves, found `{}`", self.text_in(span));
        self.tell(
            Diagnostic::error(codes::E0105, span, message)
                .help("take it away: who approved, and why, is kept with the release's evidence")
                .maybe(vec![Edit::replace(span, "")]),
        );
    }
}

impl Phrase {
    /// Takes a word in, where it is one of a phrase.
    fn takes(&mut self, has: &dyn Fn(&[&str]) -> bool, word: &str) -> bool {
        let named = has(&[word]) && names_approval(word);
        let (perhaps, demands) = (has(PERHAPS), has(DEMANDS));
        let (between, alone, none) = (has(BETWEEN), has(ALONE), has(NONE));
        self.named |= named;
        self.perhaps |= perhaps;
        self.demands |= demands || word.starts_with("needs_") || word.starts_with("requires_");
        self.between |= between;
        self.alone |= alone;
        self.none |= none;
        named || perhaps || demands || between || alone || none
    }

    /// Whether it may be of the stage that follows.
    const fn of_either(self) -> bool {
        self.between || (self.alone && !self.demands)
    }

    /// Whether it surely asks for one approval of the stage that it stands behind.
    const fn sure(self) -> bool {
        self.named && self.demands && !self.between && !self.none && !self.several
    }
}

/// Whether a word is one of `APPROVAL`, or one of those misspelt.
fn names_approval(word: &str) -> bool {
    let known = |word: &str| APPROVAL.contains(&word);
    known(word) || !nearest(word, ["approval", "approvals"]).is_empty()
}
