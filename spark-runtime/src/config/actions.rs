//! `actions`: what moves traffic, and what measures it. Plain data; `action` carries it out.

use std::path::PathBuf;

use reqwest::Url;
use spark_core::TimeSpan;

use super::document::Node;
use super::need::Needed;
use super::read::Reader;
use super::secret::SecretSource;
use super::shape::{ACTIONS, COMMAND, HAPROXY, WEBHOOK};
use crate::action::{CommandActions, CommandTemplate};

/// How long a step may take where nothing else is said. Load balancers reload within seconds; a rollback has five
/// minutes end to end, of which this must leave several attempts.
const DEADLINE: TimeSpan = TimeSpan::from_seconds(30);

/// What moves traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionsConfig {
    /// How long each attempt may take.
    pub deadline: TimeSpan,
    /// What is asked to.
    pub action: ActionConfig,
    /// Where the configuration's secrets are, which are hidden in what commands say.
    pub hidden: Vec<SecretSource>,
}

/// What is asked to move traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionConfig {
    /// Programs.
    Command(CommandConfig),
    /// An HAProxy, over its runtime socket.
    Haproxy(HaproxyConfig),
    /// An HTTP service.
    Webhook(WebhookConfig),
}

/// Programs that move traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandConfig {
    /// Gives the canary a share.
    pub set: CommandTemplate,
    /// Takes all traffic back.
    pub rollback: CommandTemplate,
    /// Prints the share that the canary has.
    pub probe: CommandTemplate,
    /// What of the environment they get besides `PATH` and what Spark sets.
    pub env: Vec<String>,
}

/// An HAProxy whose servers' weights are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaproxyConfig {
    /// Its runtime socket.
    pub socket: PathBuf,
    /// The backend.
    pub backend: String,
    /// The servers of the canary, at least one.
    pub canary: Vec<String>,
    /// The servers of the stable version, at least one.
    pub stable: Vec<String>,
}

/// An HTTP service that moves traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Gives the canary a share.
    pub set: String,
    /// Takes all traffic back.
    pub rollback: String,
    /// Answers with the share that the canary has.
    pub probe: String,
    /// The key that signs requests.
    pub secret: SecretSource,
    /// The only authority that is trusted for it.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<ActionsConfig> {
    let fields = reader.fields(node, &ACTIONS)?;
    let deadline = fields.get("deadline").and_then(|node| reader.span(node)).unwrap_or(DEADLINE);
    let kinds = ["command", "haproxy", "webhook"];
    let action = match reader.one_of(&fields, &kinds, "one of them moves the traffic")? {
        ("command", node) => ActionConfig::Command(command(reader, node)?),
        ("haproxy", node) => ActionConfig::Haproxy(haproxy(reader, node)?),
        (_, node) => ActionConfig::Webhook(webhook(reader, node)?),
    };
    Some(ActionsConfig { deadline, action, hidden: Vec::new() })
}

fn command(reader: &mut Reader<'_>, node: &Node) -> Option<CommandConfig> {
    let fields = reader.fields(node, &COMMAND)?;
    let mut template = |key, known: &[&str]| template(reader, fields.get(key)?, known);
    let set = template("set", &CommandActions::SET_PLACEHOLDERS);
    let rollback = template("rollback", &CommandActions::ROLLBACK_PLACEHOLDERS);
    let probe = template("probe", &CommandActions::PROBE_PLACEHOLDERS);
    let env = fields.get("env").map(|node| variables(reader, node)).unwrap_or_default();
    Some(CommandConfig { set: set?, rollback: rollback?, probe: probe?, env })
}

/// A command's words. No shell reads them, and nothing but placeholders is replaced in them.
pub(super) fn template(reader: &mut Reader<'_>, node: &Node, known: &[&str]) -> Option<CommandTemplate> {
    const EXPECTED: &str =
        "a list of words, the program first, such as [./program, \"{share}\"]; no shell reads it";
    let problems = reader.problems.len();
    let items = reader.list(node, EXPECTED);
    let words: Vec<String> =
        items.iter().filter_map(|item| reader.unreplaced(item, "a word of the command")).collect();
    if reader.problems.len() > problems || words.len() < items.len() {
        return None;
    }
    match CommandTemplate::new(words, known) {
        Ok(template) => {
            if let Some(program) = template.fill(&[]).into_iter().next() {
                let place = items.first().map_or(node.place, |item| item.place);
                let folder = reader.base.to_owned();
                reader.need(place, Needed::Program(program, folder));
            }
            Some(template)
        }
        Err(error) => {
            reader.wrong(node.place, error.to_string());
            None
        }
    }
}

/// The variables that a command gets.
pub(super) fn variables(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let mut names = Vec::new();
    for item in reader.list(node, "a list of names of environment variables, such as [KUBECONFIG]") {
        let Some(name) = reader.variable(item) else { continue };
        if name.starts_with("SPARK_") {
            reader.wrong(
                item.place,
                format!("`{name}`: the names that begin with SPARK_ are set by Spark itself"),
            );
        } else if names.contains(&name) {
            reader.wrong(item.place, format!("`{name}` stands twice"));
        } else {
            reader.need(item.place, Needed::Variable(name.clone()));
            names.push(name);
        }
    }
    names
}

fn haproxy(reader: &mut Reader<'_>, node: &Node) -> Option<HaproxyConfig> {
    let fields = reader.fields(node, &HAPROXY)?;
    let socket = fields.get("socket").and_then(|node| {
        let path = reader.path(node)?;
        reader.need(node.place, Needed::Socket(path.clone()));
        Some(path)
    });
    let backend =
        fields.get("backend").and_then(|node| reader.name(node, "the name of a backend", is_proxy_name));
    let mut servers = |key| Some(reader.names(fields.get(key)?, "the name of a server", is_proxy_name));
    let (canary, stable) = (servers("canary"), servers("stable"));
    let (canary, stable) = (canary?, stable?);
    if let Some(both) = canary.iter().find(|name| stable.contains(name)) {
        let words = format!("`{both}` is in `canary` and in `stable`: a server runs one version");
        reader.wrong(fields.place_of("stable"), words);
    }
    Some(HaproxyConfig { socket: socket?, backend: backend?, canary, stable })
}

/// What HAProxy accepts as a name; nothing else may reach its command line, where `;` begins the next command.
fn is_proxy_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
}

fn webhook(reader: &mut Reader<'_>, node: &Node) -> Option<WebhookConfig> {
    let fields = reader.fields(node, &WEBHOOK)?;
    let mut address = |key| {
        let node = fields.get(key)?;
        let url = reader.address(node, true)?;
        open_to_others(reader, node, &url);
        Some(url)
    };
    let (set, rollback, probe) = (address("set"), address("rollback"), address("probe"));
    let secret = fields.get("secret").and_then(|node| reader.secret(node));
    let ca_file = fields.get("ca-file").and_then(|node| reader.certificates(node));
    Some(WebhookConfig { set: set?, rollback: rollback?, probe: probe?, secret: secret?, ca_file })
}

/// Notes an address that is asked without encryption, beyond this machine.
pub(super) fn open_to_others(reader: &mut Reader<'_>, node: &Node, url: &str) {
    let Ok(parsed) = Url::parse(url) else { return };
    let host = parsed.host_str().unwrap_or_default();
    let own = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    if parsed.scheme() == "http" && !own {
        reader.need(node.place, Needed::Plain(url.to_owned()));
    }
}
