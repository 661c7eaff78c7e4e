//! Servers that hang, close, answer without an end, answer what is no answer, and repeat what they were told in confidence.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use spark_core::check::{Check, CheckPhase, CheckVerdict};
use spark_core::{TimeSpan, Truth};
use spark_runtime::http::Method;
use spark_runtime::probe::{
    self, Alert, Baseline, Burst, Clock, Flood, Headers, Health, HttpCase, HttpCases, Outbox, Pgbouncer,
    ProbeKind, Program, Sequences, Targets, Web, probe,
};

use super::{judged, secret, web};

/// How a server behaves once something was said to it.
const WAYS: [&str; 12] = [
    "silent",
    "closes",
    "garbage",
    "drips",
    "endless",
    "gibibyte",
    "headers",
    "redirects",
    "breaks off",
    "null",
    "nested",
    "binary",
];

/// A server that behaves in a way, for as long as the test runs.
fn server(way: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // a client that gave up is what is hoped for
            std::thread::spawn(move || drop(behave(stream, way)));
        }
    });
    port
}

fn behave(mut stream: TcpStream, way: &str) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 4096])?;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let mut whole = |body: &str| {
        write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    match way {
        "closes" => return Ok(()),
        "null" => return whole("null"),
        "nested" => return whole(&"[".repeat(400_000)),
        "binary" => return whole(&"\u{0}\u{fffd}\u{1b}[31m".repeat(100)),
        "redirects" => write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        )?,
        "garbage" => stream.write_all(&[0xff; 8192])?,
        "breaks off" => write!(stream, "{head}Content-Length: 100\r\n\r\n{{")?,
        "headers" => loop {
            write!(stream, "X-More: {}\r\n", "x".repeat(1000))?;
        },
        "drips" => {
            write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n")?;
            loop {
                stream.write_all(b"1\r\n[\r\n")?;
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        "endless" => {
            write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n")?;
            let piece = "[".repeat(1 << 16);
            loop {
                write!(stream, "10000\r\n{piece}\r\n")?;
            }
        }
        "gibibyte" => {
            write!(stream, "{head}Content-Length: {}\r\n\r\n", 1 << 30)?;
            let piece = "[".repeat(1 << 16);
            loop {
                stream.write_all(piece.as_bytes())?;
            }
        }
        _ => {}
    }
    std::thread::sleep(Duration::from_secs(20));
    Ok(())
}

/// The longest that one answer may take here, and a probe as a whole.
const ANSWER: TimeSpan = TimeSpan::from_seconds(1);
const PROBE: Duration = Duration::from_secs(4);

/// Each kind that asks a server, and the checks of the shipped rules that stand on it.
fn kinds(port: u16, folder: &Path) -> Vec<(ProbeKind, &'static [&'static str])> {
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let web = || Web { timeout: ANSWER, ..web(&[port]) };
    let database = || secret(folder, &format!("postgres://x@127.0.0.1:{port}/x?sslmode=disable"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let case = |name: u32| HttpCase {
        name: name.to_string(),
        method: Method::POST,
        url: at("/orders"),
        headers: Vec::new(),
        body: String::new(),
        status: 400,
    };
    vec![
        (
            Headers { url: at("/"), resources: vec![at("/x")], subdomains: Vec::new(), web: web() }.into(),
            &["headers", "hsts", "isolation"],
        ),
        (
            Burst {
                url: at("/orders"),
                key_header: "Idempotency-Key".to_owned(),
                headers: Vec::new(),
                body: "a".to_owned(),
                other_body: "b".to_owned(),
                times: 5,
                web: web(),
            }
            .into(),
            &["burst"],
        ),
        (
            Flood { url: at("/csp"), health: at("/"), reports: 10, at_once: 10, web: web() }.into(),
            &["csp_flood"],
        ),
        (Health { url: at("/"), lasts: ANSWER, every: ANSWER, web: web() }.into(), &["blast_radius"]),
        (HttpCases { cases: (0..5).map(case).collect(), web: web() }.into(), &["corner_cases"]),
        (Targets { url: at(""), jobs: Vec::new(), web: web() }.into(), &["targets"]),
        (Baseline { url: at(""), queries: vec![pair("up", "up")], web: web() }.into(), &["baseline_metrics"]),
        (
            Alert {
                url: at(""),
                rule: "A".to_owned(),
                series: vec![pair("__name__", "a")],
                value: 1.into(),
                patience: ANSWER,
                alertmanager: Some(at("")),
                web: web(),
            }
            .into(),
            &["alert_silence"],
        ),
        (Clock { url: database() }.into(), &["database_clock"]),
        (Sequences { url: database(), schemas: Vec::new() }.into(), &["sequences"]),
        (
            Pgbouncer { url: database(), databases: Vec::new(), held_after: ANSWER }.into(),
            &["pool_saturation", "pool_leak"],
        ),
        (
            Outbox {
                url: database(),
                table: "outbox".to_owned(),
                created: "a".to_owned(),
                sent: "b".to_owned(),
                attempts: None,
                next: None,
            }
            .into(),
            &["outbox", "outbox_skew"],
        ),
    ]
}

/// Whatever a server does, every probe ends at its deadline and no check passes; nothing is kept of a body beyond its limit.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes() {
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = tokio::task::JoinSet::new();
    for way in WAYS {
        for (kind, checks) in kinds(server(way), folder.path()) {
            jobs.spawn(async move {
                let begun = Instant::now();
                let probed = probe(&kind, PROBE).await;
                let took = begun.elapsed();
                // a server that answers 200 is one that is well
                let well = matches!(way, "null" | "nested" | "binary");
                for check in checks.iter().filter(|check| !(well && **check == "blast_radius")) {
                    let found = probed.result.clone().map_err(|error| error.to_string());
                    let judged = judged(check, &found);
                    assert_ne!(
                        judged.truth,
                        Truth::True,
                        "{check} passes at a server that is `{way}`: {found:?}"
                    );
                    assert!(
                        judged.words.len() < 2000 && !judged.words.contains('\u{1b}'),
                        "{}",
                        judged.words
                    );
                }
                let kept = probed.result.map(|found| serde_json::to_string(&found).unwrap().len());
                assert!(kept.unwrap_or(0) < 64 << 10, "{checks:?} keeps much of a server that is `{way}`");
                assert!(took < PROBE + Duration::from_secs(8), "{checks:?} took {took:?} at `{way}`");
            });
        }
    }
    while let Some(done) = jobs.join_next().await {
        done.unwrap();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 512 << 10, "{kilobytes} kB at most");
}

/// A database that asks for the password in the open, and repeats it in its error.
fn repeating() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut said = [0; 4096];
            // the question whether it speaks TLS is no login
            if stream.read(&mut said).unwrap() == 8 {
                stream.write_all(b"N").unwrap();
                continue;
            }
            stream.write_all(b"R\0\0\0\x08\0\0\0\x03").unwrap();
            let length = stream.read(&mut said).unwrap();
            let password = String::from_utf8_lossy(&said[5..length - 1]).into_owned();
            let text = format!("SFATAL\0VFATAL\0C28P01\0Mno entry with {password}\0\0");
            let mut message = vec![b'E'];
            message.extend(u32::try_from(text.len() + 4).unwrap().to_be_bytes());
            message.extend(text.as_bytes());
            let _ = stream.write_all(&message);
        }
    });
    port
}

/// No report holds a password, a token, a variable that a program is given or the query of an address, whoever repeats them.
#[tokio::test]
async fn secrets_stay() {
    const PASSWORD: &str = "p4ssw0rd-of-the-database";
    const TOKEN: &str = "t0ken-of-the-service-0001";
    const KEY: &str = "k3y-in-the-query-00000001";
    let folder = tempfile::tempdir().unwrap();
    let echo = |headers: axum::http::HeaderMap| async move { format!("{headers:?}") };
    let app = axum::Router::new().fallback(echo);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let web = || Web { token_file: Some(token.clone()), ..web(&[port, 1]) };
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}?key={KEY}");
    let address = format!("postgres://x:{PASSWORD}@127.0.0.1:{}/x?sslmode=disable", repeating());
    let case = HttpCase {
        name: "x".to_owned(),
        method: Method::GET,
        url: at("/x"),
        headers: Vec::new(),
        body: String::new(),
        status: 400,
    };
    let script = format!(
        "echo '{{\"values\":{{\"n\":{{\"unknown\":\"{PASSWORD}\"}}}},\"details\":{{\"{TOKEN}\":[\"{PASSWORD}\"]}}}}'"
    );
    let probes: BTreeMap<String, ProbeKind> = [
        ("database", Clock { url: secret(folder.path(), &address) }.into()),
        (
            "pool",
            Pgbouncer { url: secret(folder.path(), &address), databases: Vec::new(), held_after: ANSWER }
                .into(),
        ),
        (
            "page",
            Headers {
                url: at("/"),
                resources: vec![at("/y")],
                subdomains: vec![format!("http://127.0.0.1:1/?key={KEY}")],
                web: web(),
            }
            .into(),
        ),
        ("health", Health { url: at("/"), lasts: TimeSpan::from_nanos(1), every: ANSWER, web: web() }.into()),
        ("cases", HttpCases { cases: vec![case], web: web() }.into()),
        (
            "gone",
            Health {
                url: format!("http://127.0.0.1:1/?key={KEY}"),
                lasts: TimeSpan::from_nanos(1),
                every: ANSWER,
                web: web(),
            }
            .into(),
        ),
        ("targets", Targets { url: format!("http://127.0.0.1:{port}"), jobs: Vec::new(), web: web() }.into()),
        (
            "own",
            Program {
                words: ["sh", "-c", &script].map(str::to_owned).to_vec(),
                env: Vec::new(),
                folder: folder.path().to_owned(),
            }
            .into(),
        ),
    ]
    .into_iter()
    .map(|(name, kind)| (name.to_owned(), kind))
    .collect();
    let one = |name: &String| {
        format!(
            "check {name} {{ in blast  probe {name}  measure n is count  pass when n == 0  else no-go  within 10s  evidence \"{name}.json\" }}\n"
        )
    };
    let text = format!("edition 2026\n{}", probes.keys().map(one).collect::<String>());
    let loaded = spark_rules::load("checks.rules", &text, &mut |_| Err("no other".to_owned())).unwrap();
    let checks: &[Check] = loaded.policy.checks();
    let report = probe::check(CheckPhase::Blast, checks, &probes, None, &mut |_| {}).await;
    assert_eq!(report.verdict, CheckVerdict::NoGo);
    let told = format!("{} {report:?}", serde_json::to_string(&report).unwrap());
    assert!(told.contains("no entry with "), "the database was asked: {told}");
    for secret in [PASSWORD, TOKEN, KEY] {
        assert!(!told.contains(secret), "`{secret}` in {told}");
    }
}

/// What a program started ends with its probe, also where nobody waits for it any more.
#[tokio::test]
async fn no_orphans() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("still-here");
    let script = format!("(sleep 2; touch {0}) & (sleep 2; touch {0}); echo", mark.display());
    let program = Program {
        words: ["sh", "-c", &script].map(str::to_owned).to_vec(),
        env: Vec::new(),
        folder: folder.path().to_owned(),
    };
    let probed = probe(&program, Duration::from_millis(300)).await;
    assert!(probed.result.unwrap_err().to_string().contains("no answer within"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!mark.exists());
}
