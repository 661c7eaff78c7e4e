//! `sources`: where samples come from, and whom Spark may ask.

use reqwest::Url;
use spark_core::metrics::{LabelMatch, LabelMatcher};
use spark_core::{TimeSpan, Track};

use super::document::{Node, Place};
use super::need::Needed;
use super::read::{Fields, Reader};
use super::shape::{PROMETHEUS, SCRAPE, SOURCES};
use crate::http::{AllowedHost, HttpConfig};
use crate::source::prometheus::PrometheusConfig;
use crate::source::scrape::{TARGETS_MAX, Target};

/// How long a request to a source may take where nothing else is said.
const TIMEOUT: TimeSpan = TimeSpan::from_seconds(5);

/// Where samples come from.
#[derive(Debug, Clone)]
pub enum SourceConfig {
    /// A Prometheus.
    Prometheus(PrometheusConfig),
    /// The instances themselves.
    Scrape {
        /// What is scraped.
        targets: Vec<Target>,
        /// How it is asked.
        http: HttpConfig,
    },
}

/// Where an address of a source stands, and which server it asks.
struct Asked {
    place: Place,
    server: AllowedHost,
}

/// Where samples come from, the servers that may be asked, and whether the file lists them.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<(SourceConfig, Vec<AllowedHost>, bool)> {
    let fields = reader.fields(node, &SOURCES)?;
    let mut asked = Vec::new();
    let source = match reader.one_of(&fields, &["prometheus", "scrape"], "a signal comes from one source") {
        Some(("prometheus", node)) => prometheus(reader, node, &mut asked),
        Some((_, node)) => scrape(reader, node, &mut asked),
        None => None,
    };
    let allow = match fields.get("allow") {
        Some(node) => allow(reader, node, &asked),
        None => {
            let mut servers: Vec<AllowedHost> = asked.into_iter().map(|asked| asked.server).collect();
            servers.sort();
            servers.dedup();
            servers
        }
    };
    let mut source = source?;
    match &mut source {
        SourceConfig::Prometheus(config) => config.allow = Some(allow.clone()),
        SourceConfig::Scrape { http, .. } => http.allow = Some(allow.clone()),
    }
    Some((source, allow, fields.get("allow").is_some()))
}

/// The servers that are allowed; each that is asked has to be among them.
fn allow(reader: &mut Reader<'_>, node: &Node, asked: &[Asked]) -> Vec<AllowedHost> {
    const EXPECTED: &str = "a server with its port, such as prometheus:9090";
    let mut servers: Vec<AllowedHost> = Vec::new();
    for item in reader.list(node, "a list of servers, such as [prometheus:9090]") {
        let Some(text) = reader.replaced(item, EXPECTED) else { continue };
        match text.parse::<AllowedHost>() {
            Ok(server) if servers.contains(&server) => {
                reader.wrong(item.place, format!("`{server}` stands twice"))
            }
            Ok(server) => servers.push(server),
            Err(words) => reader.wrong(item.place, words),
        }
    }
    for Asked { place, server } in asked {
        if !servers.contains(server) {
            let words = format!("`{server}` is asked here, and is not in `allow` (line {})", node.place.line);
            reader.wrong(*place, words);
        }
    }
    servers
}

fn prometheus(reader: &mut Reader<'_>, node: &Node, asked: &mut Vec<Asked>) -> Option<SourceConfig> {
    let fields = reader.fields(node, &PROMETHEUS)?;
    let http = http(reader, &fields);
    let matchers = |reader: &mut Reader<'_>, key| Some(labels(reader, fields.get(key)?));
    let canary = matchers(reader, "canary");
    let baseline = matchers(reader, "baseline");
    let url = address(reader, fields.get("url")?, false, asked)?;
    let mut config = PrometheusConfig::new(url);
    config.token_file = http.token_file;
    config.ca_file = http.ca_file;
    config.timeout = http.total_timeout;
    config.canary = canary.unwrap_or(config.canary);
    config.baseline = baseline.unwrap_or(config.baseline);
    Some(SourceConfig::Prometheus(config))
}

fn scrape(reader: &mut Reader<'_>, node: &Node, asked: &mut Vec<Asked>) -> Option<SourceConfig> {
    let fields = reader.fields(node, &SCRAPE)?;
    let http = http(reader, &fields);
    let mut targets = Vec::new();
    for (key, track) in [("canary", Track::Canary), ("baseline", Track::Baseline)] {
        let Some(node) = fields.get(key) else { continue };
        let items = reader.list(node, "a list of addresses, such as [http://10.0.0.2:9100/metrics]");
        if items.is_empty() && track == Track::Canary && reader.problems.is_empty() {
            reader.wrong(node.place, "`canary` names no address to scrape");
        }
        for item in items {
            let Some(url) = address(reader, item, true, asked) else { continue };
            let target = Target { url, track };
            match targets.contains(&target) {
                true => {
                    reader.wrong(item.place, "this address stands twice: its series would be counted twice")
                }
                false => targets.push(target),
            }
        }
    }
    if targets.len() > TARGETS_MAX {
        let words = format!("there are {} addresses to scrape, and at most {TARGETS_MAX} are", targets.len());
        reader.wrong(fields.place, words);
    }
    Some(SourceConfig::Scrape { targets, http })
}

/// How sources are asked.
fn http(reader: &mut Reader<'_>, fields: &Fields<'_>) -> HttpConfig {
    let token_file = fields.get("token-file").and_then(|node| {
        let path = reader.path(node)?;
        reader.need(node.place, Needed::TokenFile(path.clone()));
        Some(path)
    });
    let ca_file = fields.get("ca-file").and_then(|node| reader.certificates(node));
    let timeout = fields.get("timeout").and_then(|node| reader.span(node)).unwrap_or(TIMEOUT);
    HttpConfig { token_file, ca_file, ..HttpConfig::default() }.within(timeout.to_std())
}

fn address(reader: &mut Reader<'_>, node: &Node, queries: bool, asked: &mut Vec<Asked>) -> Option<String> {
    let url = reader.address(node, queries)?;
    match server_of(&url) {
        Ok(server) => asked.push(Asked { place: node.place, server }),
        Err(words) => reader.wrong(node.place, words),
    }
    Some(url)
}

/// The server that an address asks.
pub(super) fn server_of(url: &str) -> Result<AllowedHost, String> {
    let parsed = Url::parse(url).map_err(|error| error.to_string())?;
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}").parse()
}

/// Labels that must be equal.
fn labels(reader: &mut Reader<'_>, node: &Node) -> Vec<LabelMatcher> {
    let pairs = reader.pairs(node, "labels and their values, such as { track: canary }");
    let mut matchers = Vec::new();
    for (key, value) in pairs {
        let label = reader.name(key, "the name of a label", is_label);
        let value = reader.text(value, "the label's value");
        if let (Some(label), Some(value)) = (label, value) {
            matchers.push(LabelMatcher { label, operator: LabelMatch::Equal, value });
        }
    }
    matchers.sort_by(|one, other| one.label.cmp(&other.label));
    matchers
}

fn is_label(name: &str) -> bool {
    super::environment::is_name(name)
}
