//! The recipes of the manual: nginx by its real server, Kubernetes by what its programs are asked.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spark_core::TimeSpan;
use spark_runtime::action::{ActionEnd, Actions, CommandActions, CommandSettings, CommandTemplate, Order};
use spark_runtime::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::order;

const LONG: TimeSpan = TimeSpan::from_seconds(20);

fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes").join(name)
}

/// Actions by a recipe's three scripts. They get their settings by name, as commands do; tests may not change their own
/// environment, so a small program sets them.
fn actions(folder: &Path, name: &str, variables: &[(&str, String)]) -> CommandActions {
    let variables: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let template = |script: &str| {
        let mut words = vec!["env".to_owned()];
        words.extend(variables.iter().cloned());
        words.push(recipe(name).join(script).display().to_string());
        CommandTemplate::new(words, &[]).unwrap()
    };
    CommandActions {
        set: template("set-share"),
        rollback: template("roll-back"),
        probe: Some(template("measure-share")),
        deadline: LONG,
        settings: CommandSettings { dir: folder.to_owned(), ..CommandSettings::default() },
    }
}

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// A running nginx, ended when it is dropped.
struct Nginx {
    child: Child,
    port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

const NGINX_CONF: &str = r"
daemon off; master_process on; worker_processes 2; pid FOLDER/nginx.pid; error_log FOLDER/error.log;
events {}
http {
  access_log off; client_body_temp_path FOLDER/t1; proxy_temp_path FOLDER/t2; fastcgi_temp_path FOLDER/t3;
  uwsgi_temp_path FOLDER/t4; scgi_temp_path FOLDER/t5;
  include FOLDER/share.conf;
  server { listen 127.0.0.1:PORT; location / { return 200 $spark_version; } }
  server { listen 127.0.0.1:PROBE; location = /share { return 200 $spark_share; } }
}
";

async fn met(port: u16, requests: usize) -> usize {
    let mut canary = 0;
    for _ in 0..requests {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        canary += usize::from(answer.ends_with("canary"));
    }
    canary
}

/// Waits until the probe sees a share: a reload of nginx goes on after its command, until the last old worker has gone.
async fn seen(actions: &mut impl Actions, share_bp: u16) {
    let begun = Instant::now();
    loop {
        let measured = actions.measure_share(&order(share_bp, LONG)).await;
        if measured.share_bp == Some(share_bp) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{share_bp} is not seen: {measured:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The nginx recipe moves real requests, its probe says what runs, and an order of a runner that lost its lease is refused.
#[tokio::test]
async fn nginx() {
    let Some(program) =
        ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| Path::new(path).exists())
    else {
        panic!("nginx is not installed; install it: apt-get install nginx")
    };
    let folder = tempfile::tempdir().unwrap();
    // the workers may be another user's
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (port, probe) = (free_port(), free_port());
    let place = folder.path().display().to_string();
    let text = NGINX_CONF.replace("FOLDER", &place).replace("PORT", &port.to_string());
    std::fs::write(folder.path().join("nginx.conf"), text.replace("PROBE", &probe.to_string())).unwrap();
    let first = "split_clients \"$request_id\" $spark_version {\n  * stable;\n}\nmap \"\" $spark_share { default \"0\"; }\n";
    std::fs::write(folder.path().join("share.conf"), first).unwrap();
    let conf = folder.path().join("nginx.conf").display().to_string();
    let child = Command::new(program)
        .args(["-e", &format!("{place}/error.log"), "-c", &conf])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let nginx = Nginx { child, port };
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", probe)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nginx does not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let variables = [
        ("SHARE_CONF", format!("{place}/share.conf")),
        ("SHARE_URL", format!("http://127.0.0.1:{probe}/share")),
        ("NGINX", format!("{program} -e {place}/error.log -c {conf}")),
    ];
    let mut actions = actions(folder.path(), "nginx", &variables);
    for (share_bp, least, most) in [(2500, 60, 140), (50, 0, 15), (10_000, 400, 400)] {
        let outcome = actions.set_share(&order(share_bp, LONG)).await;
        assert_eq!(
            (outcome.end, outcome.status.as_str()),
            (ActionEnd::Succeeded, "exit status 0"),
            "{outcome:?}"
        );
        seen(&mut actions, share_bp).await;
        let met = met(nginx.port, 400).await;
        assert!((least..=most).contains(&met), "{met} of 400 at {share_bp}");
    }
    assert!(actions.roll_back(&order(0, LONG)).await.succeeded());
    seen(&mut actions, 0).await;
    assert_eq!(met(nginx.port, 100).await, 0);
    let late = actions.set_share(&Order { fence: 2, ..order(5000, LONG) }).await;
    assert_eq!(
        (late.end, late.stderr.as_str()),
        (ActionEnd::Failed, "fence 2 is older than 3: another runner has the rollout\n")
    );
    assert_eq!(met(nginx.port, 20).await, 0);
    drop(nginx);
    assert_eq!(actions.measure_share(&order(0, LONG)).await.share_bp, None);
}

/// The Gateway API recipe asks for exactly these weights, and its probe believes a gateway only about this version.
#[tokio::test]
async fn gateway_api() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    executable(
        &folder.path().join("kubectl"),
        "#!/bin/sh\nif [ \"$1\" = get ]; then cat \"$(dirname \"$0\")/says\"; else printf '%s\\n' \"$@\" >\"$(dirname \"$0\")/asked\"; fi\n",
    );
    let path = format!("{place}:{}", std::env::var("PATH").unwrap());
    let variables = [
        ("PATH", path),
        ("ROUTE", "shop".to_owned()),
        ("STABLE", "shop-stable".to_owned()),
        ("CANARY", "shop-canary".to_owned()),
    ];
    let mut actions = actions(folder.path(), "gateway-api", &variables);
    let asked = || std::fs::read_to_string(folder.path().join("asked")).unwrap();
    for (share_bp, stable, canary) in [(50, 9950, 50), (2500, 7500, 2500), (10_000, 0, 10_000)] {
        let outcome = actions.set_share(&order(share_bp, LONG)).await;
        assert!(outcome.succeeded(), "{outcome:?}");
        let patch = asked();
        let patch: serde_json::Value = serde_json::from_str(&patch[patch.find('[').unwrap()..]).unwrap();
        assert_eq!(patch[0]["value"], "shop-stable");
        assert_eq!(patch[1]["value"], "shop-canary");
        assert_eq!((&patch[2]["value"], &patch[3]["value"]), (&stable.into(), &canary.into()));
    }
    assert!(actions.roll_back(&order(0, LONG)).await.succeeded());
    assert!(asked().contains("\"value\": 10000}") && asked().contains("\"value\": 0}"), "{}", asked());
    for (says, share_bp) in [
        ("4 True 4 7500 2500", Some(2500)),
        ("4 True 4 9950 50", Some(50)),
        ("4 True 4 10000 0", Some(0)),
        ("4 True 3 7500 2500", None),
        ("4 False 4 7500 2500", None),
        ("4 True 4 7500 ", None),
        ("4 True 4 0 0", None),
        ("", None),
    ] {
        std::fs::write(folder.path().join("says"), says).unwrap();
        let measured = actions.measure_share(&order(2500, LONG)).await;
        assert_eq!(measured.share_bp, share_bp, "{says}: {measured:?}");
    }
}

/// The Argo Rollouts recipe goes one step on where that gives the share, and not once more when it is asked again.
#[tokio::test]
async fn argo_rollouts() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    // steps of 0, 25 and 100 %: what `promote` does, and what `get` says of it
    executable(
        &folder.path().join("kubectl"),
        "#!/bin/sh\ncd \"$(dirname \"$0\")\"\ncase \"$*\" in\n*phase*) echo Paused ;;\n*weight*) cat weight ;;\n\
         *promote*) echo x >>promoted; case $(cat weight) in 0) echo 25 ;; *) echo 100 ;; esac >new; mv new weight ;;\n*abort*) echo 0 >weight ;;\nesac\n",
    );
    std::fs::write(folder.path().join("weight"), "0\n").unwrap();
    let path = format!("{place}:{}", std::env::var("PATH").unwrap());
    let mut actions =
        actions(folder.path(), "argo-rollouts", &[("PATH", path), ("ROLLOUT", "shop".to_owned())]);
    for _ in 0..2 {
        assert!(actions.set_share(&order(2500, LONG)).await.succeeded());
        assert_eq!(actions.measure_share(&order(2500, LONG)).await.share_bp, Some(2500));
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("promoted")).unwrap(), "x\n");
    assert!(actions.roll_back(&order(0, LONG)).await.succeeded());
    assert_eq!(actions.measure_share(&order(0, LONG)).await.share_bp, Some(0));
    std::fs::write(folder.path().join("weight"), "").unwrap();
    assert_eq!(actions.measure_share(&order(0, LONG)).await.share_bp, None);
}

/// Every configuration that the manual shows is one.
#[test]
fn manual() {
    let text = std::fs::read_to_string(recipe("../actions.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut checked = 0;
    for block in blocks.filter(|block| block.starts_with("actions:") || block.starts_with("notify:")) {
        let actions = match block.contains("actions:") {
            true => "",
            false => "actions: { command: { set: [./a], rollback: [./b], probe: [./c] } }\n",
        };
        let whole = format!(
            "spark: 1\nsources: {{ prometheus: {{ url: \"http://127.0.0.1:9090\" }} }}\n{actions}{block}"
        );
        let parsed = Config::parse(Path::new("spark.yaml"), whole.as_bytes(), &|_| None);
        assert!(parsed.is_ok(), "{block}\n{}", parsed.unwrap_err());
        checked += 1;
    }
    assert_eq!(checked, 7);
}
