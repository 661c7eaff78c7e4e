//! A place where a rollout runs: a service, a traffic that is a file, and scripts that tell what they do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use spark_core::Timestamp;

use crate::cases::printed;
use crate::live::Service;

const RULES: &str = "edition 2026
evaluate every 100ms
signal p95 { is duration  from metrics latency_seconds  stale after 500ms  expect <= 200ms }
trigger latency { rollback when p95 > 400ms for 300ms }
plan canary {
  stage 5%   for 1s
  stage 25%  for 1s
  stage 100% for 1s
  proceed when every signal meets its expectation
}
";

/// The shares of the plan, and how long each serves at least, in milliseconds.
pub(super) const SHARES: [&str; 3] = ["5", "25", "100"];
pub(super) const SERVES_MILLIS: i64 = 1_000;

/// Moves the traffic, slowly and not always as slowly; and tells what it does in a file that only grows. It looks whether its intent was
/// recorded. `begin` stands for a call, `do` for the effect.
const EFFECT: &str = r#"n=${SPARK_STEP##*/}; e=${n%.*}; n=${n#*.}
echo "begin $SPARK_STEP $SPARK_FENCE $1" >> effects
case $(( $$ % 5 )) in 0) sleep 0.4;; 1) sleep 0.05;; 2) sleep 0.01;; esac
known=unrecorded
grep -q "\"fact\":\"intent\".*\"epoch\":$e,\"number\":$n}" "evidence/$SPARK_RELEASE/journal.jsonl" && known=recorded
echo "do $SPARK_STEP $SPARK_FENCE $1 $known" >> effects
echo "$1" > "share.$$" && mv "share.$$" share
"#;

const PROBE: &str = r#"echo "probe $SPARK_STEP $SPARK_FENCE" >> effects
cat share
"#;

/// The traffic is moved by these scripts.
const COMMANDS: &str = "  command:
    set: [./effect, \"{share}\"]
    rollback: [./effect, \"0\"]
    probe: [./probe]";

/// What an oracle saw.
pub(super) struct Seen {
    pub(super) completed: bool,
    pub(super) leftovers: u64,
}

/// A place where a rollout runs.
pub(super) struct Site {
    pub(super) dir: tempfile::TempDir,
    pub(super) release: String,
    service: Service,
    bad_since: Mutex<Option<Timestamp>>,
}

impl Site {
    pub(super) fn new(release: &str) -> Self {
        Self::with(release, RULES, EFFECT)
    }

    pub(super) fn with(release: &str, rules: &str, effect: &str) -> Self {
        Self::acting(release, rules, effect, COMMANDS)
    }

    /// With actions of another kind, as the configuration says them.
    pub(super) fn acting(release: &str, rules: &str, effect: &str, actions: &str) -> Self {
        let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
        fs::write(dir.path().join("release.rules"), rules).unwrap();
        fs::write(dir.path().join("share"), "0\n").unwrap();
        fs::write(dir.path().join("effects"), "").unwrap();
        for (name, text) in [("effect", effect), ("probe", PROBE)] {
            script(dir.path(), name, text);
        }
        let config = format!(
            "spark: 1
sources: {{ scrape: {{ canary: [{}] }} }}
actions:
  deadline: 3s
{}
rollout: {{ verify-within: 60s, rollback-within: 60s, retry-after: 100ms, probe-every: 300ms }}
evidence: {{ key: {{ file: release.key }} }}
",
            service.url,
            actions.replace("$PLACE", &dir.path().display().to_string())
        );
        fs::write(dir.path().join("spark.yaml"), config).unwrap();
        printed(dir.path(), "spark evidence keygen release.key", 0);
        Self { dir, release: release.to_owned(), service, bad_since: Mutex::new(None) }
    }

    /// The words after `spark` that run the rollout.
    pub(super) fn words(&self) -> Vec<String> {
        let line = format!("run release.rules --config spark.yaml --release {}", self.release);
        line.split(' ').map(str::to_owned).collect()
    }

    pub(super) fn start(&self) -> Child {
        self.spawn(Command::new(env!("CARGO_BIN_EXE_spark")).args(self.words()))
    }

    /// Starts a command whose output goes to files: a pipe that nobody reads would hold it up.
    pub(super) fn spawn(&self, command: &mut Command) -> Child {
        let to = |name: &str| {
            let file = fs::File::options().create(true).append(true).open(self.dir.path().join(name));
            Stdio::from(file.unwrap())
        };
        command.current_dir(self.dir.path()).stdin(Stdio::null()).stdout(to("told")).stderr(to("said"));
        command.spawn().unwrap()
    }

    /// From now on the service is slow.
    pub(super) fn turn_bad(&self) {
        let mut since = self.bad_since.lock().unwrap();
        if since.is_none() {
            self.service.millis.store(450, Ordering::SeqCst);
            *since = Some(now());
        }
    }

    pub(super) fn bad_since(&self) -> Option<Timestamp> {
        *self.bad_since.lock().unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// The effect log.
    pub(super) fn effects(&self) -> String {
        self.read("effects")
    }

    /// How often an action was called.
    pub(super) fn begun(&self) -> usize {
        self.effects().lines().filter(|line| line.starts_with("begin")).count()
    }

    /// The share that the canary truly has.
    pub(super) fn share(&self) -> String {
        self.read("share").trim().to_owned()
    }

    /// A file of the evidence.
    pub(super) fn evidence(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("evidence/{}/{name}", self.release))).unwrap()
    }

    /// Waits until it has said something.
    pub(super) fn await_words(&self, words: &str) {
        let begun = std::time::Instant::now();
        while !self.said().contains(words) {
            assert!(begun.elapsed().as_secs() < 60, "it does not say `{words}`: {}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// The journal as it is now.
    pub(super) fn journal(&self) -> String {
        self.read(&format!("evidence/{}/journal.jsonl", self.release))
    }

    /// All that was said.
    pub(super) fn said(&self) -> String {
        format!("{}{}", self.read("told"), self.read("said"))
    }

    /// The processes that run this rollout.
    pub(super) fn runners(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let here = fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == self.dir.path());
            let spark = fs::read(path.join("cmdline")).unwrap_or_default();
            if here
                && spark.starts_with(env!("CARGO_BIN_EXE_spark").as_bytes())
                && name.parse::<u32>().is_ok()
            {
                found.push(name);
            }
        }
        found
    }

    /// The living processes that were started for this rollout's actions.
    pub(super) fn running(&self) -> Vec<String> {
        let mine = format!("SPARK_RELEASE={}", self.release);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|variable| variable == mine.as_bytes()) {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }
}

impl Drop for Site {
    /// What failed is kept, to be looked at.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.dir.disable_cleanup(true);
            println!("kept: {}", self.dir.path().display());
        }
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

pub(super) fn script(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}
