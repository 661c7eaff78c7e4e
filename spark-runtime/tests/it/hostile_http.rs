//! Servers that answer wrongly, slowly, endlessly or from elsewhere: each is a failure in words, in bounded time
//! and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spark_core::metrics::{MetricsExpression, MetricsNode, Selector};
use spark_core::{Dimension, Policy, Quantile, Reading, Sample, Source, TimeSpan, Timestamp, Track, Unit};
use spark_runtime::http::{HttpClient, HttpConfig};
use spark_runtime::source::prometheus::{PrometheusConfig, PrometheusSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::policies::{asked, policy, signal, with_baseline};

/// The longest that a source may wait here, and the room that a busy machine gets on top.
const TIMEOUT: Duration = Duration::from_millis(800);
const ROOM: Duration = Duration::from_millis(2_500);

/// What a server does with a connection once the request is read.
#[derive(Clone)]
enum Behaviour {
    /// Sends these bytes and closes.
    Sends(Vec<u8>),
    /// Sends these bytes and then nothing, without closing.
    Stalls(&'static [u8]),
    /// Sends the head at once and then a byte now and then.
    Drips(&'static [u8]),
    /// Sends the head and then a GiB.
    Floods(&'static [u8]),
}

struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, behaviour.clone()));
            }
        });
        Self { url, connections }
    }

    async fn json(body: &str) -> Self {
        Self::start(Behaviour::Sends(answer("200 OK", "application/json", body))).await
    }

    fn source(&self) -> PrometheusSource {
        let config = PrometheusConfig { timeout: TIMEOUT, ..PrometheusConfig::new(&self.url) };
        PrometheusSource::new(config).unwrap()
    }
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    // the form's last field is always there, so the request is whole with it
    while !contains(&request, b"lookback_delta=") && !contains(&request, b"GET /") {
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
    match behaviour {
        Behaviour::Sends(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Behaviour::Stalls(bytes) => {
            let _ = stream.write_all(bytes).await;
            std::future::pending::<()>().await;
        }
        Behaviour::Drips(head) => {
            let _ = stream.write_all(head).await;
            while stream.write_all(b"X").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        Behaviour::Floods(head) => {
            let _ = stream.write_all(head).await;
            let piece = vec![b' '; 1 << 20];
            for _ in 0..1024 {
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    format!("{head}{body}").into_bytes()
}

fn at() -> Timestamp {
    Timestamp::parse("1767225600").unwrap()
}

fn one() -> Policy {
    policy(vec![asked("load", "max(load1)")])
}

async fn instant(server: &Server, policy: &Policy) -> Vec<Sample> {
    let begun = Instant::now();
    let samples = server.source().instant(policy, at()).await;
    assert!(begun.elapsed().saturating_sub(TIMEOUT) < ROOM, "took {:?}", begun.elapsed());
    samples
}

/// The words of the one failed reading that a server's answer gives, its address aside.
async fn words(server: &Server) -> String {
    let samples = instant(server, &one()).await;
    let [Sample { reading: Reading::Failed(words), at: when, .. }] = samples.as_slice() else {
        panic!("{samples:?}")
    };
    assert_eq!(*when, at());
    words.replace(&server.url, "http://server")
}

async fn check(behaviour: Behaviour, expected: &str) {
    let server = Server::start(behaviour).await;
    assert_eq!(words(&server).await, expected);
}

async fn check_json(body: &str, expected: &str) {
    let server = Server::json(body).await;
    assert_eq!(words(&server).await, expected, "{}", &body[..body.len().min(200)]);
}

/// An answer that is no answer of Prometheus is a failure in words, and never half a value.
#[tokio::test]
async fn wrong_answers() {
    let post = "POST http://server/api/v1/query";
    let html = "<html>\n<body>Sign in</body></html>";
    for (status, content_type, body, expected) in [
        (
            "200 OK",
            "text/html; charset=utf-8",
            html,
            "http://server/api/v1/query answers `text/html`: expected application/json, found \
             `<html> <body>Sign in</body></html>`"
                .to_owned(),
        ),
        (
            "500 Internal Server Error",
            "text/html",
            html,
            format!("{post}: status 500: `<html> <body>Sign in</body></html>`"),
        ),
        ("401 Unauthorized", "text/plain", "", format!("{post}: status 401 with an empty body")),
        ("204 No Content", "application/json", "", format!("{post}: status 204 with an empty body")),
        ("206 Partial Content", "application/json", "{}", format!("{post}: status 206: `{{}}`")),
        (
            "200 OK",
            "text/plain",
            r#"{"status":"success"}"#,
            "http://server/api/v1/query answers `text/plain`: expected application/json, found \
             `{\"status\":\"success\"}`"
                .to_owned(),
        ),
        (
            "503 Service Unavailable",
            "application/json",
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
            "prometheus refuses (timeout): query timed out".to_owned(),
        ),
        (
            "400 Bad Request",
            "application/json",
            r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
            "prometheus refuses (bad_data): parse error".to_owned(),
        ),
    ] {
        check(Behaviour::Sends(answer(status, content_type, body)), &expected).await;
    }
}

/// JSON that is broken, cut off, of another shape, or too deep is a failure that says what was found.
#[tokio::test]
async fn wrong_json() {
    let strange =
        |words: &str| format!("http://server/api/v1/query answers what is not of Prometheus: {words}");
    let bomb = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{}"#,
        r#"{"a":"#.repeat(100_000)
    );
    let one = |metric: &str, value: &str| {
        format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{metric},"value":{value}}}]}}}}"#
        )
    };
    for (body, expected) in [
        ("", strange("the answer is empty at byte 0")),
        ("[]", strange("expected an object, found `[]` at byte 0")),
        ("{}", strange("the answer lacks `status` at byte 0")),
        (
            r#"{"status":"success","data":{"resultType":"vector","resu"#,
            strange("the text ends within a string at byte 54"),
        ),
        (r#"{"status":"success"}"#, strange("the answer lacks `data` at byte 0")),
        (r#"{"status":"fine"}"#, strange("unknown variant `fine`, expected `success` or `error` at byte 15")),
        (
            &one("{}", "[0]"),
            strange(
                "invalid length 1, expected a pair of a time and a value, as in [1767226500.123, \"0.25\"] at byte 83",
            ),
        ),
        (&one("{}", r#"[0,"fast"]"#), strange("`fast` is no number at byte 89")),
        (&one(r#"{"a":"b","a":"c"}"#, r#"[0,"1"]"#), strange("the label `a` stands twice at byte 86")),
        (&bomb, strange("the text ends within a value at byte 500069")),
    ] {
        check_json(body, &expected).await;
    }
}

/// A partial answer, an empty one, and one of several series are failures; numbers that are none stay what they are.
#[tokio::test]
async fn answers_without_a_value() {
    let vector = |result: &str, more: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}{more}}}"#)
    };
    let value = |metric: &str, text: &str| format!(r#"{{"metric":{metric},"value":[1767225600,"{text}"]}}"#);
    let whole = value("{}", "1");
    for (body, expected) in [
        (vector("", ""), "no series"),
        (
            vector(&whole, r#","warnings":["one store did not answer"]"#),
            "prometheus warns: one store did not answer",
        ),
        (vector(&whole, r#","isPartial":true"#), "prometheus warns: the answer is partial"),
        (
            vector(&format!("{},{}", value(r#"{"pod":"a"}"#, "1"), value(r#"{"pod":"b"}"#, "2")), ""),
            "2 series: aggregate them",
        ),
        (
            vector(r#"{"metric":{},"histogram":[1767225600,{"count":"1"}]}"#, ""),
            "http://server/api/v1/query answers what is not of Prometheus: the series holds native histograms: \
             take a quantile or a sum of it in the query at byte 70",
        ),
    ] {
        check_json(&body, expected).await;
    }
    for (text, expected) in [
        ("NaN", Reading::NotANumber),
        ("-Inf", Reading::Infinite { negative: true }),
        ("1e999", Reading::OutOfRange),
        ("1e300", Reading::OutOfRange),
        ("0.30000000000000004", Reading::Value("0.3".parse().unwrap())),
    ] {
        let server =
            Server::json(&vector(&value("{}", text), r#","infos":["a counter without _total"]"#)).await;
        let samples = instant(&server, &one()).await;
        assert_eq!(samples.iter().map(|s| s.reading.clone()).collect::<Vec<_>>(), [expected], "{text}");
    }
}

/// The series with `track="baseline"` is the baseline, and the one that is left the canary.
#[tokio::test]
async fn tracks() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"track":"baseline"},"value":[1767225600,"1"]},
        {"metric":{"track":"canary"},"value":[1767225600,"2"]}]}}"#;
    let signals = vec![asked("load", "max by (track) (load1)")];
    let found = |samples: Vec<Sample>| -> Vec<_> {
        samples.into_iter().map(|s| (s.track, s.reading.value().map(|v| v.to_string()))).collect()
    };
    let server = Server::json(body).await;
    let expected = [(Track::Canary, Some("2".to_owned())), (Track::Baseline, Some("1".to_owned()))];
    assert_eq!(found(instant(&server, &with_baseline(signals.clone(), 0)).await), expected);
    let empty = Server::json(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#).await;
    assert_eq!(
        found(instant(&empty, &with_baseline(signals, 0)).await),
        [(Track::Canary, None), (Track::Baseline, None)]
    );
}

/// The bounds of buckets are advice: those of a whole answer are believed, a partial, broken, late or endless one is as
/// none, and nobody waits for it longer than for a sample.
#[tokio::test]
async fn bounds_of_buckets() {
    let histogram = Selector { metric: "h".to_owned(), matchers: vec![] };
    let quantile = Quantile::parse("p95").unwrap();
    let root = MetricsNode::HistogramQuantile { quantile, selector: histogram, by: vec![] };
    let source = Source::Metrics(MetricsExpression { root, over: Some(TimeSpan::from_seconds(60)) });
    let policy = policy(vec![signal("p95", Unit::of(Dimension::Duration), source)]);
    let json = |body: &str| Behaviour::Sends(answer("200 OK", "application/json", body));
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n";
    for (behaviour, expected) in [
        (json(r#"{"status":"success","data":["0.1","+Inf","0.5","x"]}"#), Some("0.5")),
        (json(r#"{"status":"success","data":[]}"#), None),
        (json(r#"{"status":"success","data":["0.1"],"warnings":["a store is away"]}"#), None),
        (json(r#"{"status":"success","data":["0.1"],"isPartial":true}"#), None),
        (json(r#"{"status":"error","errorType":"bad_data","error":"no"}"#), None),
        (json("not json"), None),
        (Behaviour::Sends(answer("404 Not Found", "text/html", "no")), None),
        (Behaviour::Stalls(b"HTTP/1.1 200 OK\r\n"), None),
        (Behaviour::Drips(head), None),
        (Behaviour::Floods(head), None),
    ] {
        let (server, begun) = (Server::start(behaviour).await, Instant::now());
        let found = server.source().ceilings(&policy, at(), at()).await;
        assert!(begun.elapsed().saturating_sub(TIMEOUT) < ROOM, "took {:?}", begun.elapsed());
        assert_eq!(found.known().next().map(|known| known.value.to_string()).as_deref(), expected);
    }
}

/// A redirect is an error that names its target, which is never contacted.
#[tokio::test]
async fn redirects() {
    let target = Server::json("{}").await;
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {}/api\r\nContent-Length: 0\r\n\r\n", target.url);
    let server = Server::start(Behaviour::Sends(head.into_bytes())).await;
    let expected = format!(
        "POST http://server/api/v1/query: status 302 redirects to `{}/api`, and redirects are not followed: \
         name the final address",
        target.url
    );
    assert_eq!(words(&server).await, expected);
    assert_eq!(target.connections.load(Ordering::SeqCst), 0);
}

/// An answer that breaks off, never comes, or drips is given up in time.
#[tokio::test]
async fn slow_and_broken_connections() {
    let post = "POST http://server/api/v1/query";
    let late = [
        format!("{post}: no whole answer within 800ms"),
        format!("{post}: nothing came for 800ms"),
        "no answer within 800ms".to_owned(),
    ];
    for behaviour in [
        Behaviour::Stalls(b""),
        Behaviour::Stalls(b"HTTP/1.1 200 OK\r\nContent-Type: app"),
        Behaviour::Stalls(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        ),
        Behaviour::Drips(b"HTTP/1.1 200 OK\r\nContent-Type: "),
        Behaviour::Drips(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n",
        ),
    ] {
        let server = Server::start(behaviour).await;
        let words = words(&server).await;
        assert!(late.contains(&words), "{words}");
    }
    for bytes in [
        &b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"sta"[..],
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"status\":",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ] {
        let server = Server::start(Behaviour::Sends(bytes.to_vec())).await;
        let words = words(&server).await;
        assert!(words.starts_with(&format!("{post}: the answer broke off: ")), "{words}");
    }
    let compressed = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x08";
    check(
        Behaviour::Sends(compressed.into()),
        &format!("{post}: the body is encoded as `gzip`, which was not asked for"),
    )
    .await;
}

/// A port where nobody listens is a failure at once.
#[tokio::test]
async fn nobody_there() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let server = Server { url, connections: Arc::default() };
    let words = words(&server).await;
    assert!(words.starts_with("POST http://server/api/v1/query: no connection: "), "{words}");
}

/// A server that answers nothing is not waited for again, query by query: many take as long as a few.
#[tokio::test]
async fn silent_for_many() {
    let server = Server::start(Behaviour::Stalls(b"")).await;
    let names: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
    let many = policy(names.iter().map(|name| asked(name, "up")).collect());
    let begun = Instant::now();
    let error = server.source().range(&many, at(), at(), TimeSpan::from_seconds(15)).await.unwrap_err();
    assert!(begun.elapsed() < TIMEOUT + ROOM, "{:?}", begun.elapsed());
    assert!(error.to_string().contains("no whole answer within 800ms"), "{error}");
}

/// The most memory that this process has held, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An endless body, announced or not, is cut at the limit, and takes no memory beyond it.
#[tokio::test]
async fn endless_bodies() {
    let before = peak_memory();
    let unannounced = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    let announced =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n";
    for head in [&unannounced[..], announced] {
        let server = Server::start(Behaviour::Floods(head)).await;
        let client = HttpClient::new(HttpConfig::default()).unwrap();
        let begun = Instant::now();
        let error = client.get(&server.url, "*/*").await.unwrap_err().to_string();
        assert_eq!(error, format!("GET {}/: the body is longer than 16777216 bytes", server.url));
        assert!(begun.elapsed() < Duration::from_secs(15), "took {:?}", begun.elapsed());
    }
    let grown = peak_memory() - before;
    assert!(grown < 64 << 10, "grew by {grown} KiB");
}

/// One query that is refused hides no other, live or in history.
#[tokio::test]
async fn one_dead_query() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while !contains(&request, b"lookback_delta=") {
                    match stream.read(&mut piece).await {
                        Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                        _ => return,
                    }
                }
                let range = contains(&request, b"query_range");
                let good = match range {
                    true => {
                        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1767225600,"1"],[1767225615,"2"]]}]}}"#
                    }
                    false => {
                        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767225600,"1"]}]}}"#
                    }
                };
                let bad = r#"{"status":"error","errorType":"execution","error":"too many samples"}"#;
                let bytes = match contains(&request, b"dead") {
                    true => answer("422 Unprocessable Entity", "application/json", bad),
                    false => answer("200 OK", "application/json", good),
                };
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    let config = PrometheusConfig { timeout: TIMEOUT, ..PrometheusConfig::new(url) };
    let source = PrometheusSource::new(config).unwrap();
    let both = policy(vec![asked("dead", "dead"), asked("alive", "alive")]);
    let shown = |samples: Vec<Sample>| -> Vec<String> {
        let reading = |r: &Reading| r.value().map_or_else(|| format!("{r:?}"), |v| v.to_string());
        samples.iter().map(|s| format!("{} {} {}", s.signal.0, s.at, reading(&s.reading))).collect()
    };
    let failed = r#"Failed("prometheus refuses (execution): too many samples")"#;
    assert_eq!(
        shown(source.instant(&both, at()).await),
        [format!("0 2026-01-01T00:00:00Z {failed}"), "1 2026-01-01T00:00:00Z 1".to_owned()]
    );
    let step = TimeSpan::from_seconds(15);
    assert_eq!(
        shown(source.range(&both, at(), at().plus(step), step).await.unwrap()),
        [
            format!("0 2026-01-01T00:00:00Z {failed}"),
            "1 2026-01-01T00:00:00Z 1".to_owned(),
            format!("0 2026-01-01T00:00:15Z {failed}"),
            "1 2026-01-01T00:00:15Z 2".to_owned(),
        ]
    );
    let none = source.range(&policy(vec![asked("dead", "dead")]), at(), at(), step).await.unwrap_err();
    assert_eq!(none.to_string(), "signal `dead`: prometheus refuses (execution): too many samples");
}

/// A query that is late for a long range is asked in smaller pieces, and from then on at once: no piece is lost, and a
/// server that is late for any is not asked for ever.
#[tokio::test]
async fn late_for_long_ranges() {
    async fn start(most: u64) -> (PrometheusSource, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut piece = [0; 4096];
                    while !contains(&request, b"lookback_delta=") {
                        match stream.read(&mut piece).await {
                            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                            _ => return,
                        }
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    let text = String::from_utf8(request).unwrap();
                    let field = |name: &str| -> u64 {
                        let (_, value) = text.split_once(&format!("&{name}=")).unwrap();
                        value.split('&').next().unwrap().trim().parse().unwrap()
                    };
                    let (start, end) = (field("start"), field("end"));
                    if (end - start) / 15 >= most {
                        std::future::pending::<()>().await;
                    }
                    let values: Vec<String> =
                        (start..=end).step_by(15).map(|at| format!(r#"[{at},"{at}"]"#)).collect();
                    let body = format!(
                        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}}}"#,
                        values.join(",")
                    );
                    let _ = stream.write_all(&answer("200 OK", "application/json", &body)).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        let config = PrometheusConfig { timeout: TIMEOUT, ..PrometheusConfig::new(url) };
        (PrometheusSource::new(config).unwrap(), asked)
    }
    let step = TimeSpan::from_seconds(15);
    let (policy, last) = (policy(vec![asked("load", "load")]), 25_000u32);
    let (source, count) = start(2_000).await;
    let samples = source.range(&policy, at(), at().plus(step.times(last)), step).await.unwrap();
    let values: Vec<String> = samples.iter().map(|s| format!("{:?}", s.reading.value())).collect();
    let expected = (0..=u64::from(last)).map(|place| format!("Some({})", 1_767_225_600 + 15 * place));
    assert!(values.iter().eq(expected.collect::<Vec<_>>().iter()), "{} of {last}", values.len());
    // the query and its form with times are late once for the whole range, not once for every piece
    let count = count.load(Ordering::SeqCst);
    assert!((19..=42).contains(&count), "{count} queries");

    let (dead, _) = start(0).await;
    let started = Instant::now();
    let error = dead.range(&policy, at(), at().plus(step.times(last)), step).await.unwrap_err();
    assert!(error.to_string().contains("no whole answer"), "{error}");
    assert!(started.elapsed() < TIMEOUT * 8 + ROOM, "{:?}", started.elapsed());
}
