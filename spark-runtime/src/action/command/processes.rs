//! Finding what a command started by walking over all processes, where it has no cgroup of its own.
//!
//! A process belongs to a command when it is in its process group or session, descends from one that does, or has the
//! command's mark in its environment. One that has left the session, the group and its parents is given to this process
//! as its new parent ([`adopt`]), which tells it too. Only one that leaves all of these *and* runs after its parents
//! while this process also starts sessions of its own could be taken for another's; so the walk takes those too that
//! were given to this process since the command began and are in a session that is not this process's.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper, waitpid,
};

use crate::action::text::excerpt;

/// The environment variable that marks what a command started.
pub(super) const MARK: &str = "SPARK_RUN";

/// Makes this process the parent of all that lose theirs below it.
pub(super) fn adopt() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // where that is refused, the other ways to find them are left
        let _ = set_child_subreaper(Some(getpid()));
    });
}

/// Which processes are a command's.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// The command's process, which leads a process group.
    leader: i32,
    /// When it began, in clock ticks since the machine did.
    begun: u64,
    /// Its mark in the environment, as it stands there.
    mark: Vec<u8>,
}

/// One process, as `/proc` shows it.
#[derive(Debug)]
struct Process {
    id: i32,
    zombie: bool,
    parent: i32,
    group: i32,
    session: i32,
    begun: u64,
}

impl Family {
    /// The family of a command that was just started.
    pub(super) fn new(leader: u32, mark: &str) -> Self {
        let leader = i32::try_from(leader).unwrap_or(i32::MAX);
        let begun = Process::read(leader).map_or(u64::MAX, |process| process.begun);
        Self { leader, begun, mark: format!("{MARK}={mark}").into_bytes() }
    }

    /// Sends a signal to all members; gives how many living ones there were, the leader aside.
    pub(super) fn signal(&self, signal: Signal) -> usize {
        let mut living: usize = 0;
        for process in self.members() {
            if process.zombie {
                self.reap(&process);
                continue;
            }
            if process.id != self.leader {
                living = living.saturating_add(1);
            }
            process.signal(signal);
        }
        living
    }

    fn reap(&self, process: &Process) {
        // the leader's end is waited for elsewhere
        if process.parent == own_id()
            && process.id != self.leader
            && let Some(id) = Pid::from_raw(process.id)
        {
            let _ = waitpid(Some(id), WaitOptions::NOHANG);
        }
    }

    fn members(&self) -> Vec<Process> {
        let all = all();
        let mut ids: BTreeSet<i32> =
            all.iter().filter(|process| self.has(process)).map(|process| process.id).collect();
        // what descends from a member is one; each round goes one generation down
        loop {
            let before = ids.len();
            let children = all.iter().filter(|process| ids.contains(&process.parent));
            let found: Vec<i32> = children.map(|process| process.id).collect();
            ids.extend(found);
            if ids.len() == before {
                break;
            }
        }
        ids.remove(&own_id());
        all.into_iter().filter(|process| ids.contains(&process.id)).collect()
    }

    fn has(&self, process: &Process) -> bool {
        if process.id == own_id() || process.begun < self.begun {
            return false;
        }
        if [process.id, process.group, process.session].contains(&self.leader) {
            return true;
        }
        let marks = std::fs::read(format!("/proc/{}/environ", process.id)).unwrap_or_default();
        let mark = marks.split(|byte| *byte == 0).find(|variable| variable.starts_with(MARK_EQUALS));
        match mark {
            Some(mark) => mark == self.mark,
            None => process.parent == own_id() && process.session != own_session(),
        }
    }
}

/// How the mark's variable begins in an environment.
const MARK_EQUALS: &[u8] = b"SPARK_RUN=";

impl Process {
    fn read(id: i32) -> Option<Self> {
        let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
        // the name stands in brackets, and may hold any byte, brackets too
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(stat.get(end.saturating_add(1)..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<i64>().ok();
        let id_at = |place: usize| i32::try_from(number(place)?).ok();
        Some(Self {
            id,
            zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: id_at(1)?,
            group: id_at(2)?,
            session: id_at(3)?,
            begun: u64::try_from(number(19)?).ok()?,
        })
    }

    /// Sends a signal to this very process: a number that was given to another since is not meant.
    fn signal(&self, signal: Signal) {
        let Some(id) = Pid::from_raw(self.id) else { return };
        let Ok(handle) = pidfd_open(id, PidfdFlags::empty()) else { return };
        if Self::read(self.id).is_some_and(|now| now.begun == self.begun) {
            let _ = pidfd_send_signal(handle, signal);
        }
    }
}

fn all() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(Process::read).collect()
}

/// A process that an earlier runner's command left.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) id: i32,
    /// To end it by; none where its cgroup is ended as a whole.
    process: Option<Process>,
    /// What it is, for the record.
    pub(super) words: String,
}

/// The living processes whose mark is one that is asked for, and what descends from them or is in their process groups.
pub(super) fn marked(is_left: &impl Fn(&str) -> bool) -> Vec<Marked> {
    let all: Vec<Process> = all().into_iter().filter(|process| !process.zombie).collect();
    let mut steps: std::collections::BTreeMap<i32, String> = all
        .iter()
        .filter_map(|process| Some((process.id, step_of(process.id, is_left)?)))
        .filter(|(id, _)| *id != own_id())
        .collect();
    loop {
        let before = steps.len();
        for process in &all {
            let from = [process.parent, process.group].into_iter().find_map(|id| steps.get(&id).cloned());
            if let Some(step) = from.filter(|_| process.id != own_id()) {
                steps.entry(process.id).or_insert(step);
            }
        }
        if steps.len() == before {
            break;
        }
    }
    let found = all.into_iter().filter_map(|process| {
        let step = steps.get(&process.id)?;
        Some(Marked { id: process.id, words: words(process.id, step), process: Some(process) })
    });
    found.collect()
}

impl Marked {
    /// A process that is known by its cgroup alone.
    pub(super) fn in_cgroup(id: i32) -> Self {
        Self { id, process: None, words: words(id, "") }
    }

    /// Ends it by force, where it still is.
    pub(super) fn kill(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::KILL);
        }
    }
}

/// The step for which a process runs, where its mark is one that is asked for; empty where it does not say.
fn step_of(id: i32, is_left: &impl Fn(&str) -> bool) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
    let environment = String::from_utf8_lossy(&environment);
    let of = |name: &str| environment.split('\0').find_map(|variable| variable.strip_prefix(name));
    is_left(of("SPARK_RUN=")?).then(|| of("SPARK_STEP=").unwrap_or_default().to_owned())
}

/// What a process is, for the record: its program's name, not its arguments.
fn words(id: i32, step: &str) -> String {
    let name = std::fs::read(format!("/proc/{id}/comm")).unwrap_or_default();
    let name = excerpt(&name);
    let step =
        if step.is_empty() { String::new() } else { format!(" for step {}", excerpt(step.as_bytes())) };
    format!("`{name}` (process {id}), which an earlier runner left running{step}, was ended")
}

fn own_id() -> i32 {
    getpid().as_raw_nonzero().get()
}

/// The session of this process. In a container it is often 0: that of a process outside, which has no number here.
fn own_session() -> i32 {
    Process::read(own_id()).map_or(0, |process| process.session)
}
