//! Comparisons: their signs, ranges, and what people write instead.

use spark_core::{Relation, SourceSpan as Span};

use super::foreign::RELATIONS;
use super::words::Kind;
use super::{Parse, Parser};
use crate::ast::{Against, Compare, Condition, ConditionKind, Expression, ExpressionKind};
use crate::codes;
use crate::diagnostic::{Diagnostic, Edit};

/// Signs of comparison, as rules write them.
const SIGNS: &[(&str, Relation)] = &[
    (">", Relation::Above),
    (">=", Relation::AtLeast),
    ("<", Relation::Below),
    ("<=", Relation::AtMost),
    ("==", Relation::Equal),
    ("!=", Relation::NotEqual),
];

impl Parser<'_> {
    /// The comparison of an `expect`: its left side is the signal.
    pub(super) fn expectation(&mut self, start: Span) -> Parse<Compare> {
        if self.eat_word("between") {
            let test = self.range()?;
            return Ok(Compare { left: None, test, span: self.since(start) });
        }
        let Some(relation) = self.relation() else {
            let word = self.peek().kind == Kind::Word && self.ahead(1).kind == Kind::Symbol;
            let problem = self.unexpected("a comparison, such as `<= 200ms` or `between 1 and 5`");
            let sign = self.sign_ahead(1);
            let (span, end) = (self.peek_span(), self.ahead(1).start);
            return self.refuse(match word {
                true if sign => {
                    Diagnostic::error(codes::E0129, span, "an expectation leaves its left side out")
                        .help("it is always the signal itself")
                        .machine(vec![Edit { start: span.start, end, text: String::new() }])
                }
                true => problem.help("an expectation leaves its left side out: it is the signal itself"),
                false if self.peek().kind == Kind::Number => problem
                    .coded(codes::E0125)
                    .help("say on which side is good: `<=` or `>=`")
                    .maybe(vec![Edit::insert(span.start, "<= ")]),
                false => problem.coded(codes::E0125),
            });
        };
        let right = self.value_sum()?;
        self.refuse_for_in_expectation()?;
        Ok(Compare { left: None, test: Against::Is(relation, right), span: self.since(start) })
    }

    fn refuse_for_in_expectation(&mut self) -> Parse<()> {
        if !self.at_word("for") && !self.at_word("and") && !self.at_word("or") {
            return Ok(());
        }
        let word = self.peek_text();
        let problem = Diagnostic::error(codes::E0129, self.peek_span(), format!("an expectation is one comparison, without `{word}`"))
            .help("for more, write a trigger; a plan says for how long: `proceed when every signal meets its expectation for 5m`");
        self.refuse(problem)
    }

    /// `between`; `BETWEEN` and `is between` are told and taken as meant.
    pub(super) fn between(&mut self) -> bool {
        if self.eat_word("between") {
            return true;
        }
        let start = self.peek_span();
        let loud = self.peek().kind == Kind::Word && self.peek_text().eq_ignore_ascii_case("between");
        let is = self.at_word("is") && self.word_ahead(1, "between");
        if !loud && !is {
            return false;
        }
        self.bump();
        self.eat_word("between");
        let span = self.since(start);
        self.tell(
            Diagnostic::error(codes::E0105, span, "a range is written with `between`")
                .help("write `between`")
                .machine(vec![Edit::replace(span, "between")]),
        );
        true
    }

    pub(super) fn range(&mut self) -> Parse<Against> {
        let low = self.value_sum()?;
        let sign = self.peek_span();
        if self.at_word("to") || self.at_symbol(",") {
            let message = format!("expected `and` in `between … and …`, found {}", self.found());
            let and = if self.at_symbol(",") { " and" } else { "and" };
            self.bump();
            self.tell(
                Diagnostic::error(codes::E0105, sign, message)
                    .help("write `and`")
                    .machine(vec![Edit::replace(sign, and)]),
            );
        } else {
            self.expect_word("and", "in `between … and …`")?;
        }
        let high = self.value_sum()?;
        Ok(Against::Between(low, high))
    }

    /// The sign of comparison ahead; a foreign one is told and taken as meant, with an `is` before it.
    pub(super) fn relation(&mut self) -> Option<Relation> {
        let start = self.peek_span();
        let is = usize::from(self.at_word("is"));
        // `over 5m` is a window in a wrong place, `is over 5m` a comparison
        let foreign = match is == 0 && self.at_word("over") {
            true => None,
            false => self.phrase_ahead(is, RELATIONS, |(words, _)| words),
        };
        if is == 1 && self.in_check && super::check::TRUTHS.contains(&self.text_of(self.ahead(1))) {
            // `hsts is set`: told with the flag that it is said of
            self.bump();
            return Some(Relation::Equal);
        }
        if is == 1 && self.in_check && self.word_ahead(1, "not") && self.ahead(2).kind == Kind::Word {
            self.pass(2);
            return Some(Relation::NotEqual);
        }
        if is == 1 && self.ahead(1).kind == Kind::Number {
            self.bump();
            self.tell(
                Diagnostic::error(codes::E0105, start, "`is` is no sign of comparison")
                    .help("write `==`, or say of which side it is: `>`, `<`")
                    .maybe(vec![Edit::replace(start, "==")]),
            );
            return Some(Relation::Equal);
        }
        let own = SIGNS.iter().find(|(sign, _)| self.symbol_ahead(is, sign));
        let (relation, words, right) = match (foreign, own) {
            (Some((words, relation)), _) => (*relation, words.len(), false),
            (None, Some((_, relation))) => (*relation, 1, is == 0),
            (None, None) => return None,
        };
        for _ in 0..is.saturating_add(words) {
            self.bump();
        }
        if !right {
            let span = self.since(start);
            let written = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
            let message = format!("`{written}` is no sign of comparison");
            self.tell(
                Diagnostic::error(codes::E0105, span, message)
                    .help(format!("write `{}`", relation.as_str()))
                    .machine(vec![Edit::replace(span, relation.as_str())]),
            );
        }
        Some(relation)
    }

    /// Whether a sign of comparison that rules write is so many words ahead.
    pub(super) fn sign_ahead(&self, by: usize) -> bool {
        SIGNS.iter().any(|(sign, _)| self.symbol_ahead(by, sign))
    }

    /// A value that nothing compares. What stands in the comparison's place is told here, once; at the end of the
    /// condition, the checker says what is missing.
    pub(super) fn uncompared(&mut self, left: Expression) -> Parse<Condition> {
        let text = |span: Span| self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let subject = super::shortened(text(left.span));
        if self.at_word("not") {
            let problem =
                Diagnostic::error(codes::E0105, self.peek_span(), "`not` stands before the whole condition")
                    .help(match self.word_ahead(1, "between") {
                        true => format!("write `not ({subject} between 200ms and 300ms)`"),
                        false => format!("write `not {subject} > 300ms`"),
                    });
            return self.refuse(problem);
        }
        if self.at_word("for") && self.ahead(1).kind == Kind::Number && self.sign_ahead(2) {
            let message = "a `for` stands behind the whole comparison";
            let problem = Diagnostic::error(codes::E0105, self.peek_span(), message)
                .help(format!("write it as in `{subject} > 300ms for 5m`"));
            return self.refuse(problem);
        }
        let token = self.peek();
        let ends = match token.kind {
            Kind::End => true,
            Kind::Word => super::RESERVED.contains(&self.text_of(token)) || self.text_of(token) == "during",
            Kind::Symbol => matches!(self.text_of(token), ")" | "}" | "," | ";" | "&&" | "||" | "]"),
            _ => false,
        };
        let joined = token.kind == Kind::Word && matches!(self.text_of(token), "AND" | "OR");
        if !ends && !joined && !self.first_on_line() && !self.at_check_clause() {
            if let (ExpressionKind::Literal(_), Kind::Word) = (&left.kind, token.kind) {
                let whole = Span { end: token.end, ..left.span };
                let meant = format!("{} >= {}", self.text_of(token), text(left.span));
                let problem =
                    Diagnostic::error(codes::E0125, whole, format!("`{}` compares nothing", text(whole)));
                return self.refuse(
                    problem.help(format!("write `{meant}`")).maybe(vec![Edit::replace(whole, meant)]),
                );
            }
            let problem = self.unexpected("a comparison (`>`, `>=`, `<`, `<=`, `==`, `!=` or `between`)");
            return self
                .refuse(problem.coded(codes::E0125).help(format!("write it as in `{subject} > 300ms`")));
        }
        let span = left.span;
        self.node(ConditionKind::Bare(Box::new(left)), span, 0)
    }

    pub(super) fn compared(
        &mut self,
        left: Expression,
        relation: Relation,
        right: Expression,
    ) -> Parse<Condition> {
        let span = self.since(left.span);
        let second = self.peek_span();
        let chained = self.sign_ahead(0);
        if chained {
            let again = self.relation();
            let end = self.value_sum()?;
            let text =
                |span: Span| self.text.get(span.start as usize..span.end as usize).unwrap_or("").to_owned();
            let whole = self.since(left.span);
            let problem = Diagnostic::error(codes::E0108, second, "comparisons cannot be chained")
                .label("a second comparison");
            let up = |relation| matches!(relation, Relation::Below | Relation::AtMost);
            let down = |relation| matches!(relation, Relation::Above | Relation::AtLeast);
            let middle = matches!(right.kind, ExpressionKind::Name(_) | ExpressionKind::Call(_));
            let range = match again.filter(|_| middle) {
                Some(again) if up(relation) && up(again) => Some((left.span, end.span)),
                Some(again) if down(relation) && down(again) => Some((end.span, left.span)),
                _ => None,
            };
            let problem = match range {
                Some((low, high)) => {
                    let meant = format!("{} between {} and {}", text(right.span), text(low), text(high));
                    problem
                        .help(format!("write `{meant}` (both ends included)"))
                        .maybe(vec![Edit::replace(whole, meant)])
                }
                None => problem.help("write two comparisons joined by `and`"),
            };
            self.tell(problem);
        }
        let compare = Compare { left: Some(left), test: Against::Is(relation, right), span };
        self.node(ConditionKind::Compare(Box::new(compare)), span, 0)
    }
}
