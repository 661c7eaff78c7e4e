//! What an instance is told at its start: one JSON file, where an unknown word is an error.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of one instance.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which instance this is, as `canary`: it is written into the rows that it answers for.
    pub origin: Origin,
    /// Where orders, health and `/metrics` are served.
    pub listen: SocketAddr,
    /// Where fault switches and the guard's thaw are served; loopback alone.
    pub admin: SocketAddr,
    /// What an operator shows there, as `Authorization: Bearer …`.
    pub admin_token: String,
    /// PostgreSQL through pgBouncer, in transaction pooling.
    pub database: String,
    /// The same database through a pool of its own, for metrics and housekeeping: they must not wait for orders.
    pub watch_database: String,
    /// pgBouncer's admin console, for the use of its pools.
    pub pooler: String,
    /// Most connections to `database`.
    #[serde(default = "connections")]
    pub connections: u32,
    /// Where the venues' WebSockets are, as `ws://127.0.0.1:9000`.
    pub feed: String,
    /// Where events of the outbox go, as `http://127.0.0.1:9000/events`.
    pub publish: String,
    /// How long an idempotency key is kept, in seconds.
    #[serde(default = "ttl")]
    pub idempotency_ttl_seconds: u32,
    /// How often expired keys, and reports beyond what is kept, are collected, in milliseconds.
    #[serde(default = "collect_every")]
    pub collect_every_ms: u32,
    /// What the process may use of memory, in MiB: the measure of `heap_used_ratio`.
    #[serde(default = "memory_limit")]
    pub memory_limit_mib: u32,
    /// How many cores the process may use: the measure of its CPU.
    #[serde(default = "cpu_limit")]
    pub cpu_limit_cores: f64,
    /// What the embedded guard may do.
    #[serde(default)]
    pub guard: GuardMode,
}

const fn connections() -> u32 {
    32
}

/// A day, as most exchanges' interfaces have it.
const fn ttl() -> u32 {
    86_400
}

const fn collect_every() -> u32 {
    1_000
}

const fn memory_limit() -> u32 {
    512
}

fn cpu_limit() -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).map_or(1.0, f64::from)
}

/// What the embedded guard does with its decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum GuardMode {
    /// It is not there at all.
    Off,
    /// It observes and decides, and shows it in the metrics.
    Watch,
    /// It freezes trading.
    #[default]
    Freeze,
}

/// The name of an instance: small letters and digits, since it names a partition too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = text.len() <= 32
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is no name: expected [a-z][a-z0-9_]*, 32 at most"))
        }
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("`{0}` cannot be read: {1}")]
    File(String, std::io::Error),
    /// It says something that is no setting.
    #[error("`{0}`: {1}")]
    Text(String, serde_json::Error),
    /// A setting that would be unsafe or of no use.
    #[error("`{0}`: {1}")]
    Value(String, &'static str),
}

impl Settings {
    /// Reads them from a file.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown word, a value out of range.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| SettingsError::File(name.clone(), error))?;
        let settings: Self =
            serde_json::from_str(&text).map_err(|error| SettingsError::Text(name.clone(), error))?;
        let wrong = if !settings.admin.ip().is_loopback() {
            Some("`admin` can break the service on purpose: expected an address of the loopback")
        } else if settings.admin_token.len() < 16 {
            Some("`admin_token` is shorter than 16 characters")
        } else if settings.connections == 0 || settings.connections > 1_000 {
            Some("`connections` is out of range: expected 1 to 1000")
        } else if settings.idempotency_ttl_seconds == 0 || settings.collect_every_ms == 0 {
            Some("a length of time is zero")
        } else if !(0.01..=1_024.0).contains(&settings.cpu_limit_cores) {
            Some("`cpu_limit_cores` is out of range: expected 0.01 to 1024")
        } else if settings.memory_limit_mib < 32 {
            Some("`memory_limit_mib` is below 32, which the process needs by itself")
        } else {
            None
        };
        match wrong {
            Some(why) => Err(SettingsError::Value(name, why)),
            None => Ok(settings),
        }
    }

    /// How often expired keys are collected.
    pub fn collect_every(&self) -> Duration {
        Duration::from_millis(u64::from(self.collect_every_ms))
    }
}
