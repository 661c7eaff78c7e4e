//! The sources of a live run, ready to be asked at each instant.

use std::sync::Arc;

use spark_core::metrics::MetricsReader;
use spark_core::{Policy, Sample, Timestamp};

use crate::config::SourceConfig;
use crate::http::HttpError;
use crate::runner::SampleSource;
use crate::source::prometheus::PrometheusSource;
use crate::source::scrape::{Scraper, ScraperError};

/// A configured source.
#[derive(Debug)]
pub struct LiveSource {
    policy: Arc<Policy>,
    kind: Kind,
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
        Ok(Self { policy, kind })
    }
}

impl SampleSource for LiveSource {
    async fn samples(&mut self, at: Timestamp) -> Vec<Sample> {
        match &mut self.kind {
            Kind::Prometheus(source) => source.instant(&self.policy, at).await,
            Kind::Scrape { scraper, reader } => {
                scraper.scrape_into(reader, at).await;
                reader.samples_at(at)
            }
        }
    }
}
