//! All that a command started, and its end.
//!
//! A command that moves traffic must not act any more once its step is over: what an old step left running could move
//! traffic after a rollback. So at its end, in time or not, everything that it started is ended with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

#[cfg(target_os = "linux")]
use super::cgroup::Cgroup;
#[cfg(target_os = "linux")]
use super::processes::{self, Family};

/// How long what was ended by force may take to be gone: the kernel needs milliseconds, a process in the middle of a
/// slow disk's write longer.
pub(super) const REAP: Duration = Duration::from_secs(2);

/// Rounds of the walk: each finds what was started during the one before, and what is found is ended, so that
/// only a storm of new processes outlasts a few.
#[cfg(target_os = "linux")]
const ROUNDS: u32 = 40;

/// How a command is kept together with what it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Containment {
    /// In a cgroup of its own where one can be made, else as [`Walk`](Self::Walk).
    #[default]
    Best,
    /// By its process group, its descendants and a mark in their environment. This process becomes the parent of
    /// orphans below it (`PR_SET_CHILD_SUBREAPER`), also of those that other code here started.
    Walk,
}

/// How a tree was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// Processes besides the command's own that were there.
    pub(super) others: usize,
    /// Processes that could not be ended.
    pub(super) left: usize,
    /// By what.
    pub(super) way: &'static str,
}

/// All that a command started. Dropping it ends it by force.
#[derive(Debug)]
pub(super) struct Tree {
    #[cfg(target_os = "linux")]
    cgroup: Option<Cgroup>,
    #[cfg(target_os = "linux")]
    family: Option<Family>,
    leader: Option<Pid>,
    ended: bool,
}

impl Tree {
    /// The tree of a command that will be started with this mark.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only the group is ended there"))]
    pub(super) fn new(containment: Containment, mark: &str) -> Self {
        #[cfg(target_os = "linux")]
        let cgroup = match containment {
            Containment::Best => Cgroup::new(&format!("{}-{mark}", std::process::id())),
            Containment::Walk => None,
        };
        #[cfg(target_os = "linux")]
        if cgroup.is_none() {
            processes::adopt();
        }
        Self {
            #[cfg(target_os = "linux")]
            cgroup,
            #[cfg(target_os = "linux")]
            family: None,
            leader: None,
            ended: false,
        }
    }

    /// The words that start a program in this tree.
    pub(super) fn enter(&self, program: &Path, arguments: &[String]) -> (PathBuf, Vec<OsString>) {
        #[cfg(target_os = "linux")]
        if let Some(cgroup) = &self.cgroup {
            return cgroup.enter(program, arguments);
        }
        (program.to_owned(), arguments.iter().map(OsString::from).collect())
    }

    /// The command was started as this process, which leads a group.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only the group is ended there"))]
    pub(super) fn started(&mut self, id: u32, mark: &str) {
        self.leader = i32::try_from(id).ok().and_then(Pid::from_raw);
        #[cfg(target_os = "linux")]
        if self.cgroup.is_none() {
            self.family = Some(Family::new(id, mark));
        }
    }

    /// Asks all of it to end, by SIGTERM.
    pub(super) fn ask_to_end(&self) {
        #[cfg(target_os = "linux")]
        {
            if let Some(cgroup) = &self.cgroup {
                for id in cgroup.members().into_iter().filter_map(Pid::from_raw) {
                    let _ = rustix::process::kill_process(id, Signal::TERM);
                }
                return;
            }
            if let Some(family) = &self.family {
                family.signal(Signal::TERM);
                return;
            }
        }
        self.signal_group(Signal::TERM);
    }

    /// Ends all of it by force, and waits for that.
    ///
    /// `leader_lives` says whether the command's own process was still there.
    pub(super) async fn end(&mut self, leader_lives: bool) -> Ended {
        #[cfg(target_os = "linux")]
        {
            if let Some(cgroup) = &mut self.cgroup {
                let others = cgroup.members().len().saturating_sub(usize::from(leader_lives));
                cgroup.kill();
                let left = cgroup.emptied(REAP).await;
                self.ended = left == 0;
                return Ended { others, left, way: "cgroup.kill" };
            }
            if let Some(family) = self.family.clone() {
                let (others, left) = walk(family).await;
                self.ended = left == 0;
                return Ended { others, left, way: "a walk over all processes" };
            }
        }
        self.signal_group(Signal::KILL);
        self.ended = true;
        let _ = leader_lives;
        Ended { others: 0, left: 0, way: "the process group" }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // it may be gone already; then there is nothing to end
            let _ = kill_process_group(leader, signal);
        }
    }
}

/// Ends a family round by round, until a round finds nobody.
#[cfg(target_os = "linux")]
async fn walk(family: Family) -> (usize, usize) {
    let mut most = 0;
    let mut left = 0;
    for round in 0..ROUNDS {
        let family = family.clone();
        // with thousands of processes a look at all of them takes a while, which must not hold up the loop
        let looked = tokio::task::spawn_blocking(move || family.signal(Signal::KILL)).await;
        // a look that failed is no look at nobody
        left = looked.unwrap_or(1);
        most = most.max(left);
        if left == 0 {
            break;
        }
        let pause = REAP.checked_div(ROUNDS).unwrap_or_default();
        tokio::time::sleep(if round == 0 { Duration::from_millis(5) } else { pause }).await;
    }
    (most, left)
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // a cgroup is ended by its own drop
        #[cfg(target_os = "linux")]
        if let Some(family) = &self.family {
            for _ in 0..2 {
                family.signal(Signal::KILL);
            }
        }
        #[cfg(not(target_os = "linux"))]
        self.signal_group(Signal::KILL);
    }
}
