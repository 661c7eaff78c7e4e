//! The real HAProxy with real requests: the share that was asked for is the share that users meet.

use std::net::TcpListener as Port;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spark_core::TimeSpan;
use spark_runtime::action::{
    ActionEnd, Actions, HaproxyActions, HaproxyAddress, HaproxyError, HaproxySettings, TOLERANCE_BP,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::order;

const LONG: TimeSpan = TimeSpan::from_seconds(10);

/// A tiny HTTP server that counts what it is asked.
struct Backend {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Backend {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    if matches!(stream.read(&mut request).await, Ok(read) if read > 0) {
                        counted.fetch_add(1, Ordering::SeqCst);
                        let _ = stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                            .await;
                    }
                });
            }
        });
        Self { port, asked }
    }
}

fn free_port() -> u16 {
    Port::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running HAProxy, ended when it is dropped.
struct Haproxy {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    admin: u16,
    backends: [Backend; 3],
}

impl Haproxy {
    async fn start() -> Self {
        let backends = [Backend::start().await, Backend::start().await, Backend::start().await];
        let folder = tempfile::tempdir().unwrap();
        let (port, admin) = (free_port(), free_port());
        let [s1, s2, c1] = [0, 1, 2].map(|place: usize| backends[place].port);
        let config = format!(
            "global\n  nbthread 1\n  stats socket {}/admin.sock mode 600 level admin\n  stats socket 127.0.0.1:{admin} level admin\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n\
             frontend web\n  bind 127.0.0.1:{port}\n  default_backend app\n\
             backend app\n  balance roundrobin\n  server s1 127.0.0.1:{s1} weight 10\n  server s2 127.0.0.1:{s2} weight 10\n  server c1 127.0.0.1:{c1} weight 0\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("haproxy.cfg"), config).unwrap();
        let child = run(folder.path(), port);
        Self { child, folder, port, admin, backends }
    }

    fn settings(&self) -> HaproxySettings {
        HaproxySettings {
            socket: HaproxyAddress::Unix(self.folder.path().join("admin.sock")),
            backend: "app".to_owned(),
            canary: vec!["c1".to_owned()],
            stable: vec!["s1".to_owned(), "s2".to_owned()],
            tolerance_bp: TOLERANCE_BP,
            drain: false,
            shutdown_sessions: false,
            deadline: LONG,
        }
    }

    fn actions(&self) -> HaproxyActions {
        HaproxyActions::new(self.settings()).unwrap()
    }

    fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.stop();
        self.child = run(self.folder.path(), self.port);
    }

    /// How many of so many requests met the new version.
    async fn met(&self, requests: usize) -> usize {
        let [before_stable, before] = self.counts();
        for _ in 0..requests {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let [stable, canary] = self.counts();
        assert_eq!(stable - before_stable + canary - before, requests);
        canary - before
    }

    fn counts(&self) -> [usize; 2] {
        let count = |place: usize| self.backends[place].asked.load(Ordering::SeqCst);
        [count(0) + count(1), count(2)]
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(folder: &Path, port: u16) -> Child {
    let program =
        ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].into_iter().find(|path| Path::new(path).exists());
    let Some(program) = program else {
        panic!("haproxy is not installed; install it: apt-get install haproxy")
    };
    let child = Command::new(program)
        .args(["-db", "-f"])
        .arg(folder.join("haproxy.cfg"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "haproxy does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Each stage's share is what users meet, and the probe says the same; after the rollback nobody meets the new version.
#[tokio::test]
async fn shares() {
    let haproxy = Haproxy::start().await;
    let mut actions = haproxy.actions();
    assert_eq!(actions.measure_share(&order(0, LONG)).await.share_bp, Some(0));
    for share_bp in [100, 500, 2500, 5000, 10_000] {
        let outcome = actions.set_share(&order(share_bp, LONG)).await;
        assert_eq!(outcome.end, ActionEnd::Succeeded, "{outcome:?}");
        let measured = actions.measure_share(&order(share_bp, LONG)).await;
        assert_eq!(measured.share_bp, Some(share_bp), "{measured:?}");
        let expected = usize::from(share_bp) * 400 / 10_000;
        let met = haproxy.met(400).await;
        assert!(met.abs_diff(expected) <= 2, "{met} of 400 at {share_bp}: {outcome:?}");
    }
    let begun = Instant::now();
    let back = actions.roll_back(&order(0, LONG)).await;
    assert_eq!(back.end, ActionEnd::Succeeded, "{back:?}");
    let expected = "weight 0 for every server of the new version, its configured weight for every stable one";
    assert_eq!(back.status, expected);
    let measured = actions.measure_share(&order(0, LONG)).await;
    assert_eq!(measured.share_bp, Some(0), "{measured:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(haproxy.met(100).await, 0);
    // a repeated one changes nothing
    assert_eq!(actions.roll_back(&order(0, LONG)).await.end, ActionEnd::Succeeded);
    assert_eq!(haproxy.met(20).await, 0);
}

/// What HAProxy forgot when it started again, the probe sees, and a server drained by a rollback comes back.
#[tokio::test]
async fn restarts_and_drains() {
    let mut haproxy = Haproxy::start().await;
    let settings = HaproxySettings {
        socket: HaproxyAddress::Tcp(([127, 0, 0, 1], haproxy.admin).into()),
        drain: true,
        shutdown_sessions: true,
        ..haproxy.settings()
    };
    let mut actions = HaproxyActions::new(settings).unwrap();
    assert!(actions.set_share(&order(5000, LONG)).await.succeeded());
    haproxy.restart();
    let measured = actions.measure_share(&order(5000, LONG)).await;
    assert_eq!(measured.share_bp, Some(0), "{measured:?}");
    assert!(actions.set_share(&order(5000, LONG)).await.succeeded());
    // a user in the middle of a download is cut off too
    let mut stream = TcpStream::connect(("127.0.0.1", haproxy.port)).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\n").await.unwrap();
    assert!(actions.roll_back(&order(0, LONG)).await.succeeded());
    assert_eq!(actions.measure_share(&order(0, LONG)).await.share_bp, Some(0));
    assert_eq!(haproxy.met(20).await, 0);
    let again = actions.set_share(&order(2500, LONG)).await;
    assert!(again.command.iter().any(|command| command == "set server app/c1 state ready"), "{again:?}");
    let met = haproxy.met(40).await;
    assert!(met.abs_diff(10) <= 2, "{met}");
}

/// A socket that is gone, a wrong name and a share that no weights give: failed with the reason, and unknown to the probe.
#[tokio::test]
async fn failures() {
    let mut haproxy = Haproxy::start().await;
    for (settings, words) in [
        (
            HaproxySettings { backend: "shop".to_owned(), ..haproxy.settings() },
            "HAProxy says `No such proxy.`",
        ),
        (
            HaproxySettings { canary: vec!["c9".to_owned()], ..haproxy.settings() },
            "the backend `app` has no server `c9`",
        ),
    ] {
        let mut actions = HaproxyActions::new(settings).unwrap();
        let outcome = actions.set_share(&order(2500, LONG)).await;
        assert_eq!((outcome.end, outcome.status.as_str()), (ActionEnd::Failed, words));
        let measured = actions.measure_share(&order(2500, LONG)).await;
        assert_eq!((measured.share_bp, measured.words.as_str()), (None, words));
        let back = actions.roll_back(&order(0, LONG)).await;
        assert_eq!(back.end, ActionEnd::Failed, "{back:?}");
    }
    let one = HaproxySettings { stable: vec!["s1".to_owned()], ..haproxy.settings() };
    let outcome = HaproxyActions::new(one).unwrap().set_share(&order(2500, LONG)).await;
    let expected = "`app/s2` gets traffic, and is neither of the new nor of the stable version";
    assert_eq!((outcome.end, outcome.status.as_str()), (ActionEnd::Failed, expected));

    let mut actions = haproxy.actions();
    let outcome = actions.set_share(&order(5, LONG)).await;
    let expected = "0.05% cannot be given with weights from 0 to 256 over 1 servers of the new version and 2 of the stable one: the nearest share is 0.1949%, and 0.1% off is allowed";
    assert_eq!((outcome.end, outcome.status.as_str()), (ActionEnd::Failed, expected));
    assert_eq!(haproxy.met(20).await, 0);

    haproxy.stop();
    let outcome = actions.set_share(&order(2500, LONG)).await;
    assert_eq!(outcome.end, ActionEnd::Failed);
    assert!(outcome.status.contains("cannot be reached"), "{outcome:?}");
    assert_eq!(actions.roll_back(&order(0, LONG)).await.end, ActionEnd::Failed);
    assert_eq!(actions.measure_share(&order(0, LONG)).await.share_bp, None);
}

/// A socket that takes a command and says nothing, nonsense or no end is unknown, in time.
#[tokio::test]
async fn hostile_sockets() {
    for (answer, end, words) in [
        (&b""[..], ActionEnd::Unknown, "it closed without an answer"),
        (b"\xff\xff\n", ActionEnd::Unknown, "its answer is no text"),
        (b"Permission denied\n\n", ActionEnd::Failed, "HAProxy says `Permission denied`"),
        (b"hang", ActionEnd::Unknown, "did not answer within 300ms"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut line = [0; 512];
                let _ = stream.read(&mut line).await;
                if answer == b"hang" {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                let _ = stream.write_all(answer).await;
            }
        });
        let settings = HaproxySettings {
            socket: HaproxyAddress::Tcp(address),
            backend: "app".to_owned(),
            canary: vec!["c1".to_owned()],
            stable: vec!["s1".to_owned()],
            tolerance_bp: TOLERANCE_BP,
            drain: false,
            shutdown_sessions: false,
            deadline: TimeSpan::from_nanos(300_000_000),
        };
        let mut actions = HaproxyActions::new(settings).unwrap();
        let outcome = actions.roll_back(&order(0, LONG)).await;
        assert!(outcome.end == end && outcome.status.contains(words), "{outcome:?}");
        let measured = actions.measure_share(&order(0, LONG)).await;
        assert!(measured.share_bp.is_none() && measured.words.contains(words), "{measured:?}");
    }
}

/// Names that would end a command, servers of two versions and other machines' ports are refused before anything is sent.
#[test]
fn refused_settings() {
    let good = HaproxySettings {
        socket: HaproxyAddress::Unix("/nowhere".into()),
        backend: "app".to_owned(),
        canary: vec!["c1".to_owned()],
        stable: vec!["s1".to_owned()],
        tolerance_bp: TOLERANCE_BP,
        drain: false,
        shutdown_sessions: false,
        deadline: LONG,
    };
    let bad = "app; shutdown sessions server app/s1".to_owned();
    for (settings, expected) in [
        (HaproxySettings { backend: bad.clone(), ..good.clone() }, HaproxyError::Name(bad.clone())),
        (HaproxySettings { canary: vec![bad.clone()], ..good.clone() }, HaproxyError::Name(bad)),
        (HaproxySettings { canary: vec![], ..good.clone() }, HaproxyError::Empty("new")),
        (
            HaproxySettings { stable: vec!["c1".to_owned()], ..good.clone() },
            HaproxyError::Twice("c1".to_owned()),
        ),
        (
            HaproxySettings { socket: HaproxyAddress::Tcp(([10, 0, 0, 1], 9999).into()), ..good.clone() },
            HaproxyError::NotLocal(([10, 0, 0, 1], 9999).into()),
        ),
    ] {
        assert_eq!(HaproxyActions::new(settings).unwrap_err(), expected);
    }
}
