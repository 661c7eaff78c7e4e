//! Conditions: `then` binds loosest, then `or`, `and`, `not`, `for`, comparison.

use spark_core::SourceSpan as Span;

use super::expression::Operand;
use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{Compare, Condition, ConditionKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};
use crate::limits::TREE_MAX;
use crate::suggest::nearest;

/// What stands between the conditions of a chain.
struct Joint {
    word: &'static str,
    sign: &'static str,
}

const AND: Joint = Joint { word: "and", sign: "&&" };
const OR: Joint = Joint { word: "or", sign: "||" };

impl Parser<'_> {
    /// A whole condition.
    pub(super) fn condition(&mut self) -> Parse<Condition> {
        let condition = self.sequence()?;
        if self.peek().kind == Kind::Word && !self.at_check_clause() {
            let word = self.peek_text();
            let lower = word.to_ascii_lowercase();
            if lower != word && matches!(lower.as_str(), "and" | "or" | "for" | "then" | "between" | "within")
            {
                let span = self.peek_span();
                let problem =
                    Diagnostic::error(codes::E0105, span, format!("`{word}` is written in small letters"))
                        .help(format!("write `{lower}`"))
                        .machine(vec![Edit::replace(span, lower)]);
                return self.refuse(problem);
            }
            let help = match word {
                "within" => Some("`within` belongs to a sequence: `a then b within 2m`"),
                "offset" => Some("compare with what was: `previous stage`, or `baseline`"),
                "unless" => None,
                "is" | "are" | "was" => Some("a condition is true by itself: `p95 > 400ms`"),
                "when" | "if" => {
                    Some("join conditions with `and`, or write `given …` for what must be true first")
                }
                "not" => Some("join conditions with `and` or `or`: `a and not b`"),
                _ => None,
            };
            let joint = match word.len() > 2 && help.is_none() && !self.first_on_line() {
                true => nearest(word, ["and", "or", "for", "then", "within"]),
                false => Vec::new(),
            };
            if let Some(best) = joint.first() {
                let span = self.peek_span();
                let problem = self.unexpected("`and`, `or`, `for`, `then`, or the next clause");
                let problem = problem.help(format!("did you mean `{best}`?"));
                return self.refuse(problem.maybe(vec![Edit::replace(span, *best)]));
            }
            if let Some(help) = help {
                let problem = self.unexpected("`and`, `or`, `for`, `then`, or the next clause");
                let problem = if word == "within" { problem.coded(codes::E0127) } else { problem };
                return self.refuse(problem.help(help));
            }
        }
        Ok(condition)
    }

    /// `A then B within 2m`, or what binds tighter.
    pub(super) fn sequence(&mut self) -> Parse<Condition> {
        let first = self.chain(&OR)?;
        if !self.eat_word("then") {
            return Ok(first);
        }
        let sign = self.last_span();
        let then = self.chain(&OR)?;
        if self.at_word("then") {
            let problem = Diagnostic::error(
                codes::E0127,
                self.peek_span(),
                "a second `then` needs parentheses",
            )
            .help(
                "write `(a then b within 2m) then c within 2m`, or `a then (b then c within 2m) within 2m`",
            );
            return self.refuse(problem);
        }
        if !self.at_word("within") {
            let problem = Diagnostic::error(codes::E0127, sign, "this `then` does not say within what time");
            let help = "a sequence says how long it may take: `a then b within 2m`";
            let place = self.last_end();
            return self.refuse(problem.help(help).maybe(vec![Edit::insert(place, " within 2m")]));
        }
        self.bump();
        let within = self.length_or_assumed("a length of time, such as `2m`")?;
        let whole = self.since(first.span);
        if self.at_word("for") {
            let problem =
                Diagnostic::error(codes::E0107, self.peek_span(), "this `for` can be read in two ways")
                    .help("put the sequence in parentheses: `(a then b within 2m) for 5m`")
                    .machine(vec![Edit::insert(whole.start, "("), Edit::insert(whole.end, ")")]);
            return self.refuse(problem);
        }
        let height = first.height.max(then.height);
        self.node(ConditionKind::Sequence(Box::new(first), Box::new(then), within), whole, height)
    }

    pub(super) fn node(&mut self, kind: ConditionKind, span: Span, below: u16) -> Parse<Condition> {
        let height = below.saturating_add(1);
        if height > TREE_MAX {
            let problem = Diagnostic::error(
                codes::E0109,
                span,
                format!("this condition's tree is more than {TREE_MAX} high"),
            )
            .help("split it into several triggers");
            return self.refuse(problem);
        }
        Ok(Condition { kind, span, height })
    }

    /// `a or b or c`, whose parts are chains of `and`, whose parts are single conditions.
    fn chain(&mut self, joint: &Joint) -> Parse<Condition> {
        let tight = joint.word == AND.word;
        let part = |parser: &mut Self| if tight { parser.single() } else { parser.chain(&AND) };
        let first = part(self)?;
        if !self.at_joint(joint) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.eat_joint(joint) {
            if self.tell_and_then(joint) {
                break;
            }
            let next = part(self)?;
            self.tell_ambiguous_for(&parts, &next, joint);
            parts.push(next);
        }
        let span = self.since(parts.first().map_or(self.peek_span(), |part| part.span));
        let height = parts.iter().map(|part| part.height).max().unwrap_or(0);
        let kind = if tight { ConditionKind::All(parts) } else { ConditionKind::Any(parts) };
        self.node(kind, span, height)
    }

    /// `and then`, which is `then` alone; `and if`, which is `and`.
    fn tell_and_then(&mut self, joint: &Joint) -> bool {
        let before = self.last_span();
        let (span, word) = (self.peek_span(), self.peek_text());
        if self.at_word("then") {
            let message = format!("a sequence is written `then`, without `{}`", joint.word);
            let edit = Edit { start: before.start, end: span.start, text: String::new() };
            let problem =
                Diagnostic::error(codes::E0105, before, message).help("write `then`").machine(vec![edit]);
            self.tell(problem);
            return true;
        }
        if matches!(word, "if" | "when" | "also" | "while") && self.ahead(1).kind != Kind::Symbol {
            let edit = Edit { start: span.start, end: self.ahead(1).start, text: String::new() };
            self.tell(
                Diagnostic::error(codes::E0105, span, format!("`{word}` stands behind `{}`", joint.word))
                    .help("take it away")
                    .machine(vec![edit]),
            );
            self.bump();
        }
        false
    }

    fn at_joint(&self, joint: &Joint) -> bool {
        self.at_word(joint.word)
            || self.at_symbol(joint.sign)
            || (self.peek().kind == Kind::Word && self.peek_text() == joint.word.to_ascii_uppercase())
            || self.at_symbol(joint.sign.get(1..).unwrap_or(joint.sign))
            || (joint.word == AND.word && self.at_word("but"))
    }

    fn eat_joint(&mut self, joint: &Joint) -> bool {
        if self.eat_word(joint.word) {
            return true;
        }
        let found = self.at_joint(joint);
        if found {
            let span = self.peek_span();
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    span,
                    format!("conditions are joined by `{}`, found {}", joint.word, self.found()),
                )
                .help(format!("write `{}`", joint.word))
                .machine(vec![Edit::replace(span, joint.word)]),
            );
            self.bump();
        }
        found
    }

    /// `a and b for 5m`: is it `(a and b) for 5m`, or `a and (b for 5m)`? With a `for` of its own on every part
    /// there is no doubt.
    fn tell_ambiguous_for(&mut self, before: &[Condition], next: &Condition, joint: &Joint) {
        let ConditionKind::Held(inner, length) = &next.kind else { return };
        let has_own = |part: &Condition| match &part.kind {
            ConditionKind::Held(..) => true,
            ConditionKind::Group(inner) => matches!(inner.kind, ConditionKind::Held(..)),
            _ => false,
        };
        if before.iter().all(has_own) {
            return;
        }
        let text = |span: Span| self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let start = before.first().map_or(inner.span.start, |part| part.span.start);
        let both = text(Span { start, end: inner.span.end, ..inner.span });
        let (right, held) = (text(inner.span), text(length.span));
        let left = text(Span { start, end: before.last().map_or(start, |part| part.span.end), ..inner.span });
        let help = format!(
            "write `({both}) for {held}` if all of it must hold together, or `{left} {} ({right} for {held})` if only the last part must",
            joint.word
        );
        let span = Span { start: self.behind(inner.span.end).min(length.span.start), ..length.span };
        let problem = Diagnostic::error(codes::E0107, span, format!("`for {held}` can be read in two ways"))
            .help(help)
            .maybe(vec![Edit::insert(start, "("), Edit::insert(inner.span.end, ")")]);
        self.tell(problem);
    }

    /// `not …`, or `… for 5m`.
    fn single(&mut self) -> Parse<Condition> {
        let start = self.peek_span();
        let sign = self.at_symbol("!");
        if sign {
            self.tell(
                Diagnostic::error(codes::E0105, start, "`!` is written `not`")
                    .help("write `not`")
                    .machine(vec![Edit::replace(start, "not ")]),
            );
        }
        let loud = self.at_word("NOT") && !self.sign_ahead(1);
        if loud {
            self.tell(
                Diagnostic::error(codes::E0105, start, "`NOT` is written in small letters")
                    .help("write `not`")
                    .machine(vec![Edit::replace(start, "not")]),
            );
        }
        if !sign && !loud && !self.at_word("not") {
            return self.held();
        }
        self.bump();
        self.deeper()?;
        let mut inner = self.single()?;
        self.shallower();
        if let ConditionKind::Held(held, length) = inner.kind {
            let text = |span: Span| self.text.get(span.start as usize..span.end as usize).unwrap_or("");
            let help = format!(
                "a `for` cannot stand under `not`: write `(not {}) for {}`",
                text(held.span),
                text(length.span)
            );
            let span = Span { start: self.behind(held.span.end).min(length.span.start), ..length.span };
            let problem = Diagnostic::error(codes::E0107, span, "this `for` can be read in two ways")
                .help(help)
                .maybe(vec![Edit::insert(start.start, "("), Edit::insert(held.span.end, ")")]);
            self.tell(problem);
            inner = *held;
        }
        let height = inner.height;
        self.node(ConditionKind::Not(Box::new(inner)), self.since(start), height)
    }

    fn held(&mut self) -> Parse<Condition> {
        let condition = self.primary()?;
        let next = self.peek_text();
        let foreign = super::foreign::HELD.iter().find(|words| {
            words.first() == Some(&next)
                && self.words_ahead(0, words)
                && self.ahead(words.len()).kind == Kind::Number
        });
        if let Some(words) = foreign {
            let span = self.pass(words.len());
            let word = self.text_in(span);
            self.tell(
                Diagnostic::error(
                    codes::E0105,
                    span,
                    format!("a condition is not `{word}` a time, it holds `for` one"),
                )
                .help("write `for`; a window is written inside of a function: `avg(p95 over 5m)`")
                .maybe(vec![Edit::replace(span, "for")]),
            );
        }
        if foreign.is_none() && self.bare_length() {
            let at = self.last_end();
            let message = format!("expected `for` before {}", self.found());
            self.tell(
                Diagnostic::error(codes::E0124, self.peek_span(), message)
                    .help("write `for` before how long it must hold")
                    .machine(vec![Edit::insert(at, " for")]),
            );
        } else if foreign.is_none() && !self.eat_word("for") {
            return Ok(condition);
        }
        let length = self.length_or_assumed("a length of time after `for`, such as `5m`")?;
        if self.at_word("or") && matches!(self.text_of(self.ahead(1)), "more" | "longer") {
            let before = self.last_end();
            let span = self.pass(2);
            let edit = Edit { start: before, end: span.end, text: String::new() };
            let message = format!("`{}` stands behind a length of time", self.text_in(span));
            let help = "take it away: a condition holds for at least the length that is written";
            self.tell(Diagnostic::error(codes::E0105, span, message).help(help).machine(vec![edit]));
        }
        if self.at_word("for") {
            let problem =
                Diagnostic::error(codes::E0118, self.peek_span(), "a second `for` stands behind the first")
                    .help("keep one of them, or use parentheses: `(a for 1m) for 5m`");
            return self.refuse(problem);
        }
        let (span, height) = (self.since(condition.span), condition.height);
        self.node(ConditionKind::Held(Box::new(condition), length), span, height)
    }

    /// A length of time behind a comparison, without its `for`.
    fn bare_length(&self) -> bool {
        if self.peek().kind != Kind::Number {
            return false;
        }
        let text = self.peek_text();
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        !self.first_on_line() && matches!(unit, "s" | "m" | "min" | "h" | "d")
    }

    fn primary(&mut self) -> Parse<Condition> {
        let start = self.peek_span();
        if self.every_expectation_otherwise() {
            return self.told();
        }
        if self.at_word("every") && self.word_ahead(1, "signal") {
            self.bump();
            self.bump();
            for word in ["meets", "its", "expectation"] {
                self.expect_word(word, "in `every signal meets its expectation`")?;
            }
            let span = self.since(start);
            return self.node(ConditionKind::EveryExpectation, span, 0);
        }
        let left = self.sum()?;
        let relation = self.relation();
        let left = match (left, relation.is_some() || self.at_word("between")) {
            (Operand::Truth(condition), false) => return Ok(condition),
            (Operand::Truth(condition), true) => {
                let problem =
                    Diagnostic::error(codes::E0307, condition.span, "a condition cannot be compared")
                        .help("compare values, and join conditions with `and` or `or`");
                return self.refuse(problem);
            }
            (Operand::Value(value), _) => value,
        };
        if let Some(relation) = relation {
            let right = self.value_sum()?;
            return self.compared(left, relation, right);
        }
        if self.between() {
            let against = self.range()?;
            let span = self.since(left.span);
            let compare = Compare { left: Some(left), test: against, span };
            return self.node(ConditionKind::Compare(Box::new(compare)), span, 0);
        }
        self.uncompared(left)
    }
}
