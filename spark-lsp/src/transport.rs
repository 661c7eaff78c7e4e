//! Messages on a stream, within limits. A message that is none is answered, and the stream goes on behind it.

use std::io::{self, BufRead, Read, Write};

use lsp_server::Message;
use serde::Serialize;
use serde_json::{Value, json};

/// Most bytes of a message: the largest rule text, each byte written as an escape of JSON, and its envelope.
pub const MESSAGE_BYTES_MAX: usize = 6 * spark_rules::limits::TEXT_BYTES_MAX + 64 * 1024;

/// Most bytes of a header line: two headers exist, and both are short.
const HEADER_BYTES_MAX: u64 = 4 * 1024;

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Message),
    /// Words, and the id of the request that it may have been.
    Malformed(Value, String),
}

/// Reads the next message; none at the stream's end.
///
/// # Errors
/// The stream cannot be read, or it is no stream of messages, so that nobody can say where the next one begins.
pub(crate) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length: Option<usize> = None;
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            match length {
                Some(length) => return body(input, length).map(Some),
                None => continue,
            }
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a header without a colon"))?;
        if name.trim().eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().map_err(|_| broken("a length that is no number"))?);
        }
    }
}

fn broken(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words.to_owned())
}

fn body(input: &mut impl BufRead, length: usize) -> io::Result<Incoming> {
    let count = u64::try_from(length).unwrap_or(u64::MAX);
    if length > MESSAGE_BYTES_MAX {
        io::copy(&mut input.by_ref().take(count), &mut io::sink())?;
        return Ok(Incoming::Malformed(
            Value::Null,
            format!("a message has at most {MESSAGE_BYTES_MAX} bytes"),
        ));
    }
    let mut bytes = Vec::new();
    if input.by_ref().take(count).read_to_end(&mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match (serde_json::from_slice(&bytes), id_of(&bytes)) {
        // a request whose id is no id of the protocol reads as a notification, and would wait for its answer forever
        (Ok(Message::Notification(_)), Some(id)) => {
            Incoming::Malformed(id, "an id is a text, or a whole number of 32 bits".to_owned())
        }
        (Ok(message), _) => Incoming::Message(message),
        (Err(error), id) => {
            Incoming::Malformed(id.unwrap_or(Value::Null), format!("this is no message: {error}"))
        }
    })
}

/// The id of what may be a request.
fn id_of(bytes: &[u8]) -> Option<Value> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        id: Option<Value>,
    }
    // an array reads as an envelope too, its first element as the id
    serde_json::from_slice::<Envelope>(bytes).ok()?.id.filter(|id| id.is_number() || id.is_string())
}

/// Writes a message.
///
/// # Errors
/// The client does not read any more.
pub(crate) fn write(output: &mut impl Write, message: &Message) -> io::Result<()> {
    message.write(output)
}

/// Writes a notification from its parameters as they are.
///
/// # Errors
/// The client does not read any more.
pub(crate) fn notify(output: &mut impl Write, method: &str, params: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Envelope<'a, P> {
        jsonrpc: &'a str,
        method: &'a str,
        params: &'a P,
    }
    let text = serde_json::to_string(&Envelope { jsonrpc: "2.0", method, params })?;
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

/// Answers what was no message.
///
/// # Errors
/// The client does not read any more.
pub(crate) fn refuse(output: &mut impl Write, id: &Value, words: &str) -> io::Result<()> {
    const PARSE_ERROR: i32 = -32700;
    let answer = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": PARSE_ERROR, "message": words } });
    let text = answer.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is no message is passed over, and the one behind it is read.
    #[test]
    fn passed_over() {
        let good = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let bad = r#"{"jsonrpc":"2.0","id":7,"metho"#;
        let odd = r#"{"id":9,"x":1}"#;
        let long = r#"{"jsonrpc":"2.0","id":98765432109876,"method":"shutdown"}"#;
        let stream = format!(
            "Content-Length: {}\r\n\r\n{bad}Content-Length: {}\r\n\r\n{odd}Content-Length: {}\r\n\r\n{long}content-length:{}\r\nContent-Type: x\r\n\r\n{good}",
            bad.len(),
            odd.len(),
            long.len(),
            good.len()
        );
        let mut input = stream.as_bytes();
        assert!(matches!(read(&mut input), Ok(Some(Incoming::Malformed(Value::Null, _)))));
        assert!(matches!(read(&mut input), Ok(Some(Incoming::Malformed(id, _))) if id == 9));
        let found = read(&mut input);
        assert!(matches!(found, Ok(Some(Incoming::Malformed(id, _))) if id == 98_765_432_109_876_i64));
        assert!(matches!(read(&mut input), Ok(Some(Incoming::Message(Message::Notification(_))))));
        assert!(matches!(read(&mut input), Ok(None)));
    }

    /// A message beyond the limit is passed over without being kept, and a stream of something else ends.
    #[test]
    fn limits() {
        let long = MESSAGE_BYTES_MAX + 1;
        let header = format!("Content-Length: {long}\r\n\r\n");
        let text = std::io::repeat(b' ').take(long as u64);
        let mut input =
            io::BufReader::new(header.as_bytes().chain(text).chain(&b"Content-Length: 2\r\n\r\n{}"[..]));
        assert!(matches!(read(&mut input), Ok(Some(Incoming::Malformed(Value::Null, _)))));
        assert!(matches!(read(&mut input), Ok(Some(Incoming::Malformed(..)))));
        let batch = "Content-Length: 10\r\n\r\n[{\"id\":1}]";
        assert!(matches!(read(&mut batch.as_bytes()), Ok(Some(Incoming::Malformed(Value::Null, _)))));
        assert!(read(&mut "GET / HTTP/1.1\r\n\r\n".as_bytes()).is_err());
        assert!(read(&mut "Content-Length: 99999999999999999999\r\n\r\n".as_bytes()).is_err());
        assert!(read(&mut "Content-Length: 10\r\n\r\n{}".as_bytes()).is_err());
    }
}
