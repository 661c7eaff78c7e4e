//! Properties of any text.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use spark_rules::Applicability;

use crate::cases::{case_files, mended, told};

/// Longest time for a small text: far above what is needed, far below what a reader would call hanging.
const BOUND: Duration = Duration::from_secs(5);

/// Right rules: the contract's example, or checks.
fn right(checks: bool) -> String {
    let name = if checks { "checks.rules" } else { "contract.rules" };
    let path = case_files("ok").into_iter().find(|path| path.ends_with(name)).unwrap();
    std::fs::read_to_string(path).unwrap()
}

/// Loads and renders; spans must lie in the text, in order.
fn check(text: &str) {
    let started = Instant::now();
    let (diagnostics, files) = told("p.rules", text.as_bytes());
    for diagnostic in &diagnostics {
        let span = diagnostic.span;
        assert!(span.start <= span.end && span.end as usize <= text.len(), "{diagnostic:?}");
        assert!(
            text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize),
            "{diagnostic:?}"
        );
        files.render(diagnostic);
        for edit in diagnostic.fix.iter().flat_map(|fix| &fix.edits) {
            assert!(text.get(edit.start as usize..edit.end as usize).is_some(), "{diagnostic:?}");
        }
    }
    spark_rules::diagnostics_json([(&files, diagnostics.as_slice())]);
    mended(text, &diagnostics, Applicability::Machine);
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
}

fn never_worse(text: &str) {
    let mut none = |path: &str| Err::<Vec<u8>, _>(format!("{path} is not there"));
    let mut errors = |text: &str| match spark_rules::load_bytes("p.rules", text.as_bytes(), &mut none) {
        Ok(_) => 0,
        Err(failed) => failed.errors(),
    };
    let before = errors(text);
    let mut none = |path: &str| Err(format!("{path} is not there"));
    let mended = spark_rules::mend("p.rules", text.as_bytes(), &mut none, false, None);
    let Some(mended) = mended.first() else { return };
    assert!(errors(&mended.text) <= before, "{text}\n=>\n{}", mended.text);
    assert!(!mended.fixed.is_empty());
    assert_eq!(mended.text.contains("\r\n"), text.contains("\r\n"), "{text:?}");
}

/// Words of the language in any order.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "signal",
        "trigger",
        "plan",
        "test",
        "edition",
        "2026",
        "use",
        "evaluate",
        "every",
        "is",
        "from",
        "metrics",
        "push",
        "expect",
        "stale",
        "after",
        "hold",
        "when",
        "rollback",
        "clear",
        "given",
        "unless",
        "unknown",
        "for",
        "5m",
        "then",
        "within",
        "and",
        "or",
        "not",
        "between",
        "(",
        ")",
        "{",
        "}",
        "p95",
        "a",
        ">",
        "<=",
        "==",
        "300ms",
        "5%",
        "+",
        "-",
        "*",
        "/",
        "x",
        "3x",
        "baseline",
        "previous",
        "stage",
        "plan p {",
        "needs",
        "approval",
        "warmup",
        "watch",
        "proceed",
        "over",
        "avg",
        ",",
        "\"text\"",
        "\"open",
        "#",
        "\n",
        "at",
        "by",
        "rate",
        "[",
        "]",
        "10 USDT",
        "in",
        "1/s",
        "\u{201c}",
        "é",
        "=>",
        "&&",
        "decision",
        "because",
        "once",
        "nothing",
        "NaN",
        "Inf",
        "rises",
        "error",
        "restart",
        "on",
        "correlation",
        "proceed",
        "if",
        "all",
        "signals",
        "twice",
        "five",
        "minutes",
        "per",
        "cent",
        "last",
        "above",
        "is",
        "greater",
        "than",
        "least",
        "alert:",
        "expr",
        ":",
        "=",
        "->",
        "$",
        "@",
        ";",
        ".",
        "1:",
        "a{b=\"c\"}[5m]",
        "until",
        "samples",
        "3",
        "TIMES",
        "check",
        "check c {",
        "probe",
        "measure",
        "flag",
        "pass",
        "else",
        "no-go",
        "preflight",
        "evidence",
        "\"a.json\"",
        "owner",
        "a.b",
        "true",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No text makes the loader panic or hang, and every place that it tells lies in the text.
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    /// The same for words of the language in any order.
    #[test]
    fn any_words(text in words()) {
        check(&text);
        check(&format!("signal p95 {{ is duration from push }} signal a {{ is ratio from push }} trigger t {{ hold when {text} }}"));
        check(&format!("check c {{ in blast probe p measure p95 is duration measure a is flag pass when {text} }}"));
        check(&format!("check c {{ {text} }}"));
    }

    /// The same for bytes that are hardly text.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (diagnostics, files) = told("p.rules", &bytes);
        diagnostics.iter().for_each(|diagnostic| { files.render(diagnostic); });
    }

    /// The same for right rules with a piece cut out, doubled, or replaced.
    #[test]
    fn any_mutation(checks in any::<bool>(), at in 0usize..3_000, length in 0usize..60, put in prop_oneof![Just(String::new()), words(), any::<String>()]) {
        let text = right(checks);
        let start = (at.min(text.len())..).find(|place| text.is_char_boundary(*place)).unwrap();
        let end = (start.saturating_add(length).min(text.len())..).find(|place| text.is_char_boundary(*place)).unwrap();
        check(&format!("{}{put}{}", &text[..start], &text[end..]));
    }

    /// Sure fixes never make it worse: afterwards there are no more mistakes than before, and nothing sure is left.
    #[test]
    fn mending_never_worsens(checks in any::<bool>(), at in 0usize..3_000, length in 0usize..60, put in words(), windows in any::<bool>()) {
        let text = right(checks);
        let start = (at.min(text.len())..).find(|place| text.is_char_boundary(*place)).unwrap();
        let end = (start.saturating_add(length).min(text.len())..).find(|place| text.is_char_boundary(*place)).unwrap();
        let text = format!("{}{put}{}", &text[..start], &text[end..]);
        never_worse(&if windows { text.replace('\n', "\r\n") } else { text });
        never_worse(&put);
    }
}

/// What stands between words may have several bytes: a length behind such a space is told where it stands.
#[test]
fn wide_spaces() {
    for space in ["\u{feff}", "\u{3000}", "\u{a0}", " "] {
        check(&format!(" rollback h= 000&00=0.00000 000{space}000h"));
        check(&format!("trigger t {{ hold when a > 1{space}5m }}"));
        check(&format!("trigger t {{ hold when (a > 1 for 5m){space}5m }}"));
        check(&format!("trigger t {{ hold when a > 1 for 5m{space}5m }}"));
    }
}
