//! A small HTTP client on the parts that the server stands on: for the outbox, the load generator and the tests.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use spark_runtime::causes::in_one_line;

/// Longest answer that is read: `/metrics` is some 20 KiB.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// How long a request may take.
const WITHIN: Duration = Duration::from_secs(15);

/// A client with its connections. Copies share them.
#[derive(Clone)]
pub struct Client(Legacy<HttpConnector, Full<Bytes>>);

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; what is no UTF-8 is replaced.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{method} {url}: {why}")]
pub struct ClientError {
    method: String,
    url: String,
    why: String,
}

impl Default for Client {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        connector.set_nodelay(true);
        Self(Legacy::builder(TokioExecutor::new()).build(connector))
    }
}

impl Client {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// An address that is none, a server that does not answer in time, an answer that is too long.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes> + Send,
    ) -> Result<Reply, ClientError> {
        let failed = |why: String| ClientError { method: method.to_owned(), url: url.to_owned(), why };
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| failed(error.to_string()))?;
        let whole = async {
            let response = self.0.request(request).await.map_err(|error| failed(in_one_line(&error)))?;
            let (head, body) = response.into_parts();
            let bytes =
                Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| failed(error.to_string()))?;
            let body = String::from_utf8_lossy(&bytes.to_bytes()).into_owned();
            Ok(Reply { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(WITHIN, whole)
            .await
            .unwrap_or_else(|_| Err(failed(format!("no answer in {WITHIN:?}"))))
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn get(&self, url: &str) -> Result<Reply, ClientError> {
        self.send("GET", url, &[], Bytes::new()).await
    }
}
