//! Webhooks against services that answer well, wrongly, slowly and from elsewhere.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use spark_core::TimeSpan;
use spark_runtime::action::{ActionEnd, Actions, Secret, WebhookActions, WebhookSettings};
use spark_runtime::http::HttpConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::order;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SHORT: TimeSpan = TimeSpan::from_seconds(3);

/// What a service does with one request.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers with this status and body.
    Answers(u16, String),
    /// Sends these bytes, and closes.
    Sends(&'static [u8]),
    /// Sends these bytes, and then nothing.
    Stalls(&'static [u8]),
    /// Sends a head, and then a body without end.
    Floods,
    /// Sends these bytes one by one, slowly.
    Drips(&'static [u8]),
}

/// A service that does these things in turn, the last one for ever, and keeps what it was asked.
pub(crate) struct Service {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub(crate) async fn start(does: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, does) = (Arc::clone(&kept), does.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut piece = [0; 4096];
                    while !whole(&request) {
                        match stream.read(&mut piece).await {
                            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                            _ => return,
                        }
                    }
                    let place = {
                        let mut kept = kept.lock().unwrap();
                        kept.push(String::from_utf8(request).unwrap());
                        kept.len() - 1
                    };
                    let _ = match &does[place.min(does.len() - 1)] {
                        Does::Answers(status, body) => {
                            let text = format!(
                                "HTTP/1.1 {status} S\r\nContent-Type: application/json\r\nContent-Length: {}\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n{body}",
                                body.len()
                            );
                            stream.write_all(text.as_bytes()).await
                        }
                        Does::Sends(bytes) => stream.write_all(bytes).await,
                        Does::Stalls(bytes) => {
                            let _ = stream.write_all(bytes).await;
                            std::future::pending().await
                        }
                        Does::Drips(bytes) => {
                            for byte in *bytes {
                                let _ = stream.write_all(&[*byte]).await;
                                tokio::time::sleep(Duration::from_millis(100)).await;
                            }
                            Ok(())
                        }
                        Does::Floods => {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                            let piece = vec![b' '; 1 << 16];
                            while stream.write_all(&piece).await.is_ok() {}
                            Ok(())
                        }
                    };
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { url, asked }
    }

    fn actions(&self) -> WebhookActions {
        self.actions_within(Duration::from_millis(500), SHORT)
    }

    fn actions_within(&self, answer: Duration, deadline: TimeSpan) -> WebhookActions {
        let address = |path: &str| format!("{}{path}", self.url);
        WebhookActions::new(WebhookSettings {
            set: address("/set?token=hidden"),
            rollback: address("/back"),
            probe: Some(address("/share")),
            secret: Secret::new(KEY),
            http: HttpConfig::default().within(answer),
            deadline,
        })
        .unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}

fn header(request: &str, name: &str) -> Option<String> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

fn json(body: &str) -> Does {
    Does::Answers(200, body.to_owned())
}

/// The service gets the order, its key and fence, and a signature that its receiver can check against replays.
#[tokio::test]
async fn signed_orders() {
    let service = Service::start(vec![json(r#"{"done": true}"#)]).await;
    let mut actions = service.actions();
    let outcome = actions.set_share(&order(50, SHORT)).await;
    assert_eq!((outcome.end, outcome.status.as_str()), (ActionEnd::Succeeded, "status 200"));
    assert_eq!(outcome.command, ["POST".to_owned(), format!("{}/set", service.url)]);
    assert_eq!(outcome.stdout, r#"{"done": true}"#);
    assert!(actions.roll_back(&order(0, SHORT)).await.succeeded());
    let asked = service.asked();
    let [set, back] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(set.starts_with("POST /set?token=hidden HTTP/1.1\r\n") && back.starts_with("POST /back HTTP"));
    for (request, action, share) in [(set, "set-share", "0.5"), (back, "roll-back", "0")] {
        let body = request.split("\r\n\r\n").nth(1).unwrap();
        let expected = format!(
            r#"{{"action":"{action}","fence":3,"reason":"api_latency, errors","release":"1.4","share":{share},"stage":3,"step":"1.4/3.7"}}"#
        );
        assert_eq!(body, expected);
        let header = |name| header(request, name).unwrap();
        assert_eq!((header("idempotency-key").as_str(), header("spark-fence").as_str()), ("1.4/3.7", "3"));
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(timestamp.parse().unwrap()) < 10);
        let key = STANDARD.decode(KEY.trim_start_matches("whsec_")).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), expected);
    }
    assert_ne!(header(set, "webhook-id"), header(back, "webhook-id"));
}

/// What may end better is tried again with the same key, what may not is not, and what nobody knows is said to be so.
#[tokio::test]
async fn attempts() {
    let answers =
        |statuses: &[u16]| statuses.iter().map(|status| Does::Answers(*status, String::new())).collect();
    let stalls = Does::Stalls(b"HTTP/1.1 200 OK\r\nContent-Le");
    for (does, end, attempts, words) in [
        (answers(&[429, 503, 204]), ActionEnd::Succeeded, 3, "status 204 (after 3 attempts)"),
        (answers(&[400]), ActionEnd::Failed, 1, "status 400 with an empty body"),
        (answers(&[409]), ActionEnd::Failed, 1, "status 409 with an empty body"),
        (answers(&[302]), ActionEnd::Failed, 1, "status 302 redirects to"),
        (answers(&[500, 403]), ActionEnd::Unknown, 2, "status 403 with an empty body (after 2 attempts)"),
        (
            vec![Does::Sends(b"SSH-2.0-OpenSSH_9.2\r\n"), json("{}")],
            ActionEnd::Succeeded,
            2,
            "status 200 (after 2",
        ),
        (vec![stalls, json("{}")], ActionEnd::Succeeded, 2, "status 200 (after 2 attempts)"),
        (vec![Does::Floods], ActionEnd::Unknown, 1, "the body is longer than 1048576 bytes"),
    ] {
        let service = Service::start(does).await;
        // each attempt has the time that a loaded machine needs
        let deadline = TimeSpan::from_seconds(15);
        let mut actions = service.actions_within(Duration::from_secs(2), deadline);
        let outcome = actions.set_share(&order(2500, deadline)).await;
        let asked = service.asked();
        assert_eq!((outcome.end, asked.len()), (end, attempts), "{outcome:?}");
        assert!(outcome.status.starts_with(words), "{outcome:?}");
        let ids = asked.iter().map(|request| header(request, "webhook-id"));
        assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 1);
    }
}

/// A service that never answers, or that is not there, is given up within the deadline.
#[tokio::test]
async fn deadlines() {
    let drips = Does::Drips(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    for does in [Does::Stalls(b""), drips, Does::Answers(500, "broken".to_owned())] {
        let service = Service::start(vec![does]).await;
        let begun = Instant::now();
        let outcome = service.actions().roll_back(&order(0, TimeSpan::from_nanos(1_200_000_000))).await;
        assert_eq!(outcome.end, ActionEnd::Unknown, "{outcome:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(service.asked().len() > 1, "a rollback is tried again");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service =
        Service { url: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
    drop(listener);
    let outcome = service.actions().set_share(&order(2500, SHORT)).await;
    assert_eq!(outcome.end, ActionEnd::Failed, "{outcome:?}");
    assert!(outcome.status.contains("no connection"), "{outcome:?}");
}

/// The probe believes JSON with a share, and nothing else.
#[tokio::test]
async fn probes() {
    for (does, share_bp, words) in [
        (json(r#"{"share": 25}"#), Some(2500), "the webhook's probe says 25%"),
        (json(r#"{"share": 0}"#), Some(0), "the webhook's probe says 0%"),
        (json("25"), None, "the probe said `25`; expected JSON"),
        (json(""), None, "the probe said ``; expected JSON"),
        (json("<html>ok</html>"), None, "the probe said `<html>ok</html>`; expected JSON"),
        (json(r#"{"share": 250}"#), None, "the probe said `{\"share\": 250}`; expected a share"),
        (json(r#"{"share": null}"#), None, "the probe said"),
        (Does::Answers(500, r#"{"share": 25}"#.to_owned()), None, "GET http://"),
        (Does::Answers(204, String::new()), None, "GET http://"),
        (Does::Stalls(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"share\": 2"), None, "GET http://"),
        (Does::Floods, None, "GET http://"),
    ] {
        let service = Service::start(vec![does]).await;
        let measured = service.actions().measure_share(&order(2500, SHORT)).await;
        assert_eq!(measured.share_bp, share_bp, "{measured:?}");
        assert!(measured.words.starts_with(words), "{measured:?}");
    }
}

/// The key shows nowhere, though the service repeats it; what cannot be used is refused at once.
#[tokio::test]
async fn keys_and_addresses() {
    let service = Service::start(vec![Does::Answers(200, format!("your key is {KEY}"))]).await;
    let actions = service.actions();
    assert!(!format!("{actions:?}").contains("MfKQ"), "{actions:?}");
    let outcome = service.actions().set_share(&order(2500, SHORT)).await;
    assert_eq!(outcome.stdout, "your key is [secret]");
    for (set, key, expected) in [
        ("ftp://h/", KEY, "the webhook's address cannot be used: this is no address: expected http or https"),
        (
            "http://u:hunter2@h/",
            KEY,
            "the webhook's address cannot be used: this is no address: a name or password",
        ),
        ("http://h/", "short", "the webhook's key has 5 bytes; expected at least 24"),
    ] {
        let settings = WebhookSettings {
            set: set.to_owned(),
            rollback: "http://127.0.0.1/".to_owned(),
            probe: None,
            secret: Secret::new(key),
            http: HttpConfig::default(),
            deadline: SHORT,
        };
        let error = WebhookActions::new(settings).unwrap_err().to_string();
        assert!(error.starts_with(expected) && !error.contains("hunter2"), "{error}");
    }
    // metadata services are asked by nobody
    let metadata = "http://169.254.169.254/latest".to_owned();
    let settings = WebhookSettings {
        set: metadata.clone(),
        rollback: metadata,
        probe: None,
        secret: Secret::new(KEY),
        http: HttpConfig::default(),
        deadline: SHORT,
    };
    let outcome = WebhookActions::new(settings).unwrap().set_share(&order(2500, SHORT)).await;
    assert!(outcome.end == ActionEnd::Failed && outcome.status.contains("link-local"), "{outcome:?}");
}
