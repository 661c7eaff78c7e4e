//! The configuration of `spark run`: where samples come from, what moves traffic, where evidence goes.
//!
//! ```toml
//! [source.scrape]                       # or [source.prometheus] with `url`
//! canary = ["http://10.0.0.2:9100/metrics"]
//! baseline = ["http://10.0.0.1:9100/metrics"]
//!
//! [traffic]
//! set = ["./set-traffic", "{share}"]
//! rollback = ["./roll-back", "{reason}", "{stage}"]
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use spark_core::metrics::{LabelMatch, LabelMatcher};
use spark_core::{TimeSpan, Track};
use toml::Spanned;

use crate::action::{CommandActions, CommandTemplate};
use crate::http::{HttpConfig, check_address};
use crate::source::prometheus::PrometheusConfig;
use crate::source::scrape::Target;

/// Longest configuration: a hundred scrape targets are 5 KiB.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// How long a command that moves traffic may take where nothing else is said. Load balancers reload within
/// seconds; a rollback has five minutes end to end, of which this must leave most to the health that follows.
const DEADLINE: TimeSpan = TimeSpan::from_seconds(60);

/// How long a request to a source may take where nothing else is said.
const TIMEOUT: TimeSpan = TimeSpan::from_seconds(5);

/// A configuration that was read and checked.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Where samples come from.
    pub source: SourceConfig,
    /// Gives the canary a share.
    pub set: CommandTemplate,
    /// Takes all traffic back.
    pub rollback: CommandTemplate,
    /// How long each command may take.
    pub deadline: TimeSpan,
    /// The folder below which evidence goes, where the command line does not say.
    pub evidence: Option<PathBuf>,
    /// The private key that seals evidence; a throw-away one where there is none.
    pub key: Option<PathBuf>,
}

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

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    source: Spanned<SourceTable>,
    traffic: TrafficTable,
    #[serde(default)]
    evidence: EvidenceTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    prometheus: Option<PrometheusTable>,
    scrape: Option<ScrapeTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrometheusTable {
    url: Spanned<String>,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    timeout: Option<Spanned<TimeSpan>>,
    canary: Option<BTreeMap<String, String>>,
    baseline: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScrapeTable {
    canary: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    baseline: Vec<Spanned<String>>,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    timeout: Option<Spanned<TimeSpan>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficTable {
    set: Spanned<Vec<String>>,
    rollback: Spanned<Vec<String>>,
    deadline: Option<Spanned<TimeSpan>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct EvidenceTable {
    dir: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// A problem at a byte of the text.
struct Problem {
    at: usize,
    words: String,
}

impl Problem {
    fn new(at: usize, words: impl Into<String>) -> Self {
        Self { at, words: words.into() }
    }
}

impl RunConfig {
    /// Reads a configuration; `file` is what errors call it, and its folder is what its paths are relative to.
    ///
    /// # Errors
    /// The text is no TOML, has an unknown or missing field, or a value that cannot be meant.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let base = file.parent().unwrap_or(Path::new(""));
        Self::read(base, text).map_err(|problem| {
            let (line, column) = position(text, problem.at);
            ConfigError { file: file.display().to_string(), line, column, problem: problem.words }
        })
    }

    fn read(base: &Path, text: &str) -> Result<Self, Problem> {
        if text.len() > CONFIG_BYTES_MAX {
            return Err(Problem::new(0, format!("it is longer than {CONFIG_BYTES_MAX} bytes")));
        }
        let document: Document = toml::from_str(text).map_err(|error| {
            Problem::new(error.span().map_or(0, |span| span.start), one_line(error.message()))
        })?;
        let source = source(base, document.source)?;
        let traffic = document.traffic;
        let template = |words: Spanned<Vec<String>>, known: &[&str]| {
            let at = words.span().start;
            CommandTemplate::new(words.into_inner(), known)
                .map_err(|error| Problem::new(at, error.to_string()))
        };
        Ok(Self {
            source,
            set: template(traffic.set, &CommandActions::SET_PLACEHOLDERS)?,
            rollback: template(traffic.rollback, &CommandActions::ROLLBACK_PLACEHOLDERS)?,
            deadline: positive(traffic.deadline, DEADLINE)?,
            evidence: document.evidence.dir.map(|dir| base.join(dir)),
            key: document.evidence.key.map(|key| base.join(key)),
        })
    }
}

fn source(base: &Path, table: Spanned<SourceTable>) -> Result<SourceConfig, Problem> {
    let at = table.span().start;
    match table.into_inner() {
        SourceTable { prometheus: Some(table), scrape: None } => {
            let mut config = PrometheusConfig::new(address(table.url)?);
            config.token_file = table.token_file.map(|path| base.join(path));
            config.ca_file = table.ca_file.map(|path| base.join(path));
            config.timeout = positive(table.timeout, TIMEOUT)?.to_std();
            if let Some(labels) = table.canary {
                config.canary = matchers(labels);
            }
            if let Some(labels) = table.baseline {
                config.baseline = matchers(labels);
            }
            Ok(SourceConfig::Prometheus(config))
        }
        SourceTable { prometheus: None, scrape: Some(table) } => {
            let canary_at = table.canary.span().start;
            let mut targets = targets(table.canary.into_inner(), Track::Canary)?;
            if targets.is_empty() {
                return Err(Problem::new(canary_at, "`canary` names no address to scrape"));
            }
            targets.extend(self::targets(table.baseline, Track::Baseline)?);
            let http = http(base, table.token_file, table.ca_file, table.timeout)?;
            Ok(SourceConfig::Scrape { targets, http })
        }
        SourceTable { prometheus: None, scrape: None } => {
            Err(Problem::new(at, "expected `[source.prometheus]` or `[source.scrape]`"))
        }
        SourceTable { .. } => Err(Problem::new(
            at,
            "both `[source.prometheus]` and `[source.scrape]`: a signal comes from one source, so keep one",
        )),
    }
}

fn http(
    base: &Path,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    timeout: Option<Spanned<TimeSpan>>,
) -> Result<HttpConfig, Problem> {
    let config = HttpConfig {
        token_file: token_file.map(|path| base.join(path)),
        ca_file: ca_file.map(|path| base.join(path)),
        ..HttpConfig::default()
    };
    Ok(config.within(positive(timeout, TIMEOUT)?.to_std()))
}

fn positive(span: Option<Spanned<TimeSpan>>, default: TimeSpan) -> Result<TimeSpan, Problem> {
    match span {
        None => Ok(default),
        Some(span) if span.get_ref().is_zero() => {
            Err(Problem::new(span.span().start, "no time at all: nothing could ever end within it"))
        }
        Some(span) => Ok(span.into_inner()),
    }
}

/// Labels that must be equal.
fn matchers(labels: BTreeMap<String, String>) -> Vec<LabelMatcher> {
    labels
        .into_iter()
        .map(|(label, value)| LabelMatcher { label, operator: LabelMatch::Equal, value })
        .collect()
}

fn targets(list: Vec<Spanned<String>>, track: Track) -> Result<Vec<Target>, Problem> {
    list.into_iter().map(|url| Ok(Target { url: address(url)?, track })).collect()
}

fn address(url: Spanned<String>) -> Result<String, Problem> {
    let at = url.span().start;
    let url = url.into_inner();
    match reqwest::Url::parse(&url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {
            // what is wrong with such a one may be a password: it is not repeated
            check_address(&url).map_err(|words| Problem::new(at, words))?;
            Ok(url)
        }
        _ => Err(Problem::new(at, format!("`{url}` is no address: expected one such as http://host:9090"))),
    }
}

/// A line and a column from 1, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let start = before.rfind('\n').map_or(0, |place| place.saturating_add(1));
    let column = before.get(start..).unwrap_or("").chars().count().saturating_add(1);
    (line, column)
}

fn one_line(words: &str) -> String {
    words.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"[source.scrape]
canary = ["http://localhost:9100/metrics"]

[traffic]
set = ["set", "{share}"]
rollback = ["back", "{reason}", "{stage}"]
"#;

    fn error(text: &str) -> String {
        RunConfig::parse(Path::new("conf/run.toml"), text).unwrap_err().to_string()
    }

    /// What is not said has a default, and paths are those of the configuration's folder.
    #[test]
    fn defaults() {
        let text = format!("{GOOD}[evidence]\nkey = \"release.key\"\n");
        let config = RunConfig::parse(Path::new("conf/run.toml"), &text).unwrap();
        assert_eq!(config.deadline, TimeSpan::from_seconds(60));
        assert_eq!(config.key, Some(PathBuf::from("conf/release.key")));
        assert!(matches!(config.source, SourceConfig::Scrape { ref targets, .. } if targets.len() == 1));
    }

    /// Every mistake names its place and what would be right.
    #[test]
    fn mistakes() {
        for (from, to, expected) in [
            (
                "set = [",
                "sets = [",
                "conf/run.toml:5:1: unknown field `sets`, expected one of `set`, `rollback`, `deadline`",
            ),
            (
                "{share}",
                "{weight}",
                "conf/run.toml:5:7: `{weight}` is no placeholder here; known are `{share}`, `{stage}`, `{release}`",
            ),
            (
                "\"http:",
                "\"ftp:",
                "conf/run.toml:2:11: `ftp://localhost:9100/metrics` is no address: expected one such as http://host:9090",
            ),
            (
                "\"http://",
                "\"http://me:secret@",
                "conf/run.toml:2:11: this is no address: a name or password stands in it, where logs would show it: use a token file",
            ),
            (
                "[\"set\", \"{share}\"]",
                "[]",
                "conf/run.toml:5:7: a command needs at least the program's name",
            ),
            (
                "[traffic]\n",
                "[traffic]\ndeadline = \"0s\"\n",
                "conf/run.toml:5:12: no time at all: nothing could ever end within it",
            ),
            (
                "[traffic]\n",
                "[traffic]\ndeadline = \"soon\"\n",
                "conf/run.toml:5:12: `soon` is no duration: expected one such as 5m",
            ),
            (
                "[traffic]\n",
                "[source.prometheus]\nurl = \"http://p:9090\"\n[traffic]\n",
                "conf/run.toml:1:2: both `[source.prometheus]` and `[source.scrape]`: a signal comes from one source, so keep one",
            ),
        ] {
            assert_eq!(error(&GOOD.replacen(from, to, 1)), expected);
        }
    }
}
