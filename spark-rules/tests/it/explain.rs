//! Sentences say all that their rules do: what is read back from them is the same policy.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use spark_core::{Policy, PolicyParts};
use spark_rules::explain::{read, sentences};
use spark_rules::{Files, Loaded};

use crate::cases::case_files;
use crate::random::Dice;

/// Rules from a file, with those that it uses.
fn loaded(path: &Path) -> Loaded {
    let folder = path.parent().unwrap().to_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let mut include =
        |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    spark_rules::load(path.to_str().unwrap(), &text, &mut include).unwrap_or_else(|failed| panic!("{failed}"))
}

fn from_text(text: &str) -> Loaded {
    spark_rules::load("read.rules", text, &mut |_| Err("none".to_owned()))
        .unwrap_or_else(|failed| panic!("{failed}\n{text}"))
}

/// All that a policy says, its places in the text aside.
fn said(policy: &Policy) -> Value {
    fn without_spans(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("span");
                map.values_mut().for_each(without_spans);
            }
            Value::Array(items) => items.iter_mut().for_each(without_spans),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(PolicyParts::from(policy.clone())).unwrap();
    without_spans(&mut value);
    value
}

/// Where two values differ first, and how.
fn difference(now: &Value, before: &Value, place: String) -> Option<String> {
    match (now, before) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().find_map(|(key, a)| difference(a, b.get(key)?, format!("{place}/{key}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(at, (a, b))| difference(a, b, format!("{place}/{at}")))
        }
        _ => (now != before).then(|| format!("{place}: {now} is not {before}")),
    }
}

/// Says a policy, reads the sentences back as rules, and compares what those mean.
fn check(policy: &Policy, files: Option<&Files>) {
    let mut text = "edition 2026\n".to_owned();
    for sentence in sentences(policy, files) {
        let rule = read(&sentence.text).unwrap_or_else(|error| panic!("{error}: {}", sentence.text));
        assert!(sentence.text.ends_with('.') && !sentence.text.contains('\n'), "{}", sentence.text);
        text.push_str(&rule);
        text.push('\n');
    }
    let again = from_text(&text);
    let (now, before) = (said(&again.policy), said(policy));
    if let Some(place) = difference(&now, &before, String::new()) {
        panic!("{place}\n{text}");
    }
}

/// The whole policy, from its text and without it.
fn check_both(loaded: &Loaded) {
    check(&loaded.policy, Some(&loaded.files));
    check(&loaded.policy, None);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every sentence of the shipped pack, of the starter and of the cases gives its rule back.
#[test]
fn sentences_give_their_rules_back() {
    let shipped = [
        "rules/canary.rules",
        "rules/triggers.rules",
        "rules/checks.rules",
        "spark-cli/src/starter/release.rules",
    ];
    let shipped = shipped.into_iter().map(|path| root().join(path));
    let mut count = 0;
    for path in shipped.chain(case_files("ok")).chain(case_files("explain")) {
        let loaded = loaded(&path);
        check_both(&loaded);
        let policy = &loaded.policy;
        count += policy.triggers().len() + policy.signals().len() + policy.checks().len();
    }
    assert!(count > 70, "{count}");
}

/// What each form of the language reads like.
#[test]
fn forms() {
    let path = case_files("explain").into_iter().find(|path| path.ends_with("forms.rules")).unwrap();
    let loaded = loaded(&path);
    let lines: Vec<String> =
        sentences(&loaded.policy, Some(&loaded.files)).into_iter().map(|sentence| sentence.text).collect();
    insta::assert_snapshot!("explain_forms", lines.join("\n\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 500, ..ProptestConfig::default() })]

    /// The sentences of any rules give the rules back, from their text and from the policy alone.
    #[test]
    fn any_rules_come_back(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = Dice::new(&bytes).rules();
        check_both(&from_text(&text));
    }

    /// The reader refuses what is no sentence, and neither panics nor hangs.
    #[test]
    fn any_text_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..2_000, put in any::<String>()) {
        let loaded = from_text(&Dice::new(&bytes).rules());
        for sentence in sentences(&loaded.policy, Some(&loaded.files)) {
            let text = sentence.text;
            let at = (at % text.len()..).find(|place| text.is_char_boundary(*place)).unwrap();
            let broken = format!("{}{put}{}", &text[..at], &text[at..]);
            if let Err(error) = read(&broken) {
                assert!(broken.is_char_boundary(error.at), "{error:?}");
            }
            let _ = read(&text[at..]);
            // cut behind a decimal point, it ends as sentences do
            assert!(text[..at].ends_with('.') || read(&text[..at]).is_err(), "{}", &text[..at]);
        }
    }
}

/// Nesting is as deep as rules may be, and deeper text is refused before the stack is used up.
#[test]
fn nesting() {
    let deep = |depth: usize| format!("{}p95 > 1s{}", "not (".repeat(depth), ")".repeat(depth));
    let loaded = from_text(&format!(
        "edition 2026 signal p95 {{ is duration from push }} trigger a {{ hold when {} }}",
        deep(32)
    ));
    check_both(&loaded);
    let sentence = format!("`a` warns when {}", "(".repeat(1_000_000));
    assert!(read(&sentence).unwrap_err().expected.contains("128"), "{}", read(&sentence).unwrap_err());
    let sentence = format!("`a` warns when {}", "the negative of ".repeat(1_000_000));
    assert!(read(&sentence).is_err());
}
