//! The system's clock: the wall time of one moment, carried on by the time since boot.

use std::time::Duration;

use spark_core::rollout::ClockAnchor;
use spark_core::{TimeSpan, Timestamp};

use super::port::Clock;

/// Longest single sleep: after a suspend the time since boot has gone on, and a timer may not have.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// A clock whose instants advance by the time since boot, suspended time included; the wall clock is read once.
///
/// Setting the wall clock moves nothing: it shows in [`Clock::wall`] alone.
#[derive(Debug, Clone)]
pub struct SystemClock {
    anchor: ClockAnchor,
}

impl SystemClock {
    /// A clock that begins with the wall time of now.
    pub fn start() -> Self {
        Self { anchor: ClockAnchor { wall: wall(), boot_nanos: since_boot(), boot: boot() } }
    }

    /// The clock of a rollout that is taken up again: on the same boot it goes on as it was set; on another one it begins anew,
    /// and not before `after`, the record's last instant.
    pub fn resume(before: Option<&ClockAnchor>, after: Timestamp) -> Self {
        if let Some(anchor) = before
            && !anchor.boot.is_empty()
            && anchor.boot == boot()
        {
            return Self { anchor: anchor.clone() };
        }
        let mut clock = Self::start();
        clock.anchor.wall = clock.anchor.wall.max(after);
        clock
    }
}

impl Clock for SystemClock {
    /// To the millisecond: what is finer differs between two machines that agree.
    fn now(&self) -> Timestamp {
        let passed = TimeSpan::from_nanos(since_boot().saturating_sub(self.anchor.boot_nanos).max(0));
        self.anchor.wall.plus(passed).last_multiple(TimeSpan::from_nanos(1_000_000))
    }

    fn wall(&self) -> Timestamp {
        wall()
    }

    fn anchor(&self) -> Option<ClockAnchor> {
        Some(self.anchor.clone())
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.to_std().min(SLEEP_MAX)).await;
        }
    }
}

fn wall() -> Timestamp {
    // before 1970 or after 2262 the system's clock is not set: the ends of the range show it
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Nanoseconds since boot, suspended time included.
#[cfg(target_os = "linux")]
fn since_boot() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

/// Nanoseconds of this process: elsewhere no clock counts suspended time.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> i64 {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = BEGUN.get_or_init(std::time::Instant::now).elapsed();
    i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX)
}

/// Which boot this is; empty where that cannot be known.
fn boot() -> String {
    let id = match cfg!(target_os = "linux") {
        true => std::fs::read_to_string("/proc/sys/kernel/random/boot_id"),
        false => Ok(String::new()),
    };
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the wall clock was set to, by a second or a year, shows in the wall's reading alone: instants go on as they did.
    #[test]
    fn wall_steps() {
        const SECOND: i64 = 1_000;
        const YEAR: i64 = 365 * 86_400 * SECOND;
        for step in [-YEAR, -3_600 * SECOND, -SECOND, SECOND, 3_600 * SECOND, YEAR] {
            let real = SystemClock::start();
            // as if the clock had shown this when it was read, and was set since
            let mut anchor = real.anchor().unwrap();
            anchor.wall = Timestamp::from_millis(anchor.wall.nanos() / 1_000_000 - step);
            let set = SystemClock::resume(Some(&anchor), Timestamp::EPOCH);
            let passed = set.now().nanos() - anchor.wall.nanos();
            assert!((0..10_000_000_000).contains(&passed), "{step}: {passed}");
            let apart = (set.wall().nanos() - set.now().nanos()) / 1_000_000;
            assert!((apart - step).abs() < 10 * SECOND, "{step}: {apart}");
        }
    }

    /// On another boot a clock begins anew, and never before what was recorded.
    #[test]
    fn another_boot() {
        let anchor = ClockAnchor { wall: Timestamp::EPOCH, boot_nanos: 0, boot: "another".to_owned() };
        let after = SystemClock::start().now().plus(TimeSpan::from_seconds(3_600));
        assert!(SystemClock::resume(Some(&anchor), after).now() >= after);
        assert!(SystemClock::resume(Some(&anchor), Timestamp::EPOCH).now() > Timestamp::EPOCH);
    }
}
