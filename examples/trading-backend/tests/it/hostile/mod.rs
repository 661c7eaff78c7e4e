//! Venues that send what no venue should: the client stays up, believes none of it, says how old its prices are, takes no
//! more memory or connections than it may, and follows the venue again as soon as that is well.

mod live;
mod venue;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use trading_backend::fault::Faults;
use trading_backend::instrument::{Instrument, Venue};
use trading_backend::market::{Follow, Market, follow, now_ms};
use trading_backend::money::{Amount, Step};
use trading_backend::telemetry::Metrics;
use trading_backend::trades::Trades;
use trading_backend::venue::Stamp;

use self::venue::{Attack, BAD, GOOD, Hostile, Mood, WELL_AGAIN, book};
use crate::backend::{Metrics as Said, until};

/// What the clients are given instead of the usual quarter of a minute.
const SILENCE: Duration = Duration::from_secs(1);

/// How long a venue is hostile.
const HOSTILE: Duration = Duration::from_millis(3_500);

/// Memory that all clients together may take, with the venues that attack them: a client that keeps what it is sent takes
/// hundreds of MiB in this time.
const GROWTH_MAX_MIB: u64 = 64;

struct Case {
    name: &'static str,
    venue: Venue,
    attack: Attack,
    /// By what name the messages are refused; none where there is no message at all.
    refused: Option<&'static str>,
}

const fn case(name: &'static str, venue: Venue, attack: Attack, refused: Option<&'static str>) -> Case {
    Case { name, venue, attack, refused }
}

const SYMBOL: &str = "BTCUSDT";

fn bad_book(venue: Venue, symbol: &str) -> String {
    // newer than everything: only its instrument is wrong
    book(venue, symbol, BAD, Stamp { sequence: now_ms(), at_ms: now_ms() })
}

fn cases() -> Vec<Case> {
    use Attack::{Flood, Handshake, HangUp, Numbered, Raw, Repeat, Silence, Text};
    use Venue::{Binance, Bist, Btcturk};
    let not_as_agreed = Some("not_as_agreed");
    vec![
        case("garbage", Bist, Text(|| "}{ \u{1F4A3} 666".to_owned()), not_as_agreed),
        case("deep nesting", Bist, Text(|| "[".repeat(60_000)), not_as_agreed),
        case(
            "half a message",
            Binance,
            Text(|| {
                let whole = bad_book(Binance, SYMBOL);
                whole[..whole.len() - 9].to_owned()
            }),
            not_as_agreed,
        ),
        case(
            "a number for a price",
            Binance,
            Text(|| bad_book(Binance, SYMBOL).replace("\"666\"", "666")),
            not_as_agreed,
        ),
        case(
            "no number of the message",
            Btcturk,
            Text(|| bad_book(Btcturk, SYMBOL).replace("\"CS\"", "\"cs\"")),
            not_as_agreed,
        ),
        case("another venue's messages", Binance, Text(|| bad_book(Btcturk, SYMBOL)), not_as_agreed),
        case(
            "another venue's instrument",
            Binance,
            Text(|| bad_book(Binance, "GARAN")),
            Some("unknown_symbol"),
        ),
        case(
            "endless new instruments",
            Btcturk,
            Text(|| bad_book(Btcturk, &format!("X{}", now_ms()))),
            Some("unknown_symbol"),
        ),
        case(
            "off the tick",
            Bist,
            Text(|| bad_book(Bist, SYMBOL).replace("\"666\"", "\"665.99\"")),
            Some("off_step"),
        ),
        case(
            "below zero",
            Bist,
            Text(|| bad_book(Bist, SYMBOL).replace("\"666\"", "\"-666\"")),
            Some("off_step"),
        ),
        case(
            "a crossed book",
            Bist,
            Text(|| bad_book(Bist, SYMBOL).replace("\"666.1\"", "\"665\"")),
            Some("unsound_book"),
        ),
        case(
            "an hour ago",
            Bist,
            Numbered(|n, now| Stamp { sequence: 1_000 + n, at_ms: now - 3_600_000 }),
            Some("out_of_time"),
        ),
        case(
            "in an hour",
            Bist,
            Numbered(|n, now| Stamp { sequence: 1_000 + n, at_ms: now + 3_600_000 }),
            Some("out_of_time"),
        ),
        case(
            "heartbeats alone",
            Btcturk,
            Text(|| r#"[100,{"ok":true,"message":"join|","type":100}]"#.to_owned()),
            None,
        ),
        case("news alone", Btcturk, Text(|| r#"[991,{"type":991,"current":"5.1.0"}]"#.to_owned()), None),
        case("a message of a mebibyte", Bist, Text(|| " ".repeat(1 << 20)), None),
        // the header of a frame of 2^62 bytes
        case("a frame beyond all memory", Bist, Raw(b"\x81\x7f\x40\0\0\0\0\0\0\0"), None),
        case("no UTF-8", Bist, Raw(b"\x81\x02\xff\xfe"), None),
        case("an opcode that there is not", Bist, Raw(b"\x83\x01x"), None),
        case("a message without an end", Binance, Raw(b"\x01\x01{\x00\x01 \x00\x01 "), None),
        case("no WebSocket any more", Bist, Raw(b"HTTP/1.1 500 Internal Server Error\r\n\r\n"), None),
        case("endless empty fragments", Bist, Flood(b"\x01\x00", b"\x00\x00"), None),
        case("a flood of pings, and nothing read", Binance, Flood(b"", b"\x89\x04ping"), None),
        case("a flood of heartbeats", Binance, Flood(b"", b"\x81\x18{\"result\":null,\"id\":123}"), None),
        case("a flood of rubbish", Btcturk, Flood(b"", b"\x81\x02{}"), not_as_agreed),
        case("silence, without a ping", Bist, Silence, None),
        case("no answer to the handshake", Bist, Handshake("", ""), None),
        case(
            "an endless answer to it",
            Bist,
            Handshake("HTTP/1.1 101 Switching Protocols\r\n", "X: Y\r\n"),
            None,
        ),
        case("a redirect", Binance, Handshake("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", ""), None),
        case("old numbers", Bist, Repeat, Some("out_of_order")),
        case("one book each time, then gone", Bist, HangUp, None),
    ]
}

struct Client {
    case: Case,
    hostile: Hostile,
    market: Arc<Market>,
    metrics: Metrics,
    task: tokio::task::JoinHandle<()>,
}

impl Client {
    async fn start(case: Case) -> Self {
        let hostile = Hostile::start(case.venue, SYMBOL, case.attack).await;
        let (market, metrics) = (Arc::<Market>::default(), Metrics::new().unwrap());
        let step = |text| Amount::parse(text).unwrap();
        let (tick, lot) = (Step::tick(step("0.1")), Step::lot(step("1")));
        let task = tokio::spawn(follow(Follow {
            venue: case.venue,
            url: format!("ws://{}/{}", hostile.address, case.venue),
            instruments: vec![Instrument { symbol: SYMBOL.to_owned(), venue: case.venue, tick, lot }],
            silence: SILENCE,
            market: Arc::clone(&market),
            trades: Arc::new(Trades::default()),
            metrics: metrics.clone(),
            faults: Faults::default(),
        }));
        Self { case, hostile, market, metrics, task }
    }

    fn bid(&self) -> Option<String> {
        self.market.book(SYMBOL)?.bids.first().map(|level| format!("{}.0", level.price))
    }

    async fn until_bid(&self, price: &str) {
        let from = Instant::now();
        while self.bid().as_deref() != Some(price) {
            let name = self.case.name;
            assert!(
                from.elapsed() < Duration::from_secs(30),
                "{name}: no bid of {price}, but {:?}",
                self.bid()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What must hold after a hostile venue, whatever it did.
    fn holds(&self) {
        let name = self.case.name;
        assert!(!self.task.is_finished(), "{name}: the client has ended");
        assert_eq!(self.bid().as_deref(), Some(GOOD), "{name}: a price was believed");
        let age = self.market.book_age(self.case.venue, SYMBOL).unwrap();
        // a price that was made young is young each few milliseconds; the rest is left to a busy machine
        let silent = HOSTILE / 2;
        let speaks = matches!(self.case.attack, Attack::HangUp | Attack::Repeat);
        assert!(speaks || age >= silent, "{name}: prices are {age:?} old only");
        let connections = self.hostile.connections.load(Ordering::Relaxed);
        assert!((1..=8).contains(&connections), "{name}: {connections} connections");
        let said = Said(self.metrics.text().unwrap());
        if let Some(reason) = self.case.refused {
            assert!(said.sum("ws_messages_refused_total", reason) >= 1.0, "{name}: none is {reason}");
        }
    }
}

/// Resident memory of this process, in MiB.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// Nothing that a venue does is believed, stops the client, or costs it more than its share; and it is followed again once it is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_venues_are_not_believed() {
    let before = resident_mib();
    let mut clients = Vec::new();
    for case in cases() {
        clients.push(Client::start(case).await);
    }
    for client in &clients {
        client.until_bid(GOOD).await;
    }
    for client in &clients {
        client.hostile.turn(Mood::Bad);
    }
    tokio::time::sleep(HOSTILE).await;
    for client in &clients {
        client.holds();
    }
    let growth = resident_mib().saturating_sub(before);
    assert!(growth <= GROWTH_MAX_MIB, "{growth} MiB more than at the start");
    for client in &clients {
        client.hostile.turn(Mood::Well);
    }
    for client in &clients {
        client.until_bid(WELL_AGAIN).await;
        let age = client.market.book_age(client.case.venue, SYMBOL).unwrap();
        assert!(age < Duration::from_secs(3), "{}: {age:?}", client.case.name);
    }
}

/// Messages that are missing are told, and the next book is believed: it is whole.
#[tokio::test]
async fn holes_are_told() {
    let holes = Attack::Text(|| {
        // ten numbers a millisecond or so: none of them next to another
        book(Venue::Bist, SYMBOL, WELL_AGAIN, Stamp { sequence: now_ms() * 10, at_ms: now_ms() })
    });
    let client = Client::start(case("holes", Venue::Bist, holes, None)).await;
    client.hostile.turn(Mood::Bad);
    client.until_bid(WELL_AGAIN).await;
    until("holes are counted", async || {
        Said(client.metrics.text().unwrap()).sum("market_data_gaps_total", "bist") >= 1.0
    })
    .await;
}
