//! The limits, and what is refused.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use fault_proxy::limits::{BODY_BYTES_MAX, HELD_BYTES_MAX, PROXIES_MAX, TOXICS_MAX};
use fault_proxy::{Proxies, ProxyRequest, Refused, ToxicRequest};

use crate::server::Server;

fn proxy(name: &str, upstream: &str, enabled: bool) -> ProxyRequest {
    ProxyRequest { name: name.to_owned(), listen: String::new(), upstream: upstream.to_owned(), enabled }
}

fn latency(name: &str) -> ToxicRequest {
    ToxicRequest { name: name.to_owned(), kind: "latency".to_owned(), ..ToxicRequest::default() }
}

/// There are as many proxies and toxics as the limits say, and no more.
#[tokio::test]
async fn proxies_and_toxics_are_limited() {
    let proxies = Proxies::new(8);
    for n in 0..PROXIES_MAX {
        proxies.create(proxy(&format!("p{n}"), "127.0.0.1:1", false)).await.unwrap();
    }
    let refused = proxies.create(proxy("more", "127.0.0.1:1", false)).await.unwrap_err();
    assert!(matches!(refused, Refused::TooManyProxies), "{refused}");
    for n in 0..TOXICS_MAX {
        proxies.add_toxic("p0", latency(&format!("t{n}"))).await.unwrap();
    }
    let refused = proxies.add_toxic("p0", latency("more")).await.unwrap_err();
    assert!(matches!(refused, Refused::TooManyToxics(_)), "{refused}");
}

/// A connection beyond the limit ends at once; one that ended makes room for another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_limited() {
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = upstream.local_addr().unwrap().to_string();
    // an upstream that ends when its client does
    std::thread::spawn(move || {
        for mut stream in upstream.incoming().flatten() {
            std::thread::spawn(move || stream.read(&mut [0]));
        }
    });
    let proxies = Proxies::new(8);
    let listen = proxies.create(proxy("one", &to, true)).await.unwrap().listen;
    let ends = |stream: &TcpStream, within: Duration| {
        stream.set_read_timeout(Some(within)).unwrap();
        // one that lives says nothing in that time
        let read = stream.try_clone().unwrap().read(&mut [0]);
        !matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let mut open: Vec<_> = (0..8).map(|_| TcpStream::connect(&listen).unwrap()).collect();
    assert!(!ends(open.last().unwrap(), Duration::from_millis(300)), "the last that there is room for");
    assert!(ends(&TcpStream::connect(&listen).unwrap(), Duration::from_secs(10)), "one too many");
    open.pop();
    let until = Instant::now() + Duration::from_secs(10);
    while ends(&TcpStream::connect(&listen).unwrap(), Duration::from_millis(300)) {
        assert!(Instant::now() < until, "there is room again");
    }
}

/// A sender waits once so many bytes are held back: the proxy does not grow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_limited() {
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = upstream.local_addr().unwrap().to_string();
    let proxies = Proxies::new(8);
    let listen = proxies.create(proxy("one", &to, true)).await.unwrap().listen;
    let slow = serde_json::from_str(
        r#"{ "type": "latency", "stream": "upstream", "attributes": { "latency": 60000 } }"#,
    );
    proxies.add_toxic("one", slow.unwrap()).await.unwrap();
    let mut sender = TcpStream::connect(&listen).unwrap();
    sender.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while let Ok(count) = sender.write(&[0; 64 * 1024]) {
        sent += count;
        assert!(sent < 64 << 20, "the proxy takes all of it");
    }
    // the rest is in the system's own buffers
    println!("{sent} bytes sent, of which {HELD_BYTES_MAX} are held");
    assert!(sent > HELD_BYTES_MAX);
}

/// Browsers, long bodies and what is no JSON are refused, in words.
#[test]
fn requests_are_refused_in_words() {
    let server = Server::start(&[]);
    let ask = |words: &[&str]| {
        let output = Command::new("curl").args(["-s", "-w", " %{http_code}"]).args(words).output();
        let output = output.unwrap_or_else(|error| {
            panic!("curl does not start ({error}); install it: apt-get install curl")
        });
        String::from_utf8(output.stdout).unwrap()
    };
    let proxies = format!("{}/proxies", server.url);
    let long = format!("{{\"name\": \"{}\"}}", "a".repeat(BODY_BYTES_MAX));
    assert!(ask(&["-d", &long, &proxies]).ends_with(" 413"));
    let one = format!("{proxies}/a");
    for (words, error, status) in [
        (vec!["-A", "Mozilla/5.0", &proxies], "browsers are not served here", 403),
        (vec!["-d", "{", &proxies], "bad request body: EOF while parsing an object at line 1 column 1", 400),
        (vec!["-d", r#"{"name": "a"}"#, &proxies], "missing required field: `upstream`", 400),
        (vec!["-X", "DELETE", &one], "proxy not found: `a`", 404),
    ] {
        let expected = format!(r#"{{"error":"{error}","status":{status}}} {status}"#);
        assert_eq!(ask(&words), expected, "{words:?}");
    }
}
