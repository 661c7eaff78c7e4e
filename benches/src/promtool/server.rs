//! A server on the loopback that ends with its guard, and the little HTTP that its queries need.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it answers: seconds at most, on a loaded machine.
const START_MAX: Duration = Duration::from_secs(60);
/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(600);

/// A running server.
pub(super) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a command that is told its address, and waits until `ready` answers.
    pub(super) fn start(ready: &str, command: impl FnOnce(&str) -> Command) -> Result<Self, String> {
        let failed = |error: std::io::Error| error.to_string();
        // a port that was free a moment ago
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(failed)?.port();
        let mut command = command(&format!("127.0.0.1:{port}"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut server = Self { child: child.map_err(|error| format!("{command:?}: {error}"))?, port };
        let start = Instant::now();
        while server.get(ready).is_err() {
            if let Some(ended) = server.child.try_wait().map_err(failed)? {
                return Err(format!("{command:?} ended with {ended}"));
            }
            if start.elapsed() > START_MAX {
                return Err(format!("{command:?}: no answer within {START_MAX:?}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn get(&self, path: &str) -> Result<String, String> {
        self.ask(&format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"))
    }

    pub(super) fn post(&self, path: &str, body: &str) -> Result<String, String> {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// HTTP/1.0: the answer comes in one piece and ends with the connection.
    fn ask(&self, request: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWER_MAX)).map_err(failed)?;
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a head")?;
        match head.split(' ').nth(1) {
            Some("200" | "204") => Ok(body.to_owned()),
            _ => Err(format!("{} {body}", head.lines().next().unwrap_or_default())),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text as part of an address.
pub(super) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
