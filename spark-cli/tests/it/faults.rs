//! Faults of the fault table that are shown with the real binary and belong nowhere else.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cases::{printed, run, text};
use crate::museum::rollout::Rollout;
use crate::museum::server::Server;

const RUN: &str = "spark run release.rules --release 1.0 --config spark.yaml";

/// A runner that was stopped for longer than its stage lasts has not served the stage: that time had no evidence.
#[test]
fn paused() {
    let dir = tempfile::tempdir().unwrap();
    let rules = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/museum-rollout/release.rules"),
    );
    fs::write(dir.path().join("release.rules"), rules.unwrap().replacen("600ms", "3s", 1)).unwrap();
    let mut rollout = Rollout::prepare(dir.path());
    rollout.begin(RUN);
    rollout.wait("share-5");
    rollout.signal("-STOP");
    std::thread::sleep(Duration::from_secs(5));
    rollout.signal("-CONT");
    std::thread::sleep(Duration::from_millis(700));
    assert!(!dir.path().join("share-100").exists(), "the stage was left without evidence");
    let output = rollout.end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    printed(dir.path(), "spark evidence replay evidence/1.0", 0);
}

/// A sample with a time to come is not seen before it: neither what is bad nor what is good about it counts now.
#[test]
fn from_the_future() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "edition 2026\nsignal p95 { is duration  from metrics latency_seconds  expect <= 200ms }\n\
                 trigger slow { rollback when p95 > 400ms }\n";
    fs::write(dir.path().join("r.rules"), rules).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    for (seconds, ahead, code) in [("0.45", 0, 11), ("0.45", 3_600_000, 10), ("0.12", 3_600_000, 10)] {
        let body = format!("# TYPE latency_seconds gauge\nlatency_seconds {seconds} {}\n", now + ahead);
        let service = Server::start(&format!("status 200 text/plain; version=0.0.4\n{body}"));
        let output = run(dir.path(), &format!("spark decide r.rules --scrape {}", service.url));
        assert_eq!(output.status.code(), Some(code), "{seconds} {ahead}: {}", text(&output.stdout));
    }
}

/// A leap second is a time like others, between the second before it and the next minute.
#[test]
fn leap_second() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "edition 2026\nevaluate every 1s\nsignal p95 { is duration  from push  stale after 5s }\n\
                 trigger slow { rollback when p95 > 400ms for 2s }\n";
    fs::write(dir.path().join("r.rules"), rules).unwrap();
    let times = ["23:59:58Z,p95,450ms", "23:59:59Z,p95,450ms", "23:59:60Z,p95,450ms"];
    let lines: Vec<String> = times.iter().map(|time| format!("2016-12-31T{time}")).collect();
    let samples = format!(
        "time,signal,value\n{}\n2017-01-01T00:00:00Z,p95,450ms\n2017-01-01T00:00:01Z,p95,450ms\n",
        lines.join("\n")
    );
    fs::write(dir.path().join("s.csv"), samples).unwrap();
    let output = run(dir.path(), "spark decide r.rules --samples s.csv");
    assert_eq!(output.status.code(), Some(11), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A pattern that takes other matchers until the end of time, on a label that is made for it, takes as long as any.
#[test]
fn patterns_take_linear_time() {
    let dir = tempfile::tempdir().unwrap();
    let rules = "edition 2026\nsignal load { is count  from metrics sum(load{path =~ \"(a+)+(a|aa)+(.*a){9}b\"})  expect <= 5 }\n";
    fs::write(dir.path().join("r.rules"), rules).unwrap();
    printed(dir.path(), "spark check r.rules", 0);
    let body = format!("# TYPE load gauge\nload{{path=\"{}!\"}} 1\n", "a".repeat(2_000));
    let service = Server::start(&format!("status 200 text/plain; version=0.0.4\n{body}"));
    let begun = Instant::now();
    let output = run(dir.path(), &format!("spark decide r.rules --scrape {}", service.url));
    assert_eq!(output.status.code(), Some(10), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
}

/// Spark under a limit of its shell.
fn limited(dir: &Path, limit: &str, words: &str) -> Output {
    Command::new("sh")
        .args(["-c", &format!("ulimit {limit}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_spark")])
        .args(words.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Without file descriptors nothing proceeds and nothing panics: what cannot be done is said, and holds or is an error.
#[test]
fn starved() {
    let dir = tempfile::tempdir().unwrap();
    let rollout = Rollout::prepare(dir.path());
    let config = fs::read_to_string(dir.path().join("spark.yaml")).unwrap();
    let url = config.split('"').nth(1).unwrap();
    let decide = format!("decide release.rules --scrape {url}");
    // the first three are the outputs; with enough of them it is what it is without a limit
    assert_eq!(limited(dir.path(), "-n 64", &decide).status.code(), Some(0));
    for descriptors in 4..24 {
        let limit = format!("-n {descriptors}");
        for words in [&decide, &format!("run release.rules --release n{descriptors} --config spark.yaml")] {
            let output = limited(dir.path(), &limit, words);
            let told = text(&output.stdout) + &text(&output.stderr);
            assert_eq!(output.status.signal(), None, "{limit} {words}\n{told}");
            let code = output.status.code().unwrap();
            // 127: the loader itself did not find its libraries
            assert!([0, 1, 10, 11, 12, 127].contains(&code), "{limit} {words} ends with {code}\n{told}");
            let said = code == 0 || !told.is_empty();
            assert!(said, "{limit} {words} ends with {code} and says nothing");
        }
    }
    drop(rollout);
}
