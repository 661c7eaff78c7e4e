//! Services over HTTP: ones that do as they should, and ones that do not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use spark_core::TimeSpan;
use spark_runtime::http::Method;
use spark_runtime::probe::{Burst, Flood, Headers, Health, HttpCase, HttpCases};

use super::{holds, measured, number, web};

async fn serve(app: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    port
}

fn answering(headers: &'static [(&'static str, &'static str)]) -> axum::routing::MethodRouter {
    get(move || async move {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        map
    })
}

const GOOD: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri /csp",
    ),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
];

/// Headers that hold, ones that do not, and the traps: a preload that the lists refuse, subdomains that are not ready for it, and
/// what the page embeds and would not be shown.
#[tokio::test]
async fn headers() {
    let app = Router::new()
        .route("/good", answering(GOOD))
        .route("/none", get(|| async { "x" }))
        .route(
            "/trap",
            answering(&[
                ("content-security-policy", "script-src 'unsafe-inline' *"),
                ("content-security-policy-report-only", "default-src 'none'"),
                ("cross-origin-embedder-policy", "unsafe-none"),
                ("strict-transport-security", "max-age=300; preload"),
            ]),
        )
        .route("/open", answering(&[("cross-origin-resource-policy", "cross-origin")]));
    let port = serve(app).await;
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let probe = |path: &str, resources: Vec<String>, subdomains: Vec<String>| Headers {
        url: at(path),
        resources,
        subdomains,
        web: web(&[port]),
    };
    let found = measured(probe("/good", vec![at("/open")], Vec::new())).await;
    holds(
        &found,
        &[
            ("status", "200"),
            ("csp", "true"),
            ("csp_weak", "0"),
            ("csp_reports", "true"),
            ("coep", "true"),
            ("coop", "true"),
            ("blocked_resources", "0"),
            ("hsts", "true"),
            ("hsts_max_age", "730d"),
            ("hsts_preload", "false"),
            ("hsts_preload_trap", "0"),
        ],
    );
    // the embedded page says nothing of itself, and the subdomain speaks no TLS
    let found = measured(probe("/good", vec![at("/none")], vec![at("/")])).await;
    holds(&found, &[("blocked_resources", "1"), ("hsts_preload_trap", "1")]);
    let found = measured(probe("/trap", Vec::new(), Vec::new())).await;
    holds(
        &found,
        &[
            ("csp", "true"),
            ("csp_weak", "5"),
            ("coep", "false"),
            ("coop", "false"),
            ("hsts_preload", "true"),
            ("hsts_preload_trap", "2"),
        ],
    );
    let found = measured(probe("/none", Vec::new(), Vec::new())).await;
    holds(&found, &[("csp", "false"), ("hsts", "false"), ("hsts_max_age", "0s"), ("coep", "false")]);
    let other = Headers { web: web(&[]), ..probe("/good", Vec::new(), Vec::new()) };
    assert!(measured(other).await.unwrap_err().contains("not among the servers"));
}

/// A keyed request is done once however often it comes at once; a service that does it twice, or takes another body, is seen.
#[tokio::test]
async fn bursts() {
    type Seen = Arc<Mutex<HashMap<String, (String, u32)>>>;
    let (seen, made): (Seen, _) = (Seen::default(), Arc::new(AtomicU32::new(0)));
    let good = {
        let made = Arc::clone(&made);
        post(move |headers: HeaderMap, body: String| async move {
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            let mut seen = seen.lock().unwrap();
            let first =
                seen.entry(key).or_insert_with(|| (body.clone(), made.fetch_add(1, Ordering::SeqCst)));
            if first.0 == body {
                (StatusCode::CREATED, first.1.to_string())
            } else {
                (StatusCode::CONFLICT, "other".to_owned())
            }
        })
    };
    let bad = post(|| async {
        static MADE: AtomicU32 = AtomicU32::new(0);
        (StatusCode::CREATED, MADE.fetch_add(1, Ordering::SeqCst).to_string())
    });
    let port = serve(Router::new().route("/good", good).route("/bad", bad)).await;
    let probe = |path: &str| Burst {
        url: format!("http://127.0.0.1:{port}{path}"),
        key_header: "Idempotency-Key".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: "{\"a\":1}".to_owned(),
        other_body: "{\"a\":2}".to_owned(),
        times: 20,
        web: web(&[port]),
    };
    holds(
        &measured(probe("/good")).await,
        &[
            ("sent", "21"),
            ("done", "21"),
            ("failed", "0"),
            ("different_answers", "1"),
            ("replayed_late", "true"),
            ("other_body_refused", "true"),
        ],
    );
    assert_eq!(made.load(Ordering::SeqCst), 1);
    let found = measured(probe("/bad")).await;
    holds(&found, &[("different_answers", "21"), ("other_body_refused", "false")]);
    holds(&measured(probe("/gone")).await, &[("done", "0"), ("failed", "21"), ("different_answers", "0")]);
}

/// A flood is mostly refused while health goes on; a service that takes it all, or whose health ends, is seen.
#[tokio::test]
async fn floods() {
    let taken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&taken);
    let csp = post(move || async move {
        if count.fetch_add(1, Ordering::SeqCst) < 20 {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::TOO_MANY_REQUESTS
        }
    });
    let app = Router::new()
        .route("/csp", csp)
        .route("/all", post(|| async { StatusCode::NO_CONTENT }))
        .route("/healthz", get(|| async { "ok" }));
    let port = serve(app).await;
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let probe = |path: &str, health: &str| Flood {
        url: at(path),
        health: at(health),
        reports: 100,
        at_once: 25,
        web: web(&[port]),
    };
    let found = measured(probe("/csp", "/healthz")).await;
    holds(
        &found,
        &[("sent", "100"), ("taken", "20"), ("refused", "80"), ("failed", "0"), ("unhealthy", "0")],
    );
    assert!(number(&found, "health_p95") > 0.into());
    holds(&measured(probe("/all", "/healthz")).await, &[("taken", "100"), ("refused", "0")]);
    let found = measured(probe("/csp", "/gone")).await;
    holds(&found, &[("unhealthy", "4")]);
    assert!(found.unwrap().value("health_p95").known().is_none());
}

/// The health of an instance that always answers, of one that every second time does not, and of one that is not there.
#[tokio::test]
async fn healths() {
    let flaky = get(|| async {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let second = COUNT.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        if second { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    });
    let port = serve(Router::new().route("/healthz", get(|| async { "ok" })).route("/flaky", flaky)).await;
    let probe = |url: String| Health {
        url,
        lasts: TimeSpan::from_nanos(1_500_000_000),
        every: TimeSpan::from_nanos(20_000_000),
        web: web(&[port, 1]),
    };
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let found = measured(probe(at("/healthz"))).await;
    holds(&found, &[("failed", "0"), ("availability", "100%"), ("longest_outage", "0s")]);
    assert!(number(&found, "asked") >= 2.into() && number(&found, "p95") > 0.into());
    let found = measured(probe(at("/flaky"))).await;
    assert!(number(&found, "failed") > 0.into() && number(&found, "availability") < 1.into());
    let found = measured(probe("http://127.0.0.1:1/".to_owned())).await;
    holds(&found, &[("availability", "0%")]);
    assert!(found.unwrap().value("p95").known().is_none());
}

/// Corner cases each get the status that is right, or are told.
#[tokio::test]
async fn corner_cases() {
    let app = Router::new().route(
        "/orders",
        post(|body: String| async move {
            if body.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::CREATED }
        }),
    );
    let port = serve(app).await;
    let case = |name: &str, method, body: &str, status| HttpCase {
        name: name.to_owned(),
        method,
        url: format!("http://127.0.0.1:{port}/orders"),
        headers: vec![("x-probe".to_owned(), "1".to_owned())],
        body: body.to_owned(),
        status,
    };
    let mut cases = vec![
        case("no body", Method::POST, "", 400),
        case("a body", Method::POST, "x", 201),
        case("no such method", Method::DELETE, "", 405),
    ];
    let probe = |cases: &[HttpCase]| HttpCases { cases: cases.to_vec(), web: web(&[port]) };
    holds(&measured(probe(&cases)).await, &[("cases", "3"), ("wrong", "0")]);
    cases.push(case("redirect", Method::GET, "", 302));
    holds(&measured(probe(&cases)).await, &[("cases", "4"), ("wrong", "1")]);
}
