//! A session that was edited knows what a fresh one knows, and what the batch check tells.

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;

const START: &str = "edition 2026\nevaluate every 15s\n\n\
    signal p95 \"latency\" {\n  is duration\n  from push\n  stale after 45s\n  expect <= 200ms\n}\n\n\
    signal errors { is ratio from push }\nsignal ws { is rate from push }\n\n\
    # a comment\ntrigger slow \"slow\" {\n  hold when p95 > 300ms for 3m\n  rollback when p95 > 400ms for 5m\n  clear when p95 < 280ms for 2m\n}\n\n\
    rollback when errors > 3% for 5m\nhold when ws > 50/min unless slow\n\n\
    plan canary {\n  stage 5% for 15m\n  stage 100% for 15m\n  proceed when every signal meets its expectation for 5m\n}\n\n\
    test \"t\" {\n  given p95 200ms for 10m, then 450ms for 10m\n  at stage 5%\n  expect slow rollback from 15m\n}\n";

/// What is written and what is taken away, as hands do it.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let words = "|}|{|\n|\"|trigger x {|signal p95 {|p95|errors|slow| > 5%|400|ms|s|#|rollback when errors > 1%\n|\
        \nhold when p95 > 1s\n|is ratio|5%|stage 25% for 1m\n|use \"b.rules\"\n|é😀|\r\n|line_25|unless |evaluate every 1m\n|doubt";
    let word = proptest::sample::select(words.split('|').collect::<Vec<_>>()).prop_map(str::to_owned);
    let length = prop_oneof![4 => Just(0usize), 4 => 1usize..4, 2 => 1usize..30, 1 => 1usize..400];
    proptest::collection::vec((0usize..900, length, word), 1..12)
}

/// What is told, without what only its reader sees.
fn told(session: &Session, path: &str) -> Vec<(String, Range<usize>, String, Option<String>)> {
    let found = session.diagnostics(path).into_iter();
    found.map(|f| (f.code.id.to_owned(), f.range, f.message, f.help)).collect()
}

fn settle(session: &mut Session, path: &str) {
    let settled = session.snapshot(path).check(None, &AtomicBool::new(false)).unwrap();
    assert!(session.settle(settled), "nothing was changed since");
}

/// A session that was edited so, and one that was opened with what came out.
fn edited(edits: &[(usize, usize, String)]) -> (Session, Session) {
    let mut session = Session::new();
    session.open("a.rules", START);
    session.provide("b.rules", "signal other { is ratio from push }\n");
    for (at, length, word) in edits {
        assert!(session.edit("a.rules", *at..at + length, word));
    }
    let mut fresh = Session::new();
    fresh.provide("b.rules", "signal other { is ratio from push }\n");
    fresh.open("a.rules", session.text("a.rules").unwrap());
    (session, fresh)
}

proptest! {
    /// After any edits, the session knows what a fresh one knows of the same text: its parts, their places, its findings
    /// before and after the whole is checked.
    #[test]
    fn as_fresh(edits in edits()) {
        let (mut session, mut fresh) = edited(&edits);
        prop_assert_eq!(session.parts("a.rules"), fresh.parts("a.rules"));
        let text = session.text("a.rules").unwrap().to_owned();
        prop_assert_eq!(told(&session, "a.rules"), told(&fresh, "a.rules"), "{}", text);
        prop_assert_eq!(session.policy_files("a.rules"), fresh.policy_files("a.rules"));
        for byte in 0..=text.len() {
            let at = session.position("a.rules", byte, Encoding::Utf16);
            prop_assert_eq!(at, fresh.position("a.rules", byte, Encoding::Utf16));
            prop_assert_eq!(at, lines::position(&text, byte, Encoding::Utf16));
        }
        settle(&mut session, "a.rules");
        settle(&mut fresh, "a.rules");
        prop_assert_eq!(told(&session, "a.rules"), told(&fresh, "a.rules"));
    }

    /// What is told at once is true: the check of the whole tells it too. And then it tells what the batch check tells.
    #[test]
    fn as_checked(edits in edits()) {
        let (mut session, _) = edited(&edits);
        let quick = told(&session, "a.rules");
        settle(&mut session, "a.rules");
        let whole = told(&session, "a.rules");
        for (code, range, message, _) in &quick {
            let known = whole.iter().any(|(other, place, ..)| other == code && place == range);
            prop_assert!(known, "{} {:?} {}\n{:?}\n{}", code, range, message, whole, session.text("a.rules").unwrap());
        }
        let text = session.text("a.rules").unwrap();
        let mut read = |name: &str| session.text(name).map(str::to_owned).ok_or_else(|| "there is no such file".to_owned());
        let batch = match crate::load("a.rules", text, &mut read) {
            Ok(loaded) => loaded.warnings.into_iter().chain(loaded.advice).collect(),
            Err(failed) => failed.diagnostics,
        };
        let place = |d: &crate::Diagnostic| (d.span.start as usize, d.span.end as usize, d.code.id.to_owned(), d.message.clone());
        let mut batch: Vec<_> = batch.iter().filter(|d| d.span.file == 0).map(place).collect();
        let mut whole: Vec<_> = whole.into_iter().map(|(code, range, message, _)| (range.start, range.end, code, message)).collect();
        batch.sort();
        whole.sort();
        prop_assert_eq!(whole, batch, "{}", text);
    }
}

/// A keystroke reads the block that it is in, and no other; one in the line that opens a block, that before it too.
#[test]
fn one_block_is_read() {
    let mut session = Session::new();
    session.open("a.rules", START);
    for (place, most) in
        [("300ms", 1), ("is duration", 1), ("stage 5%", 1), ("trigger slow", 2), ("given p95", 1)]
    {
        let at = START.find(place).unwrap();
        let before = session.parts_read();
        session.edit("a.rules", at + 1..at + 1, "x");
        assert!(session.parts_read() - before <= most, "{place}: {} parts", session.parts_read() - before);
        session.edit("a.rules", at + 1..at + 2, "");
    }
    assert_eq!(told(&session, "a.rules"), []);
}

/// A mistake is told at the keystroke that makes it, where it is, and is gone with the one that mends it.
#[test]
fn told_at_once() {
    let mut session = Session::new();
    session.open("a.rules", START);
    let at = START.find("400ms").unwrap();
    session.edit("a.rules", at..at + 5, "5%");
    let found = session.diagnostics("a.rules");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code.id, found[0].range.clone()), ("E0203", at..at + 2));
    // it moves with its block
    session.edit("a.rules", 13..13, "# a line more\n");
    assert_eq!(session.diagnostics("a.rules")[0].range, at + 14..at + 16);
    session.edit("a.rules", at + 14..at + 16, "400ms");
    assert_eq!(told(&session, "a.rules"), []);
}

/// What another file of the policy declares counts, and a file of parts is checked as a part.
#[test]
fn files_of_a_policy() {
    let mut session = Session::new();
    session.open(
        "d/main.rules",
        "edition 2026\nuse \"part.rules\"\nsignal a { is ratio from push }\nrollback when b > 1s\n",
    );
    assert_eq!(session.missing("d/main.rules"), ["d/part.rules"]);
    assert_eq!(told(&session, "d/main.rules"), [], "nothing is said of names while a file is not known");
    session.provide(
        "d/part.rules",
        "edition 2026\nsignal b { is duration from push }\ntrigger t { hold when a > 1s }\n",
    );
    assert_eq!(session.missing("d/main.rules"), [""; 0]);
    assert_eq!(session.root_of("d/part.rules"), "d/main.rules");
    let part = session.diagnostics("d/part.rules");
    assert_eq!(part.iter().map(|f| f.code.id).collect::<Vec<_>>(), ["E0203"], "`a` is known, and a ratio");
    session.edit("d/main.rules", 58..59, "x");
    session.remove("d/part.rules");
    assert_eq!(session.root_of("d/part.rules"), "d/part.rules");
}
