//! What operators see, at several sizes of terminals.

use serde_json::{Value, json};

use super::*;

mod picture;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn look(columns: usize, rows: usize) -> Look {
    Look { now: at("2026-01-05T10:37:30Z"), columns, rows, glyphs: Glyphs::UNICODE, question: None }
}

fn row(name: &str, state: &str, value: &str, limit: &str, margin: &str) -> Value {
    let values = ["80", "95", "120", "160", "210", "205"].map(|value| format!("0.{value:0>3}"));
    json!({
        "name": name, "title": null, "state": state, "since": "2026-01-05T10:36:00Z", "value": value, "limit": limit,
        "margin": margin, "margin_percent": "12", "cause": null, "would_change": null, "overridden_until": null,
        "waits": null, "recent": [values[0], values[1], null, values[2], values[3], values[4], values[5]],
    })
}

/// A rollout in its third stage; the keys of `change` are its own.
fn status(change: Value) -> Status {
    let stage = |share: &str, approval: bool| json!({ "share": share, "needs": "15m", "approval": approval, "entered": null });
    let mut pending = row("T1 API latency", "pending", "612.3451ms", "400ms", "-212.3451ms");
    pending["waits"] = json!({ "level": "rollback", "held": "1m20s", "needs": "5m" });
    let mut unknown = row("T3 BIST feed stale", "unknown", "", "", "");
    (unknown["value"], unknown["cause"]) = (Value::Null, "no sample for 45s".into());
    let mut status = json!({
        "release": "2026-01-05.1", "plan": "canary", "running": true, "at": "2026-01-05T10:37:30Z",
        "started": "2026-01-05T09:30:00Z", "opens": "2026-01-05T10:00:00Z", "state": "stage", "stage": 3,
        "stages": [stage("1%", false), stage("5%", false), stage("25%", false), stage("50%", true), stage("100%", false)],
        "share": "25", "share_at": "2026-01-05T10:37:12Z", "expected_share": "25", "served": "7m30s",
        "warm_up_until": null, "watched_since": null, "watch": "24h", "attempt": null, "back_since": null, "back_within": "5m",
        "needs_approval": false, "held": null, "frozen": null, "unrecorded": null, "because": [],
        "decision": { "at": "2026-01-05T10:37:30Z", "decision": "hold", "because": ["p95"] },
        "decisions": [
            { "at": "2026-01-05T10:00:00Z", "decision": "proceed", "because": [] },
            { "at": "2026-01-05T10:36:00Z", "decision": "hold", "because": ["p95"] },
        ],
        "words": [{ "word": "hold", "at": "2026-01-05T10:12:00Z", "by": "ayse", "because": "fills look odd" }],
        "notes": [{ "at": "2026-01-05T10:20:00Z", "words": "the rules were changed, and the release KEEPS those it has: it loosens `latency`" }],
        "signals": [
            row("API latency p95", "hold", "205.25ms", "200ms", "-5.25ms"),
            row("HTTP 5xx share", "ok", "0.290512%", "1%", "0.709488%"),
            row("market-data staleness", "ok", "4.4624s", "30s", "25.5376s"),
            row("risk blocks", "ok", "0.1/min", "0.5/min", "0.4/min"),
        ],
        "triggers": [row("T2 server errors", "ok", "0.290512%", "3%", "2.709488%"), unknown, pending],
        "show": { "opens": "2026-01-05T10:00:00Z", "items": [
            { "at": "2026-01-05T10:30:00Z", "title": "stage 3, 25%" },
            { "at": "2026-01-05T10:45:00Z", "title": "stage 4, 50%" },
        ] },
        "fence": 1,
    });
    for (key, value) in change.as_object().unwrap() {
        status[key] = value.clone();
    }
    serde_json::from_value(status).unwrap()
}

fn drawn(status: &Status, look: &Look) -> String {
    let lines: Vec<String> =
        frame(status, look).iter().map(|line| line.render(look.columns, false)).collect();
    lines.join("\n")
}

/// A frame is lower than its terminal and no wider, at any size, with whatever stands in it.
#[test]
fn fits() {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J市場\u{202e}evil\n\r".repeat(4);
    let plain = status(json!({}));
    let bad = status(json!({
        "release": hostile, "plan": hostile, "unrecorded": hostile,
        "held": { "at": "2026-01-05T10:36:00Z", "by": hostile, "because": hostile },
        "decision": { "at": "2026-01-05T10:36:00Z", "decision": "rollback", "because": vec![hostile.clone(); 9] },
        "signals": vec![row(&hostile, "hold", &hostile, &hostile, &hostile); 30],
        "triggers": vec![row(&hostile, "rollback", &hostile, &hostile, &hostile); 30],
        "words": [{ "word": hostile, "at": "2026-01-05T10:12:00Z", "by": hostile, "because": hostile }],
    }));
    for status in [&plain, &bad] {
        for rows in [1, 2, 4, 7, 10, 16, 24, 50, 200] {
            for columns in [1, 5, 20, 39, 79, 100, 300] {
                for glyphs in [Glyphs::UNICODE, Glyphs::ASCII] {
                    let question = (rows % 2 == 0).then(|| "leave it?  [s]top / [c]ontinue".to_owned());
                    let look = Look { glyphs, question, ..look(columns, rows) };
                    let lines = frame(status, &look);
                    assert!(
                        lines.len() < rows.max(1) || lines.is_empty(),
                        "{columns}x{rows}: {}",
                        lines.len()
                    );
                    for line in lines {
                        let text = line.render(columns, false);
                        assert!(width(&text) <= columns, "{columns}x{rows}: {text:?}");
                        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
                    }
                }
            }
        }
    }
}

/// The frames of terminals from a large one to one of 40 columns and 10 rows.
#[test]
fn sizes() {
    let status = status(json!({}));
    for (columns, rows) in [(119, 40), (79, 24), (59, 16), (39, 10)] {
        insta::assert_snapshot!(format!("{columns}x{rows}"), drawn(&status, &look(columns, rows)));
    }
}

/// What is wrong or in the way is told, whatever the size.
#[test]
fn warnings_first() {
    let question = crate::screen::question(Some(&status(json!({}))));
    assert_eq!(question, "leave the traffic at 25 % and stop?  [s]top / [r]oll back / [c]ontinue");
    for (change, words) in [
        (json!({ "unrecorded": "no space left on device" }), "UNRECORDED, nothing advances: no space"),
        (json!({ "state": "unverified" }), "ROLLBACK UNVERIFIED from stage 3 of 5"),
        (json!({ "state": "unverified" }), "the canary may still get traffic"),
        (json!({ "share": "24" }), "DRIFT: the canary has 24%"),
        (json!({ "running": false }), "NOBODY RUNS IT"),
        (json!({ "state": "waiting", "needs_approval": true }), "waits for approval: `spark approve"),
        (
            json!({ "held": { "at": "2026-01-05T10:36:00Z", "by": "ayse", "because": "odd" } }),
            "HELD by ayse since 10:36:00: odd",
        ),
        (
            json!({ "frozen": { "until": "2026-01-06T08:00:00Z", "because": "holiday" } }),
            "FROZEN until 2026-01-06 08:00:00",
        ),
        (json!({ "warm_up_until": "2026-01-05T10:38:00Z" }), "warms up, 30s more"),
        (
            json!({ "state": "rolling_back", "back_since": "2026-01-05T10:37:20Z", "attempt": 2 }),
            "ROLLING BACK from stage 3 of 5, attempt 2",
        ),
        (
            json!({ "state": "scheduled", "stage": null, "opens": "2026-01-05T10:40:00Z" }),
            "waits for T-0, in 2m30s",
        ),
        (json!({ "share": null }), "traffic not measured"),
        (json!({ "share_at": "2026-01-05T10:30:00Z" }), "traffic 25%, 7m30s ago"),
    ] {
        let status = status(change);
        for rows in [8, 24] {
            let text = drawn(&status, &Look { question: Some(question.clone()), ..look(79, rows) });
            assert!(text.contains(words), "{words}, {rows} rows:\n{text}");
            assert!(text.ends_with("[c]ontinue"), "{text}");
        }
    }
    let watched = json!({ "state": "watching", "stage": 5, "watched_since": "2026-01-05T10:30:00Z", "share": "100", "expected_share": "100" });
    let text = drawn(&status(watched), &look(100, 24));
    assert!(text.contains("watched for 7m30s of 1d") && text.contains("next look in 7m30s"), "{text}");
    let narrow = Look { question: Some(question), ..look(39, 10) };
    assert!(drawn(&status(json!({})), &narrow).ends_with(" [s]top / [r]oll back / [c]ontinue"));
}
