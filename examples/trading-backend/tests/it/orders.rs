//! Orders, keys, amounts and positions, as clients meet them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backend::{Backend, until};

fn garan(quantity: &str) -> Value {
    json!({ "account": "ayse", "symbol": "GARAN", "side": "buy", "quantity": quantity })
}

/// The same key and body has the same answer, byte by byte, on either instance; another body is a conflict; after its time
/// a key is free again and its row is collected.
#[tokio::test]
async fn keys_and_orders_keep_their_word() {
    let backend = Backend::start(&["--idempotency-ttl", "4"]);
    let (baseline, canary) = (backend.at.baseline.url.clone(), backend.at.canary.url.clone());

    let first = backend.place(&baseline, "a-1", &garan("10")).await;
    assert_eq!(first.status, 201, "{}", first.body);
    for url in [&baseline, &canary] {
        let again = backend.place(url, "a-1", &garan("10")).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    // the meaning counts, not the spelling
    let spelled = json!({ "quantity": "10.0", "side": "buy", "symbol": "GARAN", "account": "ayse" });
    assert_eq!(backend.place(&baseline, "a-1", &spelled).await.body, first.body);
    let other = backend.place(&canary, "a-1", &garan("11")).await;
    assert_eq!(other.status, 409, "{}", other.body);
    let metrics = backend.metrics(&backend.at.canary).await;
    assert_eq!(metrics.of("idempotency_conflicts_total"), 1.0);
    assert_eq!(metrics.of("idempotency_replays_total"), 1.0);
    assert_eq!(backend.ask("SELECT count(*) FROM orders"), "1");

    refuses_what_makes_no_sense(&backend).await;
    cancels_what_is_left(&backend).await;
    holds_one_position(&backend).await;

    until("the key is collected", async || {
        backend.ask("SELECT count(*) FROM idempotency_keys WHERE key = 'a-1'") == "0"
    })
    .await;
    let later = backend.place(&canary, "a-1", &garan("11")).await;
    assert_eq!(later.status, 201, "{}", later.body);
}

/// Wrong requests are told what is wrong, and change nothing.
async fn refuses_what_makes_no_sense(backend: &Backend) {
    let url = &backend.at.canary.url;
    let order = |field: &str, value: Value| {
        let mut order = json!({ "account": "ayse", "symbol": "THYAO", "side": "buy", "quantity": "1", "price": "312.25" });
        order[field] = value;
        order.to_string()
    };
    let json = "application/json";
    for (key, kind, body, status, says) in [
        ("w-1", json, order("price", json!("312.30")), 400, "no multiple of the tick 0.25"),
        ("w-1", json, order("quantity", json!("1.5")), 400, "no multiple of the lot 1"),
        ("w-1", json, order("price", json!(312.25)), 400, "expected a string"),
        ("w-1", json, order("price", json!("1e3")), 400, "is no amount"),
        ("w-1", json, order("price", json!("0")), 400, "out of range"),
        ("w-1", json, order("quantity", json!("-5")), 400, "out of range"),
        ("w-1", json, order("symbol", json!("EREGL")), 400, "no instrument"),
        ("w-1", json, order("account", json!("'; DROP TABLE orders")), 400, "account"),
        ("w-1", json, order("side", json!("borrow")), 400, "unknown variant"),
        ("w-1", json, order("leverage", json!("100")), 400, "unknown field"),
        ("w-1", json, String::new(), 400, "the body"),
        ("w-1", json, "[".repeat(10_000), 400, "the body"),
        ("w-1", json, "x".repeat(20_000), 413, "longer than 16384 bytes"),
        ("w-1", "text/plain", order("side", json!("buy")), 415, "application/json"),
        ("", json, order("side", json!("buy")), 400, "Idempotency-Key"),
        ("spaces are none", json, order("side", json!("buy")), 400, "Idempotency-Key"),
        ("w-far", json, order("price", json!("900.25")), 422, "price_collar"),
        ("w-big", json, order("quantity", json!("900000000")), 422, "order_too_large"),
    ] {
        let headers = [("content-type", kind), ("idempotency-key", key)];
        let reply = backend.client.send("POST", &format!("{url}/orders"), &headers, body).await.unwrap();
        assert_eq!(reply.status, status, "{says}: {}", reply.body);
        assert!(reply.body.contains(says), "{says}: {}", reply.body);
    }
    assert_eq!(backend.ask("SELECT count(*) FROM orders"), "1");
    assert_eq!(backend.metrics(&backend.at.canary).await.of("risk_blocks_total"), 2.0);
    // the database itself refuses what the service would let through
    let insert =
        "INSERT INTO orders (origin, account, symbol, side, price, quantity, tick, lot, status) VALUES ";
    for values in [
        "('x', 'a', 'THYAO', 'buy', 312.30, 1, 0.25, 1, 'open')",
        "('x', 'a', 'THYAO', 'buy', 312.30, 1, 0.10, 1, 'open')",
        "('x', 'a', 'THYAO', 'buy', 312.25, 1.5, 0.25, 1, 'open')",
    ] {
        let refused = format!(
            "DO $$ BEGIN {insert}{values}; RAISE 'taken'; EXCEPTION WHEN check_violation OR foreign_key_violation THEN NULL; END $$"
        );
        backend.ask(&refused);
    }
}

/// What rests can be cancelled, once and again; what has ended, and what is not there, cannot.
async fn cancels_what_is_left(backend: &Backend) {
    let url = &backend.at.canary.url;
    let bid =
        json!({ "account": "can", "symbol": "THYAO", "side": "buy", "quantity": "4", "price": "280.25" });
    let placed: Value = serde_json::from_str(&backend.place(url, "c-1", &bid).await.body).unwrap();
    assert_eq!(placed["status"], "open");
    let order = format!("{url}/orders/{}", placed["id"]);
    for _ in 0..2 {
        let cancelled = backend.client.send("DELETE", &order, &[], "").await.unwrap();
        assert_eq!(cancelled.status, 200, "{}", cancelled.body);
        assert!(cancelled.body.contains("\"cancelled\""), "{}", cancelled.body);
    }
    assert!(backend.client.get(&order).await.unwrap().body.contains("\"cancelled\""));
    for (path, status) in
        [("orders/1", 409), ("orders/987654321", 404), ("orders/x", 404), ("orders/1/2", 404)]
    {
        let reply = backend.client.send("DELETE", &format!("{url}/{path}"), &[], "").await.unwrap();
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
    }
    assert_eq!(backend.client.send("PUT", &order, &[], "").await.unwrap().status, 405);
}

/// An account has one open position in a symbol at most; what is sold again closes it, and the next is a new one.
async fn holds_one_position(backend: &Backend) {
    let url = &backend.at.baseline.url;
    for (n, side) in ["buy", "buy", "sell", "sell", "buy"].into_iter().enumerate() {
        let order = json!({ "account": "pos", "symbol": "GARAN", "side": side, "quantity": "7" });
        let reply = backend.place(url, &format!("p-{n}"), &order).await;
        assert!(reply.body.contains("\"filled\":\"7\""), "{}", reply.body);
        let held = backend.client.get(&format!("{url}/positions?account=pos")).await.unwrap().body;
        let held: Vec<Value> = serde_json::from_str(&held).unwrap();
        let expected = ["7", "14", "7", "", "7"][n];
        let found = held.first().map_or("", |position| position["quantity"].as_str().unwrap());
        assert_eq!(found, expected, "{side}: {held:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(backend.ask("SELECT count(*), count(closed_at) FROM positions WHERE account = 'pos'"), "2|1");
    let twice = "DO $$ BEGIN INSERT INTO positions (account, symbol, quantity, cost) VALUES ('pos', 'GARAN', 1, 1); \
        RAISE 'taken'; EXCEPTION WHEN unique_violation THEN NULL; END $$";
    backend.ask(twice);
}
