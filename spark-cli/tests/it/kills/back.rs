//! How long the traffic takes to be back, and what may happen to it on the way there: load balancers that forget, probes that flap,
//! actions that lie, and commands that outlive their runner.
//!
//! `SPARK_BACKS=20` measures twenty rollbacks of each kind.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::number;
use super::site::Site;

const RULES: &str = "edition 2026
evaluate every 100ms
signal p95 { is duration  from metrics latency_seconds  stale after 500ms  expect <= 200ms }
trigger latency { rollback when p95 > 400ms for 300ms }
plan canary {
  stage 5%  for 1h
  stage 100% for 1h
}
";

/// The traffic is a file.
const SHARE: &str = "echo \"$1\" > share.new && mv share.new share\n";

const HAPROXY: &str =
    "  haproxy: { socket: $PLACE/admin.sock, backend: app, canary: [c1], stable: [s1, s2] }";

/// Far below the five minutes of a runbook, on a machine that does much else.
const WITHIN_MILLIS: u64 = 10_000;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running HAProxy, ended when it is dropped.
struct Haproxy {
    child: Child,
    port: u16,
}

impl Haproxy {
    fn start(folder: &Path) -> Self {
        let port = free_port();
        let servers = [("s1", 10), ("s2", 10), ("c1", 0)].map(|(name, weight)| {
            let port = free_port();
            format!("  server {name} 127.0.0.1:{port} weight {weight}\n")
        });
        let config = format!(
            "global\n  stats socket {}/admin.sock mode 600 level admin\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n\
             frontend web\n  bind 127.0.0.1:{port}\n  default_backend app\n\
             backend app\n  balance roundrobin\n{}",
            folder.display(),
            servers.concat()
        );
        fs::write(folder.join("haproxy.cfg"), config).unwrap();
        Self { child: run(folder, port), port }
    }

    /// It forgets the weights that were set.
    fn restart(&mut self, folder: &Path) {
        self.stop();
        self.child = run(folder, self.port);
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(folder: &Path, port: u16) -> Child {
    let program =
        ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].into_iter().find(|path| Path::new(path).exists());
    let Some(program) = program else {
        panic!("haproxy is not installed; install it: apt-get install haproxy")
    };
    let mut command = Command::new(program);
    command.args(["-db", "-f"]).arg(folder.join("haproxy.cfg")).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "haproxy does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// The milliseconds from the instant at which the trigger held to the probe that saw no traffic, as the evidence has them.
fn took(site: &Site) -> u64 {
    let mut child = site.start();
    site.await_words("stage 1: 5%");
    site.turn_bad();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(11), "{}", site.said());
    let rollback = &site.evidence("result.json")["rollback"];
    let took = rollback["took_ms"].as_u64().unwrap_or_else(|| panic!("{rollback}"));
    assert_eq!(rollback["because"], serde_json::json!(["latency"]), "{rollback}");
    assert!(took < WITHIN_MILLIS, "{rollback}");
    took
}

fn measured(name: &str, mut once: impl FnMut(u64) -> u64) {
    let mut all: Vec<u64> = (0..number("SPARK_BACKS", 1)).map(&mut once).collect();
    all.sort_unstable();
    println!(
        "{name}: {} rollbacks, median {} ms, worst {} ms",
        all.len(),
        all[all.len() / 2],
        all[all.len() - 1]
    );
}

/// From the decision at which a trigger holds until a probe sees no traffic, through a command and a file: a moment, and in the evidence.
#[test]
fn by_command() {
    measured("command", |place| took(&Site::with(&format!("back-{place}"), RULES, SHARE)));
}

/// And so it is through the real HAProxy.
#[test]
fn by_haproxy() {
    measured("haproxy", |place| {
        let site = Site::acting(&format!("back-{place}"), RULES, SHARE, HAPROXY);
        let _haproxy = Haproxy::start(site.dir.path());
        took(&site)
    });
}

/// A load balancer that starts again in mid-stage forgets its weights: the release goes back, and does not go on as if the
/// canary still had traffic.
#[test]
fn haproxy_forgets() {
    let site = Site::acting("forgets", RULES, SHARE, HAPROXY);
    let mut haproxy = Haproxy::start(site.dir.path());
    let mut child = site.start();
    site.await_words("stage 1: 5%");
    haproxy.restart(site.dir.path());
    assert_eq!(child.wait().unwrap().code(), Some(11), "{}", site.said());
    let because = &site.evidence("result.json")["rollback"]["because"];
    let expected = serde_json::json!(["the canary's traffic is 0% where it should be 5%"]);
    assert_eq!(*because, expected, "{}", site.said());
}

/// A probe that says now this, now that: one look that differs is told to be a passing one, and serves nothing; two in a row take the
/// traffic back.
#[test]
fn probe_that_flaps() {
    let rules = RULES.replace("for 1h", "for 1s");
    for (wrong, code) in [("[ $((n % 2)) = 1 ]", 0), ("[ $((n % 3)) != 0 ]", 11)] {
        let site = Site::with("flaps", &rules, SHARE);
        let probe = format!(
            "n=$(cat looks 2>/dev/null || echo 0); echo $((n + 1)) > looks\n\
             {wrong} && [ \"$SPARK_SHARE\" != 0 ] && {{ echo 37; exit; }}\ncat share\n"
        );
        super::site::script(site.dir.path(), "probe", &probe);
        let begun = Instant::now();
        assert_eq!(site.start().wait().unwrap().code(), Some(code), "{wrong}: {}", site.said());
        assert_eq!(site.share(), if code == 0 { "100" } else { "0" }, "{wrong}: {}", site.said());
        // two stages of a second of good time each, and as much that is not
        assert!(
            code != 0 || begun.elapsed() > Duration::from_millis(2_800),
            "{:?}: {}",
            begun.elapsed(),
            site.said()
        );
    }
}

/// An action that says it is done and did nothing: the probe decides, the share that nobody sees is taken back, and that it is back is
/// measured too.
#[test]
fn action_that_lies() {
    let site = Site::with("lies", RULES, "exit 0\n");
    fs::write(
        site.dir.path().join("spark.yaml"),
        fs::read_to_string(site.dir.path().join("spark.yaml"))
            .unwrap()
            .replace("deadline: 3s", "deadline: 1s")
            .replace("verify-within: 60s, rollback-within: 60s", "verify-within: 1s, rollback-within: 2s"),
    )
    .unwrap();
    assert_eq!(site.start().wait().unwrap().code(), Some(11), "{}", site.said());
    assert!(site.said().contains("the canary's traffic is 0% where it should be 5%"), "{}", site.said());
    // and where the canary has traffic that its rollback does not take away, that is never called done
    fs::write(site.dir.path().join("share"), "5\n").unwrap();
    let words = "run release.rules --config spark.yaml --release lies-2".split(' ');
    let mut child = site.spawn(Command::new(env!("CARGO_BIN_EXE_spark")).args(words));
    site.await_words("stage 1: 5%");
    site.turn_bad();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{}", site.said());
    assert!(site.said().contains("ROLLBACK UNVERIFIED"), "{}", site.said());
}

/// A command that leaves its session, ignores SIGTERM and would move traffic a while later is ended by whoever takes the rollout over
/// from a runner that was killed.
#[test]
fn escaper_of_a_killed_runner() {
    let effect = "[ -e struck ] || { touch struck\n\
         setsid sh -c \"trap '' TERM; exec >&- 2>&- <&-; sleep 2; echo 77 > share\" &\n\
         echo \"begin $SPARK_STEP $SPARK_FENCE $1\" >> effects; sleep 20; }\n";
    let site = Site::with("escapes", RULES, &format!("{effect}{SHARE}"));
    let mut child = site.start();
    let begun = Instant::now();
    while site.begun() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", site.said());
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = site.start();
    site.await_words("which an earlier runner left running");
    site.await_words("stage 1: 5%");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(site.share(), "5", "{}", site.said());
    site.turn_bad();
    assert_eq!(child.wait().unwrap().code(), Some(11), "{}", site.said());
    assert_eq!(site.running(), Vec::<String>::new());
}
