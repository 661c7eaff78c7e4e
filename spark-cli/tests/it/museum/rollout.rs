//! A rollout in the museum: `spark run` in a process of its own, with a service that answers as the case says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::server::Server;
use crate::cases::{run, text};

/// How long something may take to come about on a busy machine.
const WITHIN: Duration = Duration::from_secs(30);

/// What every rollout of the museum has, unless its case has its own: rules, a configuration, and what moves the traffic.
fn common() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/museum-rollout")
}

/// The steps of a case that are of a rollout.
pub(crate) struct Rollout {
    dir: PathBuf,
    service: Server,
    child: Option<Child>,
}

impl Drop for Rollout {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Rollout {
    /// A healthy service, and in the folder what is not there yet.
    pub(crate) fn prepare(dir: &Path) -> Self {
        let service = Server::start(&answer("0.12"));
        for entry in fs::read_dir(common()).unwrap() {
            let path = entry.unwrap().path();
            let to = dir.join(path.file_name().unwrap());
            if !to.exists() {
                fs::copy(&path, to).unwrap();
            }
        }
        let config = dir.join("spark.yaml");
        fs::write(&config, fs::read_to_string(&config).unwrap().replace("{live}", &service.url)).unwrap();
        Self { dir: dir.to_owned(), service, child: None }
    }

    /// Begins the rollout, or takes it up again.
    pub(crate) fn begin(&mut self, line: &str) {
        let child = Command::new(env!("CARGO_BIN_EXE_spark"))
            .args(line.split_whitespace().skip(1))
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert!(self.child.replace(child).is_none(), "it runs already");
    }

    /// What the service says from now on: seconds, or what is nothing.
    pub(crate) fn serve(&self, seconds: &str) {
        self.service.says(&answer(seconds));
    }

    /// Waits until there is a file of this name, or until a text in `spark status --format json` is so: `state=waiting`.
    pub(crate) fn wait(&self, what: &str) {
        let begun = Instant::now();
        let there = || match what.split_once('=') {
            None => self.dir.join(what).exists(),
            Some((key, value)) => {
                self.status().pointer(&format!("/{key}")).is_some_and(|found| found == value)
            }
        };
        while !there() {
            let status = run(&self.dir, "spark status");
            assert!(
                begun.elapsed() < WITHIN,
                "no `{what}`: {}",
                text(&status.stdout) + &text(&status.stderr)
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn status(&self) -> serde_json::Value {
        let output = run(&self.dir, "spark status --format json");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Sends a signal; whoever is killed has ended then.
    pub(crate) fn signal(&mut self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        if signal == "-KILL" {
            self.end();
        }
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> Output {
        self.child.take().unwrap().wait_with_output().unwrap()
    }
}

/// An exposition with this value, or with another metric alone.
fn answer(seconds: &str) -> String {
    let metric = if seconds == "nothing" { "other_seconds 1" } else { "latency_seconds" };
    let value = if seconds == "nothing" { "" } else { seconds };
    format!("status 200 text/plain; version=0.0.4\n{metric} {value}\n")
}
