//! Whole processes: their CPU time (user and system, from the kernel), wall time and most memory.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers of a measurement; an overflow would end it"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// What a process cost, and whether it ended well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) peak_bytes: u64,
    pub(crate) code: Option<i32>,
}

/// Runs a command to its end; its output goes into a file.
pub(crate) fn run(command: &mut Command, output: &Path) -> Result<Cost, String> {
    let words = format!("{command:?}");
    let failed = |error: std::io::Error| format!("{words}: {error}");
    let to = File::create(output).map_err(failed)?;
    command.stdin(Stdio::null()).stderr(to.try_clone().map_err(failed)?).stdout(to);
    let start = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    let (used, wall, peak_bytes) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(peak_bytes(pid).unwrap_or(0));
                std::thread::sleep(LOOK_EVERY);
            }
            peak
        });
        let used = child.wait4();
        let wall = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        (used, wall, looking.join().unwrap_or(0))
    });
    let used = used.map_err(failed)?;
    Ok(Cost { cpu: used.rusage.utime + used.rusage.stime, wall, peak_bytes, code: used.status.code() })
}

/// How often a process is asked for its most memory: what it takes and ends with within such a time is not seen.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The most memory that a process had so far, as Linux keeps it for each address space. The `maxrss` of a process that has ended is no
/// such figure: what its parent had when it started it counts there too.
fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// The same, and an error unless it ends with this code.
pub(crate) fn expect_code(code: i32, command: &mut Command, output: &Path) -> Result<Cost, String> {
    let cost = run(command, output)?;
    if cost.code == Some(code) {
        return Ok(cost);
    }
    let said = std::fs::read_to_string(output).unwrap_or_default();
    let said: String = said.chars().take(2_000).collect();
    Err(format!("{command:?} ended with {:?}, expected {code}:\n{said}", cost.code))
}

/// Builds the command line as it is shipped, and says where it is: never a binary of yesterday.
pub(crate) fn spark() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--locked", "--quiet", "--package", "spark-cli"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    let here = std::env::current_exe().map_err(|error| error.to_string())?;
    let spark = here.with_file_name("spark");
    match built.success() && spark.exists() {
        true => Ok(spark),
        false => Err(format!("no {}: run `cargo run --release -p spark-benches`", spark.display())),
    }
}

/// A folder that is gone when it is dropped.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Result<Self, String> {
        tempfile::tempdir().map(Self).map_err(|error| format!("no folder for the run: {error}"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.path(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

/// The median, the least and the most of some times.
pub(crate) fn spread(times: &[Duration]) -> (Duration, Duration, Duration) {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    (at(times.len() / 2), at(0), at(times.len().saturating_sub(1)))
}

/// A row of a table: what, median, least and most.
pub(crate) fn row(what: &str, times: &[Duration]) -> String {
    let (median, least, most) = spread(times);
    format!("{what:<34} {median:>10.3?}   {least:>10.3?} to {most:>10.3?}")
}

/// How many times as long the first took as the second, medians.
pub(crate) fn ratio(peer: &[Duration], ours: &[Duration]) -> f64 {
    spread(peer).0.as_secs_f64() / spread(ours).0.as_secs_f64()
}
