//! What a newcomer types, by the hundred: each mistake is told once, with what was meant.
//!
//! A file of `tests/cases/mistakes` has one mistake a line (`¶` begins a new line of rules), which is set into rules
//! that are right but for it. A case that must tell more than one thing begins with its number: `2: …`.

use std::fmt::Write as _;

/// What stands before every case.
const SIGNALS: &str = "edition 2026
signal p95 { is duration  from push }
signal errors { is ratio  from push }
signal requests { is counter  from push }
signal rss { is bytes  from push }
signal fee { is money  from push in USDT }
signal score { is number  from push }
signal conns { is count  from push }
signal drops { is rate  from push }
";

/// The rules that a case of a file stands in.
fn set_in(stem: &str, case: &str) -> String {
    let case = case.replace(" ¶ ", "\n").replace(" ¶", "\n");
    let own = match stem {
        "condition" => format!("trigger t {{ hold when {case}\n}}"),
        "length" => format!("trigger t {{ hold when p95 > 400ms {case} }}"),
        "trigger" => format!("trigger t {{ {case}\n}}"),
        "signal" => format!("signal s {{ {case}\n}}"),
        "plan" => format!("plan p {{ {case}\n}}"),
        "test" => {
            let end = if case.contains("expect") { "" } else { "expect api_latency ok at 9m " };
            let trigger = "trigger api_latency { rollback when p95 > 400ms for 5m }";
            format!("{trigger}\ntest \"t\" {{ {case}\n{end}}}")
        }
        _ => case,
    };
    let signals =
        if own.starts_with("edition") { SIGNALS.trim_start_matches("edition 2026\n") } else { SIGNALS };
    match own.starts_with("edition") {
        true => format!("{own}\n{signals}"),
        false => format!("{signals}{own}\n"),
    }
}

/// Text of another tool is told as that, and asked for nothing that rules would need.
#[test]
fn other_tools_are_told_once() {
    for text in [
        "groups:\n- name: x\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 5m\n    keep_firing_for: 5m\n",
        "{ \"trigger\": \"x\" }\n",
    ] {
        let (told, _) = crate::cases::told("m.rules", text.as_bytes());
        assert_eq!(told.iter().map(|told| told.code.id).collect::<Vec<_>>(), ["E0128"], "{text}");
    }
    let mixed = "signal p95 { is duration  from push }\n- alert: A\n  expr: up == 0\n";
    let (told, _) = crate::cases::told("m.rules", mixed.as_bytes());
    assert_eq!(told.iter().map(|told| told.code.id).collect::<Vec<_>>(), ["W0301", "E0128"]);
}

/// A fix that leaves its mistake as it is, is not done: else it would be done over and over.
#[test]
fn no_fix_is_done_in_vain() {
    let text = "edition 2026
signal p95 { is duration  from push }
trigger t { hold when p95 => 400ms }
test holds at once\" {
  given p95 500ms
  expect t hold at 0s
}
";
    let mut none = |path: &str| Err(format!("{path} is not there"));
    let mended = spark_rules::mend("m.rules", text.as_bytes(), &mut none, false, None).remove(0);
    assert_eq!((mended.text, mended.fixed), (text.replace("=>", ">="), vec!["E0105"]));
}

/// Each mistake is told with the place, in the author's words, once (or as often as the case says).
#[test]
fn mistakes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mistakes");
    let mut wrong = Vec::new();
    let mut count = 0;
    for stem in ["condition", "length", "trigger", "signal", "plan", "test", "file"] {
        let cases = std::fs::read_to_string(folder.join(format!("{stem}.txt"))).unwrap();
        let mut told = String::new();
        for line in cases.lines() {
            let (wanted, case) = match line.split_once(": ") {
                Some((number, case)) if number.parse::<usize>().is_ok() => (number.parse().unwrap(), case),
                _ => (1, line),
            };
            let (diagnostics, files) = crate::cases::told("m.rules", set_in(stem, case).as_bytes());
            if diagnostics.len() != wanted {
                let messages: Vec<&str> = diagnostics.iter().map(|d| d.message.as_str()).collect();
                wrong.push(format!("{stem}: `{case}` tells {} things: {messages:?}", diagnostics.len()));
            }
            writeln!(told, "════ {line}").unwrap();
            for diagnostic in &diagnostics {
                told.push_str(&files.render(diagnostic));
            }
            count += 1;
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(stem, told));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 150, "{count}");
}

/// A sure fix mends: after `check --fix` nothing is left that a sure fix is offered for, and there are fewer mistakes.
#[test]
fn sure_fixes_mend_mistakes() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mistakes");
    let mut none = |path: &str| Err(format!("{path} is not there"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for stem in ["condition", "length", "trigger", "signal", "plan", "test", "file"] {
        let cases = std::fs::read_to_string(folder.join(format!("{stem}.txt"))).unwrap();
        for line in cases.lines() {
            let case = line.strip_prefix("2: ").unwrap_or(line);
            let text = set_in(stem, case);
            let (before, _) = crate::cases::told("m.rules", text.as_bytes());
            let sure = |told: &&spark_rules::Diagnostic| {
                told.fix.as_ref().is_some_and(|fix| fix.applicability == spark_rules::Applicability::Machine)
            };
            if !before.iter().any(|told| sure(&told)) {
                continue;
            }
            let mended = spark_rules::mend("m.rules", text.as_bytes(), &mut none, false, None);
            let Some(mended) = mended.first() else {
                wrong.push(format!("{stem}: `{line}` is not mended"));
                continue;
            };
            let (after, files) = crate::cases::told("m.rules", mended.text.as_bytes());
            if after.iter().any(|told| sure(&told))
                || after.iter().any(|told| told.is_error()) && before.iter().all(|told| sure(&told))
            {
                let left: String = after.iter().map(|told| files.render(told)).collect();
                wrong.push(format!("{stem}: `{line}` becomes\n{left}"));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 120, "{count}");
}
