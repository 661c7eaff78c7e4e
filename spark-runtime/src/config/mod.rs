//! The configuration, `spark.yaml`: where samples come from, what moves traffic, when nothing may, and what is kept.
//!
//! ```yaml
//! spark: 1
//! sources:
//!   prometheus: { url: "http://prometheus:9090", token-file: prometheus.token }
//! actions:
//!   command:
//!     set: [./set-traffic, "{share}"]
//!     rollback: [./roll-back, "{reason}"]
//!     probe: [./share-now]
//! ```
//!
//! It is YAML by way of events with places (`saphyr-parser`) and a reader of its own rather than by serde: everything
//! that is wrong is told in one go, with line and column; a scalar is seen as it is written, so that `no`, `007` and `1e3`
//! never silently become something else; and no secret passes through an error of another library.
//!
//! What is read is plain data. `action`, `journal`, `notify` and `evidence` carry it out.

mod actions;
mod address;
mod document;
mod environment;
mod freeze;
mod keeping;
mod need;
mod old;
mod plain;
#[cfg(feature = "postgres")]
mod probes;
mod read;
mod secret;
mod shape;
#[cfg(feature = "postgres")]
mod shape_probes;
mod sign_off;
mod sources;
#[cfg(feature = "postgres")]
mod stages;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use secrecy::{ExposeSecret, SecretString as Secret};
use serde::Serialize;
use spark_core::TimeSpan;
use spark_core::rollout::Pace;

pub use self::actions::{ActionConfig, ActionsConfig, CommandConfig, HaproxyConfig, WebhookConfig};
pub use self::document::{CONFIG_BYTES_MAX, DEPTH_MAX, NODES_MAX, TEXT_BYTES_MAX};
use self::document::{Kind, Node, Problem};
pub use self::environment::{Lookup, of_process};
pub use self::freeze::{Days, FreezeCalendar, FreezeTime, FreezeWindow, WINDOWS_MAX};
pub use self::keeping::{
    EvidenceConfig, JournalConfig, KeyConfig, NOTIFY_MAX, NotifyAddress, NotifyConfig, PostgresConfig,
};
use self::need::Need;
#[cfg(feature = "postgres")]
pub use self::probes::PROBES_MAX;
#[cfg(feature = "postgres")]
pub(crate) use self::probes::secrets as secrets_of_probe;
use self::read::Reader;
pub use self::read::SPAN_MAX;
pub use self::secret::{SECRET_BYTES_MAX, SecretError, SecretSource};
pub use self::sign_off::ROLES_MAX;
pub use self::sources::SourceConfig;
use crate::http::AllowedHost;

/// The published schema of the format, a JSON Schema 2020-12.
pub const SCHEMA: &str = include_str!("../../../docs/schemas/config.schema.json");

/// The version of the format that is read.
const VERSION: i64 = 1;

/// Most problems that are told of one file: what comes behind them mostly follows from them.
pub const PROBLEMS_MAX: usize = 50;

/// A configuration that was read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that relative paths and programs are in: that of the file.
    pub folder: PathBuf,
    /// Where samples come from.
    pub source: SourceConfig,
    /// The servers that the source may ask: those of `sources.allow`, or those that its addresses name.
    pub allow: Vec<AllowedHost>,
    /// What moves traffic.
    pub actions: ActionsConfig,
    /// How patient a rollout is.
    pub pace: Pace,
    /// When nothing advances.
    pub freeze: FreezeCalendar,
    /// Who is told of changes.
    pub notify: Vec<NotifyConfig>,
    /// Where the journal is.
    pub journal: JournalConfig,
    /// What is kept.
    pub evidence: EvidenceConfig,
    /// What is measured before a release, by the names that checks use.
    #[cfg(feature = "postgres")]
    pub probes: std::collections::BTreeMap<String, crate::probe::ProbeKind>,
    /// The roles that have to sign a release by name.
    pub sign_off: Vec<String>,
    needs: Vec<Need>,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// A rollout cannot run with it.
    Error,
    /// It can hardly be meant.
    Warning,
}

impl fmt::Display for FindingSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What was found in a configuration, and where. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFinding {
    /// How bad it is.
    pub severity: FindingSeverity,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What it is.
    #[serde(rename = "message")]
    pub words: String,
}

/// Why there is no configuration: all that is wrong with the file, by line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// The file.
    pub file: String,
    /// What is wrong, at least one thing and at most [`PROBLEMS_MAX`].
    pub findings: Vec<ConfigFinding>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, ConfigFinding { line, column, words, .. }) in self.findings.iter().enumerate() {
            let before = if place == 0 { "" } else { "\n" };
            write!(f, "{before}{}:{line}:{column}: {words}", self.file)?;
        }
        Ok(())
    }
}

/// Why a configuration cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{file}`: {reason}")]
    Unread {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It can be read, and is wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigErrors),
}

impl Config {
    /// Reads a file; `${NAME}` gets its value from this process' environment.
    ///
    /// # Errors
    /// The file cannot be read, or is no configuration.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let unread = |error: std::io::Error| ConfigError::Unread {
            file: file.display().to_string(),
            reason: error.to_string(),
        };
        let mut bytes = Vec::new();
        // one byte more than is read shows that it is too long
        let limit = u64::try_from(CONFIG_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(file)
            .and_then(|open| open.take(limit).read_to_end(&mut bytes))
            .map_err(unread)?;
        Ok(Self::parse(file, &bytes, &of_process)?)
    }

    /// Reads a configuration; `file` is what errors call it, and its folder is what its paths are relative to.
    ///
    /// # Errors
    /// It is no YAML, has unknown or missing keys, or values that cannot be meant.
    pub fn parse(file: &Path, bytes: &[u8], lookup: Lookup<'_>) -> Result<Self, ConfigErrors> {
        let base = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        read_all(base, bytes, lookup).map_err(|mut problems| {
            problems.sort_by_key(|problem| problem.place);
            problems.dedup();
            let more = problems.len().saturating_sub(PROBLEMS_MAX);
            problems.truncate(PROBLEMS_MAX);
            let finding = |Problem { place, words }| ConfigFinding {
                severity: FindingSeverity::Error,
                line: place.line,
                column: place.column,
                words,
            };
            let mut findings: Vec<ConfigFinding> = problems.into_iter().map(finding).collect();
            if let (Some(last), true) = (findings.last_mut(), more > 0) {
                last.words.push_str(&format!(" (and {more} more)"));
            }
            ConfigErrors { file: file.display().to_string(), findings }
        })
    }

    /// Where all its secrets are: tokens, keys, and addresses that are secrets themselves.
    fn secrets(&self) -> Vec<SecretSource> {
        let token = match &self.source {
            SourceConfig::Prometheus(prometheus) => &prometheus.token_file,
            SourceConfig::Scrape { http, .. } => &http.token_file,
        };
        let mut secrets: Vec<SecretSource> = token.iter().cloned().map(SecretSource::File).collect();
        if let ActionConfig::Webhook(webhook) = &self.actions.action {
            secrets.push(webhook.secret.clone());
        }
        for told in &self.notify {
            if let NotifyConfig::Webhook { url, secret, .. } = told {
                secrets.extend(secret.clone());
                if let NotifyAddress::Hidden(url) = url {
                    secrets.push(url.clone());
                }
            }
        }
        if let JournalConfig::Postgres(postgres) = &self.journal {
            secrets.push(postgres.url.clone());
        }
        secrets.extend(self.evidence.key.clone());
        #[cfg(feature = "postgres")]
        secrets.extend(self.probes.values().flat_map(probes::secrets));
        secrets
    }

    /// What the configuration needs of this machine and is not there now, or should not be so: programs, files, secrets,
    /// sockets. Nothing is run, asked or changed.
    pub fn look(&self, lookup: Lookup<'_>) -> Vec<ConfigFinding> {
        let mut findings: Vec<ConfigFinding> = self.needs.iter().flat_map(|need| need.look(lookup)).collect();
        findings.sort_by_key(|found| (found.line, found.column));
        findings.dedup();
        findings
    }
}

/// Every key that there is, by the name of its map in the [`SCHEMA`]'s `$defs` (`config` is the file itself), and whether it is
/// needed.
pub fn keys() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let of = |shape: &&'static shape::Shape| {
        let name = shape.name;
        shape.keys.iter().map(move |key| (name, key.name, key.needed.is_some()))
    };
    let shapes = shape::SHAPES.iter();
    #[cfg(feature = "postgres")]
    let shapes = shapes.chain(shape_probes::PROBE_SHAPES);
    shapes.flat_map(of)
}

fn read_all(base: &Path, bytes: &[u8], lookup: Lookup<'_>) -> Result<Config, Vec<Problem>> {
    if let Some(problem) = old::is_old(bytes) {
        return Err(vec![problem]);
    }
    let document = document::read(bytes)?;
    let mut reader = Reader::new(base, lookup, document.problems);
    let config = config(&mut reader, &document.root);
    match config {
        Some(config) if reader.problems.is_empty() => Ok(config),
        _ => Err(reader.problems),
    }
}

fn config(reader: &mut Reader<'_>, root: &Node) -> Option<Config> {
    let fields = reader.fields(root, &shape::CONFIG)?;
    if let Some(node) = fields.get("spark") {
        version(reader, node);
    }
    let source = fields.get("sources").and_then(|node| sources::read(reader, node));
    let actions = fields.get("actions").and_then(|node| actions::read(reader, node));
    let deadline = actions.as_ref().map_or(TimeSpan::ZERO, |actions| actions.deadline);
    let pace = keeping::pace(reader, fields.get("rollout"), fields.place_of("actions"), deadline);
    let freeze = fields.get("freeze").map(|node| freeze::read(reader, node));
    let notify = fields.get("notify").map(|node| keeping::notify(reader, node));
    let journal = fields.get("journal").map(|node| keeping::journal(reader, node));
    let evidence = fields.get("evidence").map(|node| keeping::evidence(reader, node));
    let sign_off = fields.get("sign-off").map(|node| sign_off::read(reader, node)).unwrap_or_default();
    #[cfg(feature = "postgres")]
    let probes = match fields.get("probes") {
        Some(node) => {
            let listed =
                source.as_ref().filter(|(_, _, listed)| *listed).map(|(_, allow, _)| allow.as_slice());
            probes::read(reader, node, listed)
        }
        None => std::collections::BTreeMap::new(),
    };
    #[cfg(feature = "postgres")]
    let stages = fields.get("evidence").map(|node| stages::read(reader, node, &probes)).unwrap_or_default();
    let (source, allow, _) = source?;
    let mut config = Config {
        folder: reader.base.to_owned(),
        source,
        allow,
        actions: actions?,
        pace: pace?,
        freeze: freeze.unwrap_or_default(),
        notify: notify.unwrap_or_default(),
        journal: journal.unwrap_or(Some(JournalConfig::File))?,
        evidence: evidence.unwrap_or_else(|| Some(EvidenceConfig::default()))?,
        #[cfg(feature = "postgres")]
        probes,
        sign_off,
        needs: std::mem::take(&mut reader.needs),
    };
    #[cfg(feature = "postgres")]
    {
        config.evidence.stages = stages;
    }
    hide(&mut config);
    Some(config)
}

/// Tells all that run commands where secrets are, their own and each other's: a command may read what Spark does.
fn hide(config: &mut Config) {
    let secrets = config.secrets();
    for told in &mut config.notify {
        if let NotifyConfig::Command { hidden, .. } = told {
            hidden.clone_from(&secrets);
        }
    }
    config.actions.hidden = secrets;
}

fn version(reader: &mut Reader<'_>, node: &Node) {
    match &node.kind {
        Kind::Scalar { text, quoted: false } if plain::Plain::of(text) == plain::Plain::Whole(VERSION) => {}
        _ => reader.unexpected(node, "1, the version of this format that this release of Spark reads"),
    }
}
