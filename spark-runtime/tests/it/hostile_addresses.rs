//! Addresses that lead elsewhere than they look: none is reached, and what was connected to is read from the kernel.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spark_runtime::http::{AllowedHost, HttpClient, HttpConfig, check_address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Longest time for all addresses together: none is waited for.
const WITHIN: Duration = Duration::from_secs(30);

/// What the child of the audit says of the one server that may be asked.
const MARK: &str = "allowed-for-the-audit ";

/// How many hostile addresses there are at the least.
const HOSTILE_MIN: usize = 100;

/// Addresses with `PORT` for that of a server that is there and not on the list, and `OPEN` for that of the one on it.
const HOSTILE: &str = r"
http://127.0.0.1:PORT/
http://127.0.0.1:PORT
http://localhost:PORT/
http://localhost:OPEN/
http://LOCALHOST:PORT/
http://localhost.:PORT/
http://localhost.localdomain:PORT/
http://ip6-localhost:PORT/
http://127.1:PORT/
http://127.0.1:PORT/
http://127.255.255.254:PORT/
http://127.0.0.2:OPEN/
http://0x7f.1:PORT/
http://0x7f000001:PORT/
http://0x7F.0x0.0x0.0x1:PORT/
http://0177.0.0.1:PORT/
http://0177.1:PORT/
http://017700000001:PORT/
http://2130706433:PORT/
http://127.0.0.1.:PORT/
http://00000000127.0.0.1:PORT/
http://[::1]:PORT/
http://[0:0:0:0:0:0:0:1]:PORT/
http://[::ffff:127.0.0.1]:PORT/
http://[::ffff:127.0.0.1]:OPEN/
http://[::ffff:7f00:1]:OPEN/
http://[::127.0.0.1]:OPEN/
http://[64:ff9b::127.0.0.1]:OPEN/
http://[2002:7f00:1::]:OPEN/
http://[::]:PORT/
http://0:PORT/
http://0.0.0.0:PORT/
http://0x0:PORT/
http://①②⑦.⓪.⓪.①:PORT/
http://127。0。0。1:PORT/
http://127．0．0．1:PORT/
http://127｡0｡0｡1:PORT/
http://ｌｏｃａｌｈｏｓｔ:PORT/
http://lo%63alhost:PORT/
http://%31%32%37.0.0.1:PORT/
http://xn--nxasmq6b:PORT/
http://127.0.0.1%00.example:PORT/
http://127.0.0.1.nip.io:PORT/
http://localtest.me:PORT/
http://spoofed.burpcollaborator.net:PORT/
http://me@127.0.0.1:PORT/
http://me:secret@127.0.0.1:PORT/
http://127.0.0.1:OPEN@127.0.0.1:PORT/
http://127.0.0.1:OPEN%40127.0.0.1:PORT/
http://127.0.0.1:OPEN\@127.0.0.1:PORT/
http://127.0.0.1:OPEN\.example/
http:\\127.0.0.1:PORT\
http:/\127.0.0.1:PORT/
http://@127.0.0.1:OPEN@127.0.0.1:PORT/
http://:@127.0.0.1:PORT/
http://127.0.0.1:PORT#@127.0.0.1:OPEN/
http://127.0.0.1:PORT?@127.0.0.1:OPEN/
http://127.0.0.1:PORT/@127.0.0.1:OPEN/
http://127.0.0.1:PORT/..//127.0.0.1:OPEN
http:127.0.0.1:PORT/
http:/127.0.0.1:PORT/
http:////127.0.0.1:PORT/
///127.0.0.1:PORT/
//127.0.0.1:PORT/
127.0.0.1:PORT
127.0.0.1:PORT/metrics
https://127.0.0.1:PORT/
HTTP://127.0.0.1:PORT/
hTtP://127.0.0.1:PORT/
http://169.254.169.254/latest/meta-data/
http://169.254.169.254:80/
http://[::ffff:169.254.169.254]/
http://[fd00:ec2::254]/latest/meta-data/
http://2852039166/latest/meta-data/
http://0xa9fea9fe/
http://0251.0376.0251.0376/
http://metadata.google.internal/computeMetadata/v1/
http://metadata/
http://100.100.100.200/
http://192.0.0.192/
http://[fe80::1]:PORT/
http://[fe80::1%25lo]:PORT/
http://[fe80::1%lo]:PORT/
http://224.0.0.1:PORT/
http://255.255.255.255:PORT/
http://10.0.0.1:OPEN/
http://127.0.0.1:0/
http://127.0.0.1:65536/
http://127.0.0.1:-1/
http://127.0.0.1:+PORT/
http://127.0.0.1:PORTx/
http://127.0.0.1: PORT/
http://127.0.0.1:/
http://127.0.0.1/
http://:PORT/
http://
http:///
http://[
http://[::1
http://[::1]PORT/
http://*:PORT/
http://127.0.0.*:OPEN/
file:///etc/passwd
file://127.0.0.1:PORT/etc/passwd
gopher://127.0.0.1:PORT/_GET%20/
ftp://127.0.0.1:PORT/
ldap://127.0.0.1:PORT/
dict://127.0.0.1:PORT/stat
ws://127.0.0.1:PORT/
unix:///var/run/docker.sock
http+unix://%2Fvar%2Frun%2Fdocker.sock/
data:text/plain,up%201
javascript:alert(1)
jar:http://127.0.0.1:PORT!/
view-source:http://127.0.0.1:PORT/
blob:http://127.0.0.1:PORT/x
about:blank
tel:127001
";

/// Addresses that a line of a list cannot hold.
fn unprintable(port: u16, open: u16) -> Vec<String> {
    vec![
        format!("http://127.0.0.1:{port}/\r\nHost: x"),
        format!("http://127.0.0.1:{open}/\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1:{port}"),
        format!("http://127.0\n.0.1:{port}/"),
        format!("ht\ttp://127.0.0.1:{port}/"),
        format!(" http://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/ "),
        format!("\u{0}http://127.0.0.1:{port}/"),
        format!("http://127.0.0.1\u{0}.example:{port}/"),
        format!("http://127.0.0.1:{open}\u{2028}@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{open}\u{85}@127.0.0.1:{port}/"),
        format!("http://\u{202e}1.0.0.721:{port}/"),
        format!("http://{}:{port}/", "a.".repeat(5_000)),
        format!("http://{}/", "1".repeat(100_000)),
        format!("http://loc\u{ad}alhost:{port}/"),
        String::new(),
    ]
}

/// A server that answers 200 to everything and counts who came.
async fn server(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, came) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (address, came)
}

/// With a list of one server, no hostile address reaches another one, or waits, or looks a name up; and the one that is
/// allowed cannot send the question on.
#[tokio::test]
async fn none_is_reached() {
    let (decoy, came) = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await;
    let (open, asked) = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await;
    println!("{MARK}{open}");
    let allow = vec![open.to_string().parse::<AllowedHost>().unwrap()];
    let config = HttpConfig { allow: Some(allow), ..HttpConfig::default() }.within(Duration::from_secs(2));
    let client = HttpClient::new(config).unwrap();
    let text = |line: &str| {
        line.replace("PORT", &decoy.port().to_string()).replace("OPEN", &open.port().to_string())
    };
    let mut hostile: Vec<String> = HOSTILE.lines().filter(|line| !line.is_empty()).map(text).collect();
    hostile.extend(unprintable(decoy.port(), open.port()));
    assert!(hostile.len() >= HOSTILE_MIN, "{}", hostile.len());
    let begun = Instant::now();
    for address in &hostile {
        let error = client.get(address, "*/*").await.map(|_| ()).expect_err(address);
        let told = error.to_string();
        assert!(!told.contains("secret"), "{address} is told as {told}");
        assert!(!told.contains(char::is_control), "{address:?} is told as {told:?}");
    }
    assert!(begun.elapsed() < WITHIN, "took {:?}", begun.elapsed());
    assert_eq!((came.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (0, 0));
    // the one that is allowed is reached, however its address is spelled
    for host in ["127.0.0.1", "0x7f.1", "2130706433"] {
        client.get(&format!("http://{host}:{}/x?y#z", open.port()), "*/*").await.unwrap();
    }
    assert!(asked.load(Ordering::SeqCst) > 0);
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

/// An answer of an allowed server that points to another one, or to the machine's metadata, is an error.
#[tokio::test]
async fn no_answer_leads_on() {
    for (place, location) in [
        ("HTTP/1.1 301 x\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", "169.254"),
        ("HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", "file:"),
        ("HTTP/1.1 303 x\r\nLocation: //localhost/\r\nContent-Length: 0\r\n\r\n", "//localhost"),
        ("HTTP/1.1 307 x\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "/x"),
        ("HTTP/1.1 308 x\r\nLocation: \r\nContent-Length: 0\r\n\r\n", "308"),
        ("HTTP/1.1 300 x\r\nContent-Length: 0\r\n\r\n", "300"),
        ("HTTP/1.1 200 x\r\nRefresh: 0;url=http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "407"),
    ] {
        let (address, came) = server(place).await;
        let client = HttpClient::new(HttpConfig::default()).unwrap();
        let told = client.get(&format!("http://{address}/"), "*/*").await;
        match location {
            "" => assert!(told.unwrap().body.is_empty()),
            _ => assert!(told.unwrap_err().to_string().contains(location)),
        }
        assert_eq!(came.load(Ordering::SeqCst), 1);
    }
}

/// What the command line takes for an address holds no password, no control character and no other scheme.
#[test]
fn addresses_of_the_command_line() {
    for bad in
        HOSTILE.lines().filter(|line| line.contains('@') && !line.contains("/@") && !line.contains("#@"))
    {
        let text = bad.replace("PORT", "1").replace("OPEN", "2");
        assert!(check_address(&text).is_err() || text.contains("?@"), "{text}");
    }
    for bad in
        ["file:///etc/passwd", "gopher://h/", "http://h\\x/", " http://h/", "http://h/\n", "http://h\u{85}/"]
    {
        assert!(check_address(bad).is_err(), "{bad:?}");
    }
}

/// The kernel saw no connection but to the server that was allowed, and no file opened for a hostile address.
#[cfg(target_os = "linux")]
#[test]
fn connects_and_opens_are_on_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-s", "256", "-e", "trace=connect,sendto,openat,openat2", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "hostile_addresses::none_is_reached", "--nocapture"])
        .output()
        .unwrap_or_else(|error| panic!("install it: apt-get install strace ({error})"));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let (_, allowed) = told.split_once(MARK).unwrap();
    let port = allowed.lines().next().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let trace = std::fs::read_to_string(&trace).unwrap();
    let connects: Vec<&str> = trace.lines().filter(|line| line.contains(" connect(")).collect();
    let own = format!("sin_port=htons({port}), sin_addr=inet_addr(\"127.0.0.1\")");
    let elsewhere: Vec<&&str> = connects.iter().filter(|line| !line.contains(&own)).collect();
    assert!(elsewhere.is_empty(), "connected elsewhere: {elsewhere:?}");
    assert!(!connects.is_empty(), "nothing was seen");
    for file in ["/etc/passwd", "docker.sock", "/etc/hosts", "/etc/resolv.conf"] {
        // not even a name was looked up
        assert!(!trace.contains(file), "opened {file}");
    }
}
