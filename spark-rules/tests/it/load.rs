//! The shape of what `load` gives: included files, names of one-line triggers, JSON.

use std::collections::BTreeMap;

use spark_rules::{Failed, Loaded, diagnostics_json, load, load_bytes};

fn load_files(files: &[(&str, &str)]) -> (Result<Loaded, Failed>, Vec<String>) {
    let map: BTreeMap<&str, &str> = files.iter().copied().collect();
    let mut asked = Vec::new();
    let mut read = |path: &str| {
        asked.push(path.to_owned());
        map.get(path).map(|text| (*text).to_owned()).ok_or_else(|| "there is no such file".to_owned())
    };
    let (root, text) = files[0];
    let result = load(root, text, &mut read);
    (result, asked)
}

fn messages(result: Result<Loaded, Failed>) -> Vec<String> {
    let (diagnostics, files) = match result {
        Ok(loaded) => (loaded.warnings, loaded.files),
        Err(failed) => (failed.diagnostics, failed.files),
    };
    diagnostics
        .iter()
        .map(|d| {
            format!(
                "{} {} {}: {}",
                d.code.id,
                files.name(d.span.file),
                files.position(d.span).line,
                d.message
            )
        })
        .collect()
}

fn no_file(path: &str) -> Result<String, String> {
    Err(format!("{path} is not there"))
}

const SIGNAL: &str = "edition 2026\nsignal p95 { is duration from push }\n";

/// An included file is read once, by its path from the root's folder, wherever it is included from; its one-line
/// triggers carry its name.
#[test]
fn included_files() {
    let (result, asked) = load_files(&[
        (
            "rules/root.rules",
            "edition 2026\nuse \"sub/a.rules\"\nuse \"./base.rules\"\nrollback when p95 > 1s",
        ),
        ("sub/a.rules", "edition 2026\nuse \"../base.rules\"\nrollback when p95 > 2s"),
        ("base.rules", SIGNAL),
    ]);
    let loaded = result.unwrap();
    assert_eq!(asked, ["sub/a.rules", "base.rules"]);
    let names: Vec<_> = loaded.policy.triggers().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["line_4", "a_line_3"]);
    let span = loaded.policy.triggers()[1].span;
    assert_eq!(loaded.files.name(span.file), "rules/sub/a.rules");
    assert_eq!(loaded.files.text(span), "rollback when p95 > 2s");
    assert_eq!(loaded.files.position(span).line, 3);
}

/// Files that include each other, files outside of the root's folder and files that are not there are told.
#[test]
fn refused_files() {
    for (files, expected) in [
        (
            vec![("r.rules", "edition 2026\nuse \"a.rules\""), ("a.rules", "edition 2026\nuse \"r.rules\"")],
            "E0115 a.rules 2: files include each other in a circle: `r.rules` → `a.rules` → `r.rules`",
        ),
        (
            vec![("r.rules", "edition 2026\nuse \"r.rules\"")],
            "E0115 r.rules 2: files include each other in a circle: `r.rules` → `r.rules`",
        ),
        (
            vec![("x/r.rules", "edition 2026\nuse \"../a.rules\"")],
            "E0116 x/r.rules 2: `../a.rules` leads out of the rules' folder",
        ),
        (
            vec![("r.rules", "edition 2026\nuse \"/etc/a.rules\"")],
            "E0116 r.rules 2: `/etc/a.rules` is an absolute path",
        ),
        (
            vec![("r.rules", "edition 2026\nuse \"https://a.example/a.rules\"")],
            "E0116 r.rules 2: `https://a.example/a.rules` is not a file: nothing is fetched over the network",
        ),
        (
            vec![("r.rules", "edition 2026\nuse \"b.rules\"")],
            "E0114 r.rules 2: `b.rules` cannot be read: there is no such file",
        ),
    ] {
        assert_eq!(messages(load_files(&files).0), [expected], "{files:?}");
    }
}

/// Mistakes of all files are told in one run, by file and place.
#[test]
fn mistakes_of_all_files() {
    let (result, _) = load_files(&[
        ("r.rules", "edition 2026\nuse \"a.rules\"\nrollback when p96 > 1s\nrollback when p95 > 1%"),
        ("a.rules", "edition 2026\nsignal p95 { is duration from push }\ntrigger p95 { hold when p95 > 1s }"),
    ]);
    assert_eq!(
        messages(result),
        [
            "E0201 r.rules 3: no signal is called `p96`",
            "E0203 r.rules 4: `p95` is a duration, `1%` is a ratio",
            "E0202 a.rules 3: a signal and a trigger are both called `p95`",
        ]
    );
}

/// Text that is not UTF-8 is refused with the line and the column, in characters, of its first wrong byte.
#[test]
fn not_utf8() {
    let wrong = b"edition 2026\n# \xc3\xa9 \xff x\n";
    let mut nothing = |_: &str| Err("there is no other file".to_owned());
    let failed = load_bytes("b.rules", wrong, &mut nothing).unwrap_err();
    let at = failed.files.position(failed.diagnostics[0].span);
    assert_eq!((at.line, at.column, failed.diagnostics[0].code.id), (2, 5, "E0110"));
    let mut included = |_: &str| Ok(wrong.to_vec());
    let root = b"edition 2026\nuse \"b.rules\"\ntrigger t { hold when elsewhere > 5 }\n";
    let failed = load_bytes("rules/r.rules", root, &mut included).unwrap_err();
    let (told, files) = (&failed.diagnostics[0], &failed.files);
    let at = files.position(told.span);
    assert_eq!((files.name(told.span.file), at.line, at.column), ("rules/b.rules", 2, 5));
    assert_eq!((told.code.id, failed.errors(), failed.diagnostics.len()), ("E0110", 1, 1));
}

/// The JSON of diagnostics has the contract's keys; columns count characters, from 1.
#[test]
fn json() {
    let text = "edition 2026\nsignal p95 \"Länge\" { is duration from push expect <= 0.05% }";
    let failed = load("r.rules", text, &mut no_file).unwrap_err();
    let json = diagnostics_json([(&failed.files, failed.diagnostics.as_slice())]);
    insta::assert_snapshot!(json);
}

/// Bare rates take what they are of from their source, else from the first comparison, else they are how many.
#[test]
fn open_rates() {
    let text = "edition 2026
        signal a { is rate from push in MiB/min }
        signal b { is rate from push }
        signal c { is rate from push }
        trigger t { hold when b > 3 MiB/s or avg(b over 5m) > 1MiB/min or c > 2x baseline or a > 1MiB/s }";
    let text = text.replace("3 MiB/s", "3MiB/s");
    let loaded = load("r.rules", &text, &mut no_file).unwrap();
    let shown: Vec<String> = loaded
        .policy
        .signals()
        .iter()
        .map(|s| format!("{:?} {}", s.unit.dimension, s.unit.per_time))
        .collect();
    assert_eq!(shown, ["Bytes true", "Bytes true", "Count true"]);
}

/// `x` and percentages of references are what the contract says: `+ 10%` is × 1.1, for ratios too.
#[test]
fn references() {
    let text = "edition 2026
        signal e { is ratio from push }
        trigger t { hold when e > 3x baseline + 10% or e > previous stage - 5% or e > baseline + e }";
    let loaded = load("r.rules", text, &mut no_file).unwrap();
    let condition = &loaded.policy.triggers()[0].levels[0].condition;
    insta::assert_snapshot!(serde_json::to_string_pretty(condition).unwrap());
}

/// A plan's approvals, warm-up and watch are those of its text, in whatever order they stand; a plan that says nothing of them
/// has none.
#[test]
fn plans() {
    let text = "edition 2026
        plan plain { stage 5% for 1m stage 100% for 2m }
        plan asked { watch 24h stage 5% for 1m stage 25% for 1m needs approval # by hand
          warmup 1m30s stage 100% for 2m needs  approval }";
    let loaded = load("r.rules", text, &mut no_file).unwrap();
    let plan = |name: &str| {
        let plan = loaded.policy.plan(name).unwrap();
        let stages: Vec<(u16, bool)> =
            plan.stages.iter().map(|stage| (stage.share_bp, stage.approval)).collect();
        (stages, plan.warmup.to_string(), plan.watch.to_string())
    };
    let none = || "0s".to_owned();
    assert_eq!(plan("plain"), (vec![(500, false), (10_000, false)], none(), none()));
    let stages = vec![(500, false), (2_500, true), (10_000, true)];
    assert_eq!(plan("asked"), (stages, "1m30s".to_owned(), "1d".to_owned()));
}

/// What is refused of an approval never lets a stage lose it unseen: the rules do not load.
#[test]
fn approvals_are_not_lost() {
    for words in [
        "requires approval",
        "approval",
        "manual",
        "gate",
        "\n needs approval",
        "\n approval",
        "then needs approval",
        "needs approval by ops",
        "needs two approvals",
        "Needs Approval",
        "needs aproval",
        "without approval",
    ] {
        let text = format!("edition 2026\nplan p {{ stage 5% for 1m {words}\n stage 25% for 1m }}");
        assert!(load("r.rules", &text, &mut no_file).is_err(), "{words}");
    }
}
