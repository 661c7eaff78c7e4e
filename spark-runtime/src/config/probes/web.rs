//! Probes over HTTP and of servers of time.

use rust_decimal::Decimal;
use spark_core::TimeSpan;
use spark_core::decimal::parse_exact;

use super::super::document::Node;
use super::super::need::Needed;
use super::super::read::{Fields, Reader};
use super::super::shape::Shape;
use super::super::shape_probes as shape;
use super::{Listed, pairs, server, text, texts, whole};
use crate::http::Method;
use crate::probe::{
    Alert, Baseline, Burst, Flood, Headers, Health, HttpCase, HttpCases, Ntp, ProbeKind, Targets, Web,
};

/// How long one answer may take where nothing else is said.
const TIMEOUT: TimeSpan = TimeSpan::from_seconds(5);
/// How long a server of time may take: it answers at once or never.
const NTP_TIMEOUT: TimeSpan = TimeSpan::from_seconds(2);
/// How long health is looked at: what the contract calls the blast radius.
const HEALTH_LASTS: TimeSpan = TimeSpan::from_seconds(30);
/// How often: as often as a load balancer would.
const HEALTH_EVERY: TimeSpan = TimeSpan::from_nanos(250_000_000);
/// How long an alert may take: most wait for five minutes by themselves, and the red team's ten minutes have to suffice for what
/// comes behind it too.
const PATIENCE: TimeSpan = TimeSpan::from_seconds(390);
/// Requests of a burst.
const TIMES: (u32, u32) = (20, 500);
/// Reports of a flood, and how many at once.
const REPORTS: (u32, u32) = (500, 100_000);
const AT_ONCE: (u32, u32) = (50, 500);
/// The largest status.
const STATUS_MAX: u32 = 599;
/// Most servers of time: each is asked once.
const SERVERS_MAX: usize = 16;

/// Headers whose value is a secret.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// A probe's own addresses, which are the only ones that it asks.
struct Asked<'f, 'n> {
    fields: &'f Fields<'n>,
    web: Web,
}

impl<'f, 'n> Asked<'f, 'n> {
    fn new(reader: &mut Reader<'_>, fields: &'f Fields<'n>) -> Self {
        let token_file = fields.get("token-file").and_then(|node| {
            let path = reader.path(node)?;
            reader.need(node.place, Needed::TokenFile(path.clone()));
            Some(path)
        });
        let ca_file = fields.get("ca-file").and_then(|node| reader.certificates(node));
        let timeout = fields.get("timeout").and_then(|node| reader.span(node)).unwrap_or(TIMEOUT);
        Self { fields, web: Web { token_file, ca_file, timeout, allow: Vec::new() } }
    }

    fn at(&mut self, reader: &mut Reader<'_>, node: &Node, listed: Listed<'_>) -> Option<String> {
        let url = reader.address(node, true)?;
        let server = server(reader, node, &url, listed)?;
        if !self.web.allow.contains(&server) {
            self.web.allow.push(server);
        }
        Some(url)
    }

    fn of(&mut self, reader: &mut Reader<'_>, key: &str, listed: Listed<'_>) -> Option<String> {
        let node = self.fields.get(key)?;
        self.at(reader, node, listed)
    }

    fn all(&mut self, reader: &mut Reader<'_>, key: &str, listed: Listed<'_>) -> Vec<String> {
        let Some(node) = self.fields.get(key) else { return Vec::new() };
        let items = reader.list(node, "a list of addresses");
        items.iter().filter_map(|item| self.at(reader, item, listed)).collect()
    }
}

pub(super) fn ntp(reader: &mut Reader<'_>, node: &Node) -> Option<ProbeKind> {
    let fields = reader.fields(node, &shape::NTP)?;
    let servers = texts(reader, &fields, "servers", "a server of time, HOST or HOST:PORT");
    if servers.len() > SERVERS_MAX {
        reader.wrong(fields.place, format!("{} servers: expected at most {SERVERS_MAX}", servers.len()));
    }
    let timeout = fields.get("timeout").and_then(|node| reader.span(node)).unwrap_or(NTP_TIMEOUT);
    Some(Ntp { servers, timeout }.into())
}

const fn shape_of(kind: &str) -> Option<&'static Shape> {
    Some(match kind.as_bytes() {
        b"http-headers" => &shape::HTTP_HEADERS,
        b"http-burst" => &shape::HTTP_BURST,
        b"csp-flood" => &shape::CSP_FLOOD,
        b"health" => &shape::HEALTH,
        b"http-cases" => &shape::HTTP_CASES,
        b"prometheus-targets" => &shape::PROMETHEUS_TARGETS,
        b"prometheus-baseline" => &shape::PROMETHEUS_BASELINE,
        b"prometheus-alert" => &shape::PROMETHEUS_ALERT,
        _ => return None,
    })
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    kind: &str,
    node: &Node,
    listed: Listed<'_>,
) -> Option<ProbeKind> {
    let fields = reader.fields(node, shape_of(kind)?)?;
    let mut asked = Asked::new(reader, &fields);
    if kind == "http-cases" {
        return cases(reader, asked, listed);
    }
    let url = asked.of(reader, "url", listed);
    match kind {
        "http-headers" => {
            let resources = asked.all(reader, "resources", listed);
            let subdomains = asked.all(reader, "subdomains", listed);
            // what is asked there is asked over TLS
            let secure = subdomains.iter().map(|url| url.replacen("http://", "https://", 1));
            let secure: Vec<_> = secure.filter_map(|url| super::server_of(&url).ok()).collect();
            asked.web.allow.extend(secure);
            Some(Headers { url: url?, resources, subdomains, web: asked.web }.into())
        }
        "http-burst" => {
            let key_header = text(reader, &fields, "key-header", "the name of a header");
            let headers = headers(reader, &fields);
            let body = fields.get("body").and_then(|node| reader.unreplaced(node, "a body"));
            let other_body = fields.get("other-body").and_then(|node| reader.unreplaced(node, "a body"));
            let times = whole(reader, &fields, "times", TIMES.1, TIMES.0);
            let key_header = key_header.unwrap_or_else(|| "Idempotency-Key".to_owned());
            let (body, other_body, web) = (body?, other_body?, asked.web);
            Some(Burst { url: url?, key_header, headers, body, other_body, times, web }.into())
        }
        "csp-flood" => {
            let health = asked.of(reader, "health", listed);
            let reports = whole(reader, &fields, "reports", REPORTS.1, REPORTS.0);
            let at_once = whole(reader, &fields, "at-once", AT_ONCE.1, AT_ONCE.0);
            Some(Flood { url: url?, health: health?, reports, at_once, web: asked.web }.into())
        }
        "health" => {
            let mut span = |key, absent| fields.get(key).and_then(|node| reader.span(node)).unwrap_or(absent);
            let (lasts, every) = (span("for", HEALTH_LASTS), span("every", HEALTH_EVERY));
            Some(Health { url: url?, lasts, every, web: asked.web }.into())
        }
        "prometheus-targets" => {
            let jobs = texts(reader, &fields, "jobs", "the name of a job");
            Some(Targets { url: url?, jobs, web: asked.web }.into())
        }
        "prometheus-baseline" => {
            let queries = pairs(reader, &fields, "queries", "queries by their names, such as { p95: \"…\" }");
            Some(Baseline { url: url?, queries, web: asked.web }.into())
        }
        _ => alert(reader, asked, url, listed),
    }
}

fn alert(
    reader: &mut Reader<'_>,
    mut asked: Asked<'_, '_>,
    url: Option<String>,
    listed: Listed<'_>,
) -> Option<ProbeKind> {
    let fields = asked.fields;
    let rule = text(reader, fields, "alert", "the alert's name");
    let series = pairs(reader, fields, "series", "labels and their values, with `__name__`");
    if let Some(node) = fields.get("series")
        && !series.iter().any(|(name, _)| name == "__name__")
    {
        reader.wrong(node.place, "the series has no `__name__`: expected that of the metric");
    }
    let value = fields.get("value").and_then(|node| number(reader, node)).unwrap_or(Decimal::ONE);
    let patience = fields.get("patience").and_then(|node| reader.span(node)).unwrap_or(PATIENCE);
    let alertmanager = asked.of(reader, "alertmanager", listed);
    Some(Alert { url: url?, rule: rule?, series, value, patience, alertmanager, web: asked.web }.into())
}

/// Headers of a request; one that is a secret stands in a file.
fn headers(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<(String, String)> {
    let found = pairs(reader, fields, "headers", "headers and their values");
    let secret = |name: &str| SECRET_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    if let (Some(node), Some((name, _))) =
        (fields.get("headers"), found.iter().find(|(name, _)| secret(name)))
    {
        let why = "a secret must not stand in the configuration: write a token to a file, and its path as `token-file`";
        reader.wrong(node.place, format!("`{}`: {why}", name.to_ascii_lowercase()));
    }
    found
}

/// A number, in quotes or not.
fn number(reader: &mut Reader<'_>, node: &Node) -> Option<Decimal> {
    let text = reader.scalar(node);
    let found = text.as_deref().and_then(parse_exact);
    if found.is_none() {
        reader.unexpected(node, "a number, such as 1 or 0.5");
    }
    found
}

fn cases(reader: &mut Reader<'_>, mut asked: Asked<'_, '_>, listed: Listed<'_>) -> Option<ProbeKind> {
    let items = reader.list(asked.fields.get("cases")?, "a list of requests");
    let mut cases = Vec::new();
    for item in items {
        let Some(fields) = reader.fields(item, &shape::HTTP_CASE) else { continue };
        let name = text(reader, &fields, "name", "what the case is called");
        let method = fields.get("method").and_then(|node| method(reader, node)).unwrap_or(Method::GET);
        let url = fields.get("url").and_then(|node| asked.at(reader, node, listed));
        let headers = headers(reader, &fields);
        let body = fields.get("body").and_then(|node| reader.unreplaced(node, "a body")).unwrap_or_default();
        let status = whole(reader, &fields, "status", STATUS_MAX, 0);
        if let (Some(name), Some(url), Ok(status)) = (name, url, u16::try_from(status)) {
            cases.push(HttpCase { name, method, url, headers, body, status });
        }
    }
    Some(HttpCases { cases, web: asked.web }.into())
}

fn method(reader: &mut Reader<'_>, node: &Node) -> Option<Method> {
    const EXPECTED: &str = "GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS";
    let word = reader.text(node, EXPECTED)?;
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let found = known.into_iter().find(|method| method.as_str() == word);
    if found.is_none() {
        reader.unexpected(node, EXPECTED);
    }
    found
}
