//! What somebody meets who uses the program for the first time: misspelled names, missing data, units, files in the way.

use std::fs;
use std::path::Path;

use crate::cases::{printed, run, text};

fn write(dir: &Path, name: &str, content: &str) {
    fs::write(dir.join(name), content).unwrap();
}

/// A sample every 15 s from the start of 2026 on.
fn samples(names: &[&str], values: &[&str]) -> String {
    let mut csv = "time,signal,value,track\n".to_owned();
    for (place, value) in values.iter().enumerate() {
        for name in names {
            let (name, track) = name.split_once('@').unwrap_or((name, "canary"));
            csv.push_str(&format!("{},{name},{value},{track}\n", 1_767_225_600 + place * 15));
        }
    }
    csv
}

const LAG: &str = "edition 2026\nsignal lag { is duration  from push }\nsignal outbox { is duration  from push }\n\
                   trigger slow { rollback when lag > 30s for 1m or outbox > 1h }\n";

/// Names that the rules do not have, and signals without a sample, are told beside a result whose bytes stay.
#[test]
fn names_that_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "r.rules", LAG);
    write(dir.path(), "s.csv", &samples(&["lagg", "lag", "cpu"], &["40s"; 5]));
    for command in ["replay r.rules --samples s.csv --format jsonl", "decide r.rules --samples s.csv"] {
        let output = run(dir.path(), &format!("spark {command}"));
        assert_eq!(
            text(&output.stderr),
            "note: 5 samples of `lagg` are left out, the rules have no such signal: did you mean `lag`?\n\
             note: 5 samples of `cpu` are left out, the rules have no such signal\n\
             note: no sample for `outbox`: it is unknown\n"
        );
        let quiet = run(dir.path(), &format!("spark {command} --quiet"));
        assert_eq!((text(&quiet.stderr).as_str(), quiet.stdout), ("", output.stdout));
    }
    // of many, the first few; a hostile name stays on its line
    let names: Vec<String> = (0..9).map(|n| format!("other_{n}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.extend(["lag", "outbox"]);
    let many = samples(&names, &["1s"]) + "1767225615,\"la\u{1b}[2Jg\",1s,canary\n";
    write(dir.path(), "s.csv", &many);
    let output = run(dir.path(), "spark replay r.rules --samples s.csv");
    let told = text(&output.stderr);
    assert!(!told.contains('\u{1b}') && told.lines().count() == 6, "{told}");
    assert!(told.ends_with("of 5 more names that the rules do not have are left out\n"), "{told}");
}

/// A baseline that rules compare with and that has no sample is told of as well.
#[test]
fn no_baseline() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "r.rules",
        "edition 2026\nsignal lag { is duration  from push }\nhold when lag > 2x baseline for 1m\n",
    );
    write(dir.path(), "s.csv", &samples(&["lag"], &["1s"; 3]));
    let output = run(dir.path(), "spark replay r.rules --samples s.csv");
    assert_eq!(text(&output.stderr), "note: no sample for the baseline of `lag`: it is unknown\n");
}

/// A rollback that missing data caused says so: in its line, and in what fired, with how long it was missing.
#[test]
fn rollback_for_missing_data() {
    let dir = tempfile::tempdir().unwrap();
    let rules = LAG.replace("or outbox > 1h }", " unknown hold, then rollback after 2m }");
    write(dir.path(), "r.rules", &rules);
    let mut csv = samples(&["lag"], &["1s"; 3]);
    csv.push_str("1767226200,lag,1s,canary\n");
    write(dir.path(), "s.csv", &csv);
    let told = printed(dir.path(), "spark replay r.rules --samples s.csv", 0);
    assert!(told.contains(" decision rollback because slow (unknown for 2m)\n"), "{told}");
    let row = told.lines().find(|line| line.starts_with("slow") && line.contains("unknown for 2m")).unwrap();
    assert!(row.contains("rollback  2026-01-01T00:03:30Z  2026-01-01T00:10:00Z   6m30s"), "{row}");
    assert!(!told.contains("nothing would have fired"), "{told}");
    let page = printed(dir.path(), "spark replay r.rules --samples s.csv --format html", 0);
    assert!(page.contains("unknown for 2m"), "{page}");
    let lines = printed(dir.path(), "spark replay r.rules --samples s.csv --format jsonl", 0);
    assert!(lines.contains(r#""decision":"rollback","because":["slow"]}"#), "{lines}");
}

/// A `given` that is false and one that is not known are told apart, and the latter has a cause of its own.
#[test]
fn given_false_or_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "edition 2026\nsignal lag { is duration  from push }\nsignal asked { is count  from push }\n\
                 trigger slow { rollback when lag > 30s  given asked >= 10 }\n";
    write(dir.path(), "r.rules", rules);
    let mut csv = samples(&["lag"], &["1s"; 9]);
    csv.push_str("1767225600,asked,5,canary\n1767225615,asked,20,canary\n1767225630,asked,5,canary\n");
    write(dir.path(), "s.csv", &csv);
    let told = printed(dir.path(), "spark replay r.rules --samples s.csv", 0);
    assert!(told.contains("too little evidence: `given` is false\n"), "{told}");
    assert!(told.contains("too little evidence: `asked` is stale\n"), "{told}");
    let decided = printed(dir.path(), "spark decide r.rules --samples s.csv --format json", 10);
    assert!(decided.contains(r#""cause":"too little evidence: `asked` is stale: its newest"#), "{decided}");
    let lines = printed(dir.path(), "spark replay r.rules --samples s.csv --format jsonl", 0);
    assert!(lines.contains(r#""state":"unknown","since":"2026-01-01T00:00:30Z","value":null,"margin":null,"cause":"too little evidence"}"#), "{lines}");
}

/// Bytes are shown in the units that the rules write, short for people and exact for programs.
#[test]
fn bytes_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let values = ["524288000", "524288001", "1500000000"];
    write(dir.path(), "s.csv", &samples(&["rss", "rss@baseline"], &values));
    for (limit, seen, exact) in [
        ("1GB", ["at 524.288MB", "1.5GB", "524.288MB to 1.5GB"], r#""value":"1.5GB","margin":"-500MB""#),
        (
            "1GiB",
            ["at 500MiB", "1.397GiB", "500MiB to 1.397GiB"],
            r#""value":"1.5GB","margin":"-426.258176MB""#,
        ),
    ] {
        let rules = format!(
            "edition 2026\nsignal rss {{ is bytes  from push }}\ntrigger big {{ rollback when rss > {limit} }}\n\
             trigger odd {{ hold when rss > 5x baseline }}\n"
        );
        write(dir.path(), "r.rules", &rules);
        let told = printed(dir.path(), "spark replay r.rules --samples s.csv", 0);
        assert!(seen.iter().take(2).all(|words| told.contains(words)), "{limit}: {told}");
        let page = printed(dir.path(), "spark replay r.rules --samples s.csv --format html", 0);
        assert!(page.contains(seen[2]), "{limit}: {page}");
        let lines = printed(dir.path(), "spark replay r.rules --samples s.csv --format jsonl", 0);
        assert!(lines.contains(exact), "{limit}: {lines}");
        let wrong = run(dir.path(), "spark replay r.rules --samples s.csv --what-if odd.hold.nothing=1");
        assert!(text(&wrong.stderr).contains("`odd.hold.threshold` (5x)"), "{}", text(&wrong.stderr));
        let tried =
            run(dir.path(), "spark replay r.rules --samples s.csv --what-if odd.hold.threshold=1x,2x,5x");
        assert_eq!(tried.status.code(), Some(0), "{}", text(&tried.stderr));
    }
}

/// No export and no import writes over a file unless it is told to; then it does.
#[test]
fn files_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let rules =
        "edition 2026\nsignal lag { is duration  from metrics lag_seconds }\nhold when lag > 30s for 1m\n";
    write(dir.path(), "r.rules", rules);
    for (command, file) in [
        ("export prometheus r.rules --output out", "out"),
        ("export prometheus r.rules --tests --output a.yml", "a_test.yml"),
        ("export grafana r.rules --output board.json", "board.json"),
    ] {
        write(dir.path(), file, "mine");
        let refused = run(dir.path(), &format!("spark {command}"));
        let words = text(&refused.stderr);
        assert!(words.contains(&format!("`{file}` is there already: `--force` writes over it")), "{words}");
        assert_eq!(refused.status.code(), Some(1));
        assert_eq!(fs::read_to_string(dir.path().join(file)).unwrap(), "mine");
        assert!(!dir.path().join("a.yml").exists(), "nothing of a pair is written where one is in the way");
        printed(dir.path(), &format!("spark {command} --force"), 0);
        assert_ne!(fs::read_to_string(dir.path().join(file)).unwrap(), "mine");
        fs::remove_file(dir.path().join(file)).unwrap();
        let _ = fs::remove_file(dir.path().join("a.yml"));
        printed(dir.path(), &format!("spark {command}"), 0);
        let _ = fs::remove_file(dir.path().join("a.yml"));
    }
}

/// Where every rule is refused, it is not said that there was none.
#[test]
fn nothing_left_to_export() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "r.rules", LAG);
    let output = run(dir.path(), "spark export prometheus r.rules --plain --partial");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot be said") && !told.contains("no trigger and no expectation"), "{told}");
}

/// A file without a rule is told of, in every format, and is no mistake; beside others each such file is named.
#[test]
fn nothing_to_check() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "empty.rules", "");
    write(dir.path(), "comments.rules", "# later\nedition 2026\nevaluate every 15s\n");
    write(dir.path(), "r.rules", LAG);
    let note = |name: &str| {
        format!("note: there are no rules in `{name}`: no signal, trigger, plan, check or test\n")
    };
    for (line, said, told) in [
        ("empty.rules", "1 file checked: no rules\n", note("empty.rules")),
        ("comments.rules", "1 file checked: no rules\n", note("comments.rules")),
        ("comments.rules --format json", "{\"diagnostics\":[]}\n", note("comments.rules")),
        (
            "empty.rules comments.rules",
            "2 files checked: no rules\n",
            note("empty.rules") + &note("comments.rules"),
        ),
        ("empty.rules --quiet", "", String::new()),
    ] {
        let output = run(dir.path(), &format!("spark check {line}"));
        assert_eq!((text(&output.stdout), text(&output.stderr)), (said.to_owned(), told), "{line}");
        assert_eq!(output.status.code(), Some(0), "{line}");
    }
    let both = run(dir.path(), "spark check empty.rules r.rules");
    assert!(text(&both.stdout).starts_with("2 files checked: all is well\n"), "{}", text(&both.stdout));
    assert_eq!(text(&both.stderr), note("empty.rules"));
}

/// How a server is asked means nothing where samples come from files, and is refused rather than passed over.
#[test]
fn options_of_servers_beside_files() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "r.rules", LAG);
    write(dir.path(), "s.csv", &samples(&["lag", "outbox"], &["1s"]));
    for command in ["decide", "replay"] {
        for option in ["--token-file missing", "--ca-file missing", "--timeout 5s"] {
            let output = run(dir.path(), &format!("spark {command} r.rules --samples s.csv {option}"));
            let (name, _) = option.split_once(' ').unwrap();
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command} {option}: {told}");
            assert!(told.contains(name) && told.contains("--samples"), "{told}");
        }
        let output = run(dir.path(), &format!("spark {command} r.rules --samples s.csv"));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}
