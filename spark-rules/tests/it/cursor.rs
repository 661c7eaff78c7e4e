//! A cursor in rules, for what an editor asks at it.

use spark_rules::session::Session;

/// A session with the rules, and behind them `more`, whose cursor is given as a byte.
pub(crate) fn at(rules: &str, more: &str) -> (Session, usize) {
    let text = format!("{rules}{more}");
    let byte = text.find("$0").unwrap();
    let mut session = Session::new();
    session.open("a.rules", &text.replace("$0", ""));
    (session, byte)
}

/// The byte behind a piece of the rules.
pub(crate) fn behind(rules: &str, piece: &str) -> usize {
    rules.find(piece).unwrap() + piece.len()
}

/// What is offered at a cursor has all of `wanted` and nothing of `unwanted`.
pub(crate) fn offers(rules: &str, more: &str, wanted: &[&str], unwanted: &[&str]) {
    let (session, byte) = at(rules, more);
    let found = session.completions("a.rules", byte);
    let labels: Vec<&str> = found.items.iter().map(|item| item.label.as_str()).collect();
    for label in wanted {
        assert!(labels.contains(label), "`{label}` is not offered at `{more}`: {labels:?}");
    }
    for label in unwanted {
        assert!(!labels.contains(label), "`{label}` is offered at `{more}`: {labels:?}");
    }
}
