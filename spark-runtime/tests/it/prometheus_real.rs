//! The live source against the real Prometheus server, on data that stands in it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use spark_core::metrics::{MetricsExpression, MetricsNode, RangeFunction, Selector};
use spark_core::{
    Engine, Expression, Policy, Reading, Sample, Signal, Source, TimeSpan, Timestamp, Track, Verdict,
};
use spark_runtime::http::{HttpClient, HttpConfig};
use spark_runtime::source::prometheus::{PrometheusConfig, PrometheusSource};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::policies::{asked, at_most, policy, signal, with_baseline};

/// The first instant of the data.
const BASE: i64 = 1_767_225_600;

/// How long a Prometheus may take to be ready on a busy machine.
const READY_TRIES: u32 = 300;

struct Prometheus {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn missing(program: &str, error: &std::io::Error) -> ! {
    panic!("`{program}` does not start ({error}): install it: apt-get install prometheus")
}

/// A gauge that dies after 300 s, two series of one name, a counter on both tracks, and values that are none.
fn open_metrics() -> String {
    let mut text = "# TYPE g gauge\n".to_owned();
    let instants = || (0..=20).map(|step: i64| (step, BASE.saturating_add(step.saturating_mul(15))));
    instants().for_each(|(step, at)| writeln!(text, "g{{instance=\"a\"}} {step} {at}").unwrap());
    text.push_str("# TYPE pair gauge\n");
    for pod in ["a", "b"] {
        instants().for_each(|(step, at)| writeln!(text, "pair{{pod=\"{pod}\"}} {step} {at}").unwrap());
    }
    text.push_str("# TYPE odd gauge\n");
    instants().for_each(|(_, at)| writeln!(text, "odd{{kind=\"long\"}} 0.30000000000000004 {at}").unwrap());
    instants().for_each(|(_, at)| writeln!(text, "odd{{kind=\"nan\"}} NaN {at}").unwrap());
    text.push_str("# TYPE c counter\n");
    for (track, slope) in [("baseline", 30), ("canary", 60i64)] {
        instants().for_each(|(step, at)| {
            writeln!(text, "c_total{{track=\"{track}\"}} {} {at}", step.saturating_mul(slope)).unwrap();
        });
    }
    text.push_str("# EOF\n");
    text
}

impl Prometheus {
    /// A server with the data in it, and more arguments; `scheme` and `http` are how it is reached.
    async fn start(scheme: &str, http: HttpConfig, arguments: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let text = folder.path().join("metrics");
        std::fs::write(&text, open_metrics()).unwrap();
        let filled = command("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&text, &data])
            .status()
            .unwrap_or_else(|error| missing("promtool", &error));
        assert!(filled.success());
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, "global: {scrape_interval: 1h}\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = command("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=100y")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(arguments)
            .spawn()
            .unwrap_or_else(|error| missing("prometheus", &error));
        let server = Self { child, url: format!("{scheme}://127.0.0.1:{port}"), _folder: folder };
        let client = HttpClient::new(http).unwrap();
        for _ in 0..READY_TRIES {
            if client.get(&format!("{}/-/ready", server.url), "*/*").await.is_ok() {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("prometheus did not get ready")
    }

    async fn plain() -> Self {
        Self::start("http", HttpConfig::default(), &[]).await
    }

    fn source(&self) -> PrometheusSource {
        PrometheusSource::new(PrometheusConfig::new(&self.url)).unwrap()
    }
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(BASE.saturating_add(seconds).saturating_mul(1_000_000_000))
}

/// Each sample as its second, its track's letter and its reading.
fn shown(samples: &[Sample]) -> Vec<String> {
    let one = |sample: &Sample| {
        let second = sample.at.since(after(0)).seconds();
        let track = if sample.track == Track::Baseline { " baseline" } else { "" };
        match &sample.reading {
            Reading::Value(value) => format!("{second}{track} {value}"),
            other => format!("{second}{track} {other:?}"),
        }
    };
    samples.iter().map(one).collect()
}

/// What an opaque query gives at an instant: exact values at the samples' own times, or words.
#[tokio::test]
async fn instants() {
    let server = Prometheus::plain().await;
    let source = server.source();
    for (query, at, expected) in [
        ("g", 300, "300 20"),
        // the look-back carries the value on, and the sample's time tells
        ("g", 299, "285 19"),
        ("g # the newest", 310, "300 20"),
        ("(g)", 599, "300 20"),
        ("g", 900, r#"900 Failed("no series")"#),
        ("max(g)", 310, "310 20"),
        ("scalar(g) + 1", 30, "30 3"),
        ("odd{kind='long'}", 7, "0 0.3"),
        ("odd{kind='nan'}", 7, "0 NotANumber"),
        ("g / 0", 30, "30 Infinite { negative: false }"),
        ("pair", 30, r#"30 Failed("2 series: aggregate them")"#),
        (
            "rate(g[",
            30,
            r#"30 Failed("prometheus refuses (bad_data): invalid parameter \"query\": 1:8: parse error: missing unit character in duration")"#,
        ),
        ("pair / on(instance) g", 30, r#"30 Failed("no series")"#),
    ] {
        let samples = source.instant(&policy(vec![asked("s", query)]), after(at)).await;
        assert_eq!(shown(&samples), [expected], "{query} at {at}");
    }
    let scaled = Signal { scale: "0.001".parse().unwrap(), ..asked("s", "g") };
    assert_eq!(shown(&source.instant(&policy(vec![scaled]), after(300)).await), ["300 0.02"]);
}

/// A dead exporter is believed no longer than `stale after`, live and in history, whatever Prometheus carries on.
#[tokio::test]
async fn a_dead_exporter_goes_stale() {
    let server = Prometheus::plain().await;
    let source = server.source();
    let limit = Expression::Literal(1_000.into());
    let policy = at_most(vec![asked("g", "g")], 0, limit);
    let step = TimeSpan::from_seconds(15);
    let samples = source.range(&policy, after(0), after(590), step).await.unwrap();
    let once: Vec<_> = (0..=20).map(|step: i64| format!("{} {step}", step.saturating_mul(15))).collect();
    assert_eq!(shown(&samples), once);

    let verdicts = |engine: &mut Engine, at: i64| engine.evaluate(after(at)).verdict;
    let mut engine = Engine::new(Arc::new(policy.clone()));
    samples.iter().for_each(|sample| {
        engine.observe(sample);
    });
    assert_eq!(verdicts(&mut engine, 345), Verdict::Proceed);
    assert_eq!(verdicts(&mut engine, 360), Verdict::Hold);

    let mut live = Engine::new(Arc::new(policy.clone()));
    for (at, expected) in
        [(300, Verdict::Proceed), (345, Verdict::Proceed), (346, Verdict::Hold), (900, Verdict::Hold)]
    {
        for sample in source.instant(&policy, after(at)).await {
            live.observe(&sample);
        }
        assert_eq!(verdicts(&mut live, at), expected, "at {at}");
    }
}

fn rate_of_c() -> Signal {
    let selector = Selector { metric: "c_total".to_owned(), matchers: vec![] };
    let root = MetricsNode::Range { function: RangeFunction::Rate, selector };
    let expression = MetricsExpression { root, over: Some(TimeSpan::from_seconds(90)) };
    signal("c", asked("c", "").unit, Source::Metrics(expression))
}

/// Canary and baseline are told apart by the label, in queries of Spark's own and in opaque ones; the baseline of
/// `from metrics` is asked for only where it is read.
#[tokio::test]
async fn tracks() {
    let server = Prometheus::plain().await;
    let source = server.source();
    let opaque = || asked("o", "sum by (track) (rate(c_total[1m]))");
    let at = after(200);
    let both = with_baseline(vec![rate_of_c()], 0);
    assert_eq!(shown(&source.instant(&both, at).await), ["200 4", "200 baseline 2"]);
    let canary = policy(vec![rate_of_c(), opaque()]);
    assert_eq!(shown(&source.instant(&canary, at).await), ["200 4", "200 4", "200 baseline 2"]);
    let history = source.range(&both, after(270), after(375), TimeSpan::from_seconds(15)).await.unwrap();
    let (dead, alive): (Vec<_>, Vec<_>) = history.into_iter().partition(|s| s.reading.value().is_none());
    assert_eq!(alive.first().map(|s| s.at), Some(after(270)));
    assert_eq!(alive.last().map(|s| s.at), Some(after(345)));
    assert!(dead.iter().all(|s| s.at > after(345) && s.reading == Reading::Failed("no series".into())));
    assert_eq!(dead.len(), 4);
}

/// A long range is asked for in parts, without a gap or a repetition between them.
#[tokio::test]
async fn long_ranges() {
    let server = Prometheus::plain().await;
    let policy = policy(vec![asked("clock", "vector(time())")]);
    let second = TimeSpan::from_seconds(1);
    let samples = server.source().range(&policy, after(0), after(22_500), second).await.unwrap();
    assert_eq!(samples.len(), 22_501);
    for (sample, place) in samples.iter().zip(0..) {
        assert_eq!(sample.at, after(place));
        assert_eq!(sample.reading, Reading::Value(sample.at.unix_seconds()));
    }
    for (from, to, step, expected) in [
        (1, 0, second, "the range ends at 2026-01-01T00:00:00Z, before it begins at 2026-01-01T00:00:01Z"),
        (0, 1, TimeSpan::from_nanos(1_000), "the step is 1us: at least 1ms is needed"),
        (
            0,
            500_000,
            second,
            "the range has 500000 steps of 1s, and at most 500000 are asked for: take a longer step",
        ),
    ] {
        let error = server.source().range(&policy, after(from), after(to), step).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// Hands a connection on to Prometheus if it brings the token, and answers 401 if not.
async fn gate(mut client: TcpStream, target: String, token: &str) {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut piece).await {
            Ok(read) if read > 0 => head.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if !text.contains(&format!("\r\nauthorization: bearer {token}\r\n")) {
        let _ = client.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\ngo!\n").await;
        return;
    }
    let mut server = TcpStream::connect(target).await.unwrap();
    server.write_all(&head).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

/// The token is read from its file at each request, so that a new one counts at once; no error shows it.
#[tokio::test]
async fn tokens() {
    let server = Prometheus::plain().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = server.url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(gate(stream, target.clone(), "open-sesame"));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "wrong-secret\n").unwrap();
    let config = PrometheusConfig { token_file: Some(path.clone()), ..PrometheusConfig::new(&url) };
    let source = PrometheusSource::new(config).unwrap();
    let policy = policy(vec![asked("g", "g")]);
    let refused = format!(r#"300 Failed("POST {url}/api/v1/query: status 401: `go!`")"#);
    assert_eq!(shown(&source.instant(&policy, after(300)).await), [refused]);
    std::fs::write(&path, "open-sesame\n").unwrap();
    assert_eq!(shown(&source.instant(&policy, after(300)).await), ["300 20"]);
    assert!(!format!("{source:?}").contains("sesame"));
    std::fs::remove_file(&path).unwrap();
    let gone = &shown(&source.instant(&policy, after(300)).await)[0];
    assert!(gone.contains("token file `") && gone.contains("No such file"), "{gone}");
}

/// A private authority and a certificate for 127.0.0.1 that it signed, as PEM files.
fn certificates(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority = write("authority.pem", authority_pem);
    (authority, write("server.pem", certificate.pem()), write("server.key", key.serialize_pem()))
}

async fn over_tls(server: &Prometheus, ca_file: Option<PathBuf>, policy: &Policy) -> String {
    let config = PrometheusConfig { ca_file, ..PrometheusConfig::new(&server.url) };
    let source = PrometheusSource::new(config).unwrap();
    shown(&source.instant(policy, after(300)).await).join("\n").replace(&server.url, "https://server")
}

/// A private authority is trusted where its file is named, and nobody else's certificate is.
#[tokio::test]
async fn private_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, certificate, key) = certificates(folder.path());
    let web = folder.path().join("web.yml");
    let files = (certificate.display(), key.display());
    std::fs::write(&web, format!("tls_server_config: {{cert_file: {}, key_file: {}}}\n", files.0, files.1))
        .unwrap();
    let http = HttpConfig { ca_file: Some(authority.clone()), ..HttpConfig::default() };
    let server = Prometheus::start("https", http, &[format!("--web.config.file={}", web.display())]).await;
    let policy = policy(vec![asked("g", "g")]);
    assert_eq!(over_tls(&server, Some(authority), &policy).await, "300 20");
    let other = tempfile::tempdir().unwrap();
    let (stranger, ..) = certificates(other.path());
    for ca_file in [Some(stranger), None] {
        let words = over_tls(&server, ca_file, &policy).await;
        let start = r#"300 Failed("POST https://server/api/v1/query: no"#;
        assert!(words.starts_with(start) && words.contains("certificate"), "{words}");
    }
    let empty = other.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let config = PrometheusConfig { ca_file: Some(empty), ..PrometheusConfig::new(&server.url) };
    let error = PrometheusSource::new(config).unwrap_err().to_string();
    assert!(error.ends_with("empty.pem`: no PEM certificates in it"), "{error}");
}
