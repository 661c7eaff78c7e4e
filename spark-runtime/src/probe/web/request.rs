//! How services are asked: only those that the settings name.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use spark_core::TimeSpan;

use super::super::ProbeError;
use crate::http::{AllowedHost, Exchange, HttpClient, HttpConfig, Method};

/// Most bytes of a page: what is looked at are statuses and headers.
pub(super) const PAGE_BYTES_MAX: usize = 1 << 20;

/// Most bytes of an answer where hundreds come at once: what an order is answered is some hundred bytes, and five hundred such
/// answers together stay below 32 MiB.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 10;

/// How a service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// A file with a bearer token.
    pub token_file: Option<PathBuf>,
    /// A file of the only authorities that are trusted.
    pub ca_file: Option<PathBuf>,
    /// The longest that one answer may take.
    pub timeout: TimeSpan,
    /// The only servers that are asked.
    pub allow: Vec<AllowedHost>,
}

impl Web {
    /// A client that takes answers of at most so many bytes.
    pub(in super::super) fn client(&self, body_bytes_max: usize) -> Result<HttpClient, ProbeError> {
        let config = HttpConfig {
            token_file: self.token_file.clone(),
            ca_file: self.ca_file.clone(),
            allow: Some(self.allow.clone()),
            body_bytes_max,
            ..HttpConfig::default()
        };
        Ok(HttpClient::new(config.within(self.timeout.to_std()))?)
    }
}

/// Headers from pairs; what is none is an error of the settings.
pub(super) fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, ProbeError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let wrong = || ProbeError::Setting(format!("`{name}` and its value are no header"));
        let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(headers)
}

/// A request for a page.
pub(super) async fn page(client: &HttpClient, url: &str) -> Result<Exchange, ProbeError> {
    Ok(client.exchange(Method::GET, url, HeaderMap::new(), Vec::new()).await?)
}

/// The span below which this share of the spans is, of those that are sorted.
pub(super) fn quantile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = sorted.len().checked_mul(percent)?.div_ceil(100).max(1);
    sorted.get(rank.checked_sub(1)?).copied()
}
