//! `spark status` and the operator's words, against a real `spark run` in another process.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cases::{printed, run, text};
use crate::live::Service;

/// Two short stages; between them, and before the third, a long one and an approval.
const RULES: &str = "edition 2026
evaluate every 200ms
signal p95 { is duration  from metrics latency_seconds  expect <= 200ms  stale after 1s }
trigger latency { rollback when p95 > 400ms for 400ms }
trigger careful { hold when p95 > 300ms }
plan canary {
  stage 5%   for 1s
  stage 25%  for 1h
  stage 50%  for 1s needs approval
  stage 100% for 1h
  proceed when every signal meets its expectation
}
";

/// A rollout in another process, on its way.
struct Live {
    dir: tempfile::TempDir,
    service: Service,
    child: Option<Child>,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Live {
    fn start(rules: &str) -> Self {
        Self::start_with(rules, "")
    }

    fn start_with(rules: &str, more: &str) -> Self {
        let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
        fs::write(dir.path().join("release.rules"), rules).unwrap();
        fs::write(dir.path().join("set.sh"), "echo \"$1\" > share\n").unwrap();
        let config = format!(
            "spark: 1
sources: {{ scrape: {{ canary: [{}] }} }}
actions:
  deadline: 5s
  command:
    set: [sh, set.sh, \"{{share}}\"]
    rollback: [sh, set.sh, \"0\"]
    probe: [cat, share]
",
            service.url
        );
        fs::write(dir.path().join("spark.yaml"), config).unwrap();
        let mut live = Self { dir, service, child: None };
        live.run(more);
        live
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Begins the rollout, or takes it up again.
    fn run(&mut self, more: &str) {
        let child = Command::new(env!("CARGO_BIN_EXE_spark"))
            .args(["run", "release.rules", "--release", "1.0", "--config", "spark.yaml"])
            .args(more.split_whitespace())
            .current_dir(self.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    fn say(&self, line: &str) -> String {
        printed(self.path(), line, 0)
    }

    fn refused(&self, line: &str, words: &str) {
        let output = run(self.path(), line);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}\n{told}");
        assert!(told.contains(words), "{line}\n{told}");
    }

    fn status(&self) -> Value {
        let output = run(self.path(), "spark status --format json");
        assert!(!output.stdout.is_empty(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until the status is so.
    fn until(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let output = run(self.path(), "spark status --format json");
            let status = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
            if !status.is_null() && so(&status) {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {status:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn in_stage(&self, stage: u64) -> Value {
        self.until(&format!("stage {stage}"), |status| {
            status["state"] == "stage"
                && status["stage"] == stage
                && status["decision"]["decision"] == "proceed"
        })
    }

    /// Waits for the end; its code and what it told.
    fn end(&mut self) -> (Option<i32>, String, String) {
        let output = self.child.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    fn share(&self) -> String {
        fs::read_to_string(self.path().join("share")).unwrap().trim().to_owned()
    }

    fn socket(&self) -> std::path::PathBuf {
        self.path().join("evidence/1.0.sock")
    }
}

/// `hold` keeps a served stage, `resume` lets it go on, and both stand in the status with who and why.
#[test]
fn hold_and_resume() {
    let live = Live::start(RULES);
    live.until("a share", |status| status["share"] == "5");
    assert_eq!(live.say("spark hold --by ayse --because looking"), "release 1.0: hold is recorded\n");
    live.refused("spark hold", "refused: it is held already");
    std::thread::sleep(Duration::from_millis(2500));
    let held = live.status();
    assert_eq!((&held["stage"], &held["held"]["by"]), (&1.into(), &"ayse".into()), "{held:#}");
    let shown = run(live.path(), "spark status");
    assert_eq!(shown.status.code(), Some(10));
    assert!(text(&shown.stdout).contains("HELD by ayse since "), "{}", text(&shown.stdout));
    live.say("spark resume --by mehmet");
    let on = live.in_stage(2);
    assert_eq!((&on["held"], &on["words"][1]["by"]), (&Value::Null, &"mehmet".into()), "{on:#}");
    assert_eq!(on["words"][1]["because"], "no reason was given");
    printed(live.path(), "spark status", 0);
}

/// `promote` skips a stage's time, the next one waits for `approve`, `abort` leaves the traffic where it is.
#[test]
fn promote_approve_abort() {
    let mut live = Live::start(RULES);
    live.in_stage(2);
    live.until("good time", |status| status["served"] != "0s");
    live.refused("spark approve --because early --release 2.0", "nobody runs release 2.0");
    live.say("spark promote --by ayse --because hotfix");
    let waits = live.until("the gate", |status| status["state"] == "waiting");
    assert_eq!((&waits["needs_approval"], &waits["share"]), (&true.into(), &"25".into()), "{waits:#}");
    assert_eq!(run(live.path(), "spark status").status.code(), Some(10));
    live.say("spark approve --by mehmet --because signed-off");
    live.in_stage(4);
    live.say("spark abort --by ayse --because replaced");
    let (code, told, _) = live.end();
    assert_eq!(code, Some(10));
    assert!(
        told.starts_with("hold aborted by ayse: nothing was moved, the canary stays at 100%\n"),
        "{told}"
    );
    assert_eq!(live.share(), "100");
    assert!(!live.socket().exists(), "the socket is gone with its runner");
    let after = live.status();
    assert_eq!((&after["state"], &after["running"]), (&"aborted".into(), &false.into()));
    printed(live.path(), "spark evidence replay evidence/1.0", 0);
}

/// `override` silences a trigger that holds, and only that.
#[test]
fn overrides() {
    let live = Live::start(&RULES.replace("expect <= 200ms", "expect <= 390ms"));
    live.in_stage(1);
    live.service.millis.store(350, Ordering::SeqCst);
    live.until("the trigger", |status| status["decision"]["because"][0] == "careful");
    live.refused("spark promote --because now", "the last decision is not to proceed");
    for (line, words) in [
        ("spark override none --until 30m --because x", "the rules have no trigger `none`"),
        ("spark override careful --until 25h --because x", "an override ends within 24 hours"),
        (
            "spark override careful --until 2020-01-01T00:00:00Z --because x",
            "an override ends within 24 hours",
        ),
    ] {
        live.refused(line, words);
    }
    live.say("spark override careful --until 30m --by ayse --because load-test");
    let on = live.in_stage(2);
    let careful = on["triggers"].as_array().unwrap().iter().find(|row| row["name"] == "careful").unwrap();
    assert!(careful["overridden_until"].is_string(), "{on:#}");
}

/// `rollback` takes everything back, with its reason in the evidence.
#[test]
fn rolls_back() {
    let mut live = Live::start(RULES);
    live.in_stage(2);
    live.say("spark rollback --by ayse --reason late-fills --stage 2");
    let (code, told, _) = live.end();
    assert_eq!(code, Some(11));
    assert!(told.starts_with("rollback in stage 2 because ayse: late-fills\n"), "{told}");
    assert_eq!(live.share(), "0");
    assert_eq!(run(live.path(), "spark status").status.code(), Some(11));
    live.refused("spark rollback --reason again --config spark.yaml", "is over");
}

/// Where the runner was killed, `status` reads the journal, words say that nobody hears them, and `rollback --config` takes the traffic
/// back by itself; a rollout that was only left goes on.
#[test]
fn without_a_runner() {
    let mut live = Live::start(RULES);
    live.in_stage(2);
    let mut child = live.child.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(live.socket().exists(), "a killed runner leaves its socket");
    let status = live.status();
    assert_eq!((&status["running"], &status["stage"]), (&false.into(), &2.into()), "{status:#}");
    let shown = run(live.path(), "spark status");
    assert_eq!(shown.status.code(), Some(10));
    assert!(text(&shown.stdout).contains("nobody runs it since "), "{}", text(&shown.stdout));
    live.refused("spark hold", "nobody runs release 1.0");
    live.refused("spark rollback --reason late", "--config FILE");
    live.run("");
    live.until("a runner", |status| status["running"] == true && status["share"] == "25");
    let mut child = live.child.take().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let told = printed(live.path(), "spark rollback --by ayse --reason late --config spark.yaml", 11);
    assert!(told.starts_with("rollback in stage 2 because ayse: late\n"), "{told}");
    assert_eq!(live.share(), "0");
    printed(live.path(), "spark evidence verify evidence/1.0", 0);
}

/// Words that cannot be are bad arguments, before anybody is asked.
#[test]
fn wrong_arguments() {
    let dir = tempfile::tempdir().unwrap();
    for line in [
        "spark approve",
        "spark promote",
        "spark abort",
        "spark override latency --because x",
        "spark override latency --until soon --because x",
        "spark rollback",
        "spark rollback --reason x --stage 0",
        "spark status --release ../x",
        "spark hold --because",
    ] {
        assert_eq!(run(dir.path(), line).status.code(), Some(2), "{line}");
    }
    for line in ["spark status", "spark hold", "spark status --release 1.0"] {
        assert_eq!(run(dir.path(), line).status.code(), Some(1), "{line}");
    }
}

/// Garbage, a question without end, silence and too many programs get an answer or nothing, and the rollout walks on;
/// the socket is its owner's alone.
#[test]
fn hostile_programs() {
    let live = Live::start(RULES);
    live.until("a share", |status| status["share"] == "5");
    let mode = fs::metadata(live.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let silent: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(live.socket()).unwrap()).collect();
    let deep = format!("{{\"v\":1,\"ask\":{}\n", "[".repeat(10_000));
    let say = |because: &str| {
        format!(
            "{{\"v\":1,\"ask\":\"say\",\"by\":\"x\",\"because\":\"{because}\",\"word\":{{\"word\":\"hold\"}}}}\n"
        )
    };
    for (question, words) in [
        ("hello\n".to_owned(), "the question is not understood"),
        ("\0\u{1b}[2J\n".to_owned(), "the question is not understood"),
        ("{\"v\":9,\"ask\":\"status\"}\n".to_owned(), "version 9 is spoken"),
        (say("x").replace("\"by\"", "\"more\":1,\"by\""), "unknown field `more`"),
        (deep, "not understood"),
        ("x".repeat(1 << 20), "the question has more than 16384 bytes"),
        ("{\"v\":1".to_owned(), "the question is no line"),
        (say(""), "`because` is empty"),
        (say("a\\nb"), "control character"),
        (say(&"x".repeat(1001)), "1000 are the most"),
    ] {
        let mut stream = UnixStream::connect(live.socket()).unwrap();
        // the runner may hang up before it has read all
        let _ = stream.write_all(question.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains(words), "{words}: {answer}");
    }
    let status = live.in_stage(2);
    assert_eq!(status["words"], Value::Array(vec![]), "{status:#}");
    drop(silent);
}

/// Many programs at once are all answered, and one word of two wins.
#[test]
fn several_programs() {
    let live = Live::start(RULES);
    live.in_stage(2);
    let path = live.path().to_owned();
    let lines: Vec<_> = (0..6)
        .map(|place| {
            let path = path.clone();
            std::thread::spawn(move || {
                let line = if place % 2 == 0 { "spark hold --by x" } else { "spark status --format json" };
                run(&path, line).status.code()
            })
        })
        .collect();
    let codes: Vec<_> = lines.into_iter().map(|line| line.join().unwrap()).collect();
    let taken = codes.iter().step_by(2).filter(|code| **code == Some(0)).count();
    assert_eq!(taken, 1, "{codes:?}");
}

/// A hundred programs at once, some of which never say or never read a thing: each gets the status, or is told to come again, and the
/// rollout walks on. Afterwards all is as before.
#[test]
fn a_crowd() {
    let live = Live::start(RULES);
    live.until("a share", |status| status["share"] == "5");
    let socket = live.socket();
    // they ask, and read nothing
    let slow: Vec<UnixStream> = (0..10)
        .map(|_| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream.write_all(b"{\"v\":1,\"ask\":\"status\"}\n").unwrap();
            stream
        })
        .collect();
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let socket = socket.clone();
            std::thread::spawn(move || {
                let mut stream = UnixStream::connect(socket).unwrap();
                let _ = stream.write_all(b"{\"v\":1,\"ask\":\"status\"}\n");
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
                let answer: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
                let told = answer["words"].as_str().is_some_and(|words| words.contains("come again"));
                (answer["answer"] == "status", told)
            })
        })
        .collect();
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let served = answers.iter().filter(|(status, _)| *status).count();
    let turned_away = answers.iter().filter(|(_, told)| *told).count();
    // beyond those, they are hung up on
    assert!(served >= 1 && served + turned_away >= 50, "{served} served, {turned_away} told to come again");
    live.in_stage(2);
    drop(slow);
}

/// A path that is too long for a socket's is reached all the same; another account is not answered, whatever the socket's mode is.
#[test]
fn far_and_foreign() {
    let mut live = Live::start(RULES);
    live.until("a share", |status| status["share"] == "5");
    live.say("spark abort --because over");
    live.end();
    live.refused("spark hold", "refused: the rollout of release 1.0 is over: aborted by ");
    let far = "e".repeat(120);
    live.run(&format!("--evidence {far}"));
    let begun = Instant::now();
    let status = loop {
        let output = run(live.path(), &format!("spark status --format json --evidence {far}"));
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        if status["share"] == "5" {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", text(&output.stderr));
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status["running"], true, "{status:#}");
    live.say(&format!("spark hold --by ayse --evidence {far}"));
    let socket = live.path().join(far).join("1.0.sock");
    // only root can be another one
    if fs::metadata(&socket).unwrap().uid() == 0 {
        for (path, mode) in [(live.path().to_owned(), 0o755), (socket.clone(), 0o666)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let foreign = Command::new("setpriv")
            .args([
                "--reuid",
                "65534",
                "--clear-groups",
                env!("CARGO_BIN_EXE_spark"),
                "hold",
                "--by",
                "x",
                "--evidence",
            ])
            .arg(socket.parent().unwrap())
            .current_dir("/")
            .output()
            .unwrap();
        assert_eq!(foreign.status.code(), Some(1), "{}", text(&foreign.stderr));
    }
}

/// T-0 in the future: nothing is moved before it.
#[test]
fn opens() {
    let live = Live::start_with(RULES, "--opens 2099-01-05T10:00:00Z");
    let status =
        live.until("the schedule", |status| status["state"] == "scheduled" && status["decision"].is_object());
    assert_eq!(status["opens"], "2099-01-05T10:00:00Z");
    assert_eq!(run(live.path(), "spark status").status.code(), Some(10));
    assert!(!live.path().join("share").exists());
}

/// What `spark status` prints for programs has the keys of its schema, no more and no less.
#[test]
fn schema() {
    let live = Live::start(RULES);
    let status = live.in_stage(1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/status.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for (found, schema) in [
        (&status, &schema),
        (&status["stages"][0], &schema["$defs"]["stage"]),
        (&status["triggers"][0], &schema["$defs"]["row"]),
        (&status["decision"], &schema["$defs"]["decision"]),
        (&status["show"], &schema["$defs"]["show"]),
    ] {
        let mut keys: Vec<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
        let required = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        let mut required: Vec<&str> = required.collect();
        let mut properties: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        required.sort_unstable();
        properties.sort_unstable();
        assert_eq!(keys, required);
        assert_eq!(keys, properties);
    }
}
