//! Carrying out steps: what moves traffic, and what measures where the traffic is.
//!
//! An action's own word is never proof: a command that exits 0 may have done nothing, one that was killed may have
//! done all. So [`Actions`] has three ways to end (done, not done, nobody knows) and a probe that measures the share of
//! traffic by itself, and the rollout believes only the probe.

#[cfg(feature = "http")]
mod command;
#[cfg(feature = "http")]
mod configured;
#[cfg(feature = "http")]
mod haproxy;
#[cfg(feature = "http")]
pub(crate) mod hidden;
mod order;
mod outcome;
#[cfg(feature = "http")]
mod secret;
#[cfg(feature = "http")]
mod share;
#[cfg(feature = "http")]
mod template;
#[cfg(feature = "http")]
pub(crate) mod text;
#[cfg(feature = "http")]
pub(crate) mod webhook;

use std::future::Future;

#[cfg(feature = "http")]
pub use self::command::{
    Command, CommandActions, CommandSettings, Containment, GRACE, OUTPUT_BYTES_MAX, Owner,
};
#[cfg(feature = "http")]
pub use self::configured::{ConfiguredActions, ConfiguredError};
#[cfg(feature = "http")]
pub use self::haproxy::{HaproxyActions, HaproxyAddress, HaproxyError, HaproxySettings, TOLERANCE_BP};
pub use self::order::{Order, percent};
pub use self::outcome::{ActionEnd, ActionOutcome, Measured};
#[cfg(feature = "http")]
pub use self::secret::Secret;
#[cfg(feature = "http")]
pub use self::template::{CommandTemplate, TemplateError};
#[cfg(feature = "http")]
pub use self::webhook::{KEY_BYTES_MIN, WebhookActions, WebhookError, WebhookSettings};

/// What moves traffic, and measures where it is. Nothing here decides: each call is one step of one rollout.
///
/// Every call ends by itself: within the order's deadline, or a few seconds after it where something has to be ended by
/// force. It may be repeated with the same key.
pub trait Actions: Send {
    /// A runner has the rollout now, and nobody else has. What an earlier runner of it started on this machine and could not end, as it was
    /// killed, is ended here, so that none of it moves traffic any more; gives each in words. Called once, before any other.
    ///
    /// `rollout` is the rollout's own name, which no other rollout has; only what was started under a lower fence is ended.
    fn take_over(&mut self, rollout: &str, fence: u64) -> impl Future<Output = Vec<String>> + Send {
        let _ = (rollout, fence);
        std::future::ready(Vec::new())
    }

    /// Gives the canary the order's share of traffic.
    fn set_share(&mut self, order: &Order) -> impl Future<Output = ActionOutcome> + Send;

    /// Takes all traffic back to the stable version.
    fn roll_back(&mut self, order: &Order) -> impl Future<Output = ActionOutcome> + Send;

    /// Measures the share of traffic that the canary has now. The order's share is the one that is expected.
    fn measure_share(&mut self, order: &Order) -> impl Future<Output = Measured> + Send;
}
