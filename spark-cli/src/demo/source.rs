//! What the demo measures: both versions' `/metrics`, scraped at every instant.

use std::sync::Arc;
use std::time::Duration;

use spark_core::metrics::MetricsReader;
use spark_core::{Policy, Sample, Timestamp, Track};
use spark_runtime::causes::in_one_line;
use spark_runtime::http::HttpConfig;
use spark_runtime::runner::SampleSource;
use spark_runtime::source::scrape::{Scraper, Target};

use super::Failure;
use super::rollout::Shared;
use super::traffic::Addresses;

/// Longest wait for a page: it takes milliseconds, and half a second later comes the next instant.
const PAGE_WITHIN: Duration = Duration::from_millis(300);

/// Scrapes both versions, and keeps the stable one's values for the screen.
#[derive(Debug)]
pub(crate) struct DemoSource {
    policy: Arc<Policy>,
    scraper: Scraper,
    reader: MetricsReader,
    shared: Arc<Shared>,
}

impl DemoSource {
    /// A source that scrapes both addresses.
    ///
    /// # Errors
    /// There can be no HTTP client.
    pub(crate) fn new(policy: Arc<Policy>, from: &Addresses, shared: Arc<Shared>) -> Result<Self, Failure> {
        let target = |base: &str, track| Target { url: format!("{base}/metrics"), track };
        let targets = vec![target(&from.canary, Track::Canary), target(&from.baseline, Track::Baseline)];
        let scraper = Scraper::new(targets, HttpConfig::default().within(PAGE_WITHIN))
            .map_err(|error| Failure(in_one_line(&error)))?;
        Ok(Self { reader: MetricsReader::live(Arc::clone(&policy)), policy, scraper, shared })
    }
}

impl SampleSource for DemoSource {
    async fn samples(&mut self, at: Timestamp) -> Vec<Sample> {
        self.scraper.scrape_into(&mut self.reader, at).await;
        let samples = self.reader.samples_at(at);
        let mut baseline = self.shared.baseline();
        for sample in &samples {
            baseline.observe(&self.policy, sample);
        }
        samples
    }
}
