//! Any edits of rules: an edited session knows what a fresh one knows, and every place in it is answered.
#![no_main]

use std::sync::atomic::AtomicBool;

use spark_rules::session::{Encoding, LinePosition, Session};

const RULES: &str = "edition 2026\nsignal p95 { is duration  from push  expect <= 200ms }\nsignal e { is ratio  from push }\n\
    trigger slow \"it is\" {\n  hold when p95 > 300ms for 3m\n  rollback when p95 > 400ms for 5m\n}\nrollback when e > 3% for 5m\n\
    check k \"P3\" {\n  in preflight  probe p\n  measure e is ratio  measure up is flag\n  pass when e < 90% and up\n  else no-go\n  within 5s\n  evidence \"k.json\"\n}\n\
    plan c {\n  stage 5% for 15m needs approval\n  warmup 2m\n  watch 24h\n}\ntest \"t\" {\n  given p95 450ms for 10m\n  expect slow rollback from 5m\n}\n\
    test \"k\" {\n  given k.e 95%\n  expect check k no-go\n}\n";

/// Edits: where, how much is taken away, how much of the rest of the bytes is put there.
fn edits(mut data: &[u8]) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    while let [high, low, gone, length, rest @ ..] = data {
        let place = usize::from(*high) << 8 | usize::from(*low);
        let (text, behind) = rest.split_at(usize::from(*length % 32).min(rest.len()));
        found.push((place % 1_024, usize::from(*gone % 64), String::from_utf8_lossy(text).into_owned()));
        data = behind;
    }
    found
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut session = Session::new();
    session.open("a.rules", RULES);
    for (place, gone, text) in edits(data) {
        assert!(session.edit("a.rules", place..place + gone, &text));
        let _ = session.completions("a.rules", place);
        let _ = session.hover("a.rules", place);
        let _ = session.rename("a.rules", place, "other");
    }
    let text = session.text("a.rules").unwrap_or("").to_owned();
    let mut fresh = Session::new();
    fresh.open("a.rules", &text);
    assert_eq!(session.diagnostics("a.rules"), fresh.diagnostics("a.rules"));
    assert_eq!(session.symbols("a.rules"), fresh.symbols("a.rules"));
    assert_eq!(session.folds("a.rules"), fresh.folds("a.rules"));
    assert_eq!(session.painted("a.rules", 0..text.len()), fresh.painted("a.rules", 0..text.len()));
    assert_eq!(session.hints("a.rules", 0..text.len()), fresh.hints("a.rules", 0..text.len()));
    let end = LinePosition { line: u32::MAX, character: 0 };
    assert_eq!(
        session.offset("a.rules", end, Encoding::Utf16),
        fresh.offset("a.rules", end, Encoding::Utf16)
    );
    if let Some(settled) = session.snapshot("a.rules").check(None, &AtomicBool::new(false)) {
        assert!(session.settle(settled));
    }
});
