//! The embedded guard: trading is frozen within a second, by rules, and thawed by an operator.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::backend::Backend;

/// Orders that all fail freeze trading within a second; the other instance goes on; an operator thaws it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_freezes_trading_within_a_second() {
    let backend = Backend::start(&[]);
    let url = &backend.at.canary.url;
    let order = json!({ "account": "g", "symbol": "GARAN", "side": "buy", "quantity": "1" });
    // a while of good orders, so that there is something to compare with
    for n in 0..20 {
        assert_eq!(backend.place(url, &format!("good-{n}"), &order).await.status, 201);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    slow_clients_freeze_nothing(&backend).await;
    assert_eq!(backend.turn("server_errors", json!({ "on": true, "level": 100 })).await.status, 200);
    let from = Instant::now();
    let frozen = loop {
        let reply = backend.place(url, &format!("bad-{}", from.elapsed().as_nanos()), &order).await;
        if reply.body.contains("trading frozen") {
            assert_eq!(reply.status, 503);
            break from.elapsed();
        }
        assert_eq!(reply.status, 500, "{}", reply.body);
        assert!(from.elapsed() < Duration::from_secs(5), "not frozen: {}", reply.body);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("frozen after {frozen:?}");
    assert!(
        frozen < Duration::from_millis(1_500),
        "frozen after {frozen:?}: a second, and half of one for a busy machine"
    );
    let metrics = backend.metrics(&backend.at.canary).await;
    assert_eq!(metrics.of("guard_frozen"), 1.0);
    assert!(metrics.of("guard_refused_total") >= 1.0);
    assert_eq!(
        backend.place(&backend.at.baseline.url, "other", &order).await.status,
        201,
        "this instance alone"
    );

    backend.turn("server_errors", json!({ "on": false })).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(backend.place(url, "still", &order).await.status, 503, "it does not thaw by itself");
    let token = format!("Bearer {}", backend.at.admin_token);
    let thaw = format!("{}/guard/thaw", backend.at.canary.admin);
    backend.client.send("POST", &thaw, &[("authorization", &token)], "").await.unwrap();
    assert_eq!(backend.place(url, "again", &order).await.status, 201);
}

/// Clients that never send their whole order are told so; the others trade on.
async fn slow_clients_freeze_nothing(backend: &Backend) {
    use std::io::{Read as _, Write as _};
    let address = backend.at.canary.url.trim_start_matches("http://").to_owned();
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            let head = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: slow\r\n";
            stream.write_all(format!("{head}Content-Length: 100\r\n\r\n{{").as_bytes()).unwrap();
            stream
        })
        .collect();
    let order = json!({ "account": "g", "symbol": "GARAN", "side": "buy", "quantity": "1" });
    for n in 0..60 {
        let reply = backend.place(&backend.at.canary.url, &format!("meanwhile-{n}"), &order).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for mut stream in slow {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
}
