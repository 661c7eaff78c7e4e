//! Where a cursor stands: in which block and clause, and behind which words. Made from words alone, because what is being
//! typed is rarely whole.

use super::offer::compares;
use crate::parser::{Kind, split};

/// A kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Signal,
    Trigger,
    /// `rollback when …` outside of a block.
    Line,
    Plan,
    Check,
    Test,
}

/// Where a cursor stands.
#[derive(Debug, Default)]
pub(super) struct Context<'a> {
    pub(super) block: Option<Block>,
    /// Between a block's word and its brace.
    pub(super) header: bool,
    /// What the signal is, as far as that is written.
    pub(super) kind: &'a str,
    /// The name behind the block's word.
    pub(super) name: &'a str,
    /// The words of the clause so far, its own first; outside of blocks, those of the line.
    pub(super) words: Vec<&'a str>,
    /// The words that open the clauses of the block so far.
    pub(super) clauses: Vec<&'a str>,
    /// In a comment or in text, where nothing is completed.
    pub(super) silent: bool,
    /// In the path of `use "`.
    pub(super) path: bool,
    /// In the braces of a selector.
    pub(super) selector: bool,
}

/// The words that open a block's clauses.
pub(super) fn clause_words(block: Block) -> &'static [&'static str] {
    match block {
        Block::Signal => &["is", "from", "stale", "expect"],
        Block::Trigger => {
            &["warn", "hold", "rollback", "clear", "given", "unless", "unknown", "runbook", "owner"]
        }
        Block::Line => &["clear", "given", "unless", "unknown", "runbook", "owner"],
        Block::Plan => &["stage", "warmup", "watch", "proceed"],
        Block::Check => &["in", "probe", "measure", "pass", "else", "within", "evidence", "owner", "runbook"],
        Block::Test => &["given", "expect", "at"],
    }
}

/// Whether a value follows a word of a condition.
fn operand_follows(word: &str) -> bool {
    compares(word)
        || matches!(
            word,
            "when" | "and" | "or" | "not" | "then" | "between" | "(" | "," | "+" | "-" | "*" | "/"
        )
}

/// Reads the text of a part up to the word at the cursor.
pub(super) fn context(before: &str) -> Context<'_> {
    let (tokens, comments) = split(before);
    let mut at = Context::default();
    let end = u32::try_from(before.len()).unwrap_or(u32::MAX);
    let in_comment = comments.last().is_some_and(|(_, comment)| *comment == end);
    let text = |place: usize| {
        let token = tokens.get(place);
        token.and_then(|t| before.get(t.start as usize..t.end as usize)).unwrap_or("")
    };
    let mut depth = 0usize;
    for (place, token) in tokens.iter().enumerate() {
        let word = text(place);
        let last = place.checked_sub(1).map_or("", text);
        match (token.kind, word) {
            (Kind::End, _) => {}
            (Kind::Symbol, "{") => {
                depth = depth.saturating_add(1);
                at.header = false;
                at.selector = depth > 1;
                if depth == 1 {
                    at.words.clear();
                }
            }
            (Kind::Symbol, "}") => {
                depth = depth.saturating_sub(1);
                at.selector = false;
                if depth == 0 {
                    at = Context::default();
                }
            }
            (Kind::Word, _) if depth == 0 => at.outside(word, last),
            (Kind::Word, _) if depth == 1 && at.opens(word, last, text(place.saturating_add(1))) => {
                at.words = vec![word];
                at.clauses.push(word);
            }
            (Kind::OpenQuote, _) => {
                at.silent = true;
                at.path = last == "use";
            }
            _ => {
                if last == "is" {
                    at.kind = word;
                }
                at.words.push(word);
            }
        }
    }
    at.silent |= in_comment;
    at
}

impl<'a> Context<'a> {
    fn outside(&mut self, word: &'a str, last: &str) {
        let block = match word {
            "signal" => Block::Signal,
            "trigger" => Block::Trigger,
            "plan" => Block::Plan,
            "test" => Block::Test,
            // a trigger may be called so, behind `unless`
            "check" if self.block.is_none() => Block::Check,
            "warn" | "hold" | "rollback" if !matches!(last, "unknown" | "then" | ",") => Block::Line,
            _ => {
                if self.header && self.name.is_empty() {
                    self.name = word;
                }
                if self.block == Some(Block::Line) && clause_words(Block::Line).contains(&word) {
                    self.clauses.push(word);
                    self.words.clear();
                }
                self.words.push(word);
                return;
            }
        };
        let header = block != Block::Line;
        *self =
            Self { block: Some(block), header, words: vec![word], clauses: vec![word], ..Self::default() };
    }

    /// Whether a word opens a clause of the block.
    fn opens(&self, word: &str, last: &str, next: &str) -> bool {
        let Some(block) = self.block else { return false };
        if !clause_words(block).contains(&word) {
            return false;
        }
        match word {
            "hold" | "rollback" => !matches!(last, "unknown" | "then"),
            "stage" => last != "previous",
            // a signal may be called so, and stands where a value does
            "warmup" | "watch" => !operand_follows(last),
            "in" => self.words.first() != Some(&"measure") || last != "money" && last != "rate",
            "at" => next == "stage" || self.words.first() != Some(&"expect"),
            "is" | "expect" => block != Block::Signal || last != "in",
            _ => true,
        }
    }

    /// Whether a parenthesis is open.
    pub(super) fn inside(&self) -> bool {
        let count = |sign| self.words.iter().filter(|word| **word == sign).count();
        count("(") > count(")")
    }

    /// The third word from the end.
    pub(super) fn third(&self) -> &'a str {
        self.words.iter().rev().nth(2).copied().unwrap_or("")
    }

    /// The last word, and the one before.
    pub(super) fn last(&self) -> (&'a str, &'a str) {
        let mut words = self.words.iter().rev().copied();
        let last = words.next().unwrap_or("");
        (words.next().unwrap_or(""), last)
    }
}
