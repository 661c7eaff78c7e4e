//! Counting: a workload in a process of its own, under valgrind.

use std::process::{Command, Stdio};

use crate::workload::Workload;

/// A workload's instructions for one of its units: what twice the repetitions cost more than once, shared out.
pub(crate) fn each(workload: &Workload) -> Result<u64, String> {
    let times = workload.times;
    let once = instructions(workload.name, times)?;
    let twice = instructions(workload.name, times.saturating_mul(2))?;
    let units = (workload.run)(0)?.saturating_mul(times);
    twice
        .checked_sub(once)
        .and_then(|more| more.checked_div(units))
        .ok_or_else(|| format!("{}: {once} instructions, and {twice} for twice the work", workload.name))
}

/// The instructions of the whole process, which cachegrind counts without simulating a cache.
fn instructions(name: &str, times: u64) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(own)
        .args(["run", name, &times.to_string()])
        // what the process reads of its environment is its own affair
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}. Install it: apt-get install valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let found = said
        .lines()
        .find_map(|line| line.split_once("refs:"))
        .and_then(|(_, number)| number.trim().replace(',', "").parse().ok());
    match found.filter(|_| output.status.success()) {
        Some(number) => Ok(number),
        None => Err(format!("{name} under valgrind ended with {}:\n{said}", output.status)),
    }
}
