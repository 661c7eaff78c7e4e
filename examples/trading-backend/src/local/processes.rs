//! The processes that were started, written down, and ended by their id.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::Failure;

/// How long a process may take to end when it is asked to; after that it is not asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// The list, one JSON object a line, in the order of their start.
const LIST: &str = "processes";

/// A process that was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) pid: i32,
    /// When it started, in the kernel's ticks since boot: an id that was used again has another.
    pub(super) started: u64,
    /// Ended after all others: those need it to end well.
    pub(super) last: bool,
    /// How it was started: the program and its words.
    pub(super) command: Vec<String>,
    /// Under whose numbers, if not ours.
    pub(super) owner: Option<(u32, u32)>,
}

/// All of them.
pub(super) struct Processes(Vec<Process>);

impl Processes {
    /// Starts a process that keeps nothing of ours open and does not end with the terminal, and writes it down.
    pub(super) fn start(folder: &Path, new: New) -> Result<Child, Failure> {
        let log = fs::OpenOptions::new().append(true).create(true).open(log(folder, &new.name))?;
        let (program, words) = new.command.split_first().ok_or("there is no program to start")?;
        let mut command = Command::new(program);
        command.args(words).current_dir("/").process_group(0).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        if let Some((uid, gid)) = new.owner {
            command.uid(uid).gid(gid);
        }
        let child = command.spawn().map_err(|error| missing(program, &error))?;
        let pid = i32::try_from(child.id())?;
        let started = started(pid).ok_or_else(|| format!("{} ended at once", new.name))?;
        let New { name, last, command, owner } = new;
        let line = serde_json::to_string(&Process { name, pid, started, last, command, owner })?;
        let mut list = fs::OpenOptions::new().append(true).create(true).open(folder.join(LIST))?;
        writeln!(list, "{line}")?;
        Ok(child)
    }

    /// Begins an empty list: it marks the folder as ours.
    pub(super) fn begin(folder: &Path) -> Result<(), Failure> {
        Ok(fs::write(folder.join(LIST), "")?)
    }

    pub(super) fn forget(folder: &Path) -> Result<(), Failure> {
        Self::begin(folder)
    }

    /// Reads the list of a folder that `up` made.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(LIST);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("`{}`: {error}; nothing was started there", path.display()))?;
        // a last line that was not written whole is of a process whose start failed
        Ok(Self(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()))
    }

    /// The newest process of this name.
    pub(super) fn named(&self, name: &str) -> Result<&Process, Failure> {
        let found = self.0.iter().rfind(|process| process.name == name);
        found.ok_or_else(|| {
            let names: std::collections::BTreeSet<&str> =
                self.0.iter().map(|process| process.name.as_str()).collect();
            format!("there is no part `{name}`; there are {}", Vec::from_iter(names).join(", ")).into()
        })
    }

    /// Ends them: first those that use the others. The names of those that did not end.
    pub(super) fn stop_all(&self) -> Vec<String> {
        self.stop(|_| true)
    }

    /// Ends the chosen ones.
    pub(super) fn stop(&self, chosen: impl Fn(&Process) -> bool) -> Vec<String> {
        let mut left = Vec::new();
        for last in [false, true] {
            let wanted = |process: &&Process| process.last == last && chosen(process);
            let some: Vec<&Process> = self.0.iter().rev().filter(wanted).collect();
            for process in &some {
                // who is paused hears nothing
                let _ = process.resume();
                // PostgreSQL waits for its clients on SIGTERM, and ends at once on SIGINT; the others take either
                process.signal(Signal::INT);
            }
            let until = Instant::now().checked_add(PATIENCE);
            for process in some {
                while process.runs() && until.is_some_and(|until| Instant::now() < until) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                if process.runs() {
                    process.signal(Signal::KILL);
                    std::thread::sleep(Duration::from_millis(200));
                }
                if process.runs() {
                    left.push(process.name.clone());
                }
            }
        }
        left
    }
}

/// A process that is to be started.
pub(super) struct New {
    pub(super) name: String,
    pub(super) last: bool,
    pub(super) command: Vec<String>,
    pub(super) owner: Option<(u32, u32)>,
}

/// Where a part writes its log.
pub(super) fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join("logs").join(format!("{name}.log"))
}

/// Why a program does not start, and what to do.
pub(super) fn missing(program: &str, error: &std::io::Error) -> Failure {
    format!("`{program}` does not start ({error}); install the parts: apt-get install postgresql pgbouncer haproxy").into()
}

impl Process {
    pub(super) fn runs(&self) -> bool {
        started(self.pid) == Some(self.started)
    }

    /// Stops it and its children where they are. It first: it begins no more of them then.
    pub(super) fn pause(&self) -> Result<(), Failure> {
        self.check()?;
        self.signal(Signal::STOP);
        self.signal_children(Signal::STOP)
    }

    /// Lets it and its children go on.
    pub(super) fn resume(&self) -> Result<(), Failure> {
        self.check()?;
        self.signal_children(Signal::CONT)?;
        self.signal(Signal::CONT);
        Ok(())
    }

    /// Ends it at once, and waits until it is gone.
    pub(super) fn kill(&self) -> Result<(), Failure> {
        self.check()?;
        let from = Instant::now();
        while self.runs() {
            if from.elapsed() > PATIENCE {
                return Err(format!("{} does not end", self.name).into());
            }
            self.signal(Signal::KILL);
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        if self.runs() { Ok(()) } else { Err(format!("{} does not run", self.name).into()) }
    }

    /// PostgreSQL's servers are sessions of their own: a signal to the group would not reach them.
    fn signal_children(&self, signal: Signal) -> Result<(), Failure> {
        for entry in fs::read_dir("/proc")?.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(pid) = pid.filter(|pid| parent(*pid) == Some(self.pid)).and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if self.runs()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // it may end in between: that is what was wanted
            let _ = kill_process(pid, signal);
        }
    }
}

/// When a process started; `None` where there is none, or only what is left of one.
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The process that began this one.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was started is ended; a process that has its id by chance is not touched.
    #[test]
    fn ends_what_was_started_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("logs")).unwrap();
        Processes::begin(folder.path()).unwrap();
        let start = |name: &str| {
            let command = ["sleep", "60"].map(str::to_owned).to_vec();
            Processes::start(folder.path(), New { name: name.to_owned(), last: false, command, owner: None })
                .unwrap()
        };
        let (mut ours, mut other) = (start("ours"), start("other"));
        let mut list = Processes::read(folder.path()).unwrap();
        assert_eq!(list.0.len(), 2);
        list.0[1].started -= 1;
        assert!(list.stop_all().is_empty());
        assert!(!ours.wait().unwrap().success(), "it was ended");
        assert!(other.try_wait().unwrap().is_none(), "it runs");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
