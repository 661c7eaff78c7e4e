//! `probes`: what is measured before a release, by the names that `check` blocks use.

mod database;
mod files;
mod web;

use std::collections::BTreeMap;

use super::document::Node;
use super::read::{Fields, Reader};
use super::secret::SecretSource;
use super::shape_probes::PROBE;
use super::sources::server_of;
use crate::http::AllowedHost;
use crate::probe::ProbeKind;

/// Most probes: each runs beside all others.
pub const PROBES_MAX: usize = 100;

/// The kinds, as the configuration names them.
const KINDS: [&str; 25] = [
    "postgres-clock",
    "postgres-sequences",
    "postgres-bloat",
    "postgres-connections",
    "postgres-index",
    "migrations",
    "decimals",
    "outbox",
    "idempotency-keys",
    "flags",
    "pgbouncer",
    "ntp",
    "http-headers",
    "http-burst",
    "csp-flood",
    "health",
    "http-cases",
    "prometheus-targets",
    "prometheus-baseline",
    "prometheus-alert",
    "sbom",
    "provenance",
    "identity",
    "restore",
    "program",
];

/// The servers that may be asked where the configuration lists them.
pub(super) type Listed<'l> = Option<&'l [AllowedHost]>;

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, listed: Listed<'_>) -> BTreeMap<String, ProbeKind> {
    let pairs = reader.pairs(node, "probes by their names, such as { pool: { pgbouncer: { … } } }");
    if pairs.len() > PROBES_MAX {
        reader.wrong(node.place, format!("there are {} probes, and at most {PROBES_MAX} are", pairs.len()));
    }
    let mut probes = BTreeMap::new();
    for (key, value) in pairs {
        let name = reader.name(key, "a name of small letters, digits and `_`, as checks write it", is_name);
        let Some(fields) = reader.fields(value, &PROBE) else { continue };
        let Some((kind, settings)) = reader.one_of(&fields, &KINDS, "a probe is of one kind") else {
            continue;
        };
        let probe = match kind {
            "sbom" | "provenance" | "identity" | "flags" | "program" => files::read(reader, kind, settings),
            "ntp" => web::ntp(reader, settings),
            _ if kind.starts_with("http") || kind.starts_with("prometheus") => {
                web::read(reader, kind, settings, listed)
            }
            "csp-flood" | "health" => web::read(reader, kind, settings, listed),
            _ => database::read(reader, kind, settings),
        };
        if let (Some(name), Some(probe)) = (name, probe) {
            probes.insert(name, probe);
        }
    }
    probes
}

/// A name as rules write it.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A server's own name, where it may be asked.
fn server(reader: &mut Reader<'_>, node: &Node, url: &str, listed: Listed<'_>) -> Option<AllowedHost> {
    match server_of(url) {
        Ok(server) if listed.is_some_and(|listed| !listed.contains(&server)) => {
            reader.wrong(node.place, format!("`{server}` is asked here, and is not in `sources.allow`"));
            None
        }
        Ok(server) => Some(server),
        Err(words) => {
            reader.wrong(node.place, words);
            None
        }
    }
}

/// A text of a key.
fn text(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, expected: &str) -> Option<String> {
    reader.text(fields.get(key)?, expected)
}

/// Texts of a key.
fn texts(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, expected: &str) -> Vec<String> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    reader.names(node, expected, |_| true)
}

/// Names and texts of a key.
fn pairs(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, expected: &str) -> Vec<(String, String)> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let found = reader.pairs(node, expected);
    if found.is_empty() && reader.problems.is_empty() {
        reader.wrong(node.place, format!("nothing stands here: expected {expected}"));
    }
    let pair =
        |(name, value): &(Node, Node)| Some((reader.text(name, expected)?, reader.text(value, expected)?));
    found.iter().filter_map(pair).collect()
}

/// Where a database is.
fn url(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<SecretSource> {
    reader.secret(fields.get("url")?)
}

/// A whole number within limits, or what counts where there is none.
fn whole(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, most: u32, absent: u32) -> u32 {
    let Some(node) = fields.get(key) else { return absent };
    reader.whole(node, most).unwrap_or(absent)
}

/// Where the probe's secrets are.
pub(crate) fn secrets(probe: &ProbeKind) -> Vec<SecretSource> {
    use ProbeKind as Kind;
    let url = match probe {
        Kind::Clock(probe) => &probe.url,
        Kind::Sequences(probe) => &probe.url,
        Kind::Bloat(probe) => &probe.url,
        Kind::Connections(probe) => &probe.url,
        Kind::Index(probe) => &probe.url,
        Kind::Migrations(probe) => &probe.url,
        Kind::Decimals(probe) => &probe.url,
        Kind::Outbox(probe) => &probe.url,
        Kind::IdempotencyTable(probe) => &probe.url,
        Kind::FlagsTable(probe) => &probe.url,
        Kind::Pgbouncer(probe) => &probe.url,
        Kind::Restore(probe) => &probe.url,
        Kind::Headers(probe) => return token(&probe.web),
        Kind::Burst(probe) => return token(&probe.web),
        Kind::Flood(probe) => return token(&probe.web),
        Kind::Health(probe) => return token(&probe.web),
        Kind::HttpCases(probe) => return token(&probe.web),
        Kind::Targets(probe) => return token(&probe.web),
        Kind::Baseline(probe) => return token(&probe.web),
        Kind::Alert(probe) => return token(&probe.web),
        Kind::Identity(probe) => return probe.key.iter().cloned().map(SecretSource::File).collect(),
        Kind::Ntp(_) | Kind::Sbom(_) | Kind::Provenance(_) | Kind::FlagsFile(_) | Kind::Program(_) => {
            return Vec::new();
        }
    };
    vec![url.clone()]
}

fn token(web: &crate::probe::Web) -> Vec<SecretSource> {
    web.token_file.iter().cloned().map(SecretSource::File).collect()
}
