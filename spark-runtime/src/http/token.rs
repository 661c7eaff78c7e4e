//! Bearer tokens: read from a file at each request, shown nowhere.

use std::fmt;
use std::path::Path;

use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt;

use super::HttpFailure;

/// Longest token file: the largest signed tokens in use stay below 16 KiB, as servers limit headers.
const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// The value of an `Authorization` header. Its text appears nowhere but there.
pub(super) struct Token(pub(super) HeaderValue);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The token in a file.
pub(super) async fn read_token(path: &Path) -> Result<Token, HttpFailure> {
    let failed = |reason: String| HttpFailure::Token { path: path.to_owned(), reason };
    let file = tokio::fs::File::open(path).await.map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(TOKEN_BYTES_MAX.saturating_add(1))
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| failed(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > TOKEN_BYTES_MAX) {
        return Err(failed(format!("longer than {TOKEN_BYTES_MAX} bytes")));
    }
    let token = std::str::from_utf8(&bytes).map(str::trim).unwrap_or("\n");
    if token.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(failed("expected one token of visible ASCII characters".to_owned()));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| failed("expected one token of visible ASCII characters".to_owned()))?;
    value.set_sensitive(true);
    Ok(Token(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token never shows, and what is no token is refused with the file's name.
    #[tokio::test]
    async fn tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " abc.def\r\n").unwrap();
        let token = read_token(&path).await.unwrap();
        assert_eq!(token.0.as_bytes(), b"Bearer abc.def");
        assert!(!format!("{token:?} {:?}", token.0).contains("abc"));
        let long = "x".repeat(TOKEN_BYTES_MAX as usize + 1);
        for (content, expected) in [
            ("", "it is empty"),
            ("two words", "expected one token of visible ASCII characters"),
            ("sécret", "expected one token of visible ASCII characters"),
            (&long, "longer than 16384 bytes"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = read_token(&path).await.unwrap_err().to_string();
            assert_eq!(error, format!("token file `{}`: {expected}", path.display()));
        }
        let missing = read_token(&folder.path().join("none")).await.unwrap_err().to_string();
        assert!(missing.contains("none`: No such file"), "{missing}");
    }
}
