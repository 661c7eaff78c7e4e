//! `spark explain`: what it says, of what, and how it ends.

use std::fs;
use std::process::{Command, Output};

const RULES: &str = "edition 2026\nsignal p95 \"latency\" { is duration  from push }\ntrigger slow { rollback when p95 > 400ms for 5m }\nplan canary { stage 100% for 15m }\n";

fn explain(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spark"))
        .current_dir(folder)
        .arg("explain")
        .args(arguments)
        .output()
        .unwrap()
}

/// Rules, one part of them and codes are explained; what is not there is an error with what may be meant.
#[test]
fn answers() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r.rules"), RULES).unwrap();
    fs::write(folder.path().join("wrong.rules"), RULES.replace("400ms", "5%")).unwrap();
    // a file that is called like a code is a file
    fs::write(folder.path().join("E0204"), RULES).unwrap();
    for (arguments, code, words) in [
        (vec!["r.rules"], 0, "has been above 400ms for 5m of evidence"),
        (vec!["r.rules", "slow"], 0, "trigger slow (r.rules:3)"),
        (vec!["r.rules", "p95"], 0, "is a duration, handed in by push"),
        (vec!["r.rules", "canary"], 0, "sends 100% of the traffic"),
        (vec!["E0203"], 0, "E0203: units that do not agree"),
        (vec!["e0203"], 0, "E0203: units that do not agree"),
        (vec!["E0204"], 0, "has been above 400ms"),
        (vec!["r.rules", "slwo"], 2, "did you mean `slow`?"),
        (vec!["r.rules", "latency"], 2, "its triggers are `slow`"),
        (vec!["E0213"], 2, "no diagnostic has the code `E0213`: did you mean"),
        (vec!["E0203", "slow"], 2, "has no place behind it"),
        (vec!["none.rules"], 1, "cannot read `none.rules`"),
        (vec!["wrong.rules"], 12, "error[E0203]"),
    ] {
        let output = explain(folder.path(), &arguments);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {said}");
        assert!(said.contains(words), "{arguments:?} {said}");
    }
}

/// As data: every part with its place; of a code, its page.
#[test]
fn data() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r.rules"), RULES).unwrap();
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&explain(folder.path(), arguments).stdout).unwrap()
    };
    let all = json(&["r.rules", "--format", "json"]);
    let kinds: Vec<&str> =
        all["sentences"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["setting", "trigger", "plan", "signal"]);
    let signal = &all["sentences"][3];
    assert_eq!((signal["line"].as_u64(), signal["column"].as_u64()), (Some(2), Some(1)));
    assert_eq!(signal["title"], "latency");
    let page = json(&["E0203", "--format", "json"]);
    assert_eq!(page["severity"], "error");
    assert!(page["page"].as_str().unwrap().starts_with("# E0203"));
}
