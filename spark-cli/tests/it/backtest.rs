//! `spark replay` as a backtest: what is tried beside the rules, and the page.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cases::{copy_of, printed, run, text};

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn replay(dir: &Path, more: &str) -> String {
    printed(dir, &format!("spark replay release.rules --samples samples.csv --format jsonl {more}"), 0)
}

/// The lines of the contract are the same with other values beside the rules: theirs stand before the summary.
#[test]
fn what_if_adds_lines_alone() {
    let dir = copy_of("slow-canary");
    let plain = replay(dir.path(), "");
    let tried = replay(dir.path(), "--what-if api_latency.rollback.threshold=300ms,400ms,500ms");
    let own: Vec<&str> = tried.lines().filter(|line| !line.contains(r#""type":"variant""#)).collect();
    assert_eq!(own, plain.lines().collect::<Vec<_>>());
    assert_eq!(tried.lines().last(), plain.lines().last());
    let variants = objects(&tried).into_iter().filter(|line| line["type"] == "variant").collect::<Vec<_>>();
    assert_eq!(variants.len(), 3);
    let present: Vec<bool> = variants.iter().map(|variant| variant["present"].as_bool().unwrap()).collect();
    assert_eq!(present, [false, true, false]);
    assert_eq!(variants[1]["change"], Value::Null, "the present value changes no decision");
}

fn check_rows(sweep: &str, levels: &[&str], written: &str, value: impl Fn(&str) -> String) {
    let dir = copy_of("slow-canary");
    let rules = fs::read_to_string(dir.path().join("release.rules")).unwrap();
    assert_eq!(rules.matches(written).count(), 1, "{written}");
    let tried = replay(dir.path(), &format!("--what-if {sweep}"));
    let variants: Vec<Value> = objects(&tried).into_iter().filter(|line| line["type"] == "variant").collect();
    assert!(variants.len() > 2, "{tried}");
    for variant in variants {
        let of = variant["values"][0]["value"].as_str().unwrap();
        fs::write(dir.path().join("release.rules"), rules.replace(written, &value(of))).unwrap();
        let alone = objects(&replay(dir.path(), ""));
        let fired: Vec<&Value> = alone
            .iter()
            .filter(|line| {
                line["trigger"] == "api_latency" && levels.iter().any(|level| line["state"] == *level)
            })
            .collect();
        let target = &variant["targets"][0];
        assert_eq!(target["fires"].as_u64().unwrap(), fired.len() as u64, "{of}");
        assert_eq!(target["first"], fired.first().map_or(Value::Null, |line| line["at"].clone()), "{of}");
        assert_eq!(variant["decision"], alone.last().unwrap()["decision"], "{of}");
    }
}

/// Every row says what a replay of the edited rules says.
#[test]
fn rows_are_separate_replays() {
    let rollback = &["rollback"];
    check_rows(
        "api_latency.rollback.threshold=350ms,449ms,450ms,500ms",
        rollback,
        "p95 > 400ms for 5m",
        |value| format!("p95 > {value} for 5m"),
    );
    check_rows("api_latency.rollback.for=0s,1m,4m,6m,10m,11m", rollback, "p95 > 400ms for 5m", |value| {
        format!("p95 > 400ms for {value}")
    });
    // of a whole trigger, all its levels count
    let levels = &["hold", "rollback"];
    check_rows(
        "api_latency.given.threshold=1,500,1900,3000",
        levels,
        "increase(requests over 5m) >= 200",
        |value| format!("increase(requests over 5m) >= {value}"),
    );
}

fn check_wrong(sweep: &str, expected: &str) {
    let dir = copy_of("slow-canary");
    let line = format!("spark replay release.rules --samples samples.csv --what-if {sweep}");
    let output = run(dir.path(), &line);
    assert_eq!(output.status.code(), Some(2), "{sweep}: {}", text(&output.stderr));
    assert!(text(&output.stderr).contains(expected), "{sweep}: {}", text(&output.stderr));
    assert!(output.stdout.is_empty(), "{sweep}");
}

/// What is no sweep of these rules is told with what would be, before anything is read.
#[test]
fn wrong_sweeps() {
    check_wrong("nothing", "`nothing` tries no value");
    check_wrong("api_latncy.rollback.threshold=1s", "did you mean `api_latency`?");
    check_wrong(
        "api_latency.rollback.limit=1s",
        "of `api_latency` there are `api_latency.hold.threshold` (300ms)",
    );
    check_wrong("api_latency.rollback.threshold=5%", "`p95` is a duration, `5%` is a ratio");
    check_wrong("api_latency.rollback.threshold=400", "`p95` is a duration, `400` has no unit");
    check_wrong("api_latency.rollback.for=5%", "`5%` is no length of time");
    check_wrong("api_latency.rollback.threshold=300ms..600ms", "does not say its step");
    check_wrong("api_latency.rollback.threshold=", "a value is missing");
    for (range, expected) in [
        ("300ms..600ms step 0ms", "the step `0ms` leads nowhere"),
        ("600ms..300ms step 50ms", "`600ms..300ms` runs backwards"),
        ("300ms..600ms step 5%", "`5%` is a ratio"),
        ("1us..1000s step 1us", "this asks for 1000000000 variants, at most 256 are tried"),
    ] {
        let dir = copy_of("slow-canary");
        let sweep = format!("api_latency.rollback.threshold={range}");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_spark"))
            .args(["replay", "release.rules", "--samples", "samples.csv", "--what-if", &sweep])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{range}");
        assert!(text(&output.stderr).contains(expected), "{range}: {}", text(&output.stderr));
    }
}

/// Whatever names and titles hold, a page runs no script but its own, fetches nothing, and is the same bytes each time.
#[test]
fn page_is_inert() {
    let dir = copy_of("slow-canary");
    let attack = "</script><script>alert(1)</script><img onerror=alert(2)> & 'x'";
    let rules = fs::read_to_string(dir.path().join("release.rules")).unwrap();
    let rules = rules.replace("\"API latency, 95th percentile\"", &format!("\"{attack}\""));
    let rules = rules.replace("\"API latency\"", &format!("\"{attack}\""));
    fs::write(dir.path().join("<u>.rules"), format!("{rules}# {attack}\n")).unwrap();
    let line = "spark replay <u>.rules --samples samples.csv --format html";
    let page = printed(dir.path(), line, 0);
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    for wrong in ["<script>alert", "<img", "<u>", "onerror=alert(2)>", " style=\"", "@import", "url(http"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    assert_eq!(page.matches("<script").count(), 2, "the data and the page's own");
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    let fetched = [" src=", " href=", "//fonts", "fetch("];
    assert!(fetched.iter().all(|word| !page.contains(word)));
    assert_eq!(printed(dir.path(), line, 0), page, "the same bytes");
    printed(dir.path(), &format!("{line} --output page.html"), 0);
    assert_eq!(fs::read_to_string(dir.path().join("page.html")).unwrap(), page);
}

/// A page says which line is whose, shows a sample that stands alone, and names no more triggers than can be read.
#[test]
fn page_is_readable() {
    let dir = tempfile::tempdir().unwrap();
    let triggers: String =
        (0..40).map(|number| format!("trigger t{number} {{ rollback when p95 > {number}ms }}\n")).collect();
    let rules = format!(
        "edition 2026\nsignal p95 {{ is duration  from push  expect <= baseline + 10% }}\n{triggers}"
    );
    fs::write(dir.path().join("many.rules"), rules).unwrap();
    let samples = "time,signal,value,track\n0,p95,450ms,canary\n0,p95,440ms,baseline\n";
    fs::write(dir.path().join("one.csv"), samples).unwrap();
    let page = printed(dir.path(), "spark replay many.rules --samples one.csv --format html", 0);
    assert!(page.contains("because of t0, t1, t2, t3 and 36 more"));
    for track in ["canary", "baseline"] {
        assert!(page.contains(&format!("y2=\"4\"/></svg><span>{track}</span>")), "{track}");
        assert!(page.contains(&format!("<path class=\"dot of-{track}\" d=\"M")), "{track}");
    }
    assert!(page.contains("1 evaluation from") && page.contains(" 2 samples ("));
    assert!(!page.contains("450ms to 450ms"));
}

/// With `--from`, what files hold before it is history: states are known there at once.
#[test]
fn parts_of_files() {
    let dir = copy_of("slow-canary");
    let part = objects(&replay(dir.path(), "--from 2026-01-01T00:14:00Z --to 2026-01-01T00:16:00Z"));
    assert_eq!((&part[0]["state"], &part[0]["since"]), (&"hold".into(), &"2026-01-01T00:10:00Z".into()));
    let summary = part.last().unwrap();
    assert_eq!((&summary["evaluations"], &summary["decision"]), (&9.into(), &"rollback".into()));
    let outside = "spark replay release.rules --samples samples.csv --from 2027-01-01T00:00:00Z";
    assert_eq!(run(dir.path(), outside).status.code(), Some(1));
}

/// Evaluations that are further apart than samples are believed cannot add up to a `for`: that is told.
#[test]
fn too_seldom() {
    let dir = copy_of("slow-canary");
    let told = |every: &str| {
        let line = format!("spark replay release.rules --samples samples.csv --format jsonl --every {every}");
        text(&run(dir.path(), &line).stderr)
    };
    assert!(
        told("1m").contains("`--every 1m` is longer than samples are believed of `p95` (45s)"),
        "{}",
        told("1m")
    );
    assert!(!told("45s").contains("--every"), "{}", told("45s"));
}

/// Of very many events, people see the first and the last, and how many there are between.
#[test]
fn many_events() {
    let dir = copy_of("slow-canary");
    let mut samples = "time,signal,value\n".to_owned();
    for place in 0..400 {
        let value = if place % 2 == 0 { "100ms" } else { "900ms" };
        samples.push_str(&format!("{},p95,{value}\n", 1_767_225_600 + place * 15));
    }
    fs::write(dir.path().join("flapping.csv"), samples).unwrap();
    let rules =
        "edition 2026\nsignal p95 { is duration  from push }\ntrigger slow { hold when p95 > 400ms }\n";
    fs::write(dir.path().join("slow.rules"), rules).unwrap();
    let told = printed(dir.path(), "spark replay slow.rules --samples flapping.csv", 0);
    assert!(told.contains("\n… 720 more events: "), "{told}");
    assert_eq!(
        told.lines().filter(|line| line.contains("Z  ok   ") || line.contains("Z  hold ")).count(),
        40
    );
    let all = printed(dir.path(), "spark replay slow.rules --samples flapping.csv -v", 0);
    assert!(!all.contains("more events") && all.lines().count() > 800);
    assert!(told.contains("slow was at hold 200 times"), "{told}");
}
