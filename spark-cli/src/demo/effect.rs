//! Whether the rollback took effect: measured where it counts, not believed.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Failure;
use super::frame::shown_millis;
use super::traffic::{Traffic, get};

/// The time over which the new version must get nothing, and the stable one something.
const STILL_FOR: Duration = Duration::from_secs(1);

/// How long the effect may take: orders on their way take up to 2 s, and then a second must be good.
const WITHIN: Duration = Duration::from_secs(12);

/// What users are promised: the limit that the rules hold `p95` to.
const USERS_P95_MAX: Duration = Duration::from_millis(200);

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The rollback's effect, as it was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Effect {
    /// Orders that the new version answered within a second.
    pub(crate) new_version_orders: u64,
    /// Orders that the stable version answered within the same second.
    pub(crate) stable_version_orders: u64,
    /// What users met afterwards: the 95th percentile over that second, in milliseconds.
    pub(crate) users_p95_ms: u64,
    /// How long it took to be sure, in milliseconds.
    pub(crate) took_ms: u64,
}

/// Waits until the rollback has taken effect, and measures it; `look` is called before each look.
///
/// # Errors
/// A version cannot be asked, or the effect does not come in time.
pub(crate) async fn verify(
    traffic: &Traffic,
    new: &str,
    stable: &str,
    look: impl Fn(),
) -> Result<Effect, Failure> {
    let began = Instant::now();
    loop {
        look();
        let before = (answered(new).await?, answered(stable).await?);
        tokio::time::sleep(STILL_FOR).await;
        let after = (answered(new).await?, answered(stable).await?);
        let (new_got, stable_got) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        let users = traffic.experience(STILL_FOR);
        let well = users.filter(|users| users.p95 <= USERS_P95_MAX);
        if let (0, 1.., Some(users)) = (new_got, stable_got, well) {
            return Ok(Effect {
                new_version_orders: new_got,
                stable_version_orders: stable_got,
                users_p95_ms: millis(users.p95),
                took_ms: millis(began.elapsed()),
            });
        }
        if began.elapsed() > WITHIN {
            let users = users.map_or_else(|| "unknown".to_owned(), |users| shown_millis(users.p95));
            return Err(Failure(format!(
                "the rollback did not take effect within {WITHIN:?}: in a second the new version answered {new_got} orders, \
                 the stable one {stable_got}, and users' p95 is {users}"
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many orders a version has answered.
async fn answered(base: &str) -> Result<u64, Failure> {
    let page = get(&format!("{base}/metrics")).await?;
    Ok(orders_on(&page))
}

/// The sum of `http_requests_total` on a page.
fn orders_on(page: &str) -> u64 {
    let lines = page.lines().filter(|line| line.starts_with("http_requests_total{"));
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.fold(0, u64::saturating_add)
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Orders are counted over all statuses, and nothing else is.
    #[test]
    fn orders() {
        let page = "# TYPE http_requests_total counter\nhttp_requests_total{status=\"201\"} 40\n\
                    http_requests_total{status=\"500\"} 2\nhttp_requests_other{} 7\n";
        assert_eq!(orders_on(page), 42);
    }
}
