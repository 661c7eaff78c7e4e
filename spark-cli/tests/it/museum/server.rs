//! A server that answers as a file says: with what a peer's source gave it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is healthy is asked with this word, and answered well by every server.
const HEALTHY: &str = "fine";

/// A server on a port of its own, for as long as the tests run.
pub(crate) struct Server {
    pub(crate) url: String,
    answer: Arc<Mutex<String>>,
}

/// What is asked of a Prometheus.
struct Asked {
    is_range: bool,
    /// Whether the time of the value is asked for too.
    with_times: bool,
    /// In Unix seconds.
    instants: Vec<u64>,
    is_healthy: bool,
}

impl Server {
    /// A server whose every answer is `answer`:
    /// `status CODE TYPE` and a body, in which `{kind}` is the kind of result that was asked for; `value V`, `series A B` or
    /// `warnings WORDS`, as Prometheus would say it; or `stall`.
    pub(crate) fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(answer.to_owned()));
        let said = Arc::clone(&answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, answer) = (stream.unwrap(), said.lock().unwrap().clone());
                std::thread::spawn(move || serve(stream, &answer));
            }
        });
        Self { url, answer }
    }

    /// Answers with this from now on.
    pub(crate) fn says(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }
}

fn serve(mut stream: TcpStream, answer: &str) {
    let Some(asked) = read(&stream) else { return };
    let (status, media, body) = match answer.split_once(['\n', ' ']) {
        _ if asked.is_healthy => ok(&asked, &["1"], ""),
        Some(("value", value)) => ok(&asked, &[value.trim_end()], ""),
        Some(("series", values)) => ok(&asked, &values.split_whitespace().collect::<Vec<_>>(), ""),
        Some(("warnings", words)) => ok(&asked, &["1"], words.trim_end()),
        Some(("status", rest)) => {
            let (head, body) = rest.split_once('\n').unwrap();
            let (status, media) = head.split_once(' ').unwrap();
            (status.to_owned(), media.to_owned(), body.replace("{kind}", kind(&asked)))
        }
        Some(("stall", _)) => return std::thread::sleep(std::time::Duration::from_secs(60)),
        _ => panic!("`{answer}` is no answer"),
    };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {media}\r\nConnection: close");
    // a client that went away is no matter of the server
    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).ok()?;
    let form = String::from_utf8(form).ok()?;
    let field = |name: &str| {
        form.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
    };
    let number = |name: &str| field(name).and_then(|text| text.parse::<f64>().ok()).map(|n| n as u64);
    let query = field("query").unwrap_or_default();
    let instants = match (number("start"), number("end"), number("step")) {
        (Some(start), Some(end), Some(step)) => (start..=end).step_by(step.max(1) as usize).collect(),
        _ => vec![number("time").unwrap_or_default()],
    };
    Some(Asked {
        is_range: first.contains("query_range"),
        with_times: query.contains("spark_part"),
        instants,
        is_healthy: query.contains(HEALTHY),
    })
}

fn kind(asked: &Asked) -> &'static str {
    if asked.is_range { "matrix" } else { "vector" }
}

/// The answer of a Prometheus that has these values in so many series.
fn ok(asked: &Asked, values: &[&str], warning: &str) -> (String, String, String) {
    let mut series = Vec::new();
    for (pod, value) in values.iter().enumerate() {
        let pod = if values.len() > 1 { format!(r#""pod":"{pod}","#) } else { String::new() };
        let parts: &[&str] = if asked.with_times { &["value", "time"] } else { &["value"] };
        for part in parts {
            let label = if asked.with_times { format!(r#""spark_part":"{part}""#) } else { String::new() };
            let point = |at: &u64| {
                let value = if *part == "time" { at.to_string() } else { (*value).to_owned() };
                format!(r#"[{at},"{value}"]"#)
            };
            let points: Vec<String> = asked.instants.iter().map(point).collect();
            let points = match asked.is_range {
                true => format!(r#""values":[{}]"#, points.join(",")),
                false => format!(r#""value":{}"#, points.join(",")),
            };
            let labels = format!("{pod}{label}");
            series.push(format!(r#"{{"metric":{{{}}},{points}}}"#, labels.trim_end_matches(',')));
        }
    }
    let more = if warning.is_empty() { String::new() } else { format!(r#","warnings":["{warning}"]"#) };
    let result = series.join(",");
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"{}","result":[{result}]}}{more}}}"#,
        kind(asked)
    );
    ("200".to_owned(), "application/json".to_owned(), body)
}
