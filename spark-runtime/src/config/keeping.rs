//! `rollout`, `notify`, `journal` and `evidence`: how patient a rollout is, who is told, and what is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use spark_core::TimeSpan;
use spark_core::rollout::{Dependency, Pace};

use super::actions::{open_to_others, template, variables};
use super::document::{Kind, Node, Place};
use super::need::Needed;
use super::read::Reader;
use super::secret::SecretSource;
use super::shape::{EVIDENCE, JOURNAL, NOTIFY, POSTGRES, ROLLOUT};
use crate::action::CommandTemplate;

/// How long a message may take where nothing else is said: nobody waits for it, and the next one must not queue behind.
const NOTIFY_TIMEOUT: TimeSpan = TimeSpan::from_seconds(10);

/// How long a lease holds where nothing else is said: a runner that died is replaced after it.
const LEASE: TimeSpan = TimeSpan::from_seconds(30);

/// The shortest lease. It is renewed three times within itself, each over a network that may stall for a second.
const LEASE_MIN: TimeSpan = TimeSpan::from_seconds(3);

/// The schema where nothing else is said.
const SCHEMA: &str = "spark";

/// Longest identifier of PostgreSQL, which cuts what is longer without an error.
const IDENTIFIER_BYTES_MAX: usize = 63;

/// Most that are told: every one of them is at each change of a stage.
pub const NOTIFY_MAX: usize = 16;

/// Who is told of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyConfig {
    /// A program, with the message at its standard input.
    Command {
        /// Its words; the placeholder is `{release}`.
        command: CommandTemplate,
        /// What of the environment it gets besides `PATH` and what Spark sets.
        env: Vec<String>,
        /// How long it may take.
        timeout: TimeSpan,
        /// Where the configuration's secrets are, which are hidden in what it says.
        hidden: Vec<SecretSource>,
    },
    /// An HTTP service, with the message as its body.
    Webhook {
        /// Its address.
        url: NotifyAddress,
        /// The key that signs the message, where it is signed.
        secret: Option<SecretSource>,
        /// How long it may take.
        timeout: TimeSpan,
    },
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyAddress {
    /// An address that may be shown.
    Shown(String),
    /// One that is a secret itself, as those of chat services are.
    Hidden(SecretSource),
}

/// Where the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalConfig {
    /// In the evidence's folder.
    File,
    /// In a PostgreSQL.
    Postgres(PostgresConfig),
}

/// A PostgreSQL that holds journals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// Its address, which holds a password.
    pub url: SecretSource,
    /// How long a runner that is not heard of keeps its rollout.
    pub lease: TimeSpan,
    /// The schema of Spark's tables: small letters, digits and `_`.
    pub schema: String,
}

/// Where the private key is that seals evidence.
pub type KeyConfig = SecretSource;

/// What is kept of a release.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvidenceConfig {
    /// The folder below which evidence goes, where the command line does not say.
    pub dir: Option<PathBuf>,
    /// The key that seals it; a throw-away one where there is none.
    pub key: Option<KeyConfig>,
    /// The log in which each seal is written down at the end of a run.
    pub anchors: Option<PathBuf>,
    /// The probes that look when a stage ends, by their names, for each of the files that they fill.
    pub stages: BTreeMap<Dependency, Vec<String>>,
}

/// The patience of a rollout, which has to leave room for an attempt of the actions, whose place is given.
pub(super) fn pace(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    actions: Place,
    deadline: TimeSpan,
) -> Option<Pace> {
    let fields = match node {
        Some(node) => Some(reader.fields(node, &ROLLOUT)?),
        None => None,
    };
    let at = |key| fields.as_ref().and_then(|fields| fields.get(key));
    let standard = Pace::default();
    let mut span = |key, default| at(key).and_then(|node| reader.span(node)).unwrap_or(default);
    let pace = Pace {
        verify_within: span("verify-within", standard.verify_within),
        rollback_within: span("rollback-within", standard.rollback_within),
        retry_after: span("retry-after", standard.retry_after),
        probe_every: span("probe-every", standard.probe_every),
        hour: span("hour", standard.hour),
    };
    if pace.hour > Pace::HOUR {
        let place = at("hour").map_or(actions, |node| node.place);
        reader.wrong(
            place,
            format!("`hour` ({}) is longer than an hour: a rehearsal's are shorter", pace.hour),
        );
    }
    for (key, within) in [("verify-within", pace.verify_within), ("rollback-within", pace.rollback_within)] {
        let place = at(key).map_or(actions, |node| node.place);
        if within < deadline {
            let words = format!(
                "`{key}` ({within}) is shorter than the actions' deadline ({deadline}): not one attempt would fit"
            );
            reader.wrong(place, words);
        } else if within <= pace.retry_after {
            let words = format!(
                "`{key}` ({within}) is not longer than `retry-after` ({}): there would be no second attempt",
                pace.retry_after
            );
            reader.wrong(place, words);
        }
    }
    Some(pace)
}

pub(super) fn notify(reader: &mut Reader<'_>, node: &Node) -> Vec<NotifyConfig> {
    let items = reader.list(node, "a list of those to tell, such as [ { command: [./tell] } ]");
    if items.len() > NOTIFY_MAX {
        reader.wrong(node.place, format!("{} are to be told: expected at most {NOTIFY_MAX}", items.len()));
    }
    items.iter().filter_map(|item| told(reader, item)).collect()
}

fn told(reader: &mut Reader<'_>, node: &Node) -> Option<NotifyConfig> {
    let fields = reader.fields(node, &NOTIFY)?;
    let timeout = fields.get("timeout").and_then(|node| reader.span(node)).unwrap_or(NOTIFY_TIMEOUT);
    let other = |reader: &mut Reader<'_>, key: &str, of: &str| {
        if fields.get(key).is_some() {
            reader.wrong(fields.place_of(key), format!("`{key}` belongs to a `{of}`"));
        }
    };
    match reader.one_of(&fields, &["command", "webhook"], "each entry tells one")? {
        ("command", node) => {
            other(reader, "secret", "webhook");
            let command = template(reader, node, &["release"]);
            let env = fields.get("env").map(|node| variables(reader, node)).unwrap_or_default();
            Some(NotifyConfig::Command { command: command?, env, timeout, hidden: Vec::new() })
        }
        (_, node) => {
            other(reader, "env", "command");
            let secret = fields.get("secret").map(|node| reader.secret(node));
            let url = match &node.kind {
                Kind::Map(_) => NotifyAddress::Hidden(reader.secret(node)?),
                _ => {
                    let url = reader.address(node, true)?;
                    open_to_others(reader, node, &url);
                    NotifyAddress::Shown(url)
                }
            };
            Some(NotifyConfig::Webhook { url, secret: secret.flatten(), timeout })
        }
    }
}

pub(super) fn journal(reader: &mut Reader<'_>, node: &Node) -> Option<JournalConfig> {
    if let Kind::Scalar { text, .. } = &node.kind {
        if text == "file" {
            return Some(JournalConfig::File);
        }
        reader.unexpected(node, "`file`, or { postgres: { url: { env: SPARK_DATABASE_URL } } }");
        return None;
    }
    let fields = reader.fields(node, &JOURNAL)?;
    let fields = reader.fields(fields.get("postgres")?, &POSTGRES)?;
    let url = fields.get("url").and_then(|node| reader.secret(node));
    let lease = fields.get("lease").and_then(|node| {
        let lease = reader.span(node)?;
        if lease < LEASE_MIN {
            let words = format!("{lease} is too short for a lease, which is renewed over the network: expected at least {LEASE_MIN}");
            reader.wrong(node.place, words);
        }
        Some(lease)
    });
    let schema = fields.get("schema").and_then(|node| {
        reader.name(node, "a schema of small letters, digits and `_`, at most 63", is_identifier)
    });
    Some(JournalConfig::Postgres(PostgresConfig {
        url: url?,
        lease: lease.unwrap_or(LEASE),
        schema: schema.unwrap_or_else(|| SCHEMA.to_owned()),
    }))
}

/// An identifier that needs no quotes in SQL, and is not PostgreSQL's own.
fn is_identifier(name: &str) -> bool {
    name.len() <= IDENTIFIER_BYTES_MAX
        && !name.starts_with("pg_")
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

pub(super) fn evidence(reader: &mut Reader<'_>, node: &Node) -> Option<EvidenceConfig> {
    let fields = reader.fields(node, &EVIDENCE)?;
    let dir = fields.get("dir").and_then(|node| reader.path(node));
    let needs = reader.needs.len();
    let key = fields.get("key").and_then(|node| reader.secret(node));
    if let (Some(SecretSource::File(path)), Some(need)) = (&key, reader.needs.get_mut(needs)) {
        need.needed = Needed::SigningKey(path.clone());
    }
    let anchors = fields.get("anchors").and_then(|node| reader.path(node));
    // which probes there are is known later
    Some(EvidenceConfig { dir, key, anchors, stages: BTreeMap::new() })
}
