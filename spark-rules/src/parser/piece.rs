//! The same reading, a piece at a time: an editor reads again only what a keystroke can have changed.
//!
//! A piece begins where a block, a setting or a one-line trigger is first on its line, and goes on to the next such
//! place, comments included. Its spans count from its own start, so that it stays as it is when text before it grows.
//! Nothing is carried from one block to the next, and every look ahead is noted; so the pieces together say what a
//! reading of the whole says, however broken the text is.

use std::cell::Cell;

use spark_core::SourceSpan as Span;

use super::words::{Kind, Token, split};
use super::{Parser, Skip};
use crate::ast::{File, Item};
use crate::diagnostic::Diagnostic;

/// Words behind a piece's probable end that are handed to the parser at once: more than it looks ahead.
const AHEAD: usize = 16;

/// Bytes that are cut into words at first: a block of the usual length and the line behind it.
const WINDOW_BYTES: usize = 1024;

/// A piece of a file.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) tree: File,
    pub(crate) problems: Vec<Diagnostic>,
    /// Bytes from its start to where the next piece begins.
    pub(crate) length: usize,
    /// Bytes from its start that decided about it; a change behind them changes nothing in it.
    pub(crate) reach: usize,
}

/// Cuts text that begins where a piece begins. Each piece has the number that `number` gives to the byte where it begins;
/// after each, `more` is asked whether to go on at the byte where the next one begins.
pub(crate) fn pieces(
    text: &str,
    number: &mut dyn FnMut(usize) -> u32,
    more: &mut dyn FnMut(usize) -> bool,
) -> Vec<Piece> {
    let mut words = Words::new(text);
    let mut found = Vec::new();
    let (mut start, mut first) = (0usize, 0usize);
    loop {
        let (piece, next) = words.piece(start, first, number(start));
        start = start.saturating_add(piece.length);
        first = next;
        found.push(piece);
        if start >= text.len() || !more(start) {
            return found;
        }
    }
}

/// The words of a text, cut as far as they are needed.
struct Words<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    comments: Vec<(u32, u32)>,
    /// Bytes that have been cut; whole lines, so that no word goes on behind them.
    done: usize,
    window: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, tokens: Vec::new(), comments: Vec::new(), done: 0, window: WINDOW_BYTES }
    }

    fn complete(&self) -> bool {
        self.done >= self.text.len()
    }

    /// Cuts more of the text: twice as much each time.
    fn grow(&mut self) {
        let rest = self.text.get(self.done..).unwrap_or("");
        let tail = rest.as_bytes().get(self.window..).unwrap_or(&[]);
        let line = tail.iter().position(|byte| *byte == b'\n');
        let end = line.map_or(rest.len(), |line| line.saturating_add(self.window).saturating_add(1));
        let (tokens, comments) = split(rest.get(..end).unwrap_or(rest));
        let base = at(self.done);
        let moved = |place: u32| place.saturating_add(base);
        let words = tokens.into_iter().filter(|token| token.kind != Kind::End);
        self.tokens.extend(words.map(|t| Token { start: moved(t.start), end: moved(t.end), ..t }));
        self.comments.extend(comments.into_iter().map(|(start, end)| (moved(start), moved(end))));
        self.done = self.done.saturating_add(end);
        self.window = self.window.saturating_mul(2);
    }

    /// The place of the first word behind `from` that may begin a piece, cutting more text as needed.
    fn opener(&mut self, from: usize) -> usize {
        let mut place = from;
        loop {
            while let Some(token) = self.tokens.get(place) {
                let start = token.start as usize;
                let first = start == 0 || self.text.as_bytes().get(start.saturating_sub(1)) == Some(&b'\n');
                let word = self.text.get(start..token.end as usize).unwrap_or("");
                if first && token.kind == Kind::Word && super::file::TOP.contains(&word) {
                    return place;
                }
                place = place.saturating_add(1);
            }
            if self.complete() {
                return place;
            }
            self.grow();
        }
    }

    /// The piece that begins at byte `start`, with the word at `first`, and the place of the next piece's first word.
    fn piece(&mut self, start: usize, first: usize, number: u32) -> (Piece, usize) {
        let mut until = self.opener(first.saturating_add(1));
        loop {
            let wanted = until.saturating_add(AHEAD);
            while self.tokens.len() < wanted && !self.complete() {
                self.grow();
            }
            if let Some(done) = self.read(start, first, wanted, number) {
                return done;
            }
            let step = until.saturating_sub(first).saturating_add(1);
            until = self.opener(until.saturating_add(step));
        }
    }

    /// Reads a piece from the words `first..wanted`; none if the parser looked at what lies behind them.
    fn read(&self, start: usize, first: usize, wanted: usize, number: u32) -> Option<(Piece, usize)> {
        let base = at(start);
        let last = wanted.min(self.tokens.len());
        let whole = self.complete() && last == self.tokens.len();
        let given = self.tokens.get(first..last).unwrap_or(&[]);
        let moved = |place: u32| place.saturating_sub(base);
        let mut tokens: Vec<Token> =
            given.iter().map(|t| Token { start: moved(t.start), end: moved(t.end), ..*t }).collect();
        let text = self.text.get(start..).unwrap_or("");
        let end = at(text.len());
        tokens.push(Token { kind: Kind::End, start: end, end });
        let mut parser = Parser::new(number, text, tokens);
        let items = parser.piece();
        let seen = parser.reach.get();
        if seen >= given.len() && !whole {
            return None;
        }
        let next = first.saturating_add(parser.at);
        let length = match self.tokens.get(next) {
            Some(token) => line_start(text, moved(token.start) as usize),
            None => text.len(),
        };
        let reach = match given.get(seen) {
            Some(token) => line_end(text, moved(token.end) as usize),
            None => usize::MAX,
        };
        let from = self.comments.partition_point(|(comment, _)| *comment < base);
        let comments = self.comments.get(from..).unwrap_or(&[]).iter();
        let comments =
            comments.map(|(start, end)| Span { file: number, start: moved(*start), end: moved(*end) });
        let comments = comments.take_while(|comment| (comment.start as usize) < length).collect();
        let (doubtful, blind) = (parser.doubtful, parser.blind);
        let tree = File { number, items, comments, doubtful, blind };
        Some((Piece { tree, problems: parser.problems, length, reach }, next))
    }
}

impl<'a> Parser<'a> {
    pub(super) fn new(number: u32, text: &'a str, tokens: Vec<Token>) -> Self {
        Self {
            text,
            number,
            tokens,
            at: 0,
            reach: Cell::new(0),
            nesting: 0,
            in_check: false,
            problems: Vec::new(),
            untold: 0,
            doubtful: Vec::new(),
            blind: false,
        }
    }

    /// The items up to the next one that is first on its line.
    fn piece(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.at_end() && (self.at == 0 || !self.first_on_line()) {
            self.next_item(&mut items);
        }
        items
    }

    /// Reads an item, or skips what should be one.
    pub(super) fn next_item(&mut self, items: &mut Vec<Item>) {
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
}

fn at(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

/// The start of the line that a byte is on.
fn line_start(text: &str, byte: usize) -> usize {
    let before = text.get(..byte).unwrap_or("");
    before.rfind('\n').map_or(0, |line| line.saturating_add(1))
}

/// One past the end of the line that a byte is on; without end where the line is the last.
fn line_end(text: &str, byte: usize) -> usize {
    let behind = text.get(byte..).unwrap_or("");
    behind.find('\n').map_or(usize::MAX, |line| byte.saturating_add(line).saturating_add(1))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests {
    use super::*;

    /// The pieces of a text are as long as it is, and say what a reading of the whole says, at the same places.
    fn check(text: &str) {
        let mut number = 0;
        let found = pieces(
            text,
            &mut |_| {
                number += 1;
                number
            },
            &mut |_| true,
        );
        let (whole, problems, _) = super::super::parse(0, text);
        assert_eq!(found.iter().map(|piece| piece.length).sum::<usize>(), text.len(), "{text}");
        let mut start = 0u32;
        let mut told = Vec::new();
        for piece in &found {
            for problem in &piece.problems {
                let mut problem = problem.clone();
                problem.span = moved(problem.span, start);
                problem.secondary.iter_mut().for_each(|(span, _)| *span = moved(*span, start));
                for edit in problem.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
                    edit.start += start;
                    edit.end += start;
                }
                told.push(problem);
            }
            start += at(piece.length);
        }
        assert_eq!(told, problems, "{text}");
        let items: usize = found.iter().map(|piece| piece.tree.items.len()).sum();
        assert_eq!(items, whole.items.len(), "{text}");
        let comments: usize = found.iter().map(|piece| piece.tree.comments.len()).sum();
        assert_eq!(comments, whole.comments.len(), "{text}");
    }

    fn moved(span: Span, by: u32) -> Span {
        Span { file: 0, start: span.start + by, end: span.end + by }
    }

    /// Whole and broken texts are cut into pieces that say what the whole says.
    #[test]
    fn as_a_whole() {
        for text in [
            "",
            "\n\n",
            "# only a comment",
            "edition 2026\nevaluate every 15s\n\nsignal p95 { is duration from push }\n",
            "signal a { is duration from push } signal b { is ratio from push }\nrollback when a > 1s\n and b > 5%\n",
            "trigger x {\n  rollback when a >\n\ntrigger y { rollback when a > 1s }\n",
            "trigger x {\n  rollback when a > 1s\n# no end\nplan p { stage 5% for 1m }",
            "trigger x\n{\n hold when a > \"open\n}\n}\n}\nsignal b {\n",
            "tigger x { rollback when a > 1s }\nfoo bar { is x }\nsignal \"a b\" { is count }\n",
            "rollback when\nrollback when a > 1s given b > 2 clear when\n\ntest \"x\" { given a 1s }",
        ] {
            check(text);
        }
    }

    proptest::proptest! {
        /// Words in any order are read alike in pieces and as a whole.
        #[test]
        fn as_a_whole_in_any_order(words in proptest::collection::vec(word(), 0..60)) {
            check(&words.concat());
        }
    }

    fn word() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let words = "signal |trigger |plan |test |a |b |p95|\"t\" |\"open|{ |} |{\n|}\n|\n|\n|is |duration |from |push |expect |\
            rollback |when |hold |> |1s |5% |for |5m |given |unless |stage |edition |2026\n|evaluate |every |use |# c\n|and |not |\
            ( |) |in |metrics |tigger |, |// |unknown |at |é|\r\n|proceed |clear |trigger x {\n|\
            plan p {\n|stage 5% for 1m |needs |approval |gate |pause |warmup |warm |up |watch |bake |2m |the ";
        proptest::sample::select(words.split('|').collect::<Vec<_>>()).prop_map(str::to_owned)
    }
}
