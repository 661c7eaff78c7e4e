//! The action that a configuration names.

use std::path::PathBuf;

use reqwest::Url;

use super::{
    ActionOutcome, Actions, CommandActions, CommandSettings, HaproxyActions, HaproxyAddress, HaproxyError,
    HaproxySettings, Measured, Order, Secret, TOLERANCE_BP, WebhookActions, WebhookError, WebhookSettings,
};
use crate::config::{ActionConfig, ActionsConfig, SecretError, of_process};
use crate::http::{AllowedHost, HttpConfig};

/// What moves traffic, as configured.
#[derive(Debug)]
pub enum ConfiguredActions {
    /// By commands.
    Command(CommandActions),
    /// By HAProxy's weights.
    Haproxy(HaproxyActions),
    /// By requests.
    Webhook(Box<WebhookActions>),
}

/// Why a configured action cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfiguredError {
    /// HAProxy's names.
    #[error(transparent)]
    Haproxy(#[from] HaproxyError),
    /// A webhook's key or address.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The key cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl ConfiguredActions {
    /// The actions of a configuration; `folder` is what its programs are relative to. Only a webhook's own addresses are
    /// asked.
    ///
    /// # Errors
    /// A name or an address cannot be meant, or the key cannot be read.
    pub fn new(config: ActionsConfig, folder: PathBuf) -> Result<Self, ConfiguredError> {
        let ActionsConfig { deadline, action, hidden } = config;
        Ok(match action {
            ActionConfig::Command(command) => Self::Command(CommandActions {
                set: command.set,
                rollback: command.rollback,
                probe: Some(command.probe),
                deadline,
                settings: CommandSettings {
                    dir: folder,
                    environment: command.env,
                    hidden,
                    ..CommandSettings::default()
                },
            }),
            ActionConfig::Haproxy(haproxy) => Self::Haproxy(HaproxyActions::new(HaproxySettings {
                socket: HaproxyAddress::Unix(haproxy.socket),
                backend: haproxy.backend,
                canary: haproxy.canary,
                stable: haproxy.stable,
                tolerance_bp: TOLERANCE_BP,
                drain: false,
                shutdown_sessions: false,
                deadline,
            })?),
            ActionConfig::Webhook(webhook) => {
                let secret = Secret::new(webhook.secret.read(&of_process)?);
                let allow = hosts([&webhook.set, &webhook.rollback, &webhook.probe]);
                let http = HttpConfig { ca_file: webhook.ca_file, allow, ..HttpConfig::default() };
                let (set, rollback, probe) = (webhook.set, webhook.rollback, Some(webhook.probe));
                let settings = WebhookSettings { set, rollback, probe, secret, http, deadline };
                Self::Webhook(Box::new(WebhookActions::new(settings)?))
            }
        })
    }
}

/// The hosts of addresses, as a list of what may be asked; none where one cannot be listed, which then cannot be asked
/// either unless it is an ordinary one.
fn hosts(addresses: [&String; 3]) -> Option<Vec<AllowedHost>> {
    let mut hosts: Vec<AllowedHost> = Vec::new();
    for address in addresses {
        let url = Url::parse(address).ok()?;
        let host: AllowedHost =
            format!("{}:{}", url.host_str()?, url.port_or_known_default()?).parse().ok()?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    Some(hosts)
}

impl Actions for ConfiguredActions {
    async fn take_over(&mut self, rollout: &str, fence: u64) -> Vec<String> {
        match self {
            Self::Command(actions) => actions.take_over(rollout, fence).await,
            Self::Haproxy(actions) => actions.take_over(rollout, fence).await,
            Self::Webhook(actions) => actions.take_over(rollout, fence).await,
        }
    }

    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        match self {
            Self::Command(actions) => actions.set_share(order).await,
            Self::Haproxy(actions) => actions.set_share(order).await,
            Self::Webhook(actions) => actions.set_share(order).await,
        }
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        match self {
            Self::Command(actions) => actions.roll_back(order).await,
            Self::Haproxy(actions) => actions.roll_back(order).await,
            Self::Webhook(actions) => actions.roll_back(order).await,
        }
    }

    async fn measure_share(&mut self, order: &Order) -> Measured {
        match self {
            Self::Command(actions) => actions.measure_share(order).await,
            Self::Haproxy(actions) => actions.measure_share(order).await,
            Self::Webhook(actions) => actions.measure_share(order).await,
        }
    }
}
