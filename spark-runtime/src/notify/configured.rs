//! The recipients that a configuration names.

use std::path::Path;

use super::{Notifier, Recipient};
use crate::action::{CommandSettings, ConfiguredError, Secret};
use crate::config::{NotifyAddress, NotifyConfig, of_process};
use crate::http::HttpConfig;

impl Notifier {
    /// The notifier of a configuration; `folder` is what its programs are relative to. It has to be made inside a runtime.
    ///
    /// # Errors
    /// A secret cannot be read, or a webhook's key or address cannot be used.
    pub fn configured(config: &[NotifyConfig], folder: &Path) -> Result<Self, ConfiguredError> {
        let recipients = config.iter().map(|recipient| recipient_of(recipient, folder));
        Ok(Self::start(recipients.collect::<Result<_, _>>()?)?)
    }
}

fn recipient_of(config: &NotifyConfig, folder: &Path) -> Result<Recipient, ConfiguredError> {
    Ok(match config {
        NotifyConfig::Command { command, env, timeout, hidden } => Recipient::Command {
            command: command.clone(),
            settings: CommandSettings {
                dir: folder.to_owned(),
                environment: env.clone(),
                hidden: hidden.clone(),
                ..CommandSettings::default()
            },
            timeout: *timeout,
        },
        NotifyConfig::Webhook { url, secret, timeout } => Recipient::Webhook {
            url: match url {
                NotifyAddress::Shown(url) => Secret::new(url.as_str()),
                NotifyAddress::Hidden(source) => Secret::new(source.read(&of_process)?),
            },
            secret: secret.as_ref().map(|source| source.read(&of_process)).transpose()?.map(Secret::new),
            http: HttpConfig::default().within(timeout.to_std()),
            timeout: *timeout,
        },
    })
}
