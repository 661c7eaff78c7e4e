//! Time stamps of [RFC 3161](https://www.rfc-editor.org/rfc/rfc3161): an authority signs that it saw a seal, and when.
//!
//! The token is kept beside the folder as `RELEASE.tsr`, and is what `openssl ts -verify -data seal.json` takes. It is of
//! the bytes of `seal.json`, so an older copy of the folder does not go with it; who must be sure keeps it elsewhere.

mod der;
mod token;

use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

pub use token::{Stamp, check};

use super::{EvidenceError, io_error};

/// Content types of the protocol.
const QUERY_TYPE: &str = "application/timestamp-query";
const REPLY_TYPE: &str = "application/timestamp-reply";

/// Longest answer: tokens with four certificates have about 8 KiB.
pub(super) const REPLY_BYTES_MAX: usize = 256 * 1024;

/// A request for a stamp of a SHA-256, with a number that the answer must repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    digest: [u8; 32],
    nonce: [u8; 8],
}

impl Request {
    /// A request for a stamp of these bytes.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn of(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|error| EvidenceError::NoRandomness(error.to_string()))?;
        // a whole number above zero, in its one form of eight bytes
        nonce[0] = nonce[0] & 0x3f | 0x40;
        Ok(Self { digest: Sha256::digest(bytes).into(), nonce })
    }

    /// The request as it is sent.
    pub fn to_der(&self) -> Vec<u8> {
        /// Version 1, then an imprint of an algorithm (SHA-256, no parameters) and 32 bytes.
        const BEFORE_DIGEST: [u8; 24] = [
            0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
            0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
        ];
        /// A number of eight bytes.
        const BEFORE_NONCE: [u8; 2] = [0x02, 0x08];
        /// The certificates are wanted in the answer: it is checked when the authority is long gone.
        const CERTIFICATES: [u8; 3] = [0x01, 0x01, 0xff];
        [&BEFORE_DIGEST[..], &self.digest, &BEFORE_NONCE, &self.nonce, &CERTIFICATES].concat()
    }
}

/// Where a folder's stamp stands when nobody says otherwise: `RELEASE.tsr` beside it.
pub fn stamp_beside(folder: &Path) -> PathBuf {
    super::key::beside(folder, ".tsr")
}

/// Asks an authority for a stamp of a folder's seal, checks it against the certificates in `authority` (PEM), and keeps it
/// in `path`.
///
/// # Errors
/// The authority gives none in time, or one that does not hold, or a file cannot be read or written.
pub async fn stamp(dir: &Path, url: &str, authority: &[u8], path: &Path) -> Result<Stamp, EvidenceError> {
    let seal = super::seal::read_seal(dir)?;
    let request = Request::of(&seal)?;
    let bad = |why: String| EvidenceError::NoTimestamp { url: url.to_owned(), why };
    let config = crate::http::HttpConfig { body_bytes_max: REPLY_BYTES_MAX, ..Default::default() };
    let client = crate::http::HttpClient::new(config).map_err(|error| bad(error.to_string()))?;
    let kind = HeaderValue::from_static(QUERY_TYPE);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
    let answer = client
        .post(url, REPLY_TYPE, headers, request.to_der())
        .await
        .map_err(|error| bad(error.to_string()))?;
    if answer.media_type() != REPLY_TYPE {
        return Err(bad(format!("the answer is `{}`, not `{REPLY_TYPE}`", answer.content_type)));
    }
    let stamp = token::check_answer(&answer.body, &seal, authority, Some(&request.nonce)).map_err(bad)?;
    // an older token is not lost where the new one cannot be written
    let beside = super::key::beside(dir, ".tsr.new");
    std::fs::write(&beside, &answer.body)
        .and_then(|()| std::fs::File::open(&beside)?.sync_all())
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(io_error("write", path))?;
    Ok(stamp)
}

/// Checks a kept stamp against a folder's seal and the authority's certificates (PEM).
///
/// # Errors
/// It does not hold or is of another seal, or a file cannot be read.
pub fn verify_stamp(dir: &Path, path: &Path, authority: &[u8]) -> Result<Stamp, EvidenceError> {
    use std::io::Read;
    let seal = super::seal::read_seal(dir)?;
    let mut answer = Vec::new();
    let limit = u64::try_from(REPLY_BYTES_MAX).unwrap_or(u64::MAX);
    let file = std::fs::File::open(path).map_err(io_error("read", path))?;
    file.take(limit).read_to_end(&mut answer).map_err(io_error("read", path))?;
    check(&answer, &seal, authority)
        .map_err(|why| EvidenceError::BadTimestamp { origin: path.display().to_string(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request is whole DER: its length is that of its content.
    #[test]
    fn request() {
        let der = Request::of(b"seal").unwrap().to_der();
        let mut outer = der::Der::new(&der);
        let mut inner = outer.enter(der::SEQUENCE).unwrap();
        outer.end().unwrap();
        assert_eq!(inner.read(der::INTEGER).unwrap().content, [1]);
        let mut imprint = inner.enter(der::SEQUENCE).unwrap();
        imprint.read(der::SEQUENCE).unwrap();
        assert_eq!(imprint.read(der::OCTETS).unwrap().content, &Sha256::digest(b"seal")[..]);
        assert_eq!(inner.read(der::INTEGER).unwrap().content.len(), 8);
        assert_eq!(inner.read(der::BOOLEAN).unwrap().content, [0xff]);
        inner.end().unwrap();
    }
}
