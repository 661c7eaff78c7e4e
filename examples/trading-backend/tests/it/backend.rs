//! All parts of the backend, started by its own program.
//!
//! They end with the test, however it ends: a watcher waits for the end of a pipe that only the test holds open.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use trading_backend::client::{Client, Reply};
use trading_backend::local::{Addresses, InstanceAddresses};

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_trading-backend");

/// A folder for all parts, which ends them with the test.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    watcher: Child,
}

impl Folder {
    /// A folder that is not there yet, in one that lets PostgreSQL's user through.
    pub(crate) fn new() -> Self {
        let parent = tempfile::Builder::new().prefix("trading-backend-").tempdir().unwrap().keep();
        std::fs::set_permissions(&parent, std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let path = parent.join("it");
        // the watcher is there before what it watches
        let stop = format!("cat >/dev/null; {PROGRAM} down {}; rm -rf {}", path.display(), parent.display());
        let watcher = Command::new("sh")
            .args(["-c", &stop])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { path, watcher }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// All parts, running.
pub(crate) struct Backend {
    pub(crate) at: Addresses,
    pub(crate) client: Client,
    pub(crate) folder: PathBuf,
    _folder: Folder,
}

impl Backend {
    /// Starts all parts without load, with more words for `up`.
    pub(crate) fn start(words: &[&str]) -> Self {
        let held = Folder::new();
        let folder = held.path.clone();
        let rate: &[&str] = if words.contains(&"--rate") { &[] } else { &["--rate", "0"] };
        let output = Command::new(PROGRAM).arg("up").arg(&folder).args(rate).args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let at = serde_json::from_slice(&output.stdout).unwrap();
        Self { at, client: Client::default(), folder, _folder: held }
    }

    /// Sends an order, and gives the answer.
    pub(crate) async fn place(&self, url: &str, key: &str, order: &Value) -> Reply {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.client.send("POST", &format!("{url}/orders"), &headers, order.to_string()).await.unwrap()
    }

    /// Turns a fault switch of the canary.
    pub(crate) async fn turn(&self, fault: &str, wanted: Value) -> Reply {
        let url = format!("{}/faults/{fault}", self.at.canary.admin);
        let token = format!("Bearer {}", self.at.admin_token);
        self.client.send("POST", &url, &[("authorization", &token)], wanted.to_string()).await.unwrap()
    }

    /// All metrics of an instance.
    pub(crate) async fn metrics(&self, instance: &InstanceAddresses) -> Metrics {
        let reply = self.client.get(&format!("{}/metrics", instance.url)).await.unwrap();
        Metrics(reply.body)
    }

    /// What `psql` answers.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let output = Command::new("psql")
            .args(["-XAtqv", "ON_ERROR_STOP=1", "-c", sql, &self.at.postgres])
            .output()
            .unwrap_or_else(|error| {
                panic!("psql does not start ({error}); install it: apt-get install postgresql")
            });
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `stop` or `start` of one part.
    pub(crate) fn part(&self, word: &str, part: &str) {
        run(word, &self.folder, &[part]);
    }
}

/// Runs a command of the program on a folder; it has to succeed.
pub(crate) fn run(word: &str, folder: &Path, words: &[&str]) {
    let output = Command::new(PROGRAM).arg(word).arg(folder).args(words).output().unwrap();
    assert!(output.status.success(), "{word} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits for something, at most half a minute.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let from = Instant::now();
    while !is_so().await {
        assert!(from.elapsed() < Duration::from_secs(30), "not after half a minute: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.at.logs.join("canary.log")).unwrap_or_default());
        }
    }
}

/// What `/metrics` says.
pub(crate) struct Metrics(pub(crate) String);

impl Metrics {
    /// The sum over the series whose line begins so and holds this; NaN where there is none.
    pub(crate) fn sum(&self, name: &str, label: &str) -> f64 {
        let lines = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
        });
        let values: Vec<f64> = lines.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        if values.is_empty() { f64::NAN } else { values.iter().sum() }
    }

    /// The value of a metric.
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.sum(name, "")
    }
}
