//! Scraping services directly: every target of every track at one instant, whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spark_core::metrics::{MetricPoint, MetricsReader};
use spark_core::{Timestamp, Track};
use tokio::task::JoinSet;

use super::exposition::{Format, Untimed, parse_wanted};
use crate::http::{HttpClient, HttpConfig, HttpError, one_spelling, shown_address};

/// Longest body of a scrape: the largest expositions in use are a few megabytes, and each target holds one.
pub const SCRAPE_BYTES_MAX: usize = 16 << 20;

/// Most targets of a scraper, which are all asked at once: with 16 MiB each they stay below a gigabyte.
pub const TARGETS_MAX: usize = 50;

/// What is asked for, OpenMetrics first: it says where it ends.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// The label that tells a track's targets apart.
const INSTANCE_LABEL: &str = "instance";

/// Where a series' own `instance` goes when the target's takes its place, as in Prometheus.
const OWN_INSTANCE_LABEL: &str = "exported_instance";

/// One address to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The address, with its path: `http://127.0.0.1:8080/metrics`.
    pub url: String,
    /// Which version runs there.
    pub track: Track,
}

/// Scrapes targets.
#[derive(Debug, Clone)]
pub struct Scraper {
    client: Arc<HttpClient>,
    /// The targets, each with its `instance` where its track has several.
    targets: Vec<(Target, Option<String>)>,
}

/// Why there is no scraper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScraperError {
    /// There are more targets than are asked at once.
    #[error("there are {0} targets to scrape, and at most {TARGETS_MAX} are")]
    TooManyTargets(usize),
    /// An address stands twice for one track: its series would be counted twice.
    #[error("the target `{0}` stands twice")]
    Twice(String),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// A track's points of one instant, or why there are none.
pub type Scraped = Result<Vec<MetricPoint>, String>;

impl Scraper {
    /// A scraper; no body may be longer than [`SCRAPE_BYTES_MAX`], whatever `config` says.
    ///
    /// # Errors
    /// There are too many targets, one stands twice, or the client cannot be built.
    pub fn new(targets: Vec<Target>, mut config: HttpConfig) -> Result<Self, ScraperError> {
        if targets.len() > TARGETS_MAX {
            return Err(ScraperError::TooManyTargets(targets.len()));
        }
        let mut seen = BTreeSet::new();
        let mut new = |target: &Target| seen.insert((target.track, one_spelling(&target.url)));
        if let Some(twice) = targets.iter().find(|target| !new(target)) {
            return Err(ScraperError::Twice(shown_address(&twice.url)));
        }
        config.body_bytes_max = config.body_bytes_max.min(SCRAPE_BYTES_MAX);
        let client = Arc::new(HttpClient::new(config)?);
        let instances: Vec<_> = targets.iter().map(|target| instance_of(target, &targets)).collect();
        Ok(Self { client, targets: targets.into_iter().zip(instances).collect() })
    }

    /// Asks all targets at once and gives each track's points of the wanted metrics, `at` being their time
    /// where they have none of their own.
    ///
    /// One failing target fails its whole track: a sum over the others would look like less load or fewer errors.
    pub async fn scrape(&self, at: Timestamp, wanted: &BTreeSet<String>) -> BTreeMap<Track, Scraped> {
        let wanted = Arc::new(wanted.clone());
        let mut asked = JoinSet::new();
        for (place, (target, instance)) in self.targets.iter().cloned().enumerate() {
            let (client, wanted) = (Arc::clone(&self.client), Arc::clone(&wanted));
            asked.spawn(async move {
                let answer = ask(&client, &target.url, at, &wanted, instance).await;
                (place, target.track, answer)
            });
        }
        let mut answers = BTreeMap::new();
        while let Some(joined) = asked.join_next().await {
            if let Ok((place, track, answer)) = joined {
                answers.insert(place, (track, answer));
            }
        }
        let mut tracks: BTreeMap<Track, Scraped> = BTreeMap::new();
        for (place, (target, _)) in self.targets.iter().enumerate() {
            let lost = || Err(format!("the target `{}` was given up", shown_address(&target.url)));
            let (track, answer) = answers.remove(&place).unwrap_or_else(|| (target.track, lost()));
            merge(tracks.entry(track).or_insert_with(|| Ok(Vec::new())), answer);
        }
        tracks
    }

    /// Scrapes into a reader: points where a track was read whole, its failure where it was not.
    pub async fn scrape_into(&self, reader: &mut MetricsReader, at: Timestamp) {
        for (track, scraped) in self.scrape(at, reader.metrics()).await {
            match scraped {
                Ok(points) => {
                    for point in points {
                        reader.observe(track, point);
                    }
                }
                Err(reason) => reader.fail(track, at, reason),
            }
        }
    }
}

fn merge(track: &mut Scraped, answer: Scraped) {
    match (&mut *track, answer) {
        (Ok(points), Ok(more)) => points.extend(more),
        (Ok(_), Err(reason)) => *track = Err(reason),
        (Err(reasons), Err(reason)) => {
            reasons.push_str("; ");
            reasons.push_str(&reason);
        }
        (Err(_), Ok(_)) => {}
    }
}

/// The `instance` of a target among several of its track: host and port, or all of the address where that is not
/// enough to tell them apart.
fn instance_of(target: &Target, all: &[Target]) -> Option<String> {
    let mut others =
        all.iter().filter(|other| other.track == target.track && other.url != target.url).peekable();
    others.peek()?;
    let host = host_of(&target.url);
    let unique = others.all(|other| host_of(&other.url) != host);
    Some(if unique { host.to_owned() } else { target.url.clone() })
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

async fn ask(
    client: &HttpClient,
    url: &str,
    at: Timestamp,
    wanted: &BTreeSet<String>,
    instance: Option<String>,
) -> Scraped {
    let shown = shown_address(url);
    let answer = client.get(url, ACCEPT).await.map_err(|error| error.to_string())?;
    let Some(format) = Format::of_content_type(&answer.content_type) else {
        let (media, excerpt) = (answer.media_type(), answer.excerpt());
        return Err(format!("GET {shown}: expected metrics as text, found `{media}`: `{excerpt}`"));
    };
    let mut points = parse_wanted(&answer.body, format, Untimed::At(at), &|name| wanted.contains(name))
        .map_err(|error| format!("GET {shown}: {error}"))?;
    if let Some(instance) = instance {
        for point in &mut points {
            if let Some(own) = point.labels.insert(INSTANCE_LABEL.to_owned(), instance.clone()) {
                point.labels.insert(OWN_INSTANCE_LABEL.to_owned(), own);
            }
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, track: Track) -> Target {
        Target { url: url.to_owned(), track }
    }

    fn check(urls: &[&str], expected: &[Option<&str>]) {
        let targets: Vec<_> = urls.iter().map(|url| target(url, Track::Canary)).collect();
        let got: Vec<_> = targets.iter().map(|t| instance_of(t, &targets)).collect();
        assert_eq!(got.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }

    /// Several targets of a track are told apart by the shortest part of the address that does so.
    #[test]
    fn instances() {
        check(&["http://a:1/metrics"], &[None]);
        check(&["http://a:1/metrics", "http://b:1/metrics"], &[Some("a:1"), Some("b:1")]);
        check(&["http://a:1/x", "http://a:1/y"], &[Some("http://a:1/x"), Some("http://a:1/y")]);
        let both = [target("http://a", Track::Canary), target("http://b", Track::Baseline)];
        assert_eq!(instance_of(&both[0], &both), None, "each track has one");
    }

    /// A target that stands twice, and a flood of targets, are refused.
    #[test]
    fn targets() {
        for again in ["http://a", "http://a/", "HTTP://A:80"] {
            let twice = vec![target(again, Track::Canary), target("http://a", Track::Canary)];
            let refused = Scraper::new(twice, HttpConfig::default()).unwrap_err();
            assert_eq!(refused, ScraperError::Twice("http://a".to_owned()), "{again}");
        }
        let flood = (0..=TARGETS_MAX).map(|n| target(&format!("http://a{n}"), Track::Canary)).collect();
        let refused = Scraper::new(flood, HttpConfig::default()).unwrap_err();
        assert_eq!(refused, ScraperError::TooManyTargets(TARGETS_MAX + 1));
    }
}
