//! The sources of a live run, ready to be asked at each instant.

use std::sync::Arc;

use spark_core::metrics::{Ceiling, MetricsReader};
use spark_core::{Policy, Sample, TimeSpan, Timestamp};

use crate::config::SourceConfig;
use crate::http::HttpError;
use crate::runner::SampleSource;
use crate::source::prometheus::PrometheusSource;
use crate::source::scrape::{Scraper, ScraperError};

/// How far back a Prometheus is asked for the buckets of histograms: as far as an instance that is about to be replaced
/// was surely scraped.
const BUCKETS_OVER: TimeSpan = TimeSpan::from_seconds(300);

/// A configured source.
#[derive(Debug)]
pub struct LiveSource {
    policy: Arc<Policy>,
    kind: Kind,
    ceilings: Option<Ceilings>,
}

/// What is called with the ceilings that are known.
type Tell = Box<dyn FnMut(&[Ceiling]) + Send>;

/// Who is told how high quantiles can read.
struct Ceilings {
    tell: Tell,
    told: usize,
}

impl std::fmt::Debug for Ceilings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ceilings").field("told", &self.told).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Kind {
    Prometheus(PrometheusSource),
    Scrape { scraper: Scraper, reader: Box<MetricsReader> },
}

/// Why a source cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveSourceError {
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The targets cannot be scraped together.
    #[error(transparent)]
    Scraper(#[from] ScraperError),
}

impl LiveSource {
    /// A source for a policy's signals; nothing is asked yet.
    ///
    /// # Errors
    /// The configuration cannot be carried out: a file of certificates, the number of targets.
    pub fn new(config: SourceConfig, policy: Arc<Policy>) -> Result<Self, LiveSourceError> {
        let kind = match config {
            SourceConfig::Prometheus(config) => Kind::Prometheus(PrometheusSource::new(config)?),
            SourceConfig::Scrape { targets, http } => Kind::Scrape {
                scraper: Scraper::new(targets, http)?,
                reader: Box::new(MetricsReader::live(Arc::clone(&policy))),
            },
        };
        Ok(Self { policy, kind, ceilings: None })
    }

    /// The same, which tells how high quantiles can read as soon as it has seen the buckets of their histograms: all that
    /// it knows, whenever it knows of one signal more. Decisions do not wait for it.
    #[must_use]
    pub fn telling_ceilings(mut self, tell: impl FnMut(&[Ceiling]) + Send + 'static) -> Self {
        self.ceilings = Some(Ceilings { tell: Box::new(tell), told: 0 });
        self
    }
}

impl SampleSource for LiveSource {
    fn follow(&mut self, policy: &Arc<Policy>) {
        let same = self.policy.signals() == policy.signals();
        self.policy = Arc::clone(policy);
        if let (Kind::Scrape { reader, .. }, false) = (&mut self.kind, same) {
            // what was scraped before is gone with the old reader: windows fill again, and are unknown until then
            **reader = MetricsReader::live(Arc::clone(policy));
        }
    }

    async fn samples(&mut self, at: Timestamp) -> Vec<Sample> {
        match &mut self.kind {
            Kind::Prometheus(source) => {
                if let Some(mut ceilings) = self.ceilings.take() {
                    let (source, policy) = (source.clone(), Arc::clone(&self.policy));
                    tokio::spawn(async move {
                        let found = source.ceilings(&policy, at.minus(BUCKETS_OVER), at).await;
                        ceilings.learn(&found.known().collect::<Vec<_>>());
                    });
                }
                source.instant(&self.policy, at).await
            }
            Kind::Scrape { scraper, reader } => {
                scraper.scrape_into(reader, at).await;
                if let Some(ceilings) = &mut self.ceilings {
                    let found = reader.ceilings();
                    ceilings.learn(&found.known().collect::<Vec<_>>());
                    if found.is_complete() {
                        self.ceilings = None;
                    }
                }
                reader.samples_at(at)
            }
        }
    }
}

impl Ceilings {
    fn learn(&mut self, known: &[Ceiling]) {
        if known.len() > self.told {
            self.told = known.len();
            (self.tell)(known);
        }
    }
}
