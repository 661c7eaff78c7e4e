//! `decide`, `replay` and `run` against the real Prometheus, which scrapes a live service.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cases::{printed, run, text};
use crate::live::{BEYOND, Service, TOLD, script};

const RULES: &str = "edition 2026
evaluate every 1s
signal p95 { is duration  from metrics latency_seconds  stale after 5s  expect <= 200ms }
trigger latency { rollback when avg(p95 over 3s) > 400ms for 2s }
plan canary { stage 50% for 2s  stage 100% for 1m  proceed when every signal meets its expectation }
";

/// How long Prometheus may take to come up and see a change on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// A Prometheus that scrapes a service every second.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn start(dir: &Path, service: &Service) -> Self {
        // free a moment ago; Prometheus cannot be given a listener
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let target = service.url.trim_start_matches("http://").trim_end_matches("/metrics");
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: s, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("install it: apt-get install prometheus ({error})"));
        Self { child, url: format!("http://{address}") }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // it may have ended on its own
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Decides again and again until it ends with `code`.
fn decide_until(dir: &Path, url: &str, code: i32) -> String {
    let began = Instant::now();
    loop {
        let output = run(dir, &format!("spark decide release.rules --prometheus {url} --format json"));
        let told = text(&output.stdout);
        if output.status.code() == Some(code) {
            return told;
        }
        assert!(began.elapsed() < WITHIN, "not {code} in time: {told}{}", text(&output.stderr));
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// A live Prometheus gives a decision with the history that windows and `for` need, a replay of what was, and the
/// samples of a run; one that is gone gives none.
#[test]
fn real_prometheus() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start());
    fs::write(dir.path().join("release.rules"), RULES).unwrap();
    let server = Prometheus::start(dir.path(), &service);
    let from = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    decide_until(dir.path(), &server.url, 0);

    let config = format!(
        "spark: 1
sources: {{ prometheus: {{ url: \"{}\" }} }}
actions:
  command: {{ set: [./set, \"{{share}}\"], rollback: [./back, \"{{reason}}\"], probe: [cat, share] }}
",
        server.url
    );
    fs::write(dir.path().join("spark.yaml"), config).unwrap();
    script(dir.path(), "set", "echo \"$1\" > share; touch \"share-$1\"");
    script(dir.path(), "back", "echo 0 > share; touch \"back-$1\"");
    let second = dir.path().join("share-100");
    let millis = std::sync::Arc::clone(&service.millis);
    let fault = std::thread::spawn(move || {
        let began = Instant::now();
        while !second.exists() && began.elapsed() < WITHIN {
            std::thread::sleep(Duration::from_millis(20));
        }
        millis.store(450, Ordering::SeqCst);
    });
    let told = printed(dir.path(), "spark run release.rules --release 1.0 --config spark.yaml", 11);
    fault.join().unwrap();
    assert!(told.starts_with("rollback in stage 2 because latency\n"), "{told}");
    assert!(dir.path().join("back-latency").exists());
    printed(dir.path(), "spark evidence replay evidence/1.0", 0);

    let decided = decide_until(dir.path(), &server.url, 11);
    assert!(decided.contains(r#""because":["latency"]"#), "{decided}");
    let to = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let range = format!("--prometheus {} --from {from} --to {to} --format jsonl", server.url);
    let replayed = printed(dir.path(), &format!("spark replay release.rules {range}"), 0);
    assert!(replayed.ends_with("\"decision\":\"rollback\"}\n"), "{replayed}");

    // the history before `--from` counts: the state is known there at once, since before
    let late = format!("--prometheus {} --from {to} --to {to} --format jsonl", server.url);
    let replayed = printed(dir.path(), &format!("spark replay release.rules {late}"), 0);
    let first: serde_json::Value = serde_json::from_str(replayed.lines().next().unwrap()).unwrap();
    assert_eq!(first["state"], "rollback", "{replayed}");
    assert!(first["since"].as_str().unwrap() < first["at"].as_str().unwrap(), "{replayed}");

    // what its index knows of buckets is told of once
    fs::write(dir.path().join("beyond.rules"), BEYOND).unwrap();
    let decide = format!("decide beyond.rules --prometheus {}", server.url);
    let (replay, walk) =
        (format!("replay beyond.rules {range}"), "run beyond.rules --release 2 --config spark.yaml");
    for line in [decide.as_str(), &replay, walk] {
        let told = text(&run(dir.path(), &format!("spark {line}")).stderr);
        assert_eq!(told.matches(TOLD).count(), 1, "{line}\n{told}");
    }

    let url = server.url.clone();
    drop(server);
    let gone = run(dir.path(), &format!("spark decide release.rules --prometheus {url}"));
    assert_eq!(gone.status.code(), Some(1));
    assert!(text(&gone.stderr).contains("no connection"), "{}", text(&gone.stderr));
}
