//! `spark run` against a live service: real scrapes, real commands, real time.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cases::{printed, run, text};

const RULES: &str = "edition 2026
evaluate every 200ms
signal p95 { is duration  from metrics latency_seconds  expect <= 200ms }
trigger latency { rollback when p95 > 400ms for 400ms }
plan canary {
  stage 5%   for 1s
  stage 100% for 1s
  proceed when every signal meets its expectation
}
";

/// Rules that ask beyond that histogram's buckets, and never hold anything.
pub(crate) const BEYOND: &str = "edition 2026
evaluate every 1s
signal p95 { is duration  from metrics p95(answer_seconds) over 5s  stale after 5s }
trigger slow { warn when p95 > 600ms }
plan canary { stage 100% for 1s }
";

/// What is told of it.
pub(crate) const TOLD: &str = "warning: `p95 > 600ms` (beyond.rules:4:26) can never hold: the highest finite bucket of \
    `answer_seconds` ends at 500ms, and a quantile never reads above it; add a bucket above 600ms\n";

/// A service whose `/metrics` says a latency that can be changed, and a histogram that ends at 0.5 s.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) millis: Arc<AtomicU64>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let millis = Arc::new(AtomicU64::new(120));
        let shown = Arc::clone(&millis);
        std::thread::spawn(move || {
            let mut asked = 0_u64;
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                // the request's head ends with an empty line
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                asked += 1;
                let (latency, half) = (shown.load(Ordering::SeqCst) as f64 / 1000.0, asked * 2);
                // half of the answers take longer than any bucket says
                let body = format!(
                    "# TYPE latency_seconds gauge\nlatency_seconds {latency}\n\
                     # TYPE answer_seconds histogram\nanswer_seconds_bucket{{le=\"0.1\"}} {asked}\n\
                     answer_seconds_bucket{{le=\"0.5\"}} {half}\nanswer_seconds_bucket{{le=\"+Inf\"}} {}\n",
                    asked * 4
                );
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
                // a client that went away is no matter of the service
                let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { url, millis }
    }
}

fn prepare(dir: &Path, service: &Service, rollback: &str) {
    // in two files: the evidence keeps both, and replays from them
    let (signals, rest): (Vec<&str>, Vec<&str>) = RULES.lines().partition(|line| line.starts_with("signal"));
    fs::create_dir(dir.join("parts")).unwrap();
    fs::write(dir.join("parts/signals.rules"), format!("edition 2026\n{}\n", signals.join("\n"))).unwrap();
    let root = rest.join("\n").replacen('\n', "\nuse \"parts/signals.rules\"\n", 1);
    fs::write(dir.join("release.rules"), root).unwrap();
    // the traffic is a file with a share; whoever moves it leaves a mark
    script(dir, "set", "echo \"$1\" > share; touch \"stage-$2-share-$1\"");
    script(dir, "tell", "cat >> told");
    script(dir, "back", "echo 0 > share; touch \"back-$1-$2\"");
    let config = format!(
        "spark: 1
sources: {{ scrape: {{ canary: [{}] }} }}
actions:
  deadline: 3s
  command:
    set: [./set, \"{{share}}\", \"{{stage}}\"]
    rollback: [{rollback}]
    probe: [cat, share]
rollout: {{ verify-within: 4s, rollback-within: 4s, retry-after: 200ms, probe-every: 300ms }}
notify: [ {{ command: [./tell] }} ]
evidence: {{ key: {{ file: release.key }} }}
",
        service.url
    );
    fs::write(dir.join("spark.yaml"), config).unwrap();
    printed(dir, "spark evidence keygen release.key", 0);
}

/// A script in the folder.
pub(crate) fn script(dir: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

const BACK: &str = "./back, \"{stage}\", \"{reason}\"";
const RUN: &str = "spark run release.rules --release 1.0 --config spark.yaml";

/// A good release walks all its stages; the evidence verifies, and replays to the same decisions.
#[test]
fn completes() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    prepare(dir.path(), &service, BACK);
    printed(dir.path(), RUN, 0);
    assert!(dir.path().join("stage-1-share-5").exists());
    assert!(dir.path().join("stage-2-share-100").exists());
    let verified = printed(dir.path(), "spark evidence verify evidence/1.0", 0);
    assert!(verified.starts_with("verified: release 1.0 is exactly what was sealed"), "{verified}");
    printed(dir.path(), "spark evidence verify evidence/1.0/ --key release.key.pub", 0);
    let replayed = printed(dir.path(), "spark evidence replay evidence/1.0", 0);
    assert!(replayed.contains("every one with the same bytes"), "{replayed}");
    let shown = printed(dir.path(), "spark evidence show evidence/1.0", 0);
    assert!(
        shown.contains("give 100% to the canary, for stage 2") && shown.ends_with("result: completed\n"),
        "{shown}"
    );
    for (key, code) in [(Some("-----BEGIN PUBLIC KEY-----\n"), 13), (None, 1)] {
        let public = dir.path().join("evidence/1.0.pub");
        match key {
            Some(text) => fs::write(public, text).unwrap(),
            None => fs::remove_file(public).unwrap(),
        }
        let output = run(dir.path(), "spark evidence verify evidence/1.0");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    }
    let again = run(dir.path(), RUN);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("a release's evidence is written once"));
}

/// A scrape of histograms tells once of a threshold beyond their buckets, in a decision and over a run.
#[test]
fn beyond_the_buckets() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    prepare(dir.path(), &service, BACK);
    let rules = BEYOND.replace("every 1s", "every 200ms").replace("5s", "1s");
    fs::write(dir.path().join("beyond.rules"), rules).unwrap();
    let decide = format!("spark decide beyond.rules --scrape {} --format json", service.url);
    for (line, code) in [(decide.as_str(), 10), ("spark run beyond.rules --config spark.yaml --release 1", 0)]
    {
        for (line, times) in
            [(line.to_owned(), 1), (format!("{line}.1 --quiet").replace("json.1", "json"), 0)]
        {
            let output = run(dir.path(), &line);
            let told = text(&output.stderr);
            assert_eq!(
                (output.status.code(), told.matches(TOLD).count()),
                (Some(code), times),
                "{line}\n{told}"
            );
        }
    }
    // a histogram that is not there has no buckets
    fs::write(dir.path().join("none.rules"), BEYOND.replace("answer_seconds", "none_seconds")).unwrap();
    let decide = format!("spark decide none.rules --scrape {0} --baseline {0}", service.url);
    assert_eq!(text(&run(dir.path(), &decide).stderr), "");
}

/// A release that turns bad in its second stage is taken back by one command, and exits 11.
#[test]
fn rolls_back() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    prepare(dir.path(), &service, BACK);
    let second = dir.path().join("stage-2-share-100");
    let millis = Arc::clone(&service.millis);
    let fault = std::thread::spawn(move || {
        while !second.exists() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        millis.store(450, Ordering::SeqCst);
    });
    let told = printed(dir.path(), RUN, 11);
    fault.join().unwrap();
    assert!(told.starts_with("rollback in stage 2 because latency\n"), "{told}");
    assert!(dir.path().join("back-2-latency").exists());
    let messages = fs::read_to_string(dir.path().join("told")).unwrap();
    let words: Vec<&str> = messages.lines().map(|line| line.split(" | ").next().unwrap()).collect();
    assert_eq!(words.first(), Some(&"STARTED"), "{messages}");
    assert!(words.ends_with(&["ROLLBACK", "ROLLED BACK"]), "{messages}");
    assert_eq!(words.iter().filter(|word| **word == "STAGE").count(), 2, "{messages}");
    printed(dir.path(), "spark evidence verify evidence/1.0", 0);
    printed(dir.path(), "spark evidence replay evidence/1.0", 0);
    fs::write(dir.path().join("evidence/1.0/result.json"), "{}").unwrap();
    let tampered = run(dir.path(), "spark evidence verify evidence/1.0");
    assert_eq!(tampered.status.code(), Some(13));
    assert!(text(&tampered.stderr).contains("`result.json` was changed"));
    let journal = dir.path().join("evidence/1.0/journal.jsonl");
    let changed = fs::read_to_string(&journal).unwrap().replace("\"0.45\"", "\"0.12\"");
    fs::write(&journal, changed).unwrap();
    assert_eq!(run(dir.path(), "spark evidence replay evidence/1.0").status.code(), Some(13));
}

/// A rollback command that says it is done and moved nothing is no rollback: it is tried again, then unverified, exit 1.
#[test]
fn failed_rollback() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    prepare(dir.path(), &service, "\"true\", \"{reason}\"");
    service.millis.store(450, Ordering::SeqCst);
    let output = run(dir.path(), RUN);
    assert_eq!(output.status.code(), Some(1));
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert!(said.starts_with("ROLLBACK UNVERIFIED in stage 1 because latency"), "{said}");
    assert!(told.matches("true latency: exit status 0").count() > 3, "{told}");
}

/// Ctrl-C, a service manager's end and a terminal that goes away move nothing, say where the traffic is, and exit
/// 10; the evidence is sealed all the same.
#[cfg(unix)]
#[test]
fn interrupted() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        interrupted_by(signal);
    }
}

#[cfg(unix)]
fn interrupted_by(signal: &str) {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    prepare(dir.path(), &service, BACK);
    service.millis.store(300, Ordering::SeqCst);
    let child = Command::new(env!("CARGO_BIN_EXE_spark"))
        .args(RUN.split(' ').skip(1))
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !dir.path().join("stage-1-share-5").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(700));
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{signal}");
    let told = text(&output.stdout);
    assert!(
        told.starts_with(
            "hold stopped on request: nothing was moved, the canary stays at 5%; the same command"
        ),
        "{told}"
    );
    assert!(!dir.path().join("stage-2-share-100").exists());
    printed(dir.path(), "spark evidence verify evidence/1.0", 0);
    printed(dir.path(), "spark evidence replay evidence/1.0", 0);
    cut_off(dir.path());
}

/// Of a journal that is cut off within its last line, what stands before it is shown, and the cut is told.
#[cfg(unix)]
fn cut_off(dir: &Path) {
    let journal = dir.join("evidence/1.0/journal.jsonl");
    let whole = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, whole.strip_suffix("}\n").unwrap()).unwrap();
    for (line, shown) in [("show", true), ("replay", false)] {
        let output = run(dir, &format!("spark evidence {line} evidence/1.0"));
        let (told, error) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(13), "{error}");
        assert_eq!(told.contains("for stage 1"), shown, "{told}");
        assert!(error.contains("cut"), "{error}");
    }
}

/// One look at an instance decides at once: what needs no history is known, what needs it holds.
#[test]
fn decide_by_scrape() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    let decide = |rules: &str, code: i32| {
        fs::write(dir.path().join("r.rules"), rules).unwrap();
        printed(dir.path(), &format!("spark decide r.rules --scrape {} --format json", service.url), code)
    };
    let signal = "signal p95 { is duration  from metrics latency_seconds  expect <= 200ms }\n";
    decide(&format!("{signal}trigger t {{ rollback when p95 > 100ms }}"), 11);
    decide(&format!("{signal}trigger t {{ rollback when p95 > 400ms }}"), 0);
    let held = decide(&format!("{signal}trigger t {{ rollback when avg(p95 over 5m) > 400ms }}"), 10);
    assert!(held.contains(r#""because":["t"]"#) && held.contains(r#""state":"unknown""#), "{held}");
    let dead = "spark decide r.rules --scrape http://127.0.0.1:1/metrics";
    printed(dir.path(), dead, 10);
}

/// A journal that cannot be written lets no stage be entered; a rollback is carried out all the same, and says so.
#[cfg(unix)]
#[test]
fn failing_journal() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    prepare(dir.path(), &service, BACK);
    printed(dir.path(), RUN, 0);
    let journal = fs::read_to_string(dir.path().join("evidence/1.0/journal.jsonl")).unwrap();
    fs::remove_file(dir.path().join("stage-2-share-100")).unwrap();
    // room for what comes before the first instant, and a little more; a file that is full gives an error then
    let before: usize = journal.lines().take(4).map(|line| line.len() + 1).sum();
    let blocks = before.div_ceil(512) + 1;
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let child = Command::new("sh")
        .args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_spark")])
        .args(RUN.replace("1.0", "1.1").split(' ').skip(1))
        .current_dir(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(!dir.path().join("stage-2-share-100").exists(), "a stage was entered without a record");
    service.millis.store(450, Ordering::SeqCst);
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(11), "{told}");
    assert!(told.contains("the journal cannot be written, so nothing advances: "), "{told}");
    assert!(told.contains("warning: the journal does not tell everything"), "{told}");
    assert!(dir.path().join("back-1-latency").exists());
    printed(dir.path(), "spark evidence verify evidence/1.1", 0);
}
