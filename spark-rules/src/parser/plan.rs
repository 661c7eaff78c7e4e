//! The clauses of plans, and what people write for them who come from elsewhere.

use spark_core::{Dimension, Quantity, SourceSpan as Span, Unit};

use super::words::Kind;
use super::{Parse, Parser, foreign};
use crate::ast::{Length, PlanClause};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// How a warm-up and a watch are asked for where their length is missing.
const WARMUP: &str = "how long nothing counts after each step, such as `warmup 2m`";
const WATCH: &str = "how long the release is watched in the end, such as `watch 24h`";

/// What others write for a length of time of a plan: its words, the clause that is meant, and whether that is sure. Of two that
/// begin alike, the longer one comes first.
const LENGTHS: &[(&[&str], &str, bool)] = &[
    (&["warm", "-", "up"], "warmup", true),
    (&["warm", "up"], "warmup", true),
    (&["warm_up"], "warmup", true),
    (&["warmup_time"], "warmup", true),
    (&["warming", "up"], "warmup", true),
    (&["warming"], "warmup", true),
    (&["warm"], "warmup", true),
    (&["settle"], "warmup", false),
    (&["settling"], "warmup", false),
    (&["stabilize"], "warmup", false),
    (&["stabilise"], "warmup", false),
    (&["grace"], "warmup", false),
    (&["cooldown"], "warmup", false),
    (&["cool", "down"], "warmup", false),
    (&["watching"], "watch", true),
    (&["watch_time"], "watch", true),
    (&["bake"], "watch", false),
    (&["baking"], "watch", false),
    (&["bake_time"], "watch", false),
    (&["soak"], "watch", false),
    (&["soaking"], "watch", false),
    (&["monitor"], "watch", false),
    (&["observe"], "watch", false),
];

/// Small words that others put between `watch` and its length.
const BEFORE_LENGTH: &[&str] = &["for", "of", "is", "during", "over", "lasts", "time", "period"];

impl Parser<'_> {
    /// Whether a clause of a plan begins here in other words: `warm-up 2m`, `bake 24h`.
    pub(super) fn at_plan_clause_otherwise(&self) -> bool {
        self.plan_clause_otherwise().is_some()
    }

    /// The clause that is meant by the words here, how many they are, and whether that is sure. A length of time follows
    /// them: other words of a plan begin alike.
    fn plan_clause_otherwise(&self) -> Option<(&'static str, usize, bool)> {
        let (words, own, sure) = LENGTHS.iter().find(|(words, ..)| self.words_ahead(0, words))?;
        let count = self.behind_small_words(words.len());
        (self.peek().kind == Kind::Word && self.length_ahead(count)).then_some((*own, count, *sure))
    }

    /// The place behind what stands between a clause's word and its length.
    fn behind_small_words(&self, mut by: usize) -> usize {
        while BEFORE_LENGTH.iter().any(|word| self.word_ahead(by, word)) {
            by = by.saturating_add(1);
        }
        by
    }

    /// Whether `warmup 2m` or `watch 24h` begins a line where a value is missing. A signal may be called so, and then no
    /// number stands behind it.
    pub(super) fn at_plan_length(&self) -> bool {
        (self.at_word("warmup") || self.at_word("watch"))
            && self.first_on_line()
            && Quantity::parse(self.text_of(self.ahead(1)))
                .is_ok_and(|length| length.unit == Unit::of(Dimension::Duration))
    }

    /// Whether a length of time stands ahead, a colon aside.
    fn length_ahead(&self, by: usize) -> bool {
        let sign = usize::from(self.symbol_ahead(by, ":") || self.symbol_ahead(by, "="));
        let token = self.ahead(by.saturating_add(sign));
        let worded = foreign::NUMBERS.iter().any(|(word, _)| *word == self.text_of(token));
        matches!(token.kind, Kind::Number | Kind::Quoted) || (token.kind == Kind::Word && worded)
    }

    pub(super) fn plan_clause(&mut self, _start: Span) -> Parse<PlanClause> {
        if let Some((own, count, sure)) = self.plan_clause_otherwise() {
            let span = self.pass(count);
            let message = format!("`{}` is no clause of a plan", self.text_in(span));
            let problem = Diagnostic::error(codes::E0104, span, message).help(match own {
                "warmup" => "how long nothing counts after each step is written `warmup 2m`",
                _ => "how long the release is watched after its last stage is written `watch 24h`",
            });
            let edits = vec![Edit::replace(span, own)];
            self.tell(if sure { problem.machine(edits) } else { problem.maybe(edits) });
            return self.plan_length(own);
        }
        let word = self.peek_text();
        self.bump();
        match word {
            "stage" => self.stage(),
            "warmup" => self.plan_length("warmup"),
            "watch" => self.plan_length("watch"),
            _ => {
                if self.at_word("when") && self.approved_ahead(1) {
                    self.bump();
                    let problem = self.unexpected("a condition").coded(codes::E0123);
                    return self.refuse(problem.help(super::approval::HELP));
                }
                self.when("proceed")?;
                Ok(PlanClause::Proceed(self.condition()?))
            }
        }
    }

    /// The length of time behind `warmup` or `watch`; `for` and its kin before it are told and passed.
    fn plan_length(&mut self, word: &'static str) -> Parse<PlanClause> {
        let small = self.behind_small_words(0);
        if small > 0 && self.length_ahead(small) {
            let end = self.ahead(small).start;
            let span = self.pass(small);
            let message = format!("`{word}` stands before its length alone, found `{}`", self.text_in(span));
            let edit = Edit { start: span.start, end, text: String::new() };
            self.tell(
                Diagnostic::error(codes::E0105, span, message).help("take it away").machine(vec![edit]),
            );
        }
        self.after_key(word);
        let what = if word == "watch" { WATCH } else { WARMUP };
        if !self.length_ahead(0) && !matches!(self.peek_text(), "-" | "+" | "−" | "a" | "an" | "the") {
            let problem = self.unexpected(what).coded(codes::E0124);
            return self.refuse(match word {
                "watch" => problem.help("every trigger and expectation watches the release: say how long"),
                _ => problem.help("say how long: one length of time, for every step of the plan"),
            });
        }
        if word == "watch" {
            self.refuse_bare_hours()?;
        }
        let length = self.length_or_zero(what)?;
        if length.value.is_zero() {
            return self.refuse_none(word, length);
        }
        Ok(match word {
            "watch" => PlanClause::Watch(length),
            _ => PlanClause::Warmup(length),
        })
    }

    /// `watch 24`: a day is meant more often than minutes or seconds.
    fn refuse_bare_hours(&mut self) -> Parse<()> {
        let (token, next) = (self.peek(), self.ahead(1));
        let ends =
            next.kind == Kind::End || matches!(self.text_of(next), "}" | "stage" | "warmup" | "proceed");
        let text = self.text_of(token);
        if !ends || token.kind != Kind::Number || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(());
        }
        let span = self.pass(1);
        let message = format!("`{text}` has no unit: expected a length of time");
        let edit = vec![Edit::replace(span, format!("{text}h"))];
        let help = format!("did you mean `{text}h`, `{text}m` or `{text}s`?");
        self.refuse(Diagnostic::error(codes::E0204, span, message).help(help).maybe(edit))
    }

    /// `warmup 0s`: there is none where nothing is said.
    fn refuse_none(&mut self, word: &str, length: Length) -> Parse<PlanClause> {
        let message = format!("a `{word}` lasts longer than zero");
        let clause = self.since(self.span_of(self.token_at(self.at.saturating_sub(2))));
        let whole = self.text_in(clause).starts_with(word);
        let problem = Diagnostic::error(codes::E0309, length.span, message)
            .help(format!("take it away: without `{word}` there is none"));
        self.refuse(match whole {
            true => problem.machine(vec![Edit::replace(clause, "")]),
            false => problem,
        })
    }

    /// What stands behind `stage`.
    fn stage(&mut self) -> Parse<PlanClause> {
        self.stage_name();
        let share = self.literal("a share of the traffic, such as `5%`")?;
        if self.at_word("until") || self.at_word("while") {
            let problem = self.unexpected("`for` and how long the stage lasts").coded(codes::E0124);
            return self.refuse(
                problem.help("a stage lasts a length of time; what else must be so says `proceed when …`"),
            );
        }
        let early = self.early_approval();
        self.lead_in(
            "for",
            "after a stage's share",
            &[",", ":", "over", "lasting", "during", "-", "wait", "pause"],
        )?;
        let duration = self.length("a length of time, such as `15m`")?;
        let approval = match early {
            Some(early) => Some(self.misplaced_approval(early)),
            None => self.approval(share, duration)?,
        };
        Ok(PlanClause::Stage { share, duration, approval })
    }

    /// `stage 1: 5%`, `stage canary 5%`: stages have no names; one is told and passed.
    fn stage_name(&mut self) {
        let token = self.peek();
        let colon = self.symbol_ahead(1, ":");
        let count = if colon { 2 } else { 1 };
        let named =
            matches!(token.kind, Kind::Word | Kind::Quoted) && !super::RESERVED.contains(&self.peek_text());
        if !(named || (token.kind == Kind::Number && colon && !self.peek_text().ends_with('%')))
            || self.ahead(count).kind != Kind::Number
        {
            return;
        }
        let end = self.ahead(count).start;
        let span = self.pass(count);
        self.tell(
            Diagnostic::error(
                codes::E0105,
                span,
                format!("a stage has no name, found `{}`", self.text_in(span)),
            )
            .help("take it away: a stage is known by its share")
            .machine(vec![Edit { start: span.start, end, text: String::new() }]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No words of a length of time hide others.
    #[test]
    fn once() {
        for (place, (words, ..)) in LENGTHS.iter().enumerate() {
            assert!(LENGTHS[..place].iter().all(|(before, ..)| !words.starts_with(before)), "{words:?}");
        }
    }
}
