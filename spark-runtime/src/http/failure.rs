//! Why a request got no usable answer, in words for a reader.

use std::path::PathBuf;
use std::time::Duration;

/// Characters of a foreign text that an error shows.
const EXCERPT_CHARS: usize = 200;

/// A request that got no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked}: {failure}")]
pub struct HttpError {
    /// What was asked: method and address.
    pub asked: String,
    /// What went wrong.
    pub failure: HttpFailure,
}

/// Why a request got no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpFailure {
    /// The address is not one.
    #[error("this is no address: {0}")]
    Address(String),
    /// The server is none that may be asked. Nothing was sent, and no name looked up.
    #[error("{0}")]
    NotAllowed(String),
    /// The file with the token cannot be used.
    #[error("token file `{}`: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An answer repeats the token that was sent: what is made of it would carry the token on.
    #[error("the answer repeats the token that was sent, so nothing of it is used or shown")]
    RepeatsToken,
    /// The file with certificates, or the system's, cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// No connection came about, or no trusted one.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// Nothing came for too long.
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// The answer was not whole in time.
    #[error("no whole answer within {0:?}")]
    TooSlow(Duration),
    /// The connection broke within the answer, or the answer is no HTTP.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// The answer points elsewhere.
    #[error(
        "status {status} redirects to `{location}`, and redirects are not followed: name the final address"
    )]
    Redirect {
        /// The status.
        status: u16,
        /// Where to.
        location: String,
    },
    /// A status other than 200.
    #[error("status {status}{}", shown_body(body))]
    Status {
        /// The status.
        status: u16,
        /// The body, as far as it came within the limits.
        body: Vec<u8>,
    },
    /// The body is compressed.
    #[error("the body is encoded as `{0}`, which was not asked for")]
    Encoded(String),
    /// The body is longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// The start of a foreign text, on one line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    // four bytes a character at most: no more of a large body is looked at
    let head = bytes.get(..EXCERPT_CHARS.saturating_mul(4)).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    for c in chars.by_ref().take(EXCERPT_CHARS) {
        if !(c == ' ' && shown.ends_with(' ')) {
            shown.push(c);
        }
    }
    let shown = shown.trim();
    match chars.next().is_some() || bytes.len() > head.len() {
        true => format!("{shown}…"),
        false => shown.to_owned(),
    }
}

fn shown_body(body: &[u8]) -> String {
    let shown = excerpt(body);
    if shown.is_empty() { " with an empty body".to_owned() } else { format!(": `{shown}`") }
}

/// The words of the first cause: the outer ones say "error sending request" and no more.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    excerpt(cause.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Foreign text in an error is one line of bounded length.
    #[test]
    fn excerpts() {
        for (bytes, expected) in [
            (&b"  <html>\r\n\x1b[31m  x\0y "[..], "<html> [31m x y"),
            (b"", ""),
            (b"\xff\xfeok", "\u{fffd}\u{fffd}ok"),
        ] {
            assert_eq!(excerpt(bytes), expected);
        }
        let long = excerpt("ä".repeat(100_000).as_bytes());
        assert_eq!(long.chars().count(), EXCERPT_CHARS + 1);
        assert!(long.ends_with('…'));
    }
}
