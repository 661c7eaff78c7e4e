//! Secrets, planted wherever one may stand: none comes out, in what is said, in what is written, in what is kept.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cases::text;

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
    let written = dir.join("evidence");
    let mut ahead = vec![written];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                ahead.push(path);
            } else {
                let kept = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                assert!(!kept.contains(CANARY), "{} of {words:?} holds a secret", path.display());
            }
        }
    }
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
