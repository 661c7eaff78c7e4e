//! What the kernel says of this process.

use std::fs;

use super::Metrics;

/// Reads `/proc/self` and keeps what it read last, since counters take differences.
#[derive(Debug, Default)]
pub struct ProcessMeter {
    cpu_seconds: f64,
}

impl ProcessMeter {
    /// Brings the process' metrics up to date. What the kernel does not say becomes NaN, never an old value.
    pub fn sample(&mut self, metrics: &Metrics, limit_bytes: f64) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
        };
        let resident = field("VmRSS:") * 1024.0;
        metrics.resident.set(resident);
        metrics.heap_used.set(resident / limit_bytes);
        metrics.threads.set(field("Threads:"));
        let files =
            fs::read_dir("/proc/self/fd").map(Iterator::count).ok().and_then(|n| u32::try_from(n).ok());
        metrics.open_fds.set(files.map_or(f64::NAN, f64::from));
        if let Some((cpu, start)) = cpu_and_start() {
            metrics.cpu.inc_by((cpu - self.cpu_seconds).max(0.0));
            self.cpu_seconds = cpu;
            metrics.start_time.set(start);
        }
    }
}

/// Processor seconds, and the start as a Unix time.
fn cpu_and_start() -> Option<(f64, f64)> {
    // sysconf(_SC_CLK_TCK) is 100 on every Linux that Rust runs on
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // the name of the program may hold spaces; the fields behind it do not
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<f64>().ok();
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(((number(11)? + number(12)?) / TICKS, boot + number(19)? / TICKS))
}
