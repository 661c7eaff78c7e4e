//! Scraping services that answer well, wrongly, half, or not at all: a track is read whole or fails in words.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spark_core::{Timestamp, Track};
use spark_runtime::http::HttpConfig;
use spark_runtime::source::scrape::{SCRAPE_BYTES_MAX, Scraper, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const AT: Timestamp = Timestamp::from_millis(1_767_226_500_000);

/// The longest that a scrape may wait here.
const TIMEOUT: Duration = Duration::from_millis(700);

/// The same with the room that a busy machine needs.
const TIMEOUT_WITH_ROOM: Duration = Duration::from_millis(3_500);

/// A service that answers every request with these bytes, and then closes or stays silent.
struct Service {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(answer: Vec<u8>, closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, seen) = (answer.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let mut request = vec![0; 8_192];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    seen.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).into_owned());
                    let _ = stream.write_all(&answer).await;
                    if !closes {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { url, requests }
    }

    async fn saying(head: &str, body: &str) -> Self {
        Self::start(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}").into_bytes(), true).await
    }

    async fn metrics(body: &str) -> Self {
        Self::saying("200 OK\r\ncontent-type: text/plain; version=0.0.4", body).await
    }
}

fn scraper(targets: &[(&str, Track)], config: HttpConfig) -> Scraper {
    let target = |(url, track): &(&str, Track)| Target { url: (*url).to_owned(), track: *track };
    Scraper::new(targets.iter().map(target).collect(), config.within(TIMEOUT)).unwrap()
}

/// Everything that one scrape gives, a line for each point or failed track.
async fn scraped(targets: &[(&str, Track)], config: HttpConfig) -> Vec<String> {
    let wanted: BTreeSet<String> = ["m", "n"].map(str::to_owned).into();
    let tracks = scraper(targets, config).scrape(AT, &wanted).await;
    let mut lines = Vec::new();
    for (track, scraped) in tracks {
        let track = track.as_str();
        match scraped {
            Err(reason) => lines.push(format!("{track} failed: {reason}")),
            Ok(points) => lines.extend(points.iter().map(|point| {
                let value = point.reading.value().map(|value| value.to_string()).unwrap_or_default();
                let labels: Vec<_> =
                    point.labels.iter().map(|(label, text)| format!("{label}={text}")).collect();
                format!("{track} {}{{{}}} {value} {}", point.metric, labels.join(","), point.at)
            })),
        }
    }
    lines
}

async fn check(name: &str, service: &Service, expected: &str) {
    let begun = Instant::now();
    let lines = scraped(&[(&service.url, Track::Canary)], HttpConfig::default()).await;
    assert!(begun.elapsed() < TIMEOUT_WITH_ROOM, "{name}: {:?}", begun.elapsed());
    let [line] = lines.as_slice() else { panic!("{name}: {lines:?}") };
    assert!(line.starts_with("canary failed: GET http://127.0.0.1:"), "{name}: {line}");
    assert!(line.contains(expected), "{name}: {line}");
}

/// Whatever is no whole exposition fails its track, names the target, and gives no point.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_services() {
    let ok = "200 OK\r\ncontent-type: text/plain";
    for (name, head, body, expected) in [
        (
            "html",
            "200 OK\r\ncontent-type: text/html",
            "<html>login</html>",
            "expected metrics as text, found `text/html`: `<html>login</html>`",
        ),
        ("html as text", ok, "<html>\n", "line 1, column 1: expected metrics, found HTML or XML"),
        ("json", "200 OK\r\ncontent-type: application/json", "{}", "found `application/json`"),
        ("half a line", ok, "m 1\nm{a=\"x", "line 2, column 7: expected the closing `\"`"),
        ("cut value", ok, "m 1\nn 12", "line 2, column 5: the body is cut"),
        (
            "no EOF",
            "200 OK\r\ncontent-type: application/openmetrics-text",
            "m 1\n",
            "the body is cut: OpenMetrics text ends with `# EOF`",
        ),
        ("short", "200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100", "m 1\n", "broke off"),
        ("twice", ok, "m 1\nm 2\n", "line 2, column 1: this series stands twice"),
        ("NUL", ok, "m 1\n\0\0", "NUL"),
        ("500", "500 Internal Server Error", "m 1\n", "status 500: `m 1`"),
        (
            "redirect",
            "302 Found\r\nlocation: http://elsewhere/metrics",
            "",
            "redirects to `http://elsewhere/metrics`",
        ),
        ("compressed", "200 OK\r\ncontent-encoding: gzip", "m 1\n", "encoded as `gzip`"),
        ("announced flood", "200 OK\r\ncontent-length: 1073741824", "m 1\n", "longer than 16777216 bytes"),
    ] {
        check(name, &Service::saying(head, body).await, expected).await;
    }
    check("no HTTP", &Service::start(b"SSH-2.0-OpenSSH\r\n".to_vec(), true).await, "broke off").await;
    let mut flood = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    flood.resize(SCRAPE_BYTES_MAX + 100, b'\n');
    check("flood", &Service::start(flood, true).await, "longer than 16777216 bytes").await;
    check("silence", &Service::start(Vec::new(), false).await, "within").await;
    let stalled = Service::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nm 1\n".to_vec(), false).await;
    check("stall", &stalled, "within").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    drop(listener);
    let closed = Service { url, requests: Arc::default() };
    check("closed", &closed, "no connection").await;
}

/// All targets are read at the instant, told apart by `instance`; one that fails takes its whole track with it.
#[tokio::test(flavor = "multi_thread")]
async fn several_targets() {
    let one = Service::metrics("m{instance=\"own\"} 1\nother 5\n").await;
    let two = Service::metrics("m 2 1767226490000\nn NaN\n").await;
    let broken = Service::saying("503 Service Unavailable", "busy").await;
    let host = |service: &Service| service.url["http://".len()..].trim_end_matches("/metrics").to_owned();
    let both = [(one.url.as_str(), Track::Canary), (two.url.as_str(), Track::Canary)];
    assert_eq!(
        scraped(&both, HttpConfig::default()).await,
        [
            format!("canary m{{exported_instance=own,instance={}}} 1 2026-01-01T00:15:00Z", host(&one)),
            format!("canary m{{instance={}}} 2 2026-01-01T00:14:50Z", host(&two)),
            format!("canary n{{instance={}}}  2026-01-01T00:15:00Z", host(&two)),
        ]
    );
    let with_broken = [
        (one.url.as_str(), Track::Canary),
        (broken.url.as_str(), Track::Canary),
        (one.url.as_str(), Track::Baseline),
    ];
    assert_eq!(
        scraped(&with_broken, HttpConfig::default()).await,
        [
            format!("canary failed: GET {}: status 503: `busy`", broken.url),
            "baseline m{instance=own} 1 2026-01-01T00:15:00Z".to_owned(),
        ]
    );
}

/// The token of the file is sent, and the formats that are understood are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn request_headers() {
    let service = Service::metrics("m 1\n").await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "abc\n").unwrap();
    let config = HttpConfig { token_file: Some(token), ..HttpConfig::default() };
    let lines = scraped(&[(&service.url, Track::Canary)], config).await;
    assert_eq!(lines, ["canary m{} 1 2026-01-01T00:15:00Z"]);
    let request = service.requests.lock().unwrap()[0].to_ascii_lowercase();
    for expected in
        ["get /metrics http/1.1", "authorization: bearer abc", "accept: application/openmetrics-text;"]
    {
        assert!(request.contains(expected), "{request}");
    }
    assert!(!request.contains("accept-encoding"), "{request}");
}
