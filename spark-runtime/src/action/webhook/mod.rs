//! Moving traffic by asking an HTTP service: signed, with an idempotency key, and tried again only where that is safe.
//!
//! The service gets the order as JSON by POST, and says with a 2xx that it did it. Every attempt carries the same
//! `Idempotency-Key` and `webhook-id`, so one that was received twice counts once. What the client guards against (time,
//! size, redirects, proxies, other hosts) stands in [`crate::http`].

mod signature;

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use spark_core::TimeSpan;

pub use self::signature::KEY_BYTES_MIN;
use self::signature::unix_seconds;
pub(crate) use self::signature::{Signer, message_id};
use super::share::parse_share;
use super::text::{kept, without};
use super::{ActionEnd, ActionOutcome, Actions, Measured, OUTPUT_BYTES_MAX, Order, Secret, percent};
use crate::http::{HttpClient, HttpConfig, HttpError, HttpFailure};

/// Most attempts at one order. With the pauses between them they take half a minute; the rollout itself tries a rollback
/// again after that.
const ATTEMPTS_MAX: u32 = 6;

/// The pause before the second attempt, at most; each later one is twice as long, and a random part of it is waited.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Longest answer that is read. It is only kept as evidence, and of that [`OUTPUT_BYTES_MAX`].
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What JSON is asked for and sent as.
const JSON: &str = "application/json";

/// An HTTP service that moves traffic.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// The address that gives a share.
    pub set: String,
    /// The address that takes all back.
    pub rollback: String,
    /// The address whose GET says the share that the canary has, as `{"share": 25}`; without it the share is never known.
    pub probe: Option<String>,
    /// The key that signs requests.
    pub secret: Secret,
    /// How requests are made, and which servers may be asked.
    pub http: HttpConfig,
    /// How long an order may take with all its attempts, where the order does not leave less.
    pub deadline: TimeSpan,
}

/// Why a webhook cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The key is too short or broken.
    #[error("{0}")]
    Key(String),
    /// An address is none. It is not repeated: a password may stand in it.
    #[error("the webhook's address cannot be used: {0}")]
    Address(String),
    /// The client cannot be made.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// Moves traffic by asking an HTTP service.
#[derive(Debug)]
pub struct WebhookActions {
    settings: WebhookSettings,
    signer: Signer,
    client: HttpClient,
}

impl WebhookActions {
    /// Actions by a webhook.
    ///
    /// # Errors
    /// The key, an address or the file of certificates cannot be used.
    pub fn new(mut settings: WebhookSettings) -> Result<Self, WebhookError> {
        let signer = Signer::new(&settings.secret).map_err(WebhookError::Key)?;
        let addresses = [Some(&settings.set), Some(&settings.rollback), settings.probe.as_ref()];
        for address in addresses.into_iter().flatten() {
            crate::http::check_address(address).map_err(WebhookError::Address)?;
        }
        settings.http.body_bytes_max = settings.http.body_bytes_max.min(ANSWER_BYTES_MAX);
        let client = HttpClient::new(settings.http.clone())?;
        Ok(Self { settings, signer, client })
    }

    /// Sends an order until it is taken, refused, or its time is over.
    async fn send(&self, action: &str, url: &str, order: &Order) -> ActionOutcome {
        let body = body(action, order);
        let headers = || self.headers(action, order, &body);
        let deadline = self.settings.deadline.min(order.deadline);
        let mut outcome = deliver(&self.client, url, headers, &body, deadline, self.hidden()).await;
        outcome.status = without(&outcome.status, self.hidden());
        outcome.command = vec!["POST".to_owned(), url.split('?').next().unwrap_or_default().to_owned()];
        outcome
    }

    /// What no answer may bring into the record: whoever shares the key may repeat it.
    fn hidden(&self) -> &[Secret] {
        std::slice::from_ref(&self.settings.secret)
    }

    fn headers(&self, action: &str, order: &Order, body: &[u8]) -> HeaderMap {
        let id = message_id(&[&order.key, action]);
        signed(
            Some(&self.signer),
            &id,
            body,
            &[("idempotency-key", &order.key), ("spark-fence", &order.fence.to_string())],
        )
    }
}

/// Sends a body until it is taken, refused, or its time is over. Each attempt is signed anew, with its own time.
pub(crate) async fn deliver(
    client: &HttpClient,
    url: &str,
    headers: impl Fn() -> HeaderMap,
    body: &[u8],
    deadline: TimeSpan,
    hidden: &[Secret],
) -> ActionOutcome {
    let begun = Instant::now();
    let mut reached = false;
    let mut attempt: u32 = 0;
    loop {
        attempt = attempt.saturating_add(1);
        let left = deadline.to_std().saturating_sub(begun.elapsed());
        let sent = client.post(url, JSON, headers(), body.to_vec());
        let answer = match tokio::time::timeout(left, sent).await {
            Ok(answer) => Reply::of(answer, hidden),
            Err(_) => Reply::unknown(format!("no answer within {deadline}")),
        };
        reached |= answer.outcome.end == ActionEnd::Unknown;
        let pause = pause(attempt);
        let room = begun.elapsed().saturating_add(pause) < deadline.to_std();
        if !answer.again || attempt >= ATTEMPTS_MAX || !room {
            return told(answer.outcome, attempt, reached);
        }
        tokio::time::sleep(pause).await;
    }
}

fn told(mut outcome: ActionOutcome, attempts: u32, reached: bool) -> ActionOutcome {
    if outcome.end == ActionEnd::Failed && reached {
        // an earlier attempt may have been carried out: refusing a later one does not undo it
        outcome.end = ActionEnd::Unknown;
    }
    if attempts > 1 {
        outcome.status = format!("{} (after {attempts} attempts)", outcome.status);
    }
    outcome
}

/// The headers of a message, signed where there is a key.
pub(crate) fn signed(
    signer: Option<&Signer>,
    id: &str,
    body: &[u8],
    others: &[(&'static str, &str)],
) -> HeaderMap {
    let now = unix_seconds();
    let signature = signer.map(|signer| signer.sign(id, now, body));
    let timestamp = now.to_string();
    let own = [("webhook-id", id), ("webhook-timestamp", &timestamp)];
    let signature = signature.iter().map(|signature| ("webhook-signature", signature.as_str()));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in own.into_iter().chain(signature).chain(others.iter().copied()) {
        // names of releases are plain; one that is not is left out of the header, and stands in the signed body
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// An order as the service gets it.
fn body(action: &str, order: &Order) -> Vec<u8> {
    let share: Option<serde_json::Number> = serde_json::from_str(&order.percent()).ok();
    let told = serde_json::json!({
        "action": action,
        "release": order.release,
        "step": order.key,
        "fence": order.fence,
        "stage": order.stage.saturating_add(1),
        "share": share,
        "reason": order.reason,
    });
    told.to_string().into_bytes()
}

/// What came of an attempt.
struct Reply {
    outcome: ActionOutcome,
    /// Whether another attempt may end better.
    again: bool,
}

impl Reply {
    fn unknown(words: String) -> Self {
        Self { outcome: ActionOutcome::unknown(words), again: true }
    }

    fn of(answer: Result<crate::http::Answer, HttpError>, hidden: &[Secret]) -> Self {
        let error = match answer {
            Ok(answer) => return Self::by_status(200, &answer.body, "status 200".to_owned(), hidden),
            Err(error) => hide_in(error, hidden),
        };
        let words = error.failure.to_string();
        match &error.failure {
            HttpFailure::Status { status, body } => Self::by_status(*status, body, words, hidden),
            // nothing was sent: surely not done
            HttpFailure::NoConnection(_) => Self { outcome: ActionOutcome::failed(words), again: true },
            HttpFailure::Silent(_) | HttpFailure::TooSlow(_) | HttpFailure::Broken(_) => Self::unknown(words),
            // it was taken, and what it says about it cannot be read
            HttpFailure::Encoded(_) | HttpFailure::TooLarge { .. } | HttpFailure::RepeatsToken => {
                Self { outcome: ActionOutcome::unknown(words), again: false }
            }
            _ => Self { outcome: ActionOutcome::failed(words), again: false },
        }
    }

    fn by_status(status: u16, body: &[u8], words: String, hidden: &[Secret]) -> Self {
        let (end, again) = match status {
            200..=299 => (ActionEnd::Succeeded, false),
            // not now: the service did nothing
            425 | 429 => (ActionEnd::Failed, true),
            // a gateway's or a crash's answer: the service behind it may have done it
            408 | 500..=599 => (ActionEnd::Unknown, true),
            _ => (ActionEnd::Failed, false),
        };
        let words = if end == ActionEnd::Succeeded { format!("status {status}") } else { words };
        let total = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let (stdout, dropped_bytes) = kept(body, total, OUTPUT_BYTES_MAX, hidden);
        Self { outcome: ActionOutcome { stdout, dropped_bytes, ..ActionOutcome::new(end, words) }, again }
    }
}

/// An error whose body holds no secret any more: its words show the beginning of the body, which may end within one.
fn hide_in(mut error: HttpError, hidden: &[Secret]) -> HttpError {
    if let HttpFailure::Status { body, .. } = &mut error.failure {
        *body = without(&String::from_utf8_lossy(body), hidden).into_bytes();
    }
    error
}

/// How long to wait after this attempt: many runners that were refused at once come back at different times.
fn pause(attempt: u32) -> Duration {
    let longest = PAUSE.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1))).min(PAUSE_MAX);
    let mut random = [0u8; 2];
    let part = match getrandom::fill(&mut random) {
        Ok(()) => u32::from(u16::from_le_bytes(random)),
        Err(_) => u32::from(u16::MAX),
    };
    // never less than a quarter: no pause at all would be a storm
    let half = longest.checked_div(4).unwrap_or(longest);
    let rest = longest.saturating_sub(half).saturating_mul(part).checked_div(u32::from(u16::MAX));
    half.saturating_add(rest.unwrap_or_default())
}

impl Actions for WebhookActions {
    async fn set_share(&mut self, order: &Order) -> ActionOutcome {
        self.send("set-share", &self.settings.set, order).await
    }

    async fn roll_back(&mut self, order: &Order) -> ActionOutcome {
        self.send("roll-back", &self.settings.rollback, order).await
    }

    async fn measure_share(&mut self, order: &Order) -> Measured {
        let Some(url) = &self.settings.probe else { return Measured::unknown("no probe is configured") };
        let measured = self.probe(url, order).await;
        Measured { words: without(&measured.words, self.hidden()), ..measured }
    }
}

impl WebhookActions {
    async fn probe(&self, url: &str, order: &Order) -> Measured {
        let deadline = self.settings.deadline.min(order.deadline);
        let asked = tokio::time::timeout(deadline.to_std(), self.client.get(url, JSON)).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Measured::unknown(hide_in(error, self.hidden()).to_string()),
            Err(_) => return Measured::unknown(format!("the probe did not answer within {deadline}")),
        };
        // a page that says 200 and means an error is no share
        match std::str::from_utf8(&answer.body).map_err(|_| "the probe's answer is no text".to_owned()) {
            Ok(text) if text.trim_start().starts_with('{') => match parse_share(text) {
                Ok(share_bp) => {
                    Measured::share(share_bp, format!("the webhook's probe says {}%", percent(share_bp)))
                }
                Err(reason) => Measured::unknown(reason),
            },
            Ok(_) => Measured::unknown(format!(
                "the probe said `{}`; expected JSON as {{\"share\": 25}}",
                answer.excerpt()
            )),
            Err(reason) => Measured::unknown(reason),
        }
    }
}
