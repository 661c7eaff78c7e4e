//! A real Prometheus: what it scrapes, what it knows, and whether its alerts fire.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use spark_core::TimeSpan;
use spark_runtime::probe::{Alert, Baseline, Targets};
use tempfile::TempDir;

use super::{holds, measured, number, web};

const RULES: &str = "groups:
- name: probe
  interval: 1s
  rules:
  - alert: OrdersFail
    expr: sum(spark_probe_errors{kind=\"synthetic\"}) > 0.5
  - alert: NobodyAsks
    expr: sum(spark_probe_error{kind=\"synthetic\"}) > 0.5
  - alert: Always
    expr: vector(1)
";

struct Prometheus {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// A server that scrapes itself and somebody who is not there.
    async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = crate::postgres_server::free_port();
        std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
        std::fs::write(
            folder.path().join("prometheus.yml"),
            format!(
                "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n\
                 - {{job_name: self, static_configs: [{{targets: [\"127.0.0.1:{port}\"]}}]}}\n\
                 - {{job_name: dead, static_configs: [{{targets: [\"127.0.0.1:1\"]}}]}}\n"
            ),
        )
        .unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`prometheus` does not start ({error}): install it: apt-get install prometheus")
            });
        let server = Self { child, port, _folder: folder };
        for _ in 0..300 {
            let found = measured(Targets { jobs: Vec::new(), url: server.url(), web: web(&[port]) }).await;
            if found.is_ok_and(|found| found.value("down").to_string() == "1") {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("prometheus did not get ready")
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn alert(&self, rule: &str) -> Alert {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Alert {
            url: self.url(),
            rule: rule.to_owned(),
            series: vec![label("kind", "synthetic"), label("__name__", "spark_probe_errors")],
            value: 1.into(),
            patience: TimeSpan::from_seconds(30),
            alertmanager: None,
            web: web(&[self.port]),
        }
    }
}

/// Targets that are up and down, a job that nobody scrapes; values that are there and ones that are none; an alert that fires,
/// one that asks for a series of another name, one that is not loaded, one that fires anyway, and a Prometheus that takes no
/// series. The Alertmanager is a stand-in.
#[tokio::test]
async fn of_a_real_one() {
    let server = Prometheus::start(&["--web.enable-remote-write-receiver"]).await;
    let jobs = |jobs: &[&str]| Targets {
        url: server.url(),
        jobs: jobs.iter().map(|job| (*job).to_owned()).collect(),
        web: web(&[server.port]),
    };
    for _ in 0..100 {
        if number(&measured(jobs(&["self"])).await, "up") == 1.into() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let found = measured(jobs(&["self"])).await;
    holds(&found, &[("targets", "1"), ("up", "1"), ("down", "0"), ("missing_jobs", "0")]);
    assert!(number(&found, "oldest_scrape") < 10.into(), "{found:?}");
    let found = measured(jobs(&["self", "dead", "gone"])).await;
    holds(&found, &[("targets", "2"), ("up", "1"), ("down", "1"), ("missing_jobs", "2")]);

    let baseline = |queries: &[&str]| Baseline {
        url: server.url(),
        queries: queries.iter().map(|query| (format!("q{query}"), (*query).to_owned())).collect(),
        web: web(&[server.port]),
    };
    holds(&measured(baseline(&["up", "1 + 1"])).await, &[("captured", "2"), ("missing", "0")]);
    let found = measured(baseline(&["up", "nothing", "vector(0) / 0", "("])).await;
    holds(&found, &[("queries", "4"), ("captured", "1"), ("missing", "3")]);

    let alerts =
        Router::new().route("/api/v2/alerts", get(|| async { r#"[{"labels":{"alertname":"OrdersFail"}}]"# }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let manager = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, alerts).await.unwrap() });
    let told = Alert {
        alertmanager: Some(format!("http://127.0.0.1:{manager}")),
        web: web(&[server.port, manager]),
        ..server.alert("OrdersFail")
    };
    let found = measured(told).await;
    holds(
        &found,
        &[
            ("loaded", "true"),
            ("healthy", "true"),
            ("active_before", "0"),
            ("noticed", "true"),
            ("fired", "true"),
            ("notified", "true"),
        ],
    );
    assert!(number(&found, "fired_after") > 0.into());
    // the series is over, so the alert is too
    let after = async {
        while number(
            &measured(Alert { patience: TimeSpan::from_nanos(1_000_000), ..server.alert("OrdersFail") })
                .await,
            "active_before",
        ) > 0.into()
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), after)
        .await
        .expect("the made-up series ends with its test");

    let deaf = Alert { patience: TimeSpan::from_seconds(3), ..server.alert("NobodyAsks") };
    let found = measured(deaf).await;
    holds(
        &found,
        &[
            ("loaded", "true"),
            ("noticed", "false"),
            ("fired", "false"),
            ("notified", "unknown: the probe's settings name no `alertmanager`"),
        ],
    );
    holds(&measured(server.alert("Gone")).await, &[("loaded", "false"), ("fired", "false")]);
    let found = measured(server.alert("Always")).await;
    assert!(found.unwrap().value("fired").why_unknown().is_some());

    let closed = Prometheus::start(&[]).await;
    let refused = measured(closed.alert("OrdersFail")).await.unwrap_err();
    assert!(refused.contains("remote-write-receiver"), "{refused}");
}
