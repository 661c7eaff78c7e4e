//! The processes that were started, written down, and ended by their id.

use std::io::Write as _;
use std::path::Path;
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
}

/// All of them.
pub(super) struct Processes(Vec<Process>);

impl Processes {
    /// Writes one down.
    pub(super) fn add(folder: &Path, name: &str, pid: u32, last: bool) -> Result<(), Failure> {
        let pid = i32::try_from(pid)?;
        let started = started(pid).ok_or_else(|| format!("{name} ended at once"))?;
        let line = serde_json::to_string(&Process { name: name.to_owned(), pid, started, last })?;
        let mut list = std::fs::OpenOptions::new().append(true).create(true).open(folder.join(LIST))?;
        Ok(writeln!(list, "{line}")?)
    }

    /// Begins an empty list: it marks the folder as ours.
    pub(super) fn begin(folder: &Path) -> Result<(), Failure> {
        Ok(std::fs::write(folder.join(LIST), "")?)
    }

    pub(super) fn forget(folder: &Path) -> Result<(), Failure> {
        Self::begin(folder)
    }

    /// Reads the list of a folder that `up` made.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(LIST);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("`{}`: {error}; nothing was started there", path.display()))?;
        // a last line that was not written whole is of a process whose start failed
        Ok(Self(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()))
    }

    /// The process id of one that runs.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Ends them: first those that use the others. The names of those that did not end.
    pub(super) fn stop_all(&self) -> Vec<String> {
        let mut left = Vec::new();
        for last in [false, true] {
            let some: Vec<&Process> = self.0.iter().rev().filter(|process| process.last == last).collect();
            for process in &some {
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

impl Process {
    fn runs(&self) -> bool {
        started(self.pid) == Some(self.started)
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
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was started is ended; a process that has its id by chance is not touched.
    #[test]
    fn ends_what_was_started_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let start = || std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (mut ours, mut other) = (start(), start());
        Processes::begin(folder.path()).unwrap();
        Processes::add(folder.path(), "ours", ours.id(), false).unwrap();
        Processes::add(folder.path(), "other", other.id(), false).unwrap();
        let mut list = Processes::read(folder.path()).unwrap();
        assert_eq!(list.len(), 2);
        list.0[1].started -= 1;
        assert!(list.stop_all().is_empty());
        assert!(!ours.wait().unwrap().success(), "it was ended");
        assert!(other.try_wait().unwrap().is_none(), "it runs");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
