//! Every limit is met as an ordinary error.

use spark_rules::limits::{FILES_MAX, NESTING_MAX, TEXT_BYTES_MAX};

use crate::cases::told;

const HEAD: &str = "edition 2026\nsignal p95 { is duration from push }\nsignal n { is number from push }\n";

fn codes(text: &str) -> Vec<&'static str> {
    told("l.rules", text.as_bytes()).0.iter().map(|d| d.code.id).collect()
}

/// The mistakes alone: what is repeated only to be long is warned of.
fn mistakes(text: &str) -> Vec<&'static str> {
    let mut found = codes(text);
    found.retain(|code| code.starts_with('E'));
    found
}

fn nested(open: &str, close: &str, times: usize) -> String {
    format!("{HEAD}trigger t {{ hold when {}p95 > 1s{} }}", open.repeat(times), close.repeat(times))
}

/// Deep nesting is an ordinary error, however deep; what is allowed is read.
#[test]
fn nesting() {
    let most = usize::from(NESTING_MAX);
    assert_eq!(codes(&nested("(", ")", most)), [""; 0]);
    assert_eq!(codes(&nested("(", ")", most + 1)), ["E0109"]);
    assert_eq!(codes(&nested("(", ")", 10_000)), ["E0109"]);
    assert_eq!(codes(&nested("(", "", 100_000))[0], "E0109");
    assert_eq!(codes(&nested("not ", "", 10_000)), ["E0109"]);
    assert_eq!(codes(&nested("not (", ")", 10_000)), ["E0109"]);
    assert_eq!(codes(&nested("- ", "", 10_000)), ["E0109"]);
    assert_eq!(codes(&nested("{", "}", 10_000)).len(), 1);
    let metrics = format!(
        "edition 2026\nsignal a {{ is number from metrics {}x{} }}",
        "(".repeat(9_000),
        ")".repeat(9_000)
    );
    assert_eq!(codes(&metrics), ["E0109"]);
}

/// Long chains do not nest; those that would become tall trees are ordinary errors.
#[test]
fn chains() {
    let chain = |joint: &str, part: &str, times: usize| {
        format!("{HEAD}trigger t {{ hold when {} > 1s }}", vec![part; times].join(joint))
    };
    assert_eq!(mistakes(&chain(" > 1s and ", "p95", 10_000)), [""; 0]);
    assert_eq!(codes(&chain(" + ", "p95", 50)), [""; 0]);
    assert_eq!(codes(&chain(" + ", "p95", 10_000)), ["E0109"]);
    let metrics =
        format!("edition 2026\nsignal a {{ is number from metrics {} }}", vec!["x"; 10_000].join(" + "));
    assert_eq!(codes(&metrics), ["E0109"]);
}

/// The deepest that the parser lets through is taken by the core.
#[test]
fn the_core_takes_what_is_allowed() {
    let mut condition = "p95 > 1s".to_owned();
    for _ in 0..NESTING_MAX / 4 {
        condition = format!("(not ({condition} and p95 > 1s))");
    }
    assert_eq!(mistakes(&format!("{HEAD}trigger t {{ hold when {condition} }}")), [""; 0]);
    let sum = vec!["p95"; 90].join(" + ");
    assert_eq!(codes(&format!("{HEAD}trigger t {{ hold when {sum} > 1s and (p95 > 1s for 3m) }}")), [""; 0]);
}

/// Too much text, and too many files, are told at the place that asks for them.
#[test]
fn sizes() {
    let long = format!("{HEAD}#{}", " ".repeat(TEXT_BYTES_MAX));
    assert_eq!(codes(&long), ["E0111"]);
    let uses: String = (0..FILES_MAX).map(|n| format!("use \"f{n}.rules\"\n")).collect();
    let mut read = |_: &str| Ok("edition 2026\n".to_owned());
    let failed = spark_rules::load("r.rules", &format!("edition 2026\n{uses}"), &mut read).unwrap_err();
    assert_eq!(failed.diagnostics.iter().map(|d| d.code.id).collect::<Vec<_>>(), ["E0111"]);
    let name = "a".repeat(200);
    assert_eq!(codes(&format!("{HEAD}trigger {name} {{ hold when p95 > 1s }}")), ["E0120"]);
    assert_eq!(codes(&format!("{HEAD}trigger t {{ hold when p95 > 1{}s }}", "0".repeat(40))), ["E0106"]);
}

/// Ten thousand wrong names among ten thousand right ones do not cost their product.
#[test]
fn many_wrong_names() {
    use std::fmt::Write;
    let mut text = HEAD.to_owned();
    for n in 0..10_000 {
        writeln!(text, "trigger trigger_{n} {{ hold when p95 > 1s unless triger_{n} }}").unwrap();
    }
    let started = std::time::Instant::now();
    let (told, _) = told("l.rules", text.as_bytes());
    assert_eq!(told.len(), spark_rules::limits::DIAGNOSTICS_MAX + 1);
    let last = told.last().unwrap();
    assert_eq!((last.code.id, last.message.as_str()), ("E0117", "9000 more mistakes not shown"));
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

/// The deepest text that is allowed, and one that is not, fit the stack of a thread with room to spare: without
/// optimisation three quarters of it, with it a quarter.
#[test]
fn a_small_stack_is_enough() {
    let stack = if cfg!(debug_assertions) { 1_536 * 1024 } else { 512 * 1024 };
    let most = usize::from(NESTING_MAX);
    let work = move || {
        assert_eq!(codes(&nested("(", ")", most)), [""; 0]);
        assert_eq!(codes(&nested("not (", ")", most / 2)), [""; 0]);
        assert_eq!(codes(&nested("(", ")", 10_000)), ["E0109"]);
    };
    std::thread::Builder::new().stack_size(stack).spawn(work).unwrap().join().unwrap();
}

/// However many warnings there are, an error behind them is told and keeps the rules from running.
#[test]
fn warnings_do_not_hide_errors() {
    let mut text = HEAD.to_owned();
    text.push_str("signal share { is ratio from push }\n");
    text.push_str(&"hold when share > 150%\n".repeat(2 * spark_rules::limits::DIAGNOSTICS_MAX));
    let told = codes(&text);
    assert_eq!(told.last(), Some(&"W0310"));
    assert!(told.iter().rev().skip(1).all(|code| *code == "W0302"));
    text.push_str("trigger last { hold when share > 3s unless last2 }\n");
    let mut told = codes(&text);
    told.retain(|code| code.starts_with('E'));
    assert_eq!(told, ["E0203", "E0201"]);
}

/// Mistakes of reading beyond the limit are counted too.
#[test]
fn unread_mistakes_are_counted() {
    let text = format!("{HEAD}{}", "hold when p95 > 1 s\n".repeat(spark_rules::limits::DIAGNOSTICS_MAX + 2));
    let (told, _) = told("l.rules", text.as_bytes());
    assert_eq!(told.last().unwrap().message, "2 more mistakes not shown");
}
