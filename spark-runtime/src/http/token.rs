//! Bearer tokens: read from a file at each request, shown nowhere.

use std::fmt;
use std::path::Path;

use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt;

use super::HttpFailure;

/// Longest token file: the largest signed tokens in use stay below 16 KiB, as servers limit headers.
const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// Shortest token whose repetition in a good answer makes it unusable: a shorter one may be a word of any text.
const TELLING_BYTES_MIN: usize = 16;

/// What stands in the place of a token in a foreign text.
const HIDDEN: &[u8] = b"[token]";

/// The value of an `Authorization` header. Its text appears nowhere but there.
pub(super) struct Token(pub(super) HeaderValue);

impl Token {
    fn text(&self) -> &[u8] {
        self.0.as_bytes().strip_prefix(SCHEME.as_bytes()).unwrap_or_default()
    }

    /// Whether a text repeats a token that is long enough to be told from words.
    pub(super) fn stands_in(&self, text: &[u8]) -> bool {
        self.text().len() >= TELLING_BYTES_MIN && position(text, self.text()).is_some()
    }

    /// A text without the token: servers answer with the headers that they refuse.
    pub(super) fn hidden_in(&self, text: &[u8]) -> Vec<u8> {
        let (mut rest, mut out) = (text, Vec::with_capacity(text.len()));
        while let Some((before, behind)) = position(rest, self.text())
            .and_then(|at| Some((rest.get(..at)?, rest.get(at.checked_add(self.text().len())?..)?)))
        {
            out.extend_from_slice(before);
            out.extend_from_slice(HIDDEN);
            rest = behind;
        }
        out.extend_from_slice(rest);
        out
    }
}

/// Where `part` begins in `whole`. Standard strings are searched in linear time, and bytes are not.
fn position(whole: &[u8], part: &[u8]) -> Option<usize> {
    match (std::str::from_utf8(whole), std::str::from_utf8(part)) {
        (Ok(whole), Ok(part)) => whole.find(part),
        _ => whole.windows(part.len().max(1)).position(|window| window == part),
    }
}

/// What stands before a token in the header.
const SCHEME: &str = "Bearer ";

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The token in a file.
pub(super) async fn read_token(path: &Path) -> Result<Token, HttpFailure> {
    let failed = |reason: String| HttpFailure::Token { path: path.to_owned(), reason };
    // a named pipe would be waited for without an end, and be empty at the next request
    let kind = tokio::fs::metadata(path).await.map_err(|error| failed(error.to_string()))?;
    if !kind.is_file() {
        return Err(failed("expected a regular file".to_owned()));
    }
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
    let mut value = HeaderValue::from_str(&format!("{SCHEME}{token}"))
        .map_err(|_| failed("expected one token of visible ASCII characters".to_owned()))?;
    value.set_sensitive(true);
    Ok(Token(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A foreign text is shown without the token that was sent, and a good answer that repeats it counts as none.
    #[tokio::test]
    async fn repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let secret = "s3cr3t-s3cr3t-s3cr3t";
        std::fs::write(&path, secret).unwrap();
        let token = read_token(&path).await.unwrap();
        for (text, expected) in [
            ("", ""),
            ("nothing", "nothing"),
            (&format!("Authorization: Bearer {secret}\r\n"), "Authorization: Bearer [token]\r\n"),
            (&format!("{secret}{secret} s3cr3t-"), "[token][token] s3cr3t-"),
        ] {
            assert_eq!(token.hidden_in(text.as_bytes()), expected.as_bytes());
            assert_eq!(token.stands_in(text.as_bytes()), text != expected);
        }
        let bytes = [b"\xff ", secret.as_bytes(), b" \xfe"].concat();
        assert_eq!(token.hidden_in(&bytes), b"\xff [token] \xfe");
        std::fs::write(&path, "up").unwrap();
        let word = read_token(&path).await.unwrap();
        assert!(!word.stands_in(b"up 1"));
        assert_eq!(word.hidden_in(b"up 1"), b"[token] 1");
    }

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
        for no_file in ["/dev/zero", "/dev/stdin", "/", "/proc/self/fd"] {
            let error = read_token(Path::new(no_file)).await.map(|_| ()).unwrap_err().to_string();
            assert!(error.ends_with("expected a regular file") || no_file == "/dev/stdin", "{error}");
        }
    }
}
