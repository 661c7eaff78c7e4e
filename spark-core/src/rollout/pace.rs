//! How patient a rollout is.

use serde::{Deserialize, Serialize};

use crate::time::TimeSpan;

/// The times that a rollout keeps to, beside those of its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pace {
    /// How long a new share may take, from the first attempt, until a probe sees it; then it is taken back.
    pub verify_within: TimeSpan,
    /// How long a rollback may take until a probe sees that the canary has no traffic; then it is unverified.
    pub rollback_within: TimeSpan,
    /// How long is waited before a step is tried or probed again.
    pub retry_after: TimeSpan,
    /// How often the share is measured while a stage serves.
    pub probe_every: TimeSpan,
    /// How long an hour of the first night is. A rehearsal, whose night has to pass in minutes, has shorter ones.
    #[serde(default = "an_hour", skip_serializing_if = "is_an_hour")]
    pub hour: TimeSpan,
}

impl Pace {
    /// An hour of a night that is none of a rehearsal.
    pub const HOUR: TimeSpan = TimeSpan::from_seconds(3600);
}

const fn an_hour() -> TimeSpan {
    Pace::HOUR
}

fn is_an_hour(hour: &TimeSpan) -> bool {
    *hour == Pace::HOUR
}

impl Default for Pace {
    /// One minute for a share, the five minutes of an exchange's runbooks for the way back, five seconds between two
    /// tries, and a look at the traffic every half minute.
    fn default() -> Self {
        Self {
            verify_within: TimeSpan::from_seconds(60),
            rollback_within: TimeSpan::from_seconds(300),
            retry_after: TimeSpan::from_seconds(5),
            probe_every: TimeSpan::from_seconds(30),
            hour: Self::HOUR,
        }
    }
}
