//! CPU time of a thread: what a neighbour on the machine takes away is not in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What this thread has used since it began.
pub(crate) fn used() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(used.tv_sec), u32::try_from(used.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// What work costs this thread.
pub(crate) fn cost<T>(work: impl FnOnce() -> Result<T, String>) -> Result<Duration, String> {
    let before = used();
    std::hint::black_box(work()?);
    Ok(used().saturating_sub(before))
}
