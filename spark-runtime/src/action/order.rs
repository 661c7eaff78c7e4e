//! What an action is asked for.

use serde::{Deserialize, Serialize};
use spark_core::TimeSpan;

/// One step that is to be carried out: what an action gets, a command in its environment and a webhook in its body.
///
/// A repeated order carries the same key: whoever receives it can tell a repetition from a new order, and one from an
/// older runner by its fence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The release's name.
    pub release: String,
    /// The step's idempotency key, `RELEASE/EPOCH.NUMBER`: `1.4/3.7`.
    pub key: String,
    /// The fencing token: it only ever grows, and an order with a smaller one than seen comes from a runner that has
    /// lost the rollout.
    pub fence: u64,
    /// The stage's place in the plan, from 0.
    pub stage: u32,
    /// The share of traffic that the canary is to have after it, in hundredths of a percent; 0 for a rollback.
    pub share_bp: u16,
    /// Why: trigger and signal names, or what failed; may be empty.
    pub reason: String,
    /// How long it may take from now.
    pub deadline: TimeSpan,
}

impl Order {
    /// The share in percent, as a plain number: `25`, `0.5`.
    pub fn percent(&self) -> String {
        percent(self.share_bp)
    }

    /// The stage as people count them, from 1.
    pub fn stage_number(&self) -> String {
        self.stage.saturating_add(1).to_string()
    }
}

/// A share in hundredths of a percent as a plain number of percent: `25`, `0.5`.
///
/// ```
/// assert_eq!(spark_runtime::action::percent(2500), "25");
/// assert_eq!(spark_runtime::action::percent(5), "0.05");
/// ```
pub fn percent(share_bp: u16) -> String {
    rust_decimal::Decimal::new(i64::from(share_bp), 2).normalize().to_string()
}
