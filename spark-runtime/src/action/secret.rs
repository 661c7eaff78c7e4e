//! Secrets: shown nowhere, read where they are needed.

use std::io::Read;
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Longest secret: the largest signed tokens in use stay below 16 KiB.
pub const SECRET_BYTES_MAX: usize = 16 << 10;

/// A secret text. It is neither shown nor serialised, and is overwritten when it is dropped.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

/// Why there is no secret. The secret itself is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be used.
    #[error("secret file `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The environment does not have it.
    #[error("the environment variable `{name}`, which should hold a secret, {reason}")]
    Environment {
        /// The variable's name.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(text.into())
    }

    /// The secret in a file, without the white space around it.
    ///
    /// # Errors
    /// The file cannot be read, is empty, longer than [`SECRET_BYTES_MAX`] or no text.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let failed = |reason: String| SecretError::File { path: path.display().to_string(), reason };
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = u64::try_from(SECRET_BYTES_MAX).unwrap_or(u64::MAX);
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| failed(error.to_string()))?;
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(failed(format!("longer than {SECRET_BYTES_MAX} bytes")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| failed("it is no text".to_owned()))?.trim();
        match text.is_empty() {
            true => Err(failed("it is empty".to_owned())),
            false => Ok(Self::new(text)),
        }
    }

    /// The secret in an environment variable, without the white space around it.
    ///
    /// # Errors
    /// The variable is not set, empty, longer than [`SECRET_BYTES_MAX`] or no text.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        let failed = |reason| SecretError::Environment { name: name.to_owned(), reason };
        match std::env::var(name).map(Zeroizing::new) {
            Ok(text) if text.trim().is_empty() => Err(failed("is empty")),
            Ok(text) if text.len() > SECRET_BYTES_MAX => Err(failed("is longer than 16384 bytes")),
            Ok(text) => Ok(Self::new(text.trim())),
            Err(std::env::VarError::NotPresent) => Err(failed("is not set")),
            Err(std::env::VarError::NotUnicode(_)) => Err(failed("is no text")),
        }
    }

    /// The secret's text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret never shows, and what is none is refused with its place, not with its content.
    #[test]
    fn secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, " s3cr3t \r\n").unwrap();
        let secret = Secret::from_file(&path).unwrap();
        assert_eq!(secret.expose(), "s3cr3t");
        assert!(!format!("{secret:?}").contains("s3cr3t"));
        let long = vec![b'x'; SECRET_BYTES_MAX + 1];
        for (content, expected) in
            [(&b" \n"[..], "it is empty"), (b"s3\xff", "it is no text"), (&long, "longer than 16384 bytes")]
        {
            std::fs::write(&path, content).unwrap();
            let error = Secret::from_file(&path).unwrap_err().to_string();
            assert_eq!(error, format!("secret file `{}`: {expected}", path.display()));
        }
        let error = Secret::from_env("SPARK_NO_SUCH_SECRET").unwrap_err().to_string();
        assert!(error.ends_with("is not set"), "{error}");
    }
}
