//! Secrets, planted wherever one may stand: none comes out, in what is said, in what is written, in what is kept.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cases::{printed, text};
use crate::live::script;

/// How many are planted.
const SECRETS: usize = 1_000;

/// How many of them a round plants, each in another place.
const ROUND: usize = 20;

/// What every one begins with; no output holds it.
const CANARY: &str = "cAnArY";

const RULES: &str = "edition 2026
evaluate every 1s
signal p95 { is duration  from prometheus \"p95\"  expect <= 200ms }
trigger slow { rollback when p95 > 400ms for 1m }
plan canary { stage 5% for 1s }
";

const SCRAPED: &str = "edition 2026
signal p95 { is duration  from metrics p95_seconds  expect <= 200ms }
";

/// Secrets that are told apart, so that one that comes out names the place it stood in.
struct Vault {
    next: usize,
}

impl Vault {
    fn secret(&mut self, place: &str) -> String {
        self.next += 1;
        // long enough to be told from a word, and of no other's letters
        format!("{CANARY}-{place}-{:04}-{:016x}", self.next, self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// How a server repeats the header that it was sent.
const ECHOES: &[&str] = &[
    "HTTP/1.1 401 x\r\nContent-Type: text/plain\r\n\r\nwrong: {}",
    "HTTP/1.1 403 x\r\nContent-Type: application/json\r\n\r\n{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"{}\"}",
    "HTTP/1.1 400 x\r\nContent-Type: application/json\r\n\r\n{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"of {} no\"}",
    "HTTP/1.1 200 x\r\nContent-Type: application/json\r\n\r\n{\"status\":\"error\",\"errorType\":\"{}\",\"error\":\"no\"}",
    "HTTP/1.1 200 x\r\nContent-Type: application/json\r\n\r\n{\"status\":\"success\",\"warnings\":[\"{}\"],\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
    "HTTP/1.1 200 x\r\nContent-Type: application/json\r\n\r\n{\"{}\":1}",
    "HTTP/1.1 200 x\r\nContent-Type: text/html\r\n\r\n<html>{}</html>",
    "HTTP/1.1 200 x\r\nContent-Type: {}\r\n\r\nx",
    "HTTP/1.1 200 x\r\nContent-Encoding: {}\r\n\r\nx",
    "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1/?{}\r\n\r\n",
    "HTTP/1.1 500 {}\r\nContent-Type: text/plain\r\n\r\n",
    "HTTP/1.1 200 x\r\nContent-Type: text/plain; version=0.0.4\r\n\r\np95_seconds{token=\"{}\"} nonsense\n",
    "HTTP/1.1 200 x\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n# HELP p95_seconds {}\np95_seconds 0.1\n",
    "HTTP/1.1 200 x\r\nX-Echo: {}\r\nContent-Length: 99999999999\r\n\r\n{}",
    "{}\r\n\r\n",
];

/// A server that answers each request with the header that it was sent.
fn server(echo: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut sent, mut reader) = (String::new(), BufReader::new(stream.try_clone().unwrap()));
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                    break;
                }
                if let Some((_, value)) =
                    line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case("authorization"))
                {
                    sent = value.trim().to_owned();
                }
            }
            // a client that went away is no matter of the server
            let _ = stream.write_all(echo.replace("{}", &sent).as_bytes());
        }
    });
    url
}

/// Runs a command with secrets in its environment, and looks through what it says and leaves.
fn look(dir: &Path, words: &[String], environment: &[(String, String)]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spark"));
    let output = command
        .current_dir(dir)
        .args(words)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    // it came to its work, or to a word about why not
    assert!(output.status.code().is_some_and(|code| code != 101), "{words:?} ends with {:?}", output.status);
    for told in [text(&output.stdout), text(&output.stderr)] {
        assert!(!told.contains(CANARY), "{words:?} tells\n{told}");
    }
    look_through(&dir.join("evidence"), &format!("{words:?}"));
}

/// Looks through all files below a folder; how many there are.
fn look_through(folder: &Path, what: &str) -> usize {
    let (mut ahead, mut files) = (vec![folder.to_owned()], 0);
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                ahead.push(path);
            } else if path.is_file() {
                let kept = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                assert!(!kept.contains(CANARY), "{} of {what} holds a secret:\n{kept}", path.display());
                files += 1;
            }
        }
    }
    files
}

/// A thousand secrets in token files, environments, addresses, keys of queries and what servers repeat: none stands in
/// standard output, standard error, evidence or a journal.
#[test]
fn none_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("r.rules"), RULES).unwrap();
    fs::write(dir.path().join("s.rules"), SCRAPED).unwrap();
    let urls: Vec<String> = ECHOES.iter().map(|echo| server(echo)).collect();
    let mut vault = Vault { next: 0 };
    for round in 0..SECRETS / ROUND {
        let url = &urls[round % urls.len()];
        let host = url.trim_start_matches("http://");
        fs::write(dir.path().join("token"), vault.secret("token")).unwrap();
        let environment: Vec<(String, String)> = [
            "DATABASE_URL",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "http_proxy",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "SPARK_TOKEN",
            "SPARK_KEY",
            "RUST_LOG",
            "NETRC",
        ]
        .map(|name| (name.to_owned(), format!("http://me:{}@127.0.0.1:1/", vault.secret(name))))
        .into();
        let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
        let (user, key, path) = (vault.secret("user"), vault.secret("key"), vault.secret("password"));
        let (slash, fragment, scheme) =
            (vault.secret("slash"), vault.secret("fragment"), vault.secret("scheme"));
        let refused = vault.secret("refused");
        let source = match round % 4 {
            0 => format!("decide r.rules --prometheus {url} --format json"),
            1 => format!("-v decide r.rules --prometheus {url}"),
            2 => {
                format!("replay r.rules --prometheus {url} --from 1767225600 --to 1767225660 --format jsonl")
            }
            _ => format!("-v decide s.rules --scrape {url}/metrics?key={key}"),
        };
        look(dir.path(), &words(&format!("{source} --token-file token --timeout 2s")), &environment);
        for address in [
            format!("http://me:{path}@{host}/"),
            format!("http://{user}@{host}/"),
            format!("http://me:x/{slash}@{host}/"),
            format!("ftp://me:{scheme}@{host}/"),
        ] {
            look(dir.path(), &words(&format!("decide r.rules --prometheus {address}")), &environment);
        }
        look(
            dir.path(),
            &words(&format!("decide s.rules --scrape http://127.0.0.1:1/?key={key}#{fragment}")),
            &environment,
        );
        look(
            dir.path(),
            &words(&format!("decide s.rules --scrape ftp://{host}/?key={refused}")),
            &environment,
        );
        // the count of a round, whatever is planted above
        while vault.next < (round + 1) * ROUND {
            let name = format!("MORE_{}", vault.next);
            let more = vec![(name, vault.secret("more"))];
            look(dir.path(), &words("check r.rules"), &more);
        }
    }
    assert!(vault.next >= SECRETS, "{}", vault.next);
}

/// Rules of a release that is walked, and whose second stage is slow.
const WALKED: &str = "edition 2026
evaluate every 200ms
signal p95 { is duration  from prometheus \"p95\"  expect <= 200ms }
plan canary { stage 5% for 400ms  stage 100% for 1h }
";

/// A server that answers a Prometheus' questions well, and every other one with the secrets that both sides share.
fn confidant(shared: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, shared) = (stream.unwrap(), shared.clone());
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().and_then(Result::ok).unwrap_or_default();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let (status, media, body) = match first.split(' ').nth(1).unwrap_or_default() {
                path if path.starts_with("/api/v1/") => {
                    let sample = format!("{{\"metric\":{{}},\"value\":[{now},\"0.1\"]}}");
                    let data = format!("{{\"resultType\":\"vector\",\"result\":[{sample}]}}");
                    (200, "application/json", format!("{{\"status\":\"success\",\"data\":{data}}}"))
                }
                "/echo-200" => (200, "text/plain", shared),
                // the secret lies across the end of what is shown, and of what is kept
                "/echo-long" => (500, "text/plain", format!("{}{shared}", "x".repeat(16 * 1024 - 20))),
                path => (500, "text/plain", format!("{}{path} {shared}", "x".repeat(100 + path.len() % 90))),
            };
            let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {media}\r\nConnection: close");
            // a client that went away is no matter of the server
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

/// Walks a release with secrets in its environment, and looks through all that it says, keeps, tells others and shows.
fn walk(dir: &Path, config: &str, environment: &[(&str, &str)]) {
    fs::write(dir.join("r.rules"), WALKED).unwrap();
    fs::write(dir.join("spark.yaml"), config).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_spark"))
        .current_dir(dir)
        .args(["-v", "run", "r.rules", "--release", "1.0", "--config", "spark.yaml"])
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = String::new();
    for _ in 0..5 {
        std::thread::sleep(std::time::Duration::from_millis(200));
        for words in [&["status"][..], &["status", "--format", "json"]] {
            let mut status = Command::new(env!("CARGO_BIN_EXE_spark"));
            let output = status.current_dir(dir).args(words).output().unwrap();
            shown += &(text(&output.stdout) + &text(&output.stderr));
        }
    }
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(told.contains("ROLLBACK UNVERIFIED"), "{told}");
    assert!(told.contains("[secret]"), "nothing was hidden:\n{told}");
    assert!(!told.contains(CANARY), "it tells\n{told}");
    assert!(!shown.contains(CANARY), "it shows\n{shown}");
    assert!(look_through(&dir.join("evidence"), "the run") > 5);
    let journal = fs::read_to_string(dir.join("evidence/1.0/journal.jsonl")).unwrap();
    assert!(journal.contains("[secret]"), "nothing was hidden:\n{journal}");
    let messages = fs::read_to_string(dir.join("messages")).unwrap_or_default();
    assert!(!messages.contains(CANARY), "it tells others\n{messages}");
    for line in ["spark evidence show evidence/1.0", "spark evidence replay evidence/1.0"] {
        assert!(!printed(dir, line, 0).contains(CANARY), "{line}");
    }
}

/// Actions and recipients that repeat every secret they can read, their own and Spark's, on both outputs, across the end of
/// what is kept and as the share they measured: none gets into a line, the journal, the evidence, the status or a message.
#[test]
fn actions_that_echo() {
    let dir = tempfile::tempdir().unwrap();
    let mut vault = Vault { next: 0 };
    printed(dir.path(), "spark evidence keygen release.key", 0);
    let token = vault.secret("bearer");
    fs::write(dir.path().join("token"), &token).unwrap();
    // the address is all that this server could repeat: there is no key that it shares with Spark
    let url = confidant("nothing".to_owned());
    let chat = format!(
        "{url}/services/{}/{}?key={}",
        vault.secret("team"),
        vault.secret("hook"),
        vault.secret("query")
    );
    let database = format!("postgres://me:{}@db/x", vault.secret("password"));
    let deploy = vault.secret("deploy");
    let several = format!("{}\n{}", vault.secret("first"), vault.secret("second"));
    let tell = "cat >> messages; echo \"$CHAT\" \"$DEPLOY\" >&2; cat token release.key >&2; exit 1";
    script(dir.path(), "tell", tell);
    // 16 KiB are kept of an output
    let echo = "env; cat token release.key; echo \"$DEPLOY and $DATABASE and $CHAT\"; echo \"$DATABASE\" | sed 's/.*me:/me:/'";
    let echo = format!("{echo}; {echo} >&2; printf '%16370s' x; echo \"$DEPLOY\"");
    script(dir.path(), "set", &format!("{echo}; echo \"$DEPLOY\" > share"));
    script(dir.path(), "back", &format!("{echo}; exit 1"));
    script(dir.path(), "share", "cat share token; echo \"$DATABASE\" >&2");
    let config = format!(
        "spark: 1
sources: {{ prometheus: {{ url: \"{url}\", token-file: token }} }}
actions:
  deadline: 1s
  command:
    set: [./set, \"{{share}}\", {deploy}]
    rollback: [./back, \"{{reason}}\"]
    probe: [./share]
    env: [DEPLOY, DATABASE, CHAT, SEVERAL]
rollout: {{ verify-within: 1s, rollback-within: 1s, retry-after: 200ms }}
notify:
  - {{ command: [./tell], env: [DEPLOY, CHAT] }}
  - {{ webhook: {{ env: CHAT }}, timeout: 1s }}
  - {{ webhook: {{ env: GONE }}, timeout: 1s }}
evidence: {{ key: {{ file: release.key }} }}
"
    );
    let gone = format!("http://127.0.0.1:1/services/{}", vault.secret("gone"));
    let environment = [
        ("DEPLOY", &*deploy),
        ("DATABASE", &database),
        ("CHAT", &chat),
        ("GONE", &gone),
        ("SEVERAL", &several),
    ];
    walk(dir.path(), &config, &environment);
    let key = fs::read_to_string(dir.path().join("release.key")).unwrap();
    let body = key.lines().nth(1).unwrap();
    let journal = fs::read_to_string(dir.path().join("evidence/1.0/journal.jsonl")).unwrap();
    assert!(!journal.contains(body), "the signing key is in the journal");
}

/// A service that moves traffic and repeats the key that it shares with Spark: the key gets nowhere.
#[test]
fn services_that_echo() {
    for path in ["echo", "echo-long", "echo-200"] {
        let dir = tempfile::tempdir().unwrap();
        let mut vault = Vault { next: 0 };
        let shared = vault.secret("shared");
        let url = confidant(shared.clone());
        let config = format!(
            "spark: 1
sources: {{ prometheus: {{ url: \"{url}\" }} }}
actions:
  deadline: 1s
  webhook: {{ set: \"{url}/{path}\", rollback: \"{url}/{path}\", probe: \"{url}/{path}\", secret: {{ env: SHARED }} }}
rollout: {{ verify-within: 1s, rollback-within: 1s, retry-after: 200ms }}
notify: [ {{ webhook: \"{url}/{path}\", secret: {{ env: SHARED }}, timeout: 1s }} ]
"
        );
        walk(dir.path(), &config, &[("SHARED", &shared)]);
    }
}
