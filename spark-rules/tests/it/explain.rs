//! Sentences say all that their rules do: what is read back from them is the same policy.

use std::path::{Path, PathBuf};

use serde_json::Value;
use spark_core::{Policy, PolicyParts};
use spark_rules::explain::{read, sentences};
use spark_rules::{Files, Loaded};

use crate::cases::case_files;

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
        .unwrap_or_else(|failed| panic!("{:#?}\n{text}", failed.diagnostics))
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
    assert_eq!(said(&again.policy), said(policy), "{text}");
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
    let shipped = ["rules/canary.rules", "rules/triggers.rules", "spark-cli/src/starter/release.rules"];
    let shipped = shipped.into_iter().map(|path| root().join(path));
    let mut count = 0;
    for path in shipped.chain(case_files("ok")).chain(case_files("explain")) {
        let loaded = loaded(&path);
        check_both(&loaded);
        count += loaded.policy.triggers().len() + loaded.policy.signals().len();
    }
    assert!(count > 40, "{count}");
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
