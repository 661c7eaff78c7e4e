//! Prometheus' remote write, version 1: one series, one sample.
//!
//! The message has four fields, and what compresses it may leave everything as it is: a library for each would be larger than
//! the rest of the probe.

use reqwest::header::HeaderMap;

use super::super::ProbeError;
use crate::http::{HttpClient, Method};

/// The number that says that a series is over, among those that are no numbers.
pub(super) const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Longest run of bytes that one length of two bytes tells of.
const LITERAL_MAX: usize = 1 << 16;

/// Writes a sample of a series; `bits` are those of the float.
pub(super) async fn write(
    client: &HttpClient,
    url: &str,
    labels: &[(String, String)],
    bits: u64,
    millis: i64,
) -> Result<(), ProbeError> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ] {
        headers.insert(name, reqwest::header::HeaderValue::from_static(value));
    }
    let answer = client.exchange(Method::POST, url, headers, packed(&request(labels, bits, millis))).await?;
    match answer.status {
        200..300 => Ok(()),
        status => Err(ProbeError::Unanswered(format!(
            "the synthetic series was not taken: status {status}: `{}`; Prometheus needs --web.enable-remote-write-receiver",
            crate::http::excerpt(&answer.body)
        ))),
    }
}

/// `WriteRequest { timeseries: [{ labels, samples: [{ value, timestamp }] }] }`.
fn request(labels: &[(String, String)], bits: u64, millis: i64) -> Vec<u8> {
    let mut series = Vec::new();
    let mut sorted: Vec<&(String, String)> = labels.iter().collect();
    sorted.sort();
    for (name, value) in sorted {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut series, 1, &label);
    }
    let mut sample = vec![(1 << 3) | 1];
    sample.extend(bits.to_le_bytes());
    sample.push(2 << 3);
    varint(&mut sample, u64::from_ne_bytes(millis.to_ne_bytes()));
    field(&mut series, 2, &sample);
    let mut message = Vec::new();
    field(&mut message, 1, &series);
    message
}

/// A field of bytes.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number.wrapping_shl(3) | 2);
    varint(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend(bytes);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

/// Snappy's block format, of literals alone.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    for piece in bytes.chunks(LITERAL_MAX) {
        // the length less one, in two bytes
        let length = u16::try_from(piece.len().saturating_sub(1)).unwrap_or(u16::MAX);
        out.push(61 << 2);
        out.extend(length.to_le_bytes());
        out.extend(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message as its description has it, byte by byte.
    #[test]
    fn bytes() {
        let labels = [("b".to_owned(), "2".to_owned()), ("__name__".to_owned(), "m".to_owned())];
        let message = request(&labels, 1.0_f64.to_bits(), 300);
        let expected: Vec<u8> = [
            &b"\x0a\x24\x0a\x0d\x0a\x08__name__\x12\x01m\x0a\x06\x0a\x01b\x12\x012\x12\x0c\x09"[..],
            &1.0_f64.to_le_bytes(),
            b"\x10\xac\x02",
        ]
        .concat();
        let length = u8::try_from(expected.len() - 2).unwrap();
        assert_eq!(message[..2], [0x0a, length]);
        assert_eq!(message[2..], expected[2..]);
        assert_eq!(packed(b"abc"), b"\x03\xf4\x02\x00abc");
    }
}
