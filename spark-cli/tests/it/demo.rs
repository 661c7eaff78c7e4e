//! `spark demo` as a stranger runs it: real processes, real traffic, real time.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest that the whole demo may take; it is promised to stay below.
const DEMO_WITHIN: Duration = Duration::from_secs(90);

fn spark(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spark"));
    command.current_dir(dir).args(arguments).stdin(Stdio::null());
    command
}

/// Runs it in `dir`; it must end with `code`, in time, without a word of an error.
fn check(dir: &Path, arguments: &[&str], code: i32) -> String {
    let began = Instant::now();
    let Output { status, stdout, stderr } = spark(dir, arguments).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "spark {arguments:?}\n{stdout}\n{stderr}");
    assert!(began.elapsed() < DEMO_WITHIN, "it took {:?}", began.elapsed());
    stdout
}

/// Each of these must stand in the text, in this order.
fn check_told(text: &str, told: &[&str]) {
    let mut rest = text;
    for words in told {
        let (_, after) =
            rest.split_once(words).unwrap_or_else(|| panic!("`{words}` is missing from\n{text}"));
        rest = after;
    }
}

/// The signals of a stage's summary, and how many of them met their expectation.
fn signals(evidence: &Path, stage: u32) -> (usize, usize) {
    let text = fs::read_to_string(evidence.join(format!("stages/{stage}-summary.json"))).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    let signals = summary["signals"].as_array().unwrap();
    (signals.len(), signals.iter().filter(|signal| signal["met"] == true).count())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A new version that turns slow at 25 % is rolled back, the effect is measured, and the evidence holds exactly as
/// long as nobody changes one byte of it.
#[test]
fn fault_is_rolled_back() {
    let dir = tempfile::tempdir().unwrap();
    let told = check(dir.path(), &["demo"], 11);
    check_told(
        &told,
        &[
            "stage 1 of 5",
            "stage 2 of 5",
            "stage 3 of 5",
            "FAULT injected",
            "trigger api_latency: pending",
            "trigger api_latency: rollback",
            "ROLLBACK because api_latency",
            "the rule: rollback when p95 > 400ms for 4s",
            "VERIFIED: new version 0 orders/s",
            "verified: the folder is exactly what was sealed",
            "the same decisions, byte for byte",
            "spark init",
            "exit code 11",
        ],
    );
    assert!(!told.contains("stage 4 of 5"), "{told}");
    assert!(!told.contains('\x1b'), "no escape codes in a pipe");
    let evidence = dir.path().join("evidence/demo");
    assert_eq!([1, 2].map(|stage| signals(&evidence, stage)), [(8, 8); 2]);
    assert_eq!(signals(&evidence, 3).0, 8);
    check(dir.path(), &["evidence", "verify", "evidence/demo"], 0);
    check(dir.path(), &["evidence", "replay", "evidence/demo"], 0);
    let sealed = files(&evidence);
    assert!(sealed.len() > 8, "{sealed:?}");
    for path in sealed {
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        match changed.get_mut(whole.len() / 2) {
            Some(byte) => *byte ^= 1,
            None => changed.push(b'\n'),
        }
        fs::write(&path, &changed).unwrap();
        check(dir.path(), &["evidence", "verify", "evidence/demo"], 13);
        fs::write(&path, &whole).unwrap();
    }
    check(dir.path(), &["evidence", "verify", "evidence/demo"], 0);
}

/// A new version that stays well walks through all five stages, with all eight signals met in each.
#[test]
fn healthy_walks_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let told = check(dir.path(), &["demo", "--healthy", "--evidence", "elsewhere"], 0);
    check_told(&told, &["stage 1 of 5", "stage 5 of 5", "COMPLETED", "the same decisions", "exit code 0"]);
    let evidence = dir.path().join("elsewhere/demo");
    assert_eq!([1, 2, 3, 4, 5].map(|stage| signals(&evidence, stage)), [(8, 8); 5]);
    check(dir.path(), &["evidence", "verify", "elsewhere/demo"], 0);
}

/// A demo that is killed, without a chance to clean up, leaves no process behind.
#[test]
fn killed_demo_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = spark(dir.path(), &["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let ports: Vec<u16> = lines.map_while(Result::ok).flat_map(|line| ports_in(&line)).take(2).collect();
    assert_eq!(ports.len(), 2, "the first lines say the ports of both versions");
    assert!(ports.iter().all(|port| answers(*port)), "both versions run");
    // SIGKILL on Unix
    demo.kill().unwrap();
    demo.wait().unwrap();
    let began = Instant::now();
    while ports.iter().any(|port| answers(*port)) {
        assert!(began.elapsed() < Duration::from_secs(10), "a version outlived the demo");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The numbers after `(port ` in a line.
fn ports_in(line: &str) -> Vec<u16> {
    let parts = line.split("(port ").skip(1);
    parts.filter_map(|part| part.split(')').next()?.parse().ok()).collect()
}

fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(1)).is_ok()
}

/// Evidence that is not of a demo is never taken away.
#[test]
fn foreign_evidence_stays() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("evidence/demo");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("mine"), "precious").unwrap();
    let Output { status, stderr, .. } = spark(dir.path(), &["demo"]).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("evidence/demo") && stderr.contains("--evidence"), "{stderr}");
    assert_eq!(fs::read_to_string(theirs.join("mine")).unwrap(), "precious");
}

/// The rules that decide are there to be read, and are rules like anybody's: `spark check` finds nothing in them.
#[test]
fn rules_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let rules = check(dir.path(), &["demo", "--rules"], 0);
    fs::write(dir.path().join("demo.rules"), rules).unwrap();
    check(dir.path(), &["check", "demo.rules", "--deny-warnings"], 0);
}
