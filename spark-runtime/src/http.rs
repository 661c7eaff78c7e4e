//! The one place that speaks HTTP as a client: bounded in time and bytes, without redirects or ambient proxies.
//!
//! A source that answers slowly, endlessly, half, or from elsewhere must not decide a release. So every request
//! has three time limits and a byte limit, an answer other than 200 is an error, and so are a redirect (traffic
//! decisions come from the address in the configuration, not from where it points today) and a compressed body.

mod address;
mod allow;
mod failure;
mod token;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub use reqwest::Method;
use reqwest::dns::Resolve;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
};
use reqwest::{Certificate, Client, ClientBuilder, Request, Response, Url, redirect};

pub use self::address::check_address;
use self::address::{address, without_query};
pub(crate) use self::address::{one_spelling, shown, shown_address};
pub use self::allow::AllowedHost;
use self::allow::Lookup;
pub(crate) use self::failure::excerpt;
use self::failure::innermost;
pub use self::failure::{HttpError, HttpFailure};
use self::token::{Token, read_token};

/// Longest wait for name lookup, TCP and TLS together: a healthy peer needs milliseconds, one SYN retry a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest silence within an answer: Prometheus may compute for seconds before its first byte.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time for a whole answer: below the default 15 s between evaluations, so that a dead source is
/// known to be dead at the next one.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(12);

/// Most bytes of a body: 11,000 points of each of 40 series as JSON are about 13 MB, and the metrics of a service
/// with 100,000 series as much. Four such answers at once fit a small machine.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Longest file of certificates: all public authorities together are about 220 KiB.
const CA_BYTES_MAX: u64 = 4 << 20;

/// How long an idle connection is kept. Servers close theirs after 5 s at the earliest; a request sent into a
/// closing connection would look like a failed source.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// A file with a bearer token, read again at each request so that a rotated token counts at once.
    pub token_file: Option<PathBuf>,
    /// A PEM file with the certificates that may sign the peer's; then no other authority is trusted.
    pub ca_file: Option<PathBuf>,
    /// The only servers that may be asked, each at the addresses that its name had first; none where it is empty. Without
    /// a list any may be, apart from link-local, multicast and unspecified addresses.
    pub allow: Option<Vec<AllowedHost>>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest silence within an answer.
    pub read_timeout: Duration,
    /// Longest time for a whole answer.
    pub total_timeout: Duration,
    /// Most bytes of a body.
    pub body_bytes_max: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            token_file: None,
            ca_file: None,
            allow: None,
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: READ_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
            body_bytes_max: BODY_BYTES_MAX,
        }
    }
}

impl HttpConfig {
    /// A whole answer may take `timeout`, all of which may be silence: a server that computes an answer for a minute says
    /// nothing until then. Connecting takes no longer than it may by itself.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use spark_runtime::http::HttpConfig;
    /// let patient = HttpConfig::default().within(Duration::from_secs(60));
    /// assert_eq!(patient.read_timeout, Duration::from_secs(60));
    /// assert!(patient.connect_timeout < Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.connect_timeout = self.connect_timeout.min(timeout);
        self.read_timeout = timeout;
        self.total_timeout = timeout;
        self
    }
}

/// A client for requests that must be answered whole, in time, by the address that was asked.
#[derive(Debug)]
pub struct HttpClient {
    config: HttpConfig,
    names: Names,
    /// For `http:` addresses; it trusts nobody's certificates, so it works where none are installed.
    plain: Client,
    /// For `https:` addresses; built when first needed.
    secure: OnceLock<Client>,
}

/// Where host names lead, the same for every request.
struct Names(Arc<dyn Resolve>);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names(..)")
    }
}

/// A whole answer with status 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The content type as it came; empty without one.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// A whole answer with any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The status.
    pub status: u16,
    /// The headers in their order, names in small letters; one that came twice stands twice.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it took from the request to the last byte.
    pub took: Duration,
}

impl Exchange {
    /// The values of a header, in their order.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    /// The content type without its parameters, in small letters: `application/json`.
    pub fn media_type(&self) -> String {
        let media = self.content_type.split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase()
    }

    /// The body's first characters, for an error.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }
}

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    /// The file of certificates cannot be read or holds none. The token file is read at each request.
    pub fn new(config: HttpConfig) -> Result<Self, HttpError> {
        // reqwest is built without a provider of its own; whoever embeds Spark may have chosen one
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // a second thread that installed the same one first is no failure
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let failed = |failure| HttpError { asked: "TLS".to_owned(), failure };
        let names = Names(Arc::new(Lookup::new(config.allow.as_deref(), allow::system)));
        let plain = builder(&config, &names)
            .tls_certs_only([])
            .build()
            .map_err(|error| failed(HttpFailure::Certificates(innermost(&error))))?;
        let secure = OnceLock::new();
        if config.ca_file.is_some() {
            let _ = secure.set(secure_client(&config, &names).map_err(failed)?);
        }
        Ok(Self { config, names, plain, secure })
    }

    /// The body of `url`, asked for with `accept` as the wished content types.
    ///
    /// # Errors
    /// Anything but a whole answer with status 200, from this address, within the limits.
    pub async fn get(&self, url: &str, accept: &str) -> Result<Answer, HttpError> {
        self.ask(Method::GET, url, accept, None).await
    }

    /// The answer to a form sent by POST.
    ///
    /// # Errors
    /// Anything but a whole answer with status 200, from this address, within the limits.
    pub async fn post_form(
        &self,
        url: &str,
        accept: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answer, HttpError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        self.ask(Method::POST, url, accept, Some((headers, form_text(fields).into_bytes()))).await
    }

    /// The answer to a body sent by POST with these headers besides the usual ones.
    ///
    /// # Errors
    /// Anything but a whole answer with status 200, from this address, within the limits.
    pub async fn post(
        &self,
        url: &str,
        accept: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, HttpError> {
        self.ask(Method::POST, url, accept, Some((headers, body))).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        accept: &str,
        sent: Option<(HeaderMap, Vec<u8>)>,
    ) -> Result<Answer, HttpError> {
        self.answered(method, url, accept, sent, async |response, token, begun| {
            self.whole_answer(response, token, begun).await
        })
        .await
    }

    /// The answer to a request, whatever its status is, with its headers; a redirect is an answer, and is not followed.
    ///
    /// # Errors
    /// Anything but a whole answer, from this address, within the limits.
    pub async fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Exchange, HttpError> {
        let begun = Instant::now();
        let answer =
            self.answered(method, url, "*/*", Some((headers, body)), async |response, token, begun| {
                self.any_answer(response, token, begun).await
            });
        answer.await.map(|exchange| Exchange { took: begun.elapsed(), ..exchange })
    }

    async fn answered<T>(
        &self,
        method: Method,
        url: &str,
        accept: &str,
        sent: Option<(HeaderMap, Vec<u8>)>,
        finish: impl AsyncFnOnce(Response, Option<&Token>, Instant) -> Result<T, HttpFailure>,
    ) -> Result<T, HttpError> {
        let begun = Instant::now();
        // an address with a password in it must not be repeated, not even in an error
        let parsed = address(url).map_err(|failure| HttpError { asked: method.to_string(), failure })?;
        let asked = format!("{method} {}", without_query(&parsed));
        let failed = |failure| HttpError { asked: asked.clone(), failure };
        if let Some(reason) = allow::refusal(self.config.allow.as_deref(), &parsed) {
            return Err(failed(HttpFailure::NotAllowed(reason)));
        }
        let mut request = Request::new(method, parsed);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap_or(HeaderValue::from_static("*/*")));
        let mut token = None;
        if let Some(path) = &self.config.token_file {
            let read = tokio::time::timeout(self.config.total_timeout, read_token(path)).await;
            let read = read.unwrap_or(Err(HttpFailure::TooSlow(self.config.total_timeout)));
            let read = token.insert(read.map_err(failed)?);
            headers.insert(AUTHORIZATION, read.0.clone());
        }
        if let Some((own, body)) = sent {
            headers.extend(own);
            *request.body_mut() = Some(body.into());
        }
        let client = self.client_for(request.url()).map_err(failed)?;
        let answered = async {
            let response =
                client.execute(request).await.map_err(|error| self.failure_of(&error, begun.elapsed()))?;
            finish(response, token.as_ref(), begun).await
        };
        // reqwest's own limit starts anew in some phases; this one holds over all
        match tokio::time::timeout(self.config.total_timeout, answered).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed(HttpFailure::TooSlow(self.config.total_timeout))),
        }
    }

    fn client_for(&self, url: &Url) -> Result<&Client, HttpFailure> {
        if url.scheme() == "http" {
            return Ok(&self.plain);
        }
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let built = secure_client(&self.config, &self.names)?;
        Ok(self.secure.get_or_init(|| built))
    }

    async fn whole_answer(
        &self,
        response: Response,
        token: Option<&Token>,
        begun: Instant,
    ) -> Result<Answer, HttpFailure> {
        let status = response.status();
        let hidden = |text: &[u8]| token.map_or_else(|| text.to_vec(), |token| token.hidden_in(text));
        let text_of = |headers: &HeaderMap, name| {
            let shown = |value: &HeaderValue| excerpt(&hidden(value.as_bytes()));
            headers.get(name).map(shown).unwrap_or_default()
        };
        if status.is_redirection() {
            let location = text_of(response.headers(), LOCATION);
            return Err(HttpFailure::Redirect { status: status.as_u16(), location });
        }
        let encoding = text_of(response.headers(), CONTENT_ENCODING);
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return Err(HttpFailure::Encoded(encoding));
        }
        let content_type = text_of(response.headers(), CONTENT_TYPE);
        let body = self.whole_body(response, begun).await;
        if status.as_u16() != 200 {
            // the status is the news, even where its body breaks off
            let body = hidden(&body.unwrap_or_default());
            return Err(HttpFailure::Status { status: status.as_u16(), body });
        }
        let body = body?;
        if token.is_some_and(|token| token.stands_in(&body)) {
            return Err(HttpFailure::RepeatsToken);
        }
        Ok(Answer { content_type, body })
    }

    async fn any_answer(
        &self,
        response: Response,
        token: Option<&Token>,
        begun: Instant,
    ) -> Result<Exchange, HttpFailure> {
        let status = response.status().as_u16();
        let hidden = |text: &[u8]| token.map_or_else(|| text.to_vec(), |token| token.hidden_in(text));
        let shown = |value: &HeaderValue| String::from_utf8_lossy(&hidden(value.as_bytes())).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), shown(value))).collect();
        let body = hidden(&self.whole_body(response, begun).await?);
        Ok(Exchange { status, headers, body, took: begun.elapsed() })
    }

    async fn whole_body(&self, mut response: Response, begun: Instant) -> Result<Vec<u8>, HttpFailure> {
        let limit = self.config.body_bytes_max;
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(HttpFailure::TooLarge { limit });
        }
        let mut body = Vec::with_capacity(announced.unwrap_or(0));
        while let Some(piece) =
            response.chunk().await.map_err(|error| self.failure_of(&error, begun.elapsed()))?
        {
            if body.len().saturating_add(piece.len()) > limit {
                return Err(HttpFailure::TooLarge { limit });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn failure_of(&self, error: &reqwest::Error, elapsed: Duration) -> HttpFailure {
        if error.is_connect() {
            return match error.is_timeout() {
                true => HttpFailure::NoConnection(format!("none within {:?}", self.config.connect_timeout)),
                false => HttpFailure::NoConnection(innermost(error)),
            };
        }
        match error.is_timeout() {
            true if elapsed >= self.config.total_timeout => HttpFailure::TooSlow(self.config.total_timeout),
            true => HttpFailure::Silent(self.config.read_timeout),
            false => HttpFailure::Broken(innermost(error)),
        }
    }
}

fn builder(config: &HttpConfig, names: &Names) -> ClientBuilder {
    Client::builder()
        .dns_resolver(Arc::clone(&names.0))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .timeout(config.total_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .referer(false)
        .user_agent(concat!("spark/", env!("CARGO_PKG_VERSION")))
}

fn secure_client(config: &HttpConfig, names: &Names) -> Result<Client, HttpFailure> {
    let mut builder = builder(config, names).tls_backend_rustls();
    if let Some(path) = &config.ca_file {
        let failed = |reason: String| {
            HttpFailure::Certificates(format!("file of certificates `{}`: {reason}", path.display()))
        };
        let pem = read_bounded(path, CA_BYTES_MAX).map_err(failed)?;
        let certificates =
            Certificate::from_pem_bundle(&pem).map_err(|_| failed("no PEM certificates in it".to_owned()))?;
        if certificates.is_empty() {
            return Err(failed("no PEM certificates in it".to_owned()));
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| {
        HttpFailure::Certificates(format!("no certificates to trust: {}", innermost(&error)))
    })
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        true => Ok(bytes),
        false => Err(format!("longer than {limit} bytes")),
    }
}

/// Fields as `application/x-www-form-urlencoded`.
pub(crate) fn form_text(fields: &[(&str, &str)]) -> String {
    // the address parser has the encoder; no address is asked here
    let Ok(mut carrier) = Url::parse("http://form/") else { return String::new() };
    carrier.query_pairs_mut().extend_pairs(fields);
    carrier.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form keeps every character of a query.
    #[test]
    fn forms() {
        let text = form_text(&[("query", "a + b{c=\"d&e\"}%"), ("time", "1.5")]);
        assert_eq!(text, "query=a+%2B+b%7Bc%3D%22d%26e%22%7D%25&time=1.5");
    }
}
