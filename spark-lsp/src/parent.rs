//! The editor's process: where it is gone the server goes too, also where somebody else holds the server's pipes open.

use std::sync::Weak;
use std::thread;
use std::time::Duration;

/// How often it is looked whether the editor lives: a server that nobody uses may stay for a moment.
const LOOK: Duration = Duration::from_secs(2);

/// Calls `gone` once a process has ended, unless nobody `wants` that any more. A process that does not live now is none of
/// this machine, as where the server runs in a container, and is not watched.
pub(crate) fn watch(process: i32, wanted: Weak<()>, gone: impl FnOnce() + Send + 'static) {
    if !lives(process) {
        return;
    }
    // without a thread the end of the input still ends the server
    let _ = thread::Builder::new().name("parent".to_owned()).spawn(move || {
        while lives(process) {
            thread::sleep(LOOK);
            if wanted.strong_count() == 0 {
                return;
            }
        }
        gone();
    });
}

#[cfg(unix)]
fn lives(process: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(process).is_some_and(|process| test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn lives(_process: i32) -> bool {
    false
}
