//! Commands that move traffic and measure it: argument vectors, without a shell, with a deadline.
//!
//! A command gets its order in `SPARK_*` variables, of Spark's own environment only what is allowed, and an empty
//! standard input. When its step is over, everything that it started is ended.

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod leftover;
#[cfg(target_os = "linux")]
mod processes;
mod run;
mod settings;
#[cfg(unix)]
mod tree;

use spark_core::TimeSpan;

pub use self::run::{Command, GRACE, OUTPUT_BYTES_MAX};
pub use self::settings::{CommandSettings, Owner};
#[cfg(unix)]
pub use self::tree::Containment;
use super::share::parse_share;
use super::text::excerpt;
use super::{ActionOutcome, Actions, CommandTemplate, Measured, Order};

/// Where trees of processes cannot be ended, only the command's own process is.
#[cfg(not(unix))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Containment {
    /// As well as the system can.
    #[default]
    Best,
}

/// Moves traffic with two commands, and measures it with a third.
#[derive(Debug, Clone)]
pub struct CommandActions {
    /// Gives a share.
    pub set: CommandTemplate,
    /// Takes all back.
    pub rollback: CommandTemplate,
    /// Prints the share that the canary has, as `25`, `25%` or `{"share": 25}`; without it the share is never known.
    pub probe: Option<CommandTemplate>,
    /// How long each may take, where the order does not leave less.
    pub deadline: TimeSpan,
    /// How they run.
    pub settings: CommandSettings,
}

impl CommandActions {
    /// The placeholders of the command that gives a share.
    pub const SET_PLACEHOLDERS: [&'static str; 3] = ["share", "stage", "release"];
    /// The placeholders of the command that takes all back.
    pub const ROLLBACK_PLACEHOLDERS: [&'static str; 3] = ["reason", "stage", "release"];
    /// The placeholders of the command that measures.
    pub const PROBE_PLACEHOLDERS: [&'static str; 2] = ["stage", "release"];

    async fn run(&self, template: &CommandTemplate, order: &Order) -> ActionOutcome {
        let words = template.fill(&[
            ("share", &order.percent()),
            ("stage", &order.stage_number()),
            ("reason", &order.reason),
            ("release", &order.release),
        ]);
        let command =
            Command { words, variables: settings::order_variables(order).to_vec(), input: Vec::new() };
        command.run(&self.settings, self.deadline.min(order.deadline)).await
    }
}

impl Actions for CommandActions {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.run(&self.set, order).await
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.run(&self.rollback, order).await
    }

    async fn take_over(&mut self, rollout: &str, fence: u64) -> Vec<String> {
        let owner = Owner { rollout: rollout.to_owned(), fence };
        self.settings.owner = Some(owner.clone());
        #[cfg(target_os = "linux")]
        return leftover::end(&owner).await;
        #[cfg(not(target_os = "linux"))]
        Vec::new()
    }

    async fn measure_share(&mut self, order: &Order) -> Measured {
        let Some(probe) = &self.probe else { return Measured::unknown("no probe is configured") };
        let outcome = self.run(probe, order).await;
        let program = outcome.command.first().map(String::as_str).unwrap_or_default();
        if !outcome.succeeded() {
            let said = excerpt(outcome.stderr.as_bytes());
            let said = if said.is_empty() { said } else { format!(": `{said}`") };
            return Measured::unknown(format!("the probe `{program}` failed ({}){said}", outcome.status));
        }
        match parse_share(&outcome.stdout) {
            Ok(share_bp) => {
                Measured::share(share_bp, format!("`{program}` measured {}%", super::percent(share_bp)))
            }
            Err(reason) => Measured::unknown(reason),
        }
    }
}
