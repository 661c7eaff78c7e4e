//! What browsers get and send: headers, reports, and floods of them.

use crate::backend::{Backend, until};

/// Every answer has the headers, errors too; reports are counted, a flood of them is turned away without harm, and the table stays
/// within its bounds.
#[tokio::test]
async fn browsers_are_told_and_listened_to() {
    let backend = Backend::start(&[]);
    let url = &backend.at.canary.url;
    for path in ["/health/live", "/metrics", "/orders/1", "/nothing"] {
        let headers = backend.client.get(&format!("{url}{path}")).await.unwrap().headers;
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert!(header("content-security-policy").contains("report-uri /csp-reports"), "{path}");
        assert_eq!(header("cross-origin-embedder-policy"), "require-corp", "{path}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{path}");
        let hsts = header("strict-transport-security");
        assert!(hsts.contains("max-age=31536000") && !hsts.contains("preload"), "{path}: {hsts}");
    }
    let metrics = backend.client.get(&format!("{url}/metrics")).await.unwrap();
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");

    let report = r#"{"csp-report":{"effective-directive":"img-src","blocked-uri":"https://x.example/a"}}"#;
    let mut turned_away = 0;
    for n in 0..160 {
        // one browser in a hundred is somebody else
        let from = if n % 100 == 99 { "203.0.113.9" } else { "203.0.113.7" };
        let headers = [("content-type", "application/csp-report"), ("x-forwarded-for", from)];
        let reply =
            backend.client.send("POST", &format!("{url}/csp-reports"), &headers, report).await.unwrap();
        match reply.status.as_u16() {
            204 => {}
            429 => turned_away += 1,
            other => panic!("{other}: {}", reply.body),
        }
    }
    assert!(turned_away >= 10, "{turned_away} of 160 were turned away");
    let metrics = backend.metrics(&backend.at.canary).await;
    assert_eq!(metrics.of("csp_reports_dropped_total"), f64::from(turned_away));
    assert_eq!(metrics.of("csp_violations_total"), f64::from(160 - turned_away));
    assert_eq!(backend.ask("SELECT count(*) FROM csp_reports"), (160 - turned_away).to_string());
    assert_eq!(backend.metrics(&backend.at.baseline).await.of("csp_violations_total"), 0.0);

    // of a month's flood, the newest are kept
    backend.ask(
        "INSERT INTO csp_reports (origin, directive, blocked, at) SELECT 'gone', 'img-src', '', \
         now() - make_interval(days => CASE WHEN n <= 1500 THEN 31 ELSE 29 END) FROM generate_series(1, 3000) AS n",
    );
    let counted = |what: &str| {
        backend.ask(&format!("SELECT count(*) FROM csp_reports WHERE {what}")).parse::<u32>().unwrap()
    };
    until("old reports are dropped", async || counted("at < now() - interval '30 days'") == 0).await;
    assert_eq!(counted("origin = 'gone'"), 1_500, "younger ones are kept");
    backend.ask(
        "INSERT INTO csp_reports (origin, directive, blocked) SELECT 'flood', 'img-src', '' \
         FROM generate_series(1, 100000)",
    );
    until("the rest is dropped", async || counted("origin <> 'flood'") == 0).await;
    assert_eq!(counted("true"), 100_000);

    // switches are for operators
    let faults = format!("{}/faults", backend.at.canary.admin);
    for (token, status) in [("", 401), ("Bearer ", 401), ("Bearer x", 401)] {
        let reply = backend.client.send("GET", &faults, &[("authorization", token)], "").await.unwrap();
        assert_eq!(reply.status, status, "{token}");
    }
    assert_eq!(backend.client.get(&format!("{url}/faults")).await.unwrap().status, 404);
    assert_eq!(backend.turn("nonsense", serde_json::json!({ "on": true })).await.status, 404);
    assert_eq!(backend.turn("slow_queries", serde_json::json!({ "on": true, "level": 0 })).await.status, 400);
    assert_eq!(backend.turn("slow_queries", serde_json::json!({ "off": true })).await.status, 400);
}
