//! A real Prometheus and a real Alertmanager: what is scraped, what is known, whether alerts fire, and whether anybody is told.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use spark_core::TimeSpan;
use spark_runtime::http::{HttpClient, HttpConfig};
use spark_runtime::probe::{Alert, Baseline, Targets};
use tempfile::TempDir;

use super::{fails, holds, measured, number, passes, web};

/// Rules of which each is for a series of its own, so that they are tried side by side; `Always` fires anyway.
const RULES: &str = "groups:
- name: probe
  interval: 1s
  rules:
  - {alert: OrdersFail, expr: 'sum(orders_fail) > 0.5'}
  - {alert: Silenced, expr: 'sum(silenced) > 0.5'}
  - {alert: Void, expr: 'sum(void) > 0.5'}
  - {alert: NobodyAsks, expr: 'sum(nobody_ask) > 0.5'}
  - {alert: Always, expr: vector(1)}
";

/// After how long this Prometheus tells again of what fires; a minute where nobody changes it.
const RESEND: &str = "--rules.alert.resend-delay=6s";

/// A server in a folder of its own, until it is dropped.
struct Server {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(program: &str, port: u16, folder: TempDir, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("`{program}` does not start ({error}): install it: apt-get install {program}")
        });
        Self { child, port, folder }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A Prometheus that scrapes itself and somebody who is not there, and tells an Alertmanager.
    fn prometheus(tells: u16, arguments: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), crate::postgres_server::free_port());
        std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n\
             - {{job_name: self, static_configs: [{{targets: [\"127.0.0.1:{port}\"]}}]}}\n\
             - {{job_name: dead, static_configs: [{{targets: [\"127.0.0.1:1\"]}}]}}\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"127.0.0.1:{tells}\"]}}]}}]}}\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let own = [
            format!("--config.file={}", folder.path().join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let more = arguments.iter().map(|word| (*word).to_owned());
        Self::start("prometheus", port, folder, &own.into_iter().chain(more).collect::<Vec<_>>())
    }

    fn alertmanager() -> Self {
        assert!(
            Path::new("/usr/share/prometheus/alertmanager/default.tmpl").exists(),
            "Alertmanager's template is not there: install it: apt-get install prometheus-alertmanager"
        );
        let (folder, port) = (tempfile::tempdir().unwrap(), crate::postgres_server::free_port());
        let config = "route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}]\n";
        std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
        let own = [
            format!("--config.file={}", folder.path().join("alertmanager.yml").display()),
            format!("--storage.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
        ];
        Self::start("prometheus-alertmanager", port, folder, &own)
    }

    async fn ready(&self) {
        let client = HttpClient::new(HttpConfig::default()).unwrap();
        for _ in 0..300 {
            if client.get(&format!("{}/-/ready", self.url()), "*/*").await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{} did not get ready", self.folder.path().display());
    }

    /// Silences an alert, as whoever is on call does.
    fn silence(&self, alert: &str) {
        let output = Command::new("amtool")
            .args(["silence", "add", "--alertmanager.url", &self.url(), "--author", "mehmet"])
            .args(["--comment", "too loud", "--duration", "1h", &format!("alertname={alert}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn alert(&self, rule: &str, series: &str, manager: Option<&Self>, patience: u32) -> Alert {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let ports: Vec<u16> = [self.port].into_iter().chain(manager.map(|manager| manager.port)).collect();
        Alert {
            url: self.url(),
            rule: rule.to_owned(),
            series: vec![label("kind", "synthetic"), label("__name__", series)],
            value: 1.into(),
            patience: TimeSpan::from_seconds(patience),
            alertmanager: manager.map(Self::url),
            web: web(&ports),
        }
    }
}

/// Targets that are up and down, and jobs that nobody scrapes or that are not there.
async fn targets(prometheus: &Server) {
    let jobs = |jobs: &[&str]| Targets {
        url: prometheus.url(),
        jobs: jobs.iter().map(|job| (*job).to_owned()).collect(),
        web: web(&[prometheus.port]),
    };
    for _ in 0..300 {
        let found = measured(jobs(&["self", "dead"])).await;
        if found
            .is_ok_and(|found| found.value("up").to_string() == "1" && found.value("down").to_string() == "1")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let found = measured(jobs(&["self"])).await;
    holds(&found, &[("targets", "1"), ("up", "1"), ("down", "0"), ("missing_jobs", "0")]);
    assert!(number(&found, "oldest_scrape") < 10.into(), "{found:?}");
    passes("targets", &found);
    let found = measured(jobs(&["self", "dead", "gone"])).await;
    holds(&found, &[("targets", "2"), ("up", "1"), ("down", "1"), ("missing_jobs", "2")]);
    fails("targets", &found);
}

/// Values that are there, and queries that have none.
async fn baselines(prometheus: &Server) {
    let baseline = |queries: &[&str]| Baseline {
        url: prometheus.url(),
        queries: queries.iter().map(|query| (format!("q{query}"), (*query).to_owned())).collect(),
        web: web(&[prometheus.port]),
    };
    let found = measured(baseline(&["up", "1 + 1"])).await;
    holds(&found, &[("captured", "2"), ("missing", "0")]);
    passes("baseline_metrics", &found);
    let found = measured(baseline(&["up", "nothing", "vector(0) / 0", "("])).await;
    holds(&found, &[("queries", "4"), ("captured", "1"), ("missing", "3")]);
    fails("baseline_metrics", &found);
}

/// An alert that fires and is told on, and whose series is over afterwards.
async fn told_on(prometheus: &Server, manager: &Server) {
    let alert = prometheus.alert("OrdersFail", "orders_fail", Some(manager), 30);
    let found = measured(alert.clone()).await;
    holds(
        &found,
        &[
            ("loaded", "true"),
            ("healthy", "true"),
            ("active_before", "0"),
            ("noticed", "true"),
            ("fired", "true"),
            ("notified", "true"),
            ("silenced", "false"),
            ("alerts_lost", "0"),
        ],
    );
    assert!(number(&found, "fired_after") > 0.into() && number(&found, "alerts_firing") > 1.into());
    passes("alert_silence", &found);
    let looks = || measured(Alert { patience: TimeSpan::from_nanos(1_000_000), ..alert.clone() });
    for _ in 0..150 {
        if number(&looks().await, "active_before") == 0.into() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the made-up series goes on after its test");
}

/// A silence: the alert fires, its Alertmanager has it, and nobody is told.
async fn silenced(prometheus: &Server, manager: &Server) {
    manager.silence("Silenced");
    let found = measured(prometheus.alert("Silenced", "silenced", Some(manager), 30)).await;
    holds(
        &found,
        &[
            ("fired", "true"),
            ("notified", "false"),
            ("silenced", "true"),
            ("alertmanagers", "1"),
            ("silences", "1"),
        ],
    );
    let details = found.as_ref().unwrap().details["alertmanager"]["silences"].to_string();
    assert!(details.contains("mehmet") && details.contains("too loud"), "{details}");
}

/// An Alertmanager that nobody tells: while it has just started nobody knows what its empty list means, as Prometheus tells again
/// of what fires after a while only; then it is known that it lacks what fires.
async fn into_the_void(prometheus: &Server) {
    let void = Server::alertmanager();
    void.ready().await;
    let found = measured(prometheus.alert("Void", "void", Some(&void), 3)).await;
    holds(&found, &[("fired", "true"), ("silenced", "unknown: the Alertmanager does not have the alert")]);
    for name in ["notified", "alerts_lost"] {
        let told = found.as_ref().unwrap().value(name).to_string();
        assert!(
            told.starts_with("unknown: the Alertmanager was seen to lack what fires for "),
            "{name}: {told}"
        );
    }
    for _ in 0..150 {
        let found = measured(prometheus.alert("Void", "void", Some(&void), 16)).await;
        // the alert of the try before is over soon
        if number(&found, "active_before") == 0.into() {
            holds(&found, &[("fired", "true"), ("notified", "false")]);
            assert!(number(&found, "alerts_lost") >= 2.into(), "{found:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the made-up series goes on after its test");
}

/// What is in front of an Alertmanager that is not there, an alert that asks for a series of another name, one that is not loaded,
/// one that fires anyway.
async fn silent(prometheus: &Server) {
    let found = measured(prometheus.alert("NobodyAsks", "nobody_asks", None, 3)).await;
    let none = "unknown: the probe's settings name no `alertmanager`";
    holds(&found, &[("loaded", "true"), ("noticed", "false"), ("fired", "false"), ("notified", none)]);
    fails("alert_silence", &found);
    let found = measured(prometheus.alert("Gone", "gone", None, 3)).await;
    holds(&found, &[("loaded", "false"), ("fired", "false")]);
    let found = measured(prometheus.alert("Always", "always", None, 3)).await;
    assert!(found.unwrap().value("fired").why_unknown().is_some());
}

/// All of it against one Prometheus and its Alertmanager, side by side; and a Prometheus that takes no series.
#[tokio::test]
async fn of_one_server() {
    let manager = Server::alertmanager();
    manager.ready().await;
    let prometheus = Server::prometheus(manager.port, &["--web.enable-remote-write-receiver", RESEND]);
    let closed = Server::prometheus(1, &[]);
    tokio::join!(prometheus.ready(), closed.ready());
    let refused = async {
        let refused = measured(closed.alert("OrdersFail", "orders_fail", None, 3)).await.unwrap_err();
        assert!(refused.contains("remote-write-receiver"), "{refused}");
    };
    let told = async {
        told_on(&prometheus, &manager).await;
        silenced(&prometheus, &manager).await;
    };
    let lost = into_the_void(&prometheus);
    let scraped = async {
        targets(&prometheus).await;
        baselines(&prometheus).await;
    };
    tokio::join!(scraped, told, lost, silent(&prometheus), refused);
}
